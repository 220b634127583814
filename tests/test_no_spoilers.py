"""The right answer to a prediction is told by --reveal, and by nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tiny import PLAIN, TinyCourse

each_reporter = pytest.mark.parametrize("sugar", [False, True], ids=["plain", "sugar"])

ANSWER = "7919"  # of test_a_sum, and it is nowhere in the lesson as given
FILLS = {
    "blank": None,
    "wrong": "1234",
    "wrong list": "[1234]",
    "wrong text": '"1234"',
    "refused": "sum(parts)",
    "refused name": "parts",
}
TALKATIVE = {
    "-vv": ("-vv",),
    "-vvv -rA": ("-vvv", "-rA"),
    "locals": ("--full-trace", "-l"),
    "long": ("--tb=long", "--showlocals", "-rA"),
    "native": ("--tb=native",),
    "auto": ("--tb=auto", "-l", "-v"),
    "short": ("--tb=short", "-l", "-ra"),
    "line": ("--tb=line",),
    "hints": ("--hint", "--hint", "--hint"),
    "trace": ("--trace-config", "--setup-show", "--durations=0"),
    "whole board": ("--maxfail=0", "-vv", "-l"),
}


def told(tiny: TinyCourse, ran) -> str:
    """All that a run said, on screen and in files."""
    junit = tiny.root / "junit.xml"
    return "\n".join([ran.raw, junit.read_text("utf-8")])


def at_the_sum(tiny: TinyCourse, fill: str | None) -> None:
    if fill:
        tiny.fill("test_a_sum", fill)
    assert not any(
        ANSWER in path.read_text("utf-8") for path in tiny.main.glob("test_*.*")
    )


@pytest.mark.parametrize("args", TALKATIVE.values(), ids=TALKATIVE)
@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
def test_no_flag_tells_the_answer(tiny, fill, args):
    at_the_sum(tiny, fill)
    ran = tiny.run(*args, "--junitxml=junit.xml", sugar=fill == FILLS["wrong list"])
    assert ran.ret == 1 and ran.next == "test_a_sum"
    assert ANSWER not in told(tiny, ran)


def test_nor_does_xdist(tiny):
    at_the_sum(tiny, "1234")
    ran = tiny.run("-n2", "-vv", "-l", "-rA", "--full-trace", "--junitxml=junit.xml")
    ran.says("wrong ", "you wrote: 1234")
    assert ANSWER not in told(tiny, ran)


@pytest.mark.parametrize(
    "fill", [FILLS["blank"], FILLS["wrong"]], ids=["blank", "wrong"]
)
def test_nor_does_pdb(tiny, fill):
    """It stops at the verdict, where no frame of the koan is left."""
    at_the_sum(tiny, fill)
    said = subprocess.run(
        [sys.executable, "-m", "pytest", *PLAIN, "--pdb", "-l"],
        input="where\nlocals()\nargs\nq\n",
        cwd=tiny.root,
        capture_output=True,
        text=True,
    )
    assert "entering PDB" in said.stdout and "next    test_a_sum" in said.stdout
    assert ANSWER not in said.stdout + said.stderr


def test_nor_does_a_last_failed_or_a_stepwise_run(tiny):
    at_the_sum(tiny, "1234")
    for args in [("--sw",), ("--sw",), ("--lf",), ("--ff", "-vv")]:
        assert ANSWER not in tiny.run(*args).raw
    cache = tiny.root / ".pytest_cache"
    kept = [path.read_text() for path in cache.rglob("*") if path.is_file()]
    assert kept and not any(ANSWER in text for text in kept)


@each_reporter
def test_reveal_tells_it_after_a_guess(tiny, sugar):
    at_the_sum(tiny, "1234")
    ran = tiny.run("--reveal", sugar=sugar)
    ran.says(f"answer {ANSWER}", "[7000, 900, 19]")
    assert ran.screen.count(ANSWER) == ran.text.count(ANSWER)  # and only there


@each_reporter
@pytest.mark.parametrize("fill", ["blank", "refused", "refused name"])
def test_reveal_declines_before_a_guess(tiny, fill, sugar):
    at_the_sum(tiny, FILLS[fill])
    ran = tiny.run("--reveal", sugar=sugar)
    ran.says("Write a guess first")
    assert ANSWER not in ran.raw


def test_reveal_tells_of_the_next_koan_only(tiny):
    tiny.fill("test_a_sum", "1234")
    tiny.fill("test_who_grew", "[1, 2, 3]")
    ran = tiny.run("--reveal", "--maxfail=0")
    ran.says(f"answer {ANSWER}")
    assert "[3, 3, 4]" not in ran.raw


@each_reporter
def test_a_solved_koan_is_followed_by_its_reason(tiny, sugar):
    tiny.solve("test_a_sum")
    tiny.run(sugar=sugar).says("solved test_a_sum 7000 + 900 + 19: sum takes every")


def test_a_failing_code_koan_shows_pytest_s_own_detail(tiny):
    """There, the expected value is no secret."""
    tiny.solve_before("test_a_copy")
    tiny.fill("test_a_copy", "original[:1]")
    ran = tiny.run()
    assert "assert [1, 3] == [1, 2, 3]" in ran.text
    ran.says("failed ", "The check at line 37 does not hold: [1, 3] == [1, 2, 3]")


def test_a_prediction_before_which_a_koan_breaks(tiny):
    """Whatever is raised in a prediction's koan, its values stay in it."""
    tiny.withhold_solutions()
    tiny.edit("test_a_sum", "    parts = ", "    1 // 0\n    parts = ")
    tiny.fill("test_a_sum", "1234")
    ran = tiny.run("-vv", "-l", "--full-trace")
    ran.says("error ", "ZeroDivisionError at line 18")
    assert ANSWER not in ran.raw
