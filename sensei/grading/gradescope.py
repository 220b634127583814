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
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import sensei
from sensei.course import Course

if TYPE_CHECKING:
    from sensei.grading.grader import Grader
    from sensei.grading.marks import Cell, Class, Learner
    from sensei.grading.template import Template

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
        for cells_of_lesson in _lessons(cells)
        for place, cell in enumerate(cells_of_lesson, 1)
        if cell.kind != "skipped"
    ]
    if not tests:
        return failed("None of these koans can run on this grader.")
    said = "\n".join(_plain(line) for line in _remarks(graded, learner, cells))
    return _results(said, tests)


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


def _lessons(cells: list[Cell]) -> Iterator[list[Cell]]:
    from sensei.grading import marks

    for _, inside in marks.by_lesson(cells):
        yield inside


def _test(cell: Cell, place: int) -> dict[str, Any]:
    lesson = cell.koan.lesson
    title = cell.koan.name.removeprefix("test_").replace("_", " ")
    test = {
        "name": f"{lesson.number} {lesson.files.title}: {title}",
        "number": f"{lesson.number}.{place}",
        "score": cell.points,
        "max_score": cell.out_of,
        "status": "passed" if cell.kind == "passed" else "failed",
    }
    return _shown(test, _output(cell))


def _shown(test: dict[str, Any], output: str) -> dict[str, Any]:
    return {**test, "output": output, "output_format": "text", "visibility": "visible"}


def _output(cell: Cell) -> str:
    """What a learner is told of a koan; never the right answer."""
    from sensei.grading.sheets import HINTED

    parts = [f"{cell.kind}."]
    if cell.changed:
        parts.append("Changed outside the blank; graded as it was given.")
    if cell.kind == "passed":
        return "\n".join(parts)
    if cell.entry.fill:
        parts.append(f"You wrote: {cell.entry.fill}")
    parts.append(cell.entry.sentence)
    if cell.kind in HINTED:
        parts.append(f"Hint: {cell.koan.note.hints[0]}")
    return "\n".join(map(_plain, parts))


def _remarks(graded: Class, learner: Learner, cells: list[Cell]) -> Iterator[str]:
    from sensei.grading import marks

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
    from sensei.grading.shown import clean, shortened

    return shortened(clean(text, keep="\n"), LONGEST)


def write(told: dict[str, Any], folder: Path) -> None:
    """Write results.json, in one piece."""
    from sensei.grading.sheets import written

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
    from sensei.grading import template

    with tempfile.TemporaryDirectory(prefix="sensei-") as name:
        scratch = Path(name)
        against = template.read(course, template.select(course, options.lessons))
        return results(_graded(against, options, scratch))


def _graded(against: Template, options: argparse.Namespace, scratch: Path) -> Class:
    from sensei.grading.grader import Grader, Options
    from sensei.grading.submissions import Entry

    how = Options(options.jobs, options.timeout, scratch)
    entry = Entry("submission", "submission", options.submissions)
    grader = Grader(against, how)
    with closing(grader):
        return _told_of_trouble(grader.grade([entry]), grader)


def _told_of_trouble(graded: Class, grader: Grader) -> Class:
    if grader.trouble:
        print(f"the grader: {_plain(grader.trouble)}")
    return graded


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
    from sensei.course import CourseError
    from sensei.grading import template

    try:
        lessons = template.select(course, options.lessons)
        against = template.read(course, lessons)
        made = make_zip(against, options.zip, options.lessons, options.timeout)
    except (template.TemplateError, metadata.PackageNotFoundError) as error:
        raise CourseError(str(error)) from None
    except OSError as error:
        raise CourseError(f"{options.zip}: {error.strerror}") from None
    points = sum(koan.note.points for koan in against.koans)
    print(
        f"written: {options.zip} ({made} files, {len(against.koans)} koans, "
        f"{points} points). On Gradescope, give the assignment {points} points."
    )
    return 0


def make_zip(
    against: Template, path: Path, lessons: str | None = None, seconds: float = 10.0
) -> int:
    """Write the zip, in one piece; gives the number of files in it."""
    import os

    beside = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            files = _files(against.course, lessons, seconds)
            for name, data, mode in files:
                member = zipfile.ZipInfo(name, EPOCH)
                member.external_attr = (0o100000 | mode) << 16
                member.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(member, data)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return len(files)


def _files(
    course: Course, lessons: str | None, seconds: float
) -> list[tuple[str, bytes, int]]:
    """What is in the zip: names, contents and modes."""
    made = [
        ("setup.sh", SETUP, 0o755),
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
        yield (
            (PurePosixPath("sensei") / path.relative_to(engine).as_posix()).as_posix(),
            path,
        )
    for folder in (course.koans, course.solutions):
        for path in _below(folder):
            yield path.relative_to(course.root).as_posix(), path
    yield "pyproject.toml", course.root / "pyproject.toml"


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(
            part.startswith(".") or part == "__pycache__"
            for part in path.relative_to(folder).parts
        )
        if path.is_file() and not hidden:
            yield path


def _requirements(course: Course) -> str:
    """The packages that grading needs, as they are here: marks should not move."""
    preloaded = {module.partition(".")[0] for module in course.preload}
    pinned = []
    for package in sorted({*NEEDED, *preloaded}):
        version = metadata.version(package).partition("+")[0]
        pinned.append(f"{package}=={version}\n")
    return "".join(pinned)


def _run_autograder(lessons: str | None, seconds: float) -> str:
    more = f" --lessons {shlex.quote(lessons)}" if lessons else ""
    return RUN.replace("MORE", f"--timeout {seconds:g}{more}")


SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, when it builds the autograder.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \\
            2> /dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

if ! python="$(find_python)"; then
    apt-get update
    apt-get install -y python3.11 python3.11-venv || {
        echo "No Python 3.11 or newer here: choose Ubuntu 22.04 or a newer image." >&2
        exit 1
    }
    python=python3.11
fi
if ! "$python" -m venv "$root/venv"; then
    apt-get update
    apt-get install -y \\
        "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    "$python" -m venv --clear "$root/venv"
fi
# Torch without CUDA: a tenth of the size, and Gradescope has no GPU.
"$root/venv/bin/python" -m pip install --no-cache-dir \\
    --extra-index-url https://download.pytorch.org/whl/cpu \\
    -r "$root/source/requirements.txt"
"$root/venv/bin/python" -m compileall -q "$root/source/course/sensei"
"""

RUN = """\
#!/usr/bin/env bash
# Gradescope runs this for each submission.
root="${AUTOGRADER_ROOT:-/autograder}"
results="$root/results/results.json"

cd "$root/source/course" &&
    PYTHONPATH="$root/source/course" "$root/venv/bin/python" -P \\
        -c 'import sys; from sensei.cli import main; sys.exit(main(sys.argv[1:]))' \\
        grade "$root/submission" --format gradescope --out "$root/results" \\
        --jobs 1 MORE

if ! [ -s "$results" ]; then
    mkdir -p "$root/results"
    cp "$root/source/failed.json" "$results.part" && mv "$results.part" "$results"
fi
exit 0
"""
