"""An assignment: the lessons that a class is graded on, as they were given.

They are made from solutions/, by blanking the fills, so what stands in the koans/ of
whoever grades is no matter: they may be filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sensei import drawing, faults, notes
from sensei.attempt import Attempt
from sensei.course import Course, CourseError
from sensei.grading.numbers import Numbers, variant_of, with_koans
from sensei.lesson import Koan, Lesson, NotAsGiven
from sensei.notes import NotesError
from sensei.selection import select as select
from sensei.source import Unreadable
from sensei.work import Work


class AssignmentError(CourseError):
    """Lessons that can't be graded; the message says what would help."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """The lessons that are graded; a koan's place is that among all their koans.

    Where learners have numbers of their own, the variants have their places behind.
    """

    course: Course
    lessons: tuple[Lesson, ...]
    numbers: Numbers | None = None

    @cached_property
    def koans(self) -> tuple[Koan, ...]:
        return tuple(koan for lesson in self.lessons for koan in lesson.koans.values())

    @cached_property
    def bases(self) -> Mapping[Lesson, Work]:
        """The lessons with nothing filled in: what an answer is put into."""
        return {lesson: Work(lesson, pristine(lesson)) for lesson in self.lessons}

    @cached_property
    def all_koans(self) -> tuple[Koan, ...]:
        """The koans, and then all variants of each."""
        variants = (
            variant for several in self.variants.values() for variant in several
        )
        return (*self.koans, *variants)

    @cached_property
    def variants(self) -> Mapping[Koan, Sequence[Koan]]:
        """The variants of each koan that learners have with numbers of their own."""
        numbers = self.numbers
        pools = {} if numbers is None else {k: numbers.pool(k) for k in self.koans}
        return {
            koan: [variant_of(koan, pool, i) for i in range(len(pool.seeds))]
            for koan, pool in pools.items()
            if pool
        }

    @cached_property
    def places(self) -> Mapping[Koan, int]:
        return {koan: place for place, koan in enumerate(self.all_koans)}

    def base(self, koan: Koan) -> Work:
        """The lesson of a koan, or of a variant, with nothing filled in."""
        layer = self._layer_of.get(koan)
        return self.bases[koan.lesson] if layer is None else self._layers[layer]

    @cached_property
    def _layer_of(self) -> Mapping[Koan, tuple[Lesson, int]]:
        return {
            variant: (koan.lesson, i)
            for koan, several in self.variants.items()
            for i, variant in enumerate(several)
        }

    @cached_property
    def _layers(self) -> Mapping[tuple[Lesson, int], Work]:
        """Lessons with the first variant of each koan, the second, and so on."""
        texts: dict[tuple[Lesson, int], dict[str, str]] = {}
        for koan, several in self.variants.items():
            pool = self.numbers.pool(koan) if self.numbers else None
            for i in range(len(several)):
                seed = pool.seeds[i] if pool else 0
                text = drawing.draw(koan, seed)
                texts.setdefault((koan.lesson, i), {})[koan.name] = text or ""
        return {
            (lesson, i): Work(
                lesson, with_koans(pristine(lesson).decode(), koans).encode()
            )
            for (lesson, i), koans in texts.items()
        }

    def attempt(self, koan: Koan, fill: str) -> Attempt:
        """A koan as it was given with an answer in it; raises what example does."""
        base = self.base(koan)
        return base.example(koan, fill, base.path)

    @property
    def right(self) -> dict[str, str]:
        """The right answer to each koan, by its name."""
        return {koan.name: koan.solution.text for koan in self.koans if koan.solution}


def pristine(lesson: Lesson) -> bytes:
    """A lesson's file as it was given."""
    assert lesson.pristine is not None
    return lesson.pristine.text.encode()


# --------------------------------------------------------------------- reading


def read(course: Course, lessons: Sequence[Lesson]) -> Assignment:
    """The assignment of these lessons; raises AssignmentError, NotesError."""
    for lesson in lessons:
        _check(lesson)
    return Assignment(course, tuple(lessons))


def _check(lesson: Lesson) -> None:
    """Read all of a lesson that grading needs."""
    notes.check(lesson.notes_path)
    where = lesson.solution_path.relative_to(lesson.course.root).as_posix()
    try:
        if lesson.pristine is None:
            raise AssignmentError(
                f"{where} is not there (solutions are needed: the koans as they were "
                "given are made from them)"
            )
        _ = lesson.pristine.text
    except Unreadable as fault:
        line, reason = fault.line or 1, faults.unreadable(fault)
    except NotAsGiven as change:
        line, reason = change.line, change.reason
    except NotesError as error:
        line, reason = 1, str(error)
    except OSError as error:
        line, reason = 1, error.strerror or "it can't be read"
    else:
        return
    raise AssignmentError(f"{where}:{line}: {reason}")
