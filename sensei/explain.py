"""What is told beyond a verdict: the answer, and how it came about.

Only after a try. A prediction's answer and story are told when the learner asks;
what code did is always told, for there the order of the calls is the lesson.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sensei import judge, partial, predictions, timeline
from sensei.attempt import Attempt
from sensei.running import Outcome, run
from sensei.timeline import Event
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Hang, Limits


def explained(
    attempt: Attempt,
    outcome: Outcome,
    verdict: Verdict,
    arguments: Mapping[str, Any],
    limits: Limits,
    reveal: bool,
) -> Verdict:
    """A verdict with what may be told about it."""
    if attempt.koan.note.is_prediction:
        if not reveal or verdict.kind is not Kind.WRONG:
            return verdict
        return _revealed(attempt, outcome, verdict, arguments, limits)
    if verdict.kind not in (Kind.FAILED, Kind.ERROR):
        return verdict
    place = judge.failing(attempt, outcome, None)
    place = len(outcome.checks) if place is None else place
    events = story(attempt, outcome, place, arguments, limits)
    return replace(verdict, story=timeline.pack(events)) if events else verdict


def _revealed(
    attempt: Attempt,
    outcome: Outcome,
    verdict: Verdict,
    arguments: Mapping[str, Any],
    limits: Limits,
) -> Verdict:
    found = outcome.checks[0].found
    answer = predictions.as_text(found, partial.DIGITS)
    verdict = replace(verdict, answer=answer)
    events = story(attempt, outcome, 0, arguments, limits)
    if not events:
        return verdict
    misses = timeline.misses(found, attempt.prediction(arguments))
    remarks = "\n".join(timeline.remarks(events, misses))
    return replace(verdict, story=timeline.pack(events), remarks=remarks)


def story(
    attempt: Attempt,
    outcome: Outcome,
    place: int,
    arguments: Mapping[str, Any],
    limits: Limits,
) -> list[Event]:
    """What happened on the way to one check of an outcome (or behind the last one).

    The koan runs once more for it; where it does something else then, nothing is
    told.
    """
    hung = outcome.raised and isinstance(outcome.raised.error, Hang)
    if not attempt.koan.lesson.course.story or hung:
        return []
    events: list[Event] = []
    again = run(attempt, arguments, limits, events=events)
    if not again.alike(outcome):
        return []
    marks = [0, *again.marks, len(events)]
    while place and marks[place] == marks[place + 1]:
        place -= 1  # nothing happened since the check before: its way here, then
    return events[marks[place] : marks[place + 1]]
