"""What is told beyond a verdict: the answer, and how it came about.

Only after a try. A prediction's answer and story are told when the learner asks;
what code did is always told, for there the order of the calls is the lesson.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sensei import beliefs, chart, judge, partial, predictions, timeline
from sensei.beliefs import World
from sensei.partial import Table
from sensei.running import Outcome, run
from sensei.timeline import Event
from sensei.verdicts import Kind, Verdict

TURNS = ("step", "window")  # rows of a check's table that are turns of a loop


def explained(outcome: Outcome, verdict: Verdict, reveal: bool) -> Verdict:
    """A verdict with what may be told about it."""
    if outcome.attempt.koan.note.is_prediction:
        is_wrong = reveal and verdict.kind is Kind.WRONG
        return _revealed(outcome, verdict) if is_wrong else verdict
    if verdict.kind not in (Kind.FAILED, Kind.ERROR):
        return verdict
    place = judge.failing(outcome)
    events = story(outcome, len(outcome.checks) if place is None else place)
    if verdict.table and outcome.attempt.koan.note.row in TURNS:
        rows = Table.unpack(verdict.table).rows
        first = next((i for i, row in enumerate(rows) if row.differs), len(rows))
        events = timeline.up_to(events, first, len(rows))
    return replace(verdict, story=timeline.pack(events)) if events else verdict


def _revealed(outcome: Outcome, verdict: Verdict) -> Verdict:
    found = outcome.checks[0].found
    short = partial.shortest(found, outcome.attempt.forms[0].tolerance)
    verdict = replace(verdict, answer=predictions.as_text(short, partial.FIGURES))
    events = story(outcome, 0)
    if not events:
        return verdict
    misses = timeline.misses(found, outcome.prediction)
    remarks = "\n".join(dict.fromkeys(timeline.remarks(events, misses)))
    verdict = replace(verdict, story=timeline.pack(events), remarks=remarks)
    told = beliefs.told(outcome) if verdict.beliefs else None
    others = _story_in(told.world, outcome) if told and told.world else []
    if not told or not others or not chart.part(events, others):
        return verdict
    so = f"if so: {told.says[0]}"  # and no chance likeness beside it
    return replace(verdict, believed=timeline.pack(others), remarks=so)


def _story_in(world: World, outcome: Outcome) -> Sequence[Event]:
    """What would have happened by the belief that explains a prediction."""
    events: list[Event] = []
    run = outcome.attempt, outcome.arguments, outcome.limits
    lived = beliefs.run_in(world, *run, events)
    return events[: lived.marks[0]] if lived.complete else []


def story(outcome: Outcome, place: int) -> Sequence[Event]:
    """What happened on the way to one check of an outcome (or behind the last one).

    The koan runs once more for it; where it does something else then, nothing is
    told.
    """
    attempt = outcome.attempt
    if not attempt.koan.lesson.course.story or outcome.hung:
        return []
    events: list[Event] = []
    again = run(attempt, outcome.arguments, outcome.limits, events=events)
    if not again.alike(outcome):
        return []
    marks = [0, *again.marks, len(events)]
    while place and marks[place] == marks[place + 1]:
        place -= 1  # nothing happened since the check before: its way here, then
    return events[marks[place] : marks[place + 1]]
