"""Changing the text of a lesson: fills replaced, and written down, where they stand."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from functools import lru_cache

from sensei.blanks import Fill

LOSSLESS = ("utf-8", "surrogateescape")  # a file may hold bytes that are not UTF-8


def replaced(text: str, changes: Sequence[tuple[Fill, str]]) -> str:
    """A source with the text of some fills replaced, each where it stands.

    A text of several lines is put in at the indentation of the fill; one that
    binds loosely (``a or b``) in parentheses, for a fill may be an operand.
    """
    raw = _bytes(text)
    starts = _line_starts(raw)
    places = [(*_place(fill, raw, starts), fill, new) for fill, new in changes]
    for start, end, fill, new in sorted(places, key=lambda place: -place[0]):
        if fill.is_expression:
            new = _as_operand(new, fill)
        else:
            new = _statements(new, _before(start, raw, starts))
        if "\r\n" in text:
            new = new.replace("\n", "\r\n")
        raw = raw[:start] + _bytes(new) + raw[end:]
    return raw.decode(*LOSSLESS)


def text_of(source: str, fill: Fill) -> str:
    """A fill as it was written, its lines moved to the left."""
    raw = _bytes(source)
    starts = _line_starts(raw)
    start, end = _place(fill, raw, starts)
    before, text = _before(start, raw, starts), raw[start:end].decode(*LOSSLESS)
    return textwrap.dedent(before + text if before.isspace() else text)


def _before(start: int, raw: bytes, starts: Sequence[int]) -> str:
    """What stands before a place in its line."""
    return raw[max(s for s in starts if s <= start) : start].decode(*LOSSLESS)


def _bytes(text: str) -> bytes:
    return text.encode(*LOSSLESS)


@lru_cache(maxsize=4)
def _line_starts(raw: bytes) -> Sequence[int]:
    return [0, *(end.end() for end in re.finditer(rb"\r\n|\r|\n", raw))]


def _place(fill: Fill, raw: bytes, starts: Sequence[int]) -> tuple[int, int]:
    """Where a fill begins and ends, in bytes, its parentheses not counted."""
    first, last = fill.nodes[0], fill.nodes[-1]
    start = starts[first.lineno - 1] + first.col_offset  # type: ignore[attr-defined]
    end = starts[last.end_lineno - 1] + last.end_col_offset  # type: ignore[attr-defined]
    for decorator in getattr(first, "decorator_list", [])[:1]:
        place = starts[decorator.lineno - 1] + decorator.col_offset
        start = raw.rindex(b"@", 0, place)
    return start, end


_LOOSE = ast.BoolOp | ast.Compare | ast.IfExp | ast.Lambda | ast.NamedExpr | ast.Tuple


def _as_operand(new: str, fill: Fill) -> str:
    try:
        node = ast.parse(f"({new})", mode="eval").body
    except SyntaxError:  # such as *losses
        return new
    is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    # A generator's place is that of the parentheses around it, even of a call's.
    was_generator = isinstance(fill.nodes[0], ast.GeneratorExp)
    loose = isinstance(node, _LOOSE) or is_not or "\n" in new or was_generator
    return f"({new})" if loose else new


def _statements(new: str, before: str) -> str:
    """Statements as they may stand behind what stands before them in their line."""
    if before.isspace() or not before:
        return _indented(new, before)
    if before.rstrip().endswith(";"):  # no loop may stand there
        indent = before[: len(before) - len(before.lstrip())]
        return f"\n{indent}{_indented(new, indent)}"
    return _indented(new, " " * len(before))


def _indented(text: str, indent: str) -> str:
    """Every line but the first moved in, save those within a long string."""
    within = {
        line
        for node in ast.walk(_tree(text))
        if isinstance(node, ast.Constant | ast.JoinedStr)
        for line in range(node.lineno + 1, (node.end_lineno or 0) + 1)
    }
    first, *rest = text.split("\n")
    moved = (line if i in within else indent + line for i, line in enumerate(rest, 2))
    return "\n".join([first, *moved])


def _tree(text: str) -> ast.AST:
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module([], [])
