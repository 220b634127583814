"""A course: where its koans, notes and solutions are, as [tool.sensei] says.

The main path is the lessons directly in the folder of koans. A folder inside it
is a part that a learner enters by choice.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sensei.lesson import Lesson

KNOWN = {"koans", "solutions", "seconds", "preload", "story", "ending", "arguments"}


class CourseError(Exception):
    """A [tool.sensei] that can't be used; the message says what is wrong."""


@dataclass(frozen=True)
class LessonFiles:
    """Where the files of one lesson are; ``part`` is "" on the main path."""

    course: Course
    name: str
    part: str = ""

    @property
    def path(self) -> Path:
        return self.course.koans / self.part / f"{self.name}.py"

    @property
    def notes(self) -> Path:
        return self.path.with_suffix(".toml")

    @property
    def solution(self) -> Path:
        return self.course.solutions / self.part / f"{self.name}.py"

    @property
    def number(self) -> str:
        """ "04" of test_04_micro_batches."""
        return self.name.split("_")[1] if "_" in self.name else ""

    @property
    def title(self) -> str:
        """ "micro batches" of test_04_micro_batches."""
        return " ".join(self.name.split("_")[2:])

    @property
    def relative(self) -> str:
        return self.path.relative_to(self.course.root).as_posix()

    def read(self) -> Lesson:
        """The lesson as it stands in koans/; raises OSError, NotesError."""
        return Lesson.read(self.path, self.notes, self.solution)

    def read_solution(self) -> Lesson:
        """The solution, as a lesson that was filled in; raises likewise."""
        return Lesson.read(self.solution, self.notes, self.solution)


@dataclass(frozen=True)
class Course:
    """What [tool.sensei] says; ``seconds`` is the time limit of one koan.

    ``preload`` names the modules that a warm worker imports beforehand,
    ``story`` the module that tells how a koan's values came about, ``ending``
    the file with the words for the end of the main path, ``arguments`` the values
    that a koan's parameters take in grading.
    """

    root: Path
    koans: Path
    solutions: Path
    seconds: float = 60.0
    preload: tuple[str, ...] = ()
    story: str = ""
    ending: Path | None = None
    arguments: Mapping[str, tuple[Any, ...]] = field(
        default_factory=dict, compare=False
    )

    @classmethod
    def load(cls, root: Path) -> Course | None:
        """Read pyproject.toml; None where it has no [tool.sensei]."""
        try:
            text = (root / "pyproject.toml").read_text("utf-8")
            table = tomllib.loads(text).get("tool", {}).get("sensei")
        except (OSError, UnicodeDecodeError):
            return None
        except tomllib.TOMLDecodeError as error:
            raise CourseError(f"pyproject.toml: {error}") from None
        if table is None:
            return None
        if unknown := sorted(table.keys() - KNOWN):
            raise CourseError(
                f"pyproject.toml: [tool.sensei] does not know {', '.join(unknown)}"
            )
        seconds = table.get("seconds", 60.0)
        if not isinstance(seconds, int | float) or not seconds > 0:
            raise CourseError("pyproject.toml: [tool.sensei] seconds: a number above 0")
        arguments = table.get("arguments", {})
        if not isinstance(arguments, dict) or not all(
            isinstance(values, list) and values for values in arguments.values()
        ):
            raise CourseError(
                'pyproject.toml: [tool.sensei] arguments: such as { device = ["cpu"] }'
            )
        return cls(
            root=root,
            koans=root / table.get("koans", "koans"),
            solutions=root / table.get("solutions", "solutions"),
            seconds=float(seconds),
            preload=tuple(table.get("preload", ())),
            story=table.get("story", ""),
            ending=root / table["ending"] if "ending" in table else None,
            arguments={name: tuple(values) for name, values in arguments.items()},
        )

    @cached_property
    def lessons(self) -> tuple[LessonFiles, ...]:
        """Every lesson with notes or a solution: the main path first, then the parts.

        So a lesson is missed when its file, or its notes, are gone.
        """
        found = [(self.koans, path) for path in self.koans.glob("**/test_*.toml")]
        found += [
            (self.solutions, path) for path in self.solutions.glob("**/test_*.py")
        ]
        named = {(p.parent.relative_to(top).as_posix(), p.stem) for top, p in found}
        return tuple(
            LessonFiles(self, name, part.strip(".")) for part, name in sorted(named)
        )

    def lesson_of(self, path: Path) -> LessonFiles | None:
        """The lesson that a file of koans/ or solutions/ belongs to."""
        for files in self.lessons:
            if path in (files.path, files.solution):
                return files
        return None
