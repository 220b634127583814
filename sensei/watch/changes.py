"""What was saved: seen by looking at the files of a course again and again.

``sensei watch`` looks fifty times a second. That needs no library, and works on
network mounts, in containers, and with editors that save by renaming.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from sensei.course import Course
from sensei.lesson import Lesson
from sensei.notes import NotesError
from sensei.work import Work

SUFFIXES = (".py", ".toml")
Snapshot = dict[str, tuple[int, int, int]]  # when written, how long, which inode
Texts = Mapping[str, bytes]  # of the lessons, by Lesson.relative


def look(course: Course) -> Snapshot | None:
    """The koans and their notes as they are now; None where there is no folder."""
    try:
        snapshot = dict(_files(course.koans))
    except OSError:
        return None
    with suppress(OSError):
        snapshot |= _files(course.notes)
    return snapshot


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """The files that matter: no swap files, no backups, nothing hidden."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith((".", "__pycache__")):
                continue
            if entry.name.endswith(SUFFIXES):
                with suppress(OSError):  # it has just gone
                    stat = entry.stat()
                    yield entry.path, (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            elif entry.is_dir():
                yield from _files(Path(entry.path))


def saved(before: Snapshot, after: Snapshot) -> list[str]:
    """The files that were written, added or taken away."""
    paths = sorted(before.keys() | after.keys())
    return [path for path in paths if before.get(path) != after.get(path)]


def is_mid_save(before: Snapshot, after: Snapshot) -> bool:
    """Whether a file is gone or empty, as editors have it for a moment."""
    return any(path not in after or not after[path][1] for path in saved(before, after))


# ------------------------------------------------------------ the edited koans


def texts(course: Course) -> Texts:
    """The lessons that are there, as they are now."""
    found = {}
    for lesson in course.lessons:
        with suppress(OSError):
            found[lesson.relative] = lesson.path.read_bytes()
    return found


def edited(course: Course, before: Texts, after: Texts) -> tuple[str, ...]:
    """The koans that differ in more than their layout, as pytest names them."""
    names = []
    for lesson in course.lessons:
        place = lesson.relative
        if {place} <= before.keys() & after.keys() and before[place] != after[place]:
            old, new = _koans(lesson, before[place]), _koans(lesson, after[place])
            names += [f"{place}::{name}" for name in new if new[name] != old.get(name)]
    return tuple(names)


def _koans(lesson: Lesson, text: bytes) -> Mapping[str, str]:
    """Each koan's code without its layout, or why it can't be read."""
    try:
        work = Work(lesson, text)
    except NotesError:
        return {}
    return {name: _code(work, name) for name in lesson.notes.koans}


def _code(work: Work, name: str) -> str:
    if name in work.found:
        return "".join(map(ast.dump, work.found[name]))
    return str(work.faults.get(name, work.fault))
