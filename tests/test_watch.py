"""`sensei watch`, driven through a pseudo-terminal as a learner drives it.

Nothing here measures time: what is waited for may take as long as it takes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import forks
from sensei import edit, reset
from sensei.cli import main
from sensei.course import Course
from sensei.watch import changes, runs
from sensei.watch.terminal import Terminal
from tiny import Ran, TinyCourse, squeezed
from waiting import PATIENCE, wait_until

pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")
if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

ROOT = Path(__file__).parent.parent
SENSEI = "import sys; from sensei.cli import main; sys.exit(main())"
COMMAND = ["-P", "-c", SENSEI, "watch"]
READY = "? help"  # the last that is drawn after a run
PAINT = re.compile(r"\x1b(\[[\d;]+m|\].*?\x1b\\)")  # colours, links
ESCAPES = re.compile(r"\x1b(\[[\d;?]*[A-Za-z]|\].*?\x1b\\)")
FIRST, SECOND, THIRD, FOURTH, *_ = TINY_PATH = [
    "test_a_sum",
    "test_who_grew",
    "test_same_or_equal",
    "test_counting_letters",
    "test_a_tenth_three_times",
    "test_a_copy",
    "test_only_the_even",
    "test_running_totals",
]
LAST = TINY_PATH[-1]
PLACE = "koans/test_01_two_names.py:20"
RIGHT = "total += number\ntotals.append(total)"


@pytest.fixture
def learner(tiny):
    """Starts `sensei watch` on the tiny course; ends it, whatever happens."""
    learners = []

    def start(*arguments: str, root: Path = tiny.root, **rest: object) -> Learner:
        learners.append(Learner(root, arguments, **rest))
        return learners[-1]

    yield start
    for one in learners:
        one.leave()


class Learner:
    """Somebody at a terminal with `sensei watch`."""

    def __init__(self, root, arguments, columns=80, rows=60, **env):
        self.root = root
        self.raw = ""
        self.off_screen = env.get("TERM") == "dumb"
        self.child = forks.at_a_terminal(
            [*COMMAND, *arguments],
            root,
            environment(**env),
            dimensions=(rows, columns),
            timeout=PATIENCE,
            encoding="utf-8",
        )

    @property
    def frame(self) -> str:
        """What was drawn last, escapes and all; off a screen all there was."""
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            self.raw += self.child.read_nonblocking(65_536, timeout=0.05)
        if self.off_screen:
            return self.raw
        return self.raw.rpartition("\x1b[J")[0].rpartition("\x1b[H")[2]

    def shows(self, *texts: str) -> str:
        """Wait until each text is in sight, however it is wrapped; gives what is."""

        def missing() -> list[str]:
            seen[:] = [ESCAPES.sub("", self.frame).replace("\r", "")]
            return [text for text in texts if squeezed(text) not in squeezed(*seen)]

        seen: list[str] = []
        wait_until(lambda: not missing(), lambda: f"{missing()} in {seen[0]}")
        return seen[0]

    def run_shows(self, *texts: str) -> str:
        """Wait for texts, and for the end of the run."""
        return self.shows(*texts, READY)

    def types(self, keys: str) -> None:
        self.child.send(keys)

    def ends(self) -> int:
        self.child.expect(pexpect.EOF)
        self.child.close()
        status = self.child.exitstatus
        return -self.child.signalstatus if status is None else status

    def leave(self) -> None:
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
        self.child.ptyproc.delayafterclose = 0
        self.child.close(force=True)

    @property
    def processes(self) -> list[int]:
        """All that are alive in the folder of this watch: it, and its runs."""
        pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        return [pid for pid in pids if pid != os.getpid() and _is_in(pid, self.root)]

    def leaves_nobody_behind(self) -> None:
        wait_until(lambda: not self.processes)


def environment(**more: str) -> dict[str, str]:
    without = ("COLUMNS", "PY_COLORS", "FORCE_COLOR", "CI", "NO_COLOR")
    env = {k: v for k, v in os.environ.items() if k not in without}
    plain = {"TERM": "xterm", "NO_COLOR": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    env |= {**plain, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return {k: v for k, v in (env | more).items() if v}


def _is_in(pid: int, folder: Path) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(folder.resolve())
    except OSError:
        return False


def written(tiny: TinyCourse, koan: str, fill: str) -> tuple[Path, str]:
    """A lesson's file, and its text with a koan filled, again if need be."""
    work = tiny.work(koan)
    here = work.fill(tiny.koan(koan))
    return work.lesson.path, edit.replaced(work.text, [(here, fill)])


def save(tiny: TinyCourse, koan: str, fill: str) -> None:
    path, text = written(tiny, koan, fill)
    path.write_text(text, "utf-8")


# --------------------------------------------------------------- going the path


def test_a_koan_from_its_blank_to_its_answer(tiny, learner):
    """Hints are for one koan; the answer is told after a guess, and once; what the
    koan prints is shown with its verdict, solved or not.
    """
    look = "print('the parts:', parts)\n    print('\\x1b[2J' * 30)\n    assert sum"
    prints = "prints the parts: [7000, 900, 19]", "·[2J·[2J"
    you = learner()
    you.types("h")  # before there is anything to give a hint for
    you.run_shows(f"next {FIRST}", "blank put what you expect", f"here {FIRST}: blank")
    assert "hint 2" not in you.run_shows("hint 1 Look at all the parts")
    you.types("hr")
    you.run_shows("hint 1", "hint 2 sum() adds up", "Write a guess first")
    path, text = written(tiny, FIRST, "7900")
    path.write_text(text.replace("assert sum", look), "utf-8")
    wrong = f"next {FIRST}", "wrong you wrote: 7900"
    seen = you.run_shows(*wrong, "hint 1", "hint 2", *prints)
    assert f"saved   {FIRST}: wrong" in seen and "Write a guess" not in seen
    you.types("r")
    you.run_shows("answer 7919")
    you.types("\r")
    wait_until(lambda: "7919" not in you.run_shows(*wrong))
    save(tiny, FIRST, "7919")
    seen = you.run_shows(f"solved {FIRST}", f"next {SECOND}", *prints)
    assert f"saved   {FIRST}: solved. 7000" in seen and "hint 1" not in seen
    you.types("h")
    assert "hint 2" not in you.run_shows(f"next {SECOND}", "hint 1 Which of the three")
    you.types("q")
    assert you.ends() == 0
    you.leaves_nobody_behind()


def test_the_page_is_about_what_was_saved(tiny, learner):
    """Once that is solved, about the next; with three at once, about what stops."""
    you = learner()
    you.run_shows(f"next {FIRST}")
    save(tiny, THIRD, "[True, True, True]")
    seen = you.run_shows(f"next {THIRD}", "list() makes another list", "0/3")
    assert "only" not in seen and f"saved   {THIRD}: wrong" in seen
    save(tiny, THIRD, "[True, False, True]")
    you.run_shows(f"next {FIRST}", "1 of 8", f"saved {THIRD}: solved. A copy is equal")
    path, text = written(tiny, FIRST, "7919")
    text = text.replace("True, False, True]", "True, True, False]")
    path.write_text(text.replace("third)] == __", "third)] == [1, 1, 1]"), "utf-8")
    saved = f"{FIRST}: solved. 7000", f"{SECOND}: wrong", f"{THIRD}: wrong"
    you.run_shows(f"next {SECOND}", "1 of 8", *[f"saved {line}" for line in saved])
    you.types("p")
    you.run_shows(f"next {FIRST}", "passed you wrote: 7919", f"here {FIRST}: solved")
    you.types("pnn")  # there is none before
    you.run_shows(f"next {THIRD}", "1 of 8", f"here {THIRD}: wrong")
    save(tiny, SECOND, "[1, 1, 2]")
    you.run_shows(f"next {SECOND}", f"saved {SECOND}: wrong")


def test_the_end_of_the_path(tiny, learner):
    """Many that are solved at once get one line; and nothing of a run, such as what a
    fill puts into a module's list, reaches the next.
    """
    tiny.allow(sys=["path"], pytest=["approx"])
    tiny.solve(FIRST, SECOND, THIRD)
    you = learner()
    you.run_shows(f"next {FOURTH}")
    last = tiny.lesson(LAST)
    shutil.copy(last.solution_path, last.path)
    you.run_shows("the end of the path", "saved 5 of 5 koans: solved")
    you.types("\r")
    you.run_shows("8 of 8", "the end of the path", "all there is", "all solved")
    you.types("xehl")
    you.shows(f"█ {LAST}: solved", "walk")
    you.types("p")
    you.shows(f"→ █ {LAST}: solved")
    told = "print('spoilt' in sys.path)"
    save(tiny, LAST, f"import sys\nsys.path.append('spoilt')\n{told}\ntotal += number")
    failed = "Nothing is noted", "7 of 8", f"saved {LAST}: failed"
    you.run_shows(f"next {LAST}", *failed, "prints True")
    save(tiny, LAST, f"import sys\n{told}\n{RIGHT}")
    you.run_shows("8 of 8", f"saved {LAST}: solved", "prints False")


def test_a_save_during_a_run_starts_anew(tiny, learner):
    hanging(tiny)
    you = learner()
    wait_until((tiny.root / "began").exists)
    for guess in range(7915, 7920):
        save(tiny, FIRST, str(guess))
        time.sleep(0.03)  # some runs begin, few end: however many, all is well
    save(tiny, LAST, RIGHT)
    you.run_shows("8 of 8", "the end of the path")
    if sys.platform == "linux":
        wait_until(lambda: len(you.processes) == 1)
    assert you.child.isalive()


# -------------------------------------------------------------------- bad input


def test_files_that_cannot_be_read_and_a_folder_that_goes(tiny, learner):
    """It goes on when they are back; what is beside the lessons does not matter."""
    path, text = written(tiny, FIRST, "7919")
    blank, notes = path.read_bytes(), path.with_suffix(".toml")
    good = notes.read_bytes()
    notes.write_bytes(good + b"\n[")
    you = learner()
    you.run_shows("error", "test_01_two_names.toml")
    notes.write_bytes(good)
    you.run_shows(f"next {FIRST}", f"here {FIRST}: blank")
    elsewhere = tiny.main.rename(tiny.root / "elsewhere")
    you.shows("There is no folder koans here. I go on when it is back.")
    (elsewhere / path.name).unlink()
    elsewhere.rename(tiny.main)
    you.run_shows("not there any more")
    path.write_bytes(blank)
    you.run_shows("blank put what you expect", f"here {FIRST}: blank")
    for name in (f".{path.name}.swp", f"{path.name}~", "4913", f".#{path.name}"):
        (path.parent / name).write_text("not for pytest", "utf-8")
    time.sleep(0.2)  # enough for many looks; fewer would prove less, but not fail
    drawn = len(you.raw)
    assert you.frame and len(you.raw) == drawn, "a swap file was taken for a save"
    path.write_text("", "utf-8")
    you.run_shows("not there any more", f"saved {FIRST}: error")
    path.write_bytes(b"\xff\xfe")
    you.run_shows("it is not UTF-8")
    beside = path.with_name(f"{path.name}.tmp")
    beside.write_text(text, "utf-8")
    os.replace(beside, path)  # some editors save so
    you.run_shows(f"next {SECOND}", f"saved {FIRST}: solved. 7000")


def test_an_editor_in_the_middle_of_a_save(tmp_path):
    course = Course(tmp_path, tmp_path / "koans", tmp_path / "notes", tmp_path)
    course.koans.mkdir()
    course.notes.mkdir()
    koan, notes = course.koans / "test_01_x.py", course.notes / "test_01_x.toml"
    koan.write_text("x = 1", "utf-8")
    before = changes.look(course)
    notes.write_text("x = 1", "utf-8")
    after = changes.look(course)
    assert after.keys() - before.keys() == {str(notes)}
    assert not changes.is_mid_save(before, after)
    koan.write_text("", "utf-8")
    assert changes.is_mid_save(after, changes.look(course))
    koan.unlink()
    assert changes.is_mid_save(after, changes.look(course))
    course.koans.rmdir()
    assert changes.look(course) is None


def test_which_koans_were_edited(tiny):
    place = "koans/test_01_two_names.py"

    def edited(text: bytes) -> list[str]:
        (tiny.root / place).write_bytes(text)
        return changes.edited(before, changes.works(tiny.course))

    before = changes.works(tiny.course)
    assert changes.edited({}, before) == [], "nothing was judged yet"
    text = (tiny.root / place).read_bytes()
    assert edited(text) == []
    assert edited(b"# a remark\n" + text.replace(b"= first\n", b"=  first\n")) == []
    assert edited(text.replace(b"7000", b"8000")) == [f"{place}::{FIRST}"]
    assert edited(text.replace(b"first == third", b"(")) == [f"{place}::{THIRD}"]
    whole = [f"{place}::{koan}" for koan in (FIRST, SECOND, THIRD)]
    assert edited(b"") == edited(b"# coding: latin-1\n" + text) == whole


# ------------------------------------------------------------------------- keys


def test_the_list_and_the_help_fit_the_terminal(tiny, learner):
    """No line is too long, none too many, and the verdict is in sight. It is plain
    where no colours are wanted, and what is between hides links.
    """
    save(tiny, FIRST, "7900")
    you = learner(columns=40, rows=14, VTE_VERSION="1", TMUX="", STY="x")
    you.run_shows(f"here {FIRST}: wrong")
    fits(you.run_shows("lines more: space", "n next · p"), 40, 14)
    you.child.setwinsize(30, 70)
    wait_until(lambda: you.frame.count("\n") == 29)
    fits(you.run_shows(PLACE, "0 of 8", "answer, and how it came about"), 70, 30)
    assert not PAINT.findall(you.frame)
    you.types("?")
    fits(you.shows("h hint: a hint for", "Enter runs", "any key goes back"), 70, 30)
    you.types("l")
    you.shows(f"next {FIRST}", READY)
    you.child.setwinsize(12, 40)
    wait_until(lambda: you.frame.count("\n") == 11)
    you.types("l")
    fits(you.shows("01 two names 0/3", f"→ ▒ {FIRST}: wrong", "walk"), 40, 12)
    you.types("\x1b[B" * 6 + "p")
    seen = you.shows("02 changing lists 0/5", "→ ░ test_a_copy: blank")
    fits(seen, 40, 12)
    assert FIRST not in seen, "the chosen koan is in the middle"
    you.types("\r")
    you.run_shows("next test_a_copy", "lines more: space", "here test_a_copy: blank")
    you.types("  ")
    you.shows("the path")


def fits(frame: str, columns: int, rows: int) -> None:
    lines = frame.split("\n")
    assert len(lines) == rows and max(map(len, lines)) <= columns, frame


def test_resetting_a_koan(tiny, learner):
    save(tiny, FIRST, "7900")
    you = learner()
    you.run_shows(f"next {FIRST}", "you wrote: 7900")
    you.types("x")
    you.shows("y puts this koan back as it was given")
    you.types("n")
    you.run_shows("you wrote: 7900")
    you.types("xy")
    you.run_shows("blank put what you expect")
    tiny.withhold_solutions()
    assert reset.undo(tiny.course) == [tiny.lesson(FIRST).relative]
    you.run_shows("you wrote: 7900")
    you.types("xy")
    you.run_shows("only git knows how it was: git restore koans/test_01_two_names.py")


def test_the_terminal_is_lent_to_the_shell_and_to_an_editor(tiny, learner):
    """Both get it as it was, and what was saved meanwhile is judged. Ctrl-Z lends it to
    the shell, and fg takes it back.
    """
    path, text = written(tiny, FIRST, "7919")
    editor, began = tiny.root / "vi", tiny.root / "began"
    editor.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"json.dump(sys.argv[1:], open({str(began)!r}, 'w'))\n"
        "input('editing')\n"
        f"open({str(path)!r}, 'w').write({text!r})\n"
    )
    editor.chmod(0o755)
    you = learner(VISUAL=f"{editor} --wait")
    you.run_shows(f"next {FIRST}")
    assert not you.child.getecho()
    you.child.sendcontrol("z")
    assert os.WIFSTOPPED(os.waitpid(you.child.pid, os.WUNTRACED)[1])
    assert you.child.getecho()
    save(tiny, FIRST, "7900")
    os.killpg(you.child.pid, signal.SIGCONT)
    you.run_shows(f"saved {FIRST}: wrong")
    assert not you.child.getecho()
    you.types("e")
    you.child.expect("editing")
    you.types("a line\r")
    you.child.expect("a line")  # shown as it is typed
    you.run_shows(f"saved {FIRST}: solved")
    assert json.loads(began.read_text()) == ["--wait", "+20", str(path)]
    editor.unlink()
    you.types("e")
    you.run_shows("can't be started")
    you.types("q")
    assert you.ends() == 0


def test_an_editor_with_a_window_of_its_own(tiny, monkeypatch):
    """It is told the place in its own way, and nobody waits for it."""
    editor, began, path = tiny.root / "code", tiny.root / "began", tiny.main / "x.py"
    editor.write_text(f'#!/bin/sh\necho "$@" >{began}\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"{editor} --wait")
    assert Terminal(tiny.root).edit(path, 20) == ""
    assert began.read_text() == f"-g {path}:20\n"
    monkeypatch.setenv("VISUAL", "no-such-editor")
    assert "no-such-editor can't be started" in Terminal(tiny.root).edit(path, 20)
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    assert Terminal(tiny.root).edit(path, 20).startswith("No editor is set.")


WAYS_OUT = {
    "ctrl-d": (lambda child: child.send("\x04"), 0),
    "ctrl-c": (lambda child: child.sendintr(), 130),
    "hup": (lambda child: child.kill(signal.SIGHUP), 129),
    "kill": (lambda child: child.kill(signal.SIGKILL), -signal.SIGKILL),
}


@pytest.mark.parametrize(("leave", "code"), WAYS_OUT.values(), ids=WAYS_OUT)
def test_leaving_while_a_koan_hangs(tiny, learner, leave, code):
    hanging(tiny)
    you = learner()
    wait_until((tiny.root / "began").exists)
    leave(you.child)
    assert you.ends() == code
    you.leaves_nobody_behind()


# ------------------------------------------------------------- hangs and crashes


def allow_danger(tiny: TinyCourse) -> None:
    """Let koans hang and end their process: the course's table refuses that."""
    names = {"os": ["_exit", "kill", "getpid"], "ctypes": ["PyDLL"]}
    tiny.allow("open", time=["sleep"], pytest=["approx"], **names)


def hanging(tiny: TinyCourse) -> None:
    """Bring the course to a koan that hangs, and leaves a sign that it has begun."""
    allow_danger(tiny)
    tiny.solve_before(LAST)
    save(tiny, LAST, hang(tiny))


def hang(tiny: TinyCourse) -> str:
    return f"import time\nopen({str(tiny.root / 'began')!r}, 'w')\ntime.sleep(600)"


STOPPED = "did not end within 0.5 s"
CRASHES = {
    "import time\nwhile True:\n    time.sleep(0.01)": f"It {STOPPED}; it was at",
    # C code that lets no other thread run: pytest can't stop that.
    "import ctypes\nctypes.PyDLL(None)['sleep'](600)": f"{STOPPED}, and was stopped.",
    "import os\nos.kill(os.getpid(), 11)": "made Python itself crash (signal SIGSEGV).",
    "import os\nos.kill(os.getpid(), 9)": "was killed from outside",
}


def test_hangs_and_crashes_are_told_and_the_watch_goes_on(tiny, learner, monkeypatch):
    monkeypatch.setattr(runs, "GRACE", 1.0)
    allow_danger(tiny)
    tiny.solve_before(LAST)
    you = learner("--koan-seconds", "0.5")
    you.run_shows(f"next {LAST}")
    for fill, told in CRASHES.items():
        save(tiny, LAST, fill)
        you.shows("running ...")
        you.run_shows(told, f"saved {LAST}: error", "7 of 8")
    save(tiny, LAST, RIGHT)
    you.run_shows("the end of the path", f"saved {LAST}: solved")


# ------------------------------------------------------------------- terminals


def test_two_watches_each_on_its_own_terminal(tiny, learner):
    """One knows colours and links. The other can't be drawn on: no escapes, and Enter
    behind each letter. What can't be preloaded is told.
    """
    settings = tiny.root / "pyproject.toml"
    text = settings.read_text("utf-8").replace(
        "[tool.sensei]", '[tool.sensei]\npreload = ["no_such_module"]'
    )
    settings.write_text(text, "utf-8")
    knows, dumb = (
        learner(TERM=term, NO_COLOR="", VTE_VERSION="7200", TMUX="", STY="")
        for term in ("xterm", "dumb")
    )
    told = "no_such_module, which [tool.sensei] preload names, can't be imported"
    dumb.run_shows(*[told] * (sys.platform == "linux"), f"next {FIRST}", PLACE)
    knows.run_shows(f"next {FIRST}", PLACE)
    link = f"]8;;{tiny.lesson(FIRST).path.as_uri()}#20\x1b\\"
    colours = {"[0m", "[1m", "[33m", "[36m"}
    painted = PAINT.findall(knows.frame)
    assert {*painted} == {*colours, link, "]8;;\x1b\\"} and painted.count(link) == 1
    save(tiny, FIRST, "7919")
    for you in (knows, dumb):
        you.run_shows(f"next {SECOND}", f"saved {FIRST}: solved")
    knows.types("q")
    assert knows.ends() == 0
    dumb.types("h\n")
    dumb.run_shows("hint 1")
    dumb.types("q\n")
    assert dumb.ends() == 0 and "\x1b" not in dumb.raw


def test_without_a_terminal(tiny):
    """No escape codes; what is typed is taken, and once nobody types, no key is named.
    In a Python as learners start it.
    """
    log = tiny.root / "log.txt"
    with log.open("wb") as file:
        watch = subprocess.Popen(
            [sys.executable, *COMMAND],
            cwd=tiny.root,
            env=environment(NO_COLOR=""),
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: f" next    {FIRST}" in log.read_text("utf-8"))
        save(tiny, FIRST, "7919")
        wait_until(lambda: f" saved   {FIRST}: solved" in log.read_text("utf-8"))
        watch.stdin.write(b"h\n")
        watch.stdin.close()
        wait_until(lambda: "hint 1" in log.read_text("utf-8"))
        save(tiny, SECOND, "[3, 3, 3]")
        wait_until(lambda: f" saved   {SECOND}: wrong" in log.read_text("utf-8"))
    finally:
        watch.terminate()
    assert watch.wait(PATIENCE) == 143
    said = log.read_text("utf-8")
    before, _, last = said.rpartition(f" next    {SECOND}")
    assert "\x1b" not in said and READY in before and READY not in last


def test_once_ends_as_pytest_does_and_passes_arguments_on(tiny, capsys):
    tiny.solve(FOURTH)
    ran = once(tiny, "-k", "counting")
    assert ran.returncode == 0 and f"here    {FOURTH}" not in ran.stdout
    assert "1 of 8 koans solved" in ran.stdout
    ran = once(tiny, "--no-such-option")
    assert ran.returncode == 4 and "--no-such-option" in ran.stdout
    allow_danger(tiny)
    save(tiny, LAST, "import os\nos._exit(0)")
    assert once(tiny, "-k", LAST).returncode == 1
    assert main(["watch", "--once", "--help"]) == 0
    assert "usage: sensei watch" in capsys.readouterr().out


@pytest.mark.parametrize("fill", ["7900", "7919", "abs(7)", "("])
def test_once_says_what_pytest_says(tiny, fill):
    save(tiny, FIRST, fill)
    ran, cold = once(tiny), tiny.run()
    assert cold.screen.strip() in Ran(ran.returncode, ran.stdout).screen
    assert ran.returncode == cold.ret == 1


def once(tiny, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--once", *arguments]
    return forks.python(command, tiny.root, environment(), merged=False)


# ------------------------------------------------------------------------- warm


def test_where_there_is_no_fork(tiny, learner):
    """Each run is a Python of its own, which ends with the watch, however that ends."""
    allow_danger(tiny)
    you = learner(SENSEI_NO_FORK="1")
    you.run_shows(f"next {FIRST}")
    assert "Each run is a new Python process" in you.raw
    save(tiny, LAST, "import os\nos._exit(3)")
    save(tiny, FIRST, "7919")
    crashed = f"{LAST} in koans/test_02_changing_lists.py ended Python itself (exit"
    you.run_shows(crashed, f"saved {FIRST}: solved")
    save(tiny, LAST, hang(tiny))
    wait_until((tiny.root / "began").exists)
    you.child.kill(signal.SIGKILL)
    assert you.ends() == -signal.SIGKILL
    you.leaves_nobody_behind()


WARM_UP = """
import sys
from pathlib import Path
from sensei.course import Course
from sensei.watch import runs

listed = set()
sys.addaudithook(lambda what, of: listed.add(str(of[0])) if "scandir" in what else None)
for fault in sys.argv[1:]:
    Path("beliefs.py").write_text(fault)
    assert runs.warm_up(Course.load(Path.cwd())) == [], fault
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
print([file for file in files if file.endswith("conftest.py")])
engine = Path(runs.__file__).parent
print(str(engine) in listed, {*map(str, engine.parents)} & listed)
"""


def test_a_warm_up_loads_no_conftest_and_bears_broken_beliefs(tiny):
    """A conftest.py as that above the engine in its repository asks for devices: a
    process that has done so can't fork, and run koans on them, any more. Nor are the
    folders above it looked through, which may be large.
    """
    with (tiny.root / "pyproject.toml").open("a") as settings:
        settings.write('\nmisconceptions = "beliefs"\n')
    faults = ["import no_such_module", "1 / 0", "def ("]
    ran = forks.python(["-P", "-c", WARM_UP, *faults], tiny.root)
    assert ran.stdout == "[]\nTrue set()\n"


def test_the_real_course(tmp_path, learner):
    """torch is imported once, and no run finds that it can't use it any more."""
    later_lessons = shutil.ignore_patterns("test_0[3-9]*", "further_on")
    for name in ("koans", "solutions", "course"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=later_lessons)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    you = learner("--device", "cpu", root=tmp_path)
    you.types("h")  # torch is not there yet
    you.run_shows("next test_before_any_backward", "hint 1", "on cpu")
    name = "test_01_piling_up.py"
    shutil.copy(tmp_path / "solutions" / name, tmp_path / "koans" / name)
    you.run_shows("done lesson 01", "saved 7 of 7 koans: solved")
    you.types("q")
    assert you.ends() == 0
