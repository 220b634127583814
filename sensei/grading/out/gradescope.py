"""Gradescope: one submission in, one results.json out; and the zip around it.

``sensei grade --format gradescope`` and ``sensei gradescope-zip`` call this. The
scores stand at the tests, with no total above them: Gradescope adds them up. A
results.json that says "the grader failed" is there before anything is graded,
so there is one whatever happens.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

from sensei import points
from sensei.course import Course, CourseError
from sensei.grading import archives, assignment, gradebook, packing
from sensei.grading.assignment import Assignment
from sensei.grading.gradebook import Cell, Gradebook, Record
from sensei.grading.grader import Grader, Options
from sensei.grading.handins import HandIn, Platform
from sensei.grading.lessons import Finder
from sensei.grading.matching import Match
from sensei.grading.out.files import TEMPLATES, written
from sensei.grading.shown import clean, shortened
from sensei.verdicts import Kind

RESULTS = "results.json"
LONGEST = 2_000
FAILED = (
    "The grader itself failed. This is no mark of yours: submit again, and if it "
    "happens twice, tell your instructor."
)
NEEDED = ("pytest", "tqdm")  # besides what the course preloads
SCRIPTS = ("setup.sh", "run_autograder")


# ---------------------------------------------------------------- results.json


def results(book: Gradebook) -> dict[str, Any]:
    """The one learner of a class, in the form of Gradescope's specification."""
    [record] = book.records
    tests = [
        _test(cell, place)
        for _, cells_of_lesson in gradebook.by_lesson(record.cells)
        for place, cell in enumerate(cells_of_lesson, 1)
        if cell.kind is not Kind.SKIPPED
    ]
    if not tests:
        return failed("None of these koans can run on this grader.")
    return _results("\n".join(map(_plain, _remarks(record))), tests)


def failed(why: str = "") -> dict[str, Any]:
    """What is told where there is no result."""
    test = {"name": "The grader", "score": 0, "max_score": 0, "status": "failed"}
    return _results(FAILED, [_shown(test, _plain(why) or FAILED)])


def _results(output: str, tests: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "output": output,
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _test(cell: Cell, place: int) -> dict[str, Any]:
    lesson = cell.koan.lesson
    title = cell.koan.name.removeprefix("test_").replace("_", " ")
    test = {
        "name": f"{lesson.number} {lesson.title}: {title}",
        "number": f"{lesson.number}.{place}",
        "score": cell.points,
        "max_score": cell.out_of,
        "status": "passed" if cell.kind is Kind.PASSED else "failed",
    }
    return _shown(test, _output(cell))


def _shown(test: dict[str, Any], output: str) -> dict[str, Any]:
    return {**test, "output": output, "output_format": "text", "visibility": "visible"}


def _output(cell: Cell) -> str:
    """What a learner is told of a koan; never the right answer."""
    parts = [f"{cell.kind}."]
    if cell.changed:
        parts.append("Changed outside the blank; graded as it was given.")
    if cell.kind is Kind.PASSED:
        return "\n".join(parts)
    if cell.entry.fill:
        parts.append(f"You wrote: {cell.entry.fill}")
    parts.append(cell.entry.sentence)
    if cell.kind.hinted:
        parts.append(f"Hint: {cell.koan.note.hints[0]}")
    return "\n".join(map(_plain, parts))


def _remarks(record: Record) -> Iterator[str]:
    got, most = record.total
    yield f"{got} of {most} points."
    yield from record.flags
    for kind, said in (
        ("skipped", "can't run on this grader, and counts for nobody"),
        ("ungraded", "the grader failed here; submit again"),
    ):
        if names := [cell.koan.name for cell in record.cells if cell.kind == kind]:
            yield f"{', '.join(names)}: {said}"


def _plain(text: str) -> str:
    return shortened(clean(text, keep="\n"), LONGEST)


def write(told: dict[str, Any], folder: Path) -> None:
    """Write results.json, in one piece."""
    with written(folder / RESULTS) as file:
        json.dump(told, file, indent=1)
        file.write("\n")


# -------------------------------------------------------------------- grading one


def guarded(folder: Path, grade: Callable[[], dict[str, Any]]) -> int:
    """Grade, and write results.json into a folder whatever comes of it.

    Gives the exit code: 1 where the grader failed. Raises OSError only where
    the folder can't be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write(failed(), folder)
    try:
        told = grade()
    except BaseException as error:
        why = f"{type(error).__name__}: {error}"
        print(f"sensei: {_plain(why)}")
        write(failed(), folder)
        if not isinstance(error, Exception):
            raise
        return 1
    write(told, folder)
    print(told["output"])
    return 0


def grade_one(course: Course, options: argparse.Namespace) -> dict[str, Any]:
    """Grade one submission as ``sensei grade`` does; gives what is to be written."""
    given = assignment.read(course, assignment.select(course, options.lessons))
    node = archives.open_path(options.submissions)
    hand_in = HandIn("submission", "submission", Platform.PLAIN, nodes=[node])
    how = Options(options.jobs, options.timeout)
    with closing(Grader(given, how)) as grader:
        [answers] = grader.grade([Finder(given.lessons).find(hand_in)], 1)
    print(grader.fence)
    if grader.trouble:
        print(f"the grader: {_plain(grader.trouble)}")
    match = Match(hand_in.key, hand_in.name, hand_in=hand_in)
    return results(
        gradebook.make(given, grader.book, [(match, answers)], grader.skipped)
    )


# ------------------------------------------------------------------------- the zip


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``gradescope-zip`` to the commands of ``sensei``."""
    parser = commands.add_parser(
        "gradescope-zip", help="make the autograder that Gradescope asks for"
    )
    parser.add_argument("zip", type=Path, metavar="OUT.zip", help="the file to write")
    parser.add_argument(
        "--lessons", help="such as 01-05,07, or all (default: the main path)"
    )
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="seconds for one koan"
    )
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    try:
        given = assignment.read(course, assignment.select(course, options.lessons))
        files = autograder(given, options.lessons, options.timeout)
        packing.write_zip(options.zip, files, SCRIPTS)
    except metadata.PackageNotFoundError as error:
        raise CourseError(str(error)) from None
    except OSError as error:
        raise CourseError(f"{options.zip}: {error.strerror}") from None
    most = points.shown(points.total(koan.note.points for koan in given.koans))
    print(
        f"written: {options.zip} ({len(files)} files, {len(given.koans)} koans, "
        f"{most} points). On Gradescope, give the assignment {most} points."
    )
    return 0


def autograder(
    given: Assignment, lessons: str | None = None, seconds: float = 10.0
) -> dict[str, bytes]:
    """What is in the zip, by name."""
    made = {
        "setup.sh": (TEMPLATES / "gradescope_setup.sh").read_text("utf-8"),
        "run_autograder": _run_autograder(lessons, seconds),
        "requirements.txt": requirements(given.course),
        "failed.json": json.dumps(failed(), indent=1) + "\n",
    }
    files = {name: text.encode() for name, text in made.items()}
    sources = {**packing.engine(), **_course(given.course)}
    return files | {f"course/{name}": data for name, data in sources.items()}


def _course(course: Course) -> dict[str, bytes]:
    places = (course.koans, course.notes, course.solutions)
    found = {path for place in places for path in packing.below(place)}
    lessons = packing.files_of(course, [course.root / "pyproject.toml", *found])
    return packing.brought(course) | lessons


def requirements(course: Course) -> str:
    """The packages that grading needs, as they are here: marks should not move.

    Options of pip, such as where else to look for packages, are those of the course's
    own requirements.txt, beside its notes.
    """
    own = course.notes.parent / "requirements.txt"
    lines = own.read_text("utf-8").splitlines() if own.exists() else []
    options = [line for line in lines if line.startswith("-")]
    preloaded = {module.partition(".")[0] for module in course.preload}
    packages = sorted({*NEEDED, *preloaded})
    pinned = [f"{p}=={metadata.version(p).partition('+')[0]}" for p in packages]
    return "\n".join([*options, *pinned, ""])


def _run_autograder(lessons: str | None, seconds: float) -> str:
    more = f" --lessons {shlex.quote(lessons)}" if lessons else ""
    script = (TEMPLATES / "gradescope_run.sh").read_text("utf-8")
    return script.replace("MORE", f"--timeout {seconds:g}{more}")
