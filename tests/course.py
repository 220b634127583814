"""What several tests share: this repository's course, and running koans of it."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from sensei import blanks
from sensei.course import Course, LessonFiles
from sensei.lesson import Given, Lesson, Source, replaced
from sensei.notes import Note
from sensei.notes import check as load_notes
from sensei.running import Rules, attempt
from sensei.verdicts import Kind, Verdict

ROOT = Path(__file__).parent.parent
COURSE = Course.load(ROOT)
assert COURSE is not None
LESSONS = COURSE.lessons
sys.path[:0] = [path for path in [str(ROOT / "koans")] if path not in sys.path]


@dataclass(frozen=True)
class Koan:
    """One koan of a lesson, with its notes and what was given."""

    files: LessonFiles
    note: Note
    given: Given

    @property
    def id(self) -> str:
        return f"{self.files.name}-{self.note.name}"

    @property
    def solved(self) -> str:
        return self.given.solution.decoded

    @property
    def solution(self) -> str:
        return self.given.fill(self.note.name).text

    @property
    def has_statements(self) -> bool:
        return not self.given.fill(self.note.name).is_expression

    def filled(self, fill: str) -> str:
        """The solved lesson with this koan filled otherwise."""
        here = self.given.fill(self.note.name)
        return replaced(self.solved, [(here, textwrap.dedent(fill).strip("\n"))])


def _koans() -> Iterator[Koan]:
    for files in LESSONS:
        notes = load_notes(files.notes)
        given = Given(Source.read(files.solution), notes)
        for note in notes.koans.values():
            yield Koan(files, note, given)


KOANS = tuple(_koans())
_count = itertools.count()


def load(path: Path) -> ModuleType:
    """Import a lesson from a file, afresh."""
    spec = importlib.util.spec_from_file_location(f"lesson_{next(_count)}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a spawned worker's pickle looks
    spec.loader.exec_module(module)
    return module


def judged(
    koan: Koan, source: str, folder: Path, device: str, **rules: object
) -> Verdict:
    """The verdict on a koan in a lesson file with this source."""
    path = folder / koan.files.path.name
    path.write_text(source, "utf-8")
    lesson = Lesson(path, koan.given.notes, Source(source), koan.given)
    function = getattr(load(path), koan.note.name)
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "skipif" and mark.args[0]:
            return Verdict(Kind.SKIPPED, mark.kwargs["reason"])
    verdict, _ = attempt(
        lesson, koan.note.name, function, {"device": device}, Rules(60.0, **rules)
    )
    return verdict


def mutants(fill: str) -> Iterator[str]:
    """A fill of statements with each one deleted, each neighbouring pair swapped."""
    body = ast.parse(fill).body
    for mutant in _mutated(body):
        yield "\n".join(map(ast.unparse, mutant)) or "pass"


def _mutated(body: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    for i in range(len(body)):
        yield [*body[:i], *body[i + 1 :]]
    for i in range(len(body) - 1):
        yield [*body[:i], body[i + 1], body[i], *body[i + 2 :]]
    for i, statement in enumerate(body):
        inner = getattr(statement, "body", None)
        if isinstance(inner, list) and len(inner) > 0:
            for mutant in _mutated(inner):
                kept = mutant or [ast.Pass()]
                fields = {f: getattr(statement, f) for f in statement._fields}
                copy = type(statement)(**{**fields, "body": kept})
                ast.copy_location(copy, statement)
                yield [*body[:i], ast.fix_missing_locations(copy), *body[i + 1 :]]


def same_code(left: str, right: str) -> bool:
    return ast.dump(blanks.parse(left)) == ast.dump(blanks.parse(right))


# ------------------------------------------------------- a copy that can be run


def copy_course(folder: Path, solved: bool = False) -> Path:
    """This repository's course in a folder of its own, untouched or solved."""
    folder.mkdir(exist_ok=True)
    without = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("koans", "solutions", "sensei"):
        shutil.copytree(ROOT / name, folder / name, ignore=without)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for koan in KOANS:  # not what stands in koans/ now: someone may be learning
        path = folder / koan.files.relative
        path.write_text(koan.solved if solved else koan.given.text(), "utf-8")
    return folder


def run_pytest(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code and the output of pytest in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
        check=False,
    )
    return ran.returncode, ran.stdout.decode("utf-8", "replace")
