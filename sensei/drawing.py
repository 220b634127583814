"""Drawing other numbers for a koan: its text by its name and a seed alone.

Nothing is run here, and the same seed gives the same text in every Python: so a
file of koans needs to say no more than the seeds. Which seeds are sound is found by
``variants``.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sensei import blanks, literals, source
from sensei.lesson import Koan, Lesson, functions
from sensei.literals import (
    DATA,
    DIVISOR,
    FACTOR,
    LIMIT,
    NUMBER,
    PINNED,
    PLACE,
    RATE,
    Literal,
    Literals,
)
from sensei.notes import Note
from sensei.roles import Roles

NEIGHBOURS = re.compile(  # what a hint points to, and is not beside a variant
    r"koan (?:before|above)|head of this file|from lesson|lesson's head"
)
RATES = (0.5, 0.25, 0.125)
DIVISORS = (2.0, 4.0, 8.0)
TENTH = 0.1
FINEST = 0.125


# ------------------------------------------------------------------- another text


def draw(koan: Koan, seed: int) -> str | None:
    """The text of a koan, blank and all, with other numbers; None if it has no others.

    Raises what reading the lesson raises.
    """
    form = form_of(koan)
    if form is None or form.reason:
        return None
    sizes = form.drawn(_Chooser(f"{koan.lesson.number}/{koan.name}/{seed}"))
    return form.text_with(sizes) if sizes else None


def why_not(koan: Koan) -> str:
    """Why a koan has no numbers of its own; "" where it may have some."""
    form = form_of(koan)
    return "no solution is at hand to make it from" if form is None else form.reason


def text_of(koan: Koan) -> str:
    """The text of a koan as it was given, its decorators included."""
    pristine = koan.lesson.pristine
    assert pristine is not None
    return _texts(pristine.text)[koan.name]


@lru_cache(maxsize=64)
def _texts(lesson_text: str) -> Mapping[str, str]:
    lines = source.lines_of(lesson_text)
    texts = {}
    for name, found in functions(source.parse(lesson_text).body).items():
        texts[name] = "\n".join(lines[source.span(found[0])]) + "\n"
    return texts


def form_of(koan: Koan) -> Form | None:
    """A koan taken apart; None where there is no solution to make it from."""
    note = koan.note
    if koan.lesson.pristine is None or koan.pristine is None:
        return None
    roles = koan.lesson.course.roles
    return _formed(text_of(koan), note.is_prediction, note.numbers, note.pins, roles)


@lru_cache(maxsize=500)
def _formed(
    text: str,
    is_prediction: bool,
    is_wanted: bool,
    pins: tuple[float, ...],
    roles: Roles,
) -> Form:
    read = literals.read(text, pins, roles)
    reason = read.reason
    if not is_wanted:
        reason = "its notes opt out"
    if not is_prediction:
        reason = "it asks for code"
    form = Form(text, read, tuple(_groups(read)), reason)
    if not reason and not any(group.role for group in form.groups):
        return replace(form, reason="no number in it may change")
    return form


@dataclass(frozen=True)
class _Group:
    """Numbers that change together: those of one size and role, and those of one
    size where the docstring has it. PINNED where one of them has to stay.
    """

    size: float
    role: str
    members: tuple[int, ...]  # of the literals
    scale: int  # groups with the same one keep their order


def _groups(read: Literals) -> Iterator[_Group]:
    """The literals by size and role, merged where a docstring's number ties them."""
    mentioned = {mention.size for mention in read.mentions}
    roles: dict[tuple[float, str], list[int]] = {}
    for i, literal in enumerate(read.numbers):
        role = "any" if literal.size in mentioned else literal.role
        roles.setdefault((literal.size, role), []).append(i)
    scales = _Scales()
    for members in roles.values():
        scales.join(read.numbers[i].role for i in members)
    for (size, _), members in roles.items():
        parts = {read.numbers[i].role for i in members}
        yield _Group(size, _part(parts), tuple(members), scales.of(parts))


def _part(parts: set[str]) -> str:
    """What a group does: PINNED for one that does what can't go together."""
    special = parts & {RATE, DIVISOR}
    if PINNED in parts or LIMIT in parts or (special and len(parts) > 1):
        return PINNED
    return min(parts)


class _Scales:
    """Which roles are on one scale: what is compared with each other on it."""

    def __init__(self) -> None:
        self.sets = [{PLACE}, {DATA, FACTOR, LIMIT}, {DIVISOR}, {RATE}]

    def join(self, roles: Iterable[str]) -> None:
        roles = set(roles) - {PINNED}
        touched = [each for each in self.sets if each & roles]
        rest = [each for each in self.sets if not each & roles]
        self.sets = [*rest, set().union(*touched)] if touched else rest

    def of(self, roles: Iterable[str]) -> int:
        known = set(roles)
        places = (i for i, each in enumerate(self.sets) if each & known)
        return next(places, -1)


@dataclass(frozen=True)
class Form:
    """A koan's text, and what may change in it."""

    text: str
    read: Literals
    groups: tuple[_Group, ...]
    reason: str = ""

    def drawn(self, chooser: _Chooser) -> dict[float, dict[int, float]]:
        """New sizes, by literal; {} where all stay as they are."""
        new: dict[int, float] = {}
        for group in self.groups:
            pool = {RATE: RATES, DIVISOR: DIVISORS}.get(group.role)
            if pool and group.size in pool:
                new |= dict.fromkeys(group.members, chooser.one_of(pool))
        for _, groups in itertools.groupby(
            sorted(self.groups, key=lambda g: g.scale), key=lambda g: g.scale
        ):
            new |= self._on_a_scale(list(groups), chooser)
        numbers = self.read.numbers
        changed = {i: size for i, size in new.items() if size != numbers[i].size}
        sizes: dict[float, dict[int, float]] = {}
        for i, size in changed.items():
            sizes.setdefault(numbers[i].size, {})[i] = size
        return sizes

    def _on_a_scale(
        self, groups: list[_Group], chooser: _Chooser
    ) -> Iterator[tuple[int, float]]:
        """Others in the same order, between the same numbers that stay."""
        free = [g for g in groups if g.role not in (PINNED, RATE, DIVISOR)]
        unit = _unit([group.size for group in free], self.read.is_exact)
        if not unit:
            return
        stay = sorted({g.size for g in groups if g not in free} | {0.0, math.inf})
        for low, high in itertools.pairwise(stay):
            between = sorted(
                (group for group in free if low < group.size < high),
                key=lambda group: (group.size, chooser.number()),
            )
            pool = _pool(low, high, [group.size for group in between], unit)
            if len(pool) < len(between):
                continue
            chosen = chooser.some_of(pool, len(between))
            for group, size in zip(between, chosen, strict=True):
                if size == 1 != group.size and group.role == FACTOR:
                    size = group.size  # times 1 is no product
                yield from ((member, size) for member in group.members)

    def text_with(self, sizes: Mapping[float, Mapping[int, float]]) -> str:
        """The koan's text with new sizes, and its docstring's numbers after them."""
        changes = [(start, end, "") for start, end in self.read.comments]
        for changed in sizes.values():
            for i, size in changed.items():
                literal = self.read.numbers[i]
                changes.append((literal.start, literal.end, _written(size, literal)))
        for mention in self.read.mentions:
            if mention.size in sizes:
                [size] = set(sizes[mention.size].values())
                changes.append((mention.start, mention.end, _written(size, mention)))
        raw = self.text.encode()
        for start, end, new in sorted(changes, reverse=True):
            raw = raw[:start] + new.encode() + raw[end:]
        return raw.decode()


def _written(size: float, place: Literal | literals.Mention) -> str:
    return str(int(size)) if place.is_int and size == int(size) else repr(size)


def _unit(sizes: Sequence[float], is_exact: bool) -> float:
    """The step between numbers of a kind; 0.0 where none is short enough."""
    if not sizes:
        return 0.0
    for unit in (4.0, 2.0, 1.0, 0.5, 0.25, FINEST):
        if all(size % unit == 0 for size in sizes):
            return unit if unit <= 1 or max(sizes) > 10 else 1.0
    tenths = all(math.isclose(size * 10, round(size * 10)) for size in sizes)
    return TENTH if tenths and not is_exact else 0.0


def _pool(low: float, high: float, sizes: Sequence[float], unit: float) -> list[float]:
    """The numbers between two that stay, up to a bit above the largest."""
    if not sizes:
        return []
    top = max(1.5 * max(sizes), max(sizes) + 3 * unit)
    pool = (round(i * unit, 3) for i in range(1, round(top / unit) + 1))
    return [number for number in pool if low < number < high]


class _Chooser:
    """Choices that are the same in every Python: by the digest of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.count = 0

    def number(self) -> int:
        self.count += 1
        digest = hashlib.sha256(f"{self.text}/{self.count}".encode()).digest()
        return int.from_bytes(digest[:8], "big")

    def one_of(self, pool: Sequence[float]) -> float:
        return pool[self.number() % len(pool)]

    def some_of(self, pool: Sequence[float], count: int) -> list[float]:
        """So many of a pool, in order."""
        left = list(pool)
        return sorted(left.pop(self.number() % len(left)) for _ in range(count))


# ------------------------------------------------------------------- a koan of it


def variant(koan: Koan, text: str, of: Lesson | None = None) -> Koan:
    """A koan with another text; its notes without what was said of the old numbers.

    ``of`` is the lesson that it is put into, if that is another one.
    """
    [function] = functions(source.parse(text).body)[koan.name]
    note = _about(koan, function, text)
    return Koan(of or koan.lesson, note, function)


def _about(koan: Koan, function: source.Function, text: str) -> Note:
    """A note that holds of other numbers."""
    stays, gone = _sizes(koan, text)
    number = koan.lesson.number
    elsewhere = f"This hint is about the koan as it is in lesson {number}."
    reason = f"That is right, for the same reason as in lesson {number}."
    note = koan.note
    asks = note.asks
    if not blanks.locate(note.pattern, function):
        [check] = [n for n in function.body if blanks.find_blanks(n)]
        asks = ast.unparse(check)
    return replace(
        note,
        asks=asks,
        hints=tuple(
            elsewhere if _quotes(hint) & gone or NEIGHBOURS.search(hint) else hint
            for hint in note.hints
        ),
        because=note.because if _quotes(note.because) <= stays else reason,
        mistakes=(),
    )


def _sizes(koan: Koan, text: str) -> tuple[set[float], set[float]]:
    """The numbers of a koan that stay under another text, and all that may be gone:
    those that changed, and those of the original's answer.
    """
    pairs = zip(
        literals.read(text_of(koan)).numbers, literals.read(text).numbers, strict=True
    )
    stays: set[float] = set()
    gone: set[float] = set()
    for old, new in pairs:
        (stays if old.size == new.size else gone).add(old.size)
    return stays - gone, gone | (_quotes(koan.solution_text) - {0.0})


def _quotes(text: str) -> set[float]:
    return {float(number) for number in NUMBER.findall(text)}
