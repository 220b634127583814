"""The sensei's notes: the .toml of a lesson, read and checked.

Per koan: what it asks, three hints, named mistakes, the sentence shown when it
turns green, a link. Per lesson: the lines shown when it is done. A prediction that
makes no sense with other numbers says ``numbers = false``; one in which a number has
to stay, minus or not, says ``pins = [5]``.
"""

from __future__ import annotations

import ast
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from sensei import blanks
from sensei.source import Unreadable, parse

HINTS = 3


class NotesError(Exception):
    """Notes that can't be used; the message names the file, the place, the fault."""

    @classmethod
    def of(cls, koan: str, fill: str, fault: Exception) -> NotesError:
        """Of a mistake's fill."""
        return cls(f"[{koan}]: `{fill}` can't be used: {fault}")


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and the sentence that diagnoses it.

    Of code, ``fills[0]`` is an example: whoever's code ends as it does is told the
    sentence. One that is ``spelled`` is told to its own spellings alone.
    """

    fills: tuple[str, ...]
    says: str
    spelled: bool = False

    @property
    def fill(self) -> str:
        return self.fills[0]


@dataclass(frozen=True)
class Note:
    """What the sensei may say about one koan.

    ``row`` names an entry of what a code koan's checks find ("step"), ``columns``
    the numbers in it (["slate", "rate"]). ``numbers`` is false where a prediction
    is not to come with other numbers, ``pins`` are those in it that stay.
    """

    name: str
    asks: str
    hints: tuple[str, ...]
    because: str
    mistakes: tuple[Mistake, ...]
    link: str
    also_right: tuple[str, ...] = ()
    points: float = 1
    row: str = ""
    columns: tuple[str, ...] = ()
    numbers: bool = True
    pins: tuple[float, ...] = ()

    @cached_property
    def pattern(self) -> list[ast.stmt]:
        """``asks``, parsed: the statements with the blank in them."""
        return parse(self.asks).body

    @cached_property
    def is_prediction(self) -> bool:
        """A blank inside an assert is a prediction; every other is code."""
        return any(
            blanks.find_blanks(node)
            for statement in self.pattern
            for node in ast.walk(statement)
            if isinstance(node, ast.Assert)
        )


@dataclass(frozen=True, eq=False)
class LessonNotes:
    """A lesson's notes: its koans in order, and what is said when it is done."""

    say: str
    learned: str
    caught: str
    link: str
    koans: Mapping[str, Note]


def load(path: Path, packed: bytes | None = None) -> LessonNotes:
    """Read notes from a .toml file; raises NotesError.

    ``packed`` is what is in it where a course has it in another place.
    """
    try:
        if packed is None or path.exists():
            return _parsed(path, path.read_text("utf-8"))
        return _parsed(path, packed.decode())
    except OSError as error:
        raise NotesError(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise NotesError(f"{path}: not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise NotesError(f"{path}: {error}") from None
    except ValueError:  # an int of thousands of digits
        raise NotesError(f"{path}: a number in it is too long") from None
    except RecursionError:
        raise NotesError(f"{path}: it is nested too deeply") from None


def check(path: Path) -> LessonNotes:
    """As load, and every fill is looked at, too, which a run has no use for."""
    notes = load(path)
    for note in notes.koans.values():
        for number, mistake in enumerate(note.mistakes, 1):
            place = f"{path}: [{note.name}] mistakes {number}: fill"
            for fill in mistake.fills:
                _is_python(place, fill)
        for text in note.also_right:
            _is_python(f"{path}: [{note.name}]: also_right", text)
    return notes


def _is_python(place: str, text: str) -> list[ast.stmt]:
    try:
        return parse(text).body
    except Unreadable as fault:
        raise NotesError(f"{place} is not Python: {fault.reason}") from None


@cache
def _parsed(path: Path, text: str) -> LessonNotes:
    """Parsed once in a run, however often a file is looked at."""
    tables = tomllib.loads(text)
    lesson = _Table(f"{path}: [lesson]", tables.pop("lesson", {}))
    notes = LessonNotes(
        say=lesson.text("say"),
        learned=lesson.text("learned"),
        caught=lesson.text("caught"),
        link=lesson.text("link"),
        koans={
            name: _note(name, _Table(f"{path}: [{name}]", table))
            for name, table in tables.items()
        },
    )
    lesson.finish()
    return notes


def _note(name: str, table: _Table) -> Note:
    note = Note(
        name=name,
        asks=table.text("asks"),
        hints=table.texts("hints"),
        because=table.text("because"),
        mistakes=tuple(map(_mistake, table.tables("mistakes"))),
        link=table.text("link"),
        also_right=table.texts("also_right", default=()),
        points=table.number("points", default=1),
        row=table.text("row", default=""),
        columns=table.texts("columns", default=()),
        numbers=table.flag("numbers", default=True),
        pins=table.numbers("pins"),
    )
    table.finish()
    if len(note.hints) != HINTS:
        raise NotesError(f"{table.place}: {HINTS} hints, please, not {len(note.hints)}")
    asks = _is_python(f"{table.place}: asks", note.asks)
    count = sum(len(blanks.find_blanks(statement)) for statement in asks)
    if count != 1:
        raise NotesError(f"{table.place}: asks has {count} blanks; there has to be one")
    return note


def _mistake(table: _Table) -> Mistake:
    alone = table.text("fill", default="")
    fills = (alone,) if alone else table.texts("fills")
    if not fills:
        raise NotesError(f"{table.place}: fills is empty")
    mistake = Mistake(fills, table.text("says"), table.flag("spelled"))
    table.finish()
    return mistake


class _Table:
    """A TOML table that knows its place, and what has been asked of it."""

    def __init__(self, place: str, content: object) -> None:
        if not isinstance(content, dict):
            raise NotesError(f"{place}: should be a table")
        self.place = place
        self.content: dict[str, Any] = dict(content)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.content.pop(key, default)
        if not isinstance(value, bool):
            raise NotesError(f"{self.place}: {key} is neither true nor false")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self.content.pop(key, default)
        if value == default == "":
            return ""
        if not isinstance(value, str) or not value.strip():
            raise NotesError(f"{self.place}: {key} is missing, or not a text")
        return value

    def texts(
        self, key: str, default: tuple[str, ...] | None = None
    ) -> tuple[str, ...]:
        value = self.content.pop(key, default)
        if not isinstance(value, list | tuple) or not all(
            isinstance(item, str) and item.strip() for item in value
        ):
            raise NotesError(f"{self.place}: {key} is missing, or not a list of texts")
        return tuple(value)

    def number(self, key: str, default: int) -> float:
        value = self.content.pop(key, default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value < math.inf:
            raise NotesError(f"{self.place}: {key} is not a number, 0 or more")
        return float(value) if value % 1 else int(value)

    def numbers(self, key: str) -> tuple[float, ...]:
        values = self.content.pop(key, [])
        if not isinstance(values, list) or not all(map(_is_a_size, values)):
            raise NotesError(f"{self.place}: {key} is not a list of numbers, 0 or more")
        return tuple(map(float, values))

    def tables(self, key: str) -> list[_Table]:
        value = self.content.pop(key, None)
        if not isinstance(value, list):
            raise NotesError(f"{self.place}: {key} are missing")
        return [
            _Table(f"{self.place} {key} {number}", item)
            for number, item in enumerate(value, 1)
        ]

    def finish(self) -> None:
        if self.content:
            raise NotesError(f"{self.place}: does not know {', '.join(self.content)}")


def _is_a_size(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < math.inf  # type: ignore[operator]
