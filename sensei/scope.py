"""The names that a koan gives to its fill, and what binds a name in Python.

``allowed`` reads a fill against them.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sensei.blanks import Fill, find_blanks
from sensei.source import Function

Bindings = dict[str, str | None]  # each name with what it imports, if it does
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (*COMPREHENSIONS, ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Scope:
    """The names that a koan gives to its fill.

    ``given`` are those of them that a fill may not rebind, ``imports`` what a name
    stands for ("os.path" after ``from os import path``), ``classes`` the lesson's own.
    """

    known: frozenset[str]
    given: frozenset[str]
    imports: Mapping[str, str]
    classes: frozenset[str]


def scope_of(
    module_body: Sequence[ast.stmt], koan: Function, fill: Fill | None = None
) -> Scope:
    """The scope of a koan with ``__`` in it or, where that is filled, with the fill."""
    blank = {id(node) for node in (fill.nodes if fill else find_blanks(koan))}
    top = dict(bound(module_body))
    inside: Bindings = {}
    for scope in _around(koan, blank) or []:
        inside |= own(scope, blank)
    names = {**top, **inside}
    imports = {name: path for name, path in names.items() if path}
    functions = {node.name for node in ast.walk(koan) if isinstance(node, Function)}
    classes = {node.name for node in module_body if isinstance(node, ast.ClassDef)}
    return Scope(
        known=frozenset(names),
        given=frozenset(
            name
            for name in names
            if name not in inside or name in imports or name in functions
        ),
        imports=imports,
        classes=frozenset(classes - inside.keys()),
    )


def _around(node: ast.AST, blank: Collection[int]) -> list[ast.AST] | None:
    """The scopes around a blank, the outer ones first; None if it is elsewhere."""
    if id(node) in blank:
        return []
    for child in ast.iter_child_nodes(node):
        if (inner := _around(child, blank)) is not None:
            return [node, *inner] if isinstance(node, _SCOPES) else inner
    return None


def own(scope: ast.AST, without: Collection[int] = ()) -> Bindings:
    """The names of a scope that is opened inside a koan."""
    match scope:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return dict(bound([scope.args, *scope.body], without))
        case ast.Lambda():
            return dict(bound([scope.args, scope.body], without))
    generators: list[ast.comprehension] = getattr(scope, "generators", [])
    return dict(bound([generator.target for generator in generators], without))


def bound(
    nodes: Iterable[ast.AST], without: Collection[int] = ()
) -> Iterator[tuple[str, str | None]]:
    """The names that nodes bind in the scope that they stand in."""
    for node in nodes:
        if id(node) in without:
            continue
        yield from binds(node)
        below: Iterable[ast.AST] = ast.iter_child_nodes(node)
        match node:
            case ast.Lambda() | ast.FunctionDef() | ast.AsyncFunctionDef():
                continue
            case ast.ClassDef() | ast.arg():
                continue
            case ast.comprehension():  # its target is bound in a scope of its own
                below = [node.iter, *node.ifs]
            case ast.AnnAssign():  # what stands in the annotation never runs
                below = [node.target, *filter(None, [node.value])]
        yield from bound(below, without)


def binds(node: ast.AST) -> Iterator[tuple[str, str | None]]:
    """The names that one node binds, each with what it imports."""
    match node:
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield node.id, None
        case ast.arg():
            yield node.arg, None
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name, None
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name, None
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name, None
        case ast.Import():
            for alias in node.names:
                first = alias.name.partition(".")[0]
                yield alias.asname or first, alias.name if alias.asname else first
        case ast.ImportFrom():
            for alias in node.names:
                yield alias.asname or alias.name, f"{source_of(node)}.{alias.name}"


def source_of(node: ast.ImportFrom) -> str:
    """The module that is imported from, with the dots of a relative one."""
    return "." * node.level + (node.module or "")
