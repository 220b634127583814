"""A timeline: the events by which values came about, and what they say to a prediction.

A course's story module appends events while a koan runs, the engine carries them
as text, and the screen draws them (``chart``). ``remarks`` says where a wrong number
of a prediction is a value that was there earlier, or what one line alone added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from sensei.comparing import is_number, near

Value = float | list[float] | str | None

EXACT = 1e9  # a whole number below this is written with all its digits


@dataclass(frozen=True)
class Event:
    """A line that changed a named value, and what was there before and after.

    ``how`` says more of it in a few words; ``leaf`` tells two things of one name
    apart; ``turn`` is how many turns of a loop were over by then, where the course
    counts them.
    """

    line: int
    name: str
    before: Value
    after: Value
    how: str = ""
    leaf: int = 0
    turn: int = 0


@dataclass(frozen=True)
class Miss:
    """A number of a prediction that did not come out, and what did."""

    wrote: float
    right: float | None


def pack(events: Iterable[Event]) -> str:
    """Events as a text that travels."""
    return json.dumps([astuple(event) for event in events])


def unpack(text: str) -> list[Event]:
    """Events from the text that ``pack`` made of them."""
    return [Event(*event) for event in json.loads(text)]


def misses(found: Any, predicted: Any) -> list[Miss]:
    """The numbers of a prediction that are not those that came out, in order."""
    if isinstance(predicted, dict) and isinstance(found, dict):
        pairs = [(found.get(key), value) for key, value in predicted.items()]
    elif isinstance(predicted, list | tuple) and isinstance(found, list | tuple):
        pairs = list(zip(found, predicted, strict=False))
    elif is_number(predicted) and not near(found, predicted):
        is_told = found is None or is_number(found)
        return [Miss(predicted, found)] if is_told else []
    else:
        return []
    return [miss for pair in pairs for miss in misses(*pair)]


def up_to(events: Sequence[Event], entry: int, entries: int) -> Sequence[Event]:
    """The events up to the turn that brought an entry of a list, counted from 0.

    All of them where the turns are not as many as the entries.
    """
    turns = [event.turn for event in events]
    first, last = min(turns, default=0), max(turns, default=0)
    if entries not in (last - first, last - first + 1):
        return events
    return [event for event in events if event.turn - first <= entry]


def value_text(value: Value) -> str:
    """A value in the digits that matter."""
    if isinstance(value, list):
        return f"[{', '.join(map(value_text, value))}]"
    if not isinstance(value, float):
        return str(value)
    if value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    return f"{value:.5g}"


def numbers(event: Event) -> Iterator[Event]:
    """An event of a list as one for each number that changed."""
    before, after = event.before, event.after
    if not isinstance(before, list) and not isinstance(after, list):
        yield event
        return
    lists = [side for side in (before, after) if isinstance(side, list)]
    for i in range(min(map(len, lists))):
        was = before[i] if isinstance(before, list) else _no_list(before)
        now = after[i] if isinstance(after, list) else _no_list(after)
        if repr(was) != repr(now):
            yield replace(event, name=f"{event.name}[{i}]", before=was, after=now)


def _no_list(value: Value) -> Value:
    return None if isinstance(value, list) else value


def added(event: Event) -> float | None:
    """What the line put on top of what was there; None where that is no number."""
    before = 0.0 if event.before is None else event.before
    if isinstance(before, float) and isinstance(event.after, float):
        return event.after - before
    return None


def remarks(events: Iterable[Event], pairs: Iterable[Miss]) -> Iterator[str]:
    """Where a wrong number comes from: an earlier value, or one line's own part.

    Only of a value that held what was asked for in its place, or the remark would
    be about something else.
    """
    changes = [change for event in events for change in numbers(event)]
    ends = {change.name: change.after for change in changes}
    for miss in dict.fromkeys(pairs):
        held = {c.name for c in changes if _is_the(c.after, miss.right)}
        hold = {name for name, last in ends.items() if _is_the(last, miss.right)}
        asked = hold or held  # what it is in the end goes before what it was once
        of_it = [change for change in changes if change.name in asked]
        if remark := _remark(miss.wrote, of_it):
            yield remark


def _is_the(value: object, right: float | None) -> bool:
    return value is None if right is None else near(value, right)


def _remark(wrote: float, changes: Sequence[Event]) -> str | None:
    number = value_text(wrote)
    for i, change in enumerate(changes):
        piled = change.before not in (None, 0.0) and change.after not in (None, 0.0)
        if piled and near(added(change), wrote):
            return f"{number} is what line {change.line} alone added to {change.name}."
        same = [c for c in changes if (c.name, c.leaf) == (change.name, change.leaf)]
        later = [c for c in changes[i + 1 :] if c in same]
        if later and near(change.after, wrote):
            return f"{change.name} was {number} {_when(change, later[0], same)}"
    return None


def _when(change: Event, later: Event, same: Sequence[Event]) -> str:
    """When something was so, and which line changed it after that."""
    if later.line != change.line:
        return f"after line {change.line}; line {later.line} changed it after that."
    by_line = [each for each in same if each.line == change.line]
    count = next(i for i, each in enumerate(by_line, 1) if each is change)
    return (
        f"when line {change.line} had changed it {_often(count)}; "
        f"that line changed it {_often(len(by_line))} in all."
    )


def _often(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
