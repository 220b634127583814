"""What numbers are for, by the names around them: Python's, and a course's roles.toml.

``literals`` asks here. A course's file adds to the engine's lists, and never takes
from them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from sensei.listed import names_of, refuse_others, table_of, text_of, words

COUNTING = words(
    "approx enumerate isclose islice len max min pow range round split sum"
)
LIMITING = words("max min")


@dataclass(frozen=True)
class Roles:
    """The names by which a number's role is told.

    ``counting`` are functions and methods whose plain arguments are counts, sizes or
    places, and stay. The others are keywords: of ``rates``, of ``limits``, and those
    that make a call's numbers a place that something ``starts`` from. ``steps`` are
    attributes: a number that one of them is multiplied by is a rate.
    """

    counting: frozenset[str] = COUNTING
    limits: frozenset[str] = LIMITING
    rates: frozenset[str] = frozenset()
    starts: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()

    @classmethod
    def load(cls, path: Path | None) -> Roles:
        """What a roles.toml says (None: plain Python alone); raises ListError."""
        return PLAIN if path is None else _parsed(path, text_of(path))


PLAIN = Roles()


@cache
def _parsed(path: Path, text: str) -> Roles:
    """Parsed once in a process, however often a course is loaded."""
    table = table_of(path, text)
    keys = [field.name for field in fields(Roles)]
    own = {key: names_of(path, key, table.pop(key, [])) for key in keys}
    refuse_others(path, table)
    return Roles(**{key: own[key] | getattr(PLAIN, key) for key in keys})
