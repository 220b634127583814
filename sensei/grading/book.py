"""The book: every distinct answer of a class, each with its verdict, once.

A class of a thousand gives a few hundred distinct answers to each koan. A
learner's record is only the numbers of answers in this book.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensei.verdicts import Kind, Verdict

UNJUDGED = Verdict(
    Kind.UNGRADED, "The grader did not come to judge this; run it again."
)


@dataclass(slots=True)
class Entry:
    """One answer to one koan (by its place): what was written, what became of it.

    ``mistake`` is the sentence of the named mistake that it is, ``beliefs`` what it
    would be right if. ``rule`` is the rule
    that a refused fill of code breaks. ``output`` is what it printed, for the
    instructor.
    """

    koan: int
    fill: str
    verdict: Verdict = UNJUDGED
    mistake: str = ""
    beliefs: tuple[str, ...] = ()
    rule: str = ""
    output: str = ""

    @property
    def kind(self) -> Kind:
        return self.verdict.kind

    @property
    def sentence(self) -> str:
        return self.verdict.sentence

    def enter(self, report: Mapping[str, Any], output: str = "") -> None:
        """Put in the verdict that a worker reported."""
        self.verdict = Verdict(Kind(report["kind"]), report["sentence"])
        self.mistake, self.beliefs = report["mistake"], tuple(report["beliefs"])
        self.output = output

    @property
    def order(self) -> tuple[int, str, str, str]:
        """A place that does not depend on who came first."""
        return self.koan, self.fill, self.kind, self.sentence


class Book:
    """Entries by number. The same answer always gets the same number."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._numbers: dict[tuple[int, str, str], int] = {}

    def number_of(self, koan: int, fill: str) -> int | None:
        """The number of a fill that is in the book already."""
        return self._numbers.get((koan, "fill", fill))

    def fill(self, entry: Entry) -> int:
        """The number of a fill: one that is to be judged, or was without a run."""
        return self._add((entry.koan, "fill", entry.fill), entry)

    def settled(self, koan: int, verdict: Verdict) -> int:
        """The number of what is no fill: a blank, a koan that can't be read."""
        key = (koan, str(verdict.kind), verdict.sentence)
        return self._add(key, Entry(koan, "", verdict))

    def _add(self, key: tuple[int, str, str], entry: Entry) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.entries)
            self.entries.append(entry)
        return self._numbers[key]

    def open(self) -> list[Entry]:
        """What still has no verdict, in an order of its own."""
        waiting = [entry for entry in self.entries if entry.verdict is UNJUDGED]
        return sorted(waiting, key=lambda entry: (entry.koan, entry.fill))
