"""What a fill of code may use: one table, asked before anything runs.

``Work`` asks here for every fill of code, so pytest, watch and grading refuse the
same ones. The table lists what is allowed: forms of syntax here, names here (plain
Python) and in the course's ``free.toml``. What is on no list is refused; nothing is
listed as forbidden. It keeps honest answers honest. It is no sandbox: what holds
when it fails is the fence around grading.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sensei.blanks import Fill
from sensei.free import Free
from sensei.listed import is_dunder, words
from sensei.scope import COMPREHENSIONS, Bindings, Scope, binds, bound, own, source_of

MAX_TEXT = 10_000  # characters of its names and texts; the longest solution has 200
MAX_NODES = 2_000

# {} is the piece of code that breaks the rule, {more} what it says besides.
RULES = {
    "size": "This is too long for an answer. A few lines will do.",
    "form": "`{}`: an answer can't have this. {more}",
    "leaving": "`{}` would leave the code around the blank before its end. Take it "
    "out; only a function of your own may return.",
    "dunder": "`{}`: names with two underscores are Python's own. Do without it.",
    "private": "`{}`: a name that begins with an underscore is not for use here. "
    "Take another name.",
    "name": "`{}` is no name of this koan, and not on the list of what an answer may "
    "use here. Check its spelling, or import it.",
    "attribute": "`{}`: {more} is not on the list of what an answer may use here. "
    "Check its spelling, or find another way.",
    "module": "`{}` is not on the list of what an answer may use here. Check its "
    "spelling, or find another way.",
    "whole module": "`{}` is a module. Use what is in it; don't hand it on as a whole.",
    "bare class": "`{}` is a class. Call it, or ask about it, as in "
    "`isinstance(x, {})`; don't hand it on.",
    "plain call": "`{}`: an answer may use this only as in `{more}`.",
    "assignment": "`{}` can't be changed here. What can: {more}.",
    "rebinding": "`{}` is given, and has to stay what it is. Take another name.",
    "deleting": "`{}` is given, and has to stay. Take the del out.",
    "import": "`{}` is not on the list of what an answer may import. Find another way.",
    "decorator": "`@{}`: only what was imported may stand behind an @. Call the "
    "function instead.",
}

ADVICE: dict[type[ast.AST], str] = {
    ast.ClassDef: "Functions will do.",
    ast.Global: "Let a function return the value.",
    ast.Nonlocal: "Let the inner function return the value.",
    ast.Yield: "Make a list.",
    ast.YieldFrom: "Make a list.",
    ast.MatchClass: "Ask with `if isinstance(...)`.",
}

# What may only be called, where it stands: with how many arguments, and an example.
PLAIN_CALLS = {
    "breakpoint": ((0,), "breakpoint()"),
    "copy.copy": ((1,), "copy.copy(x)"),
    "copy.deepcopy": ((1,), "copy.deepcopy(x)"),  # its memo holds x.__dict__
    "getattr": ((2, 3), 'getattr(x, "real")'),
    "hasattr": ((2,), 'hasattr(x, "real")'),
    "setattr": ((3,), 'setattr(x, "name", 1)'),
    "type": ((1,), "type(x) is float"),
}


@dataclass(frozen=True)
class Refusal:
    """Why a fill may not run: the rule, a sentence for the learner, the line."""

    rule: str
    sentence: str
    line: int


Looks = Callable[[ast.stmt], bool]


def refusal(
    fill: Fill, scope: Scope, free: Free, looks: Looks | None = None
) -> Refusal | None:
    """Why a fill of code may not run; None if it may.

    ``looks`` picks statements that nothing is asked about: those that only look,
    where they are dropped before a run that counts.
    """
    try:
        _check_size(fill)
        reader = _Reader(scope, free, looks)
        reader.within(None, dict(bound(fill.nodes)), fill.nodes)
    except _Refused as refused:
        return refused.refusal
    return None


class _Refused(Exception):
    def __init__(
        self, rule: str, node: ast.AST, what: str = "", more: str = ""
    ) -> None:
        what = what or _shown(node)
        sentence = RULES[rule].replace("{more}", more).replace("{}", what)
        self.refusal = Refusal(rule, sentence.strip(), getattr(node, "lineno", 0))


def _shown(node: ast.AST) -> str:
    """The first line of a piece of code, shortened."""
    text = ast.unparse(node).strip().splitlines()[0]
    return text if len(text) <= 60 else text[:57] + "..."


def _check_size(fill: Fill) -> None:
    """What is nested too deeply to be walked was refused as it was read."""
    nodes = [node for part in fill.nodes for node in ast.walk(part)]
    if len(nodes) > MAX_NODES or sum(map(_length, nodes)) > MAX_TEXT:
        raise _Refused("size", fill.nodes[0], "this")


def _length(node: ast.AST) -> int:
    word = getattr(node, "id", None) or getattr(node, "attr", None)
    word = word or getattr(node, "value", None)
    return len(word) if isinstance(word, str | bytes) else 0


_MARKS = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
_ASKING_CALLS = words("isinstance issubclass print repr str")
_ASKING = (ast.Compare, ast.MatchValue, ast.FormattedValue)
_PASSING = (ast.Tuple, ast.List, ast.Set, ast.BinOp)


class _Reader:
    """One walk over a fill, in its order; raises _Refused at the first fault.

    ``frames`` are the scopes that are open, the fill's own first, each with the node
    that opened it. ``asked`` is whether a class may stand where the walk is: there
    it is only asked about, and nobody can keep it.
    """

    def __init__(self, scope: Scope, free: Free, looks: Looks | None) -> None:
        self.scope, self.free, self.looks = scope, free, looks
        self.frames: list[tuple[ast.AST | None, Bindings]] = []

    def within(
        self, opener: ast.AST | None, names: Bindings, nodes: Iterable[ast.AST]
    ) -> None:
        self.frames.append((opener, names))
        self.visit_all(nodes)
        self.frames.pop()

    def visit(self, node: ast.AST, asked: bool = False) -> None:
        if self.looks and isinstance(node, ast.stmt) and self.looks(node):
            return
        read = _FORMS.get(type(node))
        if read is None:
            more = ADVICE.get(type(node), "Write it in a simpler way.")
            raise _Refused("form", node, more=more)
        read(self, node, asked)

    def visit_all(self, nodes: Iterable[ast.AST | None], asked: bool = False) -> None:
        for node in nodes:
            if node is not None and not isinstance(node, _MARKS):
                self.visit(node, asked)

    def parts(self, node: ast.AST, asked: bool) -> None:
        asks = isinstance(node, _ASKING) or (asked and isinstance(node, _PASSING))
        self.visit_all(ast.iter_child_nodes(node), asks)

    # ------------------------------------------------------- names and attributes

    def name(self, node: ast.Name, asked: bool) -> None:
        self.spell(node.id, node)
        if not isinstance(node.ctx, ast.Load):
            self.bind(node.id, node)
            if isinstance(node.ctx, ast.Del):
                self.delete(node)
        elif path := self.path(node):
            self.imported(path, node, asked)
        elif node.id in self.scope.classes and not asked and not self.isown(node.id):
            raise _Refused("bare class", node)
        elif not self.is_known(node.id):
            if node.id not in self.free.builtins:
                raise _Refused("name", node)
            self.handed_on(node.id, node)

    def spell(self, name: str, node: ast.AST) -> None:
        if is_dunder(name):
            raise _Refused("dunder", node)
        if name.startswith("_") and name != "_" and name not in self.scope.known:
            raise _Refused("private", node, name)

    def isown(self, name: str) -> bool:
        return any(name in names for _, names in self.frames)

    def is_known(self, name: str) -> bool:
        return name in self.scope.known or self.isown(name)

    def handed_on(self, function: str, node: ast.AST) -> None:
        if function in PLAIN_CALLS:
            raise _Refused("plain call", node, more=PLAIN_CALLS[function][1])

    def path(self, node: ast.AST) -> str:
        """What is reached through an import: m.pi is "math.pi"; "" for what is not."""
        if isinstance(node, ast.Attribute):
            path = self.path(node.value)
            return path and f"{path}.{node.attr}"
        if not isinstance(node, ast.Name):
            return ""
        for _, names in reversed(self.frames):
            if node.id in names:
                return names[node.id] or ""
        return self.scope.imports.get(node.id, "")

    def imported(self, path: str, node: ast.AST, asked: bool) -> None:
        """Listed of a module, then attributes; a class only where it is asked about."""
        parts = path.split(".")
        ends = range(len(parts), 0, -1)
        end = next((n for n in ends if ".".join(parts[:n]) in self.free.modules), 0)
        if end == len(parts):
            raise _Refused("whole module", node)
        if not self.free.lists(".".join(parts[:end]), parts[end]):
            raise _Refused("dunder" if is_dunder(parts[-1]) else "module", node)
        for attribute in parts[end + 1 :]:
            self.listed(attribute, node)
        if end + 1 == len(parts) and parts[end][0].isupper() and not asked:
            raise _Refused("bare class", node)
        self.handed_on(path, node)

    def attribute(self, node: ast.Attribute, asked: bool) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.assign(node, node.value, node.attr)
        elif path := self.path(node):
            self.imported(path, node, asked)
        else:
            self.listed(node.attr, node)
            self.visit(node.value, asked=isinstance(node.value, ast.Name))

    def listed(self, attribute: str, node: ast.AST) -> None:
        if is_dunder(attribute):
            raise _Refused("dunder", node)
        if attribute not in self.free.attributes:
            raise _Refused("attribute", node, more=attribute)

    def subscript(self, node: ast.Subscript, asked: bool) -> None:
        """list[Class] asks; another dict could keep what it is asked for."""
        value = node.value
        is_builtin = isinstance(value, ast.Name) and not self.is_known(value.id)
        self.visit(value)
        self.visit(node.slice, asked and is_builtin)

    # -------------------------------------------------------------------- binding

    def assign(self, node: ast.AST, owner: ast.expr, attribute: str) -> None:
        """Into an attribute, which has to be assignable, of no module and no class."""
        root = owner
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        is_class = isinstance(root, ast.Name) and root.id in self.scope.classes
        if self.path(root) or is_class or attribute not in self.free.assignable:
            more = "names, entries such as x[0]"
            if names := [f".{name}" for name in sorted(self.free.assignable)]:
                more += f", and of a value (no class, no module) {', '.join(names)}"
            raise _Refused("assignment", node, more=more)
        self.visit(owner)

    def bind(
        self, name: str, node: ast.AST, path: str | None = None, at: int = -1
    ) -> None:
        """A name in the frame at ``at`` gets a value; no name is a module and not."""
        self.spell(name, node)
        opener, names = self.frames[at]
        again = path is not None and self.scope.imports.get(name) == path
        is_kept = opener is None and not again and self.is_kept(name, path)
        if is_kept or names.get(name, path) != path:
            raise _Refused("rebinding", node, name)

    def is_kept(self, name: str, path: str | None) -> bool:
        """Whether a name has to stay what it is to the koan around the fill."""
        if name not in self.scope.known:
            return name in self.free.builtins
        return name != "_" and (name in self.scope.given or path is not None)

    def delete(self, node: ast.Name) -> None:
        if self.frames[-1][0] is None and node.id in self.scope.known:
            raise _Refused("deleting", node)

    def walrus(self, node: ast.NamedExpr, asked: bool) -> None:
        """Its name is in the function around, whatever comprehensions lie between."""
        self.visit(node.value)
        around = [isinstance(opener, COMPREHENSIONS) for opener, _ in self.frames]
        at = len(around) - 1 - around[::-1].index(False)
        self.bind(node.target.id, node, at=at)

    def imports(self, node: ast.Import | ast.ImportFrom, asked: bool) -> None:
        for alias in node.names:
            whole = alias.name
            if isinstance(node, ast.ImportFrom):
                whole = f"{source_of(node)}.{alias.name}"
                if self.free.lists(source_of(node), alias.name):
                    continue
            if whole not in self.free.modules:
                raise _Refused("import", node)
        for name, path in binds(node):
            self.bind(name, node, path)

    def captures(self, node: ast.AST, asked: bool) -> None:
        """``except ... as name``, ``case ... as name``."""
        for name, _ in binds(node):
            self.bind(name, node)
        for child in ast.iter_child_nodes(node):
            self.visit(child, asked=isinstance(node, ast.ExceptHandler))

    def annotated(self, node: ast.AnnAssign, asked: bool) -> None:
        if not node.value and not node.simple:  # `(len): int` binds nothing
            raise _Refused("form", node, more="Give it a value.")
        self.visit(node.annotation, asked=True)
        self.visit_all([node.target, node.value])

    # ------------------------------------------------------------ calls and scopes

    def call(self, node: ast.Call, asked: bool) -> None:
        function = self.path(node.func)
        if isinstance(node.func, ast.Name) and not self.is_known(node.func.id):
            function = node.func.id
        if function in PLAIN_CALLS:
            self.plain_call(function, node, asked)
        else:
            self.visit(node.func, isinstance(node.func, ast.Name | ast.Attribute))
        self.visit_all(node.args, asked=function in _ASKING_CALLS)
        self.visit_all(node.keywords)

    def plain_call(self, function: str, node: ast.Call, asked: bool) -> None:
        counts, _ = PLAIN_CALLS[function]
        starred = any(isinstance(argument, ast.Starred) for argument in node.args)
        if node.keywords or starred or len(node.args) not in counts:
            self.handed_on(function, node)
        if function == "type" and not asked:
            self.handed_on(function, node)
        if function.endswith("attr"):
            name = getattr(node.args[1], "value", None)
            if not isinstance(node.args[1], ast.Constant) or not isinstance(name, str):
                return self.handed_on(function, node)
            if function == "setattr":
                self.assign(node, node.args[0], name)
            self.listed(name, node)
        return None

    def keyword(self, node: ast.keyword, asked: bool) -> None:
        self.spell(node.arg or "", node)
        self.visit(node.value)

    def comprehension(self, node: ast.ListComp, asked: bool) -> None:
        first, *others = node.generators
        self.visit(first.iter)  # it is worked out in the scope around
        parts: list[ast.AST] = [first.target, *first.ifs]
        for part in node.generators:
            if part.is_async:
                raise _Refused("form", node, more="Write it without async.")
        for part in others:
            parts += [part.target, part.iter, *part.ifs]
        values = (c for c in ast.iter_child_nodes(node) if c not in node.generators)
        self.within(node, own(node), [*parts, *values])

    def function(self, node: ast.FunctionDef, asked: bool) -> None:
        for decorator in node.decorator_list:
            named = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not self.path(named):
                raise _Refused("decorator", decorator)
        self.visit_all([*node.decorator_list, *getattr(node, "type_params", [])])
        self.bind(node.name, node)
        self.visit_all([node.returns], asked=True)
        self.scope_within(node, node.args, node.body)

    def lambda_(self, node: ast.Lambda, asked: bool) -> None:
        self.scope_within(node, node.args, [node.body])

    def scope_within(
        self, node: ast.AST, arguments: ast.arguments, body: Sequence[ast.AST]
    ) -> None:
        # Worked out where the function is defined, not inside it.
        self.visit_all([*arguments.defaults, *arguments.kw_defaults])
        single = filter(None, (arguments.vararg, arguments.kwarg))
        several = (arguments.posonlyargs, arguments.args, arguments.kwonlyargs)
        every = [*itertools.chain(*several), *single]
        self.visit_all((argument.annotation for argument in every), asked=True)
        self.within(node, own(node), [*every, *body])

    def argument(self, node: ast.arg, asked: bool) -> None:
        self.bind(node.arg, node)

    def leave(self, node: ast.Return, asked: bool) -> None:
        if not any(isinstance(opener, ast.FunctionDef) for opener, _ in self.frames):
            raise _Refused("leaving", node)
        self.parts(node, asked=False)


# The forms of syntax that are allowed, and who reads each.
_FORMS: dict[type[ast.AST], Callable[[_Reader, Any, bool], None]] = {
    **dict.fromkeys(
        (
            *(ast.Expr, ast.Assign, ast.AugAssign, ast.Delete, ast.Pass, ast.Assert),
            *(ast.If, ast.For, ast.While, ast.Break, ast.Continue, ast.With),
            *(ast.withitem, ast.Try, ast.Raise, ast.Match, ast.match_case),
            *(ast.MatchValue, ast.MatchSingleton, ast.MatchOr, ast.MatchSequence),
            *(ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Dict),
            *(ast.Set, ast.List, ast.Tuple, ast.Slice, ast.Starred, ast.Constant),
            *(ast.JoinedStr, ast.FormattedValue),
        ),
        _Reader.parts,
    ),
    **dict.fromkeys((ast.Import, ast.ImportFrom), _Reader.imports),
    **dict.fromkeys(COMPREHENSIONS, _Reader.comprehension),
    **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar), _Reader.captures),
    ast.Name: _Reader.name,
    ast.Attribute: _Reader.attribute,
    ast.Subscript: _Reader.subscript,
    ast.NamedExpr: _Reader.walrus,
    ast.Call: _Reader.call,
    ast.keyword: _Reader.keyword,
    ast.FunctionDef: _Reader.function,
    ast.Lambda: _Reader.lambda_,
    ast.arg: _Reader.argument,
    ast.AnnAssign: _Reader.annotated,
    ast.Return: _Reader.leave,
}
