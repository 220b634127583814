"""A lesson as it was given, and its koans.

The pristine lesson is its solution with the fills blanked, letter by letter; no
other copy is kept. A handout may hold solutions whose blanks are left: then there
is a pristine lesson, and no koan has a solution. Where there is nothing, what fills
a blank is found by what the notes say that it asks.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sensei import blanks, edit, looking, notes, source
from sensei.blanks import Fill, Misfit
from sensei.notes import LessonNotes, Note
from sensei.scope import Scope, scope_of
from sensei.source import Function, Unreadable

if TYPE_CHECKING:
    from sensei.course import Course


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

    @classmethod
    def at(cls, misfit: Misfit, *, in_koan: bool = True) -> NotAsGiven:
        return cls(_sentence(misfit), misfit.line, in_koan=in_koan)


def _sentence(misfit: Misfit) -> str:
    if misfit.expected is None:
        return f"`{misfit.found}` was not given"
    if misfit.found is None:
        return f"`{misfit.expected}` is missing"
    if misfit.expected == misfit.found:
        return f"something in `{misfit.expected}` was changed"
    return f"expected `{misfit.expected}`, found `{misfit.found}`"


@dataclass(frozen=True, eq=False)
class Koan:
    """One koan of a lesson: its notes and, where solutions are at hand, the rest.

    ``pristine`` is its function with the blank in it, ``solution`` what fills that.
    """

    lesson: Lesson
    note: Note
    pristine: Function | None = None
    solution: Fill | None = None

    @property
    def name(self) -> str:
        return self.note.name

    @cached_property
    def question(self) -> str:
        """Its docstring: what it tells and asks; "" where solutions are withheld."""
        return (ast.get_docstring(self.pristine) or "") if self.pristine else ""

    @cached_property
    def scope(self) -> Scope | None:
        """The names that it gives to its fill; None where solutions are withheld."""
        if self.pristine is None or self.lesson.pristine is None:
            return None
        return scope_of(self.lesson.pristine.tree.body, self.pristine)

    @property
    def solution_text(self) -> str:
        """One way to fill it in, as the solution has it; "" where that is withheld."""
        pristine = self.lesson.pristine
        if pristine is None or self.solution is None:
            return ""
        return edit.text_of(pristine.solution, self.solution)

    def fill_in(self, function: Function, helpers: frozenset[str]) -> Fill:
        """What stands in the blank of a learner's function; raises NotAsGiven.

        ``helpers`` are the functions of the lesson that only look.
        """
        if self.pristine is None:
            return find_fill(self.note, function, helpers)
        fit = blanks.match([self.pristine], [function], helpers)
        if isinstance(fit, Misfit):
            raise NotAsGiven.at(fit)
        return fit.fills[0]


@dataclass(frozen=True, eq=False)
class Lesson:
    """A lesson of a course: where its files are, its notes and its koans.

    ``name`` is that of its file, ``part`` "" on the main path; ``given`` is a file
    to be asked instead of its solution. What reads files (notes, pristine, koans)
    raises NotesError, OSError or Unreadable.
    """

    course: Course
    name: str
    part: str = ""
    given: Path | None = None

    @cached_property
    def path(self) -> Path:
        return self.course.koans / self.part / f"{self.name}.py"

    @property
    def notes_path(self) -> Path:
        return self.course.notes / self.part / f"{self.name}.toml"

    @cached_property
    def solution_path(self) -> Path:
        return self.given or self.course.solutions / self.part / f"{self.name}.py"

    @cached_property
    def earlier(self) -> tuple[Lesson, ...]:
        """What was given out as this lesson before, as far as the course keeps that.

        In any folder of ``earlier/``, beside the notes: a lesson as it was given.
        """
        files = (self.course.notes.parent / "earlier").glob(f"**/{self.name}.py")
        return tuple(
            Lesson(self.course, self.name, self.part, file) for file in sorted(files)
        )

    @property
    def original(self) -> Lesson:
        """The lesson that this one repeats; itself, unless it is one for review."""
        return self

    @property
    def number(self) -> str:
        """Such as "04", of test_04_micro_batches."""
        return self.name.split("_")[1] if "_" in self.name else ""

    @property
    def title(self) -> str:
        """Such as "micro batches", of test_04_micro_batches."""
        return " ".join(self.name.split("_")[2:])

    @cached_property
    def relative(self) -> str:
        return self.path.relative_to(self.course.root).as_posix()

    @cached_property
    def notes(self) -> LessonNotes:
        return notes.load(self.notes_path, self.course.sealed.get(self.notes_path))

    @cached_property
    def pristine(self) -> Pristine | None:
        """The lesson as it was given; None where solutions are withheld."""
        if self.solution_path.exists():
            solution = self.solution_path.read_bytes()
        elif self.solution_path in self.course.sealed:
            solution = self.course.sealed[self.solution_path]
        else:
            return None
        return _pristine(solution, self.notes, self.course.koans)

    @cached_property
    def koans(self) -> Mapping[str, Koan]:
        """Its koans by name, in the order of the path; raises NotesError, OSError."""
        given = self.notes.koans
        try:
            return {name: self._koan(note) for name, note in given.items()}
        except NotAsGiven as error:
            raise notes.NotesError(f"{self.notes_path}: {error}") from None
        except Unreadable as fault:  # its solution
            where = f"{self.solution_path}:{fault.line or 1}"
            said = f"{where}: Python can't read this ({fault.reason})"
            raise notes.NotesError(said) from None

    def _koan(self, note: Note) -> Koan:
        if self.pristine is None:
            return Koan(self, note)
        pristine, fill = self.pristine.koan(note.name)
        is_withheld = fill.text == blanks.BLANK
        return Koan(self, note, pristine, None if is_withheld else fill)


class Pristine:
    """A lesson as it was given, made from its solution and its notes."""

    def __init__(self, solution: bytes, loaded: LessonNotes, koans: Path) -> None:
        self.solution = source.decode(solution)
        self.tree = source.parse(self.solution)  # its koans get blanked
        self.helpers = looking.helpers(self.tree.body, koans)
        self._functions = functions(self.tree.body)
        self._notes = loaded
        self._koans: dict[str, tuple[Function, Fill]] = {}

    def koan(self, name: str) -> tuple[Function, Fill]:
        """A koan with ``__`` where its fill was, and the fill; raises NotAsGiven."""
        if name not in self._koans:
            if name not in self._functions:
                raise NotAsGiven(f"[{name}]: the solution has no such koan")
            function = self._functions[name][0]
            fill = self._fill(name, function)
            _blank(function, fill)
            if not _has_its_check(function, self._notes.koans[name]):
                raise NotAsGiven(f"[{name}]: no check stands directly in the koan")
            self._koans[name] = function, fill
        return self._koans[name]

    def _fill(self, name: str, function: Function) -> Fill:
        try:
            return find_fill(self._notes.koans[name], function, self.helpers)
        except NotAsGiven as fault:
            said = f"[{name}]: in the solution: {fault.reason}"
            raise NotAsGiven(said, fault.line) from None

    @cached_property
    def text(self) -> str:
        """The whole lesson as it was given, letter by letter."""
        fills = [self.koan(name)[1] for name in self._notes.koans]
        return edit.replaced(self.solution, [(fill, blanks.BLANK) for fill in fills])


@cache
def _pristine(solution: bytes, loaded: LessonNotes, koans: Path) -> Pristine:
    """Made once in a process, however often a course is read."""
    return Pristine(solution, loaded, koans)


def functions(body: list[ast.stmt]) -> dict[str, list[Function]]:
    """The functions among the statements of a module that are called test_*."""
    found: dict[str, list[Function]] = {}
    for node in body:
        if isinstance(node, Function) and node.name.startswith("test_"):
            found.setdefault(node.name, []).append(node)
    return found


def find_fill(note: Note, function: Function, helpers: frozenset[str]) -> Fill:
    """The fill of a koan, found by what its notes say it asks; raises NotAsGiven."""
    fits = blanks.locate(note.pattern, function, helpers)
    if len(fits) == 1:
        return fits[0].fills[0]
    expected = note.asks.strip()
    if not fits:
        raise NotAsGiven(f"expected here: {expected}", function.lineno)
    lines = ", ".join(str(fit.first_line) for fit in fits)
    raise NotAsGiven(
        f"`{expected}` is there more than once, at lines {lines}", fits[1].first_line
    )


def _has_its_check(function: Function, note: Note) -> bool:
    """Whether the run can see what is asked: a prediction's check has the blank."""
    checks = [node for node in function.body if isinstance(node, ast.Assert)]
    return any(not note.is_prediction or blanks.find_blanks(c) for c in checks)


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
                value[at : value.index(fill.nodes[-1]) + 1] = [new]
                return
