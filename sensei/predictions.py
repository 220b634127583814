"""What may fill a prediction, and what it comes to.

A prediction is made before the answer is known, so nothing that the koan
computed may stand in it: only literals, arithmetic, comparisons, ``and``,
``or``, ``not``, tuples, lists, sets, dicts, ``float("nan")``, ``float("inf")``,
attributes of imported modules (``math.pi``) and the koan's own
parameters. The engine works such a fill out by itself, within bounds; nothing
here ever runs what a learner wrote.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from sensei.comparing import OPERATORS, SIGNS

MAX_NODES = 500  # of one fill
MAX_LENGTH = 1000  # of a string or a list that arithmetic makes
MAX_BITS = 1100  # of an int; 2.0**-1074 is the smallest float

PLAIN_WORDS = 'float("nan") or float("inf")'


class Refused(Exception):
    """A fill that is not a prediction; the message says why, to the learner."""


def evaluate(
    fill: ast.expr, names: Mapping[str, object], any_dots: bool = False
) -> Any:
    """The value of a prediction.

    ``names`` are those that may be used: the koan's parameters, and modules for
    their attributes. With ``any_dots``, ``...`` is a value, too. Raises Refused for
    everything that is not a prediction, or that is too big to be worked out.
    """
    if sum(1 for _ in ast.walk(fill)) > MAX_NODES:
        raise Refused("This is too long for a prediction.")
    try:
        return _Evaluator(names, any_dots).value(fill)
    except OverflowError:
        raise Refused("This number is too big to be worked out.") from None
    except (ArithmeticError, TypeError, ValueError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise Refused(f"This can't be worked out: {reason}.") from None


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}


class _Evaluator:
    def __init__(self, names: Mapping[str, object], any_dots: bool) -> None:
        self.names = names
        self.any_dots = any_dots

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Tuple(elts=items):
                return tuple(map(self.value, items))
            case ast.List(elts=items):
                return list(map(self.value, items))
            case ast.Set(elts=items):
                return set(map(self.value, items))
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return {
                    self.value(key): self.value(value)
                    for key, value in zip(keys, values, strict=True)
                    if key is not None
                }
            case ast.UnaryOp():
                return _UNARY[type(node.op)](self.value(node.operand))
            case ast.BinOp() if type(node.op) in _BINARY:
                return self._arithmetic(node)
            case ast.BoolOp():
                return self._and_or(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.Name():
                return self._name(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
        raise Refused(
            f"`{_short(node)}` does not belong into a prediction. Write down what "
            f"you expect: a number, None, True, False, a text in quotes, or a list or "
            f"dict of them."
        )

    def _constant(self, node: ast.Constant) -> object:
        if node.value is Ellipsis and not self.any_dots:
            raise Refused("`...` is not a prediction. Write down what you expect.")
        if isinstance(node.value, int) and node.value.bit_length() > MAX_BITS:
            raise Refused("This number is too big to be worked out.")
        return node.value

    def _arithmetic(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        _stay_small(node.op, left, right)
        return _BINARY[type(node.op)](left, right)

    def _and_or(self, node: ast.BoolOp) -> Any:
        stop_at = isinstance(node.op, ast.Or)
        for item in node.values:
            value = self.value(item)
            if bool(value) is stop_at:
                break
        return value

    def _comparison(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for op, item in zip(node.ops, node.comparators, strict=True):
            right = self.value(item)
            if not OPERATORS[SIGNS[type(op)]](left, right):
                return False
            left = right
        return True

    def _name(self, node: ast.Name) -> Any:
        known = self.names.get(node.id)
        if node.id in self.names and not isinstance(known, ModuleType):
            return known
        if node.id in ("nan", "inf"):
            raise Refused(
                f'{node.id} is no name here; who means it writes float("{node.id}").'
            )
        for name, module in self.names.items():
            if isinstance(module, ModuleType) and _may_be_meant(module, node.id):
                raise Refused(f"Write {name}.{node.id} for {node.id}.")
        raise Refused(
            f"`{node.id}` is not a value you can write down. A prediction is what "
            f"you expect before anything has run: a number, None, True, False, a "
            f'text in quotes ("{node.id}"), or a list or dict of them.'
        )

    def _attribute(self, node: ast.Attribute) -> Any:
        path = _dotted(node)
        if path and path[0] not in self.names and path[-1] in ("nan", "inf"):
            raise Refused(
                f"{path[0]} is no module here; who means {path[-1]} writes "
                f'float("{path[-1]}").'
            )
        if path is None or not isinstance(self.names.get(path[0]), ModuleType):
            raise Refused(
                f"`{_short(node)}` asks the koan for its answer. Write down what "
                f"you expect before it runs."
            )
        value: Any = self.names[path[0]]
        for name in path[1:]:
            try:
                value = None if name.startswith("_") else getattr(value, name)
            except Exception:  # a lazy module may raise anything
                value = None
        if value is None or not _is_plain(value):
            raise Refused(f"`{_short(node)}` can't be used in a prediction.")
        return value

    def _call(self, node: ast.Call) -> float:
        match node:
            case ast.Call(
                func=ast.Name(id="float"),
                args=[ast.Constant(value=str(word))],
                keywords=[],
            ) if word.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
                return float(word)
            case ast.Call(func=ast.Name(id="approx")):
                raise Refused("Leave approx out: where it is needed, it is given.")
            case ast.Call(func=ast.Constant() | ast.BinOp() | ast.UnaryOp()):
                raise Refused(
                    f"`{_short(node)}` calls a number. Between two factors stands a *."
                )
        raise Refused(
            f"`{_short(node)}` calls something. A prediction is written down before "
            f"anything runs: no calls, save {PLAIN_WORDS}."
        )


def as_text(value: object, digits: int = 17) -> str:
    """A prediction's value as a learner would write it down.

    ``digits`` are those that matter: 7 for what float32 worked out.
    """
    match value:
        case int() if value.bit_length() > MAX_BITS:
            return "(a number too long to be written)"
        case float() if value != value or value in (math.inf, -math.inf):
            return f'float("{value}")'
        case float():
            return repr(float(f"{value:.{digits}g}"))
        case list():
            return f"[{', '.join(as_text(item, digits) for item in value)}]"
        case tuple():
            items = ", ".join(as_text(item, digits) for item in value)
            return f"({items},)" if len(value) == 1 else f"({items})"
        case dict():
            pairs = (
                f"{as_text(k, digits)}: {as_text(v, digits)}" for k, v in value.items()
            )
            return f"{{{', '.join(pairs)}}}"
        case set() if value:
            return f"{{{', '.join(as_text(item, digits) for item in value)}}}"
    return repr(value)


def _dotted(node: ast.expr) -> list[str] | None:
    """["math", "pi"] for math.pi; None for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else None


def _is_plain(value: object) -> bool:
    """Compares as Python compares: an always-equal object does not get in."""
    if isinstance(value, ModuleType):
        return False
    kind = type(value)
    return kind in (bool, int, float, str) or kind.__eq__ is object.__eq__


def _may_be_meant(module: ModuleType, name: str) -> bool:
    try:
        value = getattr(module, name, None)
    except Exception:  # a lazy module may raise anything
        return False
    return value is not None and not callable(value) and _is_plain(value)


def _stay_small(op: ast.operator, left: Any, right: Any) -> None:
    """Raise Refused before arithmetic makes something huge, or formats text."""
    if isinstance(op, ast.Mod) and isinstance(left, str | bytes):
        raise Refused("Text formatting does not belong into a prediction.")
    sizes = [_size(side) for side in (left, right) if hasattr(side, "__len__")]
    ints = [abs(side) for side in (left, right) if isinstance(side, int)]
    if isinstance(op, ast.Mult) and sizes and ints:
        sizes = [sizes[0] * ints[0]]
    if sum(sizes) > MAX_LENGTH:
        raise Refused("This is too long for a prediction.")
    if len(ints) == 2 and _bits(op, left, right) > MAX_BITS:
        raise Refused("This number is too big to be worked out.")


def _size(value: Any) -> int:
    """The entries of a list, those of lists within it counted as well."""
    if isinstance(value, dict):
        return _size([*value.keys(), *value.values()])
    if isinstance(value, list | tuple | set):
        return sum(max(1, _size(item)) for item in value)
    return len(value) if hasattr(value, "__len__") else 0


def _bits(op: ast.operator, left: int, right: int) -> int:
    if isinstance(op, ast.Pow):
        return left.bit_length() * max(right, 0) if abs(left) > 1 else 1
    return left.bit_length() + right.bit_length()


def _short(node: ast.expr) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 40 else text[:37] + "..."
