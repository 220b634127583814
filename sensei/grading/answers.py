"""Taking the answers out of a lesson file that was handed in.

By the one matcher, as under pytest: reformatting, comments and prints are free.
Where more was changed than the blank, the fill is looked for by what the koan
asks; it is graded in the koan as given, and marked. Nothing here runs.
"""

from __future__ import annotations

import ast
import hashlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sensei import blanks, judge
from sensei.blanks import Fill, Function, Misfit, Unreadable
from sensei.grading import rules
from sensei.grading.book import Book
from sensei.grading.template import Template, TemplateKoan, TemplateLesson
from sensei.lesson import Lesson, NotAsGiven, Source, check_frame, find_fill
from sensei.verdicts import Kind, Verdict

MAX_STATEMENTS = 1_000  # of one koan; the longest solution has 30
KEPT = 2_000  # results by the bytes of a file


@dataclass(frozen=True, slots=True)
class Taken:
    """What was in one lesson file.

    ``numbers`` are those of the answers in the book, a koan each. ``changed``
    are the indexes of koans that were changed outside the blank; ``around`` says
    what was changed around the koans, ``fault`` why the file can't be read.
    """

    numbers: tuple[int, ...]
    changed: tuple[int, ...] = ()
    around: str = ""
    fault: str = ""


class Reader:
    """Reads the files of one lesson, each distinct one once."""

    def __init__(self, template: Template, lesson: TemplateLesson, book: Book) -> None:
        self.lesson = lesson
        self.koans = template.koans_of(lesson)
        self.scribe = Scribe(book)
        self._kept: dict[bytes, Taken] = {}

    def read(self, data: bytes) -> Taken:
        key = hashlib.sha256(data).digest()
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = self.take(data)
        return self._kept[key]

    def take(self, data: bytes) -> Taken:
        """Parse and match a whole file."""
        try:
            return self._take(data)
        except (RecursionError, MemoryError):
            return self.unreadable(Unreadable("it is nested too deeply"))

    def _take(self, data: bytes) -> Taken:
        given = self.lesson.given
        found = Lesson(self.lesson.files.path, self.lesson.notes, Source(data), given)
        try:
            around = _changed_around(given.solution.tree, found.source.tree)
        except Unreadable as fault:
            return self.unreadable(fault)
        taken = [self._koan(found, koan) for koan in self.koans]
        changed = (k.index for k, (_, c) in zip(self.koans, taken, strict=True) if c)
        return Taken(tuple(number for number, _ in taken), tuple(changed), around)

    def _koan(self, found: Lesson, koan: TemplateKoan) -> tuple[int, bool]:
        """The number of a koan's answer, and whether more than it was changed."""
        if found.blank_line(koan.name):
            return self.scribe.blank(koan), False
        if koan.name not in found.source.koans:
            return self.scribe.missing(koan), False
        try:
            function = found.function(koan.name)
            _check_length(function)
            fit = blanks.match([found.given.function(koan.name)], [function])  # type: ignore[union-attr]
            changed = isinstance(fit, Misfit)
            fill = find_fill(koan.note, function) if changed else fit.fills[0]  # type: ignore[union-attr]
        except NotAsGiven as change:
            return self.scribe.error(koan, _why(found, koan, change)), True
        return self.scribe.fill(koan, fill), changed

    def unreadable(self, fault: Unreadable) -> Taken:
        """What is taken from a file that can't be read: a verdict for each koan."""
        sentence = judge.unreadable(fault)
        numbers = tuple(self.scribe.error(koan, sentence) for koan in self.koans)
        where = f" (line {fault.line})" if fault.line else ""
        return Taken(numbers, fault=f"{fault.reason}{where}")

    def refused(self, reason: str) -> Taken:
        """What is taken from a file that is not to be read."""
        sentence = f"This file was not read: {reason}."
        numbers = tuple(self.scribe.error(koan, sentence) for koan in self.koans)
        return Taken(numbers, fault=reason)

    @cached_property
    def nothing(self) -> Taken:
        """What is taken from a lesson that was not handed in."""
        return Taken(tuple(self.scribe.missing(koan) for koan in self.koans))


def _changed_around(given: ast.Module, found: ast.Module) -> str:
    try:
        check_frame(given, found)
    except NotAsGiven as change:
        return change.reason
    return ""


def _why(found: Lesson, koan: TemplateKoan, change: NotAsGiven) -> str:
    """What pytest says of a koan whose blank is not to be found."""
    verdict = judge.prepare(found, koan.name, {})
    if isinstance(verdict, Verdict) and verdict.kind is Kind.ERROR and change.in_koan:
        return verdict.sentence
    return judge.not_as_given(change, koan.name)


def _check_length(function: Function) -> None:
    statements = sum(isinstance(node, ast.stmt) for node in ast.walk(function))
    if statements > MAX_STATEMENTS:
        raise NotAsGiven("it is far longer than it was", function.lineno)


class Scribe:
    """Enters into the book what is found in a koan's blank."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._scopes: dict[int, rules.Scope] = {}

    def fill(self, koan: TemplateKoan, fill: Fill) -> int:
        """The number of a fill, refused if the rules refuse it."""
        try:
            text = fill.text
        except (RecursionError, MemoryError, ValueError):
            return self.error(koan, "This answer can't be taken out of its file.")
        known = self.book.number_of(koan.index, text)
        if known is not None:
            return known
        if refusal := self._refusal(koan, fill, text):
            rule, sentence = refusal
            wrote = judge.shortened(text)
            verdict = Verdict(Kind.REFUSED, sentence, koan.blank.line, wrote)
            return self.book.refused(koan.index, text[: rules.MAX_TEXT], verdict, rule)
        return self.book.fill(koan.index, text)

    def _refusal(
        self, koan: TemplateKoan, fill: Fill, text: str
    ) -> tuple[str, str] | None:
        if len(text) > rules.MAX_TEXT:
            return "size", "It is too long for an answer."
        if not _comes_back(koan, fill, text):
            return (
                "text",
                "This answer can't be taken out of its file. Write it simpler.",
            )
        if koan.note.is_prediction:
            return None  # sensei.predictions looks at it when it works it out
        return rules.refusal(fill, self._scope(koan))

    def _scope(self, koan: TemplateKoan) -> rules.Scope:
        if koan.index not in self._scopes:
            function = koan.lesson.source.koans[koan.name][0]
            texts = (textwrap.dedent(text) for text in koan.note.also_right)
            right = [Fill(tuple(blanks.parse(text).body)) for text in texts]
            right.append(koan.lesson.given.fill(koan.name))
            scope = rules.scope_of(koan.lesson.source.tree, function, right)
            self._scopes[koan.index] = scope
        return self._scopes[koan.index]

    def blank(self, koan: TemplateKoan) -> int:
        lesson = koan.lesson
        untouched = Lesson(lesson.files.path, lesson.notes, lesson.source, lesson.given)
        verdict = judge.prepare(untouched, koan.name, {})
        assert isinstance(verdict, Verdict) and verdict.kind is Kind.BLANK
        return self.book.settled(koan.index, verdict)

    def missing(self, koan: TemplateKoan) -> int:
        return self.book.settled(
            koan.index, Verdict(Kind.MISSING, "It was not handed in.")
        )

    def error(self, koan: TemplateKoan, sentence: str) -> int:
        return self.book.settled(koan.index, Verdict(Kind.ERROR, sentence))


def _comes_back(koan: TemplateKoan, fill: Fill, text: str) -> bool:
    """Whether a fill, written out and put into the koan, is the same once more.

    Python writes some f-strings and texts of several lines in another way.
    """
    if not any(_is_delicate(node) for root in fill.nodes for node in ast.walk(root)):
        return True
    try:
        [function] = blanks.parse(koan.filled(text)).body
    except (Unreadable, ValueError):
        return False
    fit = blanks.match([koan.lesson.given.function(koan.name)], [function])
    return not isinstance(fit, Misfit) and _dumps(fit.fills[0]) == _dumps(fill)


def _is_delicate(node: ast.AST) -> bool:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    return is_text or isinstance(node, ast.JoinedStr)


def _dumps(fill: Fill) -> Sequence[str]:
    return [ast.dump(node) for node in fill.nodes]
