"""A copy of the tiny course that a test fills in, breaks and runs."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

import forks
from sensei import blanks, edit
from sensei.blanks import Fill
from sensei.course import Course
from sensei.lesson import Koan, Lesson
from sensei.source import Function
from sensei.verdicts import Verdict
from sensei.work import Work
from waiting import PATIENCE

HERE = Path(__file__).parent
# One imports all of hypothesis in every run, the other takes a quarter of a run's time.
NO_SLOW = ("-p", "no:hypothesispytest", "-p", "no:logging")
PLAIN, SUGAR = (*NO_SLOW, "-p", "no:sugar"), (*NO_SLOW, "--force-sugar")
ALONE = "--disable-plugin-autoload"  # to look for plugins takes a fifth of a run
SCREEN = re.compile(r"^ (?:(?:solved|next) +test_\w+|the path|further on)$", re.M)
CHANCE = re.compile(r"0x[0-9a-f]+|(?!0\.3000)\b\d+\.\d{5,}(e-\d+)?")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ARGUMENTS = "arguments = { size = [2, 3] }\n"  # with which sensei check runs koans
MACHINE = ["NO_COLOR", "FORCE_COLOR", "CI", "BUILD_NUMBER", "PYTEST_XDIST_WORKER"]


@dataclass(frozen=True)
class Ran:
    """One run: its exit status and all it printed, escapes taken out."""

    ret: int
    raw: str
    args: tuple[str, ...] = ()

    @property
    def is_red(self) -> bool:
        """Stopped at a failure; under xdist -x counts as an interruption."""
        stopped = "-n2" in self.args and "--maxfail=0" not in self.args
        return self.ret == (2 if stopped else 1)

    @property
    def text(self) -> str:
        return ESCAPES.sub("", self.raw)

    @property
    def screen(self) -> str:
        """The learner's screen: what comes last."""
        start = SCREEN.search(self.text)
        assert start, f"there is no screen in\n{self.text}"
        return self.text[start.start() :]

    def says(self, *texts: str) -> None:
        """Hold each text to be on the screen, however it is wrapped."""
        said = squeezed(self.screen)
        for text in texts:
            assert squeezed(text) in said, f"{text!r} is not in\n{self.screen}"

    @property
    def next(self) -> str:
        """The koan that the screen names as the next; "" at the end."""
        found = re.search(r"^ next +(\w+)$", self.screen, re.MULTILINE)
        return found[1] if found else ""

    def is_sound(self) -> None:
        """No error of the engine's own, or of pytest's."""
        for sign in ("INTERNALERROR", "sensei/", "Traceback (most recent", "PluginVal"):
            assert sign not in self.text, self.text


def without_chance(text: str) -> str:
    """A text without its addresses and clocks: there any digits stand by chance."""
    return CHANCE.sub("", text)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def koan_in(course: Course, name: str) -> Koan:
    for lesson in course.lessons:
        if name in lesson.notes.koans:
            return lesson.koans[name]
    raise LookupError(name)


def blank_in(function: Function) -> Fill:
    """The blank of a koan; the whole line, where nothing else is in it."""
    [blank] = blanks.find_blanks(function)
    lines = (n for n in ast.walk(function) if isinstance(n, ast.Expr))
    return Fill((next((line for line in lines if line.value is blank), blank),))


def copy_tiny(folder: Path) -> Path:
    """The tiny course, untouched, in a folder, which may be there."""
    without = shutil.ignore_patterns("__pycache__", ".*")
    return shutil.copytree(
        HERE / "tiny_course", folder, ignore=without, dirs_exist_ok=True
    )


def grade_both_sizes(folder: Path) -> None:
    """Have the course in a folder graded with both its sizes."""
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write("arguments = { size = [2, 3] }\n")


class TinyCourse:
    """The course in ``root``; runs of it, in this process and in others."""

    def __init__(self, pytester: pytest.Pytester, patch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.patch = patch
        self.root = pytester.path
        self.main = self.root / "koans"

    @classmethod
    def unpack(cls, pytester: pytest.Pytester, patch: pytest.MonkeyPatch) -> TinyCourse:
        copy_tiny(pytester.path)
        for name in MACHINE:
            patch.delenv(name, raising=False)
        patch.setenv("COLUMNS", "80")
        patch.setenv("PYTHONPATH", str(HERE.parent))
        return cls(pytester, patch)

    # ------------------------------------------------------------------- runs

    def run(self, *args: str, sugar: bool = False) -> Ran:
        """Run pytest on it in this process."""
        with self.patch.context() as patch:
            if "pytest_sugar" in sys.modules:  # it keeps its state in a global
                patch.setattr("pytest_sugar.IS_SUGAR_ENABLED", False)
            plugins = [
                ALONE,
                *(["-p", "pytest_sugar", "--force-sugar"] if sugar else []),
            ]
            plugins += ["-p", "xdist.plugin"] if "-n2" in args else []
            logs = any(argument.startswith("--log") for argument in args)
            plugins += [] if logs else ["-p", "no:logging"]
            result = self.pytester.runpytest_inprocess(*plugins, *args)
        return Ran(int(result.ret), str(result.stdout) + str(result.stderr), args)

    def run_apart(
        self,
        *args: str,
        sugar: bool = False,
        typed: Sequence[str] = (),
        python: Sequence[str] = (),
        **environment: str,
    ) -> Ran:
        """Run pytest on it in a process of its own, off a terminal, where these lines
        are there to be read; ``python`` are options of Python's own.
        """
        ran = forks.python(
            [*python, "-m", "pytest", *(SUGAR if sugar else PLAIN), *args],
            Path.cwd(),
            {**os.environ, **environment},
            typed="".join(f"{line}\n" for line in typed),
        )
        return Ran(ran.returncode, ran.stdout, args)

    def run_on_a_terminal(self, *args: str, columns: int = 80) -> Ran:
        """Run pytest on it at a pseudo-terminal, as it comes: with pytest-sugar."""
        pytest.importorskip("pexpect")
        pytest.importorskip("pytest_sugar")
        command = ["-m", "pytest", *NO_SLOW, *args]
        env = {k: v for k, v in os.environ.items() if k not in ("PY_COLORS", "COLUMNS")}
        child = forks.at_a_terminal(
            command,
            self.root,
            {**env, "TERM": "xterm"},
            dimensions=(40, columns),
            timeout=PATIENCE,
        )
        raw = child.read().decode("utf-8").replace("\r\n", "\n")
        child.close()
        return Ran(child.exitstatus, raw)

    def junit(self, *args: str, sugar: bool = False) -> dict[str, str]:
        """Run it, and give the verdicts that are in JUnit's xml."""
        self.run(*args, "--junitxml=junit.xml", sugar=sugar)
        return self.verdicts()

    def verdicts(self) -> dict[str, str]:
        """The kind of verdict on each item that ran, as it is in junit.xml."""
        return {name: str(verdict.kind) for name, verdict in self.told().items()}

    def told(self) -> dict[str, Verdict]:
        """The verdict on each item that ran, with all that travelled with it."""
        verdicts = {}
        for case in ElementTree.parse(self.root / "junit.xml").iter("testcase"):
            properties = [
                (p.attrib["name"], p.attrib["value"]) for p in case.iter("property")
            ]
            if verdict := Verdict.from_properties(properties):
                assert ("verdict", str(verdict.kind)) in properties
                verdicts[case.attrib["name"]] = verdict
        return verdicts

    # ------------------------------------------------------------------ edits

    @property
    def course(self) -> Course:
        course = Course.load(self.root)
        assert course is not None
        return course

    def koan(self, name: str) -> Koan:
        """A koan of the course, wherever on the path."""
        return koan_in(self.course, name)

    def lesson(self, koan: str) -> Lesson:
        """The lesson that a koan is in."""
        return self.koan(koan).lesson

    def work(self, koan: str) -> Work:
        """The learner's file that a koan is in."""
        lesson = self.lesson(koan)
        return Work(lesson, lesson.path.read_bytes())

    @property
    def path(self) -> list[str]:
        """The koans of the main path, in order."""
        main = [lesson for lesson in self.course.lessons if not lesson.part]
        return [koan for lesson in main for koan in lesson.notes.koans]

    def fill(self, koan: str, text: str) -> None:
        """Put a text in a koan's blank, as a learner would."""
        self._put([(self.koan(koan), text)])

    def solve(self, *koans: str) -> None:
        """Fill koans as the solutions have it."""
        course, fills = self.course, []
        for name in koans:
            koan = koan_in(course, name)
            pristine, fill = koan.lesson.pristine, koan.solution
            assert pristine and fill
            fills.append((koan, edit.text_of(pristine.solution, fill)))
        self._put(fills)

    def _put(self, fills: Sequence[tuple[Koan, str]]) -> None:
        for lesson in {koan.lesson for koan, _ in fills}:
            work = Work(lesson, lesson.path.read_bytes())
            mine = [(koan, text) for koan, text in fills if koan.lesson is lesson]
            places = [(blank_in(work.function(koan)), text) for koan, text in mine]
            lesson.path.write_text(edit.replaced(work.text, places), "utf-8")

    def solve_before(self, koan: str) -> None:
        self.solve(*self.path[: self.path.index(koan)])

    def edit(self, koan: str, old: str, new: str) -> None:
        """Change the file of a koan: one place in it."""
        work = self.work(koan)
        assert work.text.count(old) == 1, old
        work.lesson.path.write_text(work.text.replace(old, new), "utf-8")

    def allow(self, *names: str, **modules: list[str]) -> None:
        """Let the course allow what no sound one does: what is behind the table."""
        lists = "".join(f"{name} = {names}\n" for name, names in modules.items())
        text = f"builtins = {list(names)}\n[modules]\n{lists}"
        (self.root / "free.toml").write_text(text)

    def withhold_solutions(self) -> None:
        shutil.rmtree(self.root / "solutions")

    def hashes(self) -> dict[str, str]:
        """Of every file that is the learner's or the course's own."""
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for path in self.root.rglob("*")
            if path.suffix in (".py", ".toml", ".txt") and path.is_file()
        }
