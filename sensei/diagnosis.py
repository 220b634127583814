"""A diagnosis: which of the mistakes that the notes name was made.

Of a prediction the value decides; of code what the koan did with it, however it
is spelled. ``judge`` asks here about whatever is not right.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from sensei import comparing, predictions, source
from sensei.attempt import Attempt
from sensei.blanks import Fill
from sensei.lesson import NotAsGiven
from sensei.notes import NotesError
from sensei.running import Outcome, run
from sensei.source import Unreadable

EXAMPLE_SECONDS = 5.0
COMPARED = 80  # characters of a message: its advice may name the koan's own names
BESIDE_THE_POINT = re.compile(r"[\d.]+|(?<=attribute )'.*")
A_FUNCTION = re.compile(r"\b(builtin_function_or_method|method|function)\b")


def diagnose(outcome: Outcome) -> str:
    """What the notes say to an answer; "" for a mistake without a name.

    A mistake's own spellings are asked first. Then whoever's koan ends as it does
    with a named mistake in the blank is told the sentence of that. Raises
    NotesError for notes that can't be read.
    """
    note = outcome.attempt.koan.note
    if note.is_prediction:
        made = (m for m in note.mistakes if any(_comes_to(outcome, f) for f in m.fills))
        return next((mistake.says for mistake in made), "")
    if outcome.attempt.named:
        return outcome.attempt.named
    if sentence := _not_called(outcome):
        return sentence
    for number, mistake in enumerate(note.mistakes):
        if mistake.spelled or outcome.hung:
            continue
        if end_alike(outcome, example_outcome(outcome, number)):
            return mistake.says
    return ""


def _comes_to(outcome: Outcome, text: str) -> bool:
    """Whether a prediction comes to the same as a named mistake."""
    attempt = outcome.attempt
    try:
        body = source.parse(text).body
        if len(body) != 1 or not isinstance(body[0], ast.Expr):
            raise Unreadable("a prediction is one expression")
        names = {**attempt.work.modules, **outcome.arguments}
        pattern = predictions.evaluate(body[0].value, names, any_dots=True)
    except (Unreadable, predictions.Refused) as fault:
        raise NotesError.of(attempt.koan.name, text, fault) from None
    return comparing.same(outcome.prediction, pattern)


def end_alike(left: Outcome, right: Outcome) -> bool:
    """Whether two koans did the same, and what they raised says the same, apart from
    numbers and from which attribute was not there.

    Many mistakes end in a TypeError at one line; a sentence is about one of them.
    """
    if not left.alike(right):
        return False
    texts = (BESIDE_THE_POINT.sub("", _message(outcome)) for outcome in (left, right))
    return len(set(texts)) == 1


def _message(outcome: Outcome) -> str:
    try:
        return str(outcome.raised.error)[:COMPARED] if outcome.raised else ""
    except Exception:  # an exception that can't say what it is
        return ""


def example_outcome(outcome: Outcome, number: int) -> Outcome:
    """What the same koan does with a named mistake in its blank.

    Kept with the work: who grades asks for it again and again.
    """
    attempt, arguments = outcome.attempt, outcome.arguments
    work, koan = attempt.work, attempt.koan
    key = koan.name, number, repr(sorted(arguments.items()))
    if key not in work.outcomes:
        text = koan.note.mistakes[number].fill
        try:
            example = work.example(koan, text)
        except (Unreadable, NotAsGiven) as fault:
            raise NotesError.of(attempt.koan.name, text, fault) from None
        limits = outcome.limits
        limits = replace(limits, seconds=min(limits.seconds, EXAMPLE_SECONDS))
        work.outcomes[key] = run(example, arguments, limits)
    known: Outcome = work.outcomes[key]
    return known


# ------------------------------------------------------------- brackets forgotten


def _not_called(outcome: Outcome) -> str:
    """What to say where a function is named and its brackets are missing.

    As a statement it does nothing; in an expression somebody complains of it.
    """
    fill, raised = outcome.attempt.fill, outcome.raised
    names: list[str] = []
    if raised and A_FUNCTION.search(_message(outcome)):
        names = list(_uncalled(fill))
    elif raised is None or not isinstance(raised.error, AttributeError):
        names = list(_statements_that_name(outcome.attempt))
    if not names:
        return ""
    return f"`{names[0]}` alone calls nothing: `{names[0]}()` has the brackets."


def _statements_that_name(attempt: Attempt) -> Iterator[str]:
    """The statements of a fill that are nothing but the name of a function.

    A method is known by being called somewhere in the lesson: box.lid alone is none.
    """
    pristine = attempt.koan.lesson.pristine
    lesson = pristine.solution if pristine else attempt.work.text
    for node in (node for part in attempt.fill.nodes for node in ast.walk(part)):
        match node:
            case ast.Expr(value=ast.Attribute(attr=attr)) if f".{attr}(" in lesson:
                yield ast.unparse(node.value)
            case ast.Expr(value=ast.Name(id=name)):
                if callable(vars(attempt.work.module).get(name)):
                    yield name


def _uncalled(fill: Fill) -> Iterator[str]:
    """The attributes in a fill that are neither called nor gone on from."""
    nodes = [node for part in fill.nodes for node in ast.walk(part)]
    used = {id(n.func) for n in nodes if isinstance(n, ast.Call)}
    used |= {id(n.value) for n in nodes if isinstance(n, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and id(node) not in used:
            yield ast.unparse(node)
