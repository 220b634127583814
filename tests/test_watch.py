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

from sensei.lesson import replaced
from sensei.watching import changes, runs
from sensei.watching.child import CLEAR, Orders
from tiny import TinyCourse

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
_count = itertools.count()


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A copy of the engine, so that what a test saves there is seen by no other."""
    folder = tmp_path_factory.mktemp("engine")
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sensei", folder / "sensei", ignore=without)
    return folder


@pytest.fixture
def learner(tiny, engine):
    """Starts `sensei watch` on the tiny course; ends it, whatever happens."""
    learners = []

    def start(*arguments: str, root: Path = tiny.root, **rest: object) -> Learner:
        learners.append(Learner(root, engine, arguments, **rest))
        return learners[-1]

    yield start
    for one in learners:
        one.leave()


class Learner:
    """Somebody at a terminal with `sensei watch`."""

    def __init__(self, root, engine, arguments, columns=80, **env):
        self.mark = f"{os.getpid()}-{next(_count)}"
        self.child = pexpect.spawn(
            sys.executable,
            ["-P", "-c", SENSEI, "watch", *arguments],
            cwd=str(root),
            env=environment(engine, SENSEI_TEST=self.mark, **env),
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


def environment(engine: Path, **more: str) -> dict[str, str]:
    without = ("COLUMNS", "PY_COLORS", "FORCE_COLOR", "CI", "NO_COLOR")
    env = {k: v for k, v in os.environ.items() if k not in without}
    plain = {"TERM": "xterm", "NO_COLOR": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    env |= {**plain, "PYTHONPATH": str(engine), "PYTHONIOENCODING": "utf-8"}
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
    files, lesson = tiny.lesson(koan)
    here = lesson.fill(koan)
    return files.path, replaced(lesson.source.decoded, [(here, fill)])


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
        f"saved {THIRD}: solved", "A copy is equal", "1 of 8", f"next {FIRST}"
    )
    save(tiny, THIRD, "[True, True, True]")
    you.run_shows(
        f"saved {THIRD}: wrong; it was solved before",
        f"wrong {THIRD}, line",
        "list() makes another list",
        f"next {FIRST}",
    )


def test_what_stood_before_the_edited_koan_is_confirmed(tiny, learner):
    tiny.solve(*TINY_PATH)
    you = learner()
    you.run_shows("8 of 8", "the end of the path", "all there is to this course")
    save(tiny, LAST, "total += number")
    you.run_shows(f"saved {LAST}: failed", "7 of 8", f"next {LAST}", "Nothing is noted")
    save(tiny, LAST, "total += number\ntotals.append(total)")
    you.run_shows(f"saved {LAST}: solved", "8 of 8", "the end of the path")


def test_an_earlier_koan_that_broke_is_named(tiny, learner):
    tiny.solve(*TINY_PATH)
    you = learner()
    you.run_shows("8 of 8")
    tiny.edit(FOURTH, "from pytest import approx", "from pytest import approx, raises")
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
    you.run_shows("Python can't read this file")
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
    files, _ = tiny.lesson(FIRST)
    text = files.path.read_bytes()
    files.path.unlink()
    you.run_shows("not there any more")
    files.path.write_bytes(text)
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


def test_what_is_whole(tmp_path):
    whole = {"a.py": "x = 1\n", "a.toml": "x = 1\n"}
    partly = {"b.py": "", "c.py": "x = (", "b.toml": "x =", "c.toml": "\n"}
    for name, text in (whole | partly).items():
        (tmp_path / name).write_text(text, "utf-8")
        assert changes.is_whole(tmp_path / name) == (name in whole), name
    assert not changes.is_whole(tmp_path / "gone.py")


def test_which_koans_were_edited(tiny):
    edits = changes.Edits(tiny.course)
    assert edits.find() == [], "nothing has been judged yet"
    edits.settle()
    save(tiny, SECOND, "[3, 3, 3]")
    assert edits.find() == [f"koans/test_01_two_names.py::{SECOND}"]
    assert edits.find() == [f"koans/test_01_two_names.py::{SECOND}"], "not judged yet"
    edits.settle()
    files, lesson = tiny.lesson(SECOND)
    files.path.write_text("# a remark\n" + lesson.source.decoded, "utf-8")
    assert edits.find() == []
    files.path.write_text("def", "utf-8")
    assert edits.find() == ["koans/test_01_two_names.py"]


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
    tiny.solve_before("test_a_copy")
    began = str(tiny.root / "began")
    save(tiny, "test_a_copy", f"open({began!r}, 'w') and __import__('time').sleep(600)")


# ------------------------------------------------------------- hangs and crashes


def test_a_save_during_a_run_starts_anew(tiny, learner):
    hanging(tiny)
    you = learner()
    wait_until((tiny.root / "began").exists)
    save(tiny, "test_a_copy", "list(original)")
    you.run_shows("next test_only_the_even")
    assert len(you.processes) == 1 or sys.platform != "linux"


def test_hangs_and_crashes_are_told_and_the_watch_goes_on(tiny, learner):
    tiny.solve_before("test_a_copy")
    you = learner("--koan-seconds", "1")
    you.run_shows("next test_a_copy")
    save(tiny, "test_a_copy", "[0 for _ in iter(int, 1)]")
    you.run_shows("saved test_a_copy: error", "did not end within 1 s")
    crashes = {
        "os._exit(3)": "ended Python, and so this run (exit code 3).",
        "os.kill(os.getpid(), 11)": "made Python itself crash (SIGSEGV).",
        "os.kill(os.getpid(), 9)": "was killed from outside",
    }
    for crash, told in crashes.items():
        save(tiny, "test_a_copy", crash.replace("os.", "__import__('os')."))
        you.run_shows(f"test_a_copy in koans/test_02_changing_lists.py {told}")
    save(tiny, "test_a_copy", "list(original)")
    you.run_shows("saved test_a_copy: solved", "next test_only_the_even")


def test_a_run_that_pytest_cannot_stop_is_stopped(tiny, engine, monkeypatch):
    """It waits in C, and lets no other thread run."""
    tiny.solve_before("test_a_copy")
    save(tiny, "test_a_copy", "__import__('ctypes').PyDLL(None).sleep(600)")
    monkeypatch.setattr(runs, "GRACE", 0.5)
    monkeypatch.setenv(runs.NO_FORK, "1")
    monkeypatch.setenv("PYTHONPATH", str(engine))
    orders = Orders(("-q", "--koan-seconds=1"), str(tiny.root), str(tiny.root / "told"))
    run = runs.Followed(orders)
    try:
        while (outcome := run.outcome()) is None:
            time.sleep(0.02)
    finally:
        run.cancel()
    assert outcome.next == "koans/test_02_changing_lists.py::test_a_copy"
    assert "did not end within 1 s, and was stopped." in outcome.sentence
    assert run.kinds[f"koans/test_02_changing_lists.py::{FOURTH}"] == "passed"
    assert not (tiny.root / "told").exists()


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


def test_without_a_terminal(tiny, engine):
    """No escape codes, no commands; what was saved is named."""
    log = tiny.root / "log.txt"
    with log.open("wb") as file:
        watch = subprocess.Popen(
            [sys.executable, "-P", "-c", SENSEI, "watch"],
            cwd=tiny.root,
            env=environment(engine, NO_COLOR=""),
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
    "a crash": (TINY_PATH, {"test_a_copy": "__import__('os')._exit(0)"}, 1),
}


@pytest.mark.parametrize(("solved", "fills", "code"), ONCE.values(), ids=ONCE)
def test_once(tiny, engine, solved, fills, code):
    tiny.solve(*solved)
    for koan, fill in fills.items():
        save(tiny, koan, fill)
    assert once(tiny, engine).returncode == code


def test_once_passes_arguments_on(tiny, engine):
    tiny.solve(FOURTH)
    ran = once(tiny, engine, "-k", "counting", "--no-header")
    assert ran.returncode == 0 and "1 passed" in ran.stdout
    ran = once(tiny, engine, "--no-such-option")
    assert ran.returncode == 4 and "--no-such-option" in ran.stderr
    assert "usage: sensei watch" in once(tiny, engine, "--help").stdout


def once(tiny, engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", SENSEI, "watch", "--once", *arguments],
        cwd=tiny.root,
        env=environment(engine),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )


# ------------------------------------------------------ beginning anew, and warm


def test_a_change_of_the_engine_begins_anew(tiny, learner, engine):
    you = learner()
    you.run_shows("Importing pytest", f"next {FIRST}")
    conftest = tiny.root / "conftest.py"
    good = conftest.read_text("utf-8")
    conftest.write_text(f"{good}\nbroken(", "utf-8")
    you.sees("conftest.py", "I go on when that is mended.")
    conftest.write_text(f"{good}\n# a remark\n", "utf-8")
    you.run_shows("Importing pytest", f"next {FIRST}")
    (engine / "sensei" / "added.py").write_text("# a new module\n", "utf-8")
    you.run_shows("Importing pytest", f"next {FIRST}")
    settings = tiny.root / "pyproject.toml"
    good = settings.read_text("utf-8")
    settings.write_text(
        good.replace("[tool.sensei]", "[tool.sensei]\nodd = 1"), "utf-8"
    )
    you.sees("[tool.sensei] does not know odd. I go on when that is mended.")
    settings.write_text(good, "utf-8")
    you.run_shows("Importing pytest", f"next {FIRST}")
    save(tiny, FIRST, "7919")
    you.run_shows(f"next {SECOND}")


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
    you = learner(SENSEI_NO_FORK="1")
    you.run_shows("each run is a new Python process", f"next {FIRST}")
    save(tiny, "test_a_copy", "__import__('os')._exit(3)")
    you.run_shows("test_a_copy in koans/test_02_changing_lists.py ended Python")
    save(tiny, FIRST, "7919")
    seen = you.run_shows(f"saved {FIRST}: solved", f"next {SECOND}")
    assert "new Python process" not in seen, "once is enough"
    (tiny.root / "conftest.py").touch()
    you.run_shows(f"next {SECOND}")
    you.types("q")
    assert you.ends() == 0


def test_nothing_of_one_run_reaches_the_next(tiny, learner):
    """A fill that changes a module changes it for its own run."""
    tiny.solve_before("test_only_the_even")
    you = learner()
    you.run_shows("next test_only_the_even")
    spoils = "(__import__('math').__dict__.update(pi=3) or number % 2 == 0)"
    save(tiny, "test_only_the_even", spoils)
    you.run_shows("saved test_only_the_even: solved", f"next {LAST}")
    reads = "total += number if __import__('math').pi > 3 else 0\ntotals.append(total)"
    save(tiny, "test_only_the_even", "number % 2 == 0")
    you.run_shows(f"next {LAST}")
    save(tiny, LAST, reads)
    you.run_shows(f"saved {LAST}: solved", "the end of the path")


def test_the_real_course(tmp_path, learner, engine):
    """torch is imported once, and no run finds that it can't use it any more."""
    for name in ("koans", "solutions"):
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
