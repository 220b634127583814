"""The terminal of ``sensei watch``: what it says there, and the letters it takes."""

from __future__ import annotations

import os
import queue
import select
import shutil
import sys
import threading
import time
from collections.abc import Iterable

from sensei import screen, text

COLOURS = {"green": "32", "red": "31", "bold": "1"}
QUIT = "q"


def is_capable() -> bool:
    """There is a terminal, and it can be cleared."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def say(prose: str, colour: str = "") -> None:
    """Print prose, folded to the width of the terminal."""
    columns = shutil.get_terminal_size().columns
    lines = text.folded(prose, screen.Request(columns=columns).width, " ")
    show("\n".join(_coloured(line, colour) for line in lines))


def show(lines: str, end: str = "\n") -> None:
    """Print lines as they are, in ASCII where the terminal has no more."""
    print(text.writable(lines, sys.stdout.encoding or "utf-8"), end=end, flush=True)


def _coloured(line: str, colour: str) -> str:
    if not colour or not is_capable() or os.environ.get("NO_COLOR"):
        return line
    return f"\x1b[{COLOURS[colour]}m{line}\x1b[0m"


class Letters:
    """Lines that are typed; none where stdin is not a terminal."""

    def __init__(self) -> None:
        self.there = sys.stdin is not None and sys.stdin.isatty()
        self.typed = b""
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        if self.there and os.name == "nt":
            threading.Thread(target=self._collect, daemon=True).start()

    def wait(self, seconds: float) -> Iterable[str]:
        """The lines typed by now, after this time or as soon as there is one.

        The end of the input (Ctrl-D) is taken for quitting.
        """
        if os.name == "nt" or not self._can_read():
            time.sleep(seconds)
        elif select.select([0], [], [], seconds)[0]:
            self._read()
        while not self.lines.empty():
            yield self.lines.get()

    def _can_read(self) -> bool:
        """Not in the background of a shell, where reading would stop us."""
        try:
            return self.there and os.tcgetpgrp(0) == os.getpgrp()
        except OSError:
            return self.there

    def _read(self) -> None:
        try:
            more = os.read(0, 4096)
        except OSError:  # the terminal is gone
            more = b""
        *whole, self.typed = (self.typed + more).split(b"\n")
        for line in whole:
            self.lines.put(line.decode(errors="replace").strip())
        if not more:
            self.lines.put(QUIT)

    def _collect(self) -> None:
        for line in sys.stdin:
            self.lines.put(line.strip())
        self.lines.put(QUIT)
