"""A time limit for one koan, kept by a watching thread: no signals, any platform.

The thread first raises Hang in the watched one, which ends any loop in Python
with a verdict. Where that does not help (waiting in C, a bare ``except``) it
ends the process a moment later, with a sentence. A loop in C that never lets
another thread run is left to pytest's faulthandler_timeout.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

GRACE = 5.0  # seconds for Hang to arrive
DEBUGGERS = ("bdb", "pdb", "pydevd", "_pydevd_bundle", "debugpy")


class Hang(BaseException):
    """Raised in a koan that ran out of time."""


@dataclass(frozen=True)
class Limits:
    """What a koan may take: ``seconds``, ``characters`` of what it prints.

    ``stderr`` is a file descriptor that nobody captures.
    """

    seconds: float
    stderr: int = 2
    characters: int = 20_000


@dataclass(eq=False)
class _Watch:
    """One koan being watched."""

    limits: Limits
    path: str
    name: str
    ends: float
    thread: int = field(default_factory=threading.get_ident)
    over: threading.Event = field(default_factory=threading.Event)
    raising: threading.Lock = field(default_factory=threading.Lock)

    def expire(self) -> None:
        """Raise Hang in the watched thread; where that does not help, give up."""
        with self.raising:
            if self.over.is_set():
                return
            line = self.line()
            _raise_in(self.thread, Hang)
        if not self.over.wait(GRACE) and self.line():
            self.give_up(line)

    def end(self) -> None:
        """Stop watching; a Hang that is still on its way arrives in here.

        It is not taken back: Python 3.11 would look for it for ever after, and
        never get on where a trace function is set.
        """
        for _ in range(2):
            try:
                with self.raising:
                    self.over.set()
                for _ in range(100):  # each turn of a loop lets it in
                    pass
            except Hang:
                continue

    def frames(self) -> Iterator[FrameType]:
        """The frames of the watched thread, the innermost first."""
        frame = sys._current_frames().get(self.thread)
        while frame:
            yield frame
            frame = frame.f_back

    def line(self) -> int:
        """Where in the koan's file the watched thread is; 0 if it is not."""
        inside = (
            f.f_lineno for f in self.frames() if f.f_code.co_filename == self.path
        )
        return next(inside, 0)

    def is_debugged(self) -> bool:
        """Whether somebody stopped there, and looks around."""
        names = (str(frame.f_globals.get("__name__")) for frame in self.frames())
        return any(name.partition(".")[0] in DEBUGGERS for name in names)

    def give_up(self, line: int) -> None:
        message = (
            f"\n{self.path}:{line}: {self.name} did not end within "
            f"{self.limits.seconds:g} s, and can't be stopped. This run ends here.\n"
        )
        os.write(self.limits.stderr, message.encode(errors="replace"))
        os._exit(1)


class _Watcher:
    """The thread that watches koan after koan; one a process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.current: _Watch | None = None
        self.wakes = 0.0  # when the thread looks next, by the monotonic clock
        self.news = threading.Condition()
        run = threading.Thread(target=self._run, name="sensei-watchdog", daemon=True)
        run.start()

    def begin(self, watch: _Watch) -> None:
        with self.news:
            self.current = watch
            if not self.wakes or watch.ends < self.wakes:
                self.news.notify()  # else it looks in time, and is left asleep

    def _run(self) -> None:
        while True:
            with self.news:
                watch = self.current
                done = watch is None or watch.over.is_set()
                now = time.monotonic()
                if watch is None or done or now < watch.ends:
                    self.wakes = 0.0 if watch is None or done else watch.ends
                    wait = min(self.wakes - now, threading.TIMEOUT_MAX)
                    self.news.wait(wait if self.wakes else None)
                    continue
                if watch.is_debugged():
                    watch.ends = now + watch.limits.seconds
                    continue
                self.current = None
            watch.expire()


_watcher: _Watcher | None = None


def _the_watcher() -> _Watcher:
    """Threads don't survive a fork: a process that was forked gets its own."""
    global _watcher
    if _watcher is None or _watcher.process != os.getpid():
        _watcher = _Watcher()
    return _watcher


@contextmanager
def time_limit(limits: Limits, path: str, name: str) -> Iterator[None]:
    """Raise Hang in this thread after ``limits.seconds``.

    ``path`` is the file whose lines are named, ``name`` the koan's.
    """
    watch = _Watch(limits, path, name, time.monotonic() + limits.seconds)
    _the_watcher().begin(watch)
    try:
        yield
    finally:
        watch.end()


def _raise_in(thread: int, exception: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(exception)
    )
