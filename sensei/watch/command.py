"""``sensei watch``: judges a koan whenever it is saved, and then the path."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from sensei import reset
from sensei.course import Course
from sensei.progress import Step
from sensei.reset import ResetError, Target
from sensei.watch import changes, runs
from sensei.watch.page import KEYS, Page, name_of
from sensei.watch.runs import Run
from sensei.watch.terminal import QUIT, Terminal

TICK = 0.01  # seconds between two looks at the files
MID_SAVE = 0.05  # seconds for an editor to finish what it is writing
WALK = {"n": 1, "down": 1, "p": -1, "up": -1}
MODES = {"l": "list", "x": "reset", "?": "help"}


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``watch`` to the commands of ``sensei``.

    Nothing that is typed begins with its prefix: all that follows is for pytest.
    """
    parser = commands.add_parser(
        "watch",
        help="judge a koan on every save; takes pytest's arguments, and --once",
        prefix_chars="\0",
        add_help=False,
    )
    parser.add_argument("arguments", nargs="*")
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    arguments = [argument for argument in options.arguments if argument != "--once"]
    if {"-h", "--help"} & {*arguments}:
        print("usage: sensei watch [--once] [pytest arguments]\n")
        print(*(f"  {key}  {what}" for key, (_, what) in KEYS.items()), sep="\n")
        return 0
    for name in {"SIGTERM", "SIGHUP"} & {*dir(signal)}:
        signal.signal(getattr(signal, name), _leave)
    once = len(arguments) < len(options.arguments)
    watch = Watch(course, arguments, Terminal(course.root, once))
    try:
        return watch.once() if once else watch.go_on()
    finally:
        watch.cancel()
        watch.terminal.leave()


def _leave(number: int, _frame: object) -> NoReturn:
    """By way of ``finally``, so that no run is left behind."""
    sys.exit(128 + number)


class Watch:
    """A course being watched: what was seen, what is running, what is on the page.

    ``judged`` are the lessons as they were when the last run that came to its end
    began.
    """

    def __init__(
        self, course: Course, arguments: Sequence[str], terminal: Terminal
    ) -> None:
        self.arguments = arguments
        self.folder = str(Path.cwd() if arguments else course.root)
        self.terminal = terminal
        self.page = Page(course)
        self.top = 0  # the line of the page that comes first on the screen
        self.seen: changes.Snapshot | None = {"": (0, 0, 0)}  # nothing looks like it
        self.judged: changes.Works = {}
        self.run: Run | None = None
        self.waiting: list[str] = []  # keys, for a page that is not there yet

    # ---------------------------------------------------------------- the loop

    def once(self) -> int:
        """Run once; gives pytest's exit code, 1 for a run that has none."""
        run = self.start()
        while run.code is None:
            self.terminal.keys(TICK, run.pipe)
            self._follow()
        return run.code

    def go_on(self) -> int:
        """Run on every save, until the learner quits."""
        self.terminal.enter()
        self._warm_up()
        looked = 0.0
        while QUIT not in self.waiting:
            if time.monotonic() >= looked + TICK:  # reports come far more often
                self._look()
                looked = time.monotonic()
            self._follow()
            while self.page.run and self.waiting:
                self.obey(self.waiting.pop(0))
            if self.terminal.is_stale:
                self.draw()
            pipes = [self.run.pipe] if self.run else []
            self.waiting += self.terminal.keys(TICK, *pipes)
        return 0

    def _warm_up(self) -> None:
        if not runs.can_fork():
            sentence = "Each run is a new Python process here, so give it its seconds."
            self.terminal.write(f"{sentence}\n")
            return
        modules = ", ".join(self.page.course.preload) or "pytest"
        self.terminal.write(f"Importing {modules}, this once ...\n")
        for fault in runs.warm_up(self.page.course):
            self.terminal.write(f"{fault}\n")

    def start(self, *more: str) -> Run:
        """Start a run, in the place of one that goes on."""
        self.cancel()
        page = self.page
        page.course = replace(page.course)  # it has not looked for its lessons yet
        self.on_trial = changes.works(page.course)
        self.edited = changes.edited(self.judged, self.on_trial)
        first = self.edited or [koan for koan in [page.chosen] if koan]
        self.run = Run(page.course, [*self.arguments, *more], self.folder, first)
        self.draw()
        return self.run

    def cancel(self) -> None:
        """End the run that goes on, if there is one."""
        if self.run:
            self.run.cancel()
            self.run = None

    def _follow(self) -> None:
        """Show what was saved as soon as it is judged, and then all of it."""
        run = self.run
        if run is None:
            return
        run.follow()
        if run.code is None and (run is self.page.run or not run.has_judged):
            return
        if run is not self.page.run:
            self.top = 0
        self.page.turn_to(run, self.edited)
        if run.code is not None:
            self.cancel()
            self.judged = self.on_trial
        self.draw()

    def draw(self) -> None:
        """Draw the page, if there is one yet; off a screen once a run is over."""
        page, terminal, is_over = self.page, self.terminal, self.run is None
        if not (page.run or page.notice) or not (is_over or terminal.is_screen):
            return
        columns, rows = terminal.size
        page.has_keys = terminal.listens
        footer = list(page.footer(columns, self.run))
        body = list(page.lines(columns))
        self.room = rows - len(footer)
        if page.mode == "list":  # the chosen koan is in the middle
            places = [i for i, line in enumerate(body) if "→" in line[0].text]
            self.top = max(0, sum(places) - self.room // 2)
        self.top *= self.top < len(body)
        terminal.draw(body, footer, self.top)

    # ----------------------------------------------------------------- changes

    def _look(self) -> None:
        now = changes.look(self.page.course)
        if now == self.seen:
            return
        if changes.is_mid_save(self.seen or {}, now or {}):
            time.sleep(MID_SAVE)
            now = changes.look(self.page.course)
        self.seen, self.page.notice = now, ""
        if now is not None:
            self.start()
            return
        self.cancel()
        folder = self.page.course.koans.relative_to(self.page.course.root)
        self.page.notice = f"There is no folder {folder} here. I go on when it is back."
        self.draw()

    # --------------------------------------------------------------------- keys

    def obey(self, key: str) -> None:
        """Do what a key asks for; where that needs a run, its page comes with it."""
        page, here = self.page, self.page.here()
        mode, page.mode, page.notice = page.mode, "", ""
        if mode == "list" and key in WALK:
            page.walk(WALK[key])
            page.mode = mode
        elif mode == "list" or key == "\n":
            self.start()
        elif mode == "reset" and key == "y" and here:
            self._reset(here)
        elif mode:
            pass
        elif key in WALK:
            page.walk(WALK[key])
            self.start()
        elif key in MODES:
            page.mode = MODES[key]
        elif key == " ":
            self.top += self.room - 1
        elif key == "h":
            page.hints[name_of(here)] += 1
        elif key == "r":
            self.start("--reveal")
        elif key == "e" and here:
            self._edit(here)
        self.draw()

    def _reset(self, step: Step) -> None:
        try:
            target = Target(step.lesson, step.name if step.koan else "")
            reset.put_back(self.page.course, [target])
        except (ResetError, OSError) as fault:
            self.page.notice = str(fault)

    def _edit(self, step: Step) -> None:
        self.cancel()
        line = step.verdict.line if step.verdict else 1
        self.page.notice = self.terminal.edit(step.lesson.path, line)
        self.start()
