"""A chart: a story of events as rows of text, alone or beside what was believed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from sensei.timeline import Event, Value, added, numbers, value_text

MOST_ROWS = 12
MOST_AT_ONCE = 6  # rows of one line that a story does not begin amid
LONGEST_NAME = 20  # columns
LONGEST_LIST = 26  # columns: a longer one is drawn number by number
LONGEST_NUMBER = 12  # columns: where a value is longer, values start below each other
LEAST_CODE = 18  # columns that a line of code needs beside a bar
LEAST_CODE_BY_WORDS = 14  # beside words, which say more
STAYS = "stays"  # in the place of what was added
HALF = 6  # columns of the longest bar
PARTING = "  ← here they part", "  ←"  # and where there is less room
BEFORE_PARTING = 3  # rows above the one where two stories part
HEADS = "in fact", "if so"
NO_CHANGE = "no change"


@dataclass(frozen=True)
class _Row:
    line: int
    name: str
    leaf: int | str  # whose change it is; of a list's numbers each its own
    after: Value
    note: str  # what was added
    how: str

    @property
    def in_bar(self) -> float | None:
        """What a bar can show; words stand in its place."""
        after = self.after
        if self.how or not isinstance(after, float) or not math.isfinite(after):
            return None
        return after


Pair = tuple[_Row | None, _Row | None]


def draw(
    events: Iterable[Event],
    source_lines: Sequence[str],
    width: int,
    most_rows: int = MOST_ROWS,
) -> list[str]:
    """The timeline as lines of text; of a long one the end, where a check is.

    ``source_lines`` are the lines of the koan's file.
    """
    rows = _without_repeats([row for event in events for row in _rows(event)])
    earlier = len(rows) - most_rows + 1 if len(rows) > most_rows else 0
    earlier = _with_its_line(rows, earlier) if earlier else 0
    first = [_fitted(f"   … {_times(earlier, 'change')} before", width)]
    drawn = _drawn(rows[earlier:], source_lines, width)
    return [*first, *drawn] if earlier else drawn


def _with_its_line(rows: Sequence[_Row], start: int) -> int:
    """A place to begin at, so that what one line changed at once stays together."""
    here = {rows[start].leaf} if start < len(rows) else set[int | str]()
    for place in range(start, max(start - MOST_AT_ONCE, 0), -1):
        before = rows[place - 1]
        if place == len(rows) or before.line != rows[place].line or before.leaf in here:
            return place
        here.add(before.leaf)
    return max(start - MOST_AT_ONCE, 0)


def _without_repeats(rows: Sequence[_Row]) -> list[_Row]:
    """What stays the same again and again is one row, with how often."""
    kept: list[_Row] = []
    for row, group in groupby(rows):
        times = len(list(group))
        if times > 1 and row.note == STAYS:
            kept.append(replace(row, note=f"{STAYS} {times} times"))
        else:
            kept += [row] * times
    return kept


def _rows(event: Event) -> Iterator[_Row]:
    """One row; a long list of numbers is drawn by those that changed."""
    is_long = len(value_text(event.after)) > LONGEST_LIST
    parts = list(numbers(event)) if isinstance(event.after, list) and is_long else []
    for part in parts or [event]:
        leaf = part.name if parts else part.leaf or part.name
        yield _Row(part.line, part.name, leaf, part.after, _note(part), part.how)


def _note(event: Event) -> str:
    before, after = event.before, event.after
    if before is not None and repr(before) == repr(after):
        return STAYS
    if after is None:
        return "wiped"
    more = added(event)
    # Whether 0.0 was written or came about by adding can't be told from here.
    if more is None or before is None or after == 0.0:
        return ""
    return f"({'-' if more < 0 else '+'}{value_text(abs(more))})"


def _drawn(rows: Sequence[_Row], source: Sequence[str], width: int) -> list[str]:
    if not rows:
        return []
    room = width - len("9999    ")  # for code and what stands beside it
    longest = max(len(_code_of(row, source)) for row in rows)
    beside = _beside_code(rows, room, longest)
    least = min(LEAST_CODE_BY_WORDS, longest)
    code = _code(rows, source, max(room - len(beside[0]), least))
    return [_fitted(row.rstrip(), width) for row in _beside(code, beside)]


def _beside_code(rows: Sequence[_Row], room: int, longest: int) -> list[str]:
    """As much as leaves room for the code: bars and words, words, fewer words."""
    cells = _beside(_column(_names(rows)), _values(rows))
    notes = _column([row.note for row in rows])
    bars = [row.how or bar for row, bar in zip(rows, _bars(rows), strict=True)]
    words = [row.how for row in rows]
    for last, least in ((bars, LEAST_CODE), (words, LEAST_CODE_BY_WORDS)):
        beside = _beside(cells, _beside(notes, _column(last)))
        if room - len(beside[0]) >= min(least, longest):
            return beside
    left = room - min(LEAST_CODE_BY_WORDS, longest) - len(cells[0]) - 2
    fewer = [_whole_words(row.how or row.note, left) for row in rows]
    return _beside(cells, _column(fewer))


def _beside(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """Two columns as one; no gap where one of them is empty."""
    gap = "  " if left[0] and right[0] else ""
    return [f"{one}{gap}{other}" for one, other in zip(left, right, strict=True)]


def _column(texts: Sequence[str]) -> list[str]:
    widest = max(map(len, texts))
    return [f"{text:<{widest}}" for text in texts]


def _values(rows: Sequence[_Row]) -> list[str]:
    texts = [value_text(row.after) for row in rows]
    widest = max(map(len, texts))
    if widest > LONGEST_NUMBER:
        return _column(texts)
    return [f"{text:>{widest}}" for text in texts]


def _fitted(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


def _code(
    rows: Sequence[_Row],
    source: Sequence[str],
    room: int,
    fitted: Callable[[str, int], str] = _fitted,
) -> list[str]:
    """Line numbers and code; what one line changes at once stands below it."""
    texts, here, leaves = [], 0, set[int | str]()
    for row in rows:
        again = row.line == here and row.leaf not in leaves
        here, leaves = row.line, {row.leaf, *(leaves if again else ())}
        code = fitted(_code_of(row, source), room)
        texts.append("" if again else f"{here:>4}  {code}")
    return _column(texts)


def _code_of(row: _Row, source: Sequence[str]) -> str:
    return source[row.line - 1].strip() if 0 < row.line <= len(source) else ""


def _names(rows: Sequence[_Row]) -> list[str]:
    """Names that fit; what makes them differ is not what is cut away."""
    names = [row.name for row in rows]
    for shorten in (_fitted, _without_start, _without_middle):
        short = [shorten(name, LONGEST_NAME) for name in names]
        if len(set(short)) == len(set(names)):
            return short
    return names


def _without_start(text: str, room: int) -> str:
    return text if len(text) <= room else "…" + text[1 - room :]


def _without_middle(text: str, room: int) -> str:
    half = room // 2
    return text if len(text) <= room else f"{text[: room - half - 1]}…{text[-half:]}"


def _whole_words(text: str, room: int) -> str:
    """As many words as there is room for."""
    if len(text) <= room:
        return text
    words = text.split(" ")
    while words and len(" ".join(words)) >= room:
        words.pop()
    return " ".join(words) + "…" if words else ""


def _bars(rows: Sequence[_Row]) -> list[str]:
    """Bars from one axis: to the left below zero, to the right above."""
    values = [row.in_bar for row in rows]
    sizes = [abs(value) for value in values if value is not None]
    if not any(sizes):
        return ["" for _ in rows]
    below = any(value is not None and value < 0 for value in values)
    return _column([_bar(value, max(sizes), below) for value in values])


def _bar(value: float | None, largest: float, below: bool) -> str:
    if value is None:
        return ""
    bar = "█" * max(round(abs(value) / largest * HALF), 1 if value else 0)
    left = f"{bar if value < 0 else '':>{HALF}}" if below else ""
    return f"{left}│{bar if value > 0 else ''}"


def _times(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def beside(
    events: Iterable[Event],
    others: Iterable[Event],
    source_lines: Sequence[str],
    width: int,
    most_rows: int = MOST_ROWS,
) -> list[str]:
    """What happened, and what would have happened if a belief were true, as lines.

    Of a long story the rows around the one where the two part, which is marked.
    """
    pairs = _paired(_all_rows(events), _all_rows(others))
    parting = next((i for i, pair in enumerate(pairs) if _part(*pair)), len(pairs))
    start = max(0, min(parting - BEFORE_PARTING, len(pairs) - most_rows))
    shown = pairs[start : start + most_rows]
    if not shown:
        return []
    rows = [real or other for real, other in shown]
    either = [row for row in rows if row is not None]
    columns = _beside(_column(["", *_names(either)]), _two_columns(shown))
    longest = max(len(_code_of(row, source_lines)) for row in either)
    room = width - len("9999    ") - len(columns[0])
    fits = room - len(PARTING[0]) >= min(LEAST_CODE, longest)
    mark = PARTING[0] if fits else PARTING[1]
    least = min(LEAST_CODE_BY_WORDS, longest)
    width_of_code = max(room - len(mark), least)
    code = _code(either, source_lines, width_of_code, _without_middle)
    drawn = _beside(_column(["", *code]), columns)
    if parting < len(pairs):
        drawn[parting - start + 1] += mark
    left = len(pairs) - start - len(shown)
    first = [f"   … {_times(start, 'change')} before"] if start else []
    last = [f"   … {_times(left, 'change')} more"] if left else []
    return [_fitted(row.rstrip(), width) for row in [*first, *drawn, *last]]


def part(events: Iterable[Event], others: Iterable[Event]) -> bool:
    """Whether two stories, side by side, differ anywhere."""
    return any(_part(*pair) for pair in _paired(_all_rows(events), _all_rows(others)))


def _paired(rows: Sequence[_Row], others: Sequence[_Row]) -> list[Pair]:
    """Rows of two stories, those of one line and name side by side.

    Matched from the end: where a line did one thing more, it did that before.
    """
    rows, others, pairs = list(rows), list(others), list[Pair]()
    while rows or others:
        row, other = (side[-1] if side else None for side in (rows, others))
        if row and other and _place(row) == _place(other):
            pairs.append((rows.pop(), others.pop()))
        elif row and _place(row) not in map(_place, others):
            pairs.append((rows.pop(), None))
        else:
            pairs.append((None, others.pop()))
    return pairs[::-1]


def _all_rows(events: Iterable[Event]) -> list[_Row]:
    return [row for event in events for row in _rows(event)]


def _place(row: _Row) -> tuple[int, str]:
    return row.line, row.name


def _part(row: _Row | None, other: _Row | None) -> bool:
    return row is None or other is None or not _alike(row.after, other.after)


def _alike(left: Value, right: Value) -> bool:
    return value_text(left) == value_text(right)


def _two_columns(pairs: Sequence[Pair]) -> list[str]:
    sides = list(zip(*pairs, strict=True))
    texts = [
        [head, *(NO_CHANGE if row is None else value_text(row.after) for row in side)]
        for head, side in zip(HEADS, sides, strict=True)
    ]
    widths = [max(map(len, side)) for side in texts]
    sided = [
        [f"{text:>{width}}" for text in side]
        for side, width in zip(texts, widths, strict=True)
    ]
    return _beside(*sided)
