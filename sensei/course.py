"""A course: where its koans, notes and solutions are, as [tool.sensei] says.

The main path is the lessons directly in the folder of koans. A folder inside it
is a part that a learner enters by choice.
"""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sensei import sealed
from sensei.free import Free
from sensei.lesson import Lesson
from sensei.review import reviews
from sensei.roles import Roles
from sensei.timeline import Event

if TYPE_CHECKING:
    from sensei.beliefs import Belief

PATHS = ("koans", "notes", "solutions", "free", "roles", "ending")
#: the settings that name a module, and what the engine asks of it
MODULES: dict[str, tuple[str, Any]] = {
    "story": ("watch", Callable),
    "state": ("kept", Callable),
    "misconceptions": ("BELIEFS", list | tuple),
}
KNOWN = {*PATHS, *MODULES, "seconds", "preload", "arguments", "reveal"}


class CourseError(Exception):
    """A [tool.sensei] that can't be used; the message says what is wrong."""


@dataclass(frozen=True)
class Course:
    """What [tool.sensei] says; ``seconds`` is the time limit of one koan.

    ``notes`` is the folder of the notes (default: that of the koans), ``story``
    the module whose ``watch`` tells how a koan's values came about, ``state`` the
    one whose ``kept`` puts global state back after a run, ``misconceptions`` the one
    whose ``BELIEFS`` explain wrong answers, ``free`` the file that lists what code
    may use, ``roles`` the one that lists what numbers are for, ``ending`` the words
    for the end of the main path, ``preload`` the modules that a warm process imports
    beforehand, ``arguments`` the values that a koan's parameters take in grading,
    ``reveal`` whether a learner may ask for an answer.
    """

    root: Path
    koans: Path
    notes: Path
    solutions: Path
    seconds: float = 60.0
    story: str = ""
    state: str = ""
    misconceptions: str = ""
    free_path: Path | None = None
    roles_path: Path | None = None
    ending: Path | None = None
    preload: tuple[str, ...] = ()
    arguments: Mapping[str, tuple[Any, ...]] = field(
        default_factory=dict, compare=False
    )
    reveal: bool = True

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
        return None if table is None else cls._of(root, table)

    @classmethod
    def _of(cls, root: Path, table: dict[str, Any]) -> Course:
        if unknown := sorted(table.keys() - KNOWN):
            raise _fault(f"does not know {', '.join(unknown)}")
        for key in (*PATHS, *MODULES):
            if not isinstance(table.get(key, ""), str):
                raise _fault(f"{key}: a text")
        if not isinstance(table.get("reveal", True), bool):
            raise _fault("reveal: true or false")
        seconds, arguments = table.get("seconds", 60.0), table.get("arguments", {})
        if not isinstance(seconds, int | float) or not seconds > 0:
            raise _fault("seconds: a number above 0")
        if not isinstance(arguments, dict) or not all(
            isinstance(values, list) and values for values in arguments.values()
        ):
            raise _fault('arguments: such as { device = ["cpu"] }')
        preload = table.get("preload", [])
        if not isinstance(preload, list) or not all(
            isinstance(m, str) for m in preload
        ):
            raise _fault("preload: a list of modules")
        koans = table.get("koans", "koans")
        course = cls(
            root=root,
            koans=root / koans,
            notes=root / table.get("notes", koans),
            solutions=root / table.get("solutions", "solutions"),
            seconds=float(seconds),
            story=table.get("story", ""),
            state=table.get("state", ""),
            misconceptions=table.get("misconceptions", ""),
            free_path=root / table["free"] if "free" in table else None,
            roles_path=root / table["roles"] if "roles" in table else None,
            ending=root / table["ending"] if "ending" in table else None,
            preload=tuple(preload),
            arguments={name: tuple(values) for name, values in arguments.items()},
            reveal=table.get("reveal", True),
        )
        for name in course.modules:
            if not course._file(name).exists():
                raise _fault(f"names {name}, and there is no {course._file(name)}")
        return course

    @cached_property
    def lessons(self) -> tuple[Lesson, ...]:
        """Every lesson with notes or a solution: the main path first, then the parts.

        So a lesson is missed when its file, or its notes, are gone.
        """
        files = [(self.notes, path) for path in self._below(self.notes, ".toml")]
        files += [(self.solutions, p) for p in self._below(self.solutions, ".py")]
        names = {(p.parent.relative_to(top).as_posix(), p.stem) for top, p in files}
        return tuple(
            Lesson(self, name, part.strip(".")) for part, name in sorted(names)
        )

    @cached_property
    def reviews(self) -> tuple[Lesson, ...]:
        """What a learner has in koans/review/; of no concern to an instructor."""
        return tuple(reviews(self))

    def _below(self, folder: Path, suffix: str) -> list[Path]:
        packed = [p for p in self.sealed if p.is_relative_to(folder)]
        found = [*folder.glob(f"**/test_*{suffix}"), *packed]
        return [path for path in found if path.suffix == suffix]

    @cached_property
    def sealed(self) -> Mapping[Path, bytes]:
        """The notes and solutions that a handout keeps out of sight, by their paths.

        Raises CourseError for a file that was changed.
        """
        path = self.notes / sealed.NAME
        try:
            return sealed.read(path, self.root)
        except sealed.Unsealable as fault:
            raise CourseError(
                f"{path}: is not as it was given out ({fault}): get it once more"
            ) from None

    def lesson_of(self, path: Path) -> Lesson | None:
        """The lesson that a file of koans/ or solutions/ belongs to, or the review."""
        return self._by_path.get(path)

    @cached_property
    def _by_path(self) -> dict[Path, Lesson]:
        paths = {lesson.solution_path: lesson for lesson in self.lessons}
        mine = (*self.lessons, *self.reviews)
        return paths | {lesson.path: lesson for lesson in mine}

    # ------------------------------------------------------- what a course brings

    @property
    def modules(self) -> list[str]:
        """The names of the modules that it brings."""
        return [name for module in MODULES if (name := getattr(self, module))]

    @cached_property
    def free(self) -> Free:
        """What code may use; raises ListError."""
        return Free.load(self.free_path)

    @cached_property
    def roles(self) -> Roles:
        """What numbers are for, by the names around them; raises ListError."""
        return Roles.load(self.roles_path)

    def need_solutions(self) -> None:
        """Raise CourseError where there is nothing to write koans with."""
        if not self.solutions.is_dir():
            where = self.solutions.relative_to(self.root).as_posix()
            raise CourseError(
                f"this command is for authors, and this copy of the course has no "
                f"solutions: there is no folder {where}"
            )

    def find_helpers(self) -> None:
        """Let the koans import what stands beside them.

        At the end of the path, so that no scratch file there hides a library.
        """
        if str(self.koans) not in sys.path:
            sys.path.append(str(self.koans))

    def kept(self) -> AbstractContextManager[None]:
        """Puts global state back when it is left; as the course's ``state`` does."""
        if not self.state:
            return nullcontext()
        kept: Callable[[], AbstractContextManager[None]] = self._brought("state")
        return kept()

    def watch(self, path: str, events: list[Event]) -> AbstractContextManager[None]:
        """Appends what changes in frames of a file, as the course's ``story`` tells."""
        watch: Callable[[str, list[Event]], AbstractContextManager[None]]
        watch = self._brought("story")
        return watch(path, events)

    @cached_property
    def beliefs(self) -> tuple[Belief, ...]:
        """The misconceptions that the course knows; raises CourseError."""
        if not self.misconceptions:
            return ()
        return tuple(self._brought("misconceptions"))

    def need_modules(self) -> None:
        """Raise CourseError where what the course brings can't be used."""
        for setting in MODULES:
            if getattr(self, setting):
                self._brought(setting)

    def _file(self, module: str) -> Path:
        return self.root / f"{module.replace('.', '/')}.py"

    def _brought(self, setting: str) -> Any:
        """What the engine asks of a module of the course; raises CourseError."""
        module: str = getattr(self, setting)
        name, kind = MODULES[setting]
        try:
            found = getattr(self._module(module), name)
            if not isinstance(found, kind):
                raise TypeError(f"its {name} is {found!r}")
            return found
        except Exception as error:  # whatever an import may raise
            said = f"{type(error).__name__}: {error}"
            raise _fault(f"{setting}: {module} can't be used ({said})") from error

    def _module(self, name: str) -> ModuleType:
        """A module of the course, by its file: no package can stand in its way."""
        path = self._file(name)
        known = sys.modules.get(f"sensei:{path}")
        if known is None:
            spec = importlib.util.spec_from_file_location(f"sensei:{path}", path)
            assert spec is not None and spec.loader is not None
            known = importlib.util.module_from_spec(spec)
            sys.modules[f"sensei:{path}"] = known
            try:
                spec.loader.exec_module(known)
            except BaseException:
                del sys.modules[f"sensei:{path}"]
                raise
        return known


def _fault(reason: str) -> CourseError:
    return CourseError(f"pyproject.toml: [tool.sensei] {reason}")
