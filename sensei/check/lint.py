"""All checks, and the order they are asked in.

What would make others idle comes first: of a koan that is half written, or whose
solution fails, nothing else is said.
"""

from __future__ import annotations

import contextlib
import gc
import io
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sensei.check import (
    answers,
    believed,
    courses,
    koans,
    lessons,
    mistakes,
    shapes,
    spoilers,
    words,
)
from sensei.check.findings import Finding, in_solution
from sensei.check.trials import Trials
from sensei.course import Course, CourseError
from sensei.lesson import Lesson
from sensei.notes import NotesError
from sensei.running import at_breakpoints
from sensei.work import Work

Check = Callable[[Trials], Iterable[Finding]]

AS_GIVEN: tuple[Check, ...] = (
    words.complete,
    koans.blank,
    koans.size,
    koans.untouched,
)
TRIED: tuple[Check, ...] = (
    koans.forms,
    answers.also_right,
    answers.mutated,
    answers.tupled,
    answers.entries,
    mistakes.named,
    mistakes.apart,
    mistakes.spelled_otherwise,
    shapes.predicted,
    shapes.called,
    spoilers.spoilers,
    believed.apart,
)


@dataclass(frozen=True)
class Checked:
    """What became of a lesson: what is to be mended, and what can't be run here.

    ``skipped`` has a reason for each koan of which only the text was looked at,
    ``apart`` the names of the beliefs that its koans tell from all others.
    """

    findings: tuple[Finding, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()


def check_course(course: Course, lessons: Iterable[Checked]) -> list[Finding]:
    """What is to be mended of the course as a whole, all its lessons being checked."""
    apart = {name for lesson in lessons for name in lesson.apart}
    with _quiet():
        found = [found for check in courses.CHECKS for found in check(course)]
        return [*found, *believed.told_somewhere(course, apart)]


def check_lesson(lesson: Lesson, only: Collection[str] = ()) -> Checked:
    """What is to be mended of a lesson, or (``only``) of some of its koans."""
    with _quiet():
        if fatal := lessons.unreadable(lesson):
            return Checked(tuple(fatal))
        found = [] if only else [f for check in lessons.CHECKS for f in check(lesson)]
        skipped: dict[str, str] = {}
        apart: set[str] = set()
        for name, trials in _trials(lesson, found):
            if not only or name in only:
                found += _of_koan(trials)
                apart |= believed.told_apart(trials)
                if trials.is_skipped:
                    skipped[name] = trials.is_skipped
        return Checked(tuple(found), skipped, frozenset(apart))


def _trials(lesson: Lesson, found: list[Finding]) -> Iterator[tuple[str, Trials]]:
    """A lesson's koans, ready to be tried; those that can't be are findings."""
    assert lesson.pristine is not None
    solved = Work(lesson, lesson.pristine.solution.encode())
    for name, koan in lesson.koans.items():
        try:
            trials = Trials(koan, solved)
        except CourseError as error:
            said = str(error).removeprefix(f"{lesson.relative}: ")
            found.append(in_solution(lesson, said, name))
        else:
            yield name, trials


def _of_koan(koan: Trials) -> Iterator[Finding]:
    """What is to be mended of a koan; of several stages the first that finds any."""
    stages = words.unwritten, _as_given, answers.solution, _tried
    for stage in stages:
        found = list(stage(koan))
        yield from found
        if found:
            return


def _as_given(koan: Trials) -> Iterator[Finding]:
    for check in AS_GIVEN:
        yield from check(koan)


def _tried(koan: Trials) -> Iterator[Finding]:
    if koan.is_skipped:
        return
    for check in TRIED:
        try:
            yield from check(koan)
        except NotesError as error:  # a mistake that is no prediction
            yield koan.in_notes("", str(error).removeprefix(f"[{koan.koan.name}]: "))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What is run here prints nothing, warns of nothing, and stops nowhere."""
    with (
        _seldom_collected(),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        at_breakpoints(lambda: None),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _seldom_collected() -> Iterator[None]:
    """Syntax trees are many objects, and no garbage to look for among them."""
    before = gc.get_threshold()
    gc.set_threshold(20_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
