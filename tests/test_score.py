"""sensei score: points by lesson, for a learner and for CI."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest

from sensei import points, score
from sensei.cli import main
from sensei.verdicts import Kind
from this_course import ROOT
from tiny import NO_SLOW
from waiting import PATIENCE


@pytest.fixture
def run(tiny, monkeypatch, capsys):
    """Runs the command in the tiny course; gives its code and what it printed."""
    monkeypatch.chdir(tiny.root)
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(NO_SLOW))

    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["score", *words])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def worth(tiny, koan: str, number: str) -> None:
    path = tiny.lesson(koan).notes_path
    text = path.read_text("utf-8")
    path.write_text(text.replace(f"[{koan}]\n", f"[{koan}]\npoints = {number}\n"))


def test_untouched(tiny, run):
    assert run("--junitxml", "out.xml") == (
        1,
        "01 two names       0 of 3\n"
        "02 changing lists  0 of 5\n"
        "all                0 of 8, 8 needed\n",
    )
    text = (tiny.root / "out.xml").read_text("utf-8")  # the file is pytest's own
    assert text.count("<testcase") == 8 + 3  # three run in two sizes
    assert text.count("<failure") == 11


def test_what_an_earlier_run_left_is_no_result(tiny, run):
    (tiny.root / "out.xml").write_bytes(case(told("passed")))
    (tiny.root / "conftest.py").write_text("import os\nos._exit(0)\n")
    assert run("--junitxml", "out.xml")[0] == 2


@pytest.mark.parametrize(
    ("need", "number"),
    [("3", 3), ("3.5", 3.5), ("25%", 2), ("37.5%", 3), ("100%", 8), ("0", 0), ("", 8)],
)
def test_a_need_in_points(need, number):
    assert score.needed(need, Fraction(8)) == number


@pytest.mark.parametrize("need", ["most", "1/0", "%", "nan"])
def test_a_need_that_is_no_number(need):
    with pytest.raises(score.ScoreError, match=f"--need {need}: points"):
        score.needed(need, Fraction(8))


def test_lessons_by_name_and_further_on(run):
    code, told = run("--lessons", "03")
    assert code == 1 and told.count("\n") == 2
    assert told.splitlines()[-1] == "all           0 of 2, 2 needed"


def test_points_may_be_fractions(tiny, run):
    for koan, number in zip(tiny.path, ["0.1", "0.1", "0.1", "2.5"], strict=False):
        worth(tiny, koan, number)
    tiny.solve(*tiny.path[:3])
    lessons = [lesson for lesson in tiny.course.lessons if not lesson.part]
    results = {(lessons[0].name, koan): Kind.PASSED for koan in tiny.path[:3]}
    total = score.table(score.score(lessons, results)).splitlines()[-1]
    assert total == "all                0.3 of 6.8, 6.8 needed"
    code, told = run("--json", "--need", "0.3")
    told = json.loads(told)
    assert (code, told["is_enough"]) == (0, True)
    assert (told["points"], told["max"], told["needed"]) == (0.3, 6.8, 0.3)
    assert run("--need", "most", "--junitxml", "none.xml")[0] == 2
    assert not (tiny.root / "none.xml").exists()  # it was told before the run


def test_everything_for_a_program(tiny, run):
    tiny.solve(tiny.path[0])
    tiny.fill(tiny.path[1], "[0]")
    told = json.loads(run("--json")[1])
    assert told["is_enough"] is False
    [first, second] = told["lessons"]
    assert (first["lesson"], first["title"]) == ("01", "two names")
    assert (first["points"], first["max"]) == (1, 3)
    verdicts = [koan["verdict"] for koan in first["koans"] + second["koans"]]
    assert verdicts == ["passed", "wrong", "blank"] + 5 * ["blank"]


def test_lessons_that_are_broken_or_gone_keep_their_points_in_the_maximum(tiny, run):
    tiny.solve(*tiny.path, "test_not_with_three", "test_a_default_that_stays")
    path = tiny.main / "test_01_two_names.py"
    path.write_text(path.read_text().replace("import __", "import nothing"), "utf-8")
    (tiny.root / "solutions/test_01_two_names.py").unlink()  # else it is as given
    (tiny.main / "test_02_changing_lists.py").unlink()
    code, told = run("--lessons", "all")
    assert (code, told) == (
        1,
        "01 two names        0 of  3\n"
        "02 changing lists   0 of  5\n"
        "03 odd lists        2 of  2\n"
        "all                 2 of 10, 10 needed\n",
    )


INTERRUPTED = """
def pytest_runtest_teardown():
    raise KeyboardInterrupt
"""


@pytest.mark.parametrize(
    ("conftest", "why"),
    [("print('lost', 1 / 0)\n", "1 / 0"), (INTERRUPTED, "KeyboardInterrupt")],
)
def test_a_run_that_does_not_end_has_no_score(tiny, run, conftest, why):
    (tiny.root / "conftest.py").write_text(conftest)
    code, told = run()
    assert code == 2 and "did not come to its end" in told and why in told


def case(inside: str = "", name: str = "test_x", lesson: str = "test_01") -> bytes:
    return (
        f'<testsuites><testcase classname="koans.{lesson}" name="{name}">{inside}'
        "</testcase></testsuites>"
    ).encode()


def told(kind: str) -> str:
    return (
        '<properties><property name="sensei" '
        f"value='{{&quot;kind&quot;: &quot;{kind}&quot;}}'/></properties>"
    )


@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        (told("passed"), Kind.PASSED),
        (told("passed") + "<error/>", Kind.ERROR),
        (told("passed") + "<failure/>", Kind.ERROR),
        (told("wrong") + "<failure/>", Kind.WRONG),
        ("", Kind.ERROR),  # green without the engine's word
        ("<skipped/>", Kind.SKIPPED),
        ("<failure/>", Kind.ERROR),
        (told("error") + "<skipped/>", Kind.ERROR),
    ],
)
def test_what_a_case_says(inside, kind):
    assert score.kinds(case(inside)) == {("test_01", "test_x"): kind}


# --------------------------------------------------------------------- Classroom 50

DOCS = (ROOT / "docs/grading.md").read_text("utf-8")
FIELDS = {"classroom", "assignment", "owner", "submission", "commit", "release"}
FIELDS |= {"review", "datetime", "schema", "score", "max-score", "tests"}


def test_result_json(tiny, run, monkeypatch):
    """Exit code 0 whatever the points: there another one means a broken grader."""
    assert "`sensei score --classroom50 result.json`" in DOCS
    monkeypatch.setenv("USERNAME", "zoe-ml")
    monkeypatch.setenv("ASSIGNMENT", "koans")
    worth(tiny, tiny.path[0], "0.5")
    tiny.solve(*tiny.path[:2])
    assert run("--classroom50", "result.json")[0] == 0
    result = json.loads((tiny.root / "result.json").read_text("utf-8"))
    assert set(result) == FIELDS
    assert result["schema"] == "classroom50/result/v1"
    assert (result["owner"], result["assignment"]) == ("zoe-ml", "koans")
    assert (result["score"], result["max-score"]) == (3, 15)  # whole numbers: doubled
    assert len(result["tests"]) == 8
    assert result["tests"][0] == {
        "test-name": "01 test_a_sum",
        "passed": True,
        "score": 1,
        "max-score": 1,
    }
    for test in result["tests"]:
        assert isinstance(test["score"], int) and isinstance(test["max-score"], int)


# --------------------------------------------------------------------------- points


def test_points_add_up_without_noise():
    total = points.total([0.1] * 3)
    assert total == Fraction(3, 10)
    assert (points.shown(total), points.number(total)) == ("0.3", 0.3)
    assert points.number(points.total([0.5, 0.5])) == 1
    assert points.shown(Fraction(1, 3)) == "0.33" and points.shown(Fraction(10)) == "10"
    assert points.total([]) == 0


# ---------------------------------------------------------- the recipes of the docs

RECIPES = re.findall(r"^```yaml\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)


def recipe(number: int) -> Any:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(RECIPES[number])


@pytest.fixture
def runner(tiny, tmp_path):
    """Runs shell lines as CI does; ``pip`` installs nothing, for all is there.

    ``sensei`` says what it is given to say, and notes in ``called`` what it is to do.
    """
    if sys.platform == "win32":
        pytest.skip("the runners are on Linux")
    tiny.patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def act(script: str, code: int, said: str, **environment: str) -> list[str]:
        (tmp_path / "said").write_text(said, "utf-8")
        sensei = f'echo "$@" >> called; cat {tmp_path}/said; exit {code}'
        for name, text in ("python", '[ "$1 $2" = "-m pip" ]'), ("sensei", sensei):
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        ran = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=tiny.root,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ran.returncode == code, ran.stderr
        return ran.stdout.splitlines()

    return act


@pytest.mark.parametrize(("koans", "code"), [(8, 0), (5, 1), (0, 2)])
def test_github_actions(tiny, run, runner, tmp_path, koans, code):
    """Where the run breaks, its error is no part of the score."""
    tiny.solve(*tiny.path[:koans])
    status, told = run() if koans else (2, "")
    assert status == code
    steps = recipe(0)["jobs"]["koans"]["steps"]
    [script] = [step["run"] for step in steps if "run" in step]
    said = runner(script, code, told, GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert (tiny.root / "called").read_text() == "score\n"  # which was run here
    total = {8: "all                8 of 8", 5: "all                5 of 8, 8 needed"}
    assert said == [f"::notice title=Points::{total.get(koans, '')}"]
    summary = (tmp_path / "summary").read_text("utf-8").splitlines()
    assert summary == ["```", *told.splitlines(), "```"]


def test_gitlab(tiny, run, runner):
    """Its last line says whether it is enough; the report is there all the same."""
    tiny.solve(*tiny.path[:5])
    job = recipe(1)["koans"]
    runner("\n".join(job["script"]), 1, "")
    command, *options = (tiny.root / "called").read_text().split()
    assert command == "score" and run(*options)[0] == 1
    report = tiny.root / job["artifacts"]["reports"]["junit"]
    assert report.read_text("utf-8").count("<testcase") == 11


def test_the_recipes_are_short():
    assert len(RECIPES) == 2
    assert all(len(text.splitlines()) <= 14 for text in RECIPES)
