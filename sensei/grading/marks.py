"""Marks: what a learner's answers come to. Pure functions over the book."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import groupby

from sensei.grading.assignment import Assignment
from sensei.grading.book import Book, Entry
from sensei.lesson import Koan, Lesson
from sensei.verdicts import Kind


@dataclass
class Learner:
    """One learner.

    ``numbers`` are those of the answers in the book, a koan each. ``troubles`` are
    what needs a person, such as what could not be read; ``remarks`` are about its
    files; ``changed`` are the koans changed outside the blank, and ``absent`` the
    lessons that were not handed in.
    """

    id: str
    name: str
    troubles: tuple[str, ...] = ()
    numbers: list[int] = field(default_factory=list)
    remarks: tuple[str, ...] = ()
    changed: tuple[int, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A learner's koan: what was written and what it is worth."""

    koan: Koan
    number: int
    entry: Entry
    kind: Kind
    changed: bool

    @property
    def points(self) -> int:
        return self.koan.note.points if self.kind is Kind.PASSED else 0

    @property
    def out_of(self) -> int:
        return self.koan.note.points if self.kind.counts else 0


@dataclass(frozen=True)
class Class:
    """A class that was graded. ``skipped``: the koans that can't be run here."""

    assignment: Assignment
    book: Book
    learners: list[Learner]
    skipped: Collection[int] = ()

    @property
    def is_incomplete(self) -> bool:
        """Whether a submission needs a person, or the grader failed somewhere."""
        return any(
            learner.troubles
            or any(cell.kind is Kind.UNGRADED for cell in self.cells(learner))
            for learner in self.learners
        )

    def cells(self, learner: Learner) -> list[Cell]:
        """A learner's koans, in the order of the path."""
        return [
            self._cell(place, number, learner)
            for place, number in enumerate(learner.numbers)
        ]

    def _cell(self, place: int, number: int, learner: Learner) -> Cell:
        koan, entry = self.assignment.koans[place], self.book.entries[number]
        kind = Kind.SKIPPED if place in self.skipped else entry.kind
        return Cell(koan, number, entry, kind, place in learner.changed)


def by_lesson(cells: list[Cell]) -> list[tuple[Lesson, list[Cell]]]:
    """Cells by their lesson, in the order of the path."""
    groups = groupby(cells, key=lambda cell: cell.koan.lesson)
    return [(lesson, list(group)) for lesson, group in groups]


def total(cells: list[Cell]) -> tuple[int, int]:
    """Points, and how many there were to get."""
    return sum(cell.points for cell in cells), sum(cell.out_of for cell in cells)


def percent(points: int, out_of: int) -> str:
    """As it stands in the sheet; empty where nothing could be got."""
    return f"{100 * points / out_of:.1f}" if out_of else ""


def flags(learner: Learner, cells: list[Cell]) -> list[str]:
    """What an instructor should know beside the marks."""
    said = [f"to be looked at: {trouble}" for trouble in learner.troubles]
    said += learner.remarks
    if learner.absent:
        said.append(f"not handed in: lesson {', '.join(learner.absent)}")
    if names := [cell.koan.name for cell in cells if cell.changed]:
        said.append(f"changed outside the blank: {', '.join(names)}")
    present = [c for c in cells if c.koan.lesson.number not in learner.absent]
    if names := [c.koan.name for c in present if c.kind is Kind.MISSING]:
        said.append(f"missing: {', '.join(names)}")
    for kind in (Kind.REFUSED, Kind.TIMEOUT, Kind.CRASHED, Kind.UNGRADED):
        if names := [cell.koan.name for cell in cells if cell.kind is kind]:
            said.append(f"{kind}: {', '.join(names)}")
    return said
