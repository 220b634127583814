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
from collections.abc import Iterator
from contextlib import contextmanager

GRACE = 5.0  # seconds for Hang to arrive


class Hang(BaseException):
    """Raised in a koan that ran out of time; ``line`` is where it was."""

    line = 0


class _Watch:
    def __init__(self, seconds: float, path: str, stderr: int, what: str) -> None:
        self.seconds, self.path, self.stderr, self.what = seconds, path, stderr, what
        self.watched = threading.get_ident()
        self.over = threading.Event()
        self.raising = threading.Lock()
        self.raised_at = 0

    def run(self) -> None:
        if self.over.wait(self.seconds):
            return
        with self.raising:
            if self.over.is_set():
                return
            self.raised_at = self.line()
            _raise_in(self.watched, Hang)
        if not self.over.wait(GRACE) and self.line():
            self.give_up()

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

    def line(self) -> int:
        """Where in the koan's file the watched thread is."""
        frame = sys._current_frames().get(self.watched)
        while frame and frame.f_code.co_filename != self.path:
            frame = frame.f_back
        return frame.f_lineno if frame else 0

    def give_up(self) -> None:
        message = (
            f"\n{self.path}:{self.raised_at}: {self.what} did not end within "
            f"{self.seconds:g} s, and can't be stopped. This run ends here.\n"
        )
        os.write(self.stderr, message.encode(errors="replace"))
        os._exit(1)


@contextmanager
def time_limit(seconds: float, path: str, stderr: int, what: str) -> Iterator[None]:
    """Raise Hang in this thread after ``seconds``; ``Hang.line`` says where it was.

    ``path`` is the file whose lines are named, ``stderr`` a file descriptor
    that nobody captures, ``what`` the name of what is being watched.
    """
    watch = _Watch(seconds, path, stderr, what)
    thread = threading.Thread(target=watch.run, name="sensei-watchdog", daemon=True)
    thread.start()
    try:
        yield
    except Hang as hang:
        hang.line = watch.raised_at
        raise
    finally:
        watch.end()


def _raise_in(thread: int, exception: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(exception)
    )
