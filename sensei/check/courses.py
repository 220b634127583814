"""Checks of the course as a whole: what no lesson can tell by itself."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from sensei.check import believed
from sensei.check.findings import Finding, in_notes
from sensei.course import Course
from sensei.notes import NotesError


def no_stray_files(course: Course) -> Iterator[Finding]:
    """Every lesson among the koans has notes and a solution."""
    known = {lesson.path for lesson in course.lessons}
    for path in sorted(course.koans.glob("**/test_*.py")):
        if path not in known:
            where = path.relative_to(course.root).as_posix()
            yield Finding(where, 0, "", "", "it has neither notes nor a solution")


def one_name_each(course: Course) -> Iterator[Finding]:
    """A koan has its name to itself, on the whole path."""
    seen: dict[str, str] = {}
    for lesson in course.lessons:
        try:
            names = list(lesson.notes.koans)
        except NotesError:  # a finding of that lesson
            continue
        for name in names:
            if name in seen:
                said = f"{seen[name]} has a koan of this name, too"
                yield in_notes(lesson, said, name)
            seen[name] = lesson.relative


def names_that_are_there(course: Course) -> Iterator[Finding]:
    """What code may use by name can be imported."""
    if course.free_path is None:
        return
    where = course.free_path.relative_to(course.root).as_posix()
    for module, names in sorted(course.free.modules.items()):
        try:
            there = dir(importlib.import_module(module))
        except Exception as error:  # whatever an import may raise
            said = f"can't be imported ({type(error).__name__}: {error})"
            yield Finding(where, 0, "", "modules", f"{module} {said}")
            continue
        for name in sorted(names):
            if not any(fnmatchcase(one, name) for one in there):
                yield Finding(where, 0, "", "modules", f"{module} has no {name}")


# Each is asked once, where the whole course is checked; further ones go here.
CHECKS: tuple[Callable[[Course], Iterator[Finding]], ...] = (
    no_stray_files,
    one_name_each,
    names_that_are_there,
    believed.listed,
)
