"""Processes for runs: started, followed, and ended with all that they started.

A process is a fork of this one (Linux) or a Python of its own. It leads a session
(elsewhere than on POSIX: a group), ends when its parent does, and is killed at its
deadline. ``watch`` and the grader run koans in these.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
READS = 64  # at a time: more than a pipe holds, and a flood can't keep us there
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Process:
    """A process that was started, and its deadline, if it has one.

    On Linux a selector takes it: it can be read when it has ended.
    """

    def __init__(
        self,
        pid: int,
        seconds: float | None = None,
        popen: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self.pid = pid
        self.popen = popen
        self.status: int | None = None  # exit code, -N for signal N
        self.is_late = False
        self.extend(seconds)
        self._handle = os.pidfd_open(pid) if sys.platform == "linux" else -1

    def extend(self, seconds: float | None) -> None:
        """Give it so many seconds from now; None: as long as it takes."""
        self.deadline = None if seconds is None else time.monotonic() + seconds

    def fileno(self) -> int:
        return self._handle

    def ended(self) -> int | None:
        """Its exit code, -N for signal N; None while it goes on.

        It is killed here when its deadline has passed; ``is_late`` says so.
        """
        if self.status is None and not self._has_ended():
            late = self.deadline is not None and time.monotonic() >= self.deadline
            if not late:
                return None
            self.is_late = True
        self.kill()
        return self.status

    def _has_ended(self) -> bool:
        """A look that leaves its number to it, where the system can do that."""
        if hasattr(os, "waitid"):
            look = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self.pid, look) is not None
        return self.popen is not None and self.popen.poll() is not None

    def kill(self) -> None:
        """End it with all that it started in its session, and wait for that."""
        if self.status is not None:
            return
        kill_session(self.pid)  # while its number can't be another's
        if self.popen is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        else:
            self.popen.kill()
            self.status = self.popen.wait()
            if self.popen.stdin:
                with suppress(OSError):
                    self.popen.stdin.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def describe(status: int) -> str:
    """How a process ended, of what ran in it: "the koan ...", without a full stop."""
    if status >= 0:
        return f"ended Python itself (exit code {status})"
    if status == -9:
        return "was killed from outside: the memory may have run out"
    names = {number.value: number.name for number in signal.Signals}
    return f"made Python itself crash (signal {names.get(-status, -status)})"


# --------------------------------------------------------------------- starting


def fork(
    target: Callable[[], int],
    *,
    seconds: float | None = None,
    output: int | None = None,
    keep: Collection[int] | None = None,
) -> Process:
    """Call ``target`` in a fork of this process, whose exit code is what it gives.

    It has nothing to read. ``output`` takes what it prints; ``keep``, if given, are
    the only other files that it has open. Raises OSError.
    """
    _flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_a_fork(target, parent, output, keep)
    return Process(pid, seconds)


def _be_a_fork(
    target: Callable[[], int],
    parent: int,
    output: int | None,
    keep: Collection[int] | None,
) -> NoReturn:
    code = 1
    try:
        os.setsid()
        die_with_parent(parent)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _read_nothing()
        if output is not None:
            os.dup2(output, 1)
            os.dup2(output, 2)
        if keep is not None:
            _close_all_but({0, 1, 2, *keep})
        code = target()
        _flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def spawn(
    argv: Sequence[str], orders: str = "", *, seconds: float | None = None, **rest: Any
) -> Process:
    """Start a Python: ``python -P`` with ``argv``, such as ("-m", "MODULE").

    It begins with ``take_orders``. ``rest`` is for subprocess.Popen.
    """
    if os.name == "posix":
        rest["start_new_session"] = True
    else:
        rest["creationflags"] = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    _flush()
    argv = [sys.executable, "-P", *argv]
    popen = subprocess.Popen(argv, stdin=subprocess.PIPE, **rest)
    with suppress(OSError):  # it is gone already
        assert popen.stdin
        popen.stdin.write(orders.encode() + b"\n")
        popen.stdin.flush()
    return Process(popen.pid, seconds, popen)


def _flush() -> None:
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()


# ------------------------------------------------------------------ in the child


def take_orders() -> str:
    """The line that a process was spawned with; from now on it ends with its parent."""
    line = sys.stdin.buffer.readline().decode()
    parent = os.dup(0)
    _read_nothing()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    die_with_parent(os.getppid())
    return line.rstrip("\n")


def _end_with(pipe: int) -> None:
    os.read(pipe, 1)
    os._exit(1)


def die_with_parent(parent: int) -> None:
    """On Linux: be killed when the thread that started this process has ended."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before it could be asked for
            os._exit(1)


def _read_nothing() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _close_all_but(kept: Collection[int]) -> None:
    for fd in {int(name) for name in os.listdir("/proc/self/fd")}.difference(kept):
        with suppress(OSError):  # that of the list itself
            os.close(fd)


# ------------------------------------------------------------- what is left behind


def kill_session(leader: int) -> None:
    """Kill a process and its session; it may not lead that yet, or have ended."""
    for kill in (os.kill, os.killpg) if os.name == "posix" else ():
        with suppress(ProcessLookupError, PermissionError):
            kill(leader, signal.SIGKILL)


def adopt_orphans() -> None:
    """On Linux: be the parent of those that lose theirs, among what is started here."""
    if _libc is not None:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bury_orphans(known: Iterable[Process]) -> None:
    """Kill each child of this process but the known ones, and wait for it."""
    spared = {process.pid for process in known}
    for task in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            for pid in {int(pid) for pid in task.read_text("ascii").split()} - spared:
                kill_session(pid)
                with suppress(OSError):
                    os.waitpid(pid, 0)


class Pipe:
    """A pipe out of a process, read without waiting; ``data`` is what came so far.

    ``sink`` is the end to write to: closed here once the process is started.
    What comes beyond ``most`` bytes is dropped.
    """

    def __init__(self, most: int) -> None:
        self.source, self.sink = os.pipe()
        self.most = most
        self.data = bytearray()
        if hasattr(os, "set_blocking"):  # elsewhere a read waits for the next word
            os.set_blocking(self.source, False)

    def fileno(self) -> int:
        return self.source

    def close_sink(self) -> None:
        os.close(self.sink)

    def read(self) -> bool:
        """Take in what there is by now; False when no more can come."""
        for _ in range(READS):
            try:
                more = os.read(self.source, 65_536)
            except BlockingIOError:
                return True
            if not more:
                return False
            self.data += more[: self.most - len(self.data)]
        return True

    def close(self) -> None:
        os.close(self.source)
