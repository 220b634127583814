"""The engine's own comparison of values. No answer ever meets an ``assert``.

Where a koan asks with ``==``, a tuple is as good as a list; numbers are exact, or
within the tolerance of the koan's ``approx``.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Tolerance = Mapping[str, Any] | None
NEAR = 1e-5  # in which the outcomes of two runs may differ

SIGNS: dict[type[ast.cmpop], str] = {
    **{ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not"},
    **{ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="},
    **{ast.In: "in", ast.NotIn: "not in"},
}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    **{"==": operator.eq, "!=": operator.ne},
    **{"is": operator.is_, "is not": operator.is_not},
    **{"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
    "in": lambda item, items: item in items,
    "not in": lambda item, items: item not in items,
}


def holds(found: Any, op: str, expected: Any, tolerance: Tolerance) -> bool:
    """Whether a check holds; raises what the values raise when compared."""
    if not op:
        return bool(found)
    if op in ("==", "!="):
        return equal(found, expected, tolerance) is (op == "==")
    return bool(OPERATORS[op](found, expected))


def equal(found: Any, expected: Any, tolerance: Tolerance = None) -> bool:
    """Whether two values are the same, entry by entry.

    Nothing that was found is an ``approx``: one can be made that equals everything.
    """
    if type(found).__name__.startswith("Approx"):  # whatever release of pytest
        return False
    if is_list(found) or is_list(expected):
        if not (is_list(found) and is_list(expected)) or len(found) != len(expected):
            return False
        pairs = zip(found, expected, strict=True)
        return all(equal(left, right, tolerance) for left, right in pairs)
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            equal(value, expected[key], tolerance) for key, value in found.items()
        )
    if tolerance is not None and is_number(found) and is_number(expected):
        import pytest  # late: `sensei` alone says where one is without it

        return bool(found == pytest.approx(expected, **tolerance))
    return bool(found == expected)


def predicted(found: Any, prediction: Any, tolerance: Tolerance) -> bool:
    """Whether a prediction holds; one that can't be compared does not."""
    try:
        return equal(found, prediction, tolerance)
    except Exception:
        return False


def same(left: Any, right: Any) -> bool:
    """Whether two values come to the same: digits that don't matter left aside.

    ``...`` on the right stands for anything.
    """
    if right is ...:
        return True
    if is_list(left) and is_list(right):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            same(value, right[key]) for key, value in left.items()
        )
    if is_number(left) and is_number(right):
        return near(left, right) or (left != left and right != right)
    try:
        return type(left) is type(right) and repr(left) == repr(right)
    except Exception:  # what can't be shown can't be told apart
        return False


def near(left: Any, right: Any) -> bool:
    """Whether two values are numbers that come to the same."""
    if not (is_number(left) and is_number(right)):
        return False
    try:
        return math.isclose(left, right, rel_tol=NEAR, abs_tol=1e-9)
    except OverflowError:  # an int beyond every float
        return bool(left == right)


def entries(*values: Any) -> Iterator[tuple[Any, ...]]:
    """The innermost entries of values of one shape, side by side; else nothing."""
    if all(isinstance(value, dict) for value in values):
        keys = [set(value) for value in values]
        if all(each == keys[0] for each in keys):
            for key in values[0]:
                yield from entries(*(value[key] for value in values))
    elif all(map(is_list, values)):
        if len({len(value) for value in values}) == 1:
            for inner in zip(*values, strict=True):
                yield from entries(*inner)
    else:
        yield values


def is_list(value: object) -> bool:
    """Whether a value is a list or a tuple, which are one to a koan."""
    return isinstance(value, list | tuple)


def is_number(value: object) -> bool:
    """Whether a value is a number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def kept(value: Any) -> Any:
    """A value as it is now: what the koan does to its list later is another thing."""
    if type(value) in (list, tuple):
        return [kept(item) for item in value]
    if type(value) is dict:
        return {key: kept(item) for key, item in value.items()}
    return value
