"""What several tests share: this repository's course, and its koans filled in."""

from __future__ import annotations

import importlib
import os
import shutil
import textwrap
import warnings
from pathlib import Path

import forks
from sensei import edit, judge
from sensei.attempt import Attempt
from sensei.check.answers import mutants as mutants
from sensei.course import Course
from sensei.lesson import Koan
from sensei.running import Outcome
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Limits
from sensei.work import Work

ROOT = Path(__file__).parent.parent
_loaded = Course.load(ROOT)
assert _loaded is not None
COURSE = _loaded
COURSE.find_helpers()
LESSONS = COURSE.lessons
KOANS = tuple(koan for lesson in LESSONS for koan in lesson.koans.values())
LIMITS = Limits(60.0)


def id_of(koan: Koan) -> str:
    return f"{koan.lesson.name}-{koan.name}"


def is_code(koan: Koan) -> bool:
    return not koan.note.is_prediction


def solved(koan: Koan) -> str:
    """The text of a koan's lesson with every koan in it solved."""
    pristine = koan.lesson.pristine
    assert pristine is not None
    return pristine.solution


def filled(koan: Koan, fill: str) -> str:
    """The solved lesson with this koan filled otherwise."""
    assert koan.solution is not None
    fill = textwrap.dedent(fill).strip("\n")
    return edit.replaced(solved(koan), [(koan.solution, fill)])


def decided(
    koan: Koan, text: str, device: str = "cpu", limits: Limits = LIMITS
) -> tuple[Verdict, Outcome | None]:
    """The verdict on a koan in a lesson file with this text, and what it did."""
    work = Work(koan.lesson, text.encode())
    attempt = work.attempt(koan)
    if not isinstance(attempt, Attempt):
        return attempt, None
    exec(attempt.code, namespace := vars(work.module))
    for mark in getattr(namespace[koan.name], "pytestmark", []):
        if mark.name == "skipif" and mark.args[0]:
            return Verdict(Kind.SKIPPED, mark.kwargs["reason"]), None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return judge.decide(attempt, {"device": device}, limits)


def judged(koan: Koan, fill: str, device: str = "cpu") -> Verdict:
    """The verdict on a fill of a koan."""
    return decided(koan, filled(koan, fill), device)[0]


# ------------------------------------------------------- a copy that can be run


def copy_course(folder: Path, solved: bool = False) -> Path:
    """This repository's course in a folder of its own, untouched or solved."""
    importlib.import_module("torch._dynamo")  # or each fork with an optimizer does
    folder.mkdir(exist_ok=True)
    without = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("koans", "course", "solutions", "sensei"):
        shutil.copytree(ROOT / name, folder / name, ignore=without)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for lesson in LESSONS:  # not what stands in koans/ now: someone may be learning
        pristine = lesson.pristine
        assert pristine is not None
        text = pristine.solution if solved else pristine.text
        (folder / lesson.relative).write_text(text, "utf-8")
    return folder


def run_pytest(
    folder: Path, *arguments: str, anew: bool = False, **environment: str
) -> tuple[int, str]:
    """The exit code and the output of pytest in a process of its own."""
    command = ["-m", "pytest", "-p", "no:hypothesispytest", *arguments]
    env = {**os.environ, "COLUMNS": "80", **environment}
    ran = forks.python(command, folder, env, anew=anew)
    return ran.returncode, ran.stdout
