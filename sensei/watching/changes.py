"""What changed in a course: seen by looking at its files again and again.

``sensei watch`` looks fifty times a second. That needs no library, and works on
network mounts, in containers, and with editors that save by renaming.
"""

from __future__ import annotations

import ast
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sensei
from sensei import blanks
from sensei.blanks import Unreadable
from sensei.course import Course
from sensei.lesson import Source

ENGINE = Path(sensei.__file__).parent
SUFFIXES = (".py", ".toml")
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Snapshot:
    """The files of a course at one moment: when written, how long, which inode.

    ``koans`` is None where their folder is not there. ``engine`` is what a warm
    parent has imported, or read its settings from.
    """

    koans: dict[str, Stamp] | None
    engine: dict[str, Stamp]

    def changed_koans(self, before: Snapshot) -> list[Path]:
        return _changed(before.koans or {}, self.koans or {})

    def changed_engine(self, before: Snapshot) -> list[Path]:
        return _changed(before.engine, self.engine)


def look(course: Course) -> Snapshot:
    """Take a snapshot of the files that a run depends on."""
    engine = [course.root / "pyproject.toml", course.root / "conftest.py"]
    stamps = {str(path): stamp for path in engine if (stamp := _stamp(path))}
    try:
        koans = dict(_files(course.koans))
    except OSError:
        koans = None
    return Snapshot(koans, {**stamps, **dict(_files(ENGINE))})


def _files(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """The files that matter: no swap files, no backups, nothing hidden."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith((".", "__pycache__")):
                continue
            if entry.name.endswith(SUFFIXES):
                if stamp := _stamp(entry):
                    yield entry.path, stamp
            elif entry.is_dir():
                yield from _files(Path(entry.path))


def _stamp(file: Path | os.DirEntry[str]) -> Stamp | None:
    try:
        found = file.stat()
    except OSError:  # it has just gone
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _changed(before: dict[str, Stamp], after: dict[str, Stamp]) -> list[Path]:
    paths = sorted(before.keys() | after.keys())
    return [Path(path) for path in paths if before.get(path) != after.get(path)]


def is_whole(path: Path) -> bool:
    """Whether a file can be read: not the moment in which an editor writes it."""
    try:
        text = path.read_bytes()
        if path.suffix == ".toml":
            tomllib.loads(text.decode())
        else:
            blanks.parse(text)
    except (OSError, ValueError, Unreadable, RecursionError):
        return False
    return bool(text.strip())


# ------------------------------------------------------------ the edited koans


@dataclass(frozen=True)
class _Text:
    """A lesson's text, and each koan's code in it without its layout."""

    text: bytes
    koans: dict[str, list[str]]


@dataclass
class Edits:
    """The lessons as a run last judged them, to tell which koans were edited."""

    course: Course
    judged: dict[Path, _Text] = field(default_factory=dict)
    on_trial: dict[Path, _Text] = field(default_factory=dict)

    def find(self) -> list[str]:
        """The koans that were edited, as pytest names them, for a run to begin with.

        A file that can't be read is named as a whole.
        """
        self.on_trial = {}
        return [
            edited
            for files in self.course.lessons
            for edited in self._edited(files.path, files.relative)
        ]

    def _edited(self, path: Path, name: str) -> list[str]:
        before = self.judged.get(path)
        try:
            text = path.read_bytes()
            if before and before.text == text:
                return []
            after = self.on_trial[path] = _Text(text, _koans(text))
        except OSError:
            return []
        except Unreadable:
            return [name] if before else []
        known = before.koans if before else after.koans
        return [f"{name}::{k}" for k in after.koans if after.koans[k] != known.get(k)]

    def settle(self) -> None:
        """The run has judged what it began with."""
        self.judged |= self.on_trial


def _koans(text: bytes) -> dict[str, list[str]]:
    return {
        name: [ast.dump(function) for function in functions]
        for name, functions in Source(text).koans.items()
    }
