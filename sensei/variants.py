"""Variants: prediction koans with other numbers, found by trying.

``find`` looks at one seed after the other until the text that ``drawing`` makes of
it has another answer of the same shape, as easy to work out, and tells the same
misconceptions apart. ``sensei review`` and a handout with numbers ask here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensei import beliefs, blanks, comparing, source
from sensei.attempt import Arguments, Attempt
from sensei.beliefs import Sort
from sensei.blanks import Fill
from sensei.comparing import entries, is_number
from sensei.drawing import draw, form_of, text_of, why_not
from sensei.lesson import Koan, Lesson, functions
from sensei.running import Outcome, run
from sensei.watchdog import Limits
from sensei.work import Work

TRIES = 40  # seeds that find looks at
LARGEST = 200.0  # of an answer, unless the original's has larger numbers
DIGITS = 4  # that matter, in a number of an answer
ACCEPTED = 5e-7  # in which it has to be that number: approx takes twice as much


@dataclass(frozen=True)
class Trial:
    """What a koan comes to: its answer, and what each belief would make of it.

    A belief that has several worlds is there more than once, with a number.
    """

    answer: Any
    beliefs: Mapping[tuple[str, int], Any]


def find(
    koan: Koan, seed: int, arguments: Arguments, limits: Limits, tries: int = TRIES
) -> int | None:
    """The first seed from here on that makes a sound variant; None for none.

    Raises what reading and running the lesson raises.
    """
    if why_not(koan):
        return None
    original = _original(koan, repr(sorted(arguments.items())), arguments, limits)
    if original is None or not any(
        is_number(one) for (one,) in entries(original.answer)
    ):
        return None
    for candidate in range(seed, seed + tries):
        text = draw(koan, candidate)
        if text is None:
            continue
        outcome = outcome_of(koan, text, arguments, limits)
        if outcome and _is_sound(koan, original, outcome):
            return candidate
    return None


def _is_sound(koan: Koan, original: Trial, outcome: Outcome) -> bool:
    is_other = is_alike(original.answer, found_by(outcome), _is_exact(koan))
    return is_other and keeps_apart(original, _trial(outcome))


def answer_of(koan: Koan, text: str, arguments: Arguments, limits: Limits) -> Any:
    """What a koan with this text finds where its blank is; None where it fails."""
    outcome = outcome_of(koan, text, arguments, limits)
    return found_by(outcome) if outcome else None


def outcome_of(
    koan: Koan, text: str, arguments: Arguments, limits: Limits
) -> Outcome | None:
    """What a koan with this text does; None where it fails."""
    outcome = run(attempt(koan, text), arguments, limits)
    return outcome if outcome.complete else None


def found_by(outcome: Outcome) -> Any:
    """What a prediction's koan found where its blank is."""
    return outcome.checks[0].found


_originals: dict[tuple[object, ...], Trial | None] = {}


def _original(
    koan: Koan, key: str, arguments: Arguments, limits: Limits
) -> Trial | None:
    text = text_of(koan)
    known = koan.lesson.name, koan.name, text, key
    if known not in _originals:
        outcome = outcome_of(koan, text, arguments, limits)
        _originals[known] = _trial(outcome) if outcome else None
    return _originals[known]


def _trial(outcome: Outcome) -> Trial:
    """What a koan came to, and what it comes to in each world that a belief makes."""
    told = [b for b in beliefs.believed(outcome) if b.belief.sort is not Sort.READING]
    names = [each.belief.name for each in told]
    places = ((name, names[:i].count(name)) for i, name in enumerate(names))
    values = (each.value for each in told)
    return Trial(found_by(outcome), dict(zip(places, values, strict=True)))


def attempt(koan: Koan, text: str) -> Attempt:
    """A koan with a text, blank and all: only what is asked about is in its code."""
    [function] = functions(source.parse(text).body)[koan.name]
    [blank] = blanks.find_blanks(function)
    other = Koan(koan.lesson, koan.note, function)
    work, name = _work(koan.lesson), f"<{koan.name}>"
    lines = source.lines_of(text)
    return Attempt(work, other, function, Fill((blank,)), blanks.BLANK, name, lines)


_works: dict[Lesson, Work] = {}


def _work(of: Lesson) -> Work:
    """A lesson as it was given: the module that its variants run in."""
    if of not in _works:
        assert of.pristine is not None
        _works[of] = Work(of, of.pristine.text.encode())
    return _works[of]


def _is_exact(koan: Koan) -> bool:
    form = form_of(koan)
    return form is None or form.read.is_exact


# ------------------------------------------------------------------------ the rules


def is_alike(before: Any, after: Any, is_exact: bool) -> bool:
    """Whether an answer is another one of the same shape, as easy to work out.

    ``is_exact`` says that it is compared without a tolerance.
    """
    olds, news = ([one for (one,) in entries(each)] for each in (before, after))
    if len(olds) != len(news) or _shape(before) != _shape(after) or olds == news:
        return False
    old, new = ([n for n in each if is_number(n)] for each in (olds, news))
    largest = max([LARGEST, *(abs(n) for n in old if math.isfinite(n))])
    return all(_is_short(number, largest, is_exact) for number in new) and _pattern(
        old
    ) == _pattern(new)


def _is_short(number: float, largest: float, is_exact: bool) -> bool:
    """Of pencil size, dyadic where it has to be exact, and no -0.0."""
    if not math.isfinite(number) or abs(number) > largest:
        return False
    if number == 0:
        return math.copysign(1.0, number) > 0
    short = float(f"{number:.{DIGITS}g}")
    if is_exact:
        return number == short and (number * 1024) % 1 == 0
    return math.isclose(number, short, rel_tol=ACCEPTED)


def _pattern(numbers: Sequence[float]) -> list[object]:
    """Which are zero, and which equal each other."""
    rounded = [float(f"{number:.6g}") for number in numbers]
    return [(n == 0, rounded.index(n)) for n in rounded]


def _shape(value: Any) -> object:
    """How lists lie in each other, and all that is no number as it is."""
    match value:
        case list() | tuple():
            return [_shape(item) for item in value]
        case dict():
            return {key: _shape(item) for key, item in value.items()}
    return "a number" if is_number(value) else repr(value)


def keeps_apart(before: Trial, after: Trial) -> bool:
    """Whether each belief that had a wrong answer of its own has one still."""
    wrong = [
        name
        for name, value in before.beliefs.items()
        if not comparing.same(value, before.answer)
    ]
    if any(name not in after.beliefs for name in wrong):
        return False
    if any(comparing.same(after.beliefs[name], after.answer) for name in wrong):
        return False
    return not any(
        comparing.same(after.beliefs[one], after.beliefs[other])
        for one, other in itertools.combinations(wrong, 2)
        if not comparing.same(before.beliefs[one], before.beliefs[other])
    )
