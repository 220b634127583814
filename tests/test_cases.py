"""What users met and should not: each kind of it, through pytest itself.

Numbers in the headings are those of the list of cases that this was built against.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import forks
from sensei import edit, judge, screen
from sensei.explain import explained
from sensei.lesson import Koan
from sensei.progress import Progress, Step, Stretch
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Limits
from sensei.work import Work
from tiny import HERE, PLAIN, TinyCourse, blank_in, without_chance

FIRST = "koans/test_01_two_names.py"
SECOND = "koans/test_02_changing_lists.py"
BODY = "    parts = [7000, 900, 19]\n\n    assert sum(parts) == "


def reworked(tiny: TinyCourse, before: str, asks: str, fill: str) -> None:
    """Make another koan of test_a_sum: its statements, what it asks, what fills it."""
    lesson = tiny.lesson("test_a_sum")
    lines = f"{before}\n{asks}".splitlines()
    body = "\n".join(f"    {line}" for line in lines)
    for path, value, new in (
        (lesson.path, "__", "__"),
        (lesson.solution_path, "7919", fill),
    ):
        text = path.read_text("utf-8")
        assert text.count(BODY + value) == 1
        path.write_text(text.replace(BODY + value, body.replace("__", new)), "utf-8")
    notes = lesson.notes_path.read_text("utf-8")
    old = 'asks = "assert sum(parts) == __"'
    assert notes.count(old) == 1
    lesson.notes_path.write_text(notes.replace(old, f"asks = '''{asks}'''"), "utf-8")


def revealed(tiny: TinyCourse, name: str, seconds: float = 60.0) -> Verdict:
    """The verdict on a koan as it stands, as one who asks for the answer is told it."""
    work, koan = tiny.work(name), tiny.koan(name)
    attempt = work.attempt(koan)
    if isinstance(attempt, Verdict):
        return attempt
    exec(attempt.code, vars(work.module))
    verdict, outcome = judge.decide(attempt, {}, Limits(seconds))
    return explained(outcome, verdict, reveal=True) if outcome else verdict


def shown(koan: Koan, work: Work, verdict: Verdict, **request: Any) -> str:
    """The screen of a koan that does not pass, when its lesson is all there is."""
    step = Step(koan.lesson, koan.name, koan, verdict, True)
    progress = Progress("", (Stretch(koan.lesson, work, (step,)),))
    lines = screen.lines(progress, screen.Request(**request))
    return "\n".join("".join(span.text for span in line) for line in lines)


# ------------------------------------------------------------- 2: looked at just once

EACH = "seen, rest, more = iter([1, 2, 3]), [3, 2, 1], [1]"
LOOKING_CHANGES_IT = {
    "what stands there does": (
        EACH,
        "assert [next(seen), rest.pop(), more.append(2), len(more)] == __",
        "[1, 1, None, 2]",
    ),
    "what comes later does": ("seen = [1]", "assert seen == __\nseen.append(2)", "[1]"),
}
VIEWS = [(), ("-l", "--tb=long", "-vv"), ("--assert=plain",)]


@pytest.mark.parametrize(
    ("before", "asks", "answer"), LOOKING_CHANGES_IT.values(), ids=LOOKING_CHANGES_IT
)
def test_what_is_asked_about_is_worked_out_once(tiny, before, asks, answer):
    reworked(tiny, before, asks, answer)
    untouched = tiny.main / "test_01_two_names.py"
    text = untouched.read_text("utf-8")
    tiny.fill("test_a_sum", "[9, 9, 9, 9]" if before == EACH else "[99]")
    for args in VIEWS if before == EACH else VIEWS[:1]:
        ran = tiny.run("--reveal", "-k", "a_sum", *args)
        assert ran.next == "test_a_sum" and "wrong " in ran.screen
        ran.says(f"answer  {answer}")
    untouched.write_text(text, "utf-8")
    tiny.fill("test_a_sum", answer)
    tiny.run().says("1 of 8 koans solved")


# ------------------------------------------- 3, 4: what was saved last is what is run

EDITS = {
    "test_a_sum": ["7919", "-999", "7900", "7919", "-1"],
    "test_a_copy": ["list(original)", "original", "original[:]", "[]", "[*original]"],
}
TWICE = """\
import json, sys, pathlib, pytest
for i, texts in enumerate(json.load(sys.stdin)):
    for path, text in texts.items():
        pathlib.Path(path).write_text(text)
    pytest.main(["-q", "-k", "a_sum or copy", f"--junitxml={i}.xml", *sys.argv[1:]])
"""


def test_runs_in_one_process_with_edits_between(tiny):
    """As in the kernel of a notebook: right five times of five."""
    paths = {koan: tiny.lesson(koan).path for koan in EDITS}
    untouched, texts = {p: p.read_text("utf-8") for p in paths.values()}, []
    for fills in zip(*EDITS.values(), strict=True):
        for koan, fill in zip(EDITS, fills, strict=True):
            paths[koan].write_text(untouched[paths[koan]], "utf-8")
            tiny.fill(koan, fill)
        texts.append({str(p): p.read_text("utf-8") for p in untouched})
    command = ["-c", TWICE, *PLAIN, "--maxfail=0"]
    ran = forks.python(command, tiny.root, typed=json.dumps(texts))
    assert ran.returncode == 0, ran.stdout
    right = ("7919", "list(original)", "original[:]", "[*original]")
    for i in range(len(texts)):
        (tiny.root / f"{i}.xml").replace(tiny.root / "junit.xml")
        told = tiny.told()
        assert [*told] == [*EDITS]
        for koan, verdict in told.items():
            assert verdict.wrote == EDITS[koan][i]
            assert (verdict.kind is Kind.PASSED) == (verdict.wrote in right), verdict


def test_a_file_saved_twice_within_a_second(tiny, monkeypatch):
    """Of one size and of one time, as far as the file system can tell: of a lesson no
    bytecode is kept, which would be what runs.
    """
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tiny.lesson("test_a_sum").path
    text = path.read_text("utf-8")
    for fill in ("7900", "7919", "7901"):
        path.write_text(text.replace("== __", f"== {fill}", 1), "utf-8")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        ran = tiny.run()
        if fill == "7919":
            ran.says("1 of 8 koans solved")
        else:
            ran.says("0 of 8 koans solved", f"you wrote: {fill}")
    kept = [file.name for file in tiny.root.rglob("*.pyc")]
    assert kept and not [name for name in kept if name.startswith("test_")]


def test_an_older_pytest_is_told_so():
    """What is asked for at installation is what a run asks for, too."""
    settings = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    least = settings["tool"]["pytest"]["ini_options"]["minversion"]
    assert f"pytest>={least}" in settings["project"]["dependencies"]


# --------------------------------------------- 5: a wrong guess, and the answer nowhere

GUESSES = {
    "test_a_sum": "1234",
    "test_who_grew": "[0, 0, 9]",
    "test_same_or_equal": "[None, None, None]",
    "test_counting_letters": '{"k": 9, "a": 8, "y": 7}',
    "test_a_tenth_three_times": "0.123",
}
ANSWERS = {
    "test_a_sum": ["7919"],
    "test_who_grew": ["[3, 3, 4]", "[4, 4, 5]"],
    "test_same_or_equal": ["[True, False, True]"],
    "test_counting_letters": ["'k': 2", '"k": 2', '"k\\": 2', "&quot;k&quot;: 2"],
    "test_a_tenth_three_times": ["0.3000", "approx(0.3)", "0.3 ", "=0.3"],
}


ONLY_GUESSED = ("-k", " or ".join(GUESSES))


def guessed(tiny: TinyCourse) -> None:
    for koan, guess in GUESSES.items():
        tiny.fill(koan, guess)


def written(tiny: TinyCourse) -> str:
    """All that lies in the course's folder and is not a part of the course."""
    known = {"solutions", "koans"}
    return "\n".join(
        path.read_text("utf-8", "replace")
        for path in sorted(tiny.root.rglob("*"))
        if path.is_file() and not known & {*path.relative_to(tiny.root).parts}
    )


def answers_in(text: str) -> list[str]:
    """An address, or a clock with five digits behind its point, is none by chance."""
    text = without_chance(text)
    return [a for answers in ANSWERS.values() for a in answers if a in text]


def test_an_answer_is_found_and_a_clock_is_none():
    clocks = "'start': 1795677919.7919234, 'duration': 2.79191e-05, 0x7f7919e4f90"
    assert not answers_in(f"{clocks}, 07:13:06.567919 T10:41:22.791952+00:00")
    assert answers_in(f"{clocks}, '7919'") == ["7919"]
    assert answers_in("0.30000000000000004") == ["0.3000"]


FLAGS = [
    "-q -rA",
    "--tb=native -l --doctest-modules",
    "--tb=short -l -W error --stepwise",
    "--tb=line -rA --setup-show --durations=0",
    "-p xdist.plugin -n1 -l --tb=long -vv",
    "--assert=plain -l --tb=long --hint --hint --hint",
    "-o enable_assertion_pass_hook=true -vv -l",
    "--log-level=DEBUG --log-file=log.txt --debug",
]
COMBINATIONS = [*((flags, False) for flags in FLAGS), ("-l --tb=long -v", True)]


def tells_nothing(tiny: TinyCourse, *args: str, sugar: bool = False) -> None:
    """A run of guesses says what they are, and nowhere what they should be."""
    guessed(tiny)
    args = (*args, "--maxfail=0", "--junitxml=junit.xml")
    ran = tiny.run(*args, sugar=sugar)
    assert ran.ret in (1, 2) and ran.next == "test_a_sum"  # 2: --stepwise
    assert "1234" in ran.text + written(tiny)
    assert not answers_in(ran.raw + written(tiny))


@pytest.mark.parametrize(("flags", "sugar"), COMBINATIONS)
def test_no_flag_tells_the_answer(tiny, flags, sugar):
    tells_nothing(tiny, *flags.split(), *ONLY_GUESSED, sugar=sugar)


def test_nor_does_a_trace_of_all_there_is(tiny):
    """Of a koan of each sort: pytest reads its own sources for each."""
    args = ("-l", "--full-trace", "--tb=long", "-vv", "-s", "-rA")
    tells_nothing(tiny, *args, "-k", "a_sum or tenth")


def test_nor_do_those_that_failed_when_they_are_run_again(tiny):
    guessed(tiny)
    tiny.run("--maxfail=0", "-l")
    again = tiny.run("--maxfail=0", "-l", "--lf")
    assert "rerun previous" in again.text and again.next == "test_a_sum"
    assert not answers_in(again.raw + written(tiny))


def test_asking_tells_it(tiny):
    """So that what the others look for is what there is to be found."""
    guessed(tiny)
    screen = tiny.run("--maxfail=0", "--junitxml=junit.xml", "--reveal").screen
    told = {name.partition("[")[0]: v.answer for name, v in tiny.told().items()}
    found = [koan for koan in GUESSES if answers_in(f"{told[koan]} ")]
    assert found == list(GUESSES)
    both = screen, tiny.run("-k", "who_grew", "--reveal").screen
    for screen, answer in zip(both, ["7919", "[3, 3, 4]"], strict=True):
        [line] = [line for line in screen.splitlines() if " answer " in line]
        assert line.endswith(answer)


AROUND = ["p locals()", "args", "ll", "w", *["up", "p locals()"] * 30]


def test_nor_does_a_debugger_behind_it(tiny):
    guessed(tiny)
    koans = ("--maxfail=0", "-k", "a_sum or tenth")
    typed = (*AROUND, "c") * 2
    ran = tiny.run_apart("--pdb", "-l", "--tb=long", *koans, typed=typed)
    assert ran.ret == 1 and ran.next == "test_a_sum"
    assert ran.text.count("(Pdb)") > 60
    assert not answers_in(ran.text)


SPY = """\
import sys, types
import pytest

LOG = open("spied.txt", "w", encoding="utf-8")
KNOWN = set()


def note(*things, depth=4):
    for thing in things:
        try:
            print(repr(thing), file=LOG, flush=True)
        except Exception as error:
            print(error, file=LOG)
        if depth and id(thing) not in KNOWN and type(thing).__module__ != "builtins":
            KNOWN.add(id(thing))
            note(*getattr(thing, "__dict__", {}).items(), depth=depth - 1)
        if depth and isinstance(thing, (list, tuple, dict)):
            inner = thing.items() if isinstance(thing, dict) else thing
            note(*inner, depth=depth - 1)


def pytest_assertrepr_compare(config, op, left, right):
    note("compare", op, left, right)


def pytest_assertion_pass(item, lineno, orig, expl):
    note("pass", orig, expl)


def pytest_runtest_logreport(report):
    note(vars(report), report.longreprtext, report.sections, report.user_properties)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    note(vars(report), vars(call), report.longreprtext)
    trace = call.excinfo and call.excinfo.value.__traceback__
    while trace:
        note(trace.tb_frame.f_code.co_name, dict(trace.tb_frame.f_locals), depth=2)
        trace = trace.tb_next
    return report


def pytest_exception_interact(node, call, report):
    error = call.excinfo.value
    note(error, error.args, error.__context__, error.__cause__, str(error))
"""


def test_nor_does_a_plugin_that_reads_all_that_pytest_is_told(tiny):
    """As those of an IDE do: comparisons, reports, exceptions, frames' locals."""
    guessed(tiny)
    (tiny.root / "spy.py").write_text(SPY, "utf-8")
    ini = "enable_assertion_pass_hook=true"
    ran = tiny.run_apart(
        "-p", "spy", "-l", "--maxfail=0", "-o", ini, PYTHONPATH=_here(tiny)
    )
    ran.says("0 of 8 koans solved")
    spied = (tiny.root / "spied.txt").read_text("utf-8")
    assert "1234" in spied and "0.123" in spied and "_decide" not in spied
    assert not answers_in(spied)


def _here(tiny: TinyCourse) -> str:
    return os.pathsep.join([os.environ["PYTHONPATH"], str(tiny.root)])


# ----------------------------------------------------------------- 6: at a debugger


def test_a_koan_that_is_stepped_through_is_judged_and_time_does_not_run_out(tiny):
    conftest = tiny.root / "conftest.py"
    patch = "import sensei.watchdog\n\nsensei.watchdog.GRACE = 0.1\n"
    conftest.write_text(f"{conftest.read_text()}\n{patch}")
    tiny.fill("test_a_sum", "7919")
    types = ("n", "p parts", "import time", "time.sleep(0.8)", "c")
    ran = tiny.run_apart("--trace", "--koan-seconds=0.3", "-k", "a_sum", typed=types)
    assert "(Pdb) [7000, 900, 19]" in ran.text and "did not end" not in ran.text
    assert ran.ret == 0
    ran.says("solved  test_a_sum", "1 of 8 koans solved")


LEFT = {"by q": (("q",), ("-s", "--maxfail=0", "-k", "a_sum")), "unread": ((), ())}


@pytest.mark.parametrize(("types", "args"), LEFT.values(), ids=LEFT)
def test_a_debugger_that_was_left_solves_nothing(tiny, types, args):
    """By q, or as there is no more to be read."""
    tiny.fill("test_a_sum", "7919")
    ran = tiny.run_apart("--trace", *args, typed=types)
    assert ran.ret in (1, 2) and "(Pdb)" in ran.text
    assert "1 passed" not in ran.text and "solved  test" not in ran.text
    if not types:  # else the run ends there, without a screen
        assert "bdb.py" not in ran.screen, ran.screen  # it is about the koan
        ran.says("error ", "did not come to its last check")


def test_so_does_one_of_pythons_own(tiny):
    """In a new Python: in a fork of this one, breakpoint() is this pytest's."""
    tiny.fill("test_a_sum", "7919")
    tiny.edit("test_a_sum", "    parts = ", "    breakpoint()\n    parts = ")
    ran = tiny.run_apart("-s", "-p", "no:debugging", typed="q", python=["-B"])
    assert ran.is_red and ran.next == "test_a_sum"
    ran.says("error   The debugger was left before the koan had come to its end.")


def stops(tiny: TinyCourse) -> None:
    """A breakpoint in given lines of a koan of code that fails."""
    tiny.solve_before("test_only_the_even")
    tiny.fill("test_only_the_even", "number > 99")
    line = "    for number in range(2 * size):\n"
    tiny.edit("test_only_the_even", line, f"    breakpoint()\n{line}")


@pytest.mark.parametrize("args", [(), ("-s", "--reveal")], ids=str)
def test_a_breakpoint_stops_once(tiny, args):
    """Whatever the engine runs again, for its own sake."""
    stops(tiny)
    ran = tiny.run_apart(*args, typed=("p kept", "c"))  # a third time would hit the end
    assert ran.ret == 1 and ran.next == "test_only_the_even"
    assert ran.text.count("(Pdb)") == 2, ran.text
    assert "PDB set_trace" in ran.text and "[]" in ran.text
    ran.says("failed  you wrote: number > 99")


BREAKPOINTS = {
    "pdb": (("-m", "pdb"), ("-s",), (f"b {FIRST}:20", "c", "p parts", "c", "q")),
    "trace": ((), ("--trace",), (f"b {FIRST}:20", "c", "p parts", "c")),
}


@pytest.mark.parametrize(
    ("python", "args", "types"), BREAKPOINTS.values(), ids=BREAKPOINTS
)
def test_a_breakpoint_by_line_stops_in_a_koan(tiny, python, args, types):
    tiny.fill("test_a_sum", "7900")
    ran = tiny.run_apart(*args, python=python, typed=types)
    assert "test_01_two_names.py(20)test_a_sum()" in ran.text
    assert "(Pdb) [7000, 900, 19]" in ran.text
    assert ran.next == "test_a_sum"
    ran.says("wrong   you wrote: 7900", "That leaves the last part out.")
    assert not answers_in(ran.text)


# ------------------------------------------- 11: what is offered is there to be had

ENDED = {
    "failed": "original",
    "raises": "original[0]",
    "hangs": "[n for n in iter(int, 1)]",
    "not compiled": "*original",
    "unreadable": "original[",
    "refused": "eval('1')",
    "blank": "__",
}


@pytest.mark.parametrize("fill", ENDED.values(), ids=ENDED)
def test_where_the_answer_is_offered_it_is_told(tiny, fill):
    tiny.edit("test_a_copy", "copy = __", f"copy = {fill}")
    verdict = revealed(tiny, "test_a_copy", seconds=0.1)
    koan, work = tiny.koan("test_a_copy"), tiny.work("test_a_copy")
    plain, asked = (shown(koan, work, verdict, reveal=asks) for asks in (False, True))
    assert "not in this copy" not in asked
    offered = "pytest --reveal" in plain
    assert offered == (fill not in ("original[", "__"))
    assert offered == (" answer " in asked and "list(original)" in asked)
    assert offered or "reveal  W" in asked  # it says why there is none


# --------------------------------------------------- 10: what is the only clue is whole


def test_long_values_are_shown_whole(tiny):
    numbers = [n * 7 for n in range(1000, 1060)]
    reworked(
        tiny, "seen = list(range(7000, 7420, 7))", "assert seen == __", f"{numbers}"
    )
    tiny.fill("test_a_sum", f"{numbers[:-1] + [1]}")
    ran = tiny.run("--reveal")
    ran.says("Entry 60 does not hold.")
    assert str(numbers) in ran.screen and "..." not in ran.screen


@pytest.mark.parametrize("index", [0, 2, 4])
def test_the_first_entry_that_differs_is_shown(tiny, index):
    """Of a list too long for the screen; and it is told that there is more."""
    tiny.solve_before("test_only_the_even")
    for folder in ("koans", "solutions"):
        path = tiny.root / folder / "test_02_changing_lists.py"
        text = path.read_text("utf-8").replace("2 * size", "20 * size")
        path.write_text(text, "utf-8")
    wrong = 8 * index
    tiny.fill("test_only_the_even", f"number % 2 == 0 and number != {wrong}")
    ran = tiny.run()
    ran.says(f"entry {wrong // 2 + 1} {wrong + 2} {wrong} ←")
    ran.says("20 in all; the others are not shown")


# ----------------------------------------------- 12: nothing, rather than "nothing has"


@pytest.mark.parametrize("args", [(), ("--reveal",)], ids=str)
def test_where_there_is_no_story_nothing_is_said(tiny, args):
    watch = "from contextlib import nullcontext\n\n\ndef watch(path, events):\n"
    (tiny.root / "teller.py").write_text(f"{watch}    return nullcontext()\n")
    guessed(tiny)
    tiny.solve("test_a_copy")
    tiny.fill("test_only_the_even", "number % 2")
    tiny.fill("test_running_totals", "[][1]")
    koans = ["test_who_grew", tiny.path[-2]] if args else tiny.path[-2:]
    for koan in koans:
        ran = tiny.run("-k", koan, *args)
        assert ran.next == koan
        assert " story " not in ran.screen and "othing that" not in ran.screen
        assert "changed" not in ran.screen


# ------------------------------------------------ 14: a slip leaves the other marks be

SLIPS = {
    "a bracket": ("assert [len(first), ", "assert [len(first, "),
    "a quote": ('"""second is', '""second is'),
    "a colon": ("def test_who_grew(size):", "def test_who_grew(size)"),
    "an indent": ("    second.append(1)", "  second.append(1)"),
    "a tab": ("    third.append(2)", "\tthird.append(2)"),
    "bytes": ("third is a copy", "third is \udcff copy"),
    "a mark": ("def test_who_grew", "@pytest.mark.skip(\ndef test_who_grew"),
}


@pytest.mark.parametrize(("old", "new"), SLIPS.values(), ids=SLIPS)
def test_a_slip_spoils_one_koan(tiny, old, new):
    """Of a lesson that is untouched, and of one that is solved."""
    lesson = tiny.lesson("test_who_grew")
    for solved in (False, True):
        if solved:
            tiny.solve(*tiny.path)
        text = lesson.path.read_text("utf-8")
        assert text.count(old) == 1
        spoilt = text.replace(old, new).encode("utf-8", "surrogateescape")
        for name, koan in lesson.koans.items():
            found = Work(lesson, spoilt).attempt(koan)
            kind = found.kind if isinstance(found, Verdict) else None
            other = None if solved else Kind.BLANK  # None: it can be run
            assert kind == (Kind.ERROR if name == "test_who_grew" else other)
    if new == SLIPS["a mark"][1]:  # even the name of the koan has to be looked for
        lesson.path.write_bytes(spoilt)
        ran = tiny.run("--maxfail=0")
        assert ran.next == "test_who_grew"
        ran.says("7 of 8 koans solved", "Python can't read this", "How long is each?")


WHOLE = {
    "encoding": lambda text: f"# coding: latin-1\n{text}".encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "import": lambda text: text.replace("import __", "import __, nosuch").encode(),
    "gone": None,
}


@pytest.mark.parametrize("changes", [("encoding", "gone"), ("import", "UTF-16")])
def test_a_whole_lesson_that_cannot_be_read_counts_no_koan_more(tiny, changes):
    tiny.solve(*tiny.path)
    for name, change in zip((FIRST, SECOND), changes, strict=True):
        path, spoil = tiny.root / name, WHOLE[change]
        text = path.read_text("utf-8")
        path.write_bytes(spoil(text)) if spoil else path.unlink()
        if change == "import":
            path = tiny.root / "solutions" / path.name
            path.write_bytes(spoil(path.read_text("utf-8")))
    ran = tiny.run("--maxfail=0", "--junitxml=junit.xml")
    assert ran.ret == 1
    ran.says("0 of 8 koans solved", "0/3")
    verdicts = tiny.verdicts()
    assert {*verdicts.values()} == {"error"}
    told = {name.partition("[")[0] for name in verdicts}
    for lesson in tiny.course.lessons[:2]:
        assert lesson.path.stem in told or {*lesson.notes.koans} <= told


# ------------------------------------------- 19: what is free, and what stands beside

ADDED = """
def test_that_passes(): pass
def test_that_fails(): assert 0
def test_a_sun(): assert 1 == __
class TestMine:
    def test_it(self): assert 0
def helper(x): return x + 1
def sum(x): return 1
len = list = None
import math, pytest
from os import path as test_path
@pytest.fixture(autouse=True)
def broken(): 1 / 0
def setup_function(): 1 / 0
def pytest_generate_tests(metafunc): 1 / 0
pytestmark = None
__test__ = False
collect_ignore = ["*"]
if __name__ == "__main__":
    test_a_sum()
test_a_sum = None
print("was added")
"""
# What would end the import if any line of it were run.
ENDING = """
breakpoint()
import nosuch
1 / 0
import sys
sys.exit(0)
import pytest
pytest.skip('', allow_module_level=True)
"""


@pytest.mark.parametrize("added", [ADDED, ENDING], ids=["changes", "ends"])
def test_what_is_added_beside_the_koans_has_no_effect(tiny, added):
    """At the top of one lesson, and at the bottom of another."""
    tiny.solve(*tiny.path[:-1])
    top, bottom = tiny.root / FIRST, tiny.root / SECOND
    head = "from sensei import __\n"
    text = top.read_text("utf-8").replace(head, f"{head}\n{added}\n", 1)
    top.write_text(text, "utf-8")
    bottom.write_text(f"{bottom.read_text('utf-8')}\n\n{added}\n", "utf-8")
    ran = tiny.run("--maxfail=0", "--junitxml=junit.xml")
    assert ran.next == "test_running_totals" and "was added" not in ran.text
    ran.says("blank ", "7 of 8 koans solved")
    assert "collected 11 items" in ran.text
    assert {name.partition("[")[0] for name in tiny.told()} == {*tiny.path}


LOOKS = """
    print(parts)
    print(f'{parts=}', repr(parts))
    from pprint import pprint; pprint(parts)
    "a note"
    # a note
"""
STOPS = "\n    breakpoint()\n    import pdb; pdb.set_trace()\n"
FREE = {
    "looks": (LOOKS, "7919"),
    "stops": (STOPS, "7919"),
    "blank": (f"{LOOKS.rstrip()}{STOPS}", "__"),
}


@pytest.mark.parametrize(("looks", "fill"), FREE.values(), ids=FREE)
def test_what_only_looks_is_free_in_a_koan(tiny, looks, fill):
    """A blank is told, and nothing stops on the way to it."""
    before = looks.replace("parts", "1").strip("\n")
    tiny.edit("test_a_sum", "    parts = ", f"{before}\n    parts = ")
    tiny.edit("test_a_sum", "900, 19]\n", f"900, 19]{looks}")
    if fill != "__":
        tiny.fill("test_a_sum", fill)
    stops = looks == STOPS
    ran = tiny.run_apart(typed="cccc") if stops else tiny.run()
    assert ran.text.count("(Pdb)") == (4 if stops else 0)
    solved = ("0 of 8", "blank ") if fill == "__" else ("1 of 8", "solved  test_a_sum")
    ran.says(*solved)


@pytest.mark.parametrize("fill", ["7919", "7900"])
def test_a_look_that_raises_is_told_and_nothing_else(tiny, fill):
    """Nobody knows yet whether the answer is right."""
    tiny.edit("test_a_sum", "900, 19]\n", "900, 19]\n    print(max(0))\n")
    tiny.fill("test_a_sum", fill)
    ran = tiny.run()
    ran.says(f"error   you wrote: {fill}", "`print(max(0))` raises TypeError")
    assert "leaves the last part out" not in ran.screen


# ----------------------------------------------------- 20: it fits, and repeats nothing


def test_what_is_told_of_a_wrong_prediction_fits_the_screen():
    """Each koan's first mistake in 25 lines, and one is for which entries hold."""
    import this_course as course

    for koan in (koan for koan in course.KOANS if koan.note.is_prediction):
        mistake = next(m for m in koan.note.mistakes if "..." not in m.fill)
        verdict = Verdict(Kind.WRONG, mistake.says, wrote=mistake.fill)
        work = Work(koan.lesson, course.solved(koan).encode())
        assert len(shown(koan, work, verdict).splitlines()) < 25, koan.name


def test_what_is_told_of_wrong_code_fits_the_screen():
    """Where most is asked: in 40 lines, with a check's table, and the story."""
    import this_course as course

    waiting = "test_14_one_window_two_ranks"  # for seconds, where one goes wrong
    codes = [k for k in course.KOANS if course.is_code(k) and k.lesson.name != waiting]
    asking = [koan for koan in codes if koan.note.asks.count("\n") >= 3]
    for koan in asking:
        text = course.filled(koan, koan.note.mistakes[0].fill)
        verdict, outcome = course.decided(koan, text)
        assert outcome, koan.name
        told = explained(outcome, verdict, reveal=False)
        assert told.story and told.kind in (Kind.FAILED, Kind.ERROR)
        said = shown(koan, outcome.attempt.work, told)
        assert len(said.splitlines()) <= 40, said
    assert len(asking) > 5


TRIES = ['{"k": 1, "a": 1, "y": 1}', "dict(counts)", "{", '"k", 2']


def test_what_was_done_is_not_told_again_while_a_koan_is_tried(tiny):
    tiny.solve_before("test_counting_letters")
    tiny.run().says("done    lesson 01", "solved  test_same_or_equal")
    path = tiny.root / SECOND
    text = path.read_text("utf-8")
    for fill in TRIES:
        path.write_text(text.replace("counts == __", f"counts == {fill}"), "utf-8")
        screen = tiny.run().screen
        assert " next    test_counting_letters\n" in screen
        assert " done " not in screen and " solved  " not in screen
        assert "two names" not in screen and "3 of 8" in screen
        assert len(screen.splitlines()) <= 25


# ---------------------------------------------------------------- 21: floods are capped

FLOODS = {
    "a line": ("print('x' * 5_000_000)", (), "totals.append(total)"),
    "lines": ("for _ in range(4_000):\n    print('x' * 40)", (), "[][1]"),
    "pieces": ("for _ in range(4_000):\n    print('x', end='x' * 40)", (), "[][1]"),
    "under -s": ("print('x' * 5_000_000)", ("-s",), "[][1]"),
}


@pytest.mark.parametrize(("flood", "args", "last"), FLOODS.values(), ids=FLOODS)
def test_a_flood_is_capped_and_it_is_said(tiny, flood, args, last):
    tiny.solve_before("test_running_totals")
    tiny.fill("test_running_totals", f"{flood}\ntotal += number\n{last}")
    ran = tiny.run("--junitxml=junit.xml", "-rA", *args)
    assert 20_000 < len(ran.text) < 130_000
    assert len((tiny.root / "junit.xml").read_bytes()) < 130_000
    assert "characters more: what a koan prints is cut after 20,000" in ran.text
    assert ran.next == ("" if "append" in last else "test_running_totals")


@pytest.mark.parametrize("size", [100, 19_999])
def test_what_is_no_flood_is_left_whole(tiny, size):
    tiny.edit(
        "test_a_sum",
        "    parts = ",
        f"    print('x' * {size - 5}, 'end')\n    parts = ",
    )
    tiny.fill("test_a_sum", "7900")
    ran = tiny.run("-s")
    assert f"{'x' * (size - 5)} end" in ran.text and "characters more" not in ran.text


# -------------------------------------------- 22: what would end the run is not let run

ENDS = {
    "import os": "import os\nos._exit(0)",
    "from os": "from os import _exit\n_exit(0)",
    "posix": "import posix\nposix._exit(0)",
    "__import__": "__import__('os')._exit(0)",
    "builtins": "__builtins__['__import__']('os')._exit(0)",
    "sys": "import sys\nsys.exit(0)",
    "sys.modules": "import sys\nsys.modules['os']._exit(0)",
    "signal": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "abort": "import os\nos.abort()",
    "exec": "import os\nos.execv('/bin/true', ['true'])",
    "fork": "import os\nos.fork()",
    "ctypes": "import ctypes\nctypes.string_at(0)",
    "exit": "exit(0)",
    "quit": "quit()",
    "raise": "raise SystemExit(0)",
    "interrupt": "raise KeyboardInterrupt",
    "pytest": "import pytest\npytest.exit('done', 0)",
    "a class": "().__class__.__base__.__subclasses__()",
    "getattr": "getattr(totals, '__class__')",
    "gc": "import gc\ngc.get_objects()",
    "frame": "(n for n in []).gi_frame.f_globals",
}


def test_what_would_end_the_run_is_refused(tiny):
    """As test_bad_input has it from there on."""
    koan, work = tiny.koan("test_running_totals"), tiny.work("test_running_totals")
    place = blank_in(work.function(koan))
    for name, fill in ENDS.items():
        text = edit.replaced(work.text, [(place, fill)])
        refused = Work(koan.lesson, text.encode()).attempt(koan)
        assert isinstance(refused, Verdict) and refused.kind is Kind.REFUSED, name


# ------------------------------------------------ 23: scratch files by a library's name

NAMES = ["json", "statistics", "pytest", "random", "numbers", "sensei", "colorsys"]


def test_a_scratch_file_among_the_koans_hides_no_library(tiny):
    """Nor one that a lesson is the first to import."""
    for name in NAMES:
        (tiny.main / f"{name}.py").write_text("raise ImportError('a scratch file')\n")
    for folder in ("koans", "solutions"):
        path = tiny.root / folder / "test_01_two_names.py"
        text = path.read_text("utf-8")
        path.write_text(text.replace("from sensei", "import colorsys\nfrom sensei"))
    tiny.fill("test_a_sum", "7900")
    for ran in (tiny.run_apart(), tiny.run("-p", "xdist.plugin", "-n1", "koans")):
        assert ran.ret in (1, 2) and ran.next == "test_a_sum"
        ran.says("That leaves the last part out.")
        assert "a scratch file" not in ran.text


def test_a_file_called_torch_at_the_root_is_named(tiny):
    """What would be one among the koans is said above."""
    shutil.copy(HERE.parent / "conftest.py", tiny.root)
    (tiny.root / "torch.py").write_text("x = 1\n")
    ran = forks.python(["-m", "pytest", *PLAIN], tiny.root, anew=True)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"{tiny.root / 'torch.py'} hides PyTorch: give it" in ran.stdout


# ------------------------------------------------------------ 24: a lesson by itself


@pytest.mark.parametrize("name", [FIRST, "koans/further_on/test_03_odd_lists.py"])
def test_a_lesson_run_as_a_program_says_what_to_type(tiny, name):
    tiny.solve(*tiny.path)
    ran = subprocess.run(
        [sys.executable, name],
        cwd=tiny.root,
        text=True,
        capture_output=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "type `pytest`" in ran.stderr and f"`pytest {name}`" in ran.stderr
    assert "Traceback" not in ran.stderr


# ------------------------------------ 55, 58: every shape of an answer, and its entries

PAIRS = "[(None, 2.0), [0.0, 1.5]]"
SHAPES = {
    "[[None, 2.0], (0.0, 1.5)]": "",
    "((None, 2.0), (0.0, 1.5))": "",
    "[(None, 2), (0, 1.5)]": "",
    "[(None, 2.0), (0.0, 1.0)]": "Entry 2.2 does not hold.",
    "[(0, 2.0), (0.5, 1.5)]": "Entries 1.1 and 2.1 do not hold.",
    "((1, 1), (1, 1))": "None of the entries holds.",
    "[None, 2.0, 0.0, 1.5]": "Lists in a list are asked for.",
    "[(None, 2.0)]": "Yours has 1 entry; that is not how many there are.",
    "[None, (0.0, 1.5)]": "In place of entry 1, a list of 2 is asked for.",
    "[(None, 2.0), (0.0,)]": "In place of entry 2, a list of 2 is asked for.",
    "[(None, (2.0,)), (0.0, 1.5)]": "one value is asked for, not a list.",
    "[(None, {}), (0.0, 1.5)]": "one value is asked for, not a dict.",
    "{(None, 2.0): (0.0, 1.5)}": "A list is asked for.",
    "3": "A list is asked for.",
    "None": "A list is asked for.",
    "[]": "Yours has 0 entries",
    "()": "Yours has 0 entries",
    "'None, 2.0'": "A list is asked for.",
    "[('None', 2.0), (0.0, 1.5)]": "Entry 1.1 does not hold.",
    "[(None, float('nan')), (0.0, 1.5)]": "Entry 1.2 does not hold.",
    "{1, 2}": "",
    "[(None, 2j), (0.0, 1.5)]": "Entry 1.2 does not hold.",
}
RIGHT = [shape for shape, says in SHAPES.items() if not says and shape != "{1, 2}"]


@pytest.mark.parametrize("asks", ["assert pairs == __", "assert pairs == approx(__)"])
def test_an_answer_of_any_shape_is_judged(tiny, asks):
    """Every other one within the tolerance of approx, to which they mean the same."""
    tiny.edit("test_a_sum", "import __", "import __\nfrom pytest import approx")
    solution = tiny.root / "solutions/test_01_two_names.py"
    text = solution.read_text("utf-8")
    new = "import __\nfrom pytest import approx"
    solution.write_text(text.replace("import __", new), "utf-8")
    reworked(tiny, f"pairs = {PAIRS}", asks, PAIRS)
    lesson = tiny.lesson("test_a_sum")
    text = lesson.path.read_text("utf-8")
    for wrote in [*SHAPES][asks.endswith("approx(__)") :: 2]:
        lesson.path.write_text(text.replace(asks, asks.replace("__", wrote)), "utf-8")
        verdict = revealed(tiny, "test_a_sum")
        assert (verdict.kind is Kind.PASSED) == (wrote in RIGHT), wrote
        assert verdict.kind in (Kind.PASSED, Kind.WRONG, Kind.REFUSED), wrote
        assert SHAPES[wrote] in verdict.sentence, wrote
        if verdict.kind is Kind.WRONG:
            assert verdict.answer == "[[None, 2.0], [0.0, 1.5]]"
            assert "hold, " not in verdict.sentence and "Every" not in verdict.sentence


def test_of_many_entries_only_those_that_do_not_hold_are_named(tiny):
    reworked(tiny, "seen = [[n, n + 1] for n in range(5)]", "assert seen == __", "[]")
    tiny.fill("test_a_sum", "[(0, 1), (1, 2), (2, 3), (3, 4), (4, 6)]")
    ran = tiny.run()
    ran.says("you wrote:", "Entry 5.2 does not hold. (5.2 is entry 2 of list 5.)")
    assert "1.1" not in ran.screen


# ------------------------------------------------------------------- python -O, and -OO


def test_no_way_of_starting_python_changes_a_verdict(tiny):
    guessed(tiny)
    tiny.fill("test_a_copy", "original")
    tiny.fill("test_only_the_even", "number % 2")
    tiny.fill("test_running_totals", "total += number\nassert total > 1\n[][1]")
    screens, verdicts = [], []
    for python in [(), ("-OO", "-I", "-B")]:
        if python:
            path = f"import sys; sys.path[:0] = {os.environ['PYTHONPATH'].split(':')!r}"
            (tiny.root / "conftest.py").write_text(
                f"{path}\n{(tiny.root / 'conftest.py').read_text()}"
            )
        ran = tiny.run_apart("--maxfail=0", "--junitxml=junit.xml", python=python)
        screens.append(ran.screen)
        verdicts.append(tiny.told())
    assert {v.kind for v in verdicts[0].values()} == {
        Kind.WRONG,
        Kind.FAILED,
        Kind.ERROR,
    }
    assert screens == screens[:1] * 2 and verdicts == verdicts[:1] * 2
