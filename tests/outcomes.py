"""How the named mistakes of code end: which of them can't be told apart.

    python tests/outcomes.py [KOAN ...]

prints, for each koan of code, its named mistakes in groups that end alike, with what
the checks found. One entry of a group speaks for its outcome; the others are marked
``spelled = true``, and said only to their own spelling.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent)]

from sensei.diagnosis import end_alike
from sensei.lesson import Koan
from sensei.notes import Mistake
from sensei.running import Outcome, run
from sensei.watchdog import Limits
from sensei.work import Work
from this_course import KOANS, LIMITS, is_code

ARGUMENTS = {"device": "cpu"}
CODE = [koan for koan in KOANS if is_code(koan)]


def outcome_of(koan: Koan, fill: str, limits: Limits = LIMITS) -> Outcome:
    """What a koan does with a fill, as an example; raises Unreadable."""
    assert koan.lesson.pristine is not None
    work = Work(koan.lesson, koan.lesson.pristine.solution.encode())
    return run(work.example(koan, fill), ARGUMENTS, limits)


def examples(koan: Koan) -> Iterator[tuple[Mistake, Outcome]]:
    """The named mistakes that are code, each with what the koan does with it."""
    for mistake in koan.note.mistakes:
        if "..." not in mistake.fill:
            yield mistake, outcome_of(koan, mistake.fill)


def groups(koan: Koan) -> list[tuple[Outcome, list[Mistake]]]:
    """The named mistakes that end alike, by how they end."""
    found: list[tuple[Outcome, list[Mistake]]] = []
    for mistake, outcome in examples(koan):
        for other, members in found:
            if end_alike(other, outcome):
                members.append(mistake)
                break
        else:
            found.append((outcome, [mistake]))
    return found


def _print(koan: Koan) -> None:
    print(f"\n##### {koan.lesson.name}::{koan.name}")
    assert koan.solution is not None
    print("asks:", koan.note.asks.strip(), "\nsolution:", koan.solution.text, sep="\n")
    for outcome, members in groups(koan):
        values = [c.found if c.holds else f"{c.found} X" for c in outcome.checks]
        raised = f" raises {outcome.raised.error!r:.90}" if outcome.raised else ""
        print(f"--- {values}{raised}")
        for mistake in members:
            mark = "spelled " if mistake.spelled else ""
            print(f"  {mark}{mistake.fill.strip()!r}\n      {mistake.says}")
    for mistake in koan.note.mistakes:
        if "..." in mistake.fill:
            print(f"--- pattern {mistake.fill.strip()!r}\n      {mistake.says}")


if __name__ == "__main__":
    for one in CODE:
        if len(sys.argv) < 2 or one.name in sys.argv:
            _print(one)
