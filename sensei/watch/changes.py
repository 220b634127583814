"""What was saved: seen by looking at the files of a course again and again.

That needs no library, and works on network mounts, in containers, and with
editors that save by renaming.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sensei.course import Course
from sensei.notes import NotesError
from sensei.source import Unreadable
from sensei.work import Work, read

SUFFIXES = (".py", ".toml")
Snapshot = dict[str, tuple[int, int, int]]  # how long, when written, which inode
Works = dict[str, Work]  # by Lesson.relative


def look(course: Course) -> Snapshot | None:
    """The koans and their notes as they are now; None where there is no folder."""
    if not course.koans.is_dir():
        return None
    return dict(_files(course.koans)) | dict(_files(course.notes))


def _files(top: Path) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """The files that matter: no swap files, no backups, nothing hidden."""
    for folder, inside, names in os.walk(top):
        inside[:] = [name for name in inside if not name.startswith((".", "__"))]
        for name in names:
            if name.endswith(SUFFIXES) and not name.startswith("."):
                path = os.path.join(folder, name)
                with suppress(OSError):  # it has just gone
                    stat = os.stat(path)
                    yield path, (stat.st_size, stat.st_mtime_ns, stat.st_ino)


def is_mid_save(before: Snapshot, after: Snapshot) -> bool:
    """Whether a file has gone or got empty, as editors have it for a moment."""
    empty = 0, 0, 0
    return any(size and not after.get(p, empty)[0] for p, (size, *_) in before.items())


def works(course: Course) -> Works:
    """The lessons that are there, as they are now."""
    found = {}
    for lesson in (*course.lessons, *course.reviews):
        with suppress(OSError, NotesError, Unreadable):
            found[lesson.relative] = read(lesson, lesson.path)
    return found


def edited(before: Works, after: Works) -> list[str]:
    """The koans that differ in more than their layout, as pytest names them."""
    return [
        f"{place}::{name}"
        for place, work in after.items()
        if place in before and work is not before[place]
        for name in work.lesson.notes.koans
        if _code(work, name) != _code(before[place], name)
    ]


def _code(work: Work, name: str) -> str:
    """A koan's code without its layout, or why it can't be read."""
    if name in work.found:
        return "".join(map(ast.dump, work.found[name]))
    return str(work.faults.get(name, work.fault))
