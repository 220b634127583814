"""Grading a class: from what was handed in to a verdict on each answer.

First the canaries: the solutions have to score all points and the lessons as they
were given none, through everything that a submission goes through. Then every
submission is read, and only then each distinct answer judged, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sensei.grading import own
from sensei.grading.answers import Reader, Taken
from sensei.grading.assignment import Assignment, pristine
from sensei.grading.book import Book, Entry
from sensei.grading.gradebook import Answers
from sensei.grading.judging import Judge
from sensei.grading.lessons import Submission, in_memory
from sensei.grading.workers import GraderError, Warm
from sensei.verdicts import Kind


@dataclass(frozen=True)
class Options:
    """How to grade: workers at once, seconds for a koan."""

    jobs: int
    seconds: float


class CanaryError(GraderError):
    """Grading does not work here: nobody's marks would mean anything."""


class Progress:
    """How far a run is, for who wants to show it; this one does not."""

    def begin(self, what: str, total: int) -> None: ...

    def step(self) -> None: ...


class Grader:
    """Grades submissions of an assignment; it holds a process that has to be closed.

    ``skipped`` are the koans that can't be run here, by their places; ``trouble`` is
    what went wrong while answers were judged ("" if nothing did).
    """

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
        self.skipped: set[int] = set()
        self.trouble = ""

        def start() -> Warm:
            return Warm(assignment, options.jobs)

        limits = options.jobs, options.seconds
        self._judge = Judge(assignment, start, *limits, self.progress.step)

    def close(self) -> None:
        self._judge.close()

    @property
    def fence(self) -> str:
        """Which fence the answers were judged in, as it is told."""
        return self._judge.fence

    @property
    def beliefs(self) -> dict[str, str]:
        """What answers may be right if, each with the koan to look at."""
        return self._judge.beliefs

    def take(self, submission: Submission) -> Answers:
        """Take a submission's answers, into the book; nothing is judged yet."""
        taken = [_taken(reader, submission) for reader in self.readers]
        pairs = list(zip(self.readers, taken, strict=True))
        nothing = not submission.files and not submission.refused
        return Answers(
            numbers=[number for one in taken for number in one.numbers],
            changed=[place for one in taken for place in one.changed],
            absent=[r.lesson.number for r, one in pairs if one is r.nothing],
            remarks=[*submission.remarks, *(r for one in taken for r in one.remarks)],
            problem="; ".join(submission.troubles) if nothing else "",
        )

    def judge(self, entries: Sequence[Entry]) -> None:
        """Bring entries to their verdicts.

        Raises GraderError where that can't be gone on with.
        """
        self._judge.judge(entries)

    def check(self) -> None:
        """Judge the canaries; finds the koans that this machine can't run.

        Raises CanaryError.
        """
        lessons, koans = self.assignment.lessons, self.assignment.koans
        solved = {x.name: x.solution_path.read_bytes() for x in lessons}
        empty = {x.name: pristine(x) for x in lessons}
        right = self.take(in_memory(solved))
        blank = self.take(in_memory(empty))
        self.judge(self.book.open())
        for place, koan in enumerate(koans):
            entry = self.book.entries[right.numbers[place]]
            untouched = self.book.entries[blank.numbers[place]]
            if entry.kind is Kind.SKIPPED:
                self.skipped.add(place)
            elif entry.kind is not Kind.PASSED:
                said = f"ended as {entry.kind}: {entry.sentence}"
                raise CanaryError(f"the solution of {koan.name} {said}")
            if untouched.kind is not Kind.BLANK:
                said = f"ended as {untouched.kind}, not as blank"
                raise CanaryError(f"{koan.name} untouched {said}")

    def check_numbers(self, waiting: Iterable[Entry]) -> None:
        """Judge the right answer to each variant that somebody has.

        Raises CanaryError.
        """
        common, koans = len(self.assignment.koans), self.assignment.all_koans
        places = sorted({entry.koan for entry in waiting if entry.koan >= common})
        solved = [(koans[place].solution, place) for place in places]
        right = [Entry(place, fill.text) for fill, place in solved if fill]
        self.judge(right)
        for entry in right:
            if entry.kind not in (Kind.PASSED, Kind.SKIPPED):
                name, said = koans[entry.koan].name, f"{entry.kind}: {entry.sentence}"
                raise CanaryError(f"{name} with a learner's numbers ended as {said}")

    def grade(
        self,
        submissions: Iterable[Submission],
        count: int,
        learners: Sequence[Sequence[str]] = (),
    ) -> list[Answers]:
        """The answers of each of so many submissions, all of them judged.

        ``learners`` are the ids of those whose each is, where these have numbers of
        their own. Raises CanaryError, NumbersError; trouble that comes later is told in
        ``trouble``.
        """
        begin = self.progress.begin
        begin("checking that grading works here", len(self.assignment.koans))
        self.check()
        begin("reading hand-ins", count)
        answers = []
        for i, submission in enumerate(submissions):
            answers.append(self.take(submission))
            if learners:
                taken = answers.pop()
                ids = learners[i]
                answers.append(own.settle(self.assignment, self.book, taken, ids))
            self.progress.step()
        waiting = self.book.open()
        if learners:
            own.check(self.assignment, self.book, answers)
            self.check_numbers(waiting)
        begin("judging answers", len(waiting))
        try:
            self.judge(waiting)
        except GraderError as error:
            self.trouble = str(error)
        return answers


def _taken(reader: Reader, submission: Submission) -> Taken:
    name = reader.lesson.name
    if name in submission.refused:
        return reader.refused(submission.refused[name])
    if name in submission.files:
        return reader.read(submission.files[name])
    return reader.nothing
