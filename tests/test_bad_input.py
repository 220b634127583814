"""Bad input: each kind ends in one clear message, with a file and a line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tiny import PLAIN, TinyCourse

each_reporter = pytest.mark.parametrize("sugar", [False, True], ids=["plain", "sugar"])
FIRST = "koans/test_01_two_names.py"
SECOND = "koans/test_02_changing_lists.py"


def ends_in(ran, place: str, *says: str) -> None:
    """A red run whose next step is at this place, and says so; no traceback."""
    assert ran.is_red
    ran.is_sound()
    ran.says(f"{place} ", "error ", *says)
    assert ran.text.count(f"{place}: error: ") == 1, ran.text


def solved_but(tiny: TinyCourse, koan: str, fill: str) -> None:
    """Everything solved, but for one koan that is filled with this."""
    tiny.solve(*(other for other in tiny.path if other != koan))
    tiny.fill(koan, fill)


# ------------------------------------------------------- files that can't be read


def spoil(path, change) -> None:
    path.write_bytes(change(path.read_bytes()))


UNREADABLE = {
    "syntax error": (
        lambda b: b.replace(b"counts == __", b"counts == ("),
        "never closed",
        19,
    ),
    "unclosed text": (
        lambda b: b.replace(b"[1, 2]\n    copy", b'"1\n    copy'),
        "unterminated",
        33,
    ),
    "tabs": (
        lambda b: b.replace(b"    copy.append(3)", b"\tcopy.append(3)"),
        "tabs and spaces are mixed",
        35,
    ),
    "indentation": (
        lambda b: b.replace(b"    copy = __", b"      copy = __"),
        "indent",
        34,
    ),
    "not UTF-8": (
        lambda b: b.replace(b"copy grows", b"c\xf6py grows"),
        "not UTF-8",
        31,
    ),
    "UTF-16": (lambda b: b.decode().encode("utf-16"), "encoding", 1),
    "NUL": (lambda b: b.replace(b"copy = __", b"copy = \0"), "null bytes", None),
    "deep": (
        lambda b: b.replace(b"__\n    copy.", b"(" * 999 + b")" * 999 + b"\n    copy."),
        "too many nested",
        34,
    ),
    "deeper": (
        lambda b: b.replace(b"__\n    copy.", b"-" * 3000 + b"1\n    copy."),
        "nested too deeply",
        None,
    ),
    "merge": (
        lambda b: b.replace(b"    copy = __", b"<<<<<<< HEAD\n    copy = __"),
        "invalid syntax",
        34,
    ),
}


@each_reporter
@pytest.mark.parametrize(
    ("change", "says", "line"), UNREADABLE.values(), ids=UNREADABLE
)
def test_a_file_that_cannot_be_read(tiny, change, says, line, sugar):
    tiny.solve(*tiny.path[:3])
    path = tiny.root / SECOND
    before = path.read_bytes()
    spoil(path, change)
    assert path.read_bytes() != before
    hashes = tiny.hashes()
    ran = tiny.run(sugar=sugar)
    ends_in(ran, f"{SECOND}:{line or 1}", "Python can't read this file", says)
    ran.says("3 of ")  # the path goes on up to it
    assert tiny.hashes() == hashes


@each_reporter
@pytest.mark.parametrize("content", [b"", b"\n\n", b"# nothing\n"], ids=repr)
def test_an_empty_file(tiny, content, sugar):
    tiny.solve(*tiny.path[:3])
    (tiny.root / SECOND).write_bytes(content)
    ran = tiny.run(sugar=sugar)
    ends_in(ran, f"{SECOND}:1", "test_counting_letters is not there any more")
    ran.says("3 of 8 koans solved", "sensei reset test_counting_letters")


GONE = {"bare": (), "folder": ("koans",), "all": ("--maxfail=0",)}


@each_reporter
@pytest.mark.parametrize("args", GONE.values(), ids=GONE)
def test_a_lesson_that_is_gone_fails_in_its_place(tiny, args, sugar):
    tiny.solve(*tiny.path[3:])
    (tiny.root / FIRST).unlink()
    ran = tiny.run(*args, sugar=sugar)
    ends_in(
        ran, f"{FIRST}:1", "This lesson's file is not there any more.", "01 two names"
    )
    assert ran.next == "test_01_two_names"


@each_reporter
def test_the_last_lesson_gone(tiny, sugar):
    """So that the ending can't be had by deleting what is left."""
    tiny.solve(*tiny.path)
    (tiny.root / SECOND).unlink()
    ran = tiny.run(sugar=sugar)
    ends_in(ran, f"{SECOND}:1", "This lesson's file is not there any more.", "3 of ")
    assert "end of the path" not in ran.text


def test_every_lesson_gone(tiny):
    for name in (FIRST, SECOND):
        (tiny.root / name).unlink()
    ran = tiny.run("koans")
    ends_in(ran, f"{FIRST}:1", "This lesson's file is not there any more.")


def test_a_lesson_further_on_gone(tiny):
    tiny.solve(*tiny.path)
    (tiny.root / "koans/further_on/test_03_odd_lists.py").unlink()
    assert tiny.run().ret == 0
    ran = tiny.run("koans/further_on")
    ends_in(ran, "koans/further_on/test_03_odd_lists.py:1", "file is not there")


def test_a_lesson_gone_is_no_matter_of_a_partial_run(tiny):
    tiny.solve(*tiny.path[3:])
    (tiny.root / FIRST).unlink()
    assert tiny.run(SECOND).ret == 0
    assert tiny.run("-k", "changing").ret == 0
    assert tiny.run("solutions").ret == 0


# -------------------------------------------------------------- koans not as given

CHANGES = {
    "the check": ("test_a_copy", "assert original == [1, 2]", "assert original", 38),
    "before it": ("test_a_copy", "copy.append(3)", "copy.append(4)", 35),
    "a statement more": (
        "test_a_copy",
        "copy.append(3)",
        "copy.append(3); copy.sort()",
        35,
    ),
    "a statement less": ("test_a_copy", "    copy.append(3)\n", "", 36),
    "a return": ("test_a_sum", "    parts = ", "    return\n    parts = ", 18),
    "a parameter": ("test_a_sum", "def test_a_sum():", "def test_a_sum(size):", 15),
    "a default": ("test_who_grew", "grew(size)", "grew(size=0)", 23),
    "a helper": (
        "test_a_sum",
        "import __",
        "import __\n\n\ndef sum(x):\n    return 1",
        15,
    ),
    "an import": (
        "test_a_sum",
        "from sensei import __",
        "from sensei import __\nimport os",
        13,
    ),
}


@each_reporter
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_koan_that_was_changed(tiny, change, sugar):
    koan, old, new, line = change
    tiny.solve(*tiny.path)
    tiny.edit(koan, old, new)
    ran = tiny.run(sugar=sugar)
    ends_in(ran, f":{line}", "not as it was given")


@each_reporter
@pytest.mark.parametrize("fill", ["__", "1"])
def test_a_koan_that_was_renamed(tiny, fill, sugar):
    tiny.solve_before("test_who_grew")
    tiny.edit("test_who_grew", "def test_who_grew", "def test_mine")
    ran = tiny.run(sugar=sugar)
    assert ran.next == "test_who_grew"
    ends_in(
        ran, f"{FIRST}:1", "test_who_grew is not there any more", "test_mine is new"
    )
    ran.says("1 of 8 koans solved", "sensei reset test_who_grew")


@each_reporter
def test_a_koan_that_was_deleted(tiny, sugar):
    tiny.solve(*tiny.path)
    files, lesson = tiny.lesson("test_who_grew")
    lines = lesson.source.decoded.splitlines(keepends=True)
    node = lesson.function("test_who_grew")
    files.path.write_text("".join(lines[: node.lineno - 1] + lines[node.end_lineno :]))
    ran = tiny.run(sugar=sugar)
    assert ran.next == "test_who_grew"
    ends_in(ran, f"{FIRST}:1", "test_who_grew is not there any more")


@each_reporter
@pytest.mark.parametrize("second", ["pass", "assert True", "assert 1 == __"])
def test_a_koan_that_is_there_twice(tiny, second, sugar):
    tiny.solve(*tiny.path)
    path = tiny.root / FIRST
    path.write_text(f"{path.read_text()}\n\ndef test_a_sum():\n    {second}\n")
    ran = tiny.run(sugar=sugar)
    assert ran.ret == 1 and ran.next == "test_a_sum"
    ran.is_sound()
    ran.says("blank " if "__" in second else "test_a_sum is there twice")


def test_a_koan_hidden_by_a_name(tiny):
    tiny.solve(*tiny.path)
    path = tiny.root / FIRST
    path.write_text(f"{path.read_text()}\n\ntest_a_sum = None\n")
    ran = tiny.run()
    assert ran.ret == 1 and ran.next == "test_a_sum"
    ran.is_sound()


def test_layout_comments_and_prints_are_free(tiny):
    tiny.solve(*tiny.path)
    tiny.edit(
        "test_a_sum",
        "    parts = [7000, 900, 19]",
        "    # :-)\n    parts = [\n 7000, 900, 19,\n ]\n    print(parts)",
    )
    assert tiny.run().ret == 0


# ---------------------------------------------------------- what stops collection

UNRUNNABLE = {
    "yield": ("(yield 1)", "yield or await"),
    "yield from": ("(yield from [1])", "yield or await"),
    "await": ("await original", ""),
}


@each_reporter
@pytest.mark.parametrize(("fill", "says"), UNRUNNABLE.values(), ids=UNRUNNABLE)
def test_a_fill_that_stops_collection(tiny, fill, says, sugar):
    solved_but(tiny, "test_a_copy", fill)
    ran = tiny.run(sugar=sugar)
    assert re.search(rf"^ +{SECOND}:\d+ *$", ran.screen, re.M)
    assert ran.is_red and ran.next in ("test_a_copy", "test_02_changing_lists")
    ran.is_sound()
    ran.says("error ", says)


IMPORTS = {
    "raises": (
        "from sensei import __",
        "from sensei import __\n1 / 0",
        "ZeroDivisionError",
    ),
    "missing": (
        "from sensei import __",
        "import sensai\nfrom sensei import __",
        "sensai",
    ),
    "exits": (
        "from sensei import __",
        "from sensei import __\nraise SystemExit(0)",
        "",
    ),
    "skips": (
        "from sensei import __",
        "import pytest\npytest.skip('', allow_module_level=1)\nfrom sensei import __",
        "",
    ),
    "not a test": (
        "from sensei import __",
        "from sensei import __\n__test__ = False",
        "",
    ),
    "collected": (
        "from sensei import __",
        "from sensei import __\ncollect_ignore = ['*']",
        "",
    ),
}


@each_reporter
@pytest.mark.parametrize(("old", "new", "says"), IMPORTS.values(), ids=IMPORTS)
def test_a_file_that_cannot_be_imported(tiny, old, new, says, sugar):
    tiny.solve(*tiny.path)
    tiny.edit("test_counting_letters", old, new)
    ran = tiny.run(sugar=sugar)
    assert ran.is_red
    ran.is_sound()
    ran.says(SECOND, "error ", says)


# -------------------------------------------------------------------------- notes


def notes_of(tiny: TinyCourse, koan: str):
    return tiny.lesson(koan)[0].notes


BAD_NOTES = {
    "no toml": (lambda text: f"{text}\nhints = [", "Invalid value"),
    "not UTF-8": (lambda text: text.replace("Copy", "C\udcffpy"), "not UTF-8"),
    "no hints": (
        lambda text: text.replace('hints = ["Spell the word.",', "hints = ["),
        "3 hints",
    ),
    "unknown": (lambda text: f"points = 3\n{text}", "points"),
    "asks what?": (
        lambda text: text.replace('asks = "copy = __"', 'asks = "copy ="'),
        "[test_a_copy]",
    ),
}


@each_reporter
@pytest.mark.parametrize(("change", "says"), BAD_NOTES.values(), ids=BAD_NOTES)
def test_notes_that_cannot_be_used(tiny, change, says, sugar):
    tiny.solve(*tiny.path)
    notes = notes_of(tiny, "test_a_copy")
    before = notes.read_text("utf-8")
    assert change(before) != before
    notes.write_text(change(before), "utf-8", errors="surrogateescape")
    ran = tiny.run(sugar=sugar)
    ends_in(ran, f"{SECOND}:1", "test_02_changing_lists.toml", says)


@each_reporter
def test_notes_on_a_koan_that_is_not_there(tiny, sugar):
    tiny.solve(*tiny.path)
    notes = notes_of(tiny, "test_a_copy")
    text = notes.read_text("utf-8")
    notes.write_text(text.replace("test_a_copy", "test_a_cpoy"), "utf-8")
    ran = tiny.run(sugar=sugar)
    ends_in(ran, f"{SECOND}:1", "test_a_cpoy is not there any more")


@each_reporter
def test_notes_that_were_deleted(tiny, sugar):
    """Without them the koans can't be judged: nothing of it may count as solved."""
    tiny.solve(*tiny.path)
    notes_of(tiny, "test_a_copy").unlink()
    ran = tiny.run(sugar=sugar)
    assert ran.ret == 1
    ran.is_sound()
    ran.says("test_02_changing_lists.toml", "error ")


# ------------------------------------------------------------------ odd endings

ENDINGS = {
    "sys.exit()": (
        '__import__("sys").exit()',
        "A fill can't end the run, as SystemExit",
    ),
    "sys.exit(0)": (
        '__import__("sys").exit(0)',
        "A fill can't end the run, as SystemExit",
    ),
    "exit()": ("exit()", "A fill can't end the run, as SystemExit"),
    "pytest.exit()": (
        '__import__("pytest").exit("no")',
        "A fill can't end the run, as Exit",
    ),
    "pytest.skip()": ('__import__("pytest").skip("no")', "A fill can't skip a koan"),
    "importorskip": (
        '__import__("pytest").importorskip("nosuch")',
        "A fill can't skip a koan",
    ),
    "pytest.xfail()": (
        '__import__("pytest").xfail("no")',
        "A fill can't end the run, as XFailed",
    ),
    "pytest.fail()": (
        '__import__("pytest").fail("no")',
        "A fill can't end the run, as Failed",
    ),
    "SkipTest": (
        'exec("from unittest import SkipTest; raise SkipTest")',
        "A fill can't skip a koan",
    ),
    "SystemExit": (
        'exec("raise SystemExit")',
        "A fill can't end the run, as SystemExit",
    ),
    "KeyboardInterrupt": (
        'exec("raise KeyboardInterrupt")',
        "A fill can't end the run, as KeyboardInterrupt",
    ),
    "GeneratorExit": (
        'exec("raise GeneratorExit")',
        "A fill can't end the run, as GeneratorExit",
    ),
    "RecursionError": ("(f := lambda: f())()", "raises RecursionError"),
}


@each_reporter
@pytest.mark.parametrize(("fill", "says"), ENDINGS.values(), ids=ENDINGS)
def test_a_fill_that_would_end_or_excuse(tiny, fill, says, sugar):
    solved_but(tiny, "test_a_copy", fill)
    ran = tiny.run("--junitxml=junit.xml", sugar=sugar)
    assert ran.is_red and ran.next == "test_a_copy"
    ran.is_sound()
    ran.says("error ", f"{SECOND}:34", says)
    assert tiny.verdicts()["test_a_copy"] == "error"


def test_a_fill_that_hands_the_skip_on(tiny):
    """What is called may be the code that was given."""
    tiny.solve_before("test_a_copy")
    function = "import pytest\\ndef skip(item): pytest.skip('no')"
    given = f'(d := {{}}, exec("{function}", d), d["skip"])[2]'
    tiny.fill("test_a_copy", f'__import__("types").SimpleNamespace(append={given})')
    ran = tiny.run()
    assert ran.is_red and ran.next == "test_a_copy"
    ran.says("A fill can't skip a koan")


# ------------------------------------------------------------------- under xdist

SPIN = "while True:\n    pass"
DEAF = """\
while True:
    try:
        while True:
            pass
    except BaseException:
        pass"""
SLEEP = '__import__("time").sleep(60)'


BADLY = {
    "unreadable": (
        lambda tiny: spoil(tiny.root / FIRST, lambda b: b"\xff" + b),
        "skip",
        SPIN,
    ),
    "gone": (lambda tiny: (tiny.root / FIRST).unlink(), "sys.exit()", "await total"),
    "empty": (
        lambda tiny: (tiny.root / FIRST).write_text(""),
        "pytest.exit()",
        "yield",
    ),
    "exits": (
        lambda tiny: tiny.edit(
            "test_a_sum", "import __", "import __\nraise SystemExit"
        ),
        "KeyboardInterrupt",
        "raise SystemExit",
    ),
}


@pytest.mark.parametrize(("harm", "ending", "body"), BADLY.values(), ids=BADLY)
def test_under_xdist_it_reads_the_same(tiny, harm, ending, body):
    tiny.solve("test_a_tenth_three_times")
    harm(tiny)
    tiny.fill("test_a_copy", ENDINGS.get(ending, ENDINGS["pytest.skip()"])[0])
    tiny.fill("test_running_totals", body)
    args = ("--maxfail=0", "--koan-seconds=0.5", "--junitxml=junit.xml")
    alone, verdicts = tiny.run(*args), tiny.verdicts()
    both = tiny.run(*args, "-n2")
    both.is_sound()
    assert both.screen == alone.screen and both.ret == alone.ret == 1
    assert tiny.verdicts() == verdicts
    assert "error" in verdicts.values()


# -------------------------------------------------------------------------- time


@each_reporter
def test_a_loop_that_never_ends(tiny, sugar):
    solved_but(tiny, "test_running_totals", SPIN)
    started = time.monotonic()
    ran = tiny.run("--koan-seconds=0.3", sugar=sugar)
    assert time.monotonic() - started < 10
    assert ran.is_red and ran.next == "test_running_totals"
    ran.is_sound()
    ran.says("error ", "It did not end within 0.3 s; it was at line 5", "7 of 8 koans")


def test_the_time_limit_of_the_course(tiny):
    settings = tiny.root / "pyproject.toml"
    settings.write_text(f"{settings.read_text('utf-8')}seconds = 0.2\n", "utf-8")
    solved_but(tiny, "test_running_totals", SPIN)
    tiny.run().says("It did not end within 0.2 s")


def test_after_a_hang_the_next_koan_runs_as_ever(tiny):
    """Python 3.11 can be left unable to run anything under a trace function."""
    tiny.solve_before("test_only_the_even")
    tiny.fill("test_only_the_even", 'exec("while True: pass")')
    tiny.fill("test_running_totals", "total += number")
    tiny.run("--maxfail=0", "--koan-seconds=0.5", "--junitxml=junit.xml")
    xml = (tiny.root / "junit.xml").read_text("utf-8")
    assert xml.count("did not end within") >= 2
    assert xml.count('name="sensei-story"') == 2  # of the koan behind, on each size


def test_the_next_koan_is_not_hit_by_a_limit_that_has_passed(tiny):
    tiny.solve(*tiny.path)
    for _ in range(5):
        ran = tiny.run("--maxfail=0", "--koan-seconds=0.00005")
        assert ran.ret in (0, 1)
        ran.is_sound()


HANGS = {
    "sleep": ("test_a_copy", SLEEP, f"{SECOND}:34"),
    "deaf": ("test_running_totals", DEAF, f"{SECOND}:"),
}


@pytest.mark.parametrize(("koan", "fill", "place"), HANGS.values(), ids=HANGS)
@pytest.mark.parametrize("args", [(), ("-n2",), ("-s",)], ids=["alone", "xdist", "-s"])
def test_a_hang_that_cannot_be_stopped(tiny, koan, fill, place, args):
    solved_but(tiny, koan, fill)
    conftest = tiny.root / "conftest.py"
    patch = "import sensei.watchdog\n\nsensei.watchdog.GRACE = 0.2\n"
    conftest.write_text(f"{conftest.read_text()}\n{patch}")
    started = time.monotonic()
    ran = tiny.run_apart("--koan-seconds=0.5", *args)
    assert time.monotonic() - started < 15
    assert ran.ret in (1, 2)
    assert re.search(
        rf"{place}\d*: {koan} did not end within 0.5 s, and can't be stopped", ran.text
    )
    if "-n2" in args:
        assert ran.next == koan


# ------------------------------------------------------------------------ Ctrl-C

PATIENT = """\
open("started", "w").close()
for _ in range(3000):
    __import__("time").sleep(0.01)"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_ctrl_c_interrupts_the_run(tiny):
    solved_but(tiny, "test_running_totals", PATIENT)
    child = subprocess.Popen(
        [sys.executable, "-m", "pytest", *PLAIN],
        cwd=tiny.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not (tiny.root / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=20)
    assert child.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in said and "7 of 8 koans solved" in said
    assert os.path.basename(SECOND) in said
