"""Checks of a lesson: its three files, its head, and that its koan file is as given."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Callable, Iterator
from itertools import zip_longest

from sensei import notes
from sensei.check.findings import Finding, in_notes, in_solution
from sensei.check.words import is_link, is_unwritten
from sensei.lesson import Lesson, NotAsGiven, functions
from sensei.notes import NotesError
from sensei.source import Unreadable, lines_of
from sensei.work import NotImportable, Work

HEAD = 32  # lines that a lesson's head may have
WIDTH = 88


def unreadable(lesson: Lesson) -> list[Finding]:
    """Why nothing else can be checked; [] for a lesson that can be read."""
    try:
        notes.check(lesson.notes_path)
        if lesson.pristine is None:
            return [in_solution(lesson, "it is not there, and the notes are")]
        missing = list(_not_found(lesson))
        if not missing:
            _ = Work(lesson, lesson.pristine.solution.encode()).module
    except NotesError as error:
        return [in_notes(lesson, str(error).removeprefix(f"{lesson.notes_path}: "))]
    except (Unreadable, NotImportable) as fault:
        return [in_solution(lesson, fault.reason, line=fault.line or 1)]
    except OSError as error:
        return [in_solution(lesson, f"it can't be read: {error.strerror}")]
    return missing


def _not_found(lesson: Lesson) -> Iterator[Finding]:
    """Koans of which the notes and the solution don't say the same."""
    assert lesson.pristine is not None
    in_file = functions(lesson.pristine.tree.body)
    for name in lesson.notes.koans:
        try:
            lesson.pristine.koan(name)
        except NotAsGiven as change:
            reason = change.reason.removeprefix(f"[{name}]: ")
            yield in_notes(lesson, reason, name, "asks")
    for name, nodes in in_file.items():
        if name not in lesson.notes.koans:
            line = nodes[0].lineno
            yield in_solution(lesson, f"{name} has no notes", line=line)
        if len(nodes) > 1:
            yield in_solution(lesson, f"{name} is there twice", line=nodes[1].lineno)


# ------------------------------------------------------------------------- checks


def same_order(lesson: Lesson) -> Iterator[Finding]:
    """The notes come in the order of the koans."""
    order = list(functions(_tree(lesson).body))
    for there, noted in zip(order, lesson.notes.koans, strict=True):
        if there != noted:
            said = f"it comes where the solution has {there}: give both one order"
            yield in_notes(lesson, said, noted)
            return


def as_given(lesson: Lesson) -> Iterator[Finding]:
    """The lesson is its solution with the fills blanked, letter by letter."""
    assert lesson.pristine is not None
    makes = f"`sensei reset {lesson.number}` makes it from the solution"
    if not lesson.path.exists():
        yield Finding(lesson.relative, 0, "", "", f"it is not there; {makes}")
        return
    mine = lesson.path.read_bytes().decode("utf-8", "replace")
    pairs = enumerate(zip_longest(lines_of(mine), lines_of(lesson.pristine.text)), 1)
    line = next((number for number, (left, right) in pairs if left != right), 0)
    if mine != lesson.pristine.text:
        said = "it is not the solution with its fills blanked"
        yield Finding(lesson.relative, line, "", "", f"{said}; {makes}")


def head(lesson: Lesson) -> Iterator[Finding]:
    """A lesson teaches before it asks: its head is short, and has a true example."""
    text = ast.get_docstring(_tree(lesson)) or ""
    if not text.startswith(f"{lesson.number}  "):
        said = f"its head has to begin with {lesson.number}, two spaces and a title"
        yield in_solution(lesson, said, line=1)
    if (count := len(text.splitlines())) > HEAD:
        yield in_solution(lesson, f"its head has {count} lines, {HEAD} at most", line=1)
    yield from (in_solution(lesson, said, line=1) for said in _example(lesson, text))


def _example(lesson: Lesson, text: str) -> Iterator[str]:
    assert lesson.pristine is not None
    module = Work(lesson, lesson.pristine.solution.encode()).module
    try:
        example = doctest.DocTestParser().get_doctest(text, vars(module), "head", "", 0)
    except ValueError as error:
        yield f"the example in its head can't be read: {error}"
        return
    told: list[str] = []
    failed, _ = doctest.DocTestRunner().run(example, out=told.append)
    if not example.examples:
        yield "its head has no worked example (>>>)"
    if failed:
        lines = [line for line in "".join(told).splitlines() if line.startswith(" ")]
        yield "\n".join(["the example in its head is not true", *lines])


def width(lesson: Lesson) -> Iterator[Finding]:
    """Its lines fit a terminal."""
    assert lesson.pristine is not None
    for number, line in enumerate(lines_of(lesson.pristine.solution), 1):
        if len(line) > WIDTH:
            said = f"this line has {len(line)} characters, {WIDTH} at most"
            yield in_solution(lesson, said, line=number)


def words(lesson: Lesson) -> Iterator[Finding]:
    """What is said when the lesson is done is written, and its link is one."""
    told = lesson.notes
    texts = {"say": told.say, "learned": told.learned, "caught": told.caught}
    if is_unwritten(ast.get_docstring(_tree(lesson)) or ""):
        yield in_solution(lesson, "its head is still to be written", line=1)
    for place, text in {**texts, "link": told.link}.items():
        if is_unwritten(text):
            yield in_notes(lesson, "still to be written", "lesson", place)
    if not is_link(told.link) and not is_unwritten(told.link):
        yield in_notes(lesson, f"no https link: {told.link}", "lesson", "link")


def _tree(lesson: Lesson) -> ast.Module:
    assert lesson.pristine is not None
    return lesson.pristine.tree


CHECKS: tuple[Callable[[Lesson], Iterator[Finding]], ...] = (
    same_order,
    as_given,
    head,
    width,
    words,
)
