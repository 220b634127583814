"""A timeline: how values came about, change after change, as a learner reads it.

It draws what a course's story module recorded, and says where a wrong entry of
a prediction is a value that was there earlier, or what one line alone added.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

Value = float | list[float] | str | None

MOST_ROWS = 14
LONGEST_NAME = 20  # columns
LEAST_CODE = 20  # columns that a line of code needs beside a bar


@dataclass(frozen=True)
class Event:
    """A line that changed a named value, and what was there before and after."""

    line: int
    name: str
    before: Value
    after: Value


@dataclass(frozen=True)
class Change:
    """One number of an event: a slate of several is told number by number."""

    line: int
    name: str
    before: float | None
    after: float | str | None

    @property
    def added(self) -> float | None:
        """What the line put on top of what was there; None for a wipe."""
        if not isinstance(self.after, float):
            return None
        return self.after - (self.before or 0.0)


@dataclass(frozen=True)
class Miss:
    """A number of a prediction that did not come out, and what did."""

    wrote: float
    right: float | None


def pack(events: Sequence[Event], misses: Sequence[Miss]) -> str:
    """Events and the misses of a prediction, as a text that travels."""
    return json.dumps([[astuple(e) for e in events], [astuple(m) for m in misses]])


def unpack(text: str) -> tuple[list[Event], list[Miss]]:
    events, misses = json.loads(text)
    return [Event(*event) for event in events], [Miss(*miss) for miss in misses]


def misses(actual: Any, predicted: Any) -> list[Miss]:
    """The numbers of a prediction that are not those that came out, in order."""
    if isinstance(predicted, dict) and isinstance(actual, dict):
        pairs = [(actual.get(key), value) for key, value in predicted.items()]
    elif isinstance(predicted, list | tuple) and isinstance(actual, list | tuple):
        pairs = list(zip(actual, predicted, strict=False))
    elif _is_number(predicted) and not _near(actual, predicted):
        number = _is_number(actual)
        return (
            [Miss(float(predicted), float(actual))]
            if number
            else ([Miss(float(predicted), None)] if actual is None else [])
        )
    else:
        return []
    return [miss for pair in pairs for miss in misses(*pair)]


# --------------------------------------------------------------------- drawing


def draw(events: Sequence[Event], source: Sequence[str], width: int) -> list[str]:
    """The timeline as lines of text, with a bar a value where there is room.

    ``source`` are the lines of the koan's file.
    """
    changes = [change for event in events for change in _numbers(event)]
    if not changes:
        return ["Nothing that can be watched from here has changed."]
    shown = changes[:MOST_ROWS]
    names = [_shortened(change.name, LONGEST_NAME) for change in shown]
    cells = [
        f"{name:<{max(map(len, names))}}  {told(change.after):>{_widest(shown)}}"
        f"  {_added(change):<8}"
        for name, change in zip(names, shown, strict=True)
    ]
    bars = _Bars(shown)
    room = width - len(cells[0]) - len("9999    ")
    if room - bars.width - 2 >= LEAST_CODE:
        cells = [
            f"{cell}  {bars.of(change)}"
            for cell, change in zip(cells, shown, strict=True)
        ]
        room -= bars.width + 2
    rows = [
        f"{change.line:>4}  {_code(source, change.line, room):<{room}}  {cell}".rstrip()
        for cell, change in zip(cells, shown, strict=True)
    ]
    if len(changes) > MOST_ROWS:
        rows.append(f"      … and {len(changes) - MOST_ROWS} changes more")
    return rows


def _widest(changes: Sequence[Change]) -> int:
    return max(len(told(change.after)) for change in changes)


def remarks(events: Sequence[Event], misses: Iterable[Miss]) -> Iterator[str]:
    """Where a wrong entry comes from: an earlier value, or one line's own part.

    Only of a value that held what was asked for in its place, or the remark would
    be about something else.
    """
    changes = [change for event in events for change in _numbers(event)]
    for miss in dict.fromkeys(misses):
        asked = {c.name for c in changes if _is_the(c.after, miss.right)}
        of_it = [change for change in changes if change.name in asked]
        if remark := _remark(miss.wrote, of_it):
            yield remark


def _is_the(value: object, right: float | None) -> bool:
    return value is None if right is None else _near(value, right)


def _remark(entry: float, changes: Sequence[Change]) -> str | None:
    for i, change in enumerate(changes):
        where = f"line {change.line}"
        later = [c for c in changes[i + 1 :] if c.name == change.name]
        piled = change.before not in (None, 0.0) and change.after not in (None, 0.0)
        if piled and _near(change.added, entry):
            return f"{told(entry)} is what {where} alone added to {change.name}."
        if later and _near(change.after, entry):
            again = "the next time round" if later[0].line == change.line else "later"
            return (
                f"{told(entry)} was on {change.name} after {where}; "
                f"line {later[0].line} came {again}."
            )
    return None


def told(value: Value | str) -> str:
    """A number in the digits that matter."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _numbers(event: Event) -> Iterator[Change]:
    before, after = event.before, event.after
    if not isinstance(before, list) and not isinstance(after, list):
        yield Change(event.line, event.name, _number(before), _plain(after))
        return
    count = len(after if isinstance(after, list) else before or ())  # type: ignore[arg-type]
    for i in range(count):
        was = before[i] if isinstance(before, list) and i < len(before) else None
        now = after[i] if isinstance(after, list) else _plain(after)
        if repr(was) != repr(now):
            yield Change(event.line, f"{event.name}[{i}]", was, now)


def _number(value: Value) -> float | None:
    return value if isinstance(value, float) else None


def _plain(value: Value) -> float | str | None:
    return value if isinstance(value, float | str) else None


def _added(change: Change) -> str:
    if change.after is None:
        return "wiped"
    # Whether 0.0 was written or came about by adding can't be told from here.
    if change.added is None or change.before is None or change.after == 0.0:
        return ""
    return f"({change.added:+.4g})"


def _code(source: Sequence[str], line: int, room: int) -> str:
    return _shortened(source[line - 1].strip() if 0 < line <= len(source) else "", room)


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


class _Bars:
    """Bars from one axis: to the left below zero, to the right above."""

    HALF = 8

    def __init__(self, changes: Sequence[Change]) -> None:
        sizes = [abs(c.after) for c in changes if _is_finite(c.after)]  # type: ignore[arg-type]
        self.largest = max(sizes, default=0.0) or 1.0
        self.below = any(_is_finite(c.after) and c.after < 0 for c in changes)  # type: ignore[operator]
        self.width = self.HALF * (2 if self.below else 1) + 1

    def of(self, change: Change) -> str:
        value = change.after
        if not _is_finite(value):
            return ""
        cells = max(round(abs(value) / self.largest * self.HALF), 1 if value else 0)  # type: ignore[arg-type]
        bar = "█" * cells
        left = f"{bar if value < 0 else '':>{self.HALF}}" if self.below else ""  # type: ignore[operator]
        return f"{left}│{bar if value > 0 else ''}"  # type: ignore[operator]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _near(left: object, right: object) -> bool:
    if not (_is_number(left) and _is_number(right)):
        return False
    return left == right or math.isclose(left, right, rel_tol=1e-5, abs_tol=1e-9)  # type: ignore[arg-type]
