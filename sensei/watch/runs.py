"""The runs of ``sensei watch``, as its parent process sees them.

On Linux a run is a fork of the parent, which has imported and read beforehand
what takes long. Elsewhere it is a new Python process.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import sys
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path

from sensei import processes
from sensei.course import Course
from sensei.lesson import NotAsGiven
from sensei.notes import NotesError
from sensei.source import Unreadable
from sensei.verdicts import Kind
from sensei.watch import child
from sensei.watch.child import Orders
from sensei.work import read

NO_FORK = "SENSEI_NO_FORK"  # set to anything: a new process for each run, on Linux too
GRACE = 10.0  # seconds beyond the limit of a koan, which pytest keeps by itself
A_PASS_AND_A_FAIL = """
def test_pass():
    assert [1] == [1]

def test_fail():
    assert [1] == [2]
"""


def can_fork() -> bool:
    return sys.platform == "linux" and not os.environ.get(NO_FORK)


# --------------------------------------------------------------------- warming


def warm_up(course: Course) -> list[str]:
    """Import and read what every run needs; gives a sentence for each fault.

    Nothing here computes with tensors or asks for a CUDA device: a process that
    has done so can't fork any more.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        faults = [fault for name in course.preload if (fault := _import(name))]
        _run_pytest_on_nothing()
    for lesson in course.lessons:
        with contextlib.suppress(OSError, NotesError, NotAsGiven, Unreadable):
            work = read(lesson, lesson.path)
            for koan in lesson.koans.values():
                work.attempt(koan)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy all of it
    return faults


def _import(name: str) -> str | None:
    try:
        importlib.import_module(name)
    except Exception as error:
        return f"{name}, which [tool.sensei] preload names, can't be imported: {error}"
    return None


def _run_pytest_on_nothing() -> None:
    """Load pytest's plugins, and what it loads for its first failure."""
    import pytest

    addopts = os.environ.pop("PYTEST_ADDOPTS", None)
    with tempfile.TemporaryDirectory(prefix="sensei-") as folder:
        Path(folder, "test_it.py").write_text(A_PASS_AND_A_FAIL)
        with contextlib.redirect_stdout(io.StringIO()):
            pytest.main(
                [folder, "-c", os.devnull, "--rootdir", folder, "--color=yes"]
                + ["-p", "sensei.plugin", "-p", "no:sugar", "-p", "no:cacheprovider"]
            )
    if addopts is not None:
        os.environ["PYTEST_ADDOPTS"] = addopts


# ------------------------------------------------------------- following a run


class Run:
    """A run that was started, with what it has reported so far.

    ``next`` is the koan that the learner is at, ``kinds`` has the verdicts; both
    are reported at the end. ``sentence`` says so if there was no proper end.
    """

    def __init__(self, orders: Orders, seconds: float) -> None:
        self.koan = self.next = self.sentence = ""
        self.kinds: dict[str, str] = {}
        self.seconds = seconds  # of a koan
        self.has_end = False
        self._unread = b""
        self._path = Path(orders.report)
        self._path.touch()
        self._file = self._path.open("rb", buffering=0)
        if can_fork():
            self.process = processes.fork(lambda: child.run(orders))
        else:
            argv = ["-m", child.__name__]
            self.process = processes.spawn(argv, json.dumps(asdict(orders)))
        self.process.extend(seconds + GRACE)

    def code(self) -> int | None:
        """pytest's exit code, 1 where there is none; None while it goes on."""
        status = self.process.ended()
        self._listen()
        if status is None:
            return None
        self.cancel()
        if self.has_end:
            return status
        self.sentence = self._what_happened(status)
        self.next = self.koan
        self.kinds[self.koan] = Kind.ERROR
        return 1

    def cancel(self) -> None:
        """End it, if it has not ended."""
        self.process.kill()
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _listen(self) -> None:
        *lines, self._unread = (self._unread + self._file.read()).split(b"\n")
        for line in lines:
            report = json.loads(line)
            self.koan = report.get("koan", self.koan)
            self.seconds = report.get("seconds", self.seconds)
            self.next = report.get("next", self.next)
            self.kinds = report.get("kinds", self.kinds)
            self.has_end = "end" in report
            self.process.extend(self.seconds + GRACE)

    def _what_happened(self, status: int) -> str:
        file, _, name = self.koan.rpartition("::")
        where = f"{name} in {file}" if name else "Reading the koans"
        ended = processes.describe(status)
        if self.process.is_late:
            ended = f"did not end within {self.seconds:g} s, and was stopped"
        return f"{where} {ended}. Change what you wrote there, and save."
