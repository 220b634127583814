"""How far along the path a run came: every koan in order, and which one is next.

Nothing is kept between runs: a koan is solved when it passed in this run, and
one that did not run is filled in or blank, as its source says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sensei.course import Course
from sensei.lesson import Koan, Lesson
from sensei.notes import NotesError
from sensei.source import Unreadable
from sensei.verdicts import Kind, Verdict, merged
from sensei.work import Work, read


@dataclass(frozen=True)
class Step:
    """One koan on the path; ``verdict`` is None when it did not run.

    ``koan`` is None for what stands in the place of a whole lesson.
    """

    lesson: Lesson
    name: str
    koan: Koan | None
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
        return self.verdict is not None and self.verdict.kind.stops

    @property
    def tried(self) -> bool:
        """The learner has been at it, and it is not right yet."""
        blank = self.verdict is not None and self.verdict.kind is Kind.BLANK
        return self.stops and not blank


@dataclass(frozen=True)
class Stretch:
    """A lesson on the path, with its koans in order."""

    lesson: Lesson
    work: Work | None
    steps: tuple[Step, ...]

    @property
    def solved(self) -> int:
        return sum(step.solved for step in self.steps)

    @property
    def complete(self) -> bool:
        """Every koan passed, or can't run on this machine."""
        return bool(self.steps) and all(s.solved or s.skipped for s in self.steps)


@dataclass(frozen=True)
class Progress:
    """The lessons of one part of the course, as one run left them."""

    part: str
    stretches: tuple[Stretch, ...]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for stretch in self.stretches for step in stretch.steps)

    @cached_property
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
        return next(s for s in self.stretches if s.lesson is step.lesson)


Results = Mapping[tuple[str, str], Sequence[Verdict]]  # by lesson and koan


def progress(course: Course, results: Results) -> list[Progress]:
    """The parts of the course that a run touched, the main path first.

    ``results`` has the verdicts of each koan that ran, by its lesson's file and name.
    """
    ran = {relative for relative, _ in results}
    all_there = (*course.lessons, *course.reviews)
    parts = sorted({lesson.part for lesson in all_there if lesson.relative in ran})
    return [
        Progress(part, tuple(_stretch(each, results) for each in lessons))
        for part in parts
        if (lessons := [each for each in all_there if each.part == part])
    ]


def unrun(course: Course, part: str = "") -> Progress:
    """A part of the course of which nothing was run."""
    all_there = (*course.lessons, *course.reviews)
    lessons = (lesson for lesson in all_there if lesson.part == part)
    return Progress(part, tuple(_stretch(lesson, {}) for lesson in lessons))


def _stretch(lesson: Lesson, results: Results) -> Stretch:
    koans: Mapping[str, Koan] = {}
    work = None
    with contextlib.suppress(OSError, NotesError, Unreadable):
        koans = lesson.koans
        work = read(lesson, lesson.path)
    broken = results.get((lesson.relative, lesson.name))
    if broken and koans:  # the whole lesson is: say so where its first koan is
        results = {(lesson.relative, next(iter(koans))): broken}
    names = list(koans)
    names += [n for relative, n in results if relative == lesson.relative]
    steps = (
        Step(
            lesson,
            name,
            koans.get(name),
            merged(results.get((lesson.relative, name), ())),
            bool(work and name in koans and work.is_filled(koans[name])),
        )
        for name in dict.fromkeys(names)
    )
    return Stretch(lesson, work, tuple(steps))
