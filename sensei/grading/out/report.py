"""report.html: where a class is stuck and what needs its instructor, on one page.

``command`` writes it. No right answer is on it unless asked for; nor a wrong one that
gives the right one away.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensei.grading import figures
from sensei.grading.gradebook import Cell, Gradebook, Record, title
from sensei.grading.out.brackets import gives_away
from sensei.grading.out.files import written
from sensei.grading.out.markup import LONGEST_CODE, code, render
from sensei.grading.shown import clean, shortened
from sensei.lesson import Koan
from sensei.points import shown
from sensei.verdicts import Kind

LONGEST_TITLE = 120  # of a cell: it is there for each that fell
SHOWN = 8  # wrong answers to a koan
CANDIDATE = 3  # learners who gave an answer that has no name
OPEN = 3  # koans whose answers are unfolded at first
HIDDEN = "(not shown: it gives the right answer away)"

# A sign beside the colour, the letter of its styles, and what it means.
SIGNS = {
    Kind.PASSED: ("✓", "p", "right"),
    Kind.WRONG: ("✗", "w", "a prediction that does not hold"),
    Kind.FAILED: ("≠", "f", "code that fails its check"),
    Kind.REFUSED: ("⊘", "r", "an answer that is not allowed, and was not run"),
    Kind.ERROR: ("!", "e", "it raised, or its file can't be read"),
    Kind.TIMEOUT: ("T", "t", "did not end in time"),
    Kind.CRASHED: ("C", "c", "ended its process"),
    Kind.BLANK: ("□", "b", "left as it was given"),
    Kind.MISSING: ("–", "m", "not handed in"),
    Kind.SKIPPED: ("»", "s", "can't run where it was graded; counts for nobody"),
    Kind.UNGRADED: ("?", "u", "the grader failed; counts for nobody"),
}

Need = tuple[str, str, str]  # what, the reason, what to do
Wrong = tuple[int, Cell]  # how many learners gave an answer, and the answer


@dataclass(frozen=True)
class Column:
    """One koan and what a class made of it; the most-given wrong answers come first.

    ``place`` counts along the path; ``right`` is "" where it is not to be shown.
    """

    koan: Koan
    place: int
    is_first: bool
    right: str
    counts: Counter[Kind]
    wrong: list[Wrong]
    snippet: str

    @property
    def title(self) -> str:
        return title(self.koan)

    @property
    def fell(self) -> int:
        return sum(times for times, _ in self.wrong)


def page(
    book: Gradebook,
    how: Mapping[str, Any],
    needs: Iterable[Need] = (),
    with_answers: bool = False,
) -> str:
    """The whole page; ``how`` is what ``results.graded_with`` gave."""
    records = sorted(book.counted, key=lambda r: (r.name.casefold(), r.id))
    fallen = {c.number: c for record in records for c in record.cells if c.fell}
    wrote = {
        number: HIDDEN
        if not with_answers and gives_away(cell.koan, cell.entry.fill)
        else cell.entry.fill
        for number, cell in fallen.items()
    }
    columns = _columns(book, records, wrote, with_answers)
    few = figures.few(len(records))
    return render(
        "report.html.j2",
        "base.css",
        "report.css",
        rule=f".heat {{ --columns: {len(columns)}; }}\n",
        book=book,
        how=how,
        needs=[tuple(shortened(clean(part)) for part in need) for need in needs],
        with_answers=with_answers,
        records=records,
        columns=columns,
        ranked=sorted(columns, key=_by_trouble),
        tally=sum((column.counts for column in columns), Counter()),
        wrote={number: code(fill) for number, fill in wrote.items()},
        titles={n: _title_of(cell, wrote[n]) for n, cell in fallen.items()},
        totals=_totals(book),
        signs=SIGNS,
        limits={"open": OPEN, "shown": SHOWN, "given": CANDIDATE},
        held=figures.HELD,
        places={column.koan.name: column.place for column in columns},
        similar={"shared": figures.SHARED, "few": few},
        shown=shown,
        says={n: _says(cell, wrote[n]) for n, cell in fallen.items()},
    )


def _by_trouble(column: Column) -> tuple[int, int, int]:
    return -column.fell, -column.counts[Kind.BLANK], column.place


def _columns(
    book: Gradebook,
    records: Sequence[Record],
    wrote: Mapping[int, str],
    with_answers: bool,
) -> list[Column]:
    right = book.assignment.right if with_answers else {}
    first = {koans[0] for _, koans in book.lessons}
    koans = [koan for _, koans in book.lessons for koan in koans]
    columns = []
    for place, koan in enumerate(koans):
        cells = [record.cells[place] for record in records]
        times = Counter(cell.number for cell in cells if cell.fell)
        distinct = {cell.number: cell for cell in cells if cell.fell}
        wrong = [(times[number], cell) for number, cell in distinct.items()]
        wrong.sort(key=lambda one: (-one[0], one[1].entry.order))
        often = [one for one in wrong if _is_candidate(*one, wrote[one[1].number])]
        counts, snippet = Counter(cell.kind for cell in cells), _snippet(koan, often)
        shown_right = code(right.get(koan.name, ""))
        columns.append(
            Column(koan, place, koan in first, shown_right, counts, wrong, snippet)
        )
    return columns


def _says(cell: Cell, wrote: str) -> str:
    """What is said of a wrong answer. The sentence of one that is neither a named
    mistake, nor refused, nor a fault, is made for who gave it; others may quote it.
    """
    entry = cell.entry
    is_own = entry.kind in (Kind.WRONG, Kind.FAILED) or wrote == HIDDEN
    return entry.mistake if entry.mistake or is_own else entry.sentence


def _title_of(cell: Cell, wrote: str) -> str:
    where = f"{cell.koan.lesson.number} {cell.title}"
    return shortened(f"{where}: {cell.kind}: {clean(wrote)}", LONGEST_TITLE)


def _is_candidate(times: int, cell: Cell, wrote: str) -> bool:
    """Whether an answer should have a name: given often, and a mistake."""
    is_mistake = cell.entry.kind in (Kind.WRONG, Kind.FAILED) and not cell.entry.mistake
    is_plain = wrote == clean(cell.entry.fill, keep="\n")[:LONGEST_CODE]
    return times >= CANDIDATE and is_mistake and is_plain and bool(wrote)


def _snippet(koan: Koan, often: Iterable[Wrong]) -> str:
    """Unnamed answers as notes, to be pasted and completed."""
    return "\n\n".join(
        f"[[{koan.name}.mistakes]]\n"
        f"fill = {json.dumps(cell.entry.fill, ensure_ascii=False)}\n"
        f'says = "(given by {times}: say what is behind it)"'
        for times, cell in often
    )


def _totals(book: Gradebook) -> list[tuple[str, int]]:
    """How many learners got so many percent, from the best down."""
    pairs = [record.total for record in book.counted]
    bins = Counter(int(10 * got // out_of) for got, out_of in pairs if out_of)
    labels = [f"{10 * n} to {10 * n + 9} %" for n in range(10)] + ["100 %"]
    return [(labels[n], bins[n]) for n in reversed(range(11))]


def write(
    book: Gradebook,
    how: Mapping[str, Any],
    path: Path,
    needs: Iterable[Need] = (),
    with_answers: bool = False,
) -> None:
    """Write report.html."""
    with written(path) as file:
        file.write(page(book, how, needs, with_answers))
