"""results.json: everything, for whoever works on with it; results.schema.json is its
description. ``command`` writes it.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from sensei.course import Course
from sensei.grading.gradebook import Cell, Gradebook, Record, koan_of
from sensei.grading.out.files import written
from sensei.verdicts import Kind

VERSION = 3


def graded_with(course: Course, seconds: float, fence: str = "") -> dict[str, Any]:
    """What answers ran on: versions, arguments, the time limit, the fence that held."""
    versions = {"python": platform.python_version(), "machine": platform.machine()}
    for package in sorted({module.partition(".")[0] for module in course.preload}):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "?"
    arguments = {name: list(values) for name, values in course.arguments.items()}
    return {
        "versions": versions,
        "arguments": arguments,
        "seconds": seconds,
        "fence": fence,
    }


def results(book: Gradebook, how: Mapping[str, object]) -> dict[str, Any]:
    """As the schema has it; ``how`` is what ``graded_with`` gave."""
    numbers = {cell.number for record in book.records for cell in record.cells}
    order = sorted(numbers, key=lambda number: book.book.entries[number].order)
    places = {number: place for place, number in enumerate(order)}
    return {
        "version": VERSION,
        "graded_with": how,
        "excluded": list(book.excluded),
        "lessons": _lessons(book),
        "answers": [_answer(book, number) for number in order],
        "learners": [
            _learner(record, places)
            for record in sorted(book.records, key=lambda record: record.id)
        ],
    }


def write(book: Gradebook, how: Mapping[str, object], path: Path) -> None:
    """Write results.json."""
    with written(path) as file:
        json.dump(results(book, how), file, separators=(",", ":"))
        file.write("\n")


def _lessons(book: Gradebook) -> list[dict[str, Any]]:
    cells = (cell for record in book.records[:1] for cell in record.cells)
    skipped = {cell.koan for cell in cells if cell.kind is Kind.SKIPPED}
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
                for koan in koans
            ],
        }
        for lesson, koans in book.lessons
    ]


def _answer(book: Gradebook, number: int) -> dict[str, Any]:
    entry = book.book.entries[number]
    return {
        "koan": koan_of(book.assignment, entry).name,
        "fill": entry.fill or None,
        "verdict": str(entry.kind),
        "sentence": entry.sentence,
        "mistake": entry.mistake or None,
        "beliefs": list(entry.beliefs),
        "rule": entry.rule or None,
        "output": entry.output,
    }


def _learner(record: Record, places: Mapping[int, int]) -> dict[str, Any]:
    points, out_of = record.total
    return {
        "id": record.id,
        "name": record.match.name,
        "file": record.file_id,
        "section": record.match.section,
        "is_test_student": record.is_test_student,
        "handed_in": record.handed_in,
        "late": record.match.late,
        "problem": record.answers.problem or None,
        "flags": record.flags,
        "missing_lessons": list(record.answers.absent),
        "total": points,
        "max": out_of,
        "lessons": {number: list(pair) for number, pair in record.by_lesson.items()},
        "koans": [_koan(cell, places) for cell in record.cells],
    }


def _koan(cell: Cell, places: Mapping[int, int]) -> dict[str, Any]:
    override = cell.override
    return {
        "koan": cell.koan.name,
        "verdict": str(cell.kind),
        "points": cell.points,
        "answer": places[cell.number],
        "changed": cell.changed,
        "override": {"points": override.points, "why": override.why}
        if override
        else None,
    }
