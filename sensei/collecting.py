"""Collecting a lesson, so that the path always has an item for each koan.

A koan that can't be read, is gone or was changed has an item in its place all the
same, under its own name: the run goes on up to it, under ``-x`` and under xdist,
and says what is the matter.
"""

from __future__ import annotations

import ast
import copy
import os
from collections.abc import Iterable
from typing import Any

import pytest
from pytest import Collector, Item, Module

from sensei.attempt import Attempt, compiled
from sensei.lesson import Koan, Lesson
from sensei.notes import NotesError
from sensei.source import Function, Unreadable
from sensei.verdicts import Kind, Verdict
from sensei.work import NotImportable, Work, importable, read


class LessonModule(Module):
    """A lesson file, or its solution; ``attempts`` are what its koans come to."""

    def __init__(self, *, lesson: Lesson, **rest: Any) -> None:
        super().__init__(**rest)
        self.lesson = lesson
        self.attempts: dict[str, Attempt | Verdict] = {}

    def collect(self) -> Iterable[Item | Collector]:
        try:
            koans = self.lesson.koans
            work = read(self.lesson, self.path)
        except (NotesError, Unreadable) as error:
            root = f"{self.config.rootpath}{os.sep}"
            return [self.broken(str(error).replace(root, ""))]
        self.attempts = {name: work.attempt(koan) for name, koan in koans.items()}
        try:
            self.obj = work.module
        except NotImportable as fault:
            return [self.broken(fault.reason, fault.line)]
        with importable(work.module):
            for name, koan in koans.items():
                try:
                    self._define(work, koan, self.attempts[name])
                except Exception as error:  # a decorator, where solutions are withheld
                    reason = f"What stands above it raises {type(error).__name__}."
                    line = work.line(koan)
                    self.attempts[name] = Verdict(Kind.ERROR, reason, line)
        return self._in_order(list(koans))

    def _define(self, work: Work, koan: Koan, attempt: Attempt | Verdict) -> None:
        """Put a koan into its module: as it runs or, unrunnable, without a body."""
        if isinstance(attempt, Attempt):
            exec(attempt.code, vars(work.module))
        elif function := next(iter(work.found.get(koan.name, [])), koan.pristine):
            is_as_given = attempt.kind in (Kind.BLANK, Kind.REFUSED)
            chosen = function if is_as_given else koan.pristine or function
            stub = _stub(chosen, koan.pristine or chosen)
            exec(compiled([stub], work.path), vars(work.module))

    def _in_order(self, names: list[str]) -> list[Item | Collector]:
        """The items of each koan; of one that pytest has no item for, why."""
        items: dict[str, list[Item | Collector]] = {name: [] for name in names}
        for item in super().collect():
            name = getattr(item, "originalname", item.name)
            if name in items:  # what a learner adds beside the koans is no koan
                items[name].append(item)
        return [
            item
            for name in names
            for item in items[name] or [self._absent(self.attempts[name], name)]
        ]

    def _absent(self, attempt: Attempt | Verdict, name: str) -> Broken:
        if isinstance(attempt, Verdict) and attempt.kind is Kind.ERROR:
            return self.broken(attempt.sentence, attempt.line, name)
        return self.broken("pytest can't collect this koan.", 1, name)

    def broken(self, sentence: str, line: int = 1, name: str = "") -> Broken:
        """An item that says what is the matter, in the place of a koan or of all."""
        verdict = Verdict(Kind.ERROR, sentence, line)
        item: Broken = Broken.from_parent(
            self, name=name or self.path.stem, verdict=verdict
        )
        return item

    def missing(self) -> Broken:
        """The item for a lesson whose file is not there."""
        return self.broken(
            f"This lesson's file is not there any more. "
            f"`sensei reset {self.lesson.number}` puts it back, and git has it, too."
        )


def _stub(function: Function, given: Function) -> Function:
    """A koan's name, with the parameters and marks that it was given.

    It is never called.
    """
    stub = copy.copy(function)
    stub.args, stub.decorator_list = given.args, given.decorator_list
    stub.returns = None
    nothing = ast.copy_location(ast.Pass(), function)
    stub.body = [nothing]
    return stub


class Broken(Item):
    """An item that stands where a koan or a lesson could not be collected."""

    def __init__(self, *, verdict: Verdict, **rest: Any) -> None:
        super().__init__(**rest)
        self.verdict = verdict

    def runtest(self) -> None:
        tell(self, self.verdict)

    def repr_failure(self, excinfo: Any, style: Any = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Any, int, str]:
        return self.path, self.verdict.line - 1, self.name


def tell(item: Item, verdict: Verdict) -> None:
    """Put a verdict on an item's report, and end the item as the verdict says."""
    item.user_properties.extend(verdict.properties())
    if verdict.kind is Kind.SKIPPED:
        pytest.skip(verdict.sentence)
    if verdict.kind is not Kind.PASSED:
        pytest.fail(message(item, verdict), pytrace=False)


def message(item: Item, verdict: Verdict) -> str:
    """A verdict in a line, as pytest's own summary has it."""
    place = item.path.relative_to(item.config.rootpath).as_posix()
    return f"{place}:{verdict.line}: {verdict.kind}: {verdict.sentence}"


def attempt_of(item: Item) -> Attempt | Verdict | None:
    """What a koan's item is about; None for any other test."""
    module = item.parent
    if not isinstance(module, LessonModule):
        return None
    return module.attempts.get(getattr(item, "originalname", item.name))
