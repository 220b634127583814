"""Running a koan: the one place where code of a lesson's koan is called.

``run`` gives what the koan did, as an Outcome; what that is worth is for
``judge`` to say.
"""

from __future__ import annotations

import bdb
import itertools
import pdb
import sys
import unittest
import warnings
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    ExitStack,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TextIO

import pytest

from sensei import comparing
from sensei.attempt import IN_THE_FILL, REPORT, Arguments, Attempt
from sensei.course import CourseError
from sensei.lesson import Koan
from sensei.timeline import Event
from sensei.watchdog import Hang, Limits, time_limit
from sensei.work import importable

SKIPS = (pytest.skip.Exception, unittest.SkipTest)
NOT_THE_KOANS = (KeyboardInterrupt, bdb.BdbQuit, pytest.exit.Exception)
UNKNOWN = object()


@dataclass(frozen=True)
class Check:
    """A check that was come to: which one, what was found, expected, and so.

    The ``expected`` of a prediction is UNKNOWN: nobody has looked at it yet.
    """

    number: int
    found: Any
    expected: Any = UNKNOWN
    holds: bool = False


@dataclass(frozen=True)
class Raised:
    """What ended a koan: the exception, its line, and its place (see Attempt)."""

    error: BaseException
    line: int
    place: int


@dataclass(frozen=True)
class Outcome:
    """What a koan did: its checks, in order, and what it raised, if anything.

    ``skipped`` is the reason of a skip that was given. ``marks`` says how many
    events of the story there were at each check.
    """

    attempt: Attempt
    arguments: Arguments
    limits: Limits
    checks: tuple[Check, ...] = ()
    raised: Raised | None = None
    skipped: str | None = None
    marks: tuple[int, ...] = ()

    @property
    def hung(self) -> bool:
        return self.raised is not None and isinstance(self.raised.error, Hang)

    @property
    def complete(self) -> bool:
        """Whether each check was come to, and nothing raised."""
        checked = {check.number for check in self.checks}
        return self.raised is None and checked == set(range(len(self.attempt.forms)))

    @cached_property
    def prediction(self) -> Any:
        """What was predicted, None for code; raises Refused."""
        return self.attempt.prediction(self.arguments)

    def alike(self, other: Outcome) -> bool:
        """Whether two koans did the same, as far as their checks can tell."""
        if (self.skipped is None) != (other.skipped is None):
            return False
        if [check.number for check in self.checks] != [c.number for c in other.checks]:
            return False
        pairs = zip(self.checks, other.checks, strict=True)
        return _ended_alike(self.raised, other.raised) and all(
            comparing.same(mine.found, others.found) for mine, others in pairs
        )


def _ended_alike(left: Raised | None, right: Raised | None) -> bool:
    if left is None or right is None:
        return left is right
    return type(left.error) is type(right.error) and left.place == right.place


def run(
    attempt: Attempt,
    arguments: Arguments,
    limits: Limits,
    function: Callable[..., object] | None = None,
    events: list[Event] | None = None,
    around: AbstractContextManager[None] | None = None,
) -> Outcome:
    """Run a koan once, within its limits, and put global state back behind it.

    ``function`` is the koan as pytest has it; ``events`` takes in the story of it,
    as the course tells it; ``around`` is open while it runs. Raises what is not the
    koan's doing: an interrupt from the keyboard, a debugger that was left, the end of
    the run; NotImportable.
    """
    call = function or attempt.callable()
    reports = _Reports(Outcome(attempt, arguments, limits), events)
    module = attempt.work.module
    course = attempt.koan.lesson.course
    quiet = attempt.is_example or events is not None or around is not None
    surroundings = [
        importable(module),
        _reporting_to(reports, vars(module)),
        course.kept(),
        _quiet() if quiet else _capped(limits.characters),
        around or nullcontext(),
        time_limit(limits, attempt.filename, attempt.koan.name),
    ]
    if events is not None:
        surroundings.append(course.watch(attempt.filename, events))
    try:
        with ExitStack() as stack:
            for surrounding in surroundings:
                stack.enter_context(surrounding)
            call(**arguments)
    except NOT_THE_KOANS:
        raise
    except BaseException as error:
        return reports.outcome(error)
    return reports.outcome(None)


@dataclass
class _Reports:
    """Takes in what the checks of one run report; ``begun`` is all that is known
    before it.
    """

    begun: Outcome
    events: list[Event] | None
    checks: list[Check] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)

    def __call__(self, number: int, found: Any, expected: Any = UNKNOWN) -> None:
        attempt = self.begun.attempt
        form = attempt.forms[number]
        self.marks.append(len(self.events or ()))
        kept = comparing.kept(found)
        if attempt.koan.note.is_prediction:
            self.checks.append(Check(number, kept))
            return
        holds = comparing.holds(found, form.op, expected, form.tolerance)
        self.checks.append(Check(number, kept, comparing.kept(expected), holds))

    def outcome(self, error: BaseException | None) -> Outcome:
        raised, skipped = None, None
        if error is not None:
            attempt = self.begun.attempt
            line = attempt.line_of(error)
            raised = Raised(error, line or attempt.fill.line, attempt.place(line))
        if raised and isinstance(error, SKIPS) and raised.place != IN_THE_FILL:
            raised, skipped = None, str(error)
        checks, marks = tuple(self.checks), tuple(self.marks)
        return replace(
            self.begun, checks=checks, raised=raised, skipped=skipped, marks=marks
        )


# ------------------------------------------------- what pytest knows of a koan


def argument_sets(koan: Koan) -> tuple[Arguments, ...]:
    """What a koan is called with where no pytest says it, one set after the other.

    Raises CourseError for a parameter of which the course does not say what it is.
    """
    assert koan.pristine is not None
    arguments = koan.lesson.course.arguments
    names = [argument.arg for argument in koan.pristine.args.args]
    for name in names:
        if name not in arguments:
            raise CourseError(
                f"{koan.lesson.relative}: {koan.name} has a parameter {name}; "
                f"[tool.sensei] arguments in pyproject.toml does not say what it is"
            )
    sets = itertools.product(*(arguments[name] for name in names))
    return tuple(dict(zip(names, values, strict=True)) for values in sets)


def skip_reason(attempt: Attempt) -> str:
    """The reason of a koan's skip or skipif mark that holds here; "" for none."""
    names = dict(vars(attempt.work.module))
    exec(attempt.code, names)
    for mark in getattr(names[attempt.koan.name], "pytestmark", []):
        if mark.name == "skip" or (mark.name == "skipif" and any(mark.args)):
            return str(mark.kwargs.get("reason") or "it is marked to be skipped")
    return ""


# ---------------------------------------------------------------- around a run


@contextmanager
def _reporting_to(reports: _Reports, names: dict[str, Any]) -> Iterator[None]:
    names[REPORT] = reports
    try:
        yield
    finally:
        names.pop(REPORT, None)


@contextmanager
def at_breakpoints(instead: Callable[[], object]) -> Iterator[None]:
    """Have something else done where a koan asks for a debugger."""
    before = sys.breakpointhook, pdb.set_trace

    def hook(*_: object, **__: object) -> object:
        return instead()

    sys.breakpointhook, pdb.set_trace = hook, hook  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.breakpointhook, pdb.set_trace = before


class _Output:
    """Stands in for a stream: what goes beyond a number of characters is dropped."""

    def __init__(self, stream: TextIO, most: int) -> None:
        self.stream = stream
        self.left = most
        self.dropped = 0

    def write(self, text: str) -> int:
        if self.left > 0:
            self.stream.write(text[: self.left])
        self.dropped += max(0, len(text) - max(0, self.left))
        self.left -= len(text)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def finish(self, most: int) -> None:
        if self.dropped:
            self.stream.write(
                f"\n… and {self.dropped:,} characters more: what a koan prints is "
                f"cut after {most:,}.\n"
            )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def _capped(most: int) -> Iterator[None]:
    """What a koan prints, up to a limit; beyond it only how much it was."""
    with _exchanged(most) as outputs:
        try:
            yield
        finally:
            for output in outputs:
                output.finish(most)


@contextmanager
def _quiet() -> Iterator[None]:
    """What is run for the engine's own sake prints nothing, warns of nothing, and
    stops nowhere.
    """
    with warnings.catch_warnings(), _exchanged(0), at_breakpoints(lambda: None):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _exchanged(most: int) -> Iterator[list[_Output]]:
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    mine = {name: _Output(stream, most) for name, stream in before.items() if stream}
    for name, output in mine.items():
        setattr(sys, name, output)
    try:
        yield list(mine.values())
    finally:
        for name, output in mine.items():
            if getattr(sys, name) is output:  # a debugger puts others there
                setattr(sys, name, before[name])
