"""`sensei watch`, driven through a pseudo-terminal as a learner drives it.

Nothing here measures time: what is waited for may take as long as it takes.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensei import edit
from sensei.course import Course
from sensei.watch import changes, runs
from sensei.watch.child import CLEAR, Orders
from tiny import Ran, TinyCourse

pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")
if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

linux = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")
ROOT = Path(__file__).parent.parent
SENSEI = "import sys; from sensei.cli import main; sys.exit(main())"
READY = "? help"  # the last that the watch says after a run
PATIENCE = 60  # seconds
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
_count = itertools.count()


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

    def __init__(self, root, arguments, columns=80, **env):
        self.mark = f"{os.getpid()}-{next(_count)}"
        self.child = pexpect.spawn(
            sys.executable,
            ["-P", "-c", SENSEI, "watch", *arguments],
            cwd=str(root),
            env=environment(SENSEI_TEST=self.mark, **env),
            dimensions=(60, columns),
            timeout=PATIENCE,
            encoding="utf-8",
        )

    def sees(self, *texts: str) -> str:
        """Wait for each text, however it is wrapped; gives what came before it."""
        seen = ""
        for text in texts:
            words = r"\s+".join(map(re.escape, text.split()))
            self.child.expect(words)
            seen += self.child.before + self.child.after
        return seen

    def run_shows(self, *texts: str) -> str:
        """Wait for texts, and for the end of that run."""
        return self.sees(*texts, READY)

    def types(self, line: str) -> None:
        self.child.sendline(line)

    def ends(self) -> int:
        self.child.expect(pexpect.EOF)
        self.child.close()
        status = self.child.exitstatus
        return -self.child.signalstatus if status is None else status

    def leave(self) -> None:
        self.child.close(force=True)

    @property
    def processes(self) -> list[int]:
        """All that descend from this watch, and are alive."""
        mark = f"SENSEI_TEST={self.mark}".encode()
        return [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/environ")
            if mark in _read(path).split(b"\0")
        ]

    def leaves_nobody_behind(self) -> None:
        wait_until(lambda: not self.processes)


def environment(**more: str) -> dict[str, str]:
    without = ("COLUMNS", "PY_COLORS", "FORCE_COLOR", "CI", "NO_COLOR")
    env = {k: v for k, v in os.environ.items() if k not in without}
    plain = {"TERM": "xterm", "NO_COLOR": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    env |= {**plain, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return {k: v for k, v in (env | more).items() if v}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def wait_until(holds) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.05)


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
    you.run_shows(f"next {FIRST}", "blank put what you expect")
    save(tiny, FIRST, "7900")
    seen = you.run_shows(f"saved {FIRST}: wrong", f"next {FIRST}", "you wrote: 7900")
    assert "FAILURES" not in seen, "the screen says it all"
    save(tiny, FIRST, "7919")
    you.run_shows(f"saved {FIRST}: solved", f"solved {FIRST}", f"next {SECOND}")
    save(tiny, FIRST, "7000")
    you.run_shows(f"saved {FIRST}: wrong; it was solved before", f"next {FIRST}")
    save(tiny, FIRST, "7919")
    you.run_shows(f"saved {FIRST}: solved", f"next {SECOND}")
    you.types("q")
    assert you.ends() == 0
    you.leaves_nobody_behind()


def test_solved_ahead_of_the_path(tiny, learner):
    """It is judged, and says why it holds; the next koan stays the first unsolved."""
    you = learner()
    you.run_shows(f"next {FIRST}")
    save(tiny, THIRD, "[True, False, True]")
    you.run_shows(
        f"saved {THIRD}: solved", "A copy is equal", f"next {FIRST}", "1 of 8"
    )
    save(tiny, THIRD, "[True, True, True]")
    you.run_shows(
        f"saved {THIRD}: wrong; it was solved before",
        "1 wrong, 1 blank in",
        f"wrong {THIRD}, line",
        "list() makes another list",
        f"next {FIRST}",
    )


def test_two_at_once_the_first_of_them_right(tiny, learner):
    """The screen is about the wrong one; why the other holds is told beside it."""
    you = learner()
    you.run_shows(f"next {FIRST}")
    path, text = written(tiny, FIRST, "7919")
    path.write_text(text.replace("third)] == __", "third)] == [1, 1, 1]"), "utf-8")
    you.run_shows(
        f"saved {FIRST}: solved", f"saved {SECOND}: wrong", f"solved {FIRST}: 7000"
    )


def test_what_stood_before_the_edited_koan_is_confirmed(tiny, learner):
    tiny.solve(*TINY_PATH)
    you = learner()
    you.run_shows("8 of 8", "the end of the path", "all there is to this course")
    save(tiny, LAST, "total += number")
    you.run_shows(f"saved {LAST}: failed", f"next {LAST}", "Nothing is noted", "7 of 8")
    save(tiny, LAST, RIGHT)
    you.run_shows(f"saved {LAST}: solved", "8 of 8", "the end of the path")


def test_an_earlier_koan_that_broke_is_named(tiny, learner):
    tiny.solve(*TINY_PATH)
    you = learner()
    you.run_shows("8 of 8")
    tiny.edit(FOURTH, '"kayak"', '"kayaks"')
    you.run_shows(f"saved {FOURTH}: error; it was solved before", f"next {FOURTH}")


def test_many_solved_at_once_get_one_line(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    solved = {files: tiny.root / "solutions" / files.name for files in lessons(tiny)}
    for path, solution in solved.items():
        shutil.copy(solution, path)
        if path.name.startswith("test_01"):
            you.run_shows("saved", f"next {FOURTH}")
    you.run_shows("saved 5 of 5 koans: solved", "the end of the path")


def lessons(tiny: TinyCourse) -> list[Path]:
    return [files.path for files in tiny.course.lessons if not files.part]


def test_what_a_koan_prints_is_shown(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    path, text = written(tiny, FIRST, "7900")
    look = "print('the parts:', parts)\n    assert sum"
    path.write_text(text.replace("assert sum", look), "utf-8")
    you.run_shows("Captured stdout", "the parts: [7000, 900, 19]", f"next {FIRST}")


def test_sixty_saves_in_a_row(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    for number in range(60):
        save(tiny, FIRST, str(7860 + number))
        time.sleep(0.03)  # some runs begin, few end: however many, all is well
    you.run_shows(f"saved {FIRST}: solved", f"next {SECOND}")
    wait_until(lambda: len(you.processes) == 1)
    assert you.child.isalive()


# -------------------------------------------------------------------- bad input


def test_files_that_cannot_be_read(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    path, text = written(tiny, FIRST, "7919")
    path.write_text(text.replace("== 7919", "== 79("), "utf-8")
    you.run_shows("saved test_a_sum: error", "test_01_two_names.py:20", "error")
    path.write_text("", "utf-8")
    you.run_shows("error")
    path.write_bytes(b"\xff\xfe")
    you.run_shows("it is not UTF-8")
    path.write_text(text, "utf-8")
    you.run_shows(f"saved {FIRST}: solved", f"next {SECOND}")
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
    you.sees("There is no folder koans here. I go on when it is back.")
    (tiny.root / "elsewhere").rename(tiny.main)
    you.run_shows(f"next {FIRST}")
    path = tiny.lesson(FIRST).path
    text = path.read_bytes()
    path.unlink()
    you.run_shows("not there any more")
    path.write_bytes(text)
    you.run_shows(f"next {FIRST}")


def test_saved_by_renaming_beside_swap_files(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    path, text = written(tiny, FIRST, "7919")
    for name in (f".{path.name}.swp", f"{path.name}~", "4913", f".#{path.name}"):
        (path.parent / name).write_text("not for pytest", "utf-8")
    time.sleep(0.5)  # enough for many looks; fewer would prove less, but not fail
    beside = path.with_name(f"{path.name}.tmp")
    beside.write_text(text, "utf-8")
    os.replace(beside, path)
    seen = you.run_shows(f"saved {FIRST}: solved", f"next {SECOND}")
    assert seen.count(READY) == 1, "a swap file was taken for a save"


def test_an_editor_in_the_middle_of_a_save(tmp_path):
    course = Course(tmp_path, tmp_path / "koans", tmp_path / "notes", tmp_path)
    course.koans.mkdir()
    course.notes.mkdir()
    koan, notes = course.koans / "test_01_x.py", course.notes / "test_01_x.toml"
    koan.write_text("x = 1", "utf-8")
    before = changes.look(course)
    notes.write_text("x = 1", "utf-8")
    after = changes.look(course)
    assert changes.saved(before, after) == [str(notes)]
    assert not changes.is_mid_save(before, after)
    koan.write_text("", "utf-8")
    assert changes.is_mid_save(after, changes.look(course))
    koan.unlink()
    assert changes.is_mid_save(after, changes.look(course))
    course.koans.rmdir()
    assert changes.look(course) is None


def test_which_koans_were_edited(tiny):
    place = "koans/test_01_two_names.py"

    def edited(text: bytes) -> tuple[str, ...]:
        return changes.edited(tiny.course, before, before | {place: text})

    before = changes.texts(tiny.course)
    assert changes.edited(tiny.course, {}, before) == (), "nothing was judged yet"
    text = before[place]
    assert edited(text) == ()
    assert edited(b"# a remark\n" + text.replace(b"= first\n", b"=  first\n")) == ()
    assert edited(text.replace(b"7000", b"8000")) == (f"{place}::{FIRST}",)
    assert edited(text.replace(b"first == third", b"(")) == (f"{place}::{THIRD}",)
    whole = tuple(f"{place}::{koan}" for koan in (FIRST, SECOND, THIRD))
    assert edited(b"") == edited(b"# coding: latin-1\n" + text) == whole


# --------------------------------------------------------------------- commands


def test_hints_are_for_one_koan(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    you.types("h")
    seen = you.run_shows(f"next {FIRST}", "hint 1 Look at all the parts")
    assert "hint 2" not in seen
    you.types("h")
    you.run_shows("hint 1", "hint 2 sum() adds up")
    save(tiny, FIRST, "7900")
    you.run_shows(f"next {FIRST}", "hint 1", "hint 2")
    save(tiny, FIRST, "7919")
    assert "hint 1" not in you.run_shows(f"next {SECOND}")
    you.types("h")
    seen = you.run_shows(f"next {SECOND}", "hint 1 Which of the three names")
    assert "hint 2" not in seen


def test_the_other_commands(tiny, learner):
    you = learner()
    you.run_shows(f"next {FIRST}")
    you.types("r")
    you.run_shows("Write a guess first")
    save(tiny, FIRST, "7900")
    you.run_shows("wrong you wrote: 7900")
    you.types("r")
    you.run_shows("answer 7919")
    you.types("")
    assert "7919" not in you.run_shows("wrong you wrote: 7900")
    tiny.solve(SECOND)
    you.run_shows(f"saved {SECOND}: solved", "1 of 8")
    you.types("l")
    you.run_shows(
        "01 two names 1/3",
        f"→ {FIRST}: wrong",
        f"█ {SECOND}",
        f"░ {THIRD}: blank",
        "02 changing lists 0/5",
    )
    you.types("a")
    you.run_shows("w..bbbbbbbb", "1 of 8")
    for command in ("?", "what"):
        you.types(command)
        you.sees("h a hint for the next koan", "Enter run again", "q quit")


@pytest.mark.parametrize("way", ["q", "ctrl-d", "ctrl-c", "term", "hup"])
def test_leaving_while_a_koan_hangs(tiny, learner, way):
    hanging(tiny)
    you = learner()
    wait_until((tiny.root / "began").exists)
    if way == "q":
        you.types("q")
    elif way == "ctrl-d":
        you.child.sendeof()
    elif way == "ctrl-c":
        you.child.sendintr()
    else:
        signals = {"term": signal.SIGTERM, "hup": signal.SIGHUP}
        you.child.kill(signals[way])
    codes = {"q": 0, "ctrl-d": 0, "ctrl-c": 130, "term": 143, "hup": 129}
    assert you.ends() == codes[way]
    you.leaves_nobody_behind()


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
    you.run_shows(f"saved {LAST}: error", "did not end within 1 s")
    crashes = {
        "os._exit(3)": "ended Python itself (exit code 3).",
        "os.kill(os.getpid(), 11)": "made Python itself crash (signal SIGSEGV).",
        "os.kill(os.getpid(), 9)": "was killed from outside",
    }
    for crash, told in crashes.items():
        save(tiny, LAST, f"import os\n{crash}")
        you.run_shows(f"{LAST} in koans/test_02_changing_lists.py {told}")
    save(tiny, LAST, RIGHT)
    you.run_shows(f"saved {LAST}: solved", "the end of the path")


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
    orders = Orders(("-q", "--koan-seconds=1"), str(tiny.root), str(tiny.root / "told"))
    run = runs.Run(orders, 1.0)
    try:
        wait_until(lambda: run.code() == 1)
    finally:
        run.cancel()
    assert run.next == f"koans/test_02_changing_lists.py::{LAST}"
    assert "did not end within 1 s, and was stopped." in run.sentence


# ------------------------------------------------------------------- terminals


def test_two_at_once(tiny, learner):
    both = [learner(), learner()]
    for you in both:
        you.run_shows(f"next {FIRST}")
    save(tiny, FIRST, "7919")
    for you in both:
        you.run_shows(f"saved {FIRST}: solved", f"next {SECOND}")
    both[0].types("q")
    assert both[0].ends() == 0
    save(tiny, SECOND, "[3, 3, 3]")
    both[1].run_shows(f"saved {SECOND}: wrong")


def test_forty_columns(tiny, learner):
    you = learner(columns=40)
    you.run_shows(f"next {FIRST}")
    save(tiny, THIRD, "[True, True, True]")
    seen = you.run_shows(f"saved {THIRD}: wrong", f"next {FIRST}")
    you.types("l")
    seen += you.run_shows(f"░ {SECOND}: blank")
    lines = seen.replace("\r", "").replace(CLEAR, "\n").split("\n")
    mine = [line for line in lines if re.match(r" (saved|wrong|h |list|░)", line)]
    assert len(mine) >= 5 and max(map(len, mine)) <= 40, mine


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours(tiny, learner, no_color):
    you = learner(NO_COLOR=no_color)
    you.sees(READY)
    save(tiny, FIRST, "7900")
    you.sees("saved")
    seen = you.sees(READY)
    assert ("\x1b[" in seen) != bool(no_color), seen


def test_the_screen_is_cleared_for_each_run_but_the_first(tiny, learner):
    you = learner()
    assert CLEAR not in you.run_shows(f"next {FIRST}")
    you.types("")
    assert CLEAR in you.run_shows(f"next {FIRST}")
    dumb = learner(TERM="dumb")
    dumb.run_shows(f"next {FIRST}")
    dumb.types("")
    assert "\x1b" not in dumb.run_shows(f"next {FIRST}")


def test_without_a_terminal(tiny):
    """No escape codes, no commands; what was saved is named."""
    log = tiny.root / "log.txt"
    with log.open("wb") as file:
        watch = subprocess.Popen(
            [sys.executable, "-P", "-c", SENSEI, "watch"],
            cwd=tiny.root,
            env=environment(NO_COLOR=""),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: f" next    {FIRST}" in log.read_text("utf-8"))
        save(tiny, FIRST, "7919")
        wait_until(lambda: f" next    {SECOND}" in log.read_text("utf-8"))
    finally:
        watch.terminate()
    assert watch.wait(PATIENCE) == 143
    said = log.read_text("utf-8")
    assert "\x1b" not in said and READY not in said
    assert " saved: koans/test_01_two_names.py" in said


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
    assert Ran(ran.returncode, ran.stdout).screen.strip() == cold.screen.strip()
    assert ran.returncode == cold.ret == 1


def test_once_passes_arguments_on(tiny):
    tiny.solve(FOURTH)
    ran = once(tiny, "-k", "counting", "--no-header")
    assert ran.returncode == 0 and "1 passed" in ran.stdout
    ran = once(tiny, "--no-such-option")
    assert ran.returncode == 4 and "--no-such-option" in ran.stderr
    assert "usage: sensei watch" in once(tiny, "--help").stdout


def once(tiny, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", SENSEI, "watch", "--once", *arguments],
        cwd=tiny.root,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )


# ------------------------------------------------------------------------- warm


def test_a_preload_that_is_not_there_is_told(tiny, learner):
    settings = tiny.root / "pyproject.toml"
    text = settings.read_text("utf-8").replace(
        "[tool.sensei]", '[tool.sensei]\npreload = ["no_such_module"]'
    )
    settings.write_text(text, "utf-8")
    you = learner()
    told = "no_such_module, which [tool.sensei] preload names, can't be imported"
    if sys.platform == "linux":
        you.sees(told)
    you.run_shows(f"next {FIRST}")


def test_where_there_is_no_fork(tiny, learner):
    crashing(tiny)
    you = learner(SENSEI_NO_FORK="1")
    you.run_shows("each run is a new Python process", f"next {FIRST}")
    save(tiny, LAST, "import os\nos._exit(3)")
    you.run_shows(f"{LAST} in koans/test_02_changing_lists.py ended Python")
    save(tiny, FIRST, "7919")
    seen = you.run_shows(f"saved {FIRST}: solved", f"next {SECOND}")
    assert "new Python process" not in seen, "once is enough"
    you.types("q")
    assert you.ends() == 0


def test_nothing_of_one_run_reaches_the_next(tiny, learner):
    """A fill that changes a module's list changes it for its own run."""
    tiny.allow(sys=["path"], pytest=["approx"])
    tiny.solve(*TINY_PATH)
    you = learner()
    you.run_shows("the end of the path")
    save(tiny, LAST, f"import sys\nsys.path.append('spoilt')\n{RIGHT}")
    you.run_shows(f"saved {LAST}: solved", "the end of the path")
    save(tiny, LAST, f"import sys\nassert 'spoilt' not in sys.path\n{RIGHT}")
    you.run_shows(f"saved {LAST}: solved", "the end of the path")


def test_the_real_course(tmp_path, learner):
    """torch is imported once, and no run finds that it can't use it any more."""
    for name in ("koans", "solutions", "course"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    you = learner("--device", "cpu", root=tmp_path)
    you.run_shows("next test_before_any_backward")
    path = tmp_path / "koans" / "test_01_piling_up.py"
    text = path.read_text("utf-8")
    path.write_text(text.replace("== __", "== None", 1), "utf-8")
    you.run_shows("saved test_before_any_backward: solved", "next test_one_backward")
    solution = tmp_path / "solutions" / path.name
    shutil.copy(solution, path)
    you.run_shows("saved 5 of 5 koans: solved", "done lesson 01")
    you.types("q")
    assert you.ends() == 0
