"""A lesson: what was given, what a learner made of it, and what fills its blanks.

A lesson is a .py file of koans with the notes beside it. Where its solution is
at hand, the lesson as it was given is that solution with the fills blanked; no
other copy is kept.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

from sensei import blanks, notes
from sensei.blanks import Fill, Function, Misfit, Unreadable
from sensei.notes import LessonNotes, Note


class NotAsGiven(Exception):
    """A koan that was changed outside its blank, or is not there.

    ``line`` is where, in the learner's file; ``reason`` says what was expected;
    ``in_koan`` is False when it is the lesson around the koans that was changed.
    """

    def __init__(self, reason: str, line: int = 1, *, in_koan: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.in_koan = in_koan


@dataclass(frozen=True)
class Source:
    """A file of koans as it stands on disk.

    ``text`` may be bytes, as a submission brings it. Raises Unreadable when it
    is asked for a tree that can't be had.
    """

    text: str | bytes

    @classmethod
    def read(cls, path: Path) -> Source:
        return _source(path.read_bytes())

    @cached_property
    def tree(self) -> ast.Module:
        return blanks.parse(self.text)

    @cached_property
    def koans(self) -> dict[str, list[Function]]:
        """The definitions of each koan, in order; more than one is a fault."""
        found: dict[str, list[Function]] = {}
        for node in self.tree.body:
            if isinstance(node, Function) and node.name.startswith("test_"):
                found.setdefault(node.name, []).append(node)
        return found

    def question(self, name: str) -> str:
        """A koan's docstring: what it tells and asks."""
        for node in self._raw.body:
            if isinstance(node, Function) and node.name == name:
                return ast.get_docstring(node) or ""
        return ""

    @cached_property
    def lines(self) -> list[str]:
        return self.decoded.split("\n")

    @cached_property
    def decoded(self) -> str:
        text = self.text
        return text.decode("utf-8-sig") if isinstance(text, bytes) else text

    @cached_property
    def _raw(self) -> ast.Module:
        _ = self.tree  # raises Unreadable
        return ast.parse(self.decoded)


@cache
def _source(text: bytes) -> Source:
    """Parsed once in a run, however often a file is looked at."""
    return Source(text)


class Given:
    """A lesson as it was given, made from its solution and its notes.

    It keeps a tree of its own, in which each koan it was asked for is blanked.
    """

    def __init__(self, solution: Source, notes: LessonNotes) -> None:
        self.solution = Source(solution.text)
        self.notes = notes
        self._koans: dict[str, tuple[Function, Fill]] = {}

    def function(self, name: str) -> Function:
        """A koan as given, with ``__`` where the fill was; raises NotAsGiven."""
        return self._koan(name)[0]

    def fill(self, name: str) -> Fill:
        """What the solution has in a koan's blank; raises NotAsGiven."""
        return self._koan(name)[1]

    def _koan(self, name: str) -> tuple[Function, Fill]:
        if name not in self._koans:
            if name not in self.solution.koans:
                raise NotAsGiven(f"the solution has no {name}")
            function = self.solution.koans[name][0]
            fill = find_fill(self.notes.koans[name], function)
            _blank(function, fill)
            self._koans[name] = function, fill
        return self._koans[name]

    def text(self) -> str:
        """The whole lesson as it was given, letter by letter."""
        fills = [self.fill(name) for name in self.notes.koans]
        return replaced(self.solution.decoded, [(fill, blanks.BLANK) for fill in fills])


@cache
def _given(solution: bytes, loaded: LessonNotes) -> Given:
    """Made once in a run, as a source is parsed once."""
    return Given(Source(solution), loaded)


@dataclass(frozen=True)
class Lesson:
    """A learner's lesson file with its notes and, where at hand, what was given."""

    path: Path
    notes: LessonNotes
    source: Source
    given: Given | None

    @classmethod
    def read(cls, path: Path, notes_path: Path, solution: Path | None) -> Lesson:
        """Raises OSError, NotesError; an unreadable source shows when it is used."""
        loaded = notes.load(notes_path)
        given = None
        if solution is not None and solution.exists():
            given = _given(solution.read_bytes(), loaded)
        return cls(path, loaded, Source.read(path), given)

    @property
    def readable_koans(self) -> Collection[str]:
        """The koans that are in the file; none where it can't be read."""
        try:
            return self.source.koans.keys()
        except Unreadable:
            return ()

    def blank_line(self, name: str) -> int | None:
        """The line of a koan's first ``__``; None when it is filled or not there."""
        for function in self.source.koans.get(name, []):
            text = self.source.lines[function.lineno - 1 : function.end_lineno]
            maybe = any(blanks.BLANK in line for line in text)  # before walking a tree
            if maybe and (left := blanks.find_blanks(function)):
                return left[0].lineno
        return None

    def line(self, name: str) -> int:
        """Where a koan is defined; 1 where it is not there."""
        if name not in self.readable_koans:
            return 1
        return self.source.koans[name][0].lineno

    @cached_property
    def _frame_fault(self) -> NotAsGiven | None:
        try:
            if self.given:
                check_frame(self.given.solution.tree, self.source.tree)
        except NotAsGiven as fault:
            return fault
        return None

    def function(self, name: str) -> Function:
        """A koan's one definition; raises NotAsGiven when there is none, or two."""
        found = self.source.koans.get(name, [])
        if not found:
            raise NotAsGiven(f"{name} is not there any more{self._renamed_to()}")
        if len(found) > 1:
            lines = " and ".join(str(node.lineno) for node in found)
            raise NotAsGiven(
                f"{name} is there twice, at lines {lines}", found[1].lineno
            )
        return found[0]

    def _renamed_to(self) -> str:
        new = [name for name in self.source.koans if name not in self.notes.koans]
        return f" ({', '.join(new)} is new: was it renamed?)" if new else ""

    def fill(self, name: str) -> Fill:
        """What stands in a koan's blank; raises NotAsGiven for any other change."""
        function = self.function(name)
        if self.given is None:
            return find_fill(self.notes.koans[name], function)
        if self._frame_fault:
            raise self._frame_fault
        fit = blanks.match([self.given.function(name)], [function])
        if isinstance(fit, Misfit):
            raise NotAsGiven(_sentence(fit), fit.line)
        return fit.fills[0]


def find_fill(note: Note, function: Function) -> Fill:
    """The fill of a koan, found by what its notes say it asks."""
    fits = blanks.locate(note.pattern, function)
    if len(fits) == 1:
        return fits[0].fills[0]
    expected = note.asks.strip()
    if not fits:
        raise NotAsGiven(f"expected here: {expected}", function.lineno)
    lines = ", ".join(str(fit.first_line) for fit in fits)
    raise NotAsGiven(
        f"`{expected}` is there more than once, at lines {lines}", fits[1].first_line
    )


def check_frame(given: ast.Module, found: ast.Module) -> None:
    """Raise NotAsGiven if anything but koans was changed at the top level.

    Imports may come in any order, and one that is not needed any more may go:
    editors do that by themselves.
    """
    known = {name for node in given.body for name in _imported(node)}
    for node in found.body:
        for name in _imported(node):
            if name not in known:
                raise NotAsGiven(f"`{name}` was not given", node.lineno, in_koan=False)
    fit = blanks.match(list(_others(given)), list(_others(found)))
    if isinstance(fit, Misfit):
        raise NotAsGiven(_sentence(fit), fit.line, in_koan=False)


def _imported(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (f"import {ast.unparse(alias)}" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        origin = "." * node.level + (node.module or "")
        yield from (f"from {origin} import {ast.unparse(a)}" for a in node.names)


def _others(module: ast.Module) -> Iterator[ast.stmt]:
    has_docstring = ast.get_docstring(module, clean=False) is not None
    for node in module.body[has_docstring:]:
        is_koan = isinstance(node, Function) and node.name.startswith("test_")
        if not is_koan and not isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def _sentence(misfit: Misfit) -> str:
    if misfit.expected is None:
        return f"`{misfit.found}` was not given"
    if misfit.found is None:
        return f"`{misfit.expected}` is missing"
    if misfit.expected == misfit.found:
        return f"something in `{misfit.expected}` was changed"
    return f"expected `{misfit.expected}`, found `{misfit.found}`"


# ---------------------------------------------------------------- blanking


def _blank(function: Function, fill: Fill) -> None:
    """Put ``__`` where a fill stands, in place."""
    first = fill.nodes[0]
    name = ast.copy_location(ast.Name(blanks.BLANK, ast.Load()), first)
    statement = ast.copy_location(ast.Expr(name), first)
    new = name if fill.is_expression else statement
    for node in ast.walk(function):
        for field, value in ast.iter_fields(node):
            if value is first:
                setattr(node, field, new)
                return
            if isinstance(value, list) and first in value:
                at = value.index(first)
                value[at : at + len(fill.nodes)] = [new]
                return


def replaced(text: str, changes: Sequence[tuple[Fill, str]]) -> str:
    """A source with the text of some fills replaced, each where it stands.

    A text of several lines is put in at the indentation of the fill; one that
    binds loosely (``a or b``) in parentheses, for a fill may be an operand.
    """
    raw = text.encode()
    starts = _line_starts(raw)
    places = [(*_place(fill, raw, starts), fill, new) for fill, new in changes]
    for start, end, fill, new in sorted(places, key=lambda place: -place[0]):
        if fill.is_expression:
            new = _as_operand(new, fill)
        else:
            before = raw[max(s for s in starts if s <= start) : start].decode()
            new = _indented(new, before if before.isspace() else " " * len(before))
        if "\r\n" in text:
            new = new.replace("\n", "\r\n")
        raw = raw[:start] + new.encode() + raw[end:]
    return raw.decode()


def text_of(source: str, fill: Fill) -> str:
    """A fill as it was written, its lines moved to the left."""
    raw = source.encode()
    starts = _line_starts(raw)
    start, end = _place(fill, raw, starts)
    before = raw[max(s for s in starts if s <= start) : start].decode()
    return textwrap.dedent(before * before.isspace() + raw[start:end].decode())


@lru_cache(maxsize=4)
def _line_starts(raw: bytes) -> Sequence[int]:
    return [0, *(end.end() for end in re.finditer(rb"\r\n|\r|\n", raw))]


def _place(fill: Fill, raw: bytes, starts: Sequence[int]) -> tuple[int, int]:
    """Where a fill begins and ends, in bytes, its parentheses not counted."""
    first, last = fill.nodes[0], fill.nodes[-1]
    start = starts[first.lineno - 1] + first.col_offset  # type: ignore[attr-defined]
    end = starts[last.end_lineno - 1] + last.end_col_offset  # type: ignore[attr-defined]
    for decorator in getattr(first, "decorator_list", [])[:1]:
        place = starts[decorator.lineno - 1] + decorator.col_offset
        start = raw.rindex(b"@", 0, place)
    return start, end


_LOOSE = ast.BoolOp | ast.Compare | ast.IfExp | ast.Lambda | ast.NamedExpr | ast.Tuple


def _as_operand(new: str, fill: Fill) -> str:
    try:
        node = ast.parse(f"({new})", mode="eval").body
    except SyntaxError:  # such as *losses
        return new
    is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    # A generator's place is that of the parentheses around it, even of a call's.
    was_generator = isinstance(fill.nodes[0], ast.GeneratorExp)
    loose = isinstance(node, _LOOSE) or is_not or "\n" in new or was_generator
    return f"({new})" if loose else new


def _indented(text: str, indent: str) -> str:
    """Every line but the first moved in, save those within a long string."""
    within = {
        line
        for node in ast.walk(_tree(text))
        if isinstance(node, ast.Constant | ast.JoinedStr)
        for line in range(node.lineno + 1, (node.end_lineno or 0) + 1)
    }
    first, *rest = text.split("\n")
    moved = (line if i in within else indent + line for i, line in enumerate(rest, 2))
    return "\n".join([first, *moved])


def _tree(text: str) -> ast.AST:
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module([], [])
