"""``sensei handout``: a copy of the course to give out, without its answers.

It holds the lessons as they were given, the engine without grading, and the notes
sealed in one file (see ``sealed``). Before it is written, it is unpacked and run:
every koan in it has to be blank.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sensei import sealed
from sensei.course import Course, CourseError
from sensei.grading import assignment, gradebook, numbers, packing, roster
from sensei.grading.assignment import pristine
from sensei.grading.numbers import NAME, Numbers, NumbersError, Own
from sensei.lesson import Lesson
from sensei.points import count
from sensei.verdicts import Kind

README = "handout.md"  # beside the notes
BESIDE = ("conftest.py", "LICENSE", ".gitignore")
NOT_HANDED_OUT = "sensei/grading/"
NOT_FOR_LEARNERS = ("also_right",)  # of a koan's notes
PROJECT = {  # of a course that is no package itself; the engine lies in its handout
    "name": "koans",
    "version": "0",
    "requires-python": ">=3.11",
    "dependencies": ["pytest>=9.2"],
    "scripts": {"sensei": "sensei.cli:main"},
}
PACKAGES = ["sensei", "sensei.check", "sensei.watch"]
TOOLS = ("setuptools", "pytest", "sensei")  # of pyproject.toml
BARE = re.compile(r"[A-Za-z0-9_-]+")
SECONDS = 600  # of the check


class HandoutError(CourseError):
    """A handout that can't be made, or that does not do what it should."""


# ------------------------------------------------------------------ what is in it


def handout(
    course: Course, lessons: Sequence[Lesson], reveal: bool = True
) -> dict[str, bytes]:
    """The files of a handout, by their paths in it; pure but for reading."""
    beside = [course.root / name for name in BESIDE]
    engine = packing.engine().items()
    files = {k: v for k, v in engine if not k.startswith(NOT_HANDED_OUT)}
    files |= packing.files_of(course, [path for path in beside if path.exists()])
    files |= packing.brought(course)
    files |= packing.files_of(course, sorted(_helpers(course, lessons)))
    made = {
        "README.md": _readme(course, lessons, reveal),
        "pyproject.toml": _pyproject(course, lessons, reveal),
    }
    files |= {name: text.encode() for name, text in made.items()}
    return files | lessons_of(course, lessons, reveal)


def lessons_of(
    course: Course, lessons: Sequence[Lesson], reveal: bool, own: Own | None = None
) -> dict[str, bytes]:
    """The files of a handout that hold koans, and what is said of them.

    ``own`` are the numbers of a learner.
    """
    notes = _relative(course, course.notes)
    texts = {x.relative: own.text(x) if own else _given(x) for x in lessons}
    texts[f"{notes}/{sealed.NAME}"] = sealed.seal(_sealed(course, lessons, reveal, own))
    return {name: text.encode() for name, text in texts.items()}


def _given(lesson: Lesson) -> str:
    return pristine(lesson).decode()


def _sealed(
    course: Course, lessons: Sequence[Lesson], reveal: bool, own: Own | None
) -> dict[str, str]:
    """Notes and solutions; solutions with their blanks left where none is revealed."""
    files = {}
    for lesson in lessons:
        assert lesson.pristine is not None
        given = lesson.pristine
        notes = tomllib.loads(lesson.notes_path.read_text("utf-8"))
        for table in notes.values():
            for key in NOT_FOR_LEARNERS:
                table.pop(key, None)
        solution = given.solution if reveal else given.text
        if own:
            notes = own.notes(lesson, notes)
            solution = own.solution(lesson) if reveal else own.text(lesson)
        files[_relative(course, lesson.notes_path)] = toml(notes)
        files[_relative(course, lesson.solution_path)] = solution
    return files


def _helpers(course: Course, lessons: Sequence[Lesson]) -> set[Path]:
    """The files in the folder of koans that the lessons import, one by another."""
    found: set[Path] = set()
    waiting = [pristine(lesson).decode() for lesson in lessons]
    while waiting:
        for module in _imported(waiting.pop()):
            path = course.koans / f"{module}.py"
            if path.exists() and path not in found:
                found.add(path)
                waiting.append(path.read_text("utf-8"))
    return found


def _imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _pyproject(course: Course, lessons: Sequence[Lesson], reveal: bool) -> str:
    """The course's own pyproject.toml, without what is for its makers.

    With it `pip install -e .` does, in the folder of any handout.
    """
    table = tomllib.loads((course.root / "pyproject.toml").read_text("utf-8"))
    table["project"] = PROJECT | table.get("project", {})
    table["project"].pop("optional-dependencies", None)
    tools = table["tool"]
    setup = tools.setdefault("setuptools", {})
    setup.pop("package-data", None)
    packages = setup.get("packages", PACKAGES)
    setup["packages"] = [name for name in packages if "grading" not in name]
    table["tool"] = {name: tools[name] for name in TOOLS if name in tools}
    for key in ("pythonpath", "markers"):  # of the tests
        tools.get("pytest", {}).get("ini_options", {}).pop(key, None)
    if set(lessons) != set(course.lessons):
        tools["sensei"].pop("ending", None)  # it speaks of all of them
    if not reveal:
        tools["sensei"]["reveal"] = False
    return toml(table)


def _readme(course: Course, lessons: Sequence[Lesson], reveal: bool) -> str:
    """The course's own words to its learners, with what is in this handout put in."""
    own = course.notes.parent / README
    text = own.read_text("utf-8") if own.exists() else "# {koans} in {lessons}\n"
    koans = sum(len(lesson.koans) for lesson in lessons)
    text = text.replace("{lessons}", count(len(lessons), "lesson"))
    text = text.replace("{koans}", count(koans, "koan"))
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if reveal or "--reveal" not in line)


def _relative(course: Course, path: Path) -> str:
    return path.relative_to(course.root).as_posix()


# ------------------------------------------------------------------------ TOML


def toml(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """A table as TOML: plain values first, then the tables in it."""
    plain = {key: value for key, value in table.items() if not _has_tables(value)}
    text = "".join(f"{_key(key)} = {_value(value)}\n" for key, value in plain.items())
    for key, value in table.items():
        if not _has_tables(value):
            continue
        inner = (*path, _key(key))
        name = ".".join(inner)
        if isinstance(value, dict):
            head = "" if all(map(_has_tables, value.values())) else f"\n[{name}]\n"
            text += head + toml(value, inner)
        else:
            text += "".join(f"\n[[{name}]]\n{toml(each, inner)}" for each in value)
    return text


def _has_tables(value: object) -> bool:
    tables = value if isinstance(value, list) else [value]
    return bool(tables) and all(isinstance(each, dict) for each in tables)


def _key(key: str) -> str:
    return key if BARE.fullmatch(key) else _value(key)


def _value(value: object) -> str:
    """Texts, numbers, truth values and lists of them are nearly JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# ------------------------------------------------------------------------ the check


def check(files: packing.Files) -> int:
    """Unpack a handout, and run it untouched; gives the number of its koans.

    Raises HandoutError for one in which a koan is not blank.
    """
    with tempfile.TemporaryDirectory(prefix="sensei-") as scratch:
        folder = Path(scratch) / "handout"
        _write(files, folder)
        koans = [k for lesson in _score(folder)["lessons"] for k in lesson["koans"]]
    odd = [f"{k['koan']} ({k['verdict']})" for k in koans if k["verdict"] not in FRESH]
    if odd:
        raise HandoutError(
            f"untouched, not every koan in it is blank: {', '.join(odd[:5])}. "
            f"Nothing was written"
        )
    return len(koans)


FRESH = (Kind.BLANK, Kind.SKIPPED)


def _score(folder: Path) -> dict[str, Any]:
    """What ``sensei score`` of the handout itself says of it."""
    words = "import sys; from sensei.cli import main; sys.exit(main(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", words, "score", "--lessons", "all", "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    try:
        told: dict[str, Any] = json.loads(ran.stdout)
    except ValueError:
        said = (ran.stderr or ran.stdout).strip()[-500:]
        raise HandoutError(f"this handout does not run: {said}") from None
    return told


def _write(files: packing.Files, folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


# ------------------------------------------------------------------------ the command


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``handout`` to the commands of ``sensei``."""
    parser = commands.add_parser(
        "handout", help="make a copy of the course to give out, without its answers"
    )
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="a new folder, or a .zip to write"
    )
    parser.add_argument("--lessons", default="all", help="such as 01-05,07 (all)")
    parser.add_argument(
        "--no-reveal", action="store_true", help="no --reveal, and no solutions in it"
    )
    what = "who is in the class, for --numbers: a file as sensei grade takes it"
    parser.add_argument("--roster", type=Path, metavar="FILE", help=what)
    what = (
        "a zip for each learner on the roster, with numbers of their own, and beside "
        f"them {NAME}, by which they are graded"
    )
    parser.add_argument("--numbers", action="store_true", help=what)
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    if options.numbers or options.roster:
        return _with_numbers(course, options)
    out, reveal = options.out, not options.no_reveal
    is_zip = out.suffix.lower() == ".zip"
    if not is_zip and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise HandoutError(
            f"{out} is there already. Name a new folder; to bring what is new into an "
            f"old handout, run `sensei update` in it"
        )
    lessons = assignment.select(course, options.lessons)
    files = handout(course, assignment.read(course, lessons).lessons, reveal)
    koans = check(files)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if is_zip:
            top = {f"{out.stem}/{name}": data for name, data in files.items()}
            packing.write_zip(out, top)
        else:
            _write(files, out)
    except OSError as error:
        raise HandoutError(f"{out}: {error.strerror}") from None
    print(
        f"written: {out}: {count(len(lessons), 'lesson')}, {count(koans, 'koan')}, all "
        f"blank. Its answers are sealed, not secret: docs/grading.md"
    )
    return 0


# --------------------------------------------------------- numbers of their own


def _with_numbers(course: Course, options: argparse.Namespace) -> int:
    """Write a zip for each learner, and the secret beside them."""
    if not (options.numbers and options.roster):
        raise HandoutError("--numbers needs the --roster, and goes with it alone")
    people = roster.read(options.roster).people
    chosen = assignment.select(course, options.lessons)
    lessons = assignment.read(course, chosen).lessons
    reveal, top = not options.no_reveal, options.out.stem
    out = _folder_for_each(options.out)
    secret = out.parent / NAME
    known = _secret(course, lessons, secret)
    common = handout(course, lessons, reveal)
    names = gradebook.file_ids(person.id for person in people)
    paths = [out / f"{name}.zip" for name in names]
    try:
        out.mkdir(parents=True, exist_ok=True)
        secret.write_text(known.as_json(), "utf-8")
        for person, path in zip(people, paths, strict=True):
            files = common | lessons_of(course, lessons, reveal, Own(known, person.id))
            if path is paths[0]:
                check(files)
            packing.write_zip(path, {f"{top}/{name}": files[name] for name in files})
    except OSError as error:
        raise HandoutError(f"{out}: {error.strerror}") from None
    koans = [koan for lesson in lessons for koan in lesson.koans.values()]
    own = sum(known.pool(koan) is not None for koan in koans)
    print(
        f"written: {out}: {count(len(paths), 'zip')}, a learner each: "
        f"{count(own, 'koan')} with numbers of their own, {len(koans) - own} common to "
        f"all.\nKeep {secret}, and keep it to yourself: `sensei grade EXPORT --roster "
        f"R --numbers {secret}` needs it."
    )
    return 0


def _folder_for_each(out: Path) -> Path:
    """Where the zips go: koans-for-each/ for koans.zip; nothing else may be there."""
    folder = out.with_name(f"{out.stem}-for-each") if out.suffix == ".zip" else out
    if folder.exists() and any(path.suffix != ".zip" for path in folder.iterdir()):
        raise HandoutError(f"{folder} holds other things. Name a new folder")
    return folder


def _secret(course: Course, lessons: Sequence[Lesson], path: Path) -> Numbers:
    """The numbers that are there already, for who comes late; else new ones."""
    if not path.exists():
        return numbers.make(course, lessons)
    try:
        return numbers.read(path, lessons)
    except NumbersError as error:
        raise HandoutError(
            f"{error}. For numbers that are new to all, put it aside first"
        ) from None
