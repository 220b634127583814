"""What may be said of a value that is not what it should be, entry by entry.

Of a prediction: which of its entries do not hold, and nothing of the right
values; of what can be guessed (truth values, texts) only how many hold. Of a
check of code: what was found beside what was expected.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sensei.comparing import Tolerance, is_list, is_number, predicted
from sensei.predictions import as_text

FIGURES = 6  # that matter in what float32 worked out
NOISE = 1e-6  # of the largest number
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")
ABSENT = "(nothing)"  # in the place of an entry that is not there


@dataclass(frozen=True)
class Entry:
    """An innermost entry: its name ("2.1" is entry 1 of list 2), and its two values."""

    name: str
    found: Any
    wrote: Any


class Shape(Exception):
    """A prediction has another shape than what it is compared with, at some entry."""

    def __init__(self, name: str, reason: str) -> None:
        sentence = f"in place of entry {name}, {reason}" if name else reason
        super().__init__(sentence[0].upper() + sentence[1:])


def which_hold(found: Any, wrote: Any, tolerance: Tolerance = None) -> str:
    """A sentence on the entries of a prediction that don't hold.

    "" where there is only one value, and nothing to tell apart.
    """
    if _is_turned(found, wrote, tolerance):
        return "Turned round it would hold: what are your rows has to be its columns."
    try:
        entries = list(_entries(found, wrote))
    except Shape as shape:
        return str(shape)
    if len(entries) < 2:
        return _spelling(entries)
    wrong = [e for e in entries if not predicted(e.found, e.wrote, tolerance)]
    right = len(entries) - len(wrong)
    if all(isinstance(entry.found, bool | str) for entry in entries):
        sentence = how_many(right, len(entries))
        return " ".join(filter(None, [sentence, _spelling(entries)]))
    if not right:
        said = "None of the entries holds."
        if len(wrong) == 2 and _are_swapped(wrong[0], wrong[1], tolerance):
            said = "Each of the two is where the other belongs."
        return " ".join(filter(None, [said, _spelling(entries)]))
    noun, verb = ("Entry", "does") if len(wrong) == 1 else ("Entries", "do")
    names = [entry.name for entry in wrong]
    sentence = f"{noun} {_and(_together(names))} {verb} not hold."
    if len(wrong) == 2 and _are_swapped(wrong[0], wrong[1], tolerance):
        sentence += " Each is where the other belongs."
    dotted = next((name for name in names if "." in name), "")
    if dotted:
        outer, _, inner = dotted.partition(".")
        sentence += f" ({dotted} is entry {inner} of list {outer}.)"
    return " ".join(filter(None, [sentence, _spelling(wrong)]))


def how_many(right: int, entries: int) -> str:
    """How many of several entries hold, of those that can be guessed one by one."""
    if not right:
        return f"None of the {entries} entries holds."
    hold = "holds, in its place" if right == 1 else "hold, each in its place"
    return f"{right} of the {entries} entries {hold}."


def _together(names: Sequence[str]) -> list[str]:
    """Names of entries, those of one key together: 1 and 2 of "w"."""
    by_key: dict[str, list[str]] = {}
    for name in names:
        number, _, key = name.partition(" of ")
        by_key.setdefault(key, []).append(number)
    return [
        part
        for key, numbers in by_key.items()
        for part in ([f"{_and(numbers)} of {key}"] if key else numbers)
    ]


def _are_swapped(left: Entry, right: Entry, tolerance: Tolerance) -> bool:
    one = predicted(left.found, right.wrote, tolerance)
    return one and predicted(right.found, left.wrote, tolerance)


def _is_turned(found: Any, wrote: Any, tolerance: Tolerance) -> bool:
    """Whether a list of lists has its rows where its columns should be."""
    sides = (found, wrote)
    if not all(is_list(one) and one and all(map(is_list, one)) for one in sides):
        return False
    turned = [list(column) for column in zip(*wrote, strict=False)]
    return predicted(found, turned, tolerance)


def _spelling(entries: Sequence[Entry]) -> str:
    """What to say of a text that stands for something else, whatever its value."""
    for entry in entries:
        if not isinstance(entry.wrote, str) or entry.found == entry.wrote:
            continue
        if not isinstance(entry.found, str):
            if entry.wrote in ("True", "False", "None"):
                return f"{entry.wrote} is written without quotes."
            if NUMBER.fullmatch(entry.wrote):
                return "A number is written without quotes."
        elif entry.found.isupper() and entry.wrote.islower():
            return "The letters here are capitals."
        elif entry.found.islower() and entry.wrote.isupper():
            return "The letters here are small ones."
    return ""


def _entries(found: Any, wrote: Any, name: str = "") -> Iterator[Entry]:
    """The innermost entries of a value; raises Shape."""
    if isinstance(found, dict):
        if not isinstance(wrote, dict):
            raise Shape(name, "a dict is asked for.")
        if found.keys() != wrote.keys():
            raise Shape("", "the keys are not those that the koan has.")
        for key, value in found.items():
            yield from _entries(value, wrote[key], f'"{key}"')
    elif is_list(found):
        _check_length(found, wrote, name)
        for i, (inner, written) in enumerate(zip(found, wrote, strict=True), 1):
            yield from _entries(inner, written, _joined(name, i))
    elif is_list(wrote) or isinstance(wrote, dict):
        kind = "dict" if isinstance(wrote, dict) else "list"
        raise Shape(name, f"one value is asked for, not a {kind}.")
    else:
        yield Entry(name, found, wrote)


def _check_length(found: Sequence[Any], wrote: Any, name: str) -> None:
    if not is_list(wrote):
        size = f" of {len(found)}" if name and found else ""
        raise Shape(name, f"a list{size} is asked for.")
    if len(wrote) != len(found):
        if name and not found:  # its length would be the answer
            raise Shape(name, "a list of another length is asked for.")
        if name:
            raise Shape(name, f"a list of {len(found)} is asked for.")
        if wrote and any(map(is_list, found)) and not any(map(is_list, wrote)):
            raise Shape("", "lists in a list are asked for.")
        entries = "1 entry" if len(wrote) == 1 else f"{len(wrote)} entries"
        raise Shape("", f"yours has {entries}; that is not how many there are.")


def _joined(name: str, number: int) -> str:
    if not name:
        return str(number)
    return f"{number} of {name}" if name.startswith('"') else f"{name}.{number}"


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


# ------------------------------------------------------------- found and expected


@dataclass(frozen=True)
class Row:
    """An entry of a check's values, as text."""

    name: str
    found: str
    expected: str
    differs: bool


@dataclass(frozen=True)
class Table:
    """What a check found beside what it expected; ``asks`` is its left side."""

    asks: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def with_sign(self, sign: str) -> Table:
        """Of a check that does not ask for the same: ``< 2`` is what was expected."""
        rows = (replace(row, expected=f"{sign} {row.expected}") for row in self.rows)
        return replace(self, rows=tuple(rows))

    def pack(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def unpack(cls, text: str) -> Table:
        fields = json.loads(text)
        rows = tuple(Row(**row) for row in fields["rows"])
        return cls(fields["asks"], tuple(fields["columns"]), rows)


def table(
    asks: str,
    found: Any,
    expected: Any,
    tolerance: Tolerance,
    row: str = "",
    columns: tuple[str, ...] = (),
) -> Table:
    """Set what was found beside what was expected, a row an entry."""
    if tolerance is not None:
        found = _without_noise(found)
    if is_list(found) and is_list(expected) and max(len(found), len(expected)) > 1:
        pairs = _paired(found, expected, tolerance)
        rows = [Row(f"{row or 'entry'} {i}", *pair) for i, pair in enumerate(pairs, 1)]
        each = [*found, *expected]
        if not all(is_list(item) and len(item) == len(columns) for item in each):
            columns = ()
    else:
        texts = as_text(found, FIGURES), as_text(expected, FIGURES)
        rows = [Row("", *texts, not predicted(found, expected, tolerance))]
    return Table(asks, columns, tuple(rows))


def shortest(value: Any, tolerance: Tolerance) -> Any:
    """A value with its numbers in the fewest digits that a check takes for it."""
    if is_list(value):
        return [shortest(item, tolerance) for item in value]
    if isinstance(value, dict):
        return {key: shortest(item, tolerance) for key, item in value.items()}
    if tolerance is None or not isinstance(value, float) or not math.isfinite(value):
        return value
    texts = (float(f"{value:.{digits}g}") for digits in range(1, FIGURES))
    return next((one for one in texts if predicted(value, one, tolerance)), value)


def _without_noise(value: Any) -> Any:
    """What is as good as zero beside the other numbers is told as zero."""
    numbers = [abs(number) for number in _numbers(value) if math.isfinite(number)]
    least = NOISE * max(numbers, default=0.0)

    def rounded(value: Any) -> Any:
        if is_list(value):
            return [rounded(item) for item in value]
        return 0.0 if is_number(value) and abs(value) < least else value

    return rounded(value)


def _numbers(value: Any) -> Iterator[float]:
    for item in value if is_list(value) else [value]:
        if is_list(item):
            yield from _numbers(item)
        elif is_number(item):
            yield float(item)


def _paired(
    found: Sequence[Any], expected: Sequence[Any], tolerance: Tolerance
) -> Iterator[tuple[str, str, bool]]:
    for i in range(max(len(found), len(expected))):
        left = as_text(found[i], FIGURES) if i < len(found) else ABSENT
        right = as_text(expected[i], FIGURES) if i < len(expected) else ABSENT
        both = i < min(len(found), len(expected))
        yield left, right, not (both and predicted(found[i], expected[i], tolerance))
