"""Bad input: each kind ends in one clear message, with a file and a line."""

from __future__ import annotations

import re
import sys
from textwrap import indent

import pytest

from sensei.attempt import Attempt
from sensei.cli import main
from sensei.notes import NotesError
from sensei.verdicts import Kind, Verdict
from sensei.work import Work
from tiny import TinyCourse

FIRST = "koans/test_01_two_names.py"
SECOND = "koans/test_02_changing_lists.py"


def ends_in(ran, place: str, *says: str) -> None:
    """A red run whose next step is at this place, and says so; no traceback."""
    assert ran.is_red
    ran.is_sound()
    ran.says(f"{place} ", "error ", *says)
    assert ran.text.count(f"{place}: error: ") <= 1, ran.text  # xdist: pytest, too


def solved_but(tiny: TinyCourse, koan: str, fill: str) -> None:
    """Everything solved, but for one koan that is filled with this."""
    tiny.solve(*(other for other in tiny.path if other != koan))
    tiny.fill(koan, fill)


# ------------------------------------------------------- files that can't be read


def spoil(path, change) -> None:
    path.write_bytes(change(path.read_bytes()))


COPY = "test_a_copy"
UNREADABLE = {
    "syntax error": (
        lambda b: b.replace(b"counts == ", b"counts == ("),
        "test_counting_letters",
        "never closed",
        19,
    ),
    "unclosed text": (
        lambda b: b.replace(b"[1, 2]\n    copy", b'"1\n    copy'),
        COPY,
        "unterminated",
        33,
    ),
    "tabs": (
        lambda b: b.replace(b"    copy.append(3)", b"\tcopy.append(3)"),
        COPY,
        "tabs and spaces are mixed",
        35,
    ),
    "indentation": (
        lambda b: b.replace(b"    copy = ", b"      copy = "),
        COPY,
        "indent",
        34,
    ),
    "not UTF-8": (
        lambda b: b.replace(b"copy grows", b"c\xf6py grows"),
        COPY,
        "not UTF-8",
        31,
    ),
    "UTF-16": (lambda b: b.decode().encode("utf-16"), "", "not UTF-8", 1),
    "another encoding": (lambda b: b"# coding: latin-1\n" + b, "", "iso-8859-1", 1),
    "NUL": (lambda b: b.replace(b"copy = ", b"copy = \0"), COPY, "null bytes", 30),
    "deep": (
        lambda b: b.replace(
            b"copy = list", b"copy = " + b"(" * 999 + b"1" + b")" * 999
        ),
        COPY,
        "too many nested",
        34,
    ),
    "deeper": (
        lambda b: b.replace(b"copy = list", b"copy = " + b"-" * 3000 + b"list"),
        COPY,
        "nested too deeply",
        30,
    ),
    "merge": (
        lambda b: b.replace(b"    copy = ", b"<<<<<<< HEAD\n    copy = "),
        COPY,
        "invalid syntax",
        34,
    ),
    "a bracket at the top": (
        lambda b: b.replace(b"from pytest", b"x = (\nfrom pytest"),
        "",
        "never closed",
        7,
    ),
}


def spoilt_by(tiny: TinyCourse, *kinds: str) -> bytes:
    data = (tiny.root / SECOND).read_bytes()
    for kind in kinds:
        before, data = data, UNREADABLE[kind][0](data)
        assert data != before
    return data


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_spoils_one_koan_and_no_other(tiny, kind):
    """Where it is in none (koan is ""), the whole lesson."""
    _, koan, says, line = UNREADABLE[kind]
    tiny.solve(*tiny.path)
    lesson = tiny.lesson(COPY)
    work = Work(lesson, spoilt_by(tiny, kind))
    found = {name: work.attempt(one) for name, one in lesson.koans.items()}
    spoilt = {name: one for name, one in found.items() if isinstance(one, Verdict)}
    assert [*spoilt] == ([koan] if koan else [*found])
    for verdict in spoilt.values():
        assert (verdict.kind, verdict.line) == (Kind.ERROR, line)
        assert "Python can't read this" in verdict.sentence
        assert says in verdict.sentence


SPOILT = [
    ("syntax error", "NUL"),
    ("not UTF-8",),
    ("UTF-16",),
    ("a bracket at the top",),
]


@pytest.mark.parametrize("kinds", SPOILT, ids=" and ".join)
def test_the_whole_board_has_what_cannot_be_read_in_its_place(tiny, kinds):
    tiny.solve(*tiny.path)
    (tiny.root / SECOND).write_bytes(spoilt_by(tiny, *kinds))
    hashes = tiny.hashes()
    ran = tiny.run("--maxfail=0", "--junitxml=junit.xml")
    _, koan, says, line = UNREADABLE[kinds[0]]
    assert ran.next == (koan or "test_counting_letters") and ran.is_red
    ran.is_sound()
    ran.says(f"{SECOND}:{line}", "error ", "Python can't read this", says)
    verdicts = {name.partition("[")[0]: kind for name, kind in tiny.verdicts().items()}
    spoilt = [UNREADABLE[kind][1] for kind in kinds] if koan else tiny.path[3:]
    assert list(verdicts) == tiny.path
    assert [name for name in verdicts if verdicts[name] == "error"] == spoilt
    assert {*verdicts.values()} == {"passed", "error"}
    assert tiny.hashes() == hashes


def test_the_path_goes_on_up_to_what_cannot_be_read(tiny):
    tiny.solve(*tiny.path)
    (tiny.root / SECOND).write_bytes(spoilt_by(tiny, "indentation"))
    ran = tiny.run()
    ends_in(ran, f"{SECOND}:34", "Python can't read this (line 34): unexpected indent")
    ran.says("5 of 8 koans solved")


def test_an_empty_file(tiny):
    tiny.solve(*tiny.path[:3])
    (tiny.root / SECOND).write_bytes(b"\n# nothing\n")
    ran = tiny.run()
    ends_in(ran, f"{SECOND}:1", "test_counting_letters is not there any more")
    ran.says("3 of 8 koans solved", "sensei reset test_counting_letters")


GONE = {
    "bare": ((), False),
    "folder": (("koans",), True),
    "all": (("--maxfail=0",), False),
}


@pytest.mark.parametrize(("args", "sugar"), GONE.values(), ids=GONE)
def test_a_lesson_that_is_gone_fails_in_its_place(tiny, args, sugar):
    tiny.solve(*tiny.path[3:])
    (tiny.root / FIRST).unlink()
    ran = tiny.run(*args, sugar=sugar)
    ends_in(
        ran, f"{FIRST}:1", "This lesson's file is not there any more.", "01 two names"
    )
    assert ran.next == "test_a_sum"


def test_the_last_lesson_gone(tiny):
    """So that the ending can't be had by deleting what is left."""
    tiny.solve(*tiny.path)
    (tiny.root / SECOND).unlink()
    ran = tiny.run()
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
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_koan_that_was_changed(tiny, change):
    koan, old, new, line = change
    tiny.solve(*tiny.path)
    tiny.edit(koan, old, new)
    is_changed(tiny.work(koan).attempt(tiny.koan(koan)), line)


def is_changed(found: Attempt | Verdict, line: int) -> None:
    assert isinstance(found, Verdict)
    assert (found.kind, found.line) == (Kind.ERROR, line)
    assert "This koan is not as it was given" in found.sentence


def test_each_koan_that_was_changed_is_there_as_often_as_it_was(tiny):
    """Even if it has other parameters: pytest asks for no fixture."""
    tiny.solve(*tiny.path)
    kinds = ["a parameter", "a default", "a statement less"]
    for koan, old, new, _ in (CHANGES[kind] for kind in kinds):
        tiny.edit(koan, old, new)
    ran = tiny.run("--maxfail=0", "--junitxml=junit.xml")
    assert ran.next == "test_a_sum" and " 4 failed, 7 passed" in ran.text
    ends_in(ran, f"{FIRST}:15", "This koan is not as it was given")
    told = {name.partition("[")[0]: verdict for name, verdict in tiny.told().items()}
    assert [*told] == tiny.path
    for koan, _, _, line in (CHANGES[kind] for kind in kinds):
        is_changed(told[koan], line)


def test_what_was_given_around_the_koans_was_changed(tiny):
    """Every koan of the lesson needs it."""
    tiny.solve(*tiny.path)
    given = "from sensei import __\n\nTHREE = [1, 20, 300]\n"
    tiny.edit("test_a_copy", "from sensei import __\n", given.replace("20", "30"))
    spoil(
        tiny.root / "solutions/test_02_changing_lists.py",
        lambda b: b.replace(b"from sensei import __\n", given.encode()),
    )
    ran = tiny.run()
    assert ran.next == "test_counting_letters"
    ends_in(ran, f"{SECOND}:11", "The lesson around its koans is not as it was given")
    ran.says("3 of 8 koans solved")


def test_a_koan_that_was_renamed(tiny):
    tiny.solve_before("test_who_grew")
    tiny.edit("test_who_grew", "def test_who_grew", "def test_mine")
    ran = tiny.run()
    assert ran.next == "test_who_grew"
    ends_in(
        ran, f"{FIRST}:1", "test_who_grew is not there any more", "test_mine is new"
    )
    ran.says("1 of 8 koans solved", "sensei reset test_who_grew")


def test_a_koan_that_was_deleted(tiny):
    tiny.solve(*tiny.path)
    work = tiny.work("test_who_grew")
    [node] = work.found["test_who_grew"]
    rest = work.lines[: node.lineno - 1] + work.lines[node.end_lineno :]
    work.lesson.path.write_text("\n".join(rest))
    ran = tiny.run()
    assert ran.next == "test_who_grew"
    ends_in(ran, f"{FIRST}:1", "test_who_grew is not there any more")


def test_a_koan_that_is_there_twice(tiny):
    tiny.solve(*tiny.path)
    path = tiny.root / FIRST
    text = f"{path.read_text()}\n\ndef test_a_sum():\n"
    for second in ("pass", "assert 1 == __", "assert True"):
        path.write_text(f"{text}    {second}\n")
        found = tiny.work("test_a_sum").attempt(tiny.koan("test_a_sum"))
        assert isinstance(found, Verdict) and found.kind is not Kind.PASSED
    ran = tiny.run()
    assert ran.ret == 1 and ran.next == "test_a_sum"
    ran.is_sound()
    ran.says("test_a_sum is there twice")


def test_layout_comments_and_prints_are_free(tiny):
    tiny.solve(*tiny.path)
    tiny.edit(
        "test_a_sum",
        "    parts = [7000, 900, 19]",
        "    # :-)\n    parts = [\n 7000, 900, 19,\n ]\n    print(parts)",
    )
    assert tiny.run().ret == 0


# ----------------------------------------------------------- what is no koan's matter

UNRUNNABLE = {
    "yield": ("(yield 1)", "refused", "can't have this"),
    "yield from": ("(yield from [1])", "refused", "can't have this"),
    "await": ("await original", "refused", "can't have this"),
    "twice": ("lambda a, a: 0", "error", "Python can't run this: duplicate argument"),
    "starred": ("*original", "error", "Python can't run this: can't use starred"),
}


def test_a_fill_that_is_no_code_of_a_koan(tiny):
    tiny.solve(*tiny.path)
    koan = tiny.koan(COPY)
    for fill, verdict, says in UNRUNNABLE.values():
        text = tiny.work(COPY).text.replace(
            "list(original)\n    copy", f"{fill}\n    copy"
        )
        found = Work(koan.lesson, text.encode()).attempt(koan)
        assert isinstance(found, Verdict) and found.line == 34
        assert found.kind == verdict and says in found.sentence
    koan.lesson.path.write_text(text, "utf-8")
    ran = tiny.run()
    assert ran.is_red and ran.next == COPY
    ran.is_sound()
    ran.says(f"{SECOND}:34", f"{verdict} ", says)


IMPORTS = {
    "missing": ("import sensai", "sensai"),
    "exits": ("raise SystemExit(0)", "SystemExit"),
    "skips": ("import pytest\npytest.skip('', allow_module_level=1)", ""),
    "ends": ("import pytest\npytest.exit('no', 0)", ""),
    "not a test": ("__test__ = False", "pytest can't collect this koan"),
}


@pytest.mark.parametrize("kind", ["exits", "ends", "not a test"])
def test_a_file_that_cannot_be_imported(tiny, kind):
    """Solutions withheld, what was added can't be told from what was given."""
    line, says = IMPORTS[kind]
    solve_predictions(tiny)
    tiny.withhold_solutions()
    edit = "from sensei import __", f"from sensei import __\n{line}"
    tiny.edit("test_counting_letters", *edit)
    ran = tiny.run("--maxfail=0")
    assert ran.is_red
    assert ran.next in ("test_02_changing_lists", "test_counting_letters")
    ran.is_sound()
    ran.says(SECOND, "error ", says, "3 of ")


@pytest.mark.parametrize("kind", ["missing", "skips"])
def test_what_was_given_raises(tiny, kind):
    """A library of the course is not installed, or worse."""
    line, says = IMPORTS[kind]
    tiny.solve(*tiny.path)
    for folder in ("koans", "solutions"):
        spoil(
            tiny.root / folder / "test_02_changing_lists.py",
            lambda b: b.replace(b"import __", f"import __\n{line}".encode()),
        )
    ran = tiny.run()
    assert ran.is_red
    ran.is_sound()
    ran.says(SECOND, "error   Importing this file: ", says, "3 of ")


def solve_predictions(tiny: TinyCourse) -> None:
    tiny.solve(*tiny.path[:5])


# -------------------------------------------------------------------------- notes


def notes_of(tiny: TinyCourse, koan: str):
    return tiny.lesson(koan).notes_path


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


def test_notes_that_cannot_be_used(tiny):
    tiny.solve(*tiny.path)
    notes = notes_of(tiny, COPY)
    before = notes.read_text("utf-8")
    for change, says in BAD_NOTES.values():
        assert change(before) != before
        notes.write_text(change(before), "utf-8", errors="surrogateescape")
        lesson = next(one for one in tiny.course.lessons if one.notes_path == notes)
        with pytest.raises(NotesError, match=re.escape(says)):
            _ = lesson.koans
    ran = tiny.run()
    ends_in(ran, f"{SECOND}:1", "test_02_changing_lists.toml", says)


def test_notes_on_a_koan_that_is_not_there(tiny):
    tiny.solve(*tiny.path)
    notes = notes_of(tiny, "test_a_copy")
    text = notes.read_text("utf-8")
    notes.write_text(text.replace("test_a_copy", "test_a_cpoy"), "utf-8")
    ran = tiny.run()
    ends_in(ran, f"{SECOND}:1", "[test_a_cpoy]: the solution has no such koan")


def test_notes_that_were_deleted(tiny):
    """Without them the koans can't be judged: nothing of it may count as solved."""
    tiny.solve(*tiny.path)
    notes_of(tiny, "test_a_copy").unlink()
    ran = tiny.run()
    assert ran.ret == 1
    ran.is_sound()
    ran.says("test_02_changing_lists.toml", "error ")


# ------------------------------------------------------------------ odd endings

REFUSED = {
    COPY: '__import__("sys").exit(0)',
    "test_only_the_even": "open('x', 'w')",
    "test_running_totals": "total.__class__",
}


def test_a_fill_that_reaches_beyond_its_koan_is_refused_before_it_runs(tiny):
    tiny.solve(*tiny.path[:5])
    for koan, fill in REFUSED.items():
        tiny.fill(koan, fill)
    ran = tiny.run("--maxfail=0", "--junitxml=junit.xml")
    assert ran.is_red and ran.next == COPY and " 5 failed, 6 passed" in ran.text
    ran.is_sound()
    ran.says("refused ", f"{SECOND}:34")
    told = {name.partition("[")[0]: verdict for name, verdict in tiny.told().items()}
    for koan, fill in REFUSED.items():
        assert (told[koan].kind, told[koan].wrote) == (Kind.REFUSED, fill)
    assert not (tiny.root / "x").exists()


# Of a course that allows all of these: the run itself stands up to them, too.
ENDINGS = {
    "sys.exit(0)": ("import sys\nsys.exit(0)", "can't end the run, as SystemExit"),
    "exit()": ("exit()", "can't end the run, as SystemExit"),
    "pytest.skip()": ("import pytest\npytest.skip('no')", "can't skip a koan"),
    "importorskip": ("import pytest\npytest.importorskip('nosuch')", "can't skip"),
    "pytest.xfail()": ("import pytest\npytest.xfail('no')", "raises XFailed"),
    "pytest.fail()": ("import pytest\npytest.fail('no')", "raises Failed: no"),
    "SkipTest": (
        "from unittest import SkipTest\nraise SkipTest()",
        "can't skip a koan",
    ),
    "GeneratorExit": ("raise GeneratorExit", "can't end the run, as GeneratorExit"),
    "RecursionError": ("def f():\n    return f()\nf()", "raises RecursionError"),
    "StopIteration": ("next(iter([]))", "raises StopIteration"),
    "AssertionError": ("assert total", "Your own `assert total` does not hold"),
}


def allow_all(tiny: TinyCourse) -> None:
    tiny.allow(
        *("exit", "open", "BaseException", "SystemExit", "GeneratorExit"),
        sys=["exit"],
        time=["sleep"],
        unittest=["SkipTest"],
        pytest=["skip", "importorskip", "xfail", "fail", "approx"],
    )


def test_a_fill_that_would_end_or_excuse(tiny):
    """Each at a size of its own: what comes behind it is run, and judged, as ever."""
    allow_all(tiny)
    conftest = tiny.root / "conftest.py"
    text = conftest.read_text("utf-8")
    names = [*ENDINGS, "behind them"]
    sizes = [*range(1, len(names) + 1)]
    new = text.replace('[2, 3], ids=["pair", "triple"]', f"{sizes}, ids={names}")
    conftest.write_text(new, "utf-8")
    fills = "".join(
        f"if size == {i}:\n{indent(fill, '    ')}\n"
        for i, (fill, _) in enumerate(ENDINGS.values(), 1)
    )
    solved_but(tiny, "test_running_totals", f"{fills}totals.append(7)")
    ran = tiny.run("-k", "totals", "--maxfail=0", "--junitxml=junit.xml")
    assert ran.is_red and ran.next == "test_running_totals"
    ran.is_sound()
    ran.says("error ", f"{SECOND}:", ENDINGS["sys.exit(0)"][1])
    assert f" {len(names)} failed, " in ran.text
    *ended, behind = tiny.told().values()
    assert behind.kind is Kind.FAILED
    for (_, says), verdict in zip(ENDINGS.values(), ended, strict=True):
        assert verdict.kind is Kind.ERROR and says in verdict.sentence


# ------------------------------------------------------------------- under xdist

SPIN = "while True:\n    pass"
DEAF = """\
while True:
    try:
        while True:
            pass
    except BaseException:
        pass"""
SLEEP = "import time\ntime.sleep(60)"


BADLY = {
    "test_counting_letters": "(yield)",
    "test_a_tenth_three_times": "3",
    "test_only_the_even": "number % 2 == (size == 3)",
    "test_running_totals": "if size == 2:\n    exit()\nraise GeneratorExit",
}


def test_under_xdist_it_reads_the_same(tiny):
    """On the whole board, so that it does not depend on who stops first: a lesson is
    gone, a koan has a slip, and the others have all kinds of answers. Nor is a file
    written to.
    """
    allow_all(tiny)
    (tiny.root / FIRST).unlink()
    tiny.edit("test_a_copy", "copy.append(3)", "copy.append(3")
    for koan, fill in BADLY.items():
        tiny.fill(koan, fill)
    before = tiny.hashes()
    args = ("koans", "--maxfail=0", "--junitxml=junit.xml")
    alone, verdicts = tiny.run(*args), tiny.verdicts()
    both = tiny.run(*args, "-n2")
    both.is_sound()
    assert both.screen == alone.screen and both.ret == alone.ret == 1
    assert tiny.verdicts() == verdicts and tiny.hashes() == before
    assert {*verdicts.values()} == {"passed", "wrong", "failed", "refused", "error"}


# -------------------------------------------------------------------------- time


def test_a_loop_that_never_ends(tiny):
    """By the time limit that the course has."""
    settings = tiny.root / "pyproject.toml"
    settings.write_text(f"{settings.read_text('utf-8')}seconds = 0.3\n", "utf-8")
    solved_but(tiny, "test_running_totals", SPIN)
    ran = tiny.run(sugar=True)
    assert ran.is_red and ran.next == "test_running_totals"
    ran.is_sound()
    ran.says("error ", "It did not end within 0.3 s; it was at `", "7 of 8 koans")


def test_after_a_hang_the_next_koan_runs_as_ever(tiny):
    """Python 3.11 can be left unable to run anything under a trace function."""
    tiny.solve_before("test_only_the_even")
    tiny.fill("test_only_the_even", "all(n == 0 for n in iter(int, 1))")
    tiny.fill("test_running_totals", "total += number")
    koans = ("-k", "(even or totals) and pair", "--koan-seconds=0.3")
    tiny.run(*koans, "--maxfail=0", "--junitxml=junit.xml")
    hung, behind = tiny.told().values()
    assert "did not end within" in hung.sentence and not hung.story
    assert behind.sentence == "Nothing is noted." and behind.story


def test_the_next_koan_is_not_hit_by_a_limit_that_has_passed(tiny):
    tiny.solve(*tiny.path)
    for _ in range(3):
        ran = tiny.run("--maxfail=0", "--koan-seconds=0.00005")
        assert ran.ret in (0, 1)
        ran.is_sound()


HANGS = {
    "sleep": (SLEEP, f"{SECOND}:59", ()),
    "deaf": (DEAF, f"{SECOND}:", ("-s",)),
    "xdist": (SLEEP, f"{SECOND}:59", ("-p", "xdist.plugin", "-n1")),
}


@pytest.mark.parametrize(("fill", "place", "args"), HANGS.values(), ids=HANGS)
def test_a_hang_that_cannot_be_stopped(tiny, capfd, fill, place, args):
    koan = "test_running_totals"
    allow_all(tiny)
    solved_but(tiny, koan, fill)
    tiny.patch.setattr("sensei.watchdog.GRACE", 0.1)
    conftest = tiny.root / "conftest.py"  # for new Pythons
    patch = "import sensei.watchdog\n\nsensei.watchdog.GRACE = 0.1\n"
    conftest.write_text(f"{conftest.read_text()}\n{patch}")
    args = (*args, "--koan-seconds=0.1", "-k", "totals and pair")
    ran = tiny.run(*args) if "-n1" in args else tiny.run_apart(*args)
    assert ran.ret in (1, 2)
    assert re.search(
        rf"{place}\d*: {koan} did not end within 0.1 s, and can't be stopped",
        ran.text + capfd.readouterr().err,  # a worker writes to this one's stderr
    )
    if "-n1" in args:
        assert ran.next == koan


# ------------------------------------------------------------------------ Ctrl-C


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_ctrl_c_interrupts_the_run(tiny):
    tiny.allow(signal=["raise_signal"])
    pressed = f"import signal\nsignal.raise_signal(2)\n{SPIN}"
    solved_but(tiny, "test_running_totals", pressed)
    ran = tiny.run_apart()
    assert ran.ret == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in ran.text and SECOND in ran.text
    ran.says("7 of 8 koans solved")


# ------------------------------------------------------------ what the course brings

BROKEN = {
    "raises": ("import nosuch", "(ModuleNotFoundError: No module named 'nosuch')"),
    "is no code": ("def (", "(SyntaxError: "),
    "lacks it": ("", "(AttributeError: "),
    "has another": ("BELIEFS = kept = watch = 7", "(TypeError: its "),
}


SETTINGS = [*(("state", kind) for kind in BROKEN), ("story", "raises")]
SETTINGS += [("misconceptions", "raises"), ("misconceptions", "has another")]


@pytest.mark.parametrize(("setting", "kind"), SETTINGS)
def test_a_module_of_the_course_that_cannot_be_used(
    tiny, setting, kind, monkeypatch, capsys
):
    """Each time it is asked for, and not only the first."""
    text, says = BROKEN[kind]
    settings = (tiny.root / "pyproject.toml").read_text("utf-8")
    named = settings.replace('story = "teller"', f'{setting} = "broken"')
    (tiny.root / "pyproject.toml").write_text(named, "utf-8")
    (tiny.root / "broken.py").write_text(text)
    guesses = ["test_a_sum", "test_a_tenth_three_times"]
    for koan in guesses:
        tiny.fill(koan, "1234")
    ran = tiny.run("--reveal", "--maxfail=0", "--junitxml=junit.xml")
    assert ran.is_red and ran.next == "test_a_sum"
    ran.is_sound()
    ran.says("error ", f"{setting}: broken can't be used {says}")
    told = {name.partition("[")[0]: verdict for name, verdict in tiny.told().items()}
    assert all(says in told[koan].sentence for koan in guesses)
    monkeypatch.chdir(tiny.root)
    assert main(["check"]) == 2
    assert f"{setting}: broken can't be used {says}" in capsys.readouterr().err
