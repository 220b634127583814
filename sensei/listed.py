"""Reading a course's own lists: files of TOML with names in them.

``free`` has one of what code may use, ``roles`` one of what numbers are for.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


class ListError(Exception):
    """A file that can't be used: it names the file, the key and the fault."""


def words(text: str) -> frozenset[str]:
    """The names in a text, which stand apart by white space."""
    return frozenset(text.split())


def text_of(path: Path) -> str:
    """What is in a file; raises ListError."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ListError(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ListError(f"{path}: not UTF-8 at byte {error.start}") from None


def table_of(path: Path, text: str) -> dict[str, Any]:
    """A file's text as a table; raises ListError."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ListError(f"{path}: {error}") from None


def refuse_others(path: Path, rest: dict[str, Any]) -> None:
    """Raise ListError if keys are left when all known ones were taken out."""
    if rest:
        raise ListError(f"{path}: does not know {', '.join(rest)}")


def names_of(path: Path, key: str, value: object, globs: str = "") -> frozenset[str]:
    """The names under a key, which may have ``globs`` in them; raises ListError."""
    if not isinstance(value, list):
        raise ListError(f"{path}: {key}: should be a list of names")
    for name in value:
        if not isinstance(name, str) or not _can_be_listed(name, globs):
            raise ListError(f"{path}: {key}: {name!r} can't be listed")
    return frozenset(value)


def _can_be_listed(name: str, globs: str) -> bool:
    letters = "".join("x" if letter in globs else letter for letter in name)
    return letters.isidentifier() and not is_dunder(letters)


def is_dunder(name: str) -> bool:
    """Whether a name is one of Python's own: two underscores before or behind it."""
    return name.startswith("__") or name.endswith("__")
