"""What learners read: whole transcripts, and the screen on every kind of terminal.

``GOLDEN=1 pytest tests/test_screen.py`` writes the transcripts in golden/ anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from tiny import HERE, TinyCourse

GOLDEN = HERE / "golden"


def untouched(tiny: TinyCourse) -> None:
    pass


def filled(koan: str, fill: str) -> Callable[[TinyCourse], None]:
    def prepare(tiny: TinyCourse) -> None:
        tiny.solve_before(koan)
        tiny.fill(koan, fill)

    return prepare


def solved_before(koan: str) -> Callable[[TinyCourse], None]:
    return lambda tiny: tiny.solve_before(koan)


def solved(tiny: TinyCourse) -> None:
    tiny.solve(*tiny.path)


def empty(tiny: TinyCourse) -> None:
    (tiny.main / "test_01_two_names.py").write_text("")


def without_brackets(tiny: TinyCourse) -> None:
    tiny.solve("test_a_sum")
    tiny.edit("test_who_grew", "len(third)] == __", "len(third)] == 3, 3, 4")


WRONG = filled("test_who_grew", "[2, 2, 4]")
HANGS = filled("test_running_totals", "while True:\n    pass")
LATE = filled("test_running_totals", "totals.append(total)\ntotal += number")
RUNS = {
    "clean_checkout": (untouched, ()),
    "wrong": (filled("test_who_grew", "[0, 0, 0]"), ()),
    "named_mistake": (filled("test_a_sum", "7900"), ()),
    "refused": (filled("test_a_sum", "sum(parts)"), ()),
    "failed_code": (LATE, ()),
    "refused_code": (filled("test_a_copy", "orignal"), ()),
    "code_that_raises": (filled("test_a_copy", "original[0]"), ()),
    "reveal_code": (filled("test_a_copy", "original"), ("--reveal",)),
    "unreadable": (filled("test_a_copy", "original["), ()),
    "brackets": (without_brackets, ()),
    "hangs": (HANGS, ("--koan-seconds=0.2",)),
    "hint": (untouched, ("--hint",)),
    "three_hints": (untouched, ("--hint", "--hint", "--hint")),
    "reveal_blank": (untouched, ("--reveal",)),
    "reveal_wrong": (WRONG, ("--reveal",)),
    "lesson_done": (solved_before("test_counting_letters"), ()),
    "ending": (solved, ()),
    "partial_blank": (solved_before("test_a_copy"), ("-k", "changing")),
    "partial_solved": (solved, ("-k", "test_01")),
    "further_on": (solved, ("koans/further_on",)),
    "not_as_given": (empty, ()),
    "whole_board": (WRONG, ("--maxfail=0",)),
}


@pytest.mark.parametrize(("prepare", "args"), RUNS.values(), ids=RUNS)
def test_the_transcript_is_as_it_was(tiny, prepare, args, request):
    prepare(tiny)
    ran = tiny.run(*args)
    ran.is_sound()
    path = GOLDEN / f"{request.node.callspec.id}.txt"
    said = normal(ran.text)
    if os.environ.get("GOLDEN"):
        path.write_text(said, "utf-8", newline="\n")
    assert said == path.read_text("utf-8")


def test_every_transcript_is_held_to():
    assert {path.stem for path in GOLDEN.iterdir()} == set(RUNS)


def normal(text: str) -> str:
    """A transcript without times, versions and paths of this machine."""
    machine = ("platform ", "rootdir: ", "plugins: ", "cachedir: ")
    lines = [line for line in text.splitlines() if not line.startswith(machine)]
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    text = re.sub(
        r"^=+ (.*) in \d+\.\d+s =+$", r"=== \1 in 0.00s ===", text, flags=re.M
    )
    return re.sub(r"\d{5,}x|0x[0-9a-f]{6,}", "0x0", text)


# ---------------------------------------------------------------- every terminal

SCREENS = {
    name: RUNS[name]
    for name in ("clean_checkout", "reveal_wrong", "failed_code", "ending")
}
each_screen = pytest.mark.parametrize(
    ("prepare", "args"), SCREENS.values(), ids=SCREENS
)


@each_screen
def test_with_sugar_and_without_it_comes_last_and_reads_the_same(tiny, prepare, args):
    prepare(tiny)
    plain, sugared = tiny.run(*args), tiny.run(*args, sugar=True)
    assert plain.screen == sugared.screen
    for ran, sign in ((plain, " in "), (sugared, "Results (")):
        before = ran.text.removesuffix(ran.screen)
        assert sign in before
        assert "\n the path\n" not in before and "\n next " not in before


WIDTHS = [*((name, 60) for name in SCREENS), ("failed_code", 200)]


@pytest.mark.parametrize(("screen", "columns"), WIDTHS)
def test_the_width_of_the_terminal_is_kept(tiny, screen, columns):
    """That of 80 is in the transcripts."""
    prepare, args = SCREENS[screen]
    prepare(tiny)
    tiny.patch.setenv("COLUMNS", str(columns))
    ran = tiny.run(*args)
    lines = [line for line in ran.screen.splitlines() if "https:" not in line]
    longest = max(map(len, lines))  # a link is left whole, to be clicked
    assert longest < columns, max(lines, key=len)
    if columns == 200:  # prose is not stretched
        assert longest <= 120 and "What happens with\n" in ran.screen


@pytest.mark.parametrize("colours", [True, False], ids=["off a terminal", "not wanted"])
def test_without_colours_there_is_not_an_escape(tiny, colours):
    """On the screen; sugar's own bar has some."""
    tiny.patch.delenv("PY_COLORS")
    if not colours:
        tiny.patch.setenv("NO_COLOR", "1")
    ran = tiny.run_apart(sugar=not colours)
    screen = ran.raw if colours else ran.raw[ran.raw.index("\n next ") :]
    assert "\x1b" not in screen and " the path\n" in screen
    assert ran.next == "test_a_sum"


def test_colours_on_demand(tiny):
    tiny.patch.delenv("PY_COLORS")
    raw = tiny.run("--color=yes").raw
    assert "\x1b[33m blank " in raw.replace("\x1b[1m", "")
    assert "\x1b" not in tiny.run("--color=no").raw


@pytest.mark.slow
@pytest.mark.parametrize(
    ("screen", "sugar"), [("clean_checkout", True), ("failed_code", False)]
)
def test_where_there_is_only_ascii(tiny, screen, sugar):
    prepare, args = SCREENS[screen]
    prepare(tiny)
    tiny.patch.setenv("PYTHONIOENCODING", "ascii" if not sugar else "ascii:replace")
    tiny.patch.setenv("PYTHONUTF8", "0")
    ran = tiny.run_apart(*args, sugar=sugar)
    ran.is_sound()
    assert ran.screen.isascii()
    ran.says("< you are here", "of 8 koans solved")


VERBOSITY = [(flag, False) for flag in ("-q", "-qq", "-v", "-vvv")]
VERBOSITY += [("-qq", True)]


@pytest.mark.parametrize(("flag", "sugar"), VERBOSITY)
def test_every_verbosity(tiny, flag, sugar):
    """Where more is said beside sugar, see below."""
    tiny.fill("test_a_sum", "7900")
    ran = tiny.run(flag, sugar=sugar)
    ran.is_sound()
    assert ran.ret == 1
    ran.says("wrong ", "That leaves the last part out.")


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["-v", "-vv"])
def test_on_a_terminal_with_sugar(tiny, flag):
    tiny.fill("test_a_sum", "7900")
    ran = tiny.run_on_a_terminal(flag)
    ran.is_sound()
    assert ran.ret == 1 and ran.next == "test_a_sum"
    ran.says("wrong ", "That leaves the last part out.")
    assert "\x1b[" in ran.raw[ran.raw.index("you wrote: 7900") :]
    has_sugar = "pytest-sugar" in ran.text.splitlines()[0]
    assert has_sugar == (flag == "-v")


def test_on_a_narrow_terminal_with_sugar(tiny):
    ran = tiny.run_on_a_terminal(columns=60)
    ran.is_sound()
    assert all(len(line) < 60 or "https:" in line for line in ran.screen.splitlines())
    assert "\x1b[" in ran.raw[ran.raw.index(" next ") :]
    assert "pytest-sugar" in ran.text.splitlines()[0]
    assert ran.next == "test_a_sum"
