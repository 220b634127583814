"""Grading a class, from its entries to its marks. ``command`` is its only caller.

First the canaries: the solutions have to score all points and the untouched
template none, through everything that a submission goes through. Then every
submission is read, and only then each distinct answer judged, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensei.grading import submissions
from sensei.grading.answers import Reader, Taken
from sensei.grading.book import Book, Entry
from sensei.grading.judging import Judge
from sensei.grading.marks import Class, Learner
from sensei.grading.submissions import Submission, Unusable, in_memory
from sensei.grading.template import Template
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


class Grader:
    """Grades submissions against a template; ``tell`` hears of each verdict.

    It holds a process that has to be closed.
    """

    def __init__(
        self,
        template: Template,
        options: Options,
        tell: Callable[[Entry], None] = lambda entry: None,
    ) -> None:
        self.template = template
        self.options = options
        self.book = Book()
        self.readers = [
            Reader(template, lesson, self.book) for lesson in template.lessons
        ]
        self.trouble = ""
        self._judge = Judge(template, self._start, options.jobs, options.seconds, tell)

    # ------------------------------------------------------------------- reading

    def read(self, entry: submissions.Entry) -> Learner:
        """Take a learner's answers, into the book; nothing is judged yet."""
        try:
            submission = submissions.read(entry.path, self.lesson_names)
        except Unusable as reason:
            return self.learner(entry.id, entry.name, in_memory({}), str(reason))
        return self.learner(entry.id, entry.name, submission)

    @property
    def lesson_names(self) -> list[str]:
        return [lesson.files.name for lesson in self.template.lessons]

    def learner(
        self, id: str, name: str, submission: Submission, problem: str = ""
    ) -> Learner:
        """The record of one submission."""
        learner = Learner(id, name, problem)
        remarks = list(submission.remarks)
        changed: list[int] = []
        absent: list[str] = []
        for reader in self.readers:
            taken = _taken(reader, submission)
            number = reader.lesson.number
            learner.numbers.extend(taken.numbers)
            changed += taken.changed
            if taken is reader.nothing:
                absent.append(number)
            if taken.fault:
                remarks.append(f"lesson {number} can't be read: {taken.fault}")
            if taken.around:
                remarks.append(
                    f"lesson {number} changed around its koans: {taken.around}"
                )
        learner.remarks, learner.changed = tuple(remarks), tuple(changed)
        learner.absent = tuple(absent)
        return learner

    # ------------------------------------------------------------------- judging

    def judge(self, entries: Sequence[Entry]) -> None:
        """Bring entries to their verdicts.

        Raises GraderError where that can't be gone on with.
        """
        self._judge.judge(entries)

    def close(self) -> None:
        self._judge.close()

    def _start(self) -> Warm:
        return Warm(self.template, self.options.jobs, self.options.scratch)

    # ------------------------------------------------------------------ canaries

    def check(self) -> set[int]:
        """Judge the canaries; gives the koans that this machine can't run.

        Raises CanaryError.
        """
        lessons = self.template.lessons
        solved = {n.files.name: n.given.solution.decoded.encode() for n in lessons}
        empty = {n.files.name: n.source.decoded.encode() for n in lessons}
        right = self.learner("solutions", "", in_memory(solved))
        blank = self.learner("template", "", in_memory(empty))
        self.judge(self.book.open())
        graded = Class(self.template, self.book, [right, blank])
        for cell in graded.cells(right):
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
        return {c.koan.index for c in graded.cells(right) if c.kind is Kind.SKIPPED}

    # --------------------------------------------------------------------- a class

    def grade(
        self,
        entries: Sequence[submissions.Entry],
        after_check: Callable[[], object] = lambda: None,
        read_step: Callable[[], object] = lambda: None,
        before_judging: Callable[[int], object] = lambda count: None,
    ) -> Class:
        """Grade all entries; the callbacks are for who shows how far it is.

        Raises CanaryError; trouble that comes later is told in ``trouble``.
        """
        skipped = self.check()
        after_check()
        learners = []
        for entry in entries:
            learners.append(self.read(entry))
            read_step()
        waiting = self.book.open()
        before_judging(len(waiting))
        try:
            self.judge(waiting)
        except GraderError as error:
            self.trouble = str(error)
        return Class(self.template, self.book, learners, skipped)


def _taken(reader: Reader, submission: Submission) -> Taken:
    name = reader.lesson.files.name
    if name in submission.refused:
        return reader.refused(submission.refused[name])
    if name in submission.files:
        return reader.read(submission.files[name])
    return reader.nothing
