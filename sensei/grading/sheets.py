"""grades.csv, and how every file is written. The other formats are in ``out/``.

Each file is written beside its place and then moved there, so that a reader
never sees half of one. There is no date in any of them: the same class gives
the same bytes.
"""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sensei.grading import marks
from sensei.grading.marks import Class, Learner
from sensei.grading.shown import cell as csv_cell

if TYPE_CHECKING:
    from sensei.grading.roster import Matched

TEMPLATES = Path(__file__).parent / "templates"


@contextlib.contextmanager
def written(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """A file to write to that comes to its place when it is done."""
    beside = path.with_name(f".{path.name}.part")
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "")
    try:
        with beside.open(mode, encoding=encoding, newline=newline) as file:
            yield file
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


# ---------------------------------------------------------------------- grades.csv


def write_grades(graded: Class, path: Path, roster: Matched | None = None) -> None:
    """A row for each learner, with what the roster says of them."""
    further = [csv_cell(name) for name in roster.roster.columns] if roster else []
    lessons = graded.assignment.lessons
    with written(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        columns = [f"lesson_{lesson.number}" for lesson in lessons]
        rows.writerow(
            ["id", "name", *further, *columns, "total", "max", "percent", "flags"]
        )
        for learner in graded.learners:
            rows.writerow(_row(graded, learner, roster))


def _row(graded: Class, learner: Learner, roster: Matched | None) -> list[object]:
    cells = graded.cells(learner)
    points, out_of = marks.total(cells)
    return [
        csv_cell(roster.id_of(learner.id) if roster else learner.id),
        csv_cell(learner.name),
        *(csv_cell(cell) for cell in (roster.cells_of(learner.id) if roster else ())),
        *(marks.total(inside)[0] for _, inside in marks.by_lesson(cells)),
        points,
        out_of,
        marks.percent(points, out_of),
        "; ".join(csv_cell(flag) for flag in marks.flags(learner, cells)),
    ]
