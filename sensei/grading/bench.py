"""The bench: every koan of an assignment, ready to be tried with an answer in it.

It is made in the warm process; ``judged`` is called in a forked child, which ends
after it. Verdicts come from ``sensei.judge``, as under pytest.
"""

from __future__ import annotations

import re
import resource
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sensei import diagnosis, judge
from sensei.attempt import Arguments, Attempt
from sensei.grading.assignment import Assignment
from sensei.lesson import Koan
from sensei.running import Outcome, argument_sets, run, skip_reason
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Limits
from sensei.work import Work

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
OUTCOMES = frozenset(
    (Kind.PASSED, Kind.WRONG, Kind.FAILED, Kind.ERROR, Kind.REFUSED, Kind.TIMEOUT)
)
Report = dict[str, Any]


@dataclass(frozen=True)
class Ready:
    """A koan in its lesson, which was imported.

    ``runs`` are the arguments that it is run with, one after the other; ``skip`` is
    why this machine can't run it ("" if it can).
    """

    koan: Koan
    base: Work
    runs: tuple[Arguments, ...]
    skip: str

    def attempt(self, fill: str) -> Attempt:
        return self.base.example(self.koan, fill, self.base.path)


class Bench:
    """Raises what the import of a lesson raises; CourseError for an odd parameter.

    ``beliefs`` are those of the course, with the koan that each is about;
    ``starting`` and ``skipping`` are the places of koans that start processes, and
    that skip themselves, as ``warm_up`` saw their solutions do.
    """

    def __init__(self, assignment: Assignment) -> None:
        assignment.course.find_helpers()
        koans = assignment.all_koans
        self.koans = [_ready(koan, assignment.base(koan)) for koan in koans]
        beliefs = assignment.course.beliefs
        self.beliefs = {belief.says: belief.see for belief in beliefs}
        self.starting: set[int] = set()
        self.skipping = {n for n, ready in enumerate(self.koans) if ready.skip}

    def warm_up(self, limits: Limits) -> None:
        """Run every solution, so that what is lazy has happened, and every example.

        The first call of some functions takes longer than ten koans. Whether the
        solutions pass is for the canaries to say.
        """
        for place, ready in enumerate(self.koans):
            if ready.skip:
                continue
            before = _of_children()
            for arguments in ready.runs:
                if _warm_up(ready, arguments, limits).skipped is not None:
                    self.skipping.add(place)
            if _of_children() != before:
                self.starting.add(place)

    def kinds(self, place: int) -> frozenset[Kind]:
        """What a koan can come to, whatever its worker says.

        Code that skips its koan, where the solution does not, would be worth more
        than code that fails. No code of a learner's is in a run of predictions.
        """
        may_skip = place in self.skipping or self.koans[place].koan.note.is_prediction
        return OUTCOMES | {Kind.SKIPPED} if may_skip else OUTCOMES

    def judged(self, place: int, fills: list[str], limits: Limits) -> list[Report]:
        """The verdicts on answers to a koan: one of code, or many predictions."""
        ready = self.koans[place]
        if ready.skip:
            return [_report(Verdict(Kind.SKIPPED, ready.skip))] * len(fills)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attempts = [ready.attempt(fill) for fill in fills]
            if ready.koan.note.is_prediction:
                return _predictions(attempts, ready.runs, limits)
            return [_first_to_stop(_runs(one, ready.runs, limits)) for one in attempts]


def _ready(koan: Koan, base: Work) -> Ready:
    assert koan.solution
    skip = skip_reason(base.example(koan, koan.solution.text))
    return Ready(koan, base, argument_sets(koan), skip)


def _of_children() -> int:
    """What changes when a process that was started here has ended: its page faults."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


def _warm_up(ready: Ready, arguments: Arguments, limits: Limits) -> Outcome:
    assert ready.koan.solution
    solution = ready.base.example(ready.koan, ready.koan.solution.text)
    outcome = run(solution, arguments, limits)
    if not ready.koan.note.is_prediction:
        for number, mistake in enumerate(ready.koan.note.mistakes):
            if not mistake.spelled:
                diagnosis.example_outcome(outcome, number)
    return outcome


# ------------------------------------------------------------------------ verdicts


def _runs(
    attempt: Attempt, runs: Iterable[Arguments], limits: Limits
) -> Iterator[Report]:
    for arguments in runs:
        yield _report(*judge.decide(attempt, arguments, limits))


def _predictions(
    attempts: list[Attempt], runs: Iterable[Arguments], limits: Limits
) -> list[Report]:
    """The koan is run once for all of them: no prediction is in what runs."""
    outcomes = [run(attempts[0], arguments, limits) for arguments in runs]
    return [
        _first_to_stop(_compared(replace(one, attempt=attempt)) for one in outcomes)
        for attempt in attempts
    ]


def _compared(outcome: Outcome) -> Report:
    if refusal := judge.refused(outcome.attempt, outcome.arguments):
        return _report(refusal)
    return _report(judge.judge(outcome), outcome)


def _report(verdict: Verdict, outcome: Outcome | None = None) -> Report:
    """A verdict as it travels."""
    kind = Kind.TIMEOUT if outcome and outcome.hung else verdict.kind
    sentence = plain(verdict.sentence)
    return {
        "kind": str(kind),
        "sentence": sentence,
        "mistake": verdict.mistake,
        "beliefs": list(verdict.beliefs),
    }


def plain(sentence: str) -> str:
    """A sentence that is the same in every run: without addresses."""
    return ADDRESS.sub("0x...", sentence)


def _first_to_stop(reports: Iterable[Report]) -> Report:
    """Of several runs the first that stops; a skip only where all are skips."""
    passed = skipped = None
    for report in reports:
        kind = Kind(report["kind"])
        if kind.stops:
            return report
        if kind is Kind.PASSED:
            passed = report
        else:
            skipped = report
    last = passed or skipped
    assert last is not None
    return last
