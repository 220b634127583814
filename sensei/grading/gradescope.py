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
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

import sensei
from sensei.course import Course, CourseError
from sensei.grading import assignment, marks
from sensei.grading.archives import Unusable, open_path
from sensei.grading.assignment import Assignment
from sensei.grading.grader import Grader, Options
from sensei.grading.handins import HandIn, Platform
from sensei.grading.marks import Cell, Class, Learner
from sensei.grading.sheets import TEMPLATES, written
from sensei.grading.shown import clean, shortened
from sensei.verdicts import Kind

RESULTS = "results.json"
LONGEST = 2_000
FAILED = (
    "The grader itself failed. This is no mark of yours: submit again, and if it "
    "happens twice, tell your instructor."
)
NEEDED = ("pytest", "tqdm")  # besides what the course preloads
EPOCH = (1980, 1, 1, 0, 0, 0)  # so that the same course makes the same zip


# ---------------------------------------------------------------- results.json


def results(graded: Class) -> dict[str, Any]:
    """The one learner of a class, in the form of Gradescope's specification."""
    [learner] = graded.learners
    cells = graded.cells(learner)
    tests = [
        _test(cell, place)
        for _, cells_of_lesson in marks.by_lesson(cells)
        for place, cell in enumerate(cells_of_lesson, 1)
        if cell.kind is not Kind.SKIPPED
    ]
    if not tests:
        return failed("None of these koans can run on this grader.")
    return _results("\n".join(map(_plain, _remarks(learner, cells))), tests)


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


def _remarks(learner: Learner, cells: list[Cell]) -> Iterator[str]:
    points, out_of = marks.total(cells)
    yield f"{points} of {out_of} points."
    yield from marks.flags(learner, cells)
    for kind, said in (
        ("skipped", "can't run on this grader, and counts for nobody"),
        ("ungraded", "the grader failed here; submit again"),
    ):
        if names := [cell.koan.name for cell in cells if cell.kind == kind]:
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
    hand_in = HandIn("submission", "submission", Platform.GRADESCOPE)
    try:
        hand_in.nodes.append(open_path(options.submissions))
    except Unusable as reason:
        hand_in.troubles.append(str(reason))
    with tempfile.TemporaryDirectory(prefix="sensei-") as scratch:
        how = Options(options.jobs, options.timeout, Path(scratch))
        with closing(Grader(given, how)) as grader:
            graded = grader.grade([hand_in])
    if grader.trouble:
        print(f"the grader: {_plain(grader.trouble)}")
    return results(graded)


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
        made = make_zip(given, options.zip, options.lessons, options.timeout)
    except metadata.PackageNotFoundError as error:
        raise CourseError(str(error)) from None
    except OSError as error:
        raise CourseError(f"{options.zip}: {error.strerror}") from None
    points = sum(koan.note.points for koan in given.koans)
    print(
        f"written: {options.zip} ({made} files, {len(given.koans)} koans, "
        f"{points} points). On Gradescope, give the assignment {points} points."
    )
    return 0


def make_zip(
    given: Assignment, path: Path, lessons: str | None = None, seconds: float = 10.0
) -> int:
    """Write the zip, in one piece; gives the number of files in it."""
    files = _files(given.course, lessons, seconds)
    with written(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, data, mode in files:
            member = zipfile.ZipInfo(name, EPOCH)
            member.external_attr = (0o100000 | mode) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, data)
    return len(files)


def _files(
    course: Course, lessons: str | None, seconds: float
) -> list[tuple[str, bytes, int]]:
    """What is in the zip: names, contents and modes."""
    made = [
        ("setup.sh", (TEMPLATES / "gradescope_setup.sh").read_text("utf-8"), 0o755),
        ("run_autograder", _run_autograder(lessons, seconds), 0o755),
        ("requirements.txt", _requirements(course), 0o644),
        ("failed.json", json.dumps(failed(), indent=1) + "\n", 0o644),
    ]
    files = [(name, text.encode(), mode) for name, text, mode in made]
    for name, path in sorted(_sources(course)):
        files.append((f"course/{name}", path.read_bytes(), 0o644))
    return files


def _sources(course: Course) -> Iterator[tuple[str, Path]]:
    """The course and the engine, by their place in the course's folder."""
    engine = Path(sensei.__file__).parent
    for path in _below(engine):
        yield f"sensei/{path.relative_to(engine).as_posix()}", path
    found = {course.root / "pyproject.toml"}
    for place in (course.koans, course.notes, course.solutions, *_brought(course)):
        found.update(_below(place))
    for path in found:
        yield path.relative_to(course.root).as_posix(), path


def _brought(course: Course) -> Iterator[Path]:
    """The modules and files beside the lessons that [tool.sensei] names."""
    for module in filter(None, (course.story, course.state)):
        yield course.root / f"{module.replace('.', '/')}.py"
    yield from filter(None, (course.free_path, course.ending))


def _below(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
    for path in folder.rglob("*"):
        hidden = any(
            part.startswith(".") or part == "__pycache__"
            for part in path.relative_to(folder).parts
        )
        if path.is_file() and not hidden:
            yield path


def _requirements(course: Course) -> str:
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
