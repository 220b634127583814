"""What a fill of code may be, in grading: one table.

A fill is looked at before it is run, as a syntax tree. Each rule finds the first
thing in it that the rule forbids, and has a sentence that a learner can act on.
Predictions need none of this: ``sensei.predictions`` works them out by itself.

This keeps honest fills honest and makes cheating visible; it is no sandbox. Who
grades strangers' files runs the whole command in a container, as README says.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sensei.blanks import Fill, Function, find_blanks
from sensei.grading import names

MAX_TEXT = 10_000  # characters of a fill; the longest solution has 200
MAX_NODES = 2_000


@dataclass(frozen=True)
class Scope:
    """The names that a koan gives to its fill.

    ``known`` are all of them, ``given`` those that a fill may not rebind,
    ``modules`` what an imported name stands for ("torch.nn.functional" for F),
    ``classes`` the classes that the lesson defines or imports.
    """

    known: frozenset[str]
    given: frozenset[str]
    modules: Mapping[str, str]
    classes: frozenset[str]


@dataclass(frozen=True)
class Rule:
    """``finds`` gives what a fill has that it may not have; ``says`` tells why."""

    name: str
    says: str
    finds: Callable[[Looked], Iterator[str]]


@dataclass(frozen=True)
class Looked:
    """A fill that is looked at: its nodes, and what its names mean."""

    fill: Fill
    scope: Scope

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return [node for root in self.fill.nodes for node in ast.walk(root)]

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        return {c: node for node in self.nodes for c in ast.iter_child_nodes(node)}

    @cached_property
    def own(self) -> frozenset[str]:
        """The names that the fill itself binds, wherever in it."""
        return frozenset(name for node in self.nodes for name in bound_by(node))

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        while node in self.parents:
            node = self.parents[node]
            yield node

    def path(self, node: ast.AST) -> list[str] | None:
        """["torch", "nn", "Linear"] for a name or attribute below a module."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.scope.modules:
            return None
        return [*self.scope.modules[node.id].split("."), *reversed(parts)]


# -------------------------------------------------------------------- the rules


def _kinds(*kinds: type[ast.AST]) -> Callable[[Looked], Iterator[str]]:
    def finds(looked: Looked) -> Iterator[str]:
        return (shown(node) for node in looked.nodes if isinstance(node, kinds))

    return finds


def _too_long(looked: Looked) -> Iterator[str]:
    if len(looked.nodes) > MAX_NODES:
        yield "this"


def _dunders(looked: Looked) -> Iterator[str]:
    return (n for n in _all_names(looked) if n.startswith("__") or n.endswith("__"))


def _private(looked: Looked) -> Iterator[str]:
    for name in _all_names(looked):
        if name.startswith("_") and name not in names.PRIVATE_BUT_FREE:
            yield name


def _ways_out(looked: Looked) -> Iterator[str]:
    for node in looked.nodes:
        if isinstance(node, ast.Attribute) and (
            node.attr in names.FORBIDDEN or node.attr.startswith(names.FORBIDDEN_STARTS)
        ):
            yield shown(node)


def _rebindings(looked: Looked) -> Iterator[str]:
    for node in looked.nodes:
        if not _in_a_scope_of_its_own(looked, node):
            yield from (n for n in bound_by(node) if n in looked.scope.given)


def _assignments(looked: Looked) -> Iterator[str]:
    """Into anything but the few attributes of tensors that lessons are about."""
    for node in looked.nodes:
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            root: ast.expr = node
            while isinstance(root, ast.Attribute | ast.Subscript):
                root = root.value
            name = root.id if isinstance(root, ast.Name) else ""
            outside = name in looked.scope.modules or name in looked.scope.classes
            if outside or node.attr not in names.ASSIGNABLE:
                yield shown(node)


def _unknown_names(looked: Looked) -> Iterator[str]:
    free = looked.scope.known | looked.own | names.BUILTINS
    for node in looked.nodes:
        if isinstance(node, ast.Name) and node.id not in free:
            yield node.id


def _unlisted(looked: Looked) -> Iterator[str]:
    """What stands under a module and is not on its list; a module by itself."""
    for node in _outermost(looked):
        parts = looked.path(node)
        if parts and listed_length(parts) is None:
            yield shown(node)


def _bare_classes(looked: Looked) -> Iterator[str]:
    """A class that is neither called, nor looked into, nor asked about."""
    for node in _outermost(looked):
        parts = looked.path(node)
        is_class = bool(
            parts and listed_length(parts) == len(parts) and parts[-1][:1].isupper()
        ) or (isinstance(node, ast.Name) and node.id in looked.scope.classes)
        if is_class and not _is_used_as_a_class(looked, node):
            yield shown(node)


RULES = (
    Rule("size", "It is too long for an answer.", _too_long),
    Rule(
        "import",
        "`{}`: an answer imports nothing. What it needs is imported already.",
        _kinds(ast.Import, ast.ImportFrom),
    ),
    Rule(
        "scope",
        "`{}`: an answer can't reach out of its koan. Take it out.",
        _kinds(ast.Global, ast.Nonlocal),
    ),
    Rule(
        "leaving",
        "`{}`: an answer can't leave its koan, wait or check. Take it out; a small "
        "function can be a lambda.",
        _kinds(
            ast.Return,
            ast.Raise,
            ast.Yield,
            ast.YieldFrom,
            ast.Await,
            ast.Assert,
            ast.AsyncFor,
            ast.AsyncWith,
            ast.AsyncFunctionDef,
        ),
    ),
    Rule(
        "class",
        "`{}`: no koan asks for a class. Write it without.",
        _kinds(ast.ClassDef),
    ),
    Rule("dunder", "`{}`: names with two underscores are Python's own.", _dunders),
    Rule(
        "private", "`{}`: a name with an underscore before it is not for use.", _private
    ),
    Rule("way out", "`{}` leads out of the koan. Do without it.", _ways_out),
    Rule(
        "rebinding",
        "`{}` is given: an answer may not make it something else. Take another name.",
        _rebindings,
    ),
    Rule(
        "assignment",
        "`{}`: an answer may assign to what its koan is about, such as p.grad or "
        "p.requires_grad, not to this.",
        _assignments,
    ),
    Rule(
        "name",
        "`{}` is no name of this koan, and none of those that are free in grading.",
        _unknown_names,
    ),
    Rule(
        "module",
        "`{}` is not free in grading: tensors, autograd, nn, optim, amp and func are.",
        _unlisted,
    ),
    Rule(
        "bare class",
        "`{}`: an answer may call a class, not hand it on. Call it, or do without.",
        _bare_classes,
    ),
)


def refusal(fill: Fill, scope: Scope) -> tuple[str, str] | None:
    """The rule that a fill breaks, by its name, and the sentence; None if none."""
    looked = Looked(fill, scope)
    for rule in RULES:
        if (found := next(rule.finds(looked), None)) is not None:
            return rule.name, rule.says.format(found)
    return None


def listed_length(parts: list[str]) -> int | None:
    """How much of a dotted path a list allows: as far as the listed name.

    What follows is an attribute of that. None where nothing is listed.
    """
    module = parts[0]
    if module not in names.MODULES:
        return None
    for i, part in enumerate(parts[1:], 2):
        if f"{module}.{part}" in names.MODULES:
            module = f"{module}.{part}"
        else:
            return i if names.is_listed(module, part) else None
    return None


def shown(node: ast.AST) -> str:
    """The first line of a piece of code, shortened."""
    text = ast.unparse(node).strip().splitlines()[0]
    return text if len(text) <= 60 else text[:57] + "..."


def _all_names(looked: Looked) -> Iterator[str]:
    for node in looked.nodes:
        for field in ("id", "attr", "arg", "name", "rest", "kwd_attrs"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield value
            elif isinstance(value, list):
                yield from value


def _outermost(looked: Looked) -> Iterator[ast.AST]:
    """Names and attributes that are not the front part of a longer attribute."""
    for node in looked.nodes:
        if isinstance(node, ast.Name | ast.Attribute) and not isinstance(
            looked.parents.get(node), ast.Attribute
        ):
            yield node


def _is_used_as_a_class(looked: Looked, node: ast.AST) -> bool:
    parent = looked.parents.get(node)
    if isinstance(parent, ast.Call) and parent.func is node:
        return True
    return any(
        isinstance(above, ast.Call)
        and isinstance(above.func, ast.Name)
        and above.func.id in ("isinstance", "issubclass")
        for above in looked.above(node)
    )


def bound_by(node: ast.AST) -> Iterator[str]:
    """The names that one node binds or deletes."""
    match node:
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield node.id
        case ast.arg():
            yield node.arg
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.ExceptHandler(name=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case ast.Import() | ast.ImportFrom():
            yield from ((a.asname or a.name).partition(".")[0] for a in node.names)


OWN_SCOPES = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)


def _in_a_scope_of_its_own(looked: Looked, node: ast.AST) -> bool:
    """Bound in a comprehension, a lambda or a function of the fill: not outside."""
    if isinstance(node, ast.FunctionDef):
        return any(isinstance(above, ast.FunctionDef) for above in looked.above(node))
    parent = looked.parents.get(node)
    if isinstance(parent, ast.NamedExpr) and parent.target is node:
        return any(
            isinstance(above, ast.FunctionDef | ast.Lambda)
            for above in looked.above(node)
        )
    return any(
        isinstance(above, (*OWN_SCOPES, ast.FunctionDef))
        for above in looked.above(node)
    )


# ------------------------------------------------------------------ a koan's scope


def scope_of(lesson: ast.Module, koan: Function, right: list[Fill]) -> Scope:
    """The scope of a koan as given; ``right`` are fills that are known to be right.

    What a right answer rebinds, such as ``real += 1``, every answer may.
    """
    top = [name for node in lesson.body for name in bound_at_top(node)]
    inside = list(_visible(koan))
    rebound = {
        name
        for fill in right
        for n in fill.nodes
        for x in ast.walk(n)
        for name in bound_by(x)
    }
    modules = {
        name: path for node in lesson.body for name, path in _imported_modules(node)
    }
    known = frozenset([*top, *inside])
    return Scope(
        known=known,
        given=(known | names.BUILTINS) - (rebound - set(top)) - {"_"},
        modules=modules,
        classes=frozenset(_classes(lesson)),
    )


def _visible(node: ast.AST) -> Iterator[str]:
    """The names that are bound where a koan's blank can see them."""
    for child in ast.iter_child_nodes(node):
        yield from bound_by(child)
        apart = isinstance(child, (*OWN_SCOPES, Function, ast.ClassDef))
        if not apart or find_blanks(child):
            yield from _visible(child)


def bound_at_top(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, Function | ast.ClassDef | ast.Import | ast.ImportFrom):
        yield from bound_by(node)
    else:
        yield from (name for inner in ast.walk(node) for name in bound_by(inner))


def _imported_modules(node: ast.stmt) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            yield name, alias.name if alias.asname else name
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            path = f"{node.module}.{alias.name}"
            if path in names.MODULES:
                yield alias.asname or alias.name, path


def _classes(lesson: ast.Module) -> Iterator[str]:
    for node in lesson.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        if isinstance(node, ast.ImportFrom):
            yield from (n for n in bound_by(node) if n[:1].isupper())
