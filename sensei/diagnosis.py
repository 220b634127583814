"""A diagnosis: which of the mistakes that the notes name was made.

Of a prediction the value decides; of code what the koan did with it, however it
is spelled. ``judge`` asks here about whatever is not right.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sensei import blanks, comparing, predictions, source
from sensei.attempt import Attempt
from sensei.lesson import NotAsGiven
from sensei.notes import NotesError
from sensei.running import Outcome, run
from sensei.source import Unreadable
from sensei.watchdog import Hang, Limits

EXAMPLE_SECONDS = 5.0
COMPARED = 80  # characters of a message: its advice may name the koan's own names
BESIDE_THE_POINT = re.compile(r"[\d.]+|(?<=attribute )'.*")
Arguments = Mapping[str, Any]


def diagnose(
    attempt: Attempt,
    outcome: Outcome,
    prediction: Any,
    arguments: Arguments,
    limits: Limits,
) -> str | None:
    """What the notes say to an answer; None for a mistake without a name.

    A mistake's own spellings are asked first. Then whoever's koan ends as it does
    with a named mistake in the blank is told the sentence of that. Raises
    NotesError for notes that can't be read.
    """
    note = attempt.koan.note
    for mistake in note.mistakes:
        for text in mistake.fills:
            try:
                if _is_made(attempt, text, prediction, arguments):
                    return mistake.says
            except (Unreadable, predictions.Refused) as fault:
                place = f"[{note.name}]: `{text}`"
                raise NotesError(f"{place} can't be used: {fault}") from None
    hung = outcome.raised and isinstance(outcome.raised.error, Hang)
    if note.is_prediction or hung:
        return None
    for number, mistake in enumerate(note.mistakes):
        if mistake.spelled:
            continue
        example = example_outcome(attempt, number, arguments, limits)
        if outcome.alike(example) and _complain_alike(outcome, example):
            return mistake.says
    return None


def _complain_alike(left: Outcome, right: Outcome) -> bool:
    """Whether what was raised says the same, apart from numbers
    and from which attribute was not there.

    Many mistakes end in a TypeError at one line; a sentence is about one of them.
    """
    texts = (BESIDE_THE_POINT.sub("", _message(outcome)) for outcome in (left, right))
    return len(set(texts)) == 1


def _message(outcome: Outcome) -> str:
    try:
        return str(outcome.raised.error)[:COMPARED] if outcome.raised else ""
    except Exception:  # an exception that can't say what it is
        return ""


def _is_made(
    attempt: Attempt, text: str, prediction: Any, arguments: Arguments
) -> bool:
    """Whether an answer is spelled so or, a prediction, comes to the same."""
    if not attempt.koan.note.is_prediction:
        return blanks.alike(text, attempt.fill, attempt.work.helpers)
    body = source.parse(text).body
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise Unreadable("a prediction is one expression")
    names = {**attempt.work.modules, **arguments}
    pattern = predictions.evaluate(body[0].value, names, any_dots=True)
    return comparing.same(prediction, pattern)


def example_outcome(
    attempt: Attempt, number: int, arguments: Arguments, limits: Limits
) -> Outcome:
    """What the learner's own koan does with a named mistake in its blank.

    Kept with the work: who grades asks for it again and again.
    """
    work, koan = attempt.work, attempt.koan
    key = koan.name, number, repr(sorted(arguments.items()))
    if key not in work.outcomes:
        text = koan.note.mistakes[number].fill
        try:
            example = work.example(koan, text)
        except (Unreadable, NotAsGiven) as fault:
            raise NotesError(
                f"[{koan.name}]: `{text}` can't be used: {fault}"
            ) from None
        seconds = min(limits.seconds, EXAMPLE_SECONDS)
        work.outcomes[key] = run(example, arguments, replace(limits, seconds=seconds))
    outcome: Outcome = work.outcomes[key]
    return outcome
