"""``sensei``, ``sensei list``, ``sensei hint``: what people type who want to know."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import forks
from sensei.cli import main
from this_course import ROOT


@pytest.fixture
def said(tiny, monkeypatch, capsys):
    """Runs a command line in the tiny course; gives its exit code and its words."""
    monkeypatch.chdir(tiny.root)

    def run(*words: str) -> tuple[int, str]:
        code = main(words)
        printed = capsys.readouterr()
        return code, " ".join((printed.out + printed.err).split())

    return run


def test_where_a_learner_is(tiny, said):
    tiny.fill("test_a_sum", "7919")
    code, text = said()
    assert code == 0 and "next test_who_grew" in text
    assert "1 of 8 koans filled in; pytest says what holds" in text
    assert "solved" not in text


def test_nothing_is_blank_any_more(tiny, said):
    tiny.solve(*tiny.path)
    _, text = said()
    assert "Every blank here is filled. Run pytest to see what holds." in text
    assert said("hint") == (
        1,
        "There is no blank left on the path. Name a koan: sensei hint KOAN",
    )


def test_list_has_every_koan_of_the_path(tiny, said):
    tiny.fill("test_a_sum", "7919")
    _, text = said("list")
    assert "▒ test_a_sum ░ test_who_grew ← next" in text
    assert all(name in text for name in tiny.path)
    _, one = said("list", "02")
    assert "02 changing lists" in one and "test_a_sum" not in one
    _, further = said("list", "03")
    assert "test_not_with_three" in further


def test_hints_come_one_by_one(tiny, said):
    note = tiny.lesson("test_a_sum").notes.koans["test_a_sum"]
    _, text = said("hint")
    assert note.hints[0] in text and note.hints[1] not in text
    assert "sensei hint test_a_sum 2 one hint more" in text
    _, text = said("hint", "test_a_sum", "3")
    assert all(hint in text for hint in note.hints) and "one hint more" not in text
    _, text = said("hint", "2")
    assert note.hints[1] in text


def test_a_name_that_is_mistyped(said):
    code, text = said("hint", "test_who_grow")
    assert code == 2 and text.endswith("Did you mean test_who_grew?")
    code, text = said("list", "99")
    assert code == 2 and "Say a lesson's number, such as 02" in text


@pytest.mark.parametrize(
    ("words", "hints"),
    [(["--hints"], 1), (["--hint=2"], 2), (["--hints=3"], 3), (["--hint"] * 2, 2)],
)
def test_hints_under_pytest_as_people_ask_for_them(tiny, words, hints):
    ran = tiny.run(*words)
    assert len(re.findall(r"^ hint \d", ran.screen, re.MULTILINE)) == hints


def test_no_library_of_the_course_is_imported_to_say_where_one_is():
    code = (
        "import sys; from sensei.cli import main; main([]); "
        "sys.exit(sum(name in sys.modules for name in ('torch', 'jinja2', 'tqdm')))"
    )
    assert forks.python(["-c", code], ROOT, anew=True).returncode == 0


def test_whoever_reads_it_may_stop_before_its_end():
    """As ``sensei list | head`` does; and the package can be run as a module."""
    started = subprocess.Popen(
        [sys.executable, "-m", "sensei", "list"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert started.stdout and started.stderr
    assert b"01 piling up" in started.stdout.read(400)
    started.stdout.close()
    assert started.stderr.read() == b""
    assert started.wait(60) == 0
