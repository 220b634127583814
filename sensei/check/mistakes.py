"""Checks of wrong answers: each named mistake fails with the sentence that it has."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from sensei.check.answers import told
from sensei.check.findings import Finding, shown
from sensei.check.trials import ANY_VALUE, WRONG, Trials
from sensei.diagnosis import end_alike
from sensei.notes import Mistake
from sensei.running import Outcome
from sensei.verdicts import Kind

BRACKETS = "alone calls nothing"  # the engine's own sentence, whatever the koan


def named(koan: Trials) -> Iterator[Finding]:
    """A pattern is tried with some number wherever anything will do."""
    for number, mistake in enumerate(koan.note.mistakes, 1):
        for fill in mistake.fills:
            verdict = koan.verdict(fill.replace("...", ANY_VALUE))
            if verdict.kind not in WRONG or mistake.says not in verdict.sentence:
                said = f"does not get its sentence, but {told(verdict)} It is "
                yield koan.in_notes(f"mistakes {number}", said + shown(fill))


def apart(koan: Trials) -> Iterator[Finding]:
    """Of the mistakes in code that end alike one speaks for all.

    The others are said to their own spelling: who ends so is told what is true.
    """
    if not koan.is_code:
        return
    for number, mistake in enumerate(koan.note.mistakes, 1):
        if "..." in mistake.fill and not mistake.spelled:
            said = "is a pattern, which can only be spelled: say spelled = true"
            yield koan.in_notes(f"mistakes {number}", said)
    for _, members in groups(koan):
        speaking = [number for number, mistake in members if not mistake.spelled]
        if len(speaking) != 1:
            numbers = ", ".join(str(number) for number, _ in members)
            said = "has to speak for all; the others are spelled = true"
            place = f"mistakes {members[0][0]}"
            yield koan.in_notes(place, f"of {numbers}, which end alike, one {said}")


def groups(koan: Trials) -> list[tuple[Outcome, list[tuple[int, Mistake]]]]:
    """The named mistakes that end alike, with their numbers, by how they end."""
    found: list[tuple[Outcome, list[tuple[int, Mistake]]]] = []
    for number, mistake in enumerate(koan.note.mistakes, 1):
        if "..." in mistake.fill:
            continue
        outcome = koan.example(number - 1)
        alike = (members for other, members in found if end_alike(other, outcome))
        if members := next(alike, None):
            members.append((number, mistake))
        else:
            found.append((outcome, [(number, mistake)]))
    return found


def spelled_otherwise(koan: Trials) -> Iterator[Finding]:
    """Code is diagnosed by what it did: another spelling gets the same sentence.

    What is refused is not run; that is told to its own spellings alone.
    """
    if not koan.is_code:
        return
    speaking = [m for m in enumerate(koan.note.mistakes, 1) if not m[1].spelled]
    if not speaking:
        yield koan.in_notes("mistakes", "all are spelled: none speaks for an outcome")
    for number, mistake in speaking:
        if koan.verdict(mistake.fill).kind is Kind.REFUSED:
            continue
        fill = _respelled(koan, mistake.fill)
        verdict = koan.verdict(fill)
        if verdict.kind not in WRONG or not (
            mistake.says in verdict.sentence or BRACKETS in verdict.sentence
        ):
            said = f"spelled otherwise it is {told(verdict)} It is {shown(fill)}"
            yield koan.in_notes(f"mistakes {number}", said)


def _respelled(koan: Trials, fill: str) -> str:
    """The same code, spelled in another way."""
    assert koan.koan.solution is not None
    fill = textwrap.dedent(fill).strip("\n")
    if koan.koan.solution.is_expression:
        return f"[{fill}][0]"
    return f"if True:\n{textwrap.indent(fill, '    ')}"
