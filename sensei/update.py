"""``sensei update``: brings a newer course into this folder, and keeps the answers.

A lesson that has changed is taken as the new course gives it, and the learner's
answers are put in, each where its koan asks the same. All of it is decided before
anything is written, and where anything is unclear nothing is. What gets replaced is
kept in a zip, and an answer that has no place any more in a file of its own.
"""

from __future__ import annotations

import argparse
import ast
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from sensei import blanks, edit, source
from sensei.course import Course, CourseError
from sensei.lesson import Koan, Lesson, NotAsGiven, find_fill, functions
from sensei.notes import NotesError
from sensei.reset import with_ends_of, write
from sensei.source import Function, Unreadable
from sensei.work import Work

BACKUP, HOMELESS = "before-update", "answers-without-a-place"
NOT_BROUGHT = frozenset(["__pycache__", "venv", "build", "dist", "node_modules"])
MOST_BYTES = 256 * 1024**2  # of a zip, unpacked
MOVED = "it asks something else now, or was changed outside its blank"


class UpdateError(CourseError):
    """An update that can't be done. Nothing was written."""


@dataclass
class Plan:
    """What an update will write and take away, by paths in the course.

    ``filled`` are the changed koans that got an answer, ``homeless`` the answers
    that have no place any more, each with whose it is and why.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    lessons: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)
    homeless: list[str] = field(default_factory=list)


# ------------------------------------------------------------------------ the plan


def plan(mine: Course, new: Course) -> Plan:
    """What is to be done, with nothing written; raises UpdateError."""
    _check(mine, new)
    works = [work for lesson in mine.lessons if (work := _work(lesson))]
    made = Plan()
    for lesson in new.lessons:
        _plan_lesson(lesson, works, mine, made)
    koans = {name for lesson in new.lessons for name in lesson.koans}
    for work in works:
        for name in sorted(work.found.keys() - koans):
            _keep_aside(work, name, "it is not in the course any more", made)
    lessons = {lesson.relative for lesson in new.lessons}
    made.gone = sorted(_knowledge(mine) - _knowledge(new) - lessons)
    for name, data in _brought(new):
        path = mine.root / name
        is_new = not path.exists() or path.read_bytes() != data
        if is_new and name not in made.gone:
            made.files[name] = data
    return made


def _check(mine: Course, new: Course) -> None:
    known = {lesson.relative for lesson in mine.lessons}
    if not known & {lesson.relative for lesson in new.lessons}:
        raise UpdateError(f"{new.root}: another course: no lesson of it is here")
    for lesson in new.lessons:
        try:
            _ = lesson.koans
        except (NotesError, Unreadable, OSError) as error:
            raise UpdateError(f"{new.root}: {error}") from None
        if lesson.pristine is None:
            raise UpdateError(
                f"{new.root}: {lesson.relative} as it was given can't be made: there "
                f"are neither solutions nor sealed notes"
            )


def _work(lesson: Lesson) -> Work | None:
    """A lesson as the learner has it; raises UpdateError for one that is unclear."""
    if not lesson.path.exists():
        return None
    work = Work(lesson, lesson.path.read_bytes())
    for fault in filter(None, [*work.faults.values(), *work.unknown, work.fault]):
        raise UpdateError(
            f"{lesson.relative}:{fault.line or 1}: Python can't read this "
            f"({fault.reason}). Mend it, then update"
        )
    for name, found in work.found.items():
        if len(found) > 1:
            where = f"{lesson.relative}:{found[1].lineno}"
            raise UpdateError(f"{where}: {name} is there twice. Keep one, then update")
    return work


def _plan_lesson(lesson: Lesson, works: list[Work], mine: Course, made: Plan) -> None:
    """Put the learner's answers into a lesson as the new course gives it."""
    path = mine.root / lesson.relative
    holders = {name: work for work in works for name in work.found}
    kept: dict[str, Work] = {}
    fills: dict[str, str] = {}
    for koan in lesson.koans.values():
        work = holders.get(koan.name)
        if work is None:
            continue
        if _is_the_same(koan, work):
            kept[koan.name] = work
        elif work.is_filled(work.lesson.koans[koan.name]):
            _take_fill(koan, work, fills, made)
    own = next((work for work in works if work.lesson.path == path), None)
    if not path.exists():
        made.lessons.append(lesson.relative)
    elif len(kept) == len(lesson.koans) and own and _is_same_around(lesson, own):
        return  # with whatever the learner has beside the koans
    text = with_ends_of(path, _merged(lesson, kept, fills))
    made.files[lesson.relative] = text.encode()


def _take_fill(koan: Koan, work: Work, fills: dict[str, str], made: Plan) -> None:
    try:
        fill = find_fill(koan.note, work.found[koan.name][0], work.helpers)
    except NotAsGiven:
        _keep_aside(work, koan.name, MOVED, made)
        return
    fills[koan.name] = edit.text_of(work.text, fill).strip("\n")
    made.filled.append(koan.name)


def _keep_aside(work: Work, name: str, why: str, made: Plan) -> None:
    koan = work.lesson.koans[name]
    if work.is_filled(koan):
        text = "\n".join(work.lines[source.span(work.found[name][0])])
        made.homeless.append(f"# {name}, from {work.lesson.relative}: {why}\n{text}\n")


def _is_the_same(koan: Koan, work: Work) -> bool:
    """Whether the learner's koan is the new one, but for its fill and what is free."""
    assert koan.pristine is not None
    theirs = work.found[koan.name][0]
    fit = blanks.match([koan.pristine], [theirs], work.helpers)
    old, new = _given(work.lesson, koan.name), _given(koan.lesson, koan.name)
    asked = ast.get_docstring(theirs) == ast.get_docstring(koan.pristine)
    return isinstance(fit, blanks.Fit) and asked and old in ([], new)


def _given(lesson: Lesson, koan: str = "") -> list[str]:
    """The lines of a koan as it was given, or (koan "") those around the koans."""
    if lesson.pristine is None:
        return []
    text = lesson.pristine.text
    lines, found = source.lines_of(text), functions(source.parse(text).body)
    if koan:
        return [
            line for each in found.get(koan, []) for line in lines[source.span(each)]
        ]
    for each in _backwards(found):
        del lines[source.span(each)]
    return lines


def _backwards(found: Mapping[str, list[Function]]) -> list[Function]:
    """The last first: so the places of the others stay what they are."""
    each = [function for copies in found.values() for function in copies]
    return sorted(each, key=lambda function: -function.lineno)


def _is_same_around(lesson: Lesson, work: Work) -> bool:
    as_given = Work(lesson, work.text.encode("utf-8", "surrogateescape")).frame
    old, new = _given(work.lesson), _given(lesson)
    return isinstance(as_given, list) and old in ([], new)


def _merged(lesson: Lesson, kept: Mapping[str, Work], fills: Mapping[str, str]) -> str:
    """A lesson as it is given, with fills put in, and whole koans as they were."""
    assert lesson.pristine is not None
    given = lesson.pristine.text
    found = functions(source.parse(given).body)
    places = {
        name: find_fill(lesson.koans[name].note, found[name][0], frozenset())
        for name in fills
    }
    text = edit.replaced(given, [(places[name], fills[name]) for name in fills])
    lines = source.lines_of(text)
    for function in _backwards(functions(source.parse(text).body)):
        if work := kept.get(function.name):
            lines[source.span(function)] = work.lines[
                source.span(work.found[function.name][0])
            ]
    return "\n".join(lines)


def _brought(new: Course) -> Iterator[tuple[str, bytes]]:
    """What the new course has beside its lessons."""
    lessons = {lesson.path for lesson in new.lessons}
    for folder, folders, names in os.walk(new.root):
        folders[:] = [name for name in folders if _is_of_the_course(name)]
        for path in (Path(folder, name) for name in names if _is_of_the_course(name)):
            if path not in lessons and path.is_file():
                yield path.relative_to(new.root).as_posix(), path.read_bytes()


def _is_of_the_course(name: str) -> bool:
    odd = name.startswith(".") and name != ".gitignore"
    made = name.startswith((BACKUP, HOMELESS)) or name.endswith((".egg-info", ".pyc"))
    return not odd and not made and name not in NOT_BROUGHT


def _knowledge(course: Course) -> set[str]:
    """The files that say which lessons there are: what is left of them misleads."""
    files = {lesson.path for lesson in course.lessons if lesson.path.exists()}
    files |= {*course.notes.glob("**/test_*.toml"), *course.notes.glob("sealed.txt")}
    files |= {*course.solutions.glob("**/test_*.py")}
    return {path.relative_to(course.root).as_posix() for path in files}


# ------------------------------------------------------------------------ doing it


def carry_out(made: Plan, root: Path) -> list[str]:
    """Write what was planned; gives what to tell. Raises ResetError.

    The old files are safe before the first is replaced.
    """
    told = [f"new: {', '.join(made.lessons)}"] if made.lessons else []
    if made.filled:
        told.append(f"changed, with your answers in: {', '.join(made.filled)}")
    if made.homeless:
        path = _new_name(root, HOMELESS, ".py")
        write(path, "\n\n".join(made.homeless).encode("utf-8", "surrogateescape"))
        told.append(f"answers without a place: {len(made.homeless)}, in {path.name}")
    replaced = [name for name in (*made.files, *made.gone) if (root / name).exists()]
    if replaced:
        path = _new_name(root, BACKUP, ".zip")
        _back_up(replaced, root, path)
        told.append(f"{len(replaced)} files were replaced; {path.name} has the old")
    for name, data in made.files.items():
        write(root / name, data)
    for name in made.gone:
        (root / name).unlink(missing_ok=True)
    return told


def _new_name(root: Path, stem: str, suffix: str) -> Path:
    names = (f"{stem}{f'-{n}' if n > 1 else ''}{suffix}" for n in count(1))
    return next(root / name for name in names if not (root / name).exists())


def _back_up(names: list[str], root: Path, path: Path) -> None:
    beside = path.with_name(f".{path.name}.part")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(root / name, name)
    os.replace(beside, path)


# ------------------------------------------------------------------------ the source


@contextmanager
def opened(path: Path) -> Iterator[Course]:
    """The course in a folder or a zip; raises UpdateError."""
    if path.is_dir():
        yield _course_in(path.absolute())
        return
    with tempfile.TemporaryDirectory(prefix="sensei-") as scratch:
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(info.file_size for info in archive.infolist()) > MOST_BYTES:
                    raise UpdateError(f"{path}: larger than any course")
                archive.extractall(scratch)
        except (OSError, zipfile.BadZipFile, RuntimeError) as error:
            raise UpdateError(f"{path}: neither a folder nor a zip: {error}") from None
        yield _course_in(Path(scratch))


def _course_in(folder: Path) -> Course:
    """The course of a folder, or of one directly in it."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    for place in (folder, *inside):
        if course := Course.load(place):
            return course
    raise UpdateError(f"{folder}: there is no course in it (no [tool.sensei])")


# ------------------------------------------------------------------------ the command


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``update`` to the commands of ``sensei``."""
    parser = commands.add_parser(
        "update", help="bring a newer course into this folder, and keep the answers"
    )
    parser.add_argument("source", type=Path, help="a newer handout, or a checkout")
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    with opened(options.source) as new:
        made = plan(course, new)
    told = carry_out(made, course.root)
    print("\n".join(told) if told else "Nothing to bring: this is that course already.")
    return 0
