"""Running one koan under its time limit, and what became of it."""

from __future__ import annotations

import importlib
import traceback
import unittest
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import pytest

from sensei import judge, predictions, timeline
from sensei.judge import Answer
from sensei.lesson import Lesson
from sensei.notes import NotesError
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Hang, time_limit


@dataclass(frozen=True)
class Rules:
    """How koans are run: their time limit, and what is told about a failed one.

    ``seconds`` is for one koan; ``stderr`` a file descriptor nobody captures;
    ``story`` names the module that tells how values came about ("" for none).
    """

    seconds: float
    stderr: int = 2
    reveal: bool = False
    story: str = ""


Koan = Callable[..., object]
SKIPS = (pytest.skip.Exception, unittest.SkipTest)
FOR_PYTEST = (*SKIPS, pytest.exit.Exception)  # exceptions that are more than a failure


def attempt(
    lesson: Lesson, name: str, koan: Koan, arguments: Mapping[str, Any], rules: Rules
) -> tuple[Verdict, Exception | None]:
    """Judge a koan, running it if its fill may be run.

    Gives the verdict and, for code, the exception that may be shown as it is:
    there the expected value is no secret. What is raised here did not come from
    the learner: an interrupt from the keyboard, a skip that the koan itself asks
    for.
    """
    modules = {k: v for k, v in koan.__globals__.items() if isinstance(v, ModuleType)}
    answer = judge.prepare(lesson, name, {**modules, **arguments})
    if isinstance(answer, Verdict):
        return answer, None
    try:
        verdict, error = run(answer, koan, arguments, rules)
    except NotesError as fault:
        return Verdict(Kind.ERROR, f"The notes of this koan: {fault}", 1), None
    if answer.note.is_prediction or isinstance(error, FOR_PYTEST):
        return verdict, None
    return verdict, error if isinstance(error, Exception) else None


def run(
    answer: Answer, koan: Koan, arguments: Mapping[str, Any], rules: Rules
) -> tuple[Verdict, BaseException | None]:
    """Run an answer: the verdict, and what was raised, if anything.

    pytest and the grader both run answers here. Raises what ``attempt`` does.
    """
    path = koan.__code__.co_filename
    error = _raised_by(koan, arguments, rules, path)
    if error is None:
        return judge.judge(answer, None, path), None
    if _is_for_pytest(error, answer, path):
        raise error
    if odd := _odd_ending(error, answer, rules, path):
        return odd, error
    verdict = judge.judge(answer, error, path)
    return _with_story(verdict, answer, error, koan, arguments, rules), error


def _raised_by(
    koan: Koan, arguments: Mapping[str, Any], rules: Rules, path: str
) -> BaseException | None:
    try:
        with time_limit(rules.seconds, path, rules.stderr, koan.__name__):
            koan(**arguments)
    except BaseException as error:
        return error
    return None


def _is_for_pytest(error: BaseException, answer: Answer, path: str) -> bool:
    """Not the learner's doing: Ctrl-C, or a skip in the code that was given."""
    if isinstance(error, KeyboardInterrupt):
        return "KeyboardInterrupt" not in answer.fill.text
    return isinstance(error, SKIPS) and not (
        "skip" in answer.fill.text.lower()
        or any(
            entry.filename == path and answer.fill.holds_line(entry.lineno or 0)
            for entry in traceback.extract_tb(error.__traceback__)
        )
    )


def _odd_ending(
    error: BaseException, answer: Answer, rules: Rules, path: str
) -> Verdict | None:
    """The verdict on a fill that ends in no ordinary exception."""
    line = answer.fill.line
    if isinstance(error, Hang):
        line = error.line or line
        sentence = f"It did not end within {rules.seconds:g} s; it was at line {line}."
    elif isinstance(error, SKIPS):
        sentence = "A fill can't skip a koan: it is not done."
    elif isinstance(error, FOR_PYTEST) or not isinstance(error, Exception):
        sentence = f"A fill can't end the run, as {type(error).__name__} does."
    else:
        return None
    return Verdict(Kind.ERROR, sentence, line, answer.wrote)


# ------------------------------------------------------------------- the story


def _with_story(
    verdict: Verdict,
    answer: Answer,
    error: BaseException,
    koan: Koan,
    arguments: Mapping[str, Any],
    rules: Rules,
) -> Verdict:
    """Add the answer and the story where they may be told.

    A prediction's are told when the learner asked; code's always, for there the
    order of the calls is the lesson.
    """
    path, value = koan.__code__.co_filename, None
    if answer.note.is_prediction:
        if not rules.reveal or verdict.kind is not Kind.WRONG:
            return verdict
        value = judge.actual(answer, error, path)
        verdict = replace(verdict, answer=predictions.as_text(value, digits=6))
    if not rules.story:
        return verdict
    tell = importlib.import_module(rules.story).tell
    try:
        with time_limit(rules.seconds, path, rules.stderr, koan.__name__):
            events = tell(koan, arguments)
    except Hang:
        return verdict
    misses = timeline.misses(value, answer.value)
    return replace(verdict, story=timeline.pack(events, misses))
