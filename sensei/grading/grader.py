"""Grading a class, from its hand-ins to its marks. ``command`` is its only caller.

First the canaries: the solutions have to score all points and the lessons as they
were given none, through everything that a submission goes through. Then every
submission is read, and only then each distinct answer judged, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sensei.grading.answers import Reader, Taken
from sensei.grading.assignment import Assignment, pristine
from sensei.grading.book import Book, Entry
from sensei.grading.handins import HandIn
from sensei.grading.judging import Judge
from sensei.grading.lessons import Finder, Submission, in_memory
from sensei.grading.marks import Class, Learner
from sensei.grading.workers import GraderError, Warm
from sensei.verdicts import Kind


@dataclass(frozen=True)
class Options:
    """How to grade: workers at once, seconds for a koan, a folder for scraps."""

    jobs: int
    seconds: float
    scratch: Path


class CanaryError(GraderError):
    """Grading does not work here: nobody's marks would mean anything."""


class Progress:
    """How far a run is, for who wants to show it; this one does not."""

    def begin(self, what: str, total: int) -> None: ...

    def step(self) -> None: ...


class Grader:
    """Grades submissions of an assignment; it holds a process that has to be closed."""

    def __init__(
        self,
        assignment: Assignment,
        options: Options,
        progress: Progress | None = None,
    ) -> None:
        self.assignment = assignment
        self.progress = progress or Progress()
        self.book = Book()
        self.readers = [
            Reader(assignment, lesson, self.book) for lesson in assignment.lessons
        ]
        self.finder = Finder(assignment.lessons)
        self.trouble = ""

        def start() -> Warm:
            return Warm(assignment, options.jobs, options.scratch)

        limits = options.jobs, options.seconds
        self._judge = Judge(assignment, start, *limits, self.progress.step)

    def close(self) -> None:
        self._judge.close()

    # ------------------------------------------------------------------- reading

    def read(self, hand_in: HandIn) -> Learner:
        """Take a learner's answers, into the book; nothing is judged yet."""
        return self.learner(hand_in.key, hand_in.name, self.finder.find(hand_in))

    def learner(self, id: str, name: str, submission: Submission) -> Learner:
        """The record of one submission."""
        taken = [_taken(reader, submission) for reader in self.readers]
        pairs = zip(self.readers, taken, strict=True)
        return Learner(
            id,
            name,
            troubles=tuple(submission.troubles),
            numbers=[number for one in taken for number in one.numbers],
            remarks=(*submission.remarks, *(r for one in taken for r in one.remarks)),
            changed=tuple(place for one in taken for place in one.changed),
            absent=tuple(r.lesson.number for r, one in pairs if one is r.nothing),
        )

    # ------------------------------------------------------------------- judging

    def judge(self, entries: Sequence[Entry]) -> None:
        """Bring entries to their verdicts.

        Raises GraderError where that can't be gone on with.
        """
        self._judge.judge(entries)

    def check(self) -> set[int]:
        """Judge the canaries; gives the koans that this machine can't run.

        Raises CanaryError.
        """
        lessons = self.assignment.lessons
        solved = {x.name: x.solution_path.read_bytes() for x in lessons}
        empty = {x.name: pristine(x) for x in lessons}
        right = self.learner("solutions", "", in_memory(solved))
        blank = self.learner("pristine", "", in_memory(empty))
        self.judge(self.book.open())
        graded = Class(self.assignment, self.book, [right, blank])
        cells = graded.cells(right)
        for cell in cells:
            if cell.kind not in (Kind.PASSED, Kind.SKIPPED):
                raise CanaryError(
                    f"the solution of {cell.koan.name} ended as {cell.kind}: "
                    f"{cell.entry.sentence}"
                )
        for cell in graded.cells(blank):
            if cell.kind is not Kind.BLANK:
                raise CanaryError(
                    f"{cell.koan.name} untouched ended as {cell.kind}, not as blank"
                )
        return {k for k, cell in enumerate(cells) if cell.kind is Kind.SKIPPED}

    # --------------------------------------------------------------------- a class

    def grade(self, hand_ins: Sequence[HandIn]) -> Class:
        """Grade a class.

        Raises CanaryError; trouble that comes later is told in ``trouble``.
        """
        begin = self.progress.begin
        begin("checking that grading works here", len(self.assignment.koans))
        skipped = self.check()
        begin("reading submissions", len(hand_ins))
        learners = []
        for hand_in in hand_ins:
            learners.append(self.read(hand_in))
            self.progress.step()
        waiting = self.book.open()
        begin("judging answers", len(waiting))
        try:
            self.judge(waiting)
        except GraderError as error:
            self.trouble = str(error)
        return Class(self.assignment, self.book, learners, skipped)


def _taken(reader: Reader, submission: Submission) -> Taken:
    name = reader.lesson.name
    if name in submission.refused:
        return reader.refused(submission.refused[name])
    if name in submission.files:
        return reader.read(submission.files[name])
    return reader.nothing
