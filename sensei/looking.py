"""Statements that only look: ``print(p.grad)``, ``breakpoint()``, a note in quotes.

They are free everywhere in a koan: the matcher looks past them, and grading drops
them from an answer. (So one that raises is an error for pytest alone.)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence, Set

# Calls that look and do nothing else; a lesson's own helpers come on top.
_LOOKS = frozenset(
    (  # noqa: SIM905 (words read better as words)
        "abs all any bool dict dir enumerate float format id int isinstance item items "
        "join keys len list map max mean min named_parameters norm numel parameters "
        "range repr round set size sorted state_dict str sum tolist tuple type values "
        "vars zip"
    ).split()
)
_SHOWS = frozenset(["print", "pprint", "pp"])
_DEBUGGERS = frozenset(["pdb", "ipdb", "pprint"])
_WITH_EFFECTS = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)


def helpers(body: Iterable[ast.stmt]) -> frozenset[str]:
    """What ``from x import y`` brings: functions of a lesson that only look."""
    return frozenset(
        alias.asname or alias.name
        for node in body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


def only_looks(statement: ast.AST, helpers: Set[str] = frozenset()) -> bool:
    """Whether a statement does nothing but look at what is there."""
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.Expr(value=ast.Call() as call):
            return _shows(call, helpers)
        case ast.Import(names=names):
            return all(alias.name in _DEBUGGERS for alias in names)
        case ast.ImportFrom(module=module):
            return module in _DEBUGGERS
    return False


def _shows(call: ast.Call, helpers: Set[str]) -> bool:
    match call.func:
        case ast.Name(id="breakpoint"):
            return not call.args and not call.keywords
        case ast.Attribute(value=ast.Name(id="pdb" | "ipdb"), attr="set_trace"):
            return True
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="pprint"), attr=name):
            return name in _SHOWS and _has_no_effect(call, helpers)
    return False


def _has_no_effect(call: ast.Call, helpers: Set[str]) -> bool:
    inside = (node for part in ast.iter_child_nodes(call) for node in ast.walk(part))
    return not any(
        isinstance(node, _WITH_EFFECTS)
        or (isinstance(node, ast.Call) and _called(node) not in _LOOKS | helpers)
        for node in inside
    )


def _called(call: ast.Call) -> str:
    """The last name of what is called: "item" of p.grad.item()."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def counted(
    block: Sequence[ast.stmt], helpers: Set[str], owner: ast.AST | None = None
) -> tuple[ast.stmt, ...]:
    """The statements of a block that count: no docstring, nothing that only looks."""
    return tuple(statement for statement in block if not only_looks(statement, helpers))


def without_looking(nodes: Sequence[ast.AST], helpers: Set[str]) -> list[ast.AST]:
    """Statements as they are to be graded: what only looks is dropped, however deep.

    What is left of a block that did nothing else is ``pass``.
    """
    dropper = _Dropper(helpers)
    fresh = ast.parse("\n".join(ast.unparse(node) for node in nodes)).body
    return [ast.fix_missing_locations(node) for node in dropper.block(fresh)]


class _Dropper(ast.NodeTransformer):
    def __init__(self, helpers: Set[str]) -> None:
        self.helpers = helpers

    def block(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        kept = counted(statements, self.helpers)
        return [self.visit(statement) for statement in kept] or [ast.Pass()]

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, field, self.block(value))
            elif isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        self.visit(item)
            elif isinstance(value, ast.AST):
                self.visit(value)
        return node
