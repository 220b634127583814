"""``sensei watch``: runs pytest, and again whenever a koan is saved."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from sensei.course import Course
from sensei.notes import HINTS
from sensei.progress import Results, Step, progress
from sensei.verdicts import Kind, Verdict
from sensei.watch import changes, runs, terminal
from sensei.watch.child import Orders
from sensei.watch.runs import Run
from sensei.watch.terminal import say, show

TICK = 0.02  # seconds between two looks at the files
MID_SAVE = 0.05  # seconds for an editor to finish what it is writing
# sugar's progress bar rewrites what was told; logging looks at every logger before
# and after each phase of each koan, for a tenth of a run's time; a backstop behind
# the time limit of a koan is the watch itself.
QUIET = ("-q", "-p", "no:sugar", "-p", "no:logging", "-o", "faulthandler_timeout=0")
PROMPT = "h hint · r reveal · l list · a all · q quit · ? help"
HELP = """\
 sensei watch runs pytest each time you save. Type a letter, then Enter:

   h      a hint for the next koan; again for one more
   r      the answer to the next koan, after your guess
   l      list the path, and what became of each koan
   a      run all koans, also those behind the next
   Enter  run again
   q      quit; Ctrl-C does, too
   ?      this help
"""
NEW_PROCESSES = (
    "Here each run is a new Python process (a fork that has everything imported "
    "already is for Linux), so give it its seconds."
)


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``watch`` to the commands of ``sensei``.

    Nothing that is typed begins with its prefix: all that follows is for pytest.
    """
    parser = commands.add_parser(
        "watch",
        help="run pytest on every save; takes pytest's arguments, and --once",
        prefix_chars="\0",
        add_help=False,
    )
    parser.add_argument("arguments", nargs="*")
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    arguments = [argument for argument in options.arguments if argument != "--once"]
    if {"-h", "--help"} & {*arguments}:
        show(f"usage: sensei watch [--once] [pytest arguments]\n\n{HELP}", end="")
        return 0
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _leave)
    with tempfile.TemporaryDirectory(prefix="sensei-") as folder:
        watch = Watch(course, arguments, folder)
        try:
            once = len(arguments) < len(options.arguments)
            return watch.once() if once else watch.go_on()
        finally:
            watch.cancel()


def _leave(number: int, _frame: object) -> NoReturn:
    """By way of ``finally``, so that no run is left behind."""
    sys.exit(128 + number)


class Watch:
    """A course being watched: what was seen, what is running, what is known.

    ``known`` has the kind of verdict on each koan that has run; it serves to tell
    what is new, and decides nothing. ``judged`` are the lessons as they were when
    the last run that came to its end began.
    """

    def __init__(self, course: Course, arguments: Sequence[str], folder: str) -> None:
        self.course = course
        self.arguments = [*QUIET, *arguments]
        self.report = f"{folder}/report"
        self.start_folder = str(Path.cwd() if arguments else course.root)
        self.running: Run | None = None
        self.known: dict[str, str] = {}
        self.judged: changes.Texts = {}
        self.next = self.hinted = ""
        self.hints = self.runs = 0
        self.takes_letters = False

    # ---------------------------------------------------------------- the loop

    def once(self) -> int:
        """Run once; gives pytest's exit code, 1 for a run that has none."""
        run = self.run()
        while (code := run.code()) is None:
            time.sleep(TICK)
        if run.sentence:
            say(run.sentence, "red")
        return code

    def go_on(self) -> int:
        """Run on every save, until the learner quits."""
        if runs.can_fork():
            say(
                f"Importing {', '.join(self.course.preload) or 'pytest'}, this once ..."
            )
            for fault in runs.warm_up(self.course):
                say(fault, "red")
        else:
            say(NEW_PROCESSES)
        letters = terminal.Letters()
        self.takes_letters = letters.there
        self.arguments += ["--letters"] if letters.there else []
        self.seen = changes.look(self.course)
        self._run_if_koans_are_there()
        while True:
            for letter in letters.wait(TICK):
                if letter == terminal.QUIT:
                    return 0
                self.obey(letter)
            self._look()
            self._follow()

    def run(self, *more: str) -> Run:
        """Start a run, in the place of one that goes on."""
        self.cancel()
        self.runs += 1
        self.course = replace(self.course)  # it has not looked for its lessons yet
        self.on_trial = changes.texts(self.course)
        orders = Orders(
            arguments=(*self.arguments, *more),
            folder=self.start_folder,
            report=f"{self.report}-{self.runs}",
            edited=changes.edited(self.course, self.judged, self.on_trial),
            before=dict(self.known),
            hints=self.hints,
            hinted=self.hinted,
            clear=self.runs > 1 and terminal.is_capable(),
        )
        self.running = Run(orders, self.course.seconds)
        return self.running

    def cancel(self) -> None:
        """End the run that goes on, if there is one."""
        if self.running:
            self.running.cancel()
            self.running = None

    def _follow(self) -> None:
        run = self.running
        if run is None or run.code() is None:
            return
        self.running = None
        self.known |= run.kinds
        self.judged = self.on_trial
        self.next = run.next
        if run.sentence:
            say(run.sentence, "red")
        self._prompt()

    def _prompt(self) -> None:
        if self.takes_letters:
            show("")
            say(PROMPT, "bold")

    # ----------------------------------------------------------------- changes

    def _look(self) -> None:
        now, before = changes.look(self.course), self.seen or {}
        if now != self.seen and changes.is_mid_save(before, now or {}):
            time.sleep(MID_SAVE)
            now = changes.look(self.course)
        if now == self.seen:
            return
        self.seen = now
        if not terminal.is_capable():
            saved = changes.saved(before, now or {})
            paths = [os.path.relpath(path, self.course.root) for path in saved]
            show("")
            say(f"saved: {', '.join(paths)}")
        self._run_if_koans_are_there()

    def _run_if_koans_are_there(self) -> None:
        if self.seen is None:
            self.cancel()
            folder = self.course.koans.relative_to(self.course.root)
            say(f"There is no folder {folder} here. I go on when it is back.", "red")
        else:
            self.run()

    # ---------------------------------------------------------------- letters

    def obey(self, letter: str) -> None:
        """Do what a letter asks for; anything else gets the help."""
        match letter:
            case "":
                self.run()
            case "h":
                self._hint()
            case "r":
                self.run("--reveal")
            case "l":
                self._list()
                self._prompt()
            case "a":
                self.run("--maxfail=0")
            case _:
                show(f"\n{HELP}", end="")

    def _hint(self) -> None:
        if not self.next:
            done = "There is no next koan: what you ran is solved."
            say(done if self.judged else "The first run is not over yet.")
            return
        if self.hinted != self.next:
            self.hinted, self.hints = self.next, 0
        self.hints = min(self.hints + 1, HINTS)
        self.run()

    def _list(self) -> None:
        results: Results = {
            (file, name): [Verdict(Kind(kind))]
            for koan, kind in self.known.items()
            for file, _, name in [koan.partition("::")]
        }
        for part in progress(replace(self.course), results):
            for stretch in part.stretches:
                total = f"{stretch.solved}/{len(stretch.steps)}"
                show("")
                say(f"{stretch.lesson.number} {stretch.lesson.title}  {total}", "bold")
                for step in stretch.steps:
                    _list_koan(step, step == part.next)


def _list_koan(step: Step, is_next: bool) -> None:
    if step.solved:
        say(f"█ {step.name}", "green")
        return
    became = "filled in, not run" if step.filled else "blank"
    if step.verdict:
        became = step.verdict.kind.value
    mark = "→" if is_next else "▒" if step.filled else "░"
    say(f"{mark} {step.name}: {became}", "bold" if is_next else "")
