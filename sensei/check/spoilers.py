"""A check that nothing which is told before the answer holds the answer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sensei import comparing, predictions
from sensei.check.findings import Finding
from sensei.check.trials import Trials

TOO_COMMON = (0, 1, 2, None, True, False)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w]|\.\d)")
GROUP = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}")
CODE = re.compile(r"`(.+?)`")


def spoilers(koan: Trials) -> Iterator[Finding]:
    """No name, question, head, hint or diagnosis has the whole right answer in it."""
    for place, text in _texts_of_notes(koan).items():
        if _spoils(text, koan):
            yield koan.in_notes(place, "has the answer in it")
    for place, text in _texts_of_file(koan).items():
        if _spoils(text, koan):
            yield koan.in_solution(f"its {place} has the answer in it")


def _texts_of_notes(koan: Trials) -> Mapping[str, str]:
    note = koan.note
    return {
        "asks": note.asks,
        **{f"hint {i}": hint for i, hint in enumerate(note.hints, 1)},
        **{f"mistakes {i}": m.says for i, m in enumerate(note.mistakes, 1)},
    }


def _texts_of_file(koan: Trials) -> Mapping[str, str]:
    pristine = koan.koan.lesson.pristine
    assert pristine is not None
    return {
        "name": koan.koan.name.replace("_", " "),
        "question": koan.koan.question,
        "lesson's head": ast.get_docstring(pristine.tree) or "",
    }


def _spoils(text: str, koan: Trials) -> bool:
    if koan.is_code:
        return _squeezed(koan.solution) in _squeezed(text)
    value = koan.value
    if isinstance(value, int | float | None) and value in TOO_COMMON:
        return False
    pieces = NUMBER.findall(text) + GROUP.findall(text) + CODE.findall(text)
    modules = koan.solved.modules
    return any(_comes_to(piece, value, modules) for piece in pieces)


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _comes_to(text: str, value: Any, modules: Mapping[str, object]) -> bool:
    try:
        node = ast.parse(text, mode="eval").body
        return comparing.same(value, predictions.evaluate(node, modules))
    except (SyntaxError, predictions.Refused):
        return False
