"""README says what is so: its table, its picture, its commands and its paths."""

from __future__ import annotations

import html
import importlib.util
import re

import pytest

from sensei.cli import main
from this_course import COURSE, KOANS, ROOT

README = (ROOT / "README.md").read_text("utf-8")


def script(name):
    """A script of docs/, imported."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_lessons_is_what_the_lessons_say():
    """`python docs/lessons.py` writes it."""
    assert script("lessons").with_table(README) == README


def test_the_picture_shows_todays_screen():
    """`python docs/picture.py` draws it."""
    drawn = re.sub(r"<[^>]+>", "", (ROOT / "docs" / "first_run.svg").read_text("utf-8"))
    shown = html.unescape(drawn).replace("\xa0", " ")
    second = KOANS[1]
    main_path = sum(not koan.lesson.part for koan in KOANS)
    for text in (
        second.name,
        second.note.asks,
        f"1 of {main_path} koans solved",
        "pytest --reveal",
    ):
        assert text in shown, text


def test_the_picture_fetches_nothing():
    svg = (ROOT / "docs" / "first_run.svg").read_text("utf-8")
    assert set(re.findall(r"https?://[^\"' )]+", svg)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    "command",
    [
        "python -m pip install -e . && python -m pytest",
        'python -m pip install -e ".[dev]" && '
        "python -m pytest -n 2 --dist loadfile solutions tests",
    ],
)
def test_the_two_commands_stand_there_once_each(command):
    """`.ci/run` reads them from here."""
    assert README.splitlines().count(command) == 1


def test_every_option_it_names_is_there(pytestconfig):
    options = set(re.findall(r"`pytest (--[\w-]+)", README))
    assert {"--hint", "--reveal"} <= options
    for option in options:
        pytestconfig.getoption(option.lstrip("-").replace("-", "_"))


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"^(?:\| `)?sensei ([a-z-]+)", README, re.M)))
)
def test_every_command_it_names_is_there(command, capsys):
    try:
        code = main([command, "--help"])
    except SystemExit as ending:
        code = ending.code
    assert code == 0
    assert f"sensei {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"`((?:sensei|tests|docs|benchmarks)/[\w./]+)`", README))),
)
def test_every_path_it_names_is_there(path):
    assert (ROOT / path).exists()


def test_what_it_tells_to_reset_is_there():
    names = re.findall(r"sensei reset (test_\w+)", README)
    names += re.findall(r"sensei reset (test_\w+)", COURSE.ending.read_text("utf-8"))
    assert set(names) <= {koan.name for koan in KOANS}
