"""The command ``sensei``: what a learner or an instructor does beside pytest.

Each command is a module with ``add_command``, imported when it is called; the
course it works on is the one of the current folder.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sensei.course import Course, CourseError
from sensei.listed import ListError
from sensei.notes import NotesError
from sensei.reset import ResetError

UNUSABLE = 2
INTERRUPTED = 130
COMMANDS = {
    "list": "sensei.where",
    "hint": "sensei.where",
    "reset": "sensei.reset",
    "review": "sensei.review",
    "watch": "sensei.watch.command",
    "score": "sensei.score",
    "update": "sensei.update",
    "check": "sensei.check.command",
    "new": "sensei.new",
    "grade": "sensei.grading.command",
    "handout": "sensei.grading.handout",
    "gradescope-zip": "sensei.grading.out.gradescope",
}
WITHHELD = "sensei.grading"  # a handout has no grading


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; gives the exit code, 2 for one that can't be used."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="sensei", description="Beside pytest.")
    commands = parser.add_subparsers(metavar="COMMAND")
    here = _commands()
    called = [here[name] for name in here if words[:1] == [name]]
    for module in called or dict.fromkeys(here.values() if words else ()):
        importlib.import_module(module).add_command(commands)
    options = parser.parse_args(words)
    try:
        code: int = _run(options)(find_course(Path.cwd()), options)
        sys.stdout.flush()
        return code
    except (CourseError, NotesError, ListError, ResetError) as error:
        print(f"sensei: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # who read it has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(options: argparse.Namespace) -> Callable[..., int]:
    """What a command does; without one: where the learner is."""
    if hasattr(options, "run"):
        return options.run  # type: ignore[no-any-return]
    where = importlib.import_module("sensei.where")
    return lambda course, _: where.here(course)


def _commands() -> dict[str, str]:
    """The commands that this engine has: a handout's has no grading."""
    if (Path(__file__).parent / "grading").exists():
        return COMMANDS
    return {k: v for k, v in COMMANDS.items() if not v.startswith(WITHHELD)}


def find_course(start: Path) -> Course:
    """The course of a folder, or of the nearest one above; raises CourseError."""
    for folder in (start, *start.parents):
        if course := Course.load(folder):
            return course
    raise CourseError(
        "no course here: run this in the folder with koans/ and pyproject.toml in it"
    )
