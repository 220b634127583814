"""``sensei score``: what the koans in this folder come to, for learners and for CI.

pytest runs them in a process of its own, and its JUnit file is what counts: a run
that did not come to its end has none.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from sensei import points
from sensei.course import Course, CourseError
from sensei.lesson import Koan, Lesson
from sensei.selection import select
from sensei.verdicts import Kind, Verdict, merged

ENOUGH, NOT_ENOUGH = 0, 1
RAN = (0, 1)  # pytest's exit codes for a run that came to its end
FIELDS = {  # of Classroom 50's result.json, and where its runner says them
    "classroom": "CLASSROOM",
    "assignment": "ASSIGNMENT",
    "owner": "USERNAME",
    "submission": "SUBMISSION_TAG",
    "commit": "COMMIT_URL",
    "release": "RELEASE_URL",
    "review": "REVIEW_URL",
}


class ScoreError(CourseError):
    """There is no score; the message says why."""


# ------------------------------------------------------------------ what it comes to


@dataclass(frozen=True)
class Cell:
    """A koan and what became of it."""

    koan: Koan
    kind: Kind

    @property
    def got(self) -> float:
        return self.koan.note.points if self.kind is Kind.PASSED else 0

    @property
    def most(self) -> float:
        return self.koan.note.points if self.kind.counts else 0


@dataclass(frozen=True)
class Score:
    """Cells by lesson, and the points that are needed."""

    lessons: Mapping[Lesson, tuple[Cell, ...]]
    need: Fraction

    @property
    def cells(self) -> list[Cell]:
        return [cell for cells in self.lessons.values() for cell in cells]

    @property
    def is_enough(self) -> bool:
        return got(self.cells) >= self.need


def got(cells: Sequence[Cell]) -> Fraction:
    """The points that were got."""
    return points.total(cell.got for cell in cells)


def most(cells: Sequence[Cell]) -> Fraction:
    """The points that there are."""
    return points.total(cell.most for cell in cells)


def score(
    lessons: Sequence[Lesson], kinds: Mapping[tuple[str, str], Kind], need: str = ""
) -> Score:
    """The score of a run; ``need`` is a number of points, a percentage, or all."""
    cells = {}
    for lesson in lessons:
        broken = kinds.get((lesson.name, lesson.name), Kind.MISSING)  # as a whole
        koans = lesson.koans.items()
        found = ((k, kinds.get((lesson.name, name), broken)) for name, k in koans)
        cells[lesson] = tuple(Cell(koan, kind) for koan, kind in found)
    there = most([cell for each in cells.values() for cell in each])
    return Score(cells, needed(need, there))


def needed(text: str, there: Fraction) -> Fraction:
    """The points that ``--need`` asks for; raises ScoreError."""
    try:
        number = Fraction(text.removesuffix("%").strip()) if text else there
    except (ValueError, ZeroDivisionError):
        raise ScoreError(f"--need {text}: points (40) or percent (80%)") from None
    return number * there / 100 if text.endswith("%") else number


# ----------------------------------------------------------------------- one run


def run(course: Course, lessons: Sequence[Lesson], junit: Path) -> None:
    """Run lessons, to their end whatever fails; raises ScoreError."""
    files = [str(lesson.path) for lesson in lessons if lesson.path.exists()]
    if not files:
        raise ScoreError(f"there are no lessons in {course.koans}")
    junit.unlink(missing_ok=True)
    options = ["--maxfail=0", "-p", "no:cacheprovider", f"--junitxml={junit}"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=course.root,
        env={**os.environ, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if ran.returncode not in RAN or not junit.exists():
        last = ran.stdout.decode("utf-8", "replace").strip()[-1000:]
        raise ScoreError(f"pytest did not come to its end:\n{last}")


def kinds(junit: bytes) -> dict[tuple[str, str], Kind]:
    """What became of each koan, by its lesson's name and its own."""
    verdicts: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for case in ElementTree.fromstring(junit).iter("testcase"):
        lesson = case.get("classname", "").rpartition(".")[2]
        koan = case.get("name", "").partition("[")[0]
        verdicts[lesson, koan].append(_verdict(case))
    return {
        key: verdict.kind
        for key, found in verdicts.items()
        if (verdict := merged(found))
    }


def _verdict(case: ElementTree.Element) -> Verdict:
    """Green only by the engine's own word."""
    found = [(p.get("name", ""), p.get("value", "")) for p in case.iter("property")]
    skipped = Kind.ERROR if case.find("skipped") is None else Kind.SKIPPED
    verdict = Verdict.from_properties(found) or Verdict(skipped)
    is_red = any(case.find(tag) is not None for tag in ("failure", "error"))
    return verdict if verdict.kind.stops or not is_red else Verdict(Kind.ERROR)


# ----------------------------------------------------------------------- told


def table(told: Score) -> str:
    """A line for each lesson, and the total last."""
    rows = [
        (f"{lesson.number} {lesson.title}", got(cells), most(cells))
        for lesson, cells in told.lessons.items()
    ]
    all_got, all_most = got(told.cells), most(told.cells)
    rows.append(("all", all_got, all_most))
    width = max(len(name) for name, *_ in rows)
    number = max(len(points.shown(each)) for _, _, each in rows)
    lines = [
        f"{name:<{width}}  {points.shown(g):>{number}} of {points.shown(m):>{number}}"
        for name, g, m in rows
    ]
    if not told.is_enough:
        lines[-1] += f", {points.shown(told.need)} needed"
    return "\n".join(lines)


def as_json(told: Score) -> dict[str, Any]:
    """Everything, for another program."""
    return {
        "points": points.number(got(told.cells)),
        "max": points.number(most(told.cells)),
        "needed": points.number(told.need),
        "is_enough": told.is_enough,
        "lessons": [
            {
                "lesson": lesson.number,
                "title": lesson.title,
                "points": points.number(got(cells)),
                "max": points.number(most(cells)),
                "koans": [
                    {
                        "koan": cell.koan.name,
                        "verdict": str(cell.kind),
                        "points": cell.got,
                        "max": cell.most,
                    }
                    for cell in cells
                ],
            }
            for lesson, cells in told.lessons.items()
        ],
    }


def classroom50(told: Score, environment: Mapping[str, str]) -> dict[str, Any]:
    """result.json as Classroom 50 reads it: whole numbers, so fractions are scaled."""
    worth = [Fraction(str(cell.koan.note.points)) for cell in told.cells]
    scale = math.lcm(1, *(each.denominator for each in worth))
    fields = {field: environment.get(name, "") for field, name in FIELDS.items()}
    return {
        "schema": "classroom50/result/v1",
        **fields,
        "datetime": datetime.now(UTC).isoformat(timespec="seconds"),
        "score": int(got(told.cells) * scale),
        "max-score": int(most(told.cells) * scale),
        "tests": [
            {
                "test-name": f"{cell.koan.lesson.number} {cell.koan.name}",
                "passed": cell.kind is Kind.PASSED,
                "score": int(got([cell]) * scale),
                "max-score": int(most([cell]) * scale),
            }
            for cell in told.cells
            if cell.kind.counts
        ],
    }


# ----------------------------------------------------------------------- the command


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``score`` to the commands of ``sensei``."""
    parser = commands.add_parser("score", help="points by lesson; ends with 0 or 1")
    add = parser.add_argument
    add("--lessons", help="such as 01-05,07, or all (default: the main path)")
    add("--need", default="", metavar="N", help="points (40) or percent (80%%); all")
    add("--json", action="store_true", help="print everything, for a program")
    add("--junitxml", type=Path, metavar="FILE", help="keep pytest's JUnit file")
    add("--classroom50", type=Path, metavar="FILE", help="write its result.json")
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    lessons = select(course, options.lessons)
    needed(options.need, Fraction(0))  # a slip in it is told before the run
    with tempfile.TemporaryDirectory(prefix="sensei-") as scratch:
        junit = (options.junitxml or Path(scratch) / "junit.xml").absolute()
        run(course, lessons, junit)
        told = score(lessons, kinds(junit.read_bytes()), options.need)
    print(json.dumps(as_json(told), indent=1) if options.json else table(told))
    if options.classroom50:
        result = classroom50(told, os.environ)
        options.classroom50.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        return ENOUGH  # there, another code means that the grader failed
    return ENOUGH if told.is_enough else NOT_ENOUGH
