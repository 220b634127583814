"""Collecting a lesson, so that the path always has an item for each koan.

A file that can't be read, a koan that is gone or that a fill made unrunnable
becomes one failing item in its place: the run goes on up to it, under ``-x`` and
under xdist, and says what is the matter.
"""

from __future__ import annotations

import inspect
import os
import re
import traceback
from collections.abc import Iterable
from typing import Any

import pytest
from pytest import Collector, Item, Module

from sensei import judge
from sensei.blanks import Unreadable
from sensei.course import LessonFiles
from sensei.lesson import Lesson, NotAsGiven
from sensei.notes import NotesError
from sensei.verdicts import Kind, Verdict


class LessonModule(Module):
    """A lesson file. ``lesson`` is None until it has been read."""

    def __init__(self, *, files: LessonFiles, **rest: Any) -> None:
        super().__init__(**rest)
        self.files = files
        self.lesson: Lesson | None = None

    def collect(self) -> Iterable[Item | Collector]:
        try:
            lesson = self._read()
            names = list(lesson.source.koans)
        except NotesError as error:
            root = f"{self.config.rootpath}{os.sep}"
            return [self.broken(str(error).removeprefix(root))]
        except Unreadable as fault:
            return [self._unreadable(fault)]
        try:
            _ = self.obj  # imports the file
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a skip and an exit, too
            return [self._not_importable(error)]
        return self._koans_and_others(lesson, names)

    def _read(self) -> Lesson:
        if self.path == self.files.solution:
            self.lesson = self.files.read_solution()
        else:
            self.lesson = self.files.read()
        return self.lesson

    def _koans_and_others(
        self, lesson: Lesson, in_file: list[str]
    ) -> list[Item | Collector]:
        items: dict[str, list[Item | Collector]] = {
            name: [] for name in _path_order(in_file, list(lesson.notes.koans))
        }
        for item in super().collect():
            items.setdefault(getattr(item, "originalname", item.name), []).append(item)
        for name in lesson.notes.koans:
            items[name] = items[name] or [self._absent(lesson, name)]
        return [item for koan in items.values() for item in koan]

    def broken(self, sentence: str, line: int = 1, name: str = "") -> Broken:
        """An item that says what is the matter, in the place of a koan or of all."""
        verdict = Verdict(Kind.ERROR, sentence, line)
        item: Broken = Broken.from_parent(
            self, name=name or self.path.stem, verdict=verdict, files=self.files
        )
        return item

    def missing(self) -> Broken:
        """The item for a lesson whose file is not there."""
        return self.broken(
            f"This lesson's file is not there any more. "
            f"`sensei reset {self.files.number}` puts it back, and git has it, too."
        )

    def _absent(self, lesson: Lesson, name: str) -> Broken:
        try:
            line = lesson.function(name).lineno
        except NotAsGiven as change:
            return self.broken(judge.not_as_given(change, name), change.line, name)
        return self.broken("pytest can't collect this koan.", line, name)

    def _unreadable(self, fault: Unreadable) -> Broken:
        """In the place of the koan that the fault is in, where that can be told."""
        text = self.path.read_bytes().decode("utf-8", "replace")
        above = "\n".join(text.split("\n")[: fault.line or 0])
        koans = re.findall(r"^def (test_\w+)", above, re.MULTILINE)
        known = self.lesson.notes.koans if self.lesson else {}
        name = koans[-1] if koans and koans[-1] in known else ""
        return self.broken(judge.unreadable(fault, text), fault.line or 1, name)

    def _not_importable(self, error: BaseException) -> Broken:
        cause = error.__cause__ or error  # pytest wraps what is common
        if isinstance(cause, SyntaxError):
            return self._unreadable(Unreadable(cause.msg, cause.lineno))
        frames = traceback.extract_tb(cause.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(self.path)]
        said = (str(cause).splitlines() or [""])[0]
        sentence = f"Importing this file: {type(cause).__name__}: {said}"
        return self.broken(sentence, (lines or [1])[-1] or 1)

    def unrunnable(self, name: str, function: object) -> Broken | None:
        """A broken item for a koan that a yield or an await keeps from running."""
        lesson = self.lesson
        if lesson is None or name not in lesson.notes.koans:
            return None
        if not (
            inspect.isgeneratorfunction(function)
            or inspect.iscoroutinefunction(function)
        ):
            return None
        sentence = "pytest can't run a koan with yield or await in it. Take it out."
        return self.broken(sentence, lesson.function(name).lineno, name)


def _path_order(in_file: list[str], in_notes: list[str]) -> list[str]:
    """The koans as the file defines them; one that is gone keeps its place."""
    names = list(in_file)
    for i, name in enumerate(in_notes):
        if name not in names:
            behind = names.index(in_notes[i - 1]) + 1 if i else 0
            names.insert(behind, name)
    return names


class Broken(Item):
    """An item that stands where a koan or a lesson could not be collected."""

    def __init__(self, *, verdict: Verdict, files: LessonFiles, **rest: Any) -> None:
        super().__init__(**rest)
        self.verdict = verdict
        self.files = files

    def runtest(self) -> None:
        tell(self, self.verdict)

    def repr_failure(self, excinfo: Any, style: Any = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Any, int, str]:
        return self.path, self.verdict.line - 1, self.name


def tell(item: Item, verdict: Verdict) -> None:
    """Put a verdict on an item's report, and fail the item unless it is passed."""
    item.user_properties.extend(verdict.properties())
    if verdict.kind is not Kind.PASSED:
        place = item.path.relative_to(item.config.rootpath).as_posix()
        message = f"{place}:{verdict.line}: {verdict.kind}: {verdict.sentence}"
        pytest.fail(message, pytrace=False)


def koan_of(item: Item) -> tuple[Lesson, str] | None:
    """The lesson and the name of a koan; None for any other test."""
    module, name = item.parent, getattr(item, "originalname", None)
    lesson = module.lesson if isinstance(module, LessonModule) else None
    if lesson is None or name not in lesson.notes.koans:
        return None
    return lesson, str(name)
