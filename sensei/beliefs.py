"""Beliefs: worlds in which a wrong prediction would be right.

A course brings them ([tool.sensei] misconceptions): a sentence, and something to
put around a koan that makes the sentence true. The koan is run once more in each
world; where it then comes to what was predicted, the belief is told. One answer
proves no belief, so what is said is "would be right if", never "you believe".
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from sensei import comparing
from sensei.attempt import Arguments, Attempt
from sensei.lesson import Koan
from sensei.running import Outcome, run
from sensei.source import Function
from sensei.timeline import Event
from sensei.watchdog import Limits

LONGEST = 1.0  # seconds of one run in a world, which takes half a millisecond
BUDGET = 2.0  # seconds of this process's time for all the worlds of a koan

Names = dict[str, Any]  # the globals of a lesson
World = Callable[[Names], AbstractContextManager[None]]
Reading = Callable[[Any], Any]


class Sort(Enum):
    """What a belief is about; those further down are told after all above."""

    SUBJECT = 1
    ARITHMETIC = 2
    READING = 3


@dataclass(frozen=True)
class Belief:
    """A sentence that is not true, and the worlds in which it is.

    ``says`` goes behind "would be right if", ``see`` is the koan to look at again,
    ``lesson`` the number of the lesson from which on it is told. ``worlds`` make it
    true in one way or another, each while it is open; ``readings`` are for slips
    that need no run: what they make of the right value. Where ``touches`` are given,
    one of these names has to stand in the koan. A ``common`` belief is told before
    those of earlier lessons, a ``rare`` one behind all others of its sort.
    """

    name: str
    lesson: str
    says: str
    see: str = ""
    worlds: tuple[World, ...] = ()
    readings: tuple[Reading, ...] = ()
    touches: frozenset[str] = frozenset()
    sort: Sort = Sort.SUBJECT
    common: bool = False
    rare: bool = False


@dataclass(frozen=True)
class Told:
    """The sentence for the learner, and the world that it is about.

    ``world`` is None for a slip of reading. ``says`` are all the beliefs that explain
    the prediction, the one of the sentence first.
    """

    sentence: str
    world: World | None
    says: tuple[str, ...]


@dataclass(frozen=True)
class Believed:
    """What a koan comes to for somebody with a belief."""

    belief: Belief
    world: World | None
    value: Any


# ------------------------------------------------------------------ what is told


def told(outcome: Outcome, in_part: bool = True) -> Told | None:
    """The belief that comes to a wrong prediction; None where none is told.

    The first in the order of telling. ``in_part``: what is right in part is looked at
    entry by entry, and told if one belief alone explains all that is wrong in it.
    """
    candidates = believed(outcome)
    wrote, tolerance = outcome.prediction, outcome.attempt.forms[0].tolerance
    fitting = [one for one in candidates if agree(one.value, wrote, tolerance)]
    if fitting:
        return _told(outcome.attempt.koan, "This", fitting)
    found = outcome.checks[0].found
    fitting = [one for one in candidates if _explains(one, found, wrote, tolerance)]
    if in_part and len({one.belief.name for one in fitting}) == 1:
        return _told(outcome.attempt.koan, "What does not hold", fitting)
    return None


def _told(koan: Koan, start: str, fitting: Sequence[Believed]) -> Told:
    """Two of the beliefs are in the sentence, if both are about the subject."""
    beliefs = list({one.belief.says: one.belief for one in fitting}.values())
    first, *others = beliefs
    alike = [other for other in others if other.sort is first.sort is Sort.SUBJECT]
    says = ", or if ".join(belief.says for belief in [first, *alike[:1]])
    sentence = f"{start} would be right if {says}.{_see(first.see, koan)}"
    return Told(sentence, fitting[0].world, tuple(belief.says for belief in beliefs))


def _see(name: str, koan: Koan) -> str:
    """Where to look again; "" for what does not come before on the path."""
    for lesson in koan.lesson.course.lessons:
        for before in lesson.notes.koans:
            if before == koan.name:
                return ""
            if before == name:
                is_here = lesson.number == koan.lesson.number
                where = "" if is_here else f" (lesson {lesson.number})"
                return f" See {name}{where}."
    return ""


def agree(value: Any, prediction: Any, tolerance: comparing.Tolerance) -> bool:
    """Whether a prediction comes to what a world comes to."""
    return comparing.predicted(value, prediction, tolerance) or comparing.same(
        value, prediction
    )


def _explains(
    one: Believed, found: Any, wrote: Any, tolerance: comparing.Tolerance
) -> bool:
    """Whether a world comes to every wrong entry of what is right in part."""
    if one.belief.sort is Sort.READING:
        return False
    triples = list(comparing.entries(found, wrote, one.value))
    wrong = [entry for entry in triples if not agree(entry[0], entry[1], tolerance)]
    return 0 < len(wrong) < len(triples) and all(
        not isinstance(predicted, bool | str) and agree(value, predicted, tolerance)
        for _, predicted, value in wrong
    )


# ------------------------------------------------------------- what is believed


def believed(outcome: Outcome) -> Sequence[Believed]:
    """What the koan of a prediction comes to by each belief, in the order of telling.

    Kept with the work: all that predict something of a koan are told out of it.
    What comes to the right value, or to none, is left out.
    """
    attempt, arguments = outcome.attempt, outcome.arguments
    known = attempt.work.outcomes
    key = "believed", attempt.koan, repr(sorted(arguments.items()))
    if key not in known:
        found = outcome.checks[0].found
        known[key] = list(_believed(attempt, arguments, outcome.limits, found))
    kept: list[Believed] = known[key]
    return kept


def _believed(
    attempt: Attempt, arguments: Arguments, limits: Limits, right: Any
) -> Iterator[Believed]:
    limits = replace(limits, seconds=min(limits.seconds, LONGEST))
    tolerance = attempt.forms[0].tolerance
    ends = time.process_time() + BUDGET
    for belief in eligible(attempt.koan, right):
        found: list[Believed] = []
        for reading in belief.readings:
            with suppress(Exception):  # as of a world that raises: nothing is told
                found.append(Believed(belief, None, reading(right)))
        for world in belief.worlds:
            if time.process_time() > ends:
                return
            lived = run_in(world, attempt, arguments, limits)
            if lived.complete:
                found.append(Believed(belief, world, lived.checks[0].found))
        for one in found:
            if not comparing.predicted(right, one.value, tolerance):
                yield one


def run_in(
    world: World,
    attempt: Attempt,
    arguments: Arguments,
    limits: Limits,
    events: list[Event] | None = None,
) -> Outcome:
    """What a koan does in a world; see ``running.run``."""
    around = world(vars(attempt.work.module))
    return run(attempt, arguments, limits, events=events, around=around)


def eligible(koan: Koan, right: Any) -> list[Belief]:
    """The beliefs that may be told of a koan, in the order of telling.

    Never one whose lesson is still to come. Truth values and letters agree by
    chance: of these only the lesson's own.
    """
    here = koan.lesson.number
    mentioned = names_in(koan)
    beliefs = [
        belief
        for belief in koan.lesson.course.beliefs
        if belief.lesson <= here
        and (belief.touches & mentioned or not belief.touches)
        and (belief.lesson == here or not _is_guessed(right))
    ]
    return sorted(beliefs, key=lambda belief: _order(belief, here))


def _order(belief: Belief, here: str) -> tuple[int, bool, bool, bool, int]:
    earlier = belief.lesson != here
    return (
        belief.sort.value,
        belief.rare,
        earlier,
        not belief.common,
        -int(belief.lesson) if belief.lesson.isdecimal() else 0,
    )


def _is_guessed(right: Any) -> bool:
    """Whether there are few answers to choose from: truth values, letters."""
    return all(isinstance(entry, bool | str) for (entry,) in comparing.entries(right))


def names_in(koan: Koan) -> frozenset[str]:
    """The names that stand in a koan, and in what it calls of its lesson."""
    pristine = koan.lesson.pristine
    body = pristine.tree.body if pristine else []
    own = {
        node.name: node for node in body if isinstance(node, Function | ast.ClassDef)
    }
    names: set[str] = set()
    ahead: list[ast.AST] = [koan.pristine] if koan.pristine else []
    while ahead:
        node = ahead.pop()
        names |= _names(node)
        called = _called(node) & own.keys()
        ahead += [own.pop(name) for name in called]
    return frozenset(names)


def _names(node: ast.AST) -> set[str]:
    inside = list(ast.walk(node))
    names = {one.id for one in inside if isinstance(one, ast.Name)}
    names |= {one.attr for one in inside if isinstance(one, ast.Attribute)}
    return names | {
        one.arg for one in inside if isinstance(one, ast.keyword) and one.arg
    }


def _called(node: ast.AST) -> set[str]:
    calls = (one.func for one in ast.walk(node) if isinstance(one, ast.Call))
    return {func.id for func in calls if isinstance(func, ast.Name)}
