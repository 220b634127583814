"""The command ``sensei``: what a learner or an instructor does beside pytest.

Each command is a module with ``add_command``; the course it works on is the one
of the current folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sensei import reset
from sensei.allowed import AllowedError
from sensei.course import Course, CourseError
from sensei.grading import command as grade
from sensei.grading import gradescope
from sensei.notes import NotesError
from sensei.watching import command as watch

UNUSABLE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; gives the exit code, 2 for one that can't be used."""
    parser = argparse.ArgumentParser(prog="sensei", description="Beside pytest.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (reset, watch, grade, gradescope):
        module.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(find_course(Path.cwd()), options)
        return code
    except (CourseError, NotesError, AllowedError, reset.ResetError) as error:
        print(f"sensei: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED


def find_course(start: Path) -> Course:
    """The course of a folder, or of the nearest one above; raises CourseError."""
    for folder in (start, *start.parents):
        if course := Course.load(folder):
            return course
    raise CourseError(
        "no course here: run this in the folder with koans/ and pyproject.toml in it"
    )
