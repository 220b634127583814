"""Which numbers of a koan may be others, by the part that each plays in it.

A number's role is read off the tree: where something starts, what is taken away
from it, a factor, a divisor, a rate, plain data. Counts, sizes, indexes, exponents and
what is compared stay as they are. Names that say what a number is for are in
``roles``. Whoever draws other numbers asks here.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sensei.roles import PLAIN, Roles
from sensei.source import Function

PINNED = ""
PLACE, DATA, FACTOR, DIVISOR, RATE, LIMIT = (
    *("place", "data", "factor", "divisor"),
    *("rate", "limit"),
)
COUNTS = {
    **{"two": 2, "three": 3, "four": 4, "five": 5, "six": 6},
    **{"seven": 7, "eight": 8, "nine": 9, "ten": 10},
}
PARTS = {
    **dict.fromkeys(("half", "halves", "halved", "twice", "double"), 2),
    **dict.fromkeys(("third", "thirds", "thrice"), 3),
    **dict.fromkeys(("quarter", "quarters"), 4),
    **dict.fromkeys(("fifth", "fifths"), 5),
}
LARGEST = 200  # a number beyond it has its size for a reason
NUMBER = re.compile(r"(?<![\w.*])(?<!lesson )\d+(?:\.\d+)?(?!\w|\.\d)")
POWER_OF_TEN = re.compile(r"\d[eE][-+]?\d")
RESULT = re.compile(
    rf"\b(?:leaves?|left|finds?|found|should|makes|gives|prints?|printed)"
    rf"(?:\s+[a-z]+)?\s+(?P<number>{NUMBER.pattern})"
)
FACT = re.compile(r"\bslopes? (?:of|for|is)\b[^.;?]*?\*[^.;?]*")  # of any number
ELSEWHERE = re.compile(r"\bkoan above\b")  # what it says of another koan's numbers


@dataclass(frozen=True)
class Literal:
    """A number in a koan's text: its bytes there, its size, what it does there.

    ``size`` has no sign: a minus before it stays where it is.
    """

    start: int
    end: int
    size: float
    role: str
    is_int: bool


@dataclass(frozen=True)
class Mention:
    """A number in the docstring: its bytes in the koan's text, and its size."""

    start: int
    end: int
    size: float
    is_int: bool


@dataclass(frozen=True)
class Literals:
    """All numbers of one koan's text. ``reason`` says why it can have no others."""

    numbers: tuple[Literal, ...]
    mentions: tuple[Mention, ...]
    comments: tuple[tuple[int, int], ...]  # those with digits, in bytes
    is_exact: bool
    reason: str = ""


def read(text: str, pins: Iterable[float] = (), roles: Roles = PLAIN) -> Literals:
    """The numbers of a koan, which is all there is in the text."""
    [function] = [node for node in ast.parse(text).body if isinstance(node, Function)]
    places = _Places(text)
    pins = frozenset(pins)
    numbers = tuple(_literals(_Reader(function, roles), places, pins))
    doc = function.body[0]
    mentions: tuple[Mention, ...] = ()
    if ast.get_docstring(function):
        assert isinstance(doc, ast.Expr)
        mentions = tuple(_mentions(text, *places.of(doc.value)))
    question = ast.get_docstring(function) or ""
    return Literals(
        numbers,
        mentions,
        tuple(_comments(text, places)),
        not any(_is_named(node, "approx") for node in ast.walk(function)),
        _reason(question, numbers, mentions, pins),
    )


def _reason(
    question: str,
    numbers: Sequence[Literal],
    mentions: Sequence[Mention],
    pins: frozenset[float],
) -> str:
    """Why a koan's question would not be true of other numbers; "" if it would."""
    known = {literal.size for literal in numbers} | pins
    if ELSEWHERE.search(question):
        return "its question is about another koan's numbers"
    if POWER_OF_TEN.search(question):
        return "its question has a power of ten"
    if any(float(found["number"]) not in pins for found in RESULT.finditer(question)):
        return "its question tells a result"
    if any(mention.size not in known for mention in mentions):
        return "its question has a number that is not in its code"
    return ""


class _Places:
    """Where nodes and tokens stand, in bytes."""

    def __init__(self, text: str) -> None:
        lines = text.splitlines(keepends=True)
        self.starts = [0]
        for line in lines:
            self.starts.append(self.starts[-1] + len(line.encode()))

    def at(self, line: int, column: int) -> int:
        return self.starts[line - 1] + column

    def of(self, node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        end = self.at(node.end_lineno, node.end_col_offset)
        return self.at(node.lineno, node.col_offset), end


def _mentions(text: str, start: int, end: int) -> Iterator[Mention]:
    raw = text.encode()
    docstring = FACT.sub(lambda m: "_" * len(m[0]), raw[start:end].decode())
    for found in NUMBER.finditer(docstring):
        word = found.group()
        if len(word) > 1 and word[0] == "0" and word[1] != ".":
            continue  # a lesson's number
        at = start + len(docstring[: found.start()].encode())
        yield Mention(at, at + len(word), float(word), "." not in word)


def _comments(text: str, places: _Places) -> Iterator[tuple[int, int]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and re.search(r"\d", token.string):
            line = text.splitlines()[token.start[0] - 1]
            code = line[: token.start[1]].rstrip()
            start = places.at(token.start[0], len(code.encode()))
            yield start, places.at(token.end[0], len(line.encode()))


# ------------------------------------------------------------------------ roles

Chain = Sequence[tuple[ast.AST, str]]  # the parents, the nearest first


def _literals(
    reader: _Reader, places: _Places, pins: frozenset[float]
) -> Iterator[Literal]:
    function = reader.function
    counts = set(_counts(function))
    counted, divided = _in_words((ast.get_docstring(function) or "").lower())
    compared = {
        size
        for test in ast.walk(function)
        if isinstance(test, ast.Compare)
        for size in _sizes_in(test)
    }
    for node, chain in _numbers(function, ()):
        role = reader.role(node, chain)
        size, is_int = abs(node.value), isinstance(node.value, int)
        stays = size in pins or size in compared or not 0 < size <= LARGEST
        if role == DIVISOR and (size in counts or not is_int):
            stays = True
        if is_int and size in counted or role != DATA and size in divided:
            stays = True
        yield Literal(*places.of(node), float(size), PINNED if stays else role, is_int)


def _in_words(question: str) -> tuple[set[int], set[float]]:
    """What is counted in words, and by what something is said to be divided."""
    words = re.findall(r"[a-z]+", question)
    counted = {COUNTS[word] for word in words if word in COUNTS}
    parts = {PARTS[word] for word in words if word in PARTS}
    return counted | parts, {*parts, *(1 / part for part in parts)}


def _numbers(node: ast.AST, chain: Chain) -> Iterator[tuple[Any, Chain]]:
    """Every number in a tree, and its parents."""
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if _is_number(child):
                yield child, ((node, field), *chain)
            elif isinstance(child, ast.AST):
                yield from _numbers(child, ((node, field), *chain))


def _is_number(node: Any) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _sizes_in(tree: ast.AST) -> Iterator[float]:
    return (abs(node.value) for node, _ in _numbers(tree, ()))


@dataclass(frozen=True)
class _Reader:
    """Tells what a number of a koan does, by its parents."""

    function: Function
    names: Roles

    def role(self, node: ast.Constant, chain: Chain) -> str:
        if any(self._pins(parent, field) for parent, field in chain):
            return PINNED
        is_float = isinstance(node.value, float)
        for i, (parent, field) in enumerate(chain):
            match parent:
                case ast.UnaryOp() | ast.Starred():
                    continue
                case ast.List() | ast.Tuple():
                    is_float = is_float or _is_mixed(parent)
                case ast.BinOp() | ast.AugAssign():
                    return self._of_operand(parent, field, is_float)
                case ast.keyword():
                    call = chain[i + 1][0] if i + 1 < len(chain) else None
                    return self._of_keyword(parent, call, is_float)
                case ast.Call():
                    starts = any(k.arg in self.names.starts for k in parent.keywords)
                    return (PLACE if starts else DATA) if is_float else PINNED
                case ast.For() | ast.comprehension():
                    is_slope = field == "iter" and _multiplies(parent, self.function)
                    return DATA if is_float or is_slope else PINNED
                case ast.stmt() | ast.Lambda() | ast.arguments():
                    break
        return DATA if is_float else PINNED

    def _pins(self, parent: ast.AST, field: str) -> bool:
        """Whether nothing in this place of a parent is ever changed."""
        match parent:
            case ast.Subscript():
                return field == "slice"
            case ast.BinOp(op=ast.Pow() | ast.Mod() | ast.FloorDiv()) | ast.Compare():
                return field != "left" or not isinstance(parent, ast.BinOp)
            case ast.Call():
                return _is_named(parent, *self.names.counting) and field == "args"
            case ast.FunctionDef():
                return field == "decorator_list"
            case ast.FormattedValue():
                return True
        return False

    def _of_operand(self, parent: Any, field: str, is_float: bool) -> str:
        other = getattr(parent, "right" if field == "left" else "left", None)
        match parent.op:
            case ast.Mult() if getattr(other, "attr", "") in self.names.steps:
                return RATE
            case ast.Mult() if not isinstance(other, ast.List | ast.Tuple):
                return FACTOR
            case ast.Div() if field in ("right", "value"):
                return DIVISOR
            case ast.Add() | ast.Sub() if is_float:
                return PLACE
        return PINNED

    def _of_keyword(self, keyword: ast.keyword, call: Any, is_float: bool) -> str:
        if keyword.arg in self.names.rates:
            return RATE
        if keyword.arg in self.names.limits:
            return LIMIT
        inner = (n for n in ast.walk(self.function) if isinstance(n, Function))
        is_own = _is_named(call, *(function.name for function in inner))
        return DATA if is_float and is_own else PINNED


def _is_named(node: Any, *names: str) -> bool:
    """Whether a node calls one of these, by itself or as a method."""
    if not isinstance(node, ast.Call):
        return False
    return (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in names


def _is_mixed(node: ast.List | ast.Tuple) -> bool:
    """Whether a list has floats in it: then its ints are data as well."""
    return any(isinstance(size, float) for size in _sizes_in(node))


def _multiplies(loop: ast.For | ast.comprehension, function: Function) -> bool:
    """Whether what a loop hands out is a factor of something."""
    names = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
    products = (n for n in ast.walk(function) if isinstance(n, ast.BinOp))
    return any(
        isinstance(product.op, ast.Mult) and getattr(side, "id", "") in names
        for product in products
        for side in (product.left, product.right)
    )


def _counts(function: Function) -> Iterator[int]:
    """How many there are of something: arguments that are ints, lengths of lists."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            inner = [*node.args, *(keyword.value for keyword in node.keywords)]
            yield from (n.value for n in inner if _is_int(n))  # type: ignore[attr-defined]
        elif isinstance(node, ast.List | ast.Tuple):
            yield from (len(node.elts), sum(1 for _ in _sizes_in(node)))
        elif isinstance(node, ast.arguments):
            yield from (n.value for n in node.defaults if _is_int(n))  # type: ignore[attr-defined]


def _is_int(node: ast.AST) -> bool:
    return _is_number(node) and isinstance(node.value, int)  # type: ignore[attr-defined]
