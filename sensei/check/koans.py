"""Checks of a koan as it is given: where its blank and its checks stand, its size."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from sensei import blanks
from sensei.attempt import Attempt
from sensei.check.findings import Finding
from sensei.check.trials import Trials
from sensei.lesson import Lesson
from sensei.source import Function
from sensei.verdicts import Kind, Verdict
from sensei.work import Work

QUESTION = 5  # lines
PREDICTION, CODE = 24, 32  # lines of a koan
HOLDS_CODE = ast.Assign | ast.If | ast.While | ast.Expr | ast.Call | ast.keyword


def _given(koan: Trials) -> Function:
    assert koan.koan.pristine is not None
    return koan.koan.pristine


def blank(koan: Trials) -> Iterator[Finding]:
    """One blank, in the body of the test: what an assert is compared with, or code."""
    function = _given(koan)
    found = blanks.find_blanks(function)
    if len(found) != 1 or any(map(blanks.find_blanks, function.decorator_list)):
        yield koan.in_solution("its one blank has to stand in its body")
        return
    above = list(_above(function, found[0]))
    said = _of_code(above) if koan.is_code else _of_prediction(above, found[0])
    if said:
        yield koan.in_solution(said)


def _above(function: Function, blank: ast.Name) -> Iterator[ast.AST]:
    """What a blank stands in, from the inside out."""
    parents = {c: p for p in ast.walk(function) for c in ast.iter_child_nodes(p)}
    node: ast.AST = blank
    while (node := parents[node]) is not function:
        yield node


def _of_code(above: list[ast.AST]) -> str:
    if isinstance(above[0], HOLDS_CODE):
        return ""
    return f"its blank is an operand, in `{ast.unparse(above[0])}`"


def _of_prediction(above: list[ast.AST], blank: ast.Name) -> str:
    if isinstance(above[0], ast.Call):
        call, *above = above
        if ast.unparse(call.func) != "approx" or call.args != [blank]:  # type: ignore[attr-defined]
            return f"its blank is in `{ast.unparse(call)}`"
    if [type(node) for node in above] != [ast.Compare, ast.Assert]:
        return "its blank is not just what an assert is compared with"
    return ""


def forms(koan: Trials) -> Iterator[Finding]:
    """Its asserts stand directly in the body, and compare once."""
    attempt = koan.attempt
    assert isinstance(attempt, Attempt)
    asserts = [n for n in ast.walk(_given(koan)) if isinstance(n, ast.Assert)]
    if koan.is_code and (len(asserts) != len(attempt.forms) or not asserts):
        count = len(attempt.forms)
        said = f"it has {len(asserts)} asserts, and {count} of them are checks"
        yield koan.in_solution(said)
    for form in attempt.forms:
        if form.statement.msg:
            yield koan.in_solution(f"`{form.asks}` has a message, which nobody sees")
        if not form.op:
            yield koan.in_solution(f"`{form.asks}` compares nothing")
        elif form.op != "==" and not koan.is_code:
            yield koan.in_solution(f"it asks with {form.op}; a prediction is for ==")


def size(koan: Trials) -> Iterator[Finding]:
    """It fits the eye."""
    question = len(koan.koan.question.splitlines())
    if not 1 <= question <= QUESTION:
        said = f"its question has {question} lines, 1 to {QUESTION} are fine"
        yield koan.in_solution(said)
    function = koan.solved.function(koan.koan)
    lines = (function.end_lineno or 0) - function.lineno - question
    most = CODE if koan.is_code else PREDICTION
    if lines > most:
        yield koan.in_solution(f"it has {lines} lines, {most} at most")


def untouched(koan: Trials) -> Iterator[Finding]:
    """As it was given, it is blank."""
    verdict = _as_given(koan.koan.lesson).attempt(koan.koan)
    if not isinstance(verdict, Verdict) or verdict.kind is not Kind.BLANK:
        yield koan.in_solution(f"untouched it is not blank, but {verdict}")


@lru_cache(maxsize=1)
def _as_given(lesson: Lesson) -> Work:
    """A lesson untouched, read once for all its koans."""
    assert lesson.pristine is not None
    return Work(lesson, lesson.pristine.text.encode())
