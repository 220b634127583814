"""The terminal of ``sensei watch``: draws a page, takes keys, lends it to an editor."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sensei import text
from sensei.text import Line, Span

if sys.platform == "win32":
    import msvcrt
else:
    import termios
    import tty

QUIT = "q"
KEY = re.compile(r"\x1b[O\[][\d;]*[A-Za-z~]|.", re.DOTALL)
NAMES = {"\r": "\n", "\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down"}
END_OF_INPUT = "\x04"
COLOURS = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
PLACE = re.compile(r"([\w./-]+\.(?:py|toml)):(\d+)")
KNOW_LINKS = {"KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION", "VTE_VERSION"} | {
    *("WEZTERM_PANE", "ITERM_SESSION_ID", "GHOSTTY_RESOURCES_DIR", "VSCODE_INJECTION")
}
HIDE_THEM = {"TMUX", "STY"}
# Editors with a window of their own.
BESIDE = ("code", "codium", "cursor", "subl", "zed")


class Terminal:
    """Where a watch runs; ``is_screen`` says that there is one to draw on.

    One key is enough where it ``takes_keys``; elsewhere each needs Enter.
    """

    def __init__(self, root: Path, once: bool = False) -> None:
        self.root = root
        is_dumb = once or os.environ.get("TERM") == "dumb"
        self.is_screen = sys.stdout.isatty() and not is_dumb
        self.listens = sys.stdin is not None and not once
        self.takes_keys = self.listens and sys.stdin.isatty() and self.is_screen
        self.has_links = KNOW_LINKS & {*os.environ} and not HIDE_THEM & {*os.environ}
        self.is_stale = False  # what is drawn there is not right any more
        self._settings: list[Any] = []  # as they were, while ours are set
        self._typed = b""

    # ------------------------------------------------------------------ drawing

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        with suppress(OSError, AttributeError):
            columns, rows = os.get_terminal_size(sys.stdout.fileno())
            return columns or 80, rows or 24
        return shutil.get_terminal_size()

    def draw(self, body: Sequence[Line], footer: Sequence[Line], top: int) -> None:
        """Show the lines from ``top`` on, as many as there is room for."""
        self.is_stale = False
        columns, rows = self.size
        if not self.is_screen:
            self.write("".join(f"{self._painted(line)}\n" for line in (*body, *footer)))
            return
        room = max(2, rows - len(footer))
        shown = list(body[top : top + room])
        if (more := len(body) - top - room) > 0:
            shown[-1] = (Span(f" ↓ {more + 1} lines more: space", ("cyan",)),)
        shown += [()] * (room - len(shown))
        painted = [self._painted(_cut(line, columns)) for line in (*shown, *footer)]
        self.write("\x1b[H" + "\x1b[K\n".join(painted) + "\x1b[J")

    def write(self, lines: str) -> None:
        """Write text as it is, in ASCII where the terminal has no more."""
        lines = text.writable(lines, sys.stdout.encoding or "utf-8")
        try:
            print(lines, end="", flush=True)
        except OSError:  # nobody reads it any more
            sys.exit(1)

    def _painted(self, line: Line) -> str:
        return "".join(map(self._painted_span, line)).rstrip()

    def _painted_span(self, span: Span) -> str:
        shown = "".join(c if c.isprintable() else "·" for c in span.text)
        if self.is_screen and self.has_links:
            shown = PLACE.sub(self._link, shown)
        if not self.is_screen or not span.markup or os.environ.get("NO_COLOR"):
            return shown
        codes = ";".join(COLOURS[name] for name in span.markup)
        return f"\x1b[{codes}m{shown}\x1b[0m"

    def _link(self, place: re.Match[str]) -> str:
        path = self.root / place[1]
        if not path.exists():
            return place[0]
        return f"\x1b]8;;{path.as_uri()}#{place[2]}\x1b\\{place[0]}\x1b]8;;\x1b\\"

    # --------------------------------------------------------------------- keys

    def keys(self, seconds: float, *others: Any) -> list[str]:
        """What was typed by now, after this time or as soon as others can be read.

        The end of a terminal's input (Ctrl-D) is taken for quitting.
        """
        if sys.platform == "win32":
            time.sleep(seconds)
            typed = ""
            while self.takes_keys and msvcrt.kbhit():
                typed += msvcrt.getwch()
            return _keys(typed)
        self.enter()
        mine = [0] if self.listens and self._is_ours() else []
        if 0 not in select.select([*mine, *others], [], [], seconds)[0]:
            return []
        try:
            data = os.read(0, 4096)
        except OSError:  # the terminal is gone
            data = b""
        if self.takes_keys:
            return _keys(data.decode(errors="replace") or END_OF_INPUT)
        self.listens = bool(data)
        *lines, self._typed = (self._typed + data).split(b"\n")
        ended = [QUIT] if not data and os.isatty(0) else []
        return [line.decode(errors="replace")[:1] or "\n" for line in lines] + ended

    def _is_ours(self) -> bool:
        """Not in the background of a shell, where reading would stop us."""
        return not os.isatty(0) or os.tcgetpgrp(0) == os.getpgrp()

    def enter(self) -> None:
        """From now on a key is enough, and is not shown; ``leave`` undoes that."""
        if sys.platform == "win32" or self._settings or not self.takes_keys:
            return
        if self._is_ours():
            self.is_stale = True
            self._settings = termios.tcgetattr(0)
            tty.setcbreak(0, termios.TCSADRAIN)
            signal.signal(signal.SIGWINCH, self._redraw)
            signal.signal(signal.SIGTSTP, self._stop)

    def leave(self) -> None:
        if sys.platform != "win32" and self._settings:
            settings, self._settings = self._settings, []
            with suppress(OSError, termios.error):  # the terminal is gone
                if self._is_ours():
                    termios.tcsetattr(0, termios.TCSADRAIN, settings)
                    os.write(1, b"\n")  # Ctrl-Z may have come while we were printing

    def _redraw(self, *_: object) -> None:
        self.is_stale = True

    def _stop(self, *_: object) -> None:
        """Ctrl-Z: the shell gets its terminal as it was."""
        self.leave()
        os.kill(os.getpid(), signal.SIGSTOP)

    # ------------------------------------------------------------------- editors

    def edit(self, path: Path, line: int) -> str:
        """Open the learner's editor at a line; gives a sentence where it can't."""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
        command = shlex.split(editor)
        if not command:
            return "No editor is set. Such as: export EDITOR=nano, then sensei watch."
        name = Path(command[0]).stem
        where = [f"+{line}", str(path)]
        if name in BESIDE:
            where = [*(["-g"] if name[0] == "c" else []), f"{path}:{line}"]
            command = [word for word in command if word not in ("-w", "--wait")]
        self.leave()
        try:
            subprocess.run([*command, *where], check=False)
        except OSError as error:
            return f"{editor} can't be started: {error.strerror}."
        return ""


def _keys(typed: str) -> list[str]:
    keys = [NAMES.get(key, key) for key in KEY.findall(typed)]
    return [QUIT if key == END_OF_INPUT else key for key in keys]


def _cut(line: Line, columns: int) -> Line:
    kept = []
    for span in line:
        kept.append(Span(span.text[:columns], span.markup))
        columns -= len(kept[-1].text)
    return tuple(kept)
