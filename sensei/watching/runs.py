"""The runs of ``sensei watch``, as its parent process sees them.

On Linux a run is a fork of the parent, which has imported beforehand what takes
long. Elsewhere it is a new Python process. Either way it is a group of processes
that can be ended at any moment, and that ends when its parent does.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sensei.blanks import Unreadable
from sensei.course import Course, LessonFiles
from sensei.lesson import NotAsGiven
from sensei.notes import NotesError
from sensei.watching import child
from sensei.watching.child import Orders

NO_FORK = "SENSEI_NO_FORK"  # set to anything: a new process for each run, on Linux too
PLUGIN = "sensei.plugin"
PR_SET_PDEATHSIG = 1
GRACE = 10.0  # seconds beyond the limit of a koan, which pytest keeps by itself
A_PASS_AND_A_FAIL = """
def test_pass():
    assert [1] == [1]

def test_fail():
    assert [1] == [2]
"""


class Run(Protocol):
    """A run that was started."""

    def ended(self) -> int | None:
        """Its exit code, -N for signal N; None while it goes on."""

    def kill(self) -> None:
        """End it and all the processes it started, and wait for that."""


def can_fork() -> bool:
    return sys.platform == "linux" and not os.environ.get(NO_FORK)


def start(orders: Orders) -> Run:
    """Start a run: warm where that is possible."""
    compute_in_one_thread()
    return Forked(orders) if can_fork() else Fresh(orders)


# --------------------------------------------------------------------- warming


def warm_up(course: Course) -> list[str]:
    """Import what every run needs; gives a sentence for each thing that failed.

    Nothing here computes with tensors or asks for a CUDA device: a process that
    has done so can't fork any more.
    """
    compute_in_one_thread()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        faults = [fault for name in course.preload if (fault := _import(name))]
        _run_pytest_on_nothing()
    for files in course.lessons:
        with contextlib.suppress(OSError, NotesError, NotAsGiven, Unreadable):
            _read_once(files)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy all of it
    return faults


def _read_once(files: LessonFiles) -> None:
    """What is parsed here is kept by its text: a fork parses what was edited."""
    lesson = files.read()
    for name in lesson.notes.koans if lesson.given else ():
        lesson.fill(name)


def compute_in_one_thread() -> None:
    """A koan has a handful of numbers; threads that wait for each other, on a busy
    machine, were seen to make the whole path three times as long.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")


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
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\n")
        Path(folder, "test_it.py").write_text(A_PASS_AND_A_FAIL)
        with contextlib.redirect_stdout(io.StringIO()):
            pytest.main(
                [folder, "-c", str(settings), "-p", PLUGIN, "-p", "no:sugar"]
                + ["-p", "no:cacheprovider", "--color=yes", "--import-mode=importlib"]
            )
    if addopts is not None:
        os.environ["PYTEST_ADDOPTS"] = addopts


# ------------------------------------------------------------- following a run


@dataclass(frozen=True)
class Outcome:
    """How a run ended: pytest's exit code or, where there is none, a sentence.

    ``next`` is the first koan that was not passed; "" where all were.
    """

    code: int
    next: str = ""
    sentence: str = ""


class Followed:
    """A run with what it has reported so far: ``kinds`` has the koans' verdicts."""

    def __init__(self, orders: Orders) -> None:
        self.kinds: dict[str, str] = {}
        self.koan = self.next = ""
        self.seconds = orders.seconds
        self.since = time.monotonic()
        self.code: int | None = None
        self.unread = b""
        self.path = Path(orders.report)
        self.path.touch()
        self.file = self.path.open("rb", buffering=0)
        self.run = start(orders)

    def outcome(self) -> Outcome | None:
        """How it ended; None while it goes on."""
        status = self.run.ended()
        self._listen()
        if status is None and not self._is_overdue:
            return None
        if status is not None and self.code is not None:
            outcome = Outcome(self.code, self.next)
        else:
            outcome = Outcome(1, self.koan, self._what_happened(status))
        self.cancel()
        return outcome

    def cancel(self) -> None:
        """End it, if it has not ended."""
        if not self.file.closed:
            self.run.kill()
            self.file.close()
            self.path.unlink(missing_ok=True)

    @property
    def _is_overdue(self) -> bool:
        return time.monotonic() - self.since > self.seconds + GRACE

    def _listen(self) -> None:
        for said in self._reports():
            self.seconds = said.get("seconds", self.seconds)
            self.koan = said.get("start", self.koan)
            self.next = said.get("next", self.next)
            self.code = said.get("end", self.code)
            if "kind" in said:
                self.kinds[said["koan"]] = said["kind"]
            self.since = time.monotonic()

    def _reports(self) -> Iterator[dict[str, Any]]:
        *whole, self.unread = (self.unread + self.file.read()).split(b"\n")
        yield from map(json.loads, whole)

    def _what_happened(self, status: int | None) -> str:
        file, _, name = self.koan.rpartition("::")
        where = f"{name} in {file}" if name else "Reading the koans"
        ended = f"did not end within {self.seconds:g} s, and was stopped."
        if status is not None:
            ended = _ending(status)
        return f"{where} {ended} Change what you wrote there, and save."


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended Python, and so this run (exit code {status})."
    name = signal.Signals(-status).name
    if name == "SIGKILL":
        return "was killed from outside: the memory may have run out."
    return f"made Python itself crash ({name})."


# ------------------------------------------------------------------------ runs


class Forked:
    """A run in a fork of this process, at the head of a process group."""

    def __init__(self, orders: Orders) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self.buried = False
        parent, libc = os.getpid(), ctypes.CDLL(None)
        self.pid = os.fork()
        if self.pid == 0:
            _be_a_run(orders, parent, libc)
        with contextlib.suppress(OSError):  # the child does so, too: who is first?
            os.setpgid(self.pid, self.pid)

    def ended(self) -> int | None:
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if os.waitid(os.P_PID, self.pid, look) is None:
            return None
        return self._bury()

    def kill(self) -> None:
        if not self.buried:
            self._bury()

    def _bury(self) -> int:
        """End what is left of the group, while its number can't be another's."""
        self.buried = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _be_a_run(orders: Orders, parent: int, libc: ctypes.CDLL) -> None:
    """What the fork does: it never returns."""
    code = 1
    try:
        os.setpgid(0, 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # may write to the terminal
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # commands are the parent's
            gc.set_threshold(50_000, 20, 20)  # a run is too short to tidy up often
            code = child.run(orders)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


class Fresh:
    """A run in a new Python process; it ends when the pipe to its stdin does."""

    def __init__(self, orders: Orders) -> None:
        sys.stdout.flush()
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-P", "-m", "sensei.watching.child"],
            stdin=subprocess.PIPE,
            text=True,
            **_own_group(),
        )
        with contextlib.suppress(OSError):  # it is gone already
            assert self.process.stdin
            self.process.stdin.write(orders.to_json() + "\n")
            self.process.stdin.flush()

    def ended(self) -> int | None:
        code = self.process.poll()
        if code is not None:
            self.kill()
        return code

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            assert self.process.stdin
            self.process.stdin.close()


def _own_group() -> dict[str, Any]:
    if os.name == "posix":
        return {"process_group": 0}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
