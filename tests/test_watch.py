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
from sensei.course import Course
from sensei.watch import changes, runs
from tiny import Ran, TinyCourse, squeezed
from waiting import PATIENCE, wait_until

pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")
if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

linux = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")
ROOT = Path(__file__).parent.parent
SENSEI = "import sys; from sensei.cli import main; sys.exit(main())"
COMMAND = ["-P", "-c", SENSEI, "watch"]
READY = "? help"  # the last that is drawn after a run
ESCAPES = re.compile(r"\x1b(\[[\d;?]*[A-Za-z]|\].*?\x1b\\\\)")
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

    def __init__(self, root, arguments, columns=80, rows=60, anew=False, **env):
        self.root = root
        self.raw = ""
        self.off_screen = env.get("TERM") == "dumb"
        self.child = forks.at_a_terminal(
            [*COMMAND, *arguments],
            root,
            environment(**env),
            anew=anew,
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


def test_solving_and_breaking_a_koan(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}", "blank put what you expect", f"here {FIRST}: blank")
    save(tiny, FIRST, "7900")
    you.run_shows(f"next {FIRST}", "wrong you wrote: 7900", f"saved {FIRST}: wrong")
    save(tiny, FIRST, "7919")
    you.run_shows(f"solved {FIRST}", f"next {SECOND}", f"saved {FIRST}: solved. 7000")
    save(tiny, FIRST, "7000")
    you.run_shows(f"next {FIRST}", f"saved {FIRST}: wrong")
    you.types("q")
    assert you.ends() == 0
    you.leaves_nobody_behind()


def test_a_koan_ahead_of_the_path(tiny, learner):
    """The page is about what was saved; once that is solved, about the next."""
    you = learner()
    you.run_shows(f"next {FIRST}")
    save(tiny, THIRD, "[True, True, True]")
    seen = you.run_shows(f"next {THIRD}", "list() makes another list", "0/3")
    assert "only" not in seen and f"saved   {THIRD}: wrong" in seen
    save(tiny, THIRD, "[True, False, True]")
    you.run_shows(f"next {FIRST}", "1 of 8", f"saved {THIRD}: solved. A copy is equal")


def test_two_at_once(tiny, learner):
    """The page is about the one that stops."""
    you = learner()
    you.run_shows(f"next {FIRST}")
    path, text = written(tiny, FIRST, "7919")
    path.write_text(text.replace("third)] == __", "third)] == [1, 1, 1]"), "utf-8")
    you.run_shows(
        f"next {SECOND}", f"saved {FIRST}: solved. 7000", f"saved {SECOND}: wrong"
    )


def test_the_path_is_confirmed(tiny, learner):
    tiny.solve(*TINY_PATH)
    you = learner()
    you.run_shows("8 of 8", "the end of the path", "all there is", "all solved")
    you.types("xehl")
    you.shows(f"█ {LAST}: solved", "walk")
    you.types("p")
    you.shows(f"→ █ {LAST}: solved")
    save(tiny, LAST, "total += number")
    you.run_shows(f"next {LAST}", "Nothing is noted", "7 of 8", f"saved {LAST}: failed")
    save(tiny, LAST, RIGHT)
    you.run_shows("8 of 8", "the end of the path", f"saved {LAST}: solved")
    tiny.edit(FOURTH, '"kayak"', '"kayaks"')
    you.run_shows(f"next {FOURTH}", f"saved {FOURTH}: error")


def test_many_solved_at_once_get_one_line(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    for lesson in [lesson for lesson in tiny.course.lessons if not lesson.part]:
        shutil.copy(lesson.solution_path, lesson.path)
        if lesson.number == "01":
            you.run_shows(f"next {FOURTH}", f"saved {FIRST}: solved")
    you.run_shows("the end of the path", "saved 5 of 5 koans: solved")


@pytest.mark.parametrize("fill", ["7900", "7919"])
def test_what_a_koan_prints_is_shown(tiny, learner, fill):
    you = learner()
    you.run_shows(f"next {FIRST}")
    path, text = written(tiny, FIRST, fill)
    look = "print('the parts:', parts)\n    print('\\x1b[2J' * 30)\n    assert sum"
    path.write_text(text.replace("assert sum", look), "utf-8")
    you.run_shows("prints the parts: [7000, 900, 19]", "·[2J·[2J", f"saved {FIRST}")


def test_twenty_saves_in_a_row(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    for number in range(20):
        save(tiny, FIRST, str(7900 + number))
        time.sleep(0.03)  # some runs begin, few end: however many, all is well
    you.run_shows(f"next {SECOND}", f"saved {FIRST}: solved")
    wait_until(lambda: len(you.processes) == 1)
    assert you.child.isalive()


# -------------------------------------------------------------------- bad input


def test_files_that_cannot_be_read(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    path, text = written(tiny, FIRST, "7919")
    path.write_text(text.replace("== 7919", "== 79("), "utf-8")
    you.run_shows("test_01_two_names.py:20", "saved test_a_sum: error")
    path.write_text("", "utf-8")
    you.run_shows("not there any more", f"saved {FIRST}: error")
    path.write_bytes(b"\xff\xfe")
    you.run_shows("it is not UTF-8")
    path.write_text(text, "utf-8")
    you.run_shows(f"next {SECOND}", f"saved {FIRST}: solved. 7000")
    notes = path.with_suffix(".toml")
    good = notes.read_text("utf-8")
    notes.write_text(f"{good}\n[", "utf-8")
    you.run_shows("error", "test_01_two_names.toml")
    notes.write_text(good, "utf-8")
    you.run_shows(f"next {SECOND}")


def test_a_folder_that_goes_and_comes_back(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    tiny.main.rename(tiny.root / "elsewhere")
    you.shows("There is no folder koans here. I go on when it is back.")
    (tiny.root / "elsewhere").rename(tiny.main)
    you.run_shows(f"next {FIRST}", f"here {FIRST}: blank")
    path = tiny.lesson(FIRST).path
    text = path.read_bytes()
    path.unlink()
    you.run_shows("not there any more")
    path.write_bytes(text)
    you.run_shows("blank put what you expect")


def test_saved_by_renaming_beside_swap_files(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    path, text = written(tiny, FIRST, "7919")
    for name in (f".{path.name}.swp", f"{path.name}~", "4913", f".#{path.name}"):
        (path.parent / name).write_text("not for pytest", "utf-8")
    time.sleep(0.5)  # enough for many looks; fewer would prove less, but not fail
    drawn = len(you.raw)
    assert you.frame and len(you.raw) == drawn, "a swap file was taken for a save"
    beside = path.with_name(f"{path.name}.tmp")
    beside.write_text(text, "utf-8")
    os.replace(beside, path)
    you.run_shows(f"next {SECOND}", f"saved {FIRST}: solved")


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


def test_hints_are_for_one_koan(tiny, learner):
    you = learner()
    you.types("h")  # before there is anything to give a hint for
    assert "hint 2" not in you.run_shows(
        f"next {FIRST}", "hint 1 Look at all the parts"
    )
    you.types("h")
    you.run_shows("hint 1", "hint 2 sum() adds up")
    save(tiny, FIRST, "7900")
    you.run_shows("you wrote: 7900", "hint 1", "hint 2")
    save(tiny, FIRST, "7919")
    assert "hint 1" not in you.run_shows(f"next {SECOND}")
    you.types("h")
    seen = you.run_shows(f"next {SECOND}", "hint 1 Which of the three names")
    assert "hint 2" not in seen


def test_reveal_and_run_again(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    you.types("r")
    you.run_shows("Write a guess first")
    save(tiny, FIRST, "7900")
    assert "Write a guess" not in you.run_shows("wrong you wrote: 7900")
    you.types("r")
    you.run_shows("answer 7919")
    you.types("\r")
    wait_until(lambda: "7919" not in you.run_shows("wrong you wrote: 7900"))


def test_walking_the_koans(tiny, learner):
    tiny.solve(FIRST)
    you = learner()
    you.run_shows(f"next {SECOND}")
    you.types("p")
    you.run_shows(f"next {FIRST}", "passed you wrote: 7919", f"here {FIRST}: solved")
    you.types("p")  # there is none before
    you.types("nnn")
    you.run_shows(f"next {FOURTH}", "1 of 8", f"here {FOURTH}: blank")
    save(tiny, SECOND, "[1, 1, 1]")
    you.run_shows(f"next {SECOND}", f"saved {SECOND}: wrong")


def test_the_list(tiny, learner):
    """It fits the screen, and shows the koan that is chosen there."""
    save(tiny, FIRST, "7900")
    you = learner(rows=10)
    you.run_shows(f"here {FIRST}: wrong")
    you.types("l")
    you.shows("01 two names 0/3", f"→ ░ {FIRST}: wrong".replace("░", "▒"), "walk")
    you.types("\x1b[B" * 6 + "p")
    seen = you.shows("02 changing lists 0/5", "→ ░ test_a_copy: blank")
    assert FIRST not in seen and seen.count("\n") == 9
    you.types("\r")
    you.run_shows("next test_a_copy", "lines more: space", "here test_a_copy: blank")
    you.types("  ")
    you.shows("the path")


def test_help(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    you.types("?")
    you.shows("h hint: a hint for this koan", "Enter runs", "any key goes back")
    you.types("l")
    you.shows(f"next {FIRST}", READY)


@pytest.mark.parametrize("answer", ["y", "n"])
def test_resetting_a_koan(tiny, learner, answer):
    save(tiny, FIRST, "7900")
    you = learner()
    you.run_shows(f"next {FIRST}", "you wrote: 7900")
    you.types("x")
    you.shows("y puts this koan back as it was given")
    you.types(answer)
    if answer == "y":
        you.run_shows("blank put what you expect")
        assert reset.undo(tiny.course) == [tiny.lesson(FIRST).relative]
        you.run_shows("you wrote: 7900")
    else:
        you.run_shows("you wrote: 7900")


def test_a_reset_that_cannot_be_written(tiny, learner):
    tiny.withhold_solutions()
    you = learner()
    you.run_shows(f"next {FIRST}")
    you.types("xy")
    you.run_shows("only git knows how it was: git restore koans/test_01_two_names.py")


@pytest.mark.parametrize("name", ["vi", "code"])
def test_the_editor(tiny, learner, name):
    """It gets the terminal as it was, and what it saved is judged."""
    _, text = written(tiny, FIRST, "7919")
    editor = tiny.root / name
    editor.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"json.dump(sys.argv[1:], open({str(tiny.root / 'began')!r}, 'w'))\n"
        f"if {name!r} == 'vi': input('editing')\n"
        f"open({str(tiny.lesson(FIRST).path)!r}, 'w').write({text!r})\n"
    )
    editor.chmod(0o755)
    you = learner(VISUAL=f"{editor} --wait")
    you.run_shows(f"next {FIRST}")
    you.types("e")
    if name == "vi":
        you.child.expect("editing")
        you.types("a line\r")
        you.child.expect("a line")  # shown as it is typed
    you.run_shows(f"saved {FIRST}: solved")
    given = json.loads((tiny.root / "began").read_text())
    path = str(tiny.lesson(FIRST).path)
    assert given == (["--wait", "+20", path] if name == "vi" else ["-g", f"{path}:20"])


@pytest.mark.parametrize("editor", ["", "no-such-editor"])
def test_no_editor(tiny, learner, editor):
    you = learner(EDITOR=editor, VISUAL="")
    you.run_shows(f"next {FIRST}")
    you.types("e")
    you.run_shows(f"{editor} can't be started" if editor else "No editor is set.")


@pytest.mark.parametrize("way", ["q", "ctrl-d", "ctrl-c", "term", "hup"])
def test_leaving_while_a_koan_hangs(tiny, learner, way):
    hanging(tiny)
    you = learner()
    wait_until((tiny.root / "began").exists)
    if way == "q":
        you.types("q")
    elif way == "ctrl-d":
        you.types("\x04")
    elif way == "ctrl-c":
        you.child.sendintr()
    else:
        signals = {"term": signal.SIGTERM, "hup": signal.SIGHUP}
        you.child.kill(signals[way])
    codes = {"q": 0, "ctrl-d": 0, "ctrl-c": 130, "term": 143, "hup": 129}
    assert you.ends() == codes[way]
    you.leaves_nobody_behind()


def test_stopped_and_continued(tiny, learner):
    """Ctrl-Z gives the shell its terminal as it was; fg takes it back."""
    you = learner(anew=True)
    you.run_shows(f"next {FIRST}")
    assert not you.child.getecho()
    you.child.sendcontrol("z")
    wait_until(you.child.getecho)
    save(tiny, FIRST, "7900")
    os.killpg(you.child.pid, signal.SIGCONT)
    you.run_shows(f"saved {FIRST}: wrong")
    assert not you.child.getecho()
    you.types("h")
    you.shows("hint 1")
    you.types("q")
    assert you.ends() == 0 and "hint 1" in you.raw


@pytest.mark.parametrize("no_fork", ["", pytest.param("1", marks=linux)])
def test_a_run_ends_with_its_parent(tiny, learner, no_fork):
    hanging(tiny)
    you = learner(SENSEI_NO_FORK=no_fork)
    wait_until((tiny.root / "began").exists)
    you.child.kill(signal.SIGKILL)
    assert you.ends() == -signal.SIGKILL
    you.leaves_nobody_behind()


def hanging(tiny: TinyCourse) -> None:
    """Bring the course to a koan that hangs, and leaves a sign that it has begun."""
    tiny.allow("open", time=["sleep"], pytest=["approx"])
    tiny.solve_before(LAST)
    began = str(tiny.root / "began")
    save(tiny, LAST, f"import time\nopen({began!r}, 'w')\ntime.sleep(600)")


# ------------------------------------------------------------- hangs and crashes


def test_a_save_during_a_run_starts_anew(tiny, learner):
    hanging(tiny)
    you = learner()
    wait_until((tiny.root / "began").exists)
    save(tiny, LAST, RIGHT)
    you.run_shows("the end of the path")
    assert len(you.processes) == 1 or sys.platform != "linux"


def test_hangs_and_crashes_are_told_and_the_watch_goes_on(tiny, learner):
    crashing(tiny)
    tiny.solve_before(LAST)
    you = learner("--koan-seconds", "1")
    you.run_shows(f"next {LAST}")
    save(tiny, LAST, "while True:\n    pass")
    you.shows("running ...")
    you.run_shows("did not end within 1 s", f"saved {LAST}: error")
    crashes = {
        "os._exit(3)": "ended Python itself (exit code 3).",
        "os.kill(os.getpid(), 11)": "made Python itself crash (signal SIGSEGV).",
        "os.kill(os.getpid(), 9)": "was killed from outside",
    }
    for crash, told in crashes.items():
        save(tiny, LAST, f"import os\n{crash}")
        you.run_shows(f"{LAST} in koans/test_02_changing_lists.py {told}", "7 of 8")
    save(tiny, LAST, RIGHT)
    you.run_shows("the end of the path", f"saved {LAST}: solved")


def crashing(tiny: TinyCourse) -> None:
    """Let koans end their process: the course's table refuses that beforehand."""
    names = ["_exit", "kill", "getpid"]
    tiny.allow(os=names, pytest=["approx"])


def test_a_run_that_pytest_cannot_stop_is_stopped(tiny, monkeypatch):
    """It loops in C, and lets no other thread run."""
    tiny.solve_before(LAST)
    save(tiny, LAST, "total += sum(range(10**12))")
    monkeypatch.setattr(runs, "GRACE", 0.5)
    monkeypatch.setenv(runs.NO_FORK, "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run = runs.Run(tiny.course, ["--koan-seconds=1"], str(tiny.root), [])
    try:
        wait_until(lambda: run.follow() or run.code == 1)
    finally:
        run.cancel()
    assert run.verdicts[f"koans/test_02_changing_lists.py::{LAST}"].kind == "error"
    assert "did not end within 1 s, and was stopped." in run.sentence


# ------------------------------------------------------------------- terminals


def test_two_watches(tiny, learner):
    both = [learner(), learner()]
    for you in both:
        you.run_shows(f"next {FIRST}")
    save(tiny, FIRST, "7919")
    for you in both:
        you.run_shows(f"next {SECOND}", f"saved {FIRST}: solved")
    both[0].types("q")
    assert both[0].ends() == 0
    save(tiny, SECOND, "[3, 3, 3]")
    both[1].run_shows(f"saved {SECOND}: wrong")


def test_the_screen_follows_the_size_of_the_terminal(tiny, learner):
    """No line is too long, none too many, and the verdict is in sight."""
    save(tiny, FIRST, "7900")
    you = learner(columns=40, rows=14)
    you.run_shows(f"here {FIRST}: wrong")
    fits(you.run_shows("lines more: space", "n next · p"), 40, 14)
    you.types("l")
    fits(you.shows("→", "walk"), 40, 14)
    you.types("\r")
    you.run_shows(f"here {FIRST}: wrong")
    you.child.setwinsize(30, 70)
    wait_until(lambda: you.frame.count("\n") == 29)
    fits(you.run_shows("0 of 8", "answer, and how it came about"), 70, 30)


def fits(frame: str, columns: int, rows: int) -> None:
    lines = frame.split("\n")
    assert len(lines) == rows and max(map(len, lines)) <= columns, frame


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours(tiny, learner, no_color):
    you = learner(NO_COLOR=no_color)
    you.run_shows(f"next {FIRST}")
    colours = set(re.findall(r"\x1b\[([\d;]+)m", you.frame))
    assert colours == (set() if no_color else {"0", "1", "33", "36"})


@pytest.mark.parametrize(
    ("env", "links"),
    [({"VTE_VERSION": "7200"}, 1), ({"VTE_VERSION": "1", "STY": "x"}, 0)],
)
def test_places_are_links_where_the_terminal_knows_them(tiny, learner, env, links):
    you = learner(**{"TMUX": "", "STY": "", **env})
    assert "koans/test_01_two_names.py:20" in you.run_shows(f"next {FIRST}")
    target = f"\x1b]8;;{tiny.lesson(FIRST).path.as_uri()}#20\x1b\\koans/"
    assert you.frame.count(target) == links


def test_a_terminal_that_cannot_be_drawn_on(tiny, learner):
    """No escapes, and Enter behind each letter."""
    you = learner(TERM="dumb")
    you.run_shows(f"next {FIRST}")
    you.types("h\n")
    you.run_shows("hint 1")
    save(tiny, FIRST, "7900")
    you.run_shows(f"saved {FIRST}: wrong")
    you.types("q\n")
    assert you.ends() == 0 and "\x1b" not in you.raw


def test_without_a_terminal(tiny):
    """No escape codes; what is typed is taken. In a Python as learners start it."""
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
    finally:
        watch.terminate()
    assert watch.wait(PATIENCE) == 143
    said = log.read_text("utf-8")
    assert "\x1b" not in said and READY in said


@linux
def test_where_nobody_types(tiny):
    log = tiny.root / "log.txt"
    with log.open("wb") as file:
        env = environment(NO_COLOR="")
        watch = forks.start(COMMAND, tiny.root, env, output=file.fileno())
    try:
        wait_until(lambda: f" next    {FIRST}" in log.read_text("utf-8"))
        os.kill(watch.pid, signal.SIGTERM)
        wait_until(lambda: watch.ended() is not None)
    finally:
        watch.kill()
    said = log.read_text("utf-8")
    assert watch.status == 143 and "\x1b" not in said and READY not in said


ONCE = {
    "a blank": ([], {}, 1),
    "solved": (TINY_PATH, {}, 0),
    "a crash": (TINY_PATH, {LAST: "import os\nos._exit(0)"}, 1),
}


@pytest.mark.parametrize(("solved", "fills", "code"), ONCE.values(), ids=ONCE)
def test_once(tiny, solved, fills, code):
    crashing(tiny)
    tiny.solve(*solved)
    for koan, fill in fills.items():
        save(tiny, koan, fill)
    assert once(tiny).returncode == code


@pytest.mark.parametrize("fill", ["__", "7900", "7919", "abs(7)", "(", "1; x = 2"])
def test_once_says_what_pytest_says(tiny, fill):
    save(tiny, FIRST, fill)
    ran, cold = once(tiny), tiny.run_apart()
    assert cold.screen.strip() in Ran(ran.returncode, ran.stdout).screen
    assert ran.returncode == cold.ret == 1


def test_once_passes_arguments_on(tiny):
    tiny.solve(FOURTH)
    ran = once(tiny, "-k", "counting")
    assert ran.returncode == 0 and f"here    {FOURTH}" not in ran.stdout
    assert "1 of 8 koans solved" in ran.stdout
    ran = once(tiny, "--no-such-option")
    assert ran.returncode == 4 and "--no-such-option" in ran.stdout
    assert "usage: sensei watch" in once(tiny, "--help").stdout


def once(tiny, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--once", *arguments]
    return forks.python(command, tiny.root, environment(), merged=False)


# ------------------------------------------------------------------------- warm


def test_a_preload_that_is_not_there_is_told(tiny, learner):
    settings = tiny.root / "pyproject.toml"
    text = settings.read_text("utf-8").replace(
        "[tool.sensei]", '[tool.sensei]\npreload = ["no_such_module"]'
    )
    settings.write_text(text, "utf-8")
    you = learner(TERM="dumb")
    told = "no_such_module, which [tool.sensei] preload names, can't be imported"
    you.run_shows(*[told] * (sys.platform == "linux"), f"next {FIRST}")


def test_where_there_is_no_fork(tiny, learner):
    crashing(tiny)
    you = learner(SENSEI_NO_FORK="1")
    you.shows("running ...", "next") if sys.platform == "win32" else None
    you.run_shows(f"next {FIRST}")
    assert "Each run is a new Python process" in you.raw
    save(tiny, LAST, "import os\nos._exit(3)")
    you.run_shows(f"{LAST} in koans/test_02_changing_lists.py ended Python")
    save(tiny, FIRST, "7919")
    you.run_shows(f"next {SECOND}", f"saved {FIRST}: solved")
    you.types("q")
    assert you.ends() == 0


def test_nothing_of_one_run_reaches_the_next(tiny, learner):
    """A fill that changes a module's list changes it for its own run."""
    tiny.allow(sys=["path"], pytest=["approx"])
    tiny.solve(*TINY_PATH)
    you = learner()
    you.run_shows("the end of the path")
    for fill in ("sys.path.append('spoilt')", "assert 'spoilt' not in sys.path"):
        save(tiny, LAST, f"import sys\n{fill}\n{RIGHT}")
        you.run_shows("the end of the path", f"saved {LAST}: solved")


def test_the_real_course(tmp_path, learner):
    """torch is imported once, and no run finds that it can't use it any more."""
    for name in ("koans", "solutions", "course"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    you = learner("--device", "cpu", root=tmp_path)
    you.types("h")  # torch is not there yet
    you.run_shows("next test_before_any_backward", "hint 1", "on cpu")
    path = tmp_path / "koans" / "test_01_piling_up.py"
    text = path.read_text("utf-8")
    path.write_text(text.replace("== __", "== None", 1), "utf-8")
    you.run_shows("next test_one_backward", "saved test_before_any_backward: solved")
    shutil.copy(tmp_path / "solutions" / path.name, path)
    you.run_shows("done lesson 01", "saved 6 of 6 koans: solved")
    you.types("q")
    assert you.ends() == 0
