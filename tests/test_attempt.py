"""What is compiled of a filled koan: its checks, and nothing of a prediction."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from types import CodeType
from typing import Any

import pytest

from one_lesson import (
    attempt_of,
    attempted,
    decided,
    judged,
    koan_of,
    line_of,
    outcome_of,
)
from sensei.attempt import IN_THE_FILL, REPORT, Attempt
from sensei.verdicts import Kind
from this_course import ROOT, filled

CODE = """
from pytest import approx


def test_it():
    items = []
    for i in range(3):
        items.append(i)

    assert items
    assert len(items) == 3
    assert sum(items) / 3 == approx(1.0, rel=1e-3, abs=0.5)
    assert items is not None, "never"
    assert 0 < items[1] < 2
    assert 2 in items and 1 in items
"""
PREDICTION = """
def test_it():
    values = [1, 2]
    for value in values:
        assert value > 0
    assert values

    assert sum(values) == 3
"""
CODE_KOAN = koan_of(CODE, "for i in range(3):\n    __")
KOAN = koan_of(PREDICTION, "assert sum(values) == __")


def test_the_checks_of_code_are_the_asserts_of_its_body_as_they_compare():
    forms = attempt_of(CODE_KOAN, "items.append(i)\nassert items").forms
    assert [(form.asks, form.op, form.tolerance) for form in forms] == [
        ("items", "", None),
        ("len(items)", "==", None),
        ("sum(items) / 3", "==", {"rel": 1e-3, "abs": 0.5}),
        ("items", "is not", None),
        ("0 < items[1] < 2", "", None),
        ("2 in items and 1 in items", "", None),
    ]
    first = line_of(CODE, "assert items") + 1  # the fill has a line more
    assert [form.line for form in forms] == list(range(first, first + 6))


def test_the_one_check_of_a_prediction_is_that_with_the_blank():
    [form] = attempt_of(KOAN, "9").forms
    assert (form.asks, form.line) == ("sum(values)", line_of(PREDICTION, "== 3"))


def constants(code: CodeType) -> Iterator[object]:
    for constant in code.co_consts:
        yield from constants(constant) if isinstance(constant, CodeType) else [constant]


def test_what_was_predicted_is_not_in_the_code_that_runs():
    assert 31337 in constants(attempt_of(CODE_KOAN, "items += [31337]").code)
    assert 31337 not in constants(attempt_of(KOAN, "31337").code)


def test_the_tree_that_was_read_stays_as_it_was():
    attempt = attempt_of(KOAN, "9")
    before = ast.dump(attempt.function)
    _ = attempt.code
    assert ast.dump(attempt.function) == before
    assert REPORT not in before


# ------------------------------------------------------------------------- places

PLACES = """
def test_it():
    print(1)
    a = 1
    if a:
        with b:
            c
    else:
        d
    try:
        e1
    except E:
        f
    finally:
        g
    x = 5

    assert x == 5
"""


def test_a_place_is_the_number_of_a_given_statement_whatever_the_fill():
    koan = koan_of(PLACES, "x = __")
    parts = ["a = 1", "if a", "with b", "  c", "  d", "try", "  e1", "  f", "  g"]
    places = []
    for fill in ("2", "(\n        2 +\n        2\n    )"):
        text = filled(koan, fill).replace("    a = 1", "    print(2)\n\n    a = 1")
        attempt = attempted(koan, text)
        assert isinstance(attempt, Attempt)
        lines = [line_of(text, part) for part in [*parts, "x =", "assert"]]
        places.append([attempt.place(line) for line in lines])
    assert places[0] == places[1]
    assert sorted(places[0]) == list(range(11)) and places[0][:4] == [0, 1, 2, 3]


def test_statements_of_a_fill_are_one_place():
    fill = "items.append(i)\nfor j in []:\n    pass"
    attempt = attempt_of(CODE_KOAN, fill)
    first = line_of(CODE, "append")
    assert {attempt.place(line) for line in range(first, first + 3)} == {IN_THE_FILL}
    assert attempt.place(first - 1) == 1
    assert attempt.place(first + 4) == 2


# ---------------------------------------------------------------- as Python has it


@pytest.mark.parametrize(
    "check", ["len(items) + (\n        None) == 3", "Stubborn() == Stubborn()"]
)
def test_an_error_of_a_check_is_told_where_plain_python_tells_it(check):
    """Line and columns: editors and carets go by them."""
    head = "class Stubborn:\n    def __eq__(self, other): return 1 / 0\n"
    text = head + CODE.replace("len(items) == 3", check)
    koan = koan_of(text, "for i in range(3):\n    __")
    outcome = outcome_of(koan, "items.append(i)")
    names: dict[str, Any] = {}
    exec(compile(text, "<plain>", "exec"), names)
    with pytest.raises((TypeError, ZeroDivisionError)) as caught:
        names["test_it"]()
    plain, mine = (
        next(frame for frame in traceback.extract_tb(trace) if frame.name == "test_it")
        for trace in (caught.value.__traceback__, outcome.raised.error.__traceback__)
    )
    for place in ("lineno", "end_lineno", "colno", "end_colno"):
        assert getattr(mine, place) == getattr(plain, place)


def test_annotations_are_worked_out_as_the_lesson_has_it():
    """Not as this file, or the engine's, has it from its __future__."""
    text = PREDICTION.replace(
        "values = [1, 2]", "def f(x: int): 0\n    values = [1, 2]"
    )
    text = text.replace("sum(values) == 3", "f.__annotations__ == 3")
    attempt = attempt_of(koan_of(text, "assert f.__annotations__ == __"), "9")
    function = next(
        c for c in constants_of_kind(attempt.code) if c.co_name == "test_it"
    )
    assert "int" in function.co_names, "an annotation became a text"


def constants_of_kind(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


STRIPPED = """
import sys
sys.path[:0] = {path!r}
from test_attempt import *
sys.flags.optimize or 1 / 0
given = PREDICTION.replace("value > 0", "value > 1")
verdicts = [judged(koan_of(given, KOAN.note.asks), "3"), judged(KOAN, "3")]
fills = "pass", "assert 0", "items.append(i)"
verdicts += [judged(CODE_KOAN, fill) for fill in fills]
sys.exit(" ".join(verdict.kind for verdict in verdicts))
"""


@pytest.mark.slow
def test_a_python_that_drops_asserts_drops_none_of_a_koan():
    """-OO does all that -O does, and drops docstrings, too."""
    script = STRIPPED.format(path=[str(ROOT), str(ROOT / "tests")])
    ran = subprocess.run(
        [sys.executable, "-OO", "-c", script],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr.strip() == "error passed failed error passed", ran.stderr


def test_a_check_that_is_not_of_the_koan_is_none():
    verdict = judged(CODE_KOAN, "items.append(i)\nassert i < 2")
    assert verdict.kind is Kind.ERROR


def test_a_second_check_with_the_same_text_is_its_own():
    text = CODE + "    assert len(items) == 3\n"
    koan = koan_of(text, "for i in range(3):\n    __")
    assert len(attempt_of(koan, "items.append(i)").forms) == 7
    assert decided(koan, text).kind is Kind.PASSED
