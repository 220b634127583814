"""An attempt: a filled koan that may be run, compiled from the tree that was read.

One thing is changed on the way: a check (an assert that stands directly in the
koan) does not raise but reports both of its sides to the engine, each worked out
once. Of a prediction only the left side is left: what was written for the blank
is not in the code that runs.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from sensei import blanks, comparing, looking, predictions
from sensei.blanks import Fill
from sensei.lesson import Koan
from sensei.notes import NotesError
from sensei.source import Function, Unreadable

if TYPE_CHECKING:
    from sensei.work import Work

REPORT = "a check of the koan"  # a global; no source can spell its name
IN_THE_FILL = -1

Arguments = Mapping[str, Any]  # what a koan is called with


@dataclass(frozen=True)
class Form:
    """A check as it stands in a koan: where, what it asks, how it compares.

    ``op`` is "==", "is", ..., or "" for an assert of a single value. ``tolerance``
    are the keywords of ``approx``, None where values are compared exactly.
    """

    statement: ast.Assert
    asks: str
    op: str
    tolerance: Mapping[str, Any] | None = None

    @property
    def line(self) -> int:
        return self.statement.lineno


@dataclass(frozen=True, eq=False)
class Attempt:
    """A koan with a fill. ``wrote`` is the fill as it was written, ``filename`` where
    tracebacks find it, ``lines`` the text that it was read from.
    """

    work: Work
    koan: Koan
    function: Function
    fill: Fill
    wrote: str
    filename: str
    lines: Sequence[str]

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """Its checks, in order; of a prediction the one with the blank."""
        checks = [node for node in self.function.body if isinstance(node, ast.Assert)]
        if self.koan.note.is_prediction:
            checks = [node for node in checks if _holds(node, self.fill)]
        else:
            checks = [node for node in checks if node not in self.fill.nodes]
        return tuple(map(_form, checks))

    @cached_property
    def code(self) -> CodeType:
        """The module of this one function, its decorators included.

        Raises SyntaxError and ValueError for what can't be compiled.
        """
        checks = {form.statement: i for i, form in enumerate(self.forms)}
        function = copy.copy(self.function)
        function.body = [
            self._reporting(checks[node]) if node in checks else node
            for node in self.function.body
        ]
        return compiled([function], self.filename)

    def _reporting(self, number: int) -> ast.Expr:
        """A check as a call that hands both its sides over."""
        form = self.forms[number]
        test = form.statement.test
        sides: list[ast.expr] = [ast.Constant(number)]
        if form.op and isinstance(test, ast.Compare):
            sides.append(test.left)
            if not self.koan.note.is_prediction:
                sides.append(_within_approx(test.comparators[0]))
        else:
            sides.append(test)
        call = ast.Call(ast.Name(REPORT, ast.Load()), sides, [])
        for node in (call, call.func, sides[0]):
            ast.copy_location(node, test)
        return ast.copy_location(ast.Expr(call), form.statement)

    def callable(self) -> Callable[..., object]:
        """The function by itself, in its lesson; raises NotImportable."""
        code = next(
            constant
            for constant in self.code.co_consts
            if isinstance(constant, CodeType) and constant.co_name == self.koan.name
        )
        return FunctionType(code, vars(self.work.module), self.koan.name)

    def prediction(self, arguments: Arguments) -> Any:
        """What was predicted, None for code; raises Refused for no prediction."""
        if not self.koan.note.is_prediction:
            return None
        names = {**self.work.modules, **arguments}
        return predictions.evaluate(self.fill.nodes[0], names)  # type: ignore[arg-type]

    @cached_property
    def named(self) -> str:
        """What the notes say to code that is spelled as a named mistake, run or not.

        "" for other code; raises NotesError.
        """
        for mistake in self.koan.note.mistakes:
            for text in mistake.fills:
                try:
                    if blanks.alike(text, self.fill, self.work.helpers):
                        return mistake.says
                except Unreadable as fault:
                    raise NotesError.of(self.koan.name, text, fault) from None
        return ""

    # ------------------------------------------------------------------- places

    def place(self, line: int) -> int:
        """A place that does not depend on the fill: the number of a given statement.

        What only looks is not counted; IN_THE_FILL for the statements of the fill.
        """
        fill, body = self.fill, self.function.body
        if not fill.is_expression and fill.holds_line(line):
            return IN_THE_FILL
        statements = list(_given_statements(body, fill, self.work.helpers))
        around = [i for i, node in enumerate(statements) if _is_on(node, line)]
        return around[-1] if around else 0

    def quoted(self, line: int) -> str:
        """What stands at a line, for a sentence that is the same in every layout."""
        nodes = (node for node in ast.walk(self.function) if isinstance(node, ast.stmt))
        around = [node for node in nodes if _is_on(node, line)]
        if not around:
            return "This koan"
        innermost = min(around, key=lambda node: (node.end_lineno or 0) - node.lineno)
        return f"`{ast.unparse(innermost).splitlines()[0]}`"

    def line_of(self, error: BaseException) -> int:
        """The deepest line of this koan in a traceback; 0 if none is there.

        A function beside it is given: what raises there was called from a line here.
        """
        end = self.function.end_lineno or self.function.lineno
        lines = range(self.function.lineno, end + 1)
        return line_in(error, self.filename, lines)

    @property
    def is_example(self) -> bool:
        return self.filename != self.work.path


def _given_statements(
    body: Sequence[ast.stmt], fill: Fill, helpers: frozenset[str]
) -> Iterator[ast.stmt]:
    for node in looking.counted(body, helpers):
        if node in fill.nodes:
            continue
        yield node
        for field in ("body", "orelse", "finalbody"):
            yield from _given_statements(getattr(node, field, []), fill, helpers)
        for handler in getattr(node, "handlers", []):
            yield from _given_statements(handler.body, fill, helpers)


def _is_on(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _holds(check: ast.Assert, fill: Fill) -> bool:
    return any(node is fill.nodes[0] for node in ast.walk(check))


def _form(check: ast.Assert) -> Form:
    test = check.test
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return Form(check, ast.unparse(test), "")
    op = comparing.SIGNS.get(type(test.ops[0]), "")
    tolerance = None
    if _is_approx(right := test.comparators[0]):
        tolerance = {k.arg: ast.literal_eval(k.value) for k in right.keywords if k.arg}  # type: ignore[attr-defined]
    return Form(
        check, ast.unparse(test.left) if op else ast.unparse(test), op, tolerance
    )


def _is_approx(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or len(node.args) != 1:
        return False
    name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
    return bool(name == "approx")


def _within_approx(node: ast.expr) -> ast.expr:
    return node.args[0] if _is_approx(node) else node  # type: ignore[attr-defined]


def compiled(body: list[ast.stmt], filename: str) -> CodeType:
    """Code of statements as they are, whatever this process was started with."""
    module = ast.Module(body, [])
    return compile(module, filename, "exec", dont_inherit=True, optimize=0)


def line_in(error: BaseException, filename: str, within: range | None = None) -> int:
    """The deepest line of a file (``within`` some of them) in a traceback.

    0 if none is there.
    """
    line, trace = 0, error.__traceback__
    while trace:
        is_here = trace.tb_frame.f_code.co_filename == filename
        if is_here and (within is None or trace.tb_lineno in within):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
