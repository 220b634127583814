"""Statements that only look: ``print(kept)``, ``breakpoint()``, a note in quotes.

They are free everywhere in a koan: the matcher looks past them, and grading drops
them from an answer. (So one that raises is an error for pytest alone.)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

# Calls that look and do nothing else: Python's own functions, on top of which come a
# lesson's helpers, and methods. A name of the learner's own is neither.
_FUNCTIONS = frozenset(
    (  # noqa: SIM905 (words read better as words)
        "abs all any bool dict dir enumerate float format id int isinstance len list "
        "max min range repr round set sorted str sum tuple type vars zip"
    ).split()
)
_METHODS = frozenset(
    (  # noqa: SIM905
        "all any dim float format int item items join keys max mean min "
        "named_parameters norm numel parameters size state_dict sum tolist type values"
    ).split()
)
_SHOWS = frozenset(["print", "pprint", "pp"])
_DEBUGGERS = frozenset(["pdb", "ipdb", "pprint"])
_WITH_EFFECTS = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)


def helpers(body: Iterable[ast.stmt], folder: Path) -> frozenset[str]:
    """What ``from x import y`` brings from a file of the folder of koans.

    Those are functions of the course that only look.
    """
    return frozenset(
        alias.asname or alias.name
        for node in body
        if isinstance(node, ast.ImportFrom) and (folder / f"{node.module}.py").exists()
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
        or (isinstance(node, ast.Call) and not _call_looks(node, helpers))
        for node in inside
    )


def _call_looks(call: ast.Call, helpers: Set[str]) -> bool:
    """``key=`` would call what nobody has looked at."""
    if any(keyword.arg == "key" for keyword in call.keywords):
        return False
    match call.func:
        case ast.Name(id=name):
            return name in _FUNCTIONS | helpers
        case ast.Attribute(attr=name):
            return name in _METHODS
    return False


def counted(block: Sequence[ast.stmt], helpers: Set[str]) -> tuple[ast.stmt, ...]:
    """The statements of a block that count: no docstring, nothing that only looks."""
    return tuple(statement for statement in block if not only_looks(statement, helpers))


def without_looking(nodes: Sequence[ast.AST], helpers: Set[str]) -> list[ast.AST]:
    """Statements as they are to be graded: what only looks is dropped, however deep.

    What is left of a block that did nothing else is ``pass``.
    """
    tree = ast.parse("\n".join(ast.unparse(node) for node in nodes))
    for node in ast.walk(tree):
        for _, block in ast.iter_fields(node):
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                block[:] = counted(block, helpers) or [ast.Pass()]
    return [ast.fix_missing_locations(node) for node in tree.body]
