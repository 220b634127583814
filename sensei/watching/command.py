"""``sensei watch``: runs pytest, and again whenever a koan is saved."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sensei import blanks
from sensei.blanks import Unreadable
from sensei.course import Course, CourseError
from sensei.progress import Step, walk
from sensei.verdicts import Kind, Verdict
from sensei.watching import changes, terminal
from sensei.watching.terminal import say, show

if TYPE_CHECKING:
    from sensei.watching.runs import Followed, Outcome

TICK = 0.02  # seconds between two looks at the files
MID_SAVE = 0.05  # seconds for an editor to finish what it is writing
MOST_HINTS = 3
# sugar's progress bar rewrites what was told; logging looks at all of torch's
# loggers before and after each phase of each koan, for a tenth of a run's time.
QUIET = ("-q", "-p", "no:sugar", "-p", "no:logging")
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
    _leave_properly_on_signals()
    try:
        with tempfile.TemporaryDirectory(prefix="sensei-") as folder:
            watch = Watch(course, arguments, Path(folder))
            try:
                once = len(arguments) < len(options.arguments)
                return watch.once() if once else watch.go_on()
            finally:
                watch.cancel()
    except Restart:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _leave_properly_on_signals() -> None:
    """By way of ``finally``, so that no run is left behind."""

    def leave(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), leave)


class Restart(Exception):
    """What this process has imported is no longer what is in the files."""


class Watch:
    """A course being watched: what was seen, what is running, what is known.

    ``known`` has the verdict on each koan that has run; it serves to tell what
    is new, and decides nothing.
    """

    def __init__(self, course: Course, arguments: Sequence[str], folder: Path) -> None:
        self.course = course
        self.arguments = tuple(arguments)
        self.report = folder / "report"
        self.start_folder = Path.cwd() if arguments else course.root
        self.edits = changes.Edits(course)
        self.running: Followed | None = None
        self.known: dict[str, str] = {}
        self.next = self.hinted = ""
        self.hints = self.runs = 0

    # ---------------------------------------------------------------- the loop

    def once(self) -> int:
        """Run once; gives pytest's exit code, 1 for a run that has none."""
        self.run()
        assert self.running
        while (outcome := self.running.outcome()) is None:
            time.sleep(TICK)
        if outcome.sentence:
            say(outcome.sentence, "red")
        return outcome.code

    def go_on(self) -> int:
        """Run on every save, until the learner quits."""
        self._warm_up()
        self.seen = changes.look(self.course)
        self._run_if_koans_are_there()
        commands = terminal.Commands()
        self.takes_commands = commands.there
        while True:
            for command in commands.wait(TICK):
                if command == terminal.QUIT:
                    return 0
                self.obey(command)
            self._look()
            self._follow()

    def _warm_up(self) -> None:
        from sensei.watching import runs

        if runs.can_fork():
            names = ", ".join(self.course.preload)
            say(f"Importing {names or 'pytest'}, this once ...")
            for fault in runs.warm_up(self.course):
                say(fault, "red")
        else:
            text = "Here each run is a new Python process (a fork that has torch "
            say(text + "imported already is for Linux), so give it its seconds.")

    def run(self, *more: str) -> None:
        """Start a run, in the place of one that goes on."""
        from sensei.watching.child import Orders
        from sensei.watching.runs import Followed

        self.cancel()
        self.runs += 1
        orders = Orders(
            arguments=(*QUIET, *self.arguments, *more),
            folder=str(self.start_folder),
            report=f"{self.report}-{self.runs}",
            seconds=self.course.seconds,
            edited=tuple(self.edits.find()),
            before=dict(self.known),
            hints=self.hints,
            hinted=self.hinted,
            clear=self.runs > 1 and terminal.is_capable(),
        )
        self.running = Followed(orders)

    def cancel(self) -> None:
        """End the run that goes on, if there is one."""
        if self.running:
            self.running.cancel()
            self.running = None

    def _follow(self) -> None:
        outcome = self.running.outcome() if self.running else None
        if self.running and outcome:
            self.known |= self.running.kinds
            self.running = None
            self.edits.settle()
            self.next = outcome.next
            self._conclude(outcome)

    def _conclude(self, outcome: Outcome) -> None:
        if outcome.sentence:
            say(outcome.sentence, "red")
        self._prompt()

    def _prompt(self) -> None:
        if self.takes_commands:
            show("")
            say(PROMPT, "bold")

    # ----------------------------------------------------------------- changes

    def _look(self) -> None:
        now = changes.look(self.course)
        if now == self.seen:
            return
        changed = [*now.changed_engine(self.seen), *now.changed_koans(self.seen)]
        if now.koans is None or not all(map(changes.is_whole, changed)):
            time.sleep(MID_SAVE)
            now = changes.look(self.course)
        engine = now.changed_engine(self.seen)
        koans = now.changed_koans(self.seen)
        self.seen = now
        if engine:
            self._restart(engine)
        elif koans:
            self._tell_what_was_saved(koans)
            self._run_if_koans_are_there()

    def _run_if_koans_are_there(self) -> None:
        if self.seen.koans is None:
            self.cancel()
            folder = self.course.koans.relative_to(self.course.root)
            say(f"There is no folder {folder} here. I go on when it is back.", "red")
        else:
            self.run()

    def _restart(self, changed: Sequence[Path]) -> None:
        """Begin anew with what was saved, unless it can't be read."""
        from sensei.watching.runs import can_fork

        self._tell_what_was_saved(changed)
        self.cancel()
        try:
            for path in changed:
                _check(path, self._short(path))
            course = Course.load(self.course.root)
        except CourseError as error:
            say(f"{error}. I go on when that is mended.", "red")
            return
        if course is None:
            say("pyproject.toml has no [tool.sensei]. I go on when it is back.", "red")
        elif can_fork():
            raise Restart
        else:
            self.course = course
            self._run_if_koans_are_there()

    def _tell_what_was_saved(self, changed: Sequence[Path]) -> None:
        if not terminal.is_capable():
            show("")
            say(f"saved: {', '.join(map(self._short, changed))}")

    def _short(self, path: Path) -> str:
        return os.path.relpath(path, self.course.root)

    # ---------------------------------------------------------------- commands

    def obey(self, command: str) -> None:
        """Do what a letter asks for; anything else gets the help."""
        match command:
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
            say("There is no next koan: what you ran is solved.")
            return
        if self.hinted != self.next:
            self.hinted, self.hints = self.next, 0
        self.hints = min(self.hints + 1, MOST_HINTS)
        self.run()

    def _list(self) -> None:
        course = Course.load(self.course.root) or self.course
        known = {koan.rpartition("::"): Kind(kind) for koan, kind in self.known.items()}
        results = {
            (files, name): [Verdict(kind)]
            for files in course.lessons
            for (path, _, name), kind in known.items()
            if path == files.relative
        }
        for path in progress(course, results):
            for stretch in path.stretches:
                total = f"{stretch.solved}/{len(stretch.steps)}"
                show("")
                say(f"{stretch.files.number} {stretch.files.title}  {total}", "bold")
                for step in stretch.steps:
                    self._list_koan(step, step == path.next)

    def _list_koan(self, step: Step, is_next: bool) -> None:
        if step.solved:
            say(f"█ {step.name}", "green")
            return
        became = "filled in, not run" if step.filled else "blank"
        if step.verdict:
            became = step.verdict.kind.value
        mark = "→" if is_next else "▒" if step.filled else "░"
        say(f"{mark} {step.name}: {became}", "bold" if is_next else "")


def _check(path: Path, name: str) -> None:
    """Raise CourseError for a file of the engine that Python can't read."""
    if path.suffix == ".py" and path.exists():
        try:
            blanks.parse(path.read_bytes())
        except Unreadable as fault:
            raise CourseError(f"{name}:{fault.line or 1}: {fault.reason}") from None
