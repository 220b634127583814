"""``sensei reset``: puts a koan, or a lesson, back as it was given.

The one command that writes to a learner's file. It makes the koan as given from
its solution, writes the whole file anew beside the old one and then swaps them,
so that an interrupted reset loses nothing.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from sensei import source
from sensei.course import Course
from sensei.lesson import Lesson, functions
from sensei.notes import NotesError
from sensei.source import Function, Unreadable


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
    its name, with or without pytest's ``path::`` before and ``[cpu]`` behind.
    """
    path, _, koan = name.rpartition("::")
    koan = koan.partition("[")[0]
    matches = [
        Target(lesson, koan)
        for lesson in course.lessons
        if (not path or Path(path).stem == lesson.name) and koan in _koans(lesson)
    ]
    if not matches:
        matches = [
            Target(lesson)
            for lesson in course.lessons
            if Path(name).stem in _spellings(lesson)
        ]
    if not matches:
        raise ResetError(
            f"There is no koan or lesson called {name}. Say `sensei reset 02` for a "
            f"lesson, or a koan's name as pytest prints it."
        )
    if len(matches) > 1:
        where = " and ".join(target.lesson.relative for target in matches)
        raise ResetError(f"{name} is in {where}: say `sensei reset FILE::{koan}`.")
    return matches[0]


def _spellings(lesson: Lesson) -> tuple[str, ...]:
    """04, test_04, test_04_micro_batches, micro_batches."""
    title = lesson.title.replace(" ", "_")
    return lesson.number, f"test_{lesson.number}", lesson.name, title


def _koans(lesson: Lesson) -> list[str]:
    try:
        return list(lesson.notes.koans)
    except NotesError as error:
        raise ResetError(str(error)) from None


def reset(target: Target) -> None:
    """Write the koan or the lesson as it was given; raises ResetError."""
    lesson = target.lesson
    if lesson.pristine is None:
        solution = lesson.solution_path.relative_to(lesson.course.root).as_posix()
        raise ResetError(
            f"Without {solution} only git knows how it was: "
            f"git restore {lesson.relative}"
        )
    given = lesson.pristine.text
    if target.koan:
        given = _with_one_koan(lesson, target.koan, given)
    write(lesson.path, with_ends_of(lesson.path, given).encode())


def with_ends_of(path: Path, text: str) -> str:
    """A text with the line ends that a file has: some editors write \\r\\n."""
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
    new = source.lines_of(given)[span(original[name][0])]
    if name in found:
        for copy in reversed(found[name][1:]):
            del lines[span(copy)]
        lines[span(found[name][0])] = new
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
        at = span(found[following[0]][0]).start
        return [*lines[:at], *new, "", "", *lines[at:]]
    return ["\n".join(lines).rstrip("\n"), "", "", *new, ""]


def span(function: Function) -> slice:
    """The lines of a function among those of its file, its decorators included."""
    nodes = (function, *function.decorator_list)
    return slice(min(node.lineno for node in nodes) - 1, function.end_lineno)


def write(path: Path, data: bytes) -> None:
    """Write a file beside its place, and then swap them; raises ResetError."""
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        os.replace(beside, path)
    except OSError as error:
        raise ResetError(f"{path}: can't be written: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)


# ----------------------------------------------------------------- the command


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``reset`` to the commands of ``sensei``."""
    parser = commands.add_parser(
        "reset", help="put a koan, or a whole lesson, back as it was given"
    )
    parser.add_argument("name", help="a koan (test_one_backward) or a lesson (02)")
    parser.add_argument("--yes", action="store_true", help="do not ask about a lesson")
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    target = find(course, options.name)
    if not target.koan and not options.yes and not _sure(target):
        print("Nothing was changed.")
        return 1
    reset(target)
    print(f"{target.koan or target.lesson.relative} is as it was given.")
    return 0


def _sure(target: Target) -> bool:
    """Ask before a lesson's answers are dropped; no answer is a no."""
    question = f"Drop all your answers in {target.lesson.relative}? [y/N] "
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
