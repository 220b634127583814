"""Blanks: what a pattern with ``__`` in it takes from a piece of code.

This is the one place that compares syntax trees. The gate (is a blank left?),
the notes (where was the blank, what stands in it?), a mistake's own spelling and
the taking of answers from a submission all ask here, so that they can't disagree.

Comments, layout, docstrings and statements that only look (see ``looking``) are
free: the matcher looks past them on both sides. Everything else outside a blank
has to be as it was given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sensei.looking import counted
from sensei.source import parse

BLANK = "__"


@dataclass(frozen=True)
class Fill:
    """What stands where a blank was: one expression, or one or more statements."""

    nodes: tuple[ast.AST, ...]

    @property
    def is_expression(self) -> bool:
        return isinstance(self.nodes[0], ast.expr)

    @property
    def line(self) -> int:
        return _line(self.nodes[0])

    @property
    def end_line(self) -> int:
        return getattr(self.nodes[-1], "end_lineno", None) or _line(self.nodes[-1])

    @property
    def text(self) -> str:
        """The fill as Python would write it: the same for every layout."""
        return "\n".join(ast.unparse(node) for node in self.nodes)

    def holds_line(self, line: int) -> bool:
        return self.line <= line <= self.end_line


@dataclass(frozen=True)
class Fit:
    """Code that fits a pattern: its lines, and a fill for each blank, in order."""

    first_line: int
    last_line: int
    fills: tuple[Fill, ...]


@dataclass(frozen=True)
class Misfit:
    """The first place where code is not as the pattern has it.

    ``expected`` is what the pattern wants there (None: nothing more), ``found``
    what the code has (None: it ends), ``line`` the line of the code.
    """

    line: int
    expected: str | None
    found: str | None


def find_blanks(tree: ast.AST) -> list[ast.Name]:
    """Every ``__`` in a tree, in the order of the source."""
    names = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == BLANK
    )
    return sorted(names, key=lambda name: (name.lineno, name.col_offset))


# ---------------------------------------------------------------- matching


def match(
    pattern: Sequence[ast.stmt],
    code: Sequence[ast.stmt],
    helpers: Set[str] = frozenset(),
) -> Fit | Misfit:
    """Fit a whole block of code to a pattern.

    ``__`` in the pattern takes one expression or, alone on a line, one or more
    statements. ``helpers`` are functions that only look.
    """
    matcher = _Matcher(helpers)
    fills = matcher.block(*matcher.counted(pattern, code), 1)
    if fills is None:
        assert matcher.misfit is not None
        return matcher.misfit
    return _fit(code, fills)


def locate(
    pattern: Sequence[ast.stmt], code: ast.AST, helpers: Set[str] = frozenset()
) -> list[Fit]:
    """Every place in a function where a pattern of consecutive statements fits.

    Here ``...`` alone on a line skips statements. What fits only inside the
    fill of another fit is not listed: a learner may write there what they like.
    """
    fits = [
        fit
        for whole in _blocks(code)
        for block in [counted(whole, helpers)]
        for start in range(len(block))
        if (fit := _prefix(tuple(pattern), block[start:], helpers))
    ]
    outer = [fit for fit in fits if not any(_inside(fit, other) for other in fits)]
    return sorted(outer, key=lambda fit: fit.first_line)


def alike(pattern: str, fill: Fill, helpers: Set[str] = frozenset()) -> bool:
    """Whether a fill of code is spelled as a pattern.

    ``...`` in the pattern stands for any one expression. Raises Unreadable for a
    pattern that is not Python.
    """
    matcher = _Matcher(helpers, any_dots=True)
    body = _parsed(pattern)
    if fill.is_expression:
        alone = body[0] if len(body) == 1 else None
        node = alone.value if isinstance(alone, ast.Expr) else None
        return node is not None and matcher.node(node, fill.nodes[0]) is not None
    statements = tuple(node for node in fill.nodes if isinstance(node, ast.stmt))
    return matcher.block(*matcher.counted(body, statements), 1) is not None


@lru_cache(maxsize=4096)
def _parsed(pattern: str) -> list[ast.stmt]:
    """The statements of a pattern; the same ones are asked about again and again."""
    return parse(pattern).body


def _fit(code: Sequence[ast.stmt], fills: tuple[Fill, ...]) -> Fit:
    first = _line(code[0]) if code else 1
    last = max((_end_line(statement) for statement in code), default=first)
    return Fit(first, last, fills)


def _prefix(
    pattern: tuple[ast.stmt, ...], code: Sequence[ast.stmt], helpers: Set[str]
) -> Fit | None:
    stretches = any(_is_dots(s) or _is_blank_statement(s) for s in pattern)
    if not stretches and type(pattern[0]) is not type(code[0]):
        return None  # as nearly everywhere: this keeps looking around cheap
    longest = len(code) if stretches else len(pattern)
    for length in range(1 if stretches else longest, min(longest, len(code)) + 1):
        fills = _Matcher(helpers, skips=True).block(pattern, tuple(code[:length]), 1)
        if fills is not None:
            return _fit(code[:length], fills)
    return None


def _inside(fit: Fit, other: Fit) -> bool:
    return fit is not other and any(
        fill.line <= fit.first_line and fit.last_line <= fill.end_line
        for fill in other.fills
        if not fill.is_expression
    )


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        block = getattr(tree, field, None)
        if isinstance(block, list) and block:
            yield block
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _blocks(child)


Fills = tuple[Fill, ...]


class _Matcher:
    """One comparison: its rules, and the furthest place where it failed."""

    def __init__(
        self,
        helpers: Set[str] = frozenset(),
        skips: bool = False,
        any_dots: bool = False,
    ) -> None:
        self.helpers = helpers
        self.skips = skips
        self.any_dots = any_dots
        self._failed: tuple[int, ast.AST | None, ast.AST | None] | None = None

    @property
    def misfit(self) -> Misfit | None:
        """The place as it is told; most who compare don't ask."""
        if self._failed is None:
            return None
        line, expected, found = self._failed
        return Misfit(line, _headline(expected), _headline(found))

    def block(
        self, pattern: tuple[ast.stmt, ...], code: tuple[ast.stmt, ...], line: int
    ) -> Fills | None:
        """The fills of a block; ``line`` is where it would go on if it is empty."""
        if not pattern:
            if code:
                self._note(_line(code[0]), None, code[0])
                return None
            return ()
        head, rest = pattern[0], pattern[1:]
        if _is_blank_statement(head):
            return self._stretch(head, rest, code, line, at_least=1)
        if self.skips and _is_dots(head):
            return self._stretch(head, rest, code, line, at_least=0)
        if not code:
            self._note(line, head, None)
            return None
        fills = self.node(head, code[0])
        if fills is None:
            self._note(_line(code[0]), head, code[0])
            return None
        after = self.block(rest, code[1:], _end_line(code[0]))
        return None if after is None else fills + after

    def _stretch(
        self,
        head: ast.stmt,
        rest: tuple[ast.stmt, ...],
        code: tuple[ast.stmt, ...],
        line: int,
        at_least: int,
    ) -> Fills | None:
        """Let the head of a pattern take as few statements as will do."""
        if len(code) < at_least:
            self._note(line, head, None)
            return None
        before = self._failed
        # To take all that there is could only tell that the rest is missing.
        spared = any(not (self.skips and _is_dots(statement)) for statement in rest)
        for length in range(at_least, max(at_least, len(code) - spared) + 1):
            taken = (Fill(tuple(code[:length])),) if at_least else ()
            end = _end_line(code[length - 1]) if length else line
            after = self.block(rest, code[length:], end)
            if after is not None:
                self._failed = before  # a shorter stretch that failed is no fault
                return taken + after
        return None

    def node(self, pattern: object, code: object) -> Fills | None:
        """The fills of one node, or of a list or a plain value in a field."""
        if isinstance(pattern, ast.Name) and pattern.id == BLANK:
            return (Fill((code,)),) if isinstance(code, ast.expr) else None
        if self.any_dots and _is_dots(pattern) and isinstance(code, ast.expr):
            return ()
        if isinstance(pattern, list):
            return self._list(pattern, code)
        if isinstance(pattern, ast.AST):
            return self._fields(pattern, code)
        return () if type(pattern) is type(code) and pattern == code else None

    def _list(self, pattern: Sequence[object], code: object) -> Fills | None:
        if not isinstance(code, list):
            return None
        if any(isinstance(node, ast.stmt) for node in (*pattern[:1], *code[:1])):
            line = _line(code[0]) if code else 0  # its owner knows better
            return self.block(*self.counted(pattern, code), line)
        if len(pattern) != len(code):
            return None
        return self._all(zip(pattern, code, strict=True))

    def counted(
        self, pattern: Sequence[Any], code: Sequence[Any]
    ) -> tuple[tuple[ast.stmt, ...], tuple[ast.stmt, ...]]:
        """Both blocks without what is free; a fill may do nothing but look, too."""
        wanted = counted(pattern, self.helpers)
        kept = counted(code, self.helpers)
        all_free = len(kept) < len(wanted) and any(map(_is_blank_statement, wanted))
        return wanted, tuple(code) if all_free else kept

    def _fields(self, pattern: ast.AST, code: object) -> Fills | None:
        if _asks_with_is(pattern, code):
            code = _with_equals(code)
        if type(pattern) is not type(code):
            return None
        return self._all(
            (getattr(pattern, field, None), getattr(code, field, None))
            for field in pattern._fields
            if field not in _IRRELEVANT
        )

    def _all(self, pairs: Iterator[tuple[object, object]]) -> Fills | None:
        fills: Fills = ()
        for pattern, code in pairs:
            found = self.node(pattern, code)
            if found is None:
                return None
            fills += found
        return fills

    def _note(self, line: int, expected: ast.AST | None, found: ast.AST | None) -> None:
        if self._failed is None or line > self._failed[0]:
            self._failed = line, expected, found


def _asks_with_is(pattern: ast.AST, code: object) -> bool:
    """``assert x == __`` may come back as ``assert x is None``: linters do that."""
    match pattern, code:
        case (
            ast.Compare(ops=[ast.Eq()], comparators=[ast.Name(id="__")]),
            ast.Compare(ops=[ast.Is()], comparators=[ast.Constant()]),
        ):
            return True
    return False


def _with_equals(code: Any) -> ast.Compare:
    compare = ast.Compare(code.left, [ast.Eq()], code.comparators)
    return ast.copy_location(compare, code)


_IRRELEVANT = ("ctx", "type_comment", "kind", "type_ignores", "type_params")


def _is_blank_statement(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Name)
        and node.value.id == BLANK
    )


def _is_dots(node: object) -> bool:
    if isinstance(node, ast.Expr):
        node = node.value
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _line(node: ast.AST) -> int:
    decorators = getattr(node, "decorator_list", None)
    line: int = getattr(decorators[0] if decorators else node, "lineno", 1)
    return line


def _end_line(node: ast.AST) -> int:
    return getattr(node, "end_lineno", None) or _line(node)


def _headline(node: ast.AST | None) -> str | None:
    """The first line of a node's source: enough to recognise it."""
    return None if node is None else ast.unparse(node).strip().splitlines()[0]
