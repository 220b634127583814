"""Every koan's sentences are held by a claim, in at least three shapes.

A lesson's claims stand in tests/claims/, in a file of the lesson's name. A claim is
a test: its docstring is the sentence, ``@pytest.mark.claim(...)`` names the koans
(and "learned", for the lesson's own sentence) that say it, and ``shape`` is what it
is run in: two parameters, another optimizer, a loss that is no sum, another dtype.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei.lesson import Lesson
from this_course import LESSONS

HERE = Path(__file__).parent
LEARNED = "learned"


def claims(lesson: Lesson) -> Iterator[tuple[ast.FunctionDef, list[str]]]:
    """The claims of a lesson, each with the names of those who say it."""
    tree = ast.parse((HERE / f"{lesson.path.stem}.py").read_text("utf-8"))
    for function in tree.body:
        for mark in getattr(function, "decorator_list", []):
            if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith(".claim"):
                assert isinstance(function, ast.FunctionDef)
                yield function, [ast.literal_eval(name) for name in mark.args]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda one: one.name)
def test_every_koan_has_a_claim(lesson: Lesson):
    named = {name for _, names in claims(lesson) for name in names}
    asked = {LEARNED, *lesson.koans}
    assert named - asked == set(), "claims of koans that are not there"
    assert asked - named == set(), "koans whose sentences nobody tries"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda one: one.name)
def test_a_claim_is_a_sentence_in_several_shapes(lesson: Lesson):
    for function, _ in claims(lesson):
        assert ast.get_docstring(function), f"{function.name} says no sentence"
        parameters = [argument.arg for argument in function.args.args]
        assert {"shape", "device"} <= set(parameters), f"{function.name} has one shape"
