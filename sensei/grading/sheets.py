"""What is written: grades.csv, feedback/<id>.md, results.json.

Each file is written beside its place and then moved there, so that a reader
never sees half of one. There is no date in any of them: the same class gives
the same bytes.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sensei.course import Course
from sensei.grading import marks
from sensei.grading.marks import Cell, Class, Learner
from sensei.grading.shown import cell as csv_cell
from sensei.grading.shown import code_block, markdown
from sensei.lesson import Lesson
from sensei.verdicts import Kind

if TYPE_CHECKING:
    from sensei.grading.roster import Matched

TEMPLATES = Path(__file__).parent / "templates"
HEADING = "# Feedback for "


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


# ------------------------------------------------------------------------ feedback


def write_feedback(
    graded: Class, folder: Path, step: Callable[[], object] = lambda: None
) -> None:
    """A file for each learner; those of learners who are gone are taken away."""
    folder.mkdir(exist_ok=True)
    names = set()
    for learner in graded.learners:
        names.add(f"{learner.id}.md")
        with written(folder / f"{learner.id}.md") as file:
            file.write(feedback(graded, learner))
        step()
    for path in folder.glob("*.md"):
        if path.name not in names and _is_ours(path):
            path.unlink()


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.readline().startswith(HEADING.encode())


def feedback(graded: Class, learner: Learner) -> str:
    """What a learner is told, as Markdown; never a right answer."""
    cells = graded.cells(learner)
    points, out_of = marks.total(cells)
    parts = [
        f"{HEADING}{markdown(learner.name)}",
        f"{points} of {out_of} points.",
        *(f"- {markdown(flag)}" for flag in marks.flags(learner, cells)),
        *(
            _lesson(lesson, inside, lesson.number in learner.absent)
            for lesson, inside in marks.by_lesson(cells)
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _lesson(lesson: Lesson, cells: list[Cell], is_absent: bool) -> str:
    points, out_of = marks.total(cells)
    head = f"## {lesson.number} {lesson.title}: {points} of {out_of}"
    if is_absent:
        return f"{head}\n\nNot handed in."
    return "\n\n".join([head, *map(_koan, cells)])


def _koan(cell: Cell) -> str:
    head = f"### {cell.kind}: `{cell.koan.name}`"
    if cell.changed and cell.kind is not Kind.ERROR:
        head += "\n\nChanged outside the blank; graded as it was given."
    if cell.kind in (Kind.PASSED, Kind.MISSING):
        return head
    parts = [head]
    if cell.entry.fill:
        parts.append(code_block(cell.entry.fill))
    parts.append(markdown(cell.entry.sentence))
    if cell.kind.hinted:
        parts.append(f"Hint: {markdown(cell.koan.note.hints[0])}")
    return "\n\n".join(parts)


# -------------------------------------------------------------------- results.json


def graded_with(course: Course, seconds: float) -> dict[str, Any]:
    """What answers ran on: versions, arguments, the time limit."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in sorted({module.partition(".")[0] for module in course.preload}):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "?"
    arguments = {name: list(values) for name, values in course.arguments.items()}
    return {"versions": found, "arguments": arguments, "seconds": seconds}


def results(graded: Class, how: Mapping[str, object]) -> dict[str, Any]:
    """Everything, as results.schema.json has it; ``how`` says how it was graded."""
    order = sorted(
        {number for learner in graded.learners for number in learner.numbers},
        key=lambda number: graded.book.entries[number].order,
    )
    places = {number: place for place, number in enumerate(order)}
    return {
        "version": 1,
        "graded_with": how,
        "lessons": _lessons(graded),
        "answers": [_answer(graded, number) for number in order],
        "learners": [_learner(graded, who, places) for who in graded.learners],
    }


def write_results(told: Mapping[str, Any], path: Path) -> None:
    """Write results.json."""
    with written(path) as file:
        json.dump(told, file, separators=(",", ":"))
        file.write("\n")


def _lessons(graded: Class) -> list[dict[str, Any]]:
    skipped = {graded.assignment.koans[place] for place in graded.skipped}
    return [
        {
            "lesson": lesson.number,
            "file": lesson.relative,
            "title": lesson.title,
            "koans": [
                {
                    "koan": koan.name,
                    "points": koan.note.points,
                    "is_prediction": koan.note.is_prediction,
                    "asks": koan.note.asks,
                    "mistakes": [
                        {"fill": mistake.fill, "says": mistake.says}
                        for mistake in koan.note.mistakes
                    ],
                    "skipped": koan in skipped,
                }
                for koan in lesson.koans.values()
            ],
        }
        for lesson in graded.assignment.lessons
    ]


def _answer(graded: Class, number: int) -> dict[str, Any]:
    entry = graded.book.entries[number]
    return {
        "koan": graded.assignment.koans[entry.koan].name,
        "fill": entry.fill or None,
        "verdict": str(entry.kind),
        "sentence": entry.sentence,
        "mistake": entry.mistake or None,
        "rule": entry.rule or None,
        "output": entry.output,
    }


def _learner(
    graded: Class, learner: Learner, places: Mapping[int, int]
) -> dict[str, Any]:
    cells = graded.cells(learner)
    points, out_of = marks.total(cells)
    is_nothing = len(learner.absent) == len(graded.assignment.lessons)
    return {
        "id": learner.id,
        "name": learner.name,
        "problem": ("; ".join(learner.troubles) or None) if is_nothing else None,
        "flags": marks.flags(learner, cells),
        "missing_lessons": list(learner.absent),
        "total": points,
        "max": out_of,
        "lessons": {
            lesson.number: list(marks.total(inside))
            for lesson, inside in marks.by_lesson(cells)
        },
        "koans": [
            {
                "koan": cell.koan.name,
                "verdict": str(cell.kind),
                "points": cell.points,
                "answer": places[cell.number],
                "changed": cell.changed,
            }
            for cell in cells
        ],
    }
