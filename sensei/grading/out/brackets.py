"""Wrong answers that give the right one away: it but for brackets, calls or quotes.

``report`` shows the wrong answers of a class, on a page without right ones.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sensei import comparing, predictions, source
from sensei.lesson import Koan


def gives_away(koan: Koan, fill: str) -> bool:
    """Whether a wrong prediction holds the values of the right one, in their order."""
    if koan.solution is None or not koan.note.is_prediction or not fill:
        return False
    try:
        right, wrong = _values(koan.solution.text), _values(fill)
        return len(right) == len(wrong) and all(map(_same, right, wrong))
    except (source.Unreadable, RecursionError, ValueError):
        return False


def _same(left: Any, right: Any) -> bool:
    if comparing.is_number(left) and comparing.is_number(right):
        return comparing.near(left, right) or comparing.same(left, right)
    return comparing.predicted(left, right, None)


def _values(text: str) -> list[Any]:
    """What stands in an answer, without what is around it."""
    parts = (part for s in source.parse(text).body for part in ast.iter_child_nodes(s))
    return [v for part in parts if isinstance(part, ast.expr) for v in _in(part)]


def _in(node: ast.expr) -> Iterator[Any]:
    with suppress(predictions.Refused):
        yield from _flat(predictions.evaluate(node, {}))
        return
    if isinstance(node, ast.Name | ast.Attribute):
        yield ast.unparse(node)
        return
    inside = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    for child in inside:
        if isinstance(child, ast.expr):
            yield from _in(child)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, str):
        yield from _quoted(value)
    else:
        yield value


def _quoted(text: str) -> Iterator[Any]:
    """A text in quotes; an answer in quotes is the answer."""
    try:
        yield from _values(text)
    except source.Unreadable:
        yield text
