"""Checks that the commonest wrong shapes of an answer are told as what they are.

A bare value for a list, a list for one value, brackets that were forgotten: whoever
is told no more than "that does not hold" goes looking for another number.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from typing import Any

from sensei.check.answers import RIGHT, told
from sensei.check.findings import Finding, shown
from sensei.check.trials import Trials
from sensei.comparing import is_list, is_number
from sensei.predictions import as_text
from sensei.verdicts import Verdict

# Sentences that hold of any answer, and tell nobody what to change.
GENERAL = (
    "That does not hold.",
    "A check does not hold.",
    "None of the entries holds.",
    "This koan is not as it was given",
    "Python can't read this",
    "Python can't run this",
)


def predicted(koan: Trials) -> Iterator[Finding]:
    """A prediction of another shape is told which shape is asked for."""
    if koan.is_code:
        return
    for what, typed in wrong_shapes(koan.value):
        verdict = koan.verdict_as_typed(typed)
        if not is_specific(verdict):
            said = f"{what}: no diagnosis. {shown(typed)} is {told(verdict)}"
            yield koan.in_solution(said)


def is_specific(verdict: Verdict) -> bool:
    """Whether a verdict says something of just this answer; what passes need not."""
    return verdict.kind in RIGHT or not verdict.sentence.startswith(GENERAL)


def wrong_shapes(value: Any) -> Iterator[tuple[str, str]]:
    """Answers of another shape than the right one: a name, and what is typed."""
    if isinstance(value, dict):
        yield "a list for a dict", as_text(list(value.values()))
        yield "a bare value for a dict", as_text(next(iter(value.values()), 0))
    elif is_list(value):
        yield from _for_a_list(value)
    else:
        yield "a value in a list", as_text([value])
        yield "two values for one", f"{as_text(value)}, {as_text(value)}"
        if is_number(value) and math.isfinite(value):
            yield "a number in quotes", f'"{as_text(value)}"'


def _for_a_list(value: list[Any]) -> Iterator[tuple[str, str]]:
    yield "a bare value for a list", as_text(_first(value))
    yield "an entry too many", as_text([*value, *value[:1]])
    if len(value) > 1:
        yield "missing brackets", ", ".join(map(as_text, value))
        yield "an entry too few", as_text(value[:-1])
    if any(map(is_list, value)):
        flat = [
            item for inner in value for item in (inner if is_list(inner) else [inner])
        ]
        yield "one list for several", as_text(flat)


def _first(value: Any) -> Any:
    while is_list(value):
        value = value[0] if value else 0
    return value


def called(koan: Trials) -> Iterator[Finding]:
    """Code with a function's brackets forgotten is told so."""
    solution = koan.koan.solution
    assert solution is not None
    if not koan.is_code or solution.is_expression:
        return
    for fill in _uncalled(koan.solution):
        verdict = koan.verdict(fill)
        if not is_specific(verdict):
            said = f"brackets of a call: no diagnosis, but {told(verdict)} It is "
            yield koan.in_solution(said + shown(fill))


def _uncalled(code: str) -> Iterator[str]:
    """The code with the brackets of one statement left out: `step()` is `step`."""
    for number, _ in enumerate(_calls(ast.parse(code))):
        tree = ast.parse(code)
        statement = _calls(tree)[number]
        statement.value = statement.value.func  # type: ignore[attr-defined]
        yield ast.unparse(tree)


def _calls(tree: ast.AST) -> list[ast.Expr]:
    """The statements that are a call without arguments."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and not (node.value.args or node.value.keywords)
    ]
