"""Checks of right answers: the solution passes and its mutants do not."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any

from sensei import partial, predictions
from sensei.attempt import Attempt
from sensei.check.findings import Finding, shown
from sensei.check.trials import WRONG, Trials, same_code
from sensei.comparing import is_list
from sensei.verdicts import Kind, Verdict

RIGHT = (Kind.PASSED, Kind.SKIPPED)


def solution(koan: Trials) -> Iterator[Finding]:
    """The solution passes, and its checks find what can be kept, and written down."""
    for verdict, outcome in [] if koan.is_skipped else koan.of_solution:
        if verdict.kind not in RIGHT:
            yield koan.in_solution(f"its solution is {told(verdict)}")
            return
        for check in outcome.checks if outcome else ():
            if not is_plain(check.found):
                said = "which may change later: compare numbers, texts, lists of them"
                yield koan.in_solution(f"a check finds {check.found!r}, {said}")


def told(verdict: Verdict) -> str:
    """A verdict in a line, for a finding."""
    return f"{verdict.kind}: {verdict.sentence}"


def is_plain(value: Any) -> bool:
    """A number, a text, or what is its own copy because nothing can change it."""
    if isinstance(value, dict):
        return all(map(is_plain, [*value.keys(), *value.values()]))
    if is_list(value):
        return all(map(is_plain, value))
    try:
        return copy.deepcopy(value) is value
    except Exception:  # what has no copy is not plain
        return False


def also_right(koan: Trials) -> Iterator[Finding]:
    """What is also right passes, and is not the solution once more."""
    if koan.note.also_right and not koan.is_code:
        yield koan.in_notes(
            "also_right", "is for code; of a prediction the value counts"
        )
    for fill in koan.note.also_right:
        if same_code(fill, koan.solution):
            yield koan.in_notes("also_right", f"is the solution itself: {shown(fill)}")
        if (verdict := koan.verdict(fill)).kind not in RIGHT:
            said = f"is {told(verdict)} It is {shown(fill)}"
            yield koan.in_notes("also_right", said)


def mutated(koan: Trials) -> Iterator[Finding]:
    """A solution with a line less, or two exchanged, fails; or it is also right."""
    assert koan.koan.solution is not None
    if not koan.is_code or koan.koan.solution.is_expression:
        return
    for fill in mutants(koan.solution):
        if any(same_code(fill, right) for right in koan.note.also_right):
            continue
        verdict = koan.verdict(fill)
        if verdict.kind not in WRONG:
            said = f"a mutant is {verdict.kind}; is it also_right? {shown(fill)}"
            yield koan.in_solution(said)


def mutants(fill: str) -> Iterator[str]:
    """A fill of statements with each one deleted, each neighbouring pair swapped."""
    for mutant in _mutated(ast.parse(fill).body):
        yield "\n".join(map(ast.unparse, mutant)) or "pass"


def _mutated(body: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    for i in range(len(body)):
        yield [*body[:i], *body[i + 1 :]]
    for i in range(len(body) - 1):
        yield [*body[:i], body[i + 1], body[i], *body[i + 2 :]]
    for i, statement in enumerate(body):
        inner = getattr(statement, "body", None)
        if isinstance(inner, list) and inner:
            for mutant in _mutated(inner):
                changed: Any = copy.copy(statement)
                changed.body = mutant or [ast.Pass()]
                yield [*body[:i], ast.fix_missing_locations(changed), *body[i + 1 :]]


# ------------------------------------------------------------------ entry by entry


def tupled(koan: Trials) -> Iterator[Finding]:
    """A tuple is as good as a list."""
    if koan.is_code:
        return
    value = koan.value
    if is_list(value) or isinstance(value, dict):
        fill = predictions.as_text(_tupled(value))
        if (verdict := koan.verdict(fill)).kind not in RIGHT:
            yield koan.in_solution(f"{shown(fill)} is {told(verdict)}")


def entries(koan: Trials) -> Iterator[Finding]:
    """Of a wrong entry it is told which one it is, or how many hold."""
    if koan.is_code:
        return
    value, attempt = koan.value, koan.attempt
    assert isinstance(attempt, Attempt)
    is_one = is_list(value) and len(value) == 1
    if not (is_list(value) or isinstance(value, dict)) or is_one:
        return
    found, tolerance = koan.outcome.checks[0].found, attempt.forms[0].tolerance
    count = len(list(spoiled(value)))
    for name, wrong in spoiled(_tupled(value)):
        said = partial.which_hold(found, wrong, tolerance)
        expected = f"Entry {name} does not hold."
        if _can_be_guessed(value):
            expected = partial.how_many(count - 1, count)
        if not said.startswith(expected):
            yield koan.in_solution(f"to {wrong!r} it is said: {said}")


def _tupled(value: Any) -> Any:
    if is_list(value):
        return tuple(map(_tupled, value))
    if isinstance(value, dict):
        return {key: _tupled(item) for key, item in value.items()}
    return value


def spoiled(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The value with one of its entries wrong, and what that entry is called."""
    if isinstance(value, dict):
        for key in value:
            for inner, item in spoiled(value[key], f'"{key}"'):
                yield inner, {**value, key: item}
    elif is_list(value):
        for i, item in enumerate(value):
            below = f"{i + 1} of {name}" if name[:1] == '"' else f"{name}.{i + 1}"
            for inner, other in spoiled(item, below.lstrip(".")):
                yield inner, (*value[:i], other, *value[i + 1 :])
    elif isinstance(value, bool):
        yield name, not value
    else:
        yield name, 77.125


def _can_be_guessed(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_can_be_guessed, value.values()))
    if is_list(value):
        return all(map(_can_be_guessed, value))
    return isinstance(value, bool | str)
