"""A learner's text of a lesson: read once, and what is read is what runs.

It finds the koans in a file, what stands in their blanks, and what is wrong with
each. pytest, watch, grading and the tests of a course all begin here.
"""

from __future__ import annotations

import ast
import copy
import linecache
import sys
import textwrap
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from sensei import allowed, blanks, edit, faults, looking, source
from sensei.attempt import Attempt, compiled, line_in
from sensei.blanks import Fill
from sensei.lesson import Koan, Lesson, NotAsGiven, functions
from sensei.scope import Scope, scope_of
from sensei.source import Function, Unreadable
from sensei.verdicts import Kind, Verdict


class NotImportable(Exception):
    """What stands around the koans raised when it was run; ``line`` says where."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class Work:
    """A lesson file as somebody left it; ``path`` is where tracebacks find it.

    Reading raises nothing for what is in the file: each koan has its own fault.
    """

    def __init__(self, lesson: Lesson, data: bytes, path: str = "") -> None:
        self.lesson = lesson
        self.path = path or str(lesson.path)
        self.text = ""
        self.around: list[ast.stmt] = []
        self.found: dict[str, list[Function]] = {}
        self.faults: dict[str, Unreadable] = {}
        self.unknown: list[Unreadable] = []  # in a koan whose name can't be read
        self.fault: Unreadable | None = None
        self._attempts: dict[str, Attempt | Verdict] = {}
        self._blanks: dict[str, int | None] = {}  # their lines
        self.outcomes: dict[tuple[object, ...], Any] = {}  # of examples, see diagnosis
        try:
            self.text = source.decode(data)
            pieces = source.parse_pieces(self.text)
        except Unreadable as fault:
            self.fault = fault
            return
        self._take(pieces)

    def _take(self, pieces: Sequence[source.Piece]) -> None:
        for piece in pieces:
            self._sort(piece.body)
            if piece.fault and piece.koan in self.lesson.notes.koans:
                self.faults[piece.koan] = piece.fault
            elif piece.fault and piece.koan:
                self.unknown.append(piece.fault)
            elif piece.fault:
                self.fault = self.fault or piece.fault

    def _sort(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, Function) and node.name in self.lesson.notes.koans:
                self.found.setdefault(node.name, []).append(node)
            else:
                self.around.append(node)

    @cached_property
    def helpers(self) -> frozenset[str]:
        """The functions of the lesson that only look."""
        pristine = self.lesson.pristine
        if pristine:
            return pristine.helpers
        return looking.helpers(self.around, self.lesson.course.koans)

    @cached_property
    def lines(self) -> list[str]:
        return source.lines_of(self.text)

    # ------------------------------------------------------------------- one koan

    def line(self, koan: Koan) -> int:
        """Where a koan is defined; 1 where it is not there."""
        found = self.found.get(koan.name)
        return found[0].lineno if found else 1

    def question(self, koan: Koan) -> str:
        """What a koan tells and asks: its docstring."""
        found = self.found.get(koan.name)
        return koan.question or ((ast.get_docstring(found[0]) or "") if found else "")

    def blank_line(self, koan: Koan) -> int | None:
        """The line of a koan's first ``__``; None when it is filled or not there."""
        if koan.name not in self._blanks:
            self._blanks[koan.name] = self._blank_line(koan)
        return self._blanks[koan.name]

    def _blank_line(self, koan: Koan) -> int | None:
        for function in self.found.get(koan.name, []):
            text = self.lines[function.lineno - 1 : function.end_lineno]
            maybe = any(blanks.BLANK in line for line in text)  # before walking a tree
            if maybe and (left := blanks.find_blanks(function)):
                return left[0].lineno
        return None

    def is_filled(self, koan: Koan) -> bool:
        return koan.name in self.found and self.blank_line(koan) is None

    def function(self, koan: Koan) -> Function:
        """A koan's one definition; raises NotAsGiven, Unreadable."""
        if koan.name in self.faults:
            raise self.faults[koan.name]
        found = self.found.get(koan.name, [])
        if not found and (fault := next(iter(self.unknown), self.fault)):
            raise fault
        if not found:
            raise NotAsGiven(f"{koan.name} is not there any more{self._renamed()}")
        if len(found) > 1:
            lines = " and ".join(str(node.lineno) for node in found)
            raise NotAsGiven(
                f"{koan.name} is there twice, at lines {lines}", found[1].lineno
            )
        return found[0]

    def _renamed(self) -> str:
        new = list(functions(self.around))
        return f" ({', '.join(new)} is new: was it renamed?)" if new else ""

    def fill(self, koan: Koan) -> Fill:
        """What stands in a koan's blank; raises NotAsGiven, Unreadable."""
        function = self.function(koan)
        if isinstance(self.frame, Exception):
            raise self.frame
        return koan.fill_in(function, self.helpers)

    def attempt(self, koan: Koan) -> Attempt | Verdict:
        """A koan that may be run, or the verdict that it comes to without a run."""
        if koan.name not in self._attempts:
            self._attempts[koan.name] = self._attempt(koan)
        return self._attempts[koan.name]

    def _attempt(self, koan: Koan) -> Attempt | Verdict:
        try:
            function = self.function(koan)
            if line := self.blank_line(koan):
                return Verdict(Kind.BLANK, faults.blank(koan), line)
            fill = self.fill(koan)
        except Unreadable as fault:
            sentence = faults.unreadable(fault, self.lines, koan)
            return Verdict(Kind.ERROR, sentence, fault.line or 1)
        except NotAsGiven as change:
            found = self.found.get(koan.name, [None])[0]
            slip = faults.forgotten_brackets(found, koan) or faults.doubled_target(
                found
            )
            sentence = slip or faults.not_as_given(change, koan, self.lesson)
            return Verdict(Kind.ERROR, sentence, change.line)
        wrote = edit.text_of(self.text, fill)
        attempt = Attempt(self, koan, function, fill, wrote, self.path, self.lines)
        return self._refused(attempt) or self._not_compiled(attempt) or attempt

    def _refused(self, attempt: Attempt) -> Verdict | None:
        koan, fill = attempt.koan, attempt.fill
        if koan.note.is_prediction:
            return None  # what may be predicted is looked at as it is worked out
        refusal = allowed.refusal(
            fill,
            self.scope(koan, fill),
            self.lesson.course.free,
            lambda statement: looking.only_looks(statement, self.helpers),
        )
        if refusal is None:
            return None
        named, line = attempt.named, refusal.line or fill.line
        sentence = " ".join(filter(None, [named, refusal.sentence]))
        return Verdict(Kind.REFUSED, sentence, line, attempt.wrote, named)

    def _not_compiled(self, attempt: Attempt) -> Verdict | None:
        try:
            _ = attempt.code
        except SyntaxError as error:
            reason, line = source.syntax_reason(error), error.lineno
        except (ValueError, RecursionError, MemoryError) as error:
            reason, line = str(error) or "it is nested too deeply", None
        else:
            return None
        sentence = f"Python can't run this: {reason}."
        return Verdict(Kind.ERROR, sentence, line or attempt.fill.line, attempt.wrote)

    def scope(self, koan: Koan, fill: Fill) -> Scope:
        """The names that a koan gives to its fill."""
        return koan.scope or scope_of(self.around, self.function(koan), fill)

    def example(self, koan: Koan, text: str, filename: str = "") -> Attempt:
        """The koan with another fill, in this same file, on the lines it has here.

        Without a ``filename`` no breakpoint stops there, and no print is seen.
        Raises Unreadable for a text that is not Python, NotAsGiven for a koan that
        is not as it was given, or for a text that can't stand there.
        """
        function, fill = self.function(koan), self.fill(koan)
        first = source.span(function).start
        lines = [""] * first + self.lines[first : function.end_lineno]
        text = textwrap.dedent(text).strip("\n")
        source_of_it = edit.replaced("\n".join(lines), [(fill, text)])
        [other] = source.parse(source_of_it).body
        assert isinstance(other, Function)
        found = koan.fill_in(other, self.helpers)
        name = filename or f"<{koan.name}>"
        lines = source.lines_of(source_of_it)
        return Attempt(self, koan, other, found, text, name, lines)

    def with_koan(self, koan: Koan, text: str) -> Work:
        """This file with another text of one koan, which begins where it begins here.

        Only that koan is read; its lesson, and what examples come to, are shared.
        """
        _ = self.frame, self.module
        other = copy.copy(self)
        vars(other).pop("lines", None)
        other.text = "\n" * source.span(self.function(koan)).start + text
        other._attempts, other._blanks = {}, {}
        other.around, other.unknown = list(self.around), list(self.unknown)
        other.found, other.faults = dict(self.found), dict(self.faults)
        del other.found[koan.name]
        other._take(source.parse_pieces(other.text))
        return other

    # ------------------------------------------------------------ around the koans

    @cached_property
    def frame(self) -> list[ast.stmt] | NotAsGiven | Unreadable:
        """What was given around the koans, or why it is not there.

        What a learner adds beside the koans is left out, and has no effect.
        Imports are taken as they were given: editors move them, and take out one
        that nothing needs.
        """
        if self.fault:
            return self.fault
        pristine = self.lesson.pristine
        if pristine is None:
            return self.around
        try:
            return list(_given(pristine.tree.body, self.around, self.helpers))
        except NotAsGiven as change:
            return change

    @property
    def _given(self) -> list[ast.stmt]:
        """Where the frame was changed: what was given, or else what there is."""
        pristine = self.lesson.pristine
        body = pristine.tree.body if pristine else self.around
        return [node for node in body if not _is_koan(node)]

    @cached_property
    def module(self) -> ModuleType:
        """The lesson as a module, its koans not in it yet; raises NotImportable."""
        module = ModuleType(self.lesson.relative.removesuffix(".py").replace("/", "."))
        module.__file__ = self.path
        lines = [f"{line}\n" for line in self.lines]
        linecache.cache[self.path] = len(self.text), None, lines, self.path
        body = self.frame if isinstance(self.frame, list) else self._given
        try:
            with importable(module):
                exec(compiled(body, self.path), vars(module))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a skip and an exit, too
            raise _not_importable(error, self.path) from error
        return module

    @property
    def modules(self) -> dict[str, ModuleType]:
        """The modules that the lesson imports, by the names that it has for them."""
        names = vars(self.module).items()
        return {key: value for key, value in names if isinstance(value, ModuleType)}


_known: dict[tuple[object, ...], Work] = {}
KNOWN = 200  # works that a process keeps


def read(lesson: Lesson, path: Path) -> Work:
    """The work in a file, which runs in a module of its own; raises OSError.

    A file with the same text is not read, matched and compiled once more: who
    forks has done so for all its children.
    """
    data = path.read_bytes()
    key = str(path), data, lesson.notes, lesson.pristine
    if key not in _known:
        if len(_known) >= KNOWN:
            _known.clear()
        _known[key] = Work(lesson, data, str(path))
    return _known[key]


def forget_modules() -> dict[Work, ModuleType]:
    """A run begins: what an earlier one in this process did to a module is gone.

    Gives what ``restore_modules`` takes when the run is over: it may be one inside
    another, whose koans are in those modules.
    """
    found = {work: vars(work).pop("module", None) for work in _known.values()}
    return {work: module for work, module in found.items() if module}


def restore_modules(modules: dict[Work, ModuleType]) -> None:
    """The run is over: what ``forget_modules`` took away is there again."""
    for work in _known.values():
        vars(work).pop("module", None)
    for work, module in modules.items():
        vars(work)["module"] = module


# ---------------------------------------------------------------- around the koans


def _given(
    given: Sequence[ast.stmt], found: Sequence[ast.stmt], helpers: Set[str]
) -> Iterator[ast.stmt]:
    """The given statements as they stand in a file; raises NotAsGiven.

    Other statements may stand between them.
    """
    rest = [node for node in found if not isinstance(node, ast.Import | ast.ImportFrom)]
    for wanted in given:
        if isinstance(wanted, ast.Import | ast.ImportFrom):
            yield wanted
        elif not _is_koan(wanted) and not looking.only_looks(wanted, helpers):
            place = _place(wanted, rest, helpers)
            yield rest[place]
            rest = rest[place + 1 :]


def _is_koan(node: ast.stmt) -> bool:
    return isinstance(node, Function) and node.name.startswith("test_")


def _place(wanted: ast.stmt, found: Sequence[ast.stmt], helpers: Set[str]) -> int:
    misfits = []
    for i, node in enumerate(found):
        fit = blanks.match([wanted], [node], helpers)
        if isinstance(fit, blanks.Fit):
            return i
        if getattr(node, "name", node) == getattr(wanted, "name", None):
            misfits.append(fit)
    if misfits:
        raise NotAsGiven.at(misfits[0], in_koan=False)
    headline = ast.unparse(wanted).strip().splitlines()[0]
    line = found[-1].end_lineno if found else 1
    raise NotAsGiven(f"`{headline}` is missing", line or 1, in_koan=False)


@contextmanager
def importable(module: ModuleType) -> Iterator[None]:
    """In ``sys.modules`` while code of it runs: pickle and others ask there."""
    name = module.__name__
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        yield
    finally:
        if before is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = before


def _not_importable(error: BaseException, path: str) -> NotImportable:
    first = (str(error).splitlines() or [""])[0]
    sentence = f"Importing this file: {type(error).__name__}: {first}"
    return NotImportable(sentence, line_in(error, path) or 1)
