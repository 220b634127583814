"""``sensei reset``: puts a koan, or a lesson, back as it was given, or undoes that.

The one command that writes to a learner's file. What is there is put aside first; then
the whole file is written anew beside the old one and takes its place, so that an
interrupted reset loses nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sensei import source
from sensei.course import Course
from sensei.lesson import Lesson, NotAsGiven, functions
from sensei.notes import NotesError
from sensei.review import PART
from sensei.source import Function, Unreadable

KEPT = ".sensei/dropped"  # in the folder of the course; a number for each reset


class ResetError(Exception):
    """A reset that can't be done; the message says why, and what would help."""


@dataclass(frozen=True)
class Target:
    """What a name stands for: a koan of a lesson, or (koan "") the whole lesson."""

    lesson: Lesson
    koan: str = ""


def find(course: Course, name: str) -> Target:
    """The koan or lesson that a learner means; raises ResetError.

    A lesson may be called 04, test_04, its file or the file's path; a koan by
    its name, with or without pytest's ``path::`` before and ``[cpu]`` behind. What is
    in review/ is meant where the path says so.
    """
    path, _, koan = name.rpartition("::")
    koan = koan.partition("[")[0]
    is_review = Path(path or name).parent.name == PART
    lessons = course.reviews if is_review else course.lessons
    matches = [
        Target(lesson, koan)
        for lesson in lessons
        if (not path or Path(path).stem == lesson.name) and koan in koans(lesson)
    ]
    if not matches:
        matches = [
            Target(lesson) for lesson in lessons if Path(name).stem in spellings(lesson)
        ]
    if not matches:
        raise ResetError(
            f"There is no koan or lesson called {name}. {_meant(course, koan)}"
        )
    if len(matches) > 1:
        where = " and ".join(target.lesson.relative for target in matches)
        raise ResetError(f"{name} is in {where}: say `sensei reset FILE::{koan}`.")
    return matches[0]


def _meant(course: Course, name: str) -> str:
    """What somebody may have meant who mistyped a name."""
    known = [koan for lesson in course.lessons for koan in koans(lesson)]
    known += [spelling for lesson in course.lessons for spelling in spellings(lesson)]
    if close := difflib.get_close_matches(name, known, 1):
        return f"Did you mean {close[0]}?"
    return "Say a lesson's number, such as 02, or a koan's name as pytest prints it."


def spellings(lesson: Lesson) -> tuple[str, ...]:
    """What it may be called: 04, test_04, test_04_micro_batches, micro_batches."""
    title = lesson.title.replace(" ", "_")
    return lesson.number, f"test_{lesson.number}", lesson.name, title


def koans(lesson: Lesson) -> list[str]:
    """The names of a lesson's koans; raises ResetError for notes that can't be read."""
    try:
        return list(lesson.notes.koans)
    except NotesError as error:
        raise ResetError(str(error)) from None


def reset(target: Target) -> None:
    """Write the koan or the lesson as it was given; raises ResetError."""
    lesson = target.lesson
    given = _given(lesson)
    if target.koan:
        given = _with_one_koan(lesson, target.koan, given)
    write(lesson.path, with_ends_of(lesson.path, given).encode())


def _given(lesson: Lesson) -> str:
    """The lesson as it was given; raises ResetError."""
    solution = lesson.solution_path.relative_to(lesson.course.root).as_posix()
    try:
        if lesson.pristine:
            return lesson.pristine.text
    except NotAsGiven as fault:  # whoever writes a course mends its notes
        raise ResetError(f"{lesson.notes_path}: {fault.reason}") from None
    except Unreadable as fault:
        raise ResetError(
            f"{solution}:{fault.line or 1}: Python can't read this ({fault.reason})."
        ) from None
    raise ResetError(
        f"Without {solution} only git knows how it was: git restore {lesson.relative}"
    )


def with_ends_of(path: Path, text: str) -> str:
    r"""A text with the line ends that a file has: some editors write \r\n."""
    is_windows = path.exists() and b"\r\n" in path.read_bytes()
    text = text.replace("\r\n", "\n")
    return text.replace("\n", "\r\n") if is_windows else text


def _with_one_koan(lesson: Lesson, name: str, given: str) -> str:
    """The learner's file with one koan replaced by (or given) its original text."""
    try:
        mine = source.decode(lesson.path.read_bytes())
        found = functions(source.parse(mine).body)
    except OSError:
        return given
    except Unreadable as fault:
        raise ResetError(
            f"{lesson.relative}:{fault.line or 1}: Python can't read this file "
            f"({fault.reason}), so one koan in it can't be found. Mend that line, or "
            f"put the whole lesson back: sensei reset {lesson.number}"
        ) from None
    original = functions(source.parse(given).body)
    lines = source.lines_of(mine)
    new = source.lines_of(given)[source.span(original[name][0])]
    if name in found:
        for copy in reversed(found[name][1:]):
            del lines[source.span(copy)]
        lines[source.span(found[name][0])] = new
        return "\n".join(lines)
    return "\n".join(_inserted(lines, new, name, list(original), found))


def _inserted(
    lines: list[str],
    new: list[str],
    name: str,
    order: list[str],
    found: dict[str, list[Function]],
) -> list[str]:
    """A koan that is gone, put behind the one it followed."""
    before = [koan for koan in order[: order.index(name)] if koan in found]
    if before:
        at = found[before[-1]][0].end_lineno or len(lines)
        return [*lines[:at], "", "", *new, *lines[at:]]
    following = [koan for koan in order if koan in found]
    if following:
        at = source.span(found[following[0]][0]).start
        return [*lines[:at], *new, "", "", *lines[at:]]
    return ["\n".join(lines).rstrip("\n"), "", "", *new, ""]


def write(path: Path, data: bytes) -> None:
    """Write a file beside its place, and then swap them; raises ResetError."""
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        os.replace(beside, path)
    except OSError as error:
        raise ResetError(f"{path}: can't be written ({error.strerror}).") from None
    finally:
        with contextlib.suppress(OSError):  # a folder that can't be written to
            beside.unlink(missing_ok=True)


# ------------------------------------------------------------------ what was dropped


def keep(course: Course, paths: Sequence[Path]) -> Path | None:
    """Put files aside as they are; gives the folder, None where there are none."""
    there = [path for path in paths if path.exists()]
    if not there:
        return None
    dropped = course.root / KEPT
    numbers = [number for number, _ in _kept(course)]
    folder, unfinished = dropped / str(max(numbers, default=0) + 1), dropped / "new"
    try:
        for path in there:
            copy = unfinished / path.relative_to(course.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        (dropped / ".gitignore").write_text("*\n")
        unfinished.rename(folder)
    except OSError as error:
        raise ResetError(
            f"Nothing was changed: what is there can't be put aside in {KEPT} "
            f"({error.strerror})."
        ) from None
    finally:  # half a copy is none that an undo may take
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def undo(course: Course) -> list[str]:
    """Bring back what the last reset dropped; gives the names of the files.

    What is there now is put aside in its turn, so an undo can be undone.
    """
    kept = _kept(course)
    if not kept:
        raise ResetError(
            "There is nothing to bring back: no reset has dropped anything."
        )
    _, folder = max(kept)
    copies = [path for path in folder.rglob("*") if path.is_file()]
    paths = [course.root / copy.relative_to(folder) for copy in copies]
    keep(course, paths)
    for copy, path in zip(copies, paths, strict=True):
        write(path, copy.read_bytes())
    shutil.rmtree(folder)
    return [path.relative_to(course.root).as_posix() for path in paths]


def _kept(course: Course) -> list[tuple[int, Path]]:
    folders = (course.root / KEPT).glob("[0-9]*")
    return [(int(folder.name), folder) for folder in folders if folder.name.isdecimal()]


# ----------------------------------------------------------------- the command


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``reset`` to the commands of ``sensei``."""
    parser = commands.add_parser("reset", help="put koans back as they were given")
    parser.add_argument(
        "name",
        nargs="?",
        help="a koan (test_one_backward), a lesson (02), reviews, or all",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--undo", action="store_true", help="bring back what was dropped"
    )
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    if options.undo:
        print(f"As before the reset: {', '.join(sorted(undo(course)))}.")
        return 0
    if options.name is None:
        raise ResetError("What is to be reset? Name a koan, a lesson, reviews, or all.")
    targets = _targets(course, options.name)
    asks = not (len(targets) == 1 and targets[0].koan)
    if asks and not options.yes and not _sure(options.name, targets):
        print("Nothing was changed.")
        return 1
    back = put_back(course, targets)
    print(f"{_what(targets)} as it was given.")
    if back:
        print(back)
    if options.name == "reviews" or targets[0].lesson.part == PART:
        print("`sensei review` brings them with other numbers.")
    return 0


def put_back(course: Course, targets: Sequence[Target]) -> str:
    """Put aside what is there, reset all targets, and say how to get it back.

    "" where there was nothing; raises ResetError, which says the same.
    """
    kept = keep(course, list(dict.fromkeys(target.lesson.path for target in targets)))
    back = ""
    if kept:
        where = kept.relative_to(course.root).as_posix()
        back = f"What was there is in {where}; `sensei reset --undo` brings it back."
    try:
        for target in targets:
            reset(target)
    except ResetError as error:
        raise ResetError(f"{error} {back}".rstrip()) from None
    return back


def _targets(course: Course, name: str) -> list[Target]:
    lessons = [lesson for lesson in course.lessons if lesson.path.exists()]
    if name == "all":
        return [Target(lesson) for lesson in lessons]
    if name == "reviews":
        return [
            Target(lesson, koan)
            for lesson in lessons
            for koan in koans(lesson)
            if koan.startswith("test_review")
        ]
    return [find(course, name)]


def _what(targets: Sequence[Target]) -> str:
    if len(targets) == 1:
        return f"{targets[0].koan or targets[0].lesson.relative} is"
    names = [target.koan or target.lesson.relative for target in targets]
    return f"{', '.join(names)}: each is"


def _sure(name: str, targets: Sequence[Target]) -> bool:
    """Ask before more than a koan is dropped; no answer is a no."""
    what = (
        targets[0].lesson.relative if len(targets) == 1 else f"{name} ({len(targets)})"
    )
    try:
        answer = input(f"Drop your answers in {what}? [y/N] ")
        return answer.strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
