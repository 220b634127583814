"""Figures of a class: statistics, what it believes, and who shares wrong answers that
few others gave.

``gradebook`` asks for them; ``out/report`` shows them, the pairs beside the rule by
which they were chosen.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sensei.grading.gradebook import Cell, Record

HELD = 2  # wrong answers of a learner that share a belief: one may be chance
SHARED = 5  # wrong answers of a pair that is listed
FEW, SHARE = 3, 0.05  # a rare answer: given by so many, or by this share of the class


@dataclass(frozen=True)
class Statistics:
    """Of the points of so many learners; ``quartiles`` are lower, median, upper."""

    learners: int
    mean: float
    quartiles: tuple[float, float, float]
    best: float
    out_of: float


def statistics_of(scores: Sequence[tuple[float, float]]) -> Statistics | None:
    """Of points, each with how many there were to get; None of nobody's."""
    if not scores:
        return None
    points = [got for got, _ in scores]
    quarters = points * 3  # of one learner alone
    if len(points) > 1:
        quarters = statistics.quantiles(points, n=4, method="inclusive")
    lower, median, upper = quarters
    most = max(out_of for _, out_of in scores)
    mean = statistics.fmean(points)
    return Statistics(len(points), mean, (lower, median, upper), max(points), most)


class Held(NamedTuple):
    """A belief: what it says, who holds it, and in how many answers it shows, by koan.

    ``see`` is the koan to talk about, "" for none.
    """

    says: str
    see: str
    learners: list[Record]
    shows: list[tuple[Cell, int]]


def beliefs_of(record: Record) -> dict[str, list[Cell]]:
    """What a learner's wrong answers would be right if, where two or more share it.

    Each answer counts for one: first that which explains most, then what is left.
    """
    left = [cell for cell in record.cells if cell.fell and cell.entry.beliefs]
    found = {}
    while counts := Counter(says for cell in left for says in cell.entry.beliefs):
        [(says, most)] = counts.most_common(1)
        if most < HELD:
            break
        found[says] = [cell for cell in left if says in cell.entry.beliefs]
        left = [cell for cell in left if says not in cell.entry.beliefs]
    return found


def held(records: Sequence[Record], see: Mapping[str, str]) -> list[Held]:
    """The beliefs of a class, those that most hold first."""
    who: dict[str, list[Record]] = defaultdict(list)
    where: dict[str, list[Cell]] = defaultdict(list)
    for record in records:
        for says, cells in beliefs_of(record).items():
            who[says].append(record)
            where[says] += cells
    found = []
    for says, learners in who.items():
        times = Counter(cell.koan for cell in where[says])
        first = {cell.koan: cell for cell in reversed(where[says])}
        shows = [(first[koan], count) for koan, count in times.most_common()]
        found.append(Held(says, see.get(says, ""), learners, shows))
    return sorted(found, key=lambda one: (-len(one.learners), one.says))


class Similar(NamedTuple):
    """Two learners, and the rare wrong answers that both gave.

    ``wrong`` is how many wrong answers each has.
    """

    left: Record
    right: Record
    cells: list[Cell]
    wrong: tuple[int, int]


def few(learners: int) -> int:
    """How many of a class may have given an answer that counts as rare."""
    return max(FEW, int(SHARE * learners))


def similar(records: Sequence[Record]) -> list[Similar]:
    """The pairs who share SHARED wrong answers or more that few gave, if these are
    at least half of all the wrong answers of one of the two.
    """
    wrong = [
        {c.number: c for c in record.cells if c.fell and c.entry.fill}
        for record in records
    ]
    holders: dict[int, list[int]] = defaultdict(list)
    for place, answers in enumerate(wrong):
        for number in answers:
            holders[number].append(place)
    shared: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, places in holders.items():
        if len(places) <= few(len(records)):
            for pair in combinations(places, 2):
                shared[pair].append(number)
    found = [
        Similar(
            records[i],
            records[j],
            [cell for number, cell in wrong[i].items() if number in numbers],
            (len(wrong[i]), len(wrong[j])),
        )
        for (i, j), numbers in shared.items()
        if len(numbers) >= max(SHARED, min(len(wrong[i]), len(wrong[j])) / 2)
    ]
    return sorted(found, key=lambda one: (-len(one.cells), one.left.id, one.right.id))
