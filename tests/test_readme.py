"""README and the other pages say what is so: tables, commands, links and paths."""

from __future__ import annotations

import html
import importlib.util
import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sensei.cli import main
from this_course import COURSE, KOANS, ROOT

README = (ROOT / "README.md").read_text("utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text("utf-8") for page in PAGES}
COMING: set[str] = set()
OURS = [
    page for page in TEXTS if page != "docs/another_course.md"
]  # of another's files
each_page = pytest.mark.parametrize("page", TEXTS)


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
        "python -m pytest -n 3 --dist loadfile solutions tests",
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


def named_commands() -> list[str]:
    """What the pages say behind `sensei`: in a line of a block, or in code."""
    said = re.compile(r"(?:^|[`&|] ?)sensei ([a-z]+(?:-[a-z]+)*)\b", re.MULTILINE)
    names = {name for text in TEXTS.values() for name in said.findall(text)}
    return sorted(names - COMING)


@pytest.mark.parametrize("command", named_commands())
def test_every_command_they_name_is_there(command, capsys):
    code: object
    try:
        code = main([command, "--help"])
    except SystemExit as ending:
        code = ending.code
    assert code == 0
    assert f"sensei {command}" in capsys.readouterr().out


# ------------------------------------------------------------------------- the pages

PATH = re.compile(
    r"`((?:koans|solutions|course|sensei|tests|docs|benchmarks|\.github|\.ci)"
    r"/[\w./-]*)`"
)
MODULE = re.compile(r"`([a-z_]+\.(?:py|toml|txt))`")


ELSEWHERE = {  # in a handout, or in the course of somebody who teaches
    *("course/earlier/", "course/notes/sealed.txt", ".github/workflows/koans.yml"),
    *("koans/review/", "koans-for-each/"),
}


@pytest.mark.parametrize("page", OURS)
def test_every_path_it_names_is_there(page):
    """What stands alone in code: a path of the repository, or the name of a file."""
    text = without_blocks(TEXTS[page])
    paths = set(PATH.findall(text)) - ELSEWHERE - COMING
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_module_of_the_design_is_there():
    there = {path.name for path in [*ROOT.glob("sensei/**/*.*"), *ROOT.glob("*.*")]}
    assert set(MODULE.findall(TEXTS["docs/design.md"])) - COMING <= there


@each_page
def test_its_links_lead_somewhere(page):
    """To a file of the repository and, behind a #, to a heading in it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page]):
        if not target.startswith("https://"):
            path, _, heading = target.partition("#")
            file = (ROOT / page).parent / path if path else ROOT / page
            name = os.path.relpath(file, ROOT).replace(os.sep, "/")
            if name in COMING:
                continue
            assert file.exists(), target
            assert not heading or heading in headings(file), target


def headings(file: Path) -> set[str]:
    """The headings of a page, as links name them."""
    lines = without_blocks(file.read_text("utf-8")).splitlines()
    titles = [line.lstrip("# ") for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def lines_to_type(page: str) -> Iterator[str]:
    for block in re.findall(r"^```sh\n(.*?)^```$", TEXTS[page], re.M | re.S):
        yield from block.splitlines()
    yield from re.findall(r"`((?:python|sensei|pytest) [^`]+)`", TEXTS[page])


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/design.md"])
def test_the_files_in_its_commands_are_there(page):
    words = [w for line in lines_to_type(page) for w in shlex.split(line, True)]
    files = [word for word in words if re.search(r"^\w+/\w.*\.py$", word)]
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_what_is_installed_is_what_the_hooks_run():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for repository in hooks["repos"]:
        assert repository["repo"] == "local", "it would be fetched"
        for hook in repository["hooks"]:
            assert hook["language"] == "system", hook["id"]
            assert hook["entry"].split()[0] in project["optional-dependencies"]["dev"]


def forms() -> dict[str, Any]:
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    files = {file.name: file.read_text("utf-8") for file in folder.glob("*.yml")}
    return {
        name: yaml.safe_load(t) for name, t in files.items() if name != "config.yml"
    }


@pytest.mark.parametrize("form", forms().values(), ids=forms())
def test_a_form_of_an_issue_can_be_filled_in(form):
    """What GitHub asks of a form: without it, it shows none."""
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    names = [field["id"] for field in fields]
    assert len(set(names)) == len(names) > 0
    for field in fields:
        assert field["type"] in ("input", "textarea", "dropdown"), field
        assert field["attributes"]["label"], field
        options = field["attributes"].get("options", ["", " "])
        assert len(set(options)) == len(options) > 1, field


def test_what_it_tells_to_reset_is_there():
    names = re.findall(r"sensei reset (test_\w+)", README)
    names += re.findall(r"sensei reset (test_\w+)", COURSE.ending.read_text("utf-8"))
    assert set(names) <= {koan.name for koan in KOANS}
