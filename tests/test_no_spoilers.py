"""The right answer to a prediction is told by --reveal, and by nothing else."""

from __future__ import annotations

import re

import pytest

from this_course import ROOT
from tiny import TinyCourse, without_chance

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
TALKATIVE = [
    ("-vvv", "-rA", "-l", "--full-trace", "--maxfail=0"),
    ("--tb=native", "--hint", "--hint", "--hint"),
]


def told(tiny: TinyCourse, ran) -> str:
    """All that a run said, on screen and in files."""
    junit = tiny.root / "junit.xml"
    return without_chance("\n".join([ran.raw, junit.read_text("utf-8")]))


def at_the_sum(tiny: TinyCourse, fill: str | None) -> None:
    if fill:
        tiny.fill("test_a_sum", fill)
    assert not any(
        ANSWER in path.read_text("utf-8") for path in tiny.main.glob("test_*.*")
    )


@pytest.mark.parametrize("args", TALKATIVE, ids=["all", "native"])
@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
def test_no_answer_makes_a_run_tell_the_right_one(tiny, fill, args):
    """For a wrong guess under every combination of flags see test_cases.py."""
    at_the_sum(tiny, fill)
    args = (*args, "-k", "a_sum", "--junitxml=junit.xml")
    ran = tiny.run(*args, sugar=fill == FILLS["wrong list"])
    assert ran.ret == 1 and ran.next == "test_a_sum"
    assert ANSWER not in told(tiny, ran)


def test_nor_does_a_last_failed_or_a_stepwise_run(tiny):
    at_the_sum(tiny, "1234")
    for args in [("--sw",), ("--sw",), ("--lf",), ("--ff", "-vv")]:
        assert ANSWER not in without_chance(tiny.run(*args).raw)
    cache = tiny.root / ".pytest_cache"
    kept = [path.read_text() for path in cache.rglob("*") if path.is_file()]
    assert kept and not any(ANSWER in without_chance(text) for text in kept)


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
    assert ANSWER not in without_chance(ran.raw)


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


def test_a_failing_code_koan_shows_what_its_check_found(tiny):
    """There, the expected value is no secret; a solution is, until it is asked for."""
    tiny.solve_before("test_a_copy")
    tiny.fill("test_a_copy", "original[:1]")
    ran = tiny.run()
    ran.says("failed ", "check copy", "entry 2 3 2")
    assert "list(original)" not in ran.text
    assert "list(original)" in tiny.run("--reveal").screen


def test_a_prediction_before_which_a_koan_breaks(tiny):
    """Whatever is raised in a prediction's koan, its values stay in it."""
    tiny.withhold_solutions()
    tiny.edit("test_a_sum", "    parts = ", "    1 // 0\n    parts = ")
    tiny.fill("test_a_sum", "1234")
    ran = tiny.run("-vv", "-l", "--full-trace")
    ran.says("error ", "`1 // 0` raises ZeroDivisionError, before the prediction.")
    assert ANSWER not in without_chance(ran.raw)


NAMES = """arange autograd backward clip_grad_norm_ cuda detach embedding grad grad_fn
    is_leaf linear linspace lr manual_seed max_norm momentum nn no_grad optimizers?
    randn requires_grad retain_graph rnncell sgd tensors? unsqueeze weight_decay
    zero_grad"""
SUBJECT = re.compile(rf"torch|\b(?:{'|'.join(NAMES.split())})\b", re.IGNORECASE)


def test_the_engine_knows_no_library():
    """What is about it is the course's: its story, its state, what code may use, and
    what numbers are for. Names are looked for in code, docstrings and comments.
    """
    for path in (ROOT / "sensei").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text("utf-8", "replace")
            lines = [line for line in text.splitlines() if SUBJECT.search(line)]
            assert lines == [], path
