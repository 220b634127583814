"""docs/another_course.md, followed to the letter: a course in an empty folder.

The files of the course are those on the page, the commands too. Importing torch is an
error in all of it: another author has none.
"""

from __future__ import annotations

import csv
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest

import forks
from sensei.course import KNOWN
from this_course import ROOT

PAGE = (ROOT / "docs" / "another_course.md").read_text("utf-8")
FILE = re.compile(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILES = dict(FILE.findall(PAGE))
NAME = "test_01_iterators"
SOLUTION = FILES[f"solutions/{NAME}.py"]
NOTES = tomllib.loads(FILES[f"course/notes/{NAME}.toml"])
KOANS = [name for name in NOTES if name != "lesson"]
MISTAKES = [
    (koan, mistake["fill"], mistake["says"])
    for koan in KOANS
    for mistake in NOTES[koan]["mistakes"]
]
SENSEI = "import sys; from sensei.cli import main; sys.exit(main(sys.argv[1:]))"
QUIET = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:sugar")

pytestmark = pytest.mark.slow


class Course:
    """The course in a folder, and what is done there in another process.

    ``anew``: in a new Python, with the engine that stands in the folder, if one does.
    """

    def __init__(self, root: Path, anew: bool = False) -> None:
        self.root = root
        self.anew = anew
        self.lesson = root / "koans" / f"{NAME}.py"

    def run(self, *words: str | Path) -> tuple[int, str]:
        """Exit code and output, its white space made even."""
        path = os.pathsep.join([str(self.root.parent / "no_torch"), str(ROOT)])
        env = {**os.environ, "PYTHONPATH": path, "COLUMNS": "80", "NO_COLOR": "1"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "torch", None)  # for a fork, too, there is none
            ran = forks.python(list(map(str, words)), self.root, env, anew=self.anew)
        return ran.returncode, " ".join(ran.stdout.split())

    def pytest(self, *options: str) -> tuple[int, str]:
        return self.run("-m", "pytest", *QUIET, *options)

    def sensei(self, *words: str | Path) -> tuple[int, str]:
        return self.run("-c", SENSEI, *words)

    def fill_in(self, **fills: str) -> str:
        """The solved lesson with other fills in some koans, written as a learner's."""
        text = SOLUTION
        for koan, fill in fills.items():
            before, head, after = text.partition(f"def {koan}(")
            here, gap, rest = after.partition("\n\n\n")
            text = before + head + _filled(koan, here, fill) + gap + rest
        self.lesson.write_text(text, "utf-8")
        return text


def _filled(koan: str, text: str, fill: str) -> str:
    """A solved koan with another fill: its check's right side, or its last call."""
    if koan == "test_every_second":
        indent = "\n            "
        return text.replace("next(left, None)", fill.replace("\n", indent))
    return re.sub(r"(?<= == ).*(?=\Z)", lambda _: fill, text.rstrip())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("second") / "iterators"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    no_torch = root.parent / "no_torch"
    no_torch.mkdir()
    (no_torch / "torch.py").write_text("raise ImportError('there is no torch here')\n")
    made = Course(root)
    assert Course(root, anew=True).sensei("reset", "01", "--yes") == (
        0,
        f"koans/{NAME}.py is as it was given.",
    )
    return made


@pytest.fixture
def course(made):
    """The course as it was given."""
    before = made.lesson.read_text("utf-8")
    yield made
    made.lesson.write_text(before, "utf-8")


def test_the_page_has_every_file_of_the_course():
    assert list(FILES) == [
        "pyproject.toml",
        "conftest.py",
        f"solutions/{NAME}.py",
        f"course/notes/{NAME}.toml",
        "course/free.toml",
        "course/misconceptions.py",
    ]


def test_blank_it_is_red_and_gives_a_hint(course):
    assert course.lesson.read_text("utf-8").count("__\n") == 1 + len(KOANS)
    code, screen = course.pytest("--hint")
    assert code == 1
    assert " ".join(NOTES["test_two_lists"]["asks"].split()) in screen
    assert f"hint 1 {NOTES['test_two_lists']['hints'][0]}" in screen
    assert "0 of 3 koans solved" in screen


def test_solved_it_is_green_in_two_ways(course):
    """free.toml lets the other way import, beside the solutions."""
    [other] = NOTES["test_every_second"]["also_right"]
    course.fill_in(test_every_second=other)
    code, screen = course.pytest("koans", "solutions")
    assert code == 0 and "6 passed" in screen, screen
    assert NOTES["lesson"]["learned"] in screen and "3 of 3 koans solved" in screen


@pytest.mark.parametrize(("koan", "fill", "says"), MISTAKES)
def test_a_mistake_is_told_its_sentence(course, koan, fill, says):
    course.fill_in(**{koan: fill})
    code, screen = course.pytest()
    assert code == 1 and f"next {koan}" in screen
    assert says in screen, screen
    is_code = koan == "test_every_second"
    offered = "a solution, beside what yours did" if is_code else "the answer"
    assert re.search(rf"pytest --reveal {offered} \d\d ", screen)  # no story here


def test_a_wrong_answer_without_a_name_is_told_its_belief(course):
    course.fill_in(test_in_pairs="[(1, 1), (2, 2), (3, 3), (4, 4)]")
    code, screen = course.pytest()
    says = "This would be right if an iterator began again for each who asks."
    assert code == 1 and f"{says} See test_two_lists." in screen, screen


def test_what_is_not_on_the_list_is_not_imported(course):
    [other] = NOTES["test_every_second"]["also_right"]
    course.fill_in(test_every_second=other.replace("islice", "cycle"))
    code, screen = course.pytest()
    assert code == 1 and "cycle` is not on the list" in screen


def test_every_key_is_explained():
    table = PAGE.partition("| key | |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == KNOWN


def test_a_handout_is_green_when_it_is_solved(course):
    out = course.root.parent / "given"
    code, told = course.sensei("handout", out)
    assert code == 0 and "3 koans, all blank" in told, told
    (out / "koans" / f"{NAME}.py").write_text(SOLUTION, "utf-8")
    learner = Course(out, anew=True)
    assert learner.sensei("score") == (0, "01 iterators 3 of 3 all 3 of 3")


def test_two_hand_ins_are_graded(course):
    pytest.importorskip("jinja2")
    pytest.importorskip("tqdm")
    koan, fill, says = MISTAKES[0]
    for learner, fills in {"ada": {}, "bob": {koan: fill}}.items():
        folder = course.root / "handed-in" / learner
        folder.mkdir(parents=True)
        (folder / f"{NAME}.py").write_text(course.fill_in(**fills), "utf-8")
    (course.root / "students.csv").write_text("id,name\nada,Ada\nbob,Bob\n", "utf-8")
    code, told = course.sensei(
        "grade", "handed-in", "--roster", "students.csv", "--out", "grades"
    )
    assert code == 0 and "Needs you: 0" in told, told
    grades = (course.root / "grades" / "grades.csv").read_text("utf-8-sig")
    totals = {row["id"]: row["total"] for row in csv.DictReader(grades.splitlines())}
    assert totals == {"ada": "3", "bob": "2"}
    [page] = (course.root / "grades" / "feedback").glob("bob*.html")
    assert says in page.read_text("utf-8")
