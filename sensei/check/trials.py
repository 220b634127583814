"""A koan tried with one answer after another, as a learner's file would have them.

Its lesson is read once, with every koan solved, and each answer is judged once. What
asks for a prediction is run once in all: no prediction is in what runs.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

from sensei import blanks, diagnosis, edit, judge, running, source
from sensei.attempt import Attempt
from sensei.check.findings import Finding, in_notes, in_solution
from sensei.lesson import Koan
from sensei.running import Outcome
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Limits
from sensei.work import Work

WRONG = (Kind.WRONG, Kind.FAILED, Kind.ERROR, Kind.REFUSED)
BLANK = re.compile(rf"(?<!\w){blanks.BLANK}(?!\w)")
ANY_VALUE = "77.125"  # where a pattern takes whatever stands there


class Trials:
    """The answers to one koan; ``solved`` is its lesson with all of them right.

    ``runs`` are the sets of arguments that it is called with.
    """

    def __init__(self, koan: Koan, solved: Work) -> None:
        self.koan = koan
        self.note = koan.note
        self.solved = solved
        self.runs = running.argument_sets(koan)
        self.limits = Limits(koan.lesson.course.seconds)
        self._outcomes: dict[tuple[str, str], Outcome] = {}
        self._verdicts: dict[str, Verdict] = {}

    # --------------------------------------------------------------- the solution

    @property
    def is_code(self) -> bool:
        return not self.note.is_prediction

    @property
    def solution(self) -> str:
        return self.koan.solution_text

    @cached_property
    def attempt(self) -> Attempt | Verdict:
        """The solution, ready to run, or why it can't be."""
        return self.solved.attempt(self.koan)

    @cached_property
    def is_skipped(self) -> str:
        """Why this machine can't run the koan; "" if it can."""
        if not isinstance(self.attempt, Attempt):
            return ""
        if reason := running.skip_reason(self.attempt):
            return reason
        skipped = [outcome.skipped for _, outcome in self.of_solution if outcome]
        return "" if None in skipped else next(filter(None, skipped), "")

    @cached_property
    def of_solution(self) -> list[tuple[Verdict, Outcome | None]]:
        """The verdict on the solution, for each set of arguments."""
        return [self._decided(self.attempt, arguments) for arguments in self.runs]

    @cached_property
    def outcome(self) -> Outcome:
        """What the solution does with the arguments that all else is tried with."""
        return next(o for _, o in self.of_solution if o and o.skipped is None)

    @property
    def arguments(self) -> Mapping[str, Any]:
        return self.outcome.arguments

    @property
    def value(self) -> Any:
        """The right answer to a prediction."""
        return self.outcome.prediction

    # -------------------------------------------------------------- other answers

    def verdict(self, fill: str) -> Verdict:
        """What a learner is told who has this in the blank."""
        return self._verdict(self._with(textwrap.dedent(fill).strip("\n")))

    def verdict_as_typed(self, text: str) -> Verdict:
        """As ``verdict``, of what is typed in the blank's place, letter by letter."""
        text = textwrap.dedent(text).strip("\n")
        return self._verdict(BLANK.sub(lambda _: text, self._with(blanks.BLANK), 1))

    def example(self, number: int) -> Outcome:
        """What the koan does with a named mistake in its blank; raises NotesError."""
        return diagnosis.example_outcome(self.outcome, number)

    def _verdict(self, text: str) -> Verdict:
        if text not in self._verdicts:
            attempt = self.solved.with_koan(self.koan, text).attempt(self.koan)
            self._verdicts[text] = self._decided(attempt, self.arguments)[0]
        return self._verdicts[text]

    def _with(self, fill: str) -> str:
        """The text of the koan with another fill."""
        function, solution = self.solved.function(self.koan), self.koan.solution
        assert solution is not None
        first = source.span(function).start
        lines = self.solved.lines[first : function.end_lineno]
        above = "\n" * first
        changed = edit.replaced(above + "\n".join(lines), [(solution, fill)])
        return changed.removeprefix(above)

    def _decided(
        self, attempt: Attempt | Verdict, arguments: Mapping[str, Any]
    ) -> tuple[Verdict, Outcome | None]:
        if isinstance(attempt, Verdict):
            return attempt, None
        if refusal := judge.refused(attempt, arguments):
            return refusal, None
        outcome = replace(self._outcome(attempt, arguments), attempt=attempt)
        return judge.judge(outcome), outcome

    def _outcome(self, attempt: Attempt, arguments: Mapping[str, Any]) -> Outcome:
        what = attempt.fill.text if self.is_code else ""
        key = what, repr(sorted(arguments.items()))
        if key not in self._outcomes:
            number = self._examples.get(what)
            if self.is_code and number is not None:
                self._outcomes[key] = self.example(number)
            else:
                self._outcomes[key] = running.run(attempt, arguments, self.limits)
        return self._outcomes[key]

    @cached_property
    def _examples(self) -> Mapping[str, int]:
        """Which mistakes are examples of what code does, by their code."""
        fills = [mistake.fill for mistake in self.note.mistakes]
        examples = ((n, fill) for n, fill in enumerate(fills) if "..." not in fill)
        known = {plain(fill): number for number, fill in examples}
        known.pop(plain(self.solution), None)  # a fault, and no example
        return known

    # ------------------------------------------------------------------- findings

    def in_notes(self, place: str, sentence: str) -> Finding:
        """A finding in what the notes say of this koan."""
        return in_notes(self.koan.lesson, sentence, self.koan.name, place)

    def in_solution(self, sentence: str) -> Finding:
        """A finding in the koan itself."""
        return in_solution(self.koan.lesson, sentence, self.koan.name)


@lru_cache(maxsize=1024)
def plain(code: str) -> str:
    """Code as Python would write it: the same for every layout."""
    return blanks.Fill(tuple(source.parse(textwrap.dedent(code)).body)).text


def same_code(left: str, right: str) -> bool:
    """Whether two texts are the same code, however they are laid out."""
    return plain(left) == plain(right)
