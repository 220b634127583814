"""What is tried once more before it counts: judging, by a process that is made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sensei.course import Course
from sensei.grading.assignment import Assignment, read, select
from sensei.grading.book import Entry
from sensei.grading.judging import Judge
from sensei.verdicts import Kind
from tiny import HERE

PREDICTION, CODE = "test_a_sum", "test_a_copy"
LATE = {"how": "timeout"}


def done(kind: Kind, sentence: str = "") -> dict[str, Any]:
    report = {"kind": kind, "sentence": sentence, "mistake": "", "beliefs": []}
    return {"how": "done", "reports": [report]}


class Warm:
    """Stands in for the process that runs koans: a fill ends, each time that it is
    tried, as is written down for it, and a job like the worst of its fills.
    """

    fence = "made up"
    beliefs: Mapping[str, str] = {}

    def __init__(self, ends: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.ends = {fill: list(each) for fill, each in ends.items()}
        self.jobs: list[Mapping[str, Any]] = []
        self.sizes: list[int] = []

    def send(self, job: Mapping[str, Any]) -> None:
        self.jobs.append(job)

    def next(self) -> dict[str, Any]:
        job = self.jobs.pop(0)
        self.sizes.append(len(job["fills"]))
        ends = [self.ends[fill].pop(0) for fill in job["fills"]]
        reports = [report for end in ends for report in end.get("reports", ())]
        how = min((end["how"] for end in ends), key=lambda how: how == "done")
        return {"id": job["id"], "how": how, "reports": reports, "output": ""}

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def given() -> Assignment:
    course = Course.load(HERE / "tiny_course")
    assert course is not None
    return read(course, select(course, "all"))


def judged(given: Assignment, koan: str, **ends: Any) -> tuple[list[Entry], list[int]]:
    """The entries, fill by fill, and how many fills there were in each job."""
    warm = Warm(ends)
    place = [each.name for each in given.koans].index(koan)
    entries = [Entry(place, fill) for fill in ends]
    steps: list[int] = []
    judge = Judge(given, lambda: warm, 2, 5.0, lambda: steps.append(1))  # type: ignore[arg-type,return-value]
    judge.judge(entries)
    assert len(steps) == len(entries)
    return entries, warm.sizes


def test_one_that_is_late_costs_those_beside_it_nothing(given):
    passed = done(Kind.PASSED)
    entries, sizes = judged(given, PREDICTION, a=[passed] * 2, b=[LATE, passed])
    assert [entry.kind for entry in entries] == [Kind.PASSED] * 2
    assert sizes == [2, 1, 1]


@pytest.mark.parametrize("first", [LATE, done(Kind.ERROR), done(Kind.TIMEOUT)])
def test_what_a_busy_machine_may_have_done_is_tried_again(given, first):
    [entry], _ = judged(given, CODE, a=[first, done(Kind.PASSED)])
    assert entry.kind is Kind.PASSED


def test_what_is_late_twice_counts_as_that(given):
    [entry], sizes = judged(given, CODE, a=[LATE, LATE])
    assert (entry.kind, entry.sentence) == (
        Kind.TIMEOUT,
        "It did not end within 5 s.",
    )
    assert sizes == [1, 1]


def test_an_error_that_comes_twice_is_told_in_its_own_words(given):
    ends = [done(Kind.ERROR, "first"), done(Kind.ERROR, "second")]
    [entry], _ = judged(given, CODE, a=ends)
    assert (entry.kind, entry.sentence) == (Kind.ERROR, "second")


def test_a_prediction_that_is_late_twice_is_nobodys_mistake(given):
    [entry], _ = judged(given, PREDICTION, a=[LATE, LATE])
    assert entry.kind is Kind.UNGRADED
    assert entry.sentence == "The grader failed here: timeout."


def test_a_wrong_answer_counts_at_once(given):
    [entry], sizes = judged(given, CODE, a=[done(Kind.FAILED, "no")])
    assert entry.kind is Kind.FAILED and sizes == [1]
