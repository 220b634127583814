"""The path: every koan in order, what became of each, and which one is next.

Nothing is kept between runs: a koan is solved when it passed in this run, and
one that did not run is filled in or blank, as its source says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sensei.blanks import Unreadable
from sensei.course import Course, LessonFiles
from sensei.lesson import Lesson
from sensei.notes import NotesError
from sensei.verdicts import Kind, Verdict

NOT_STOPPING = (Kind.PASSED, Kind.SKIPPED)


@dataclass(frozen=True)
class Step:
    """One koan on the path; ``verdict`` is None when it did not run."""

    files: LessonFiles
    name: str
    verdict: Verdict | None
    filled: bool

    @property
    def solved(self) -> bool:
        return self.verdict is not None and self.verdict.kind is Kind.PASSED

    @property
    def skipped(self) -> bool:
        return self.verdict is not None and self.verdict.kind is Kind.SKIPPED

    @property
    def stops(self) -> bool:
        return self.verdict is not None and not (self.solved or self.skipped)


@dataclass(frozen=True)
class Stretch:
    """A lesson on the path, with its koans in order."""

    files: LessonFiles
    lesson: Lesson | None
    steps: tuple[Step, ...]

    @property
    def solved(self) -> int:
        return sum(step.solved for step in self.steps)

    @property
    def complete(self) -> bool:
        """Every koan passed, or can't run on this machine."""
        return bool(self.steps) and all(s.solved or s.skipped for s in self.steps)


@dataclass(frozen=True)
class Path:
    """The lessons of one part of the course, as one run left them."""

    part: str
    stretches: tuple[Stretch, ...]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for stretch in self.stretches for step in stretch.steps)

    @property
    def next(self) -> Step | None:
        """The first koan that ran and is not done; else the first blank one.

        Behind what was solved in this run, if there is one: a learner may have
        taken a later lesson first.
        """
        stopped = next((step for step in self.steps if step.stops), None)
        blank = [s for s in self.steps if s.verdict is None and not s.filled]
        done = [i for i, step in enumerate(self.steps) if step.solved]
        ahead = [s for s in blank if done and self.steps.index(s) > done[-1]]
        return stopped or next(iter(ahead or blank), None)

    @property
    def last_solved(self) -> Step | None:
        """The koan just behind the learner, when it passed in this run."""
        here = self.steps.index(self.next) if self.next else len(self.steps)
        if self.next is None or self.next.verdict is None:
            solved = [step for step in self.steps if step.solved]
            return solved[-1] if solved else None
        behind = [step for step in self.steps[:here] if not step.skipped]
        return behind[-1] if behind and behind[-1].solved else None

    @property
    def just_done(self) -> Stretch | None:
        """The lesson that the last solved koan completed."""
        last = self.last_solved
        for stretch in self.stretches:
            if last in stretch.steps and stretch.complete:
                return stretch
        return None

    @property
    def partial(self) -> bool:
        """Whether the run left out koans that come before the next one."""
        here = self.steps.index(self.next) if self.next else len(self.steps)
        return any(step.verdict is None for step in self.steps[:here])

    @property
    def complete(self) -> bool:
        return all(stretch.complete for stretch in self.stretches)

    def stretch_of(self, step: Step) -> Stretch:
        return next(s for s in self.stretches if s.files == step.files)


Results = Mapping[tuple[LessonFiles, str], Sequence[Verdict]]


def walk(course: Course, results: Results) -> list[Path]:
    """The parts of the course that a run touched, the main path first."""
    parts = sorted({files.part for files, _ in results})
    return [
        Path(
            part,
            tuple(
                _stretch(files, results)
                for files in course.lessons
                if files.part == part
            ),
        )
        for part in parts
    ]


def _stretch(files: LessonFiles, results: Results) -> Stretch:
    try:
        lesson = files.read()
    except (OSError, NotesError):
        lesson = None
    names = list(lesson.notes.koans) if lesson else []
    names += [name for f, name in results if f == files and name not in names]
    steps = (
        Step(files, name, merged(results.get((files, name), ())), _filled(lesson, name))
        for name in names
    )
    return Stretch(files, lesson, tuple(steps))


def _filled(lesson: Lesson | None, name: str) -> bool:
    try:
        return bool(lesson and lesson.source.koans.get(name)) and not (
            lesson and lesson.blank_line(name)
        )
    except Unreadable:
        return False


def merged(verdicts: Iterable[Verdict]) -> Verdict | None:
    """One verdict out of those for each device: the first that is not passed.

    A koan that passed on one device and can't run on another is passed.
    """
    by_kind = list(verdicts)
    for verdict in by_kind:
        if verdict.kind not in NOT_STOPPING:
            return verdict
    passed = [verdict for verdict in by_kind if verdict.kind is Kind.PASSED]
    return next(iter(passed or by_kind), None)
