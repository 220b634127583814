"""Gradescope: its specification, its folders, and everything going wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from desk import ONE, TWO, Desk
from sensei import cli
from sensei.grading.out import gradescope
from this_course import COURSE
from tiny import HERE, TinyCourse, copy_tiny, grade_both_sizes
from waiting import PATIENCE

jsonschema = pytest.importorskip("jsonschema")

# https://gradescope-autograders.readthedocs.io/en/latest/specs/
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
SPECIFICATION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tests"],
    "not": {"required": ["score"]},  # exactly one total: the sum of the tests
    "properties": {
        "output": {"type": "string"},
        "output_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "tests": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    "name",
                    "score",
                    "max_score",
                    "status",
                    "output",
                    "output_format",
                    "visibility",
                ],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "number": {"type": "string"},
                    "score": {"type": "number", "minimum": 0},
                    "max_score": {"type": "number", "minimum": 0},
                    "status": {"enum": ["passed", "failed"]},
                    "output": {"type": "string"},
                    "output_format": FORMAT,
                    "visibility": VISIBILITY,
                },
            },
        },
    },
}


def results(folder: Path) -> dict:
    told = json.loads((folder / "results.json").read_text("utf-8"))
    jsonschema.validate(told, SPECIFICATION)
    assert [path.name for path in folder.iterdir()] == ["results.json"]
    return told


@pytest.fixture
def desk(tiny, capsys):
    return Desk(tiny, capsys)


def grade(desk, *options: str) -> tuple[int, dict]:
    code = desk.grade("--format", "gradescope", *options)
    return code, results(desk.out)


def test_a_solved_submission_has_all_points_wherever_its_files_are(desk):
    desk.hand_in("my koans", desk.solved)
    desk.hand_in("and", {"notes.txt": "hello"})
    code, told = grade(desk)
    assert code == 0
    assert all(test["status"] == "passed" for test in told["tests"])
    total = sum(test["score"] for test in told["tests"])
    assert total == sum(test["max_score"] for test in told["tests"]) > 0
    assert told["output"] == f"{total} of {total} points."


def test_nothing_handed_in(desk):
    code, told = grade(desk)
    assert code == 0
    assert {test["output"].split(".")[0] for test in told["tests"]} == {"missing"}
    assert "it is empty" in told["output"]


def test_what_is_told_is_text_and_no_right_answer(desk):
    """Of a lesson that can't be read, and of one that is untouched."""
    hostile = '"<b>\\x1b[31m\u202e" * 2'
    right = "def f(): pass\n"
    name, text = next(iter(desk.empty.items()))
    desk.hand_in("", desk.empty | {name: text.replace("__\n", f"{hostile}\n") + right})
    _, told = grade(desk)
    assert {test["score"] for test in told["tests"]} == {0}
    untouched = [test["output"] for test in told["tests"] if test["number"] > "02"]
    assert len(untouched) == 5 and all("Hint: " in output for output in untouched)
    assert all(output.startswith("blank.") for output in untouched)
    assert {test["output_format"] for test in told["tests"]} == {"text"}
    said = json.dumps(told, ensure_ascii=False)
    assert "\u202e" not in said and "\\u001b" not in said


@pytest.mark.parametrize(
    "trouble", ["solutions", "lessons", "jobs", "submissions", "exception"]
)
def test_there_are_results_when_the_grader_fails(desk, monkeypatch, trouble):
    desk.hand_in("", desk.solved)
    options = []
    if trouble == "solutions":
        desk.tiny.withhold_solutions()
    elif trouble == "lessons":
        options = ["--lessons", "77"]
    elif trouble == "jobs":
        options = ["--jobs", "-1"]
    elif trouble == "submissions":
        desk.submissions.rename(desk.root / "elsewhere")
        desk.submissions.symlink_to(desk.root / "nowhere")
    else:
        monkeypatch.setattr(
            "sensei.grading.grader.Grader.grade", lambda *_: 1 / 0, raising=True
        )
    code, told = grade(desk, *options)
    if trouble != "submissions":  # this is the learner's: nothing was handed in
        assert code == 1
        [test] = told["tests"]
        assert test["score"] == test["max_score"] == 0
        assert "no mark of yours" in told["output"]


def test_results_are_there_before_anything_is_graded(tmp_path):
    def grade():
        seen.append(results(tmp_path / "out"))
        raise KeyboardInterrupt

    seen: list[dict] = []
    with pytest.raises(KeyboardInterrupt):
        gradescope.guarded(tmp_path / "out", grade)
    assert seen == [results(tmp_path / "out")] == [gradescope.failed()]


# ------------------------------------------------------------------------- the zip


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The tiny course with koans that somebody has solved, and the zip of it."""
    root = copy_tiny(tmp_path_factory.mktemp("course"))
    with pytest.MonkeyPatch.context() as patch:
        pytester: Any = SimpleNamespace(path=root)
        tiny = TinyCourse(pytester, patch)
        grade_both_sizes(root)
        tiny.solve(*tiny.path)
        patch.chdir(root)
        assert cli.main(["gradescope-zip", "out.zip", "--timeout", "5"]) == 0
    return root / "out.zip"


@pytest.fixture
def autograder(packed, tmp_path):
    """Gradescope's folders, with the zip of the tiny course unpacked in them."""
    root = tmp_path / "autograder"
    for name in ("source", "submission", "results", "venv/bin"):
        (root / name).mkdir(parents=True)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(root / "source")
    return root


def run(root: Path, **environment: str) -> dict:
    ran = subprocess.run(
        ["bash", root / "source/run_autograder"],
        env={"PATH": os.environ["PATH"], "AUTOGRADER_ROOT": str(root), **environment},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return results(root / "results")


def python(root: Path, text: str) -> None:
    """Put a script where the autograder's Python is."""
    (root / "venv/bin/python").write_text(f"#!/bin/sh\n{text}\n")
    (root / "venv/bin/python").chmod(0o755)


def venv(root: Path) -> None:
    """A Python that finds what this one finds."""
    paths = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
    script = f'PYTHONPATH="$PYTHONPATH:{paths}" exec {sys.executable} "$@"'
    python(root, script)


def test_what_is_in_the_zip(autograder, packed):
    with zipfile.ZipFile(packed) as archive:
        members = {member.filename: member for member in archive.infolist()}
        assert archive.testzip() is None
    for name in ("setup.sh", "run_autograder"):
        assert members[name].external_attr >> 16 == 0o100755
    assert {
        "requirements.txt",
        "failed.json",
        "course/pyproject.toml",
        "course/teller.py",
        "course/free.toml",
        "course/roles.toml",
        "course/ending.txt",
        "course/koans/test_01_two_names.py",
        "course/koans/test_01_two_names.toml",
        "course/solutions/test_01_two_names.py",
        "course/sensei/cli.py",
        "course/sensei/grading/warm.py",
    } <= set(members)
    assert not [name for name in members if "__pycache__" in name or "/." in name]
    for name in ("setup.sh", "run_autograder"):
        subprocess.run(["bash", "-n", autograder / "source" / name], check=True)


def test_the_same_course_makes_the_same_zip(packed, capsys, monkeypatch):
    monkeypatch.chdir(packed.parent)
    assert cli.main(["gradescope-zip", "again.zip", "--timeout", "5"]) == 0
    assert "points" in capsys.readouterr().out
    assert Path("again.zip").read_bytes() == packed.read_bytes()


def test_the_zip_grades_a_submission(autograder):
    """Whatever stood in the koans of the course that it was made of."""
    venv(autograder)
    given = HERE / "tiny_course"
    for path in (given / "solutions" / ONE, given / "koans" / TWO):
        (autograder / "submission" / path.name).write_bytes(path.read_bytes())
    told = run(autograder)
    assert [test["status"] for test in told["tests"]] == 3 * ["passed"] + 5 * ["failed"]
    assert {test["output"].split(".")[0] for test in told["tests"][3:]} == {"blank"}


def test_the_zip_writes_results_when_all_else_fails(autograder):
    for script in ("exit 3", "kill -9 $$", "echo nonsense"):
        python(autograder, script)
        assert run(autograder) == gradescope.failed()
        (autograder / "results/results.json").unlink()


def test_a_course_that_can_not_be_loaded_leaves_the_results_to_the_zip(desk):
    (desk.root / "pyproject.toml").write_text("not toml [")
    assert desk.grade("--format", "gradescope") == 2
    assert not (desk.out / "results.json").exists()


def test_requirements_are_what_is_installed_here():
    pinned = gradescope.requirements(COURSE).splitlines()
    packages = [line for line in pinned if not line.startswith("-")]
    assert [line.partition("==")[0] for line in packages] == ["pytest", "torch", "tqdm"]
    assert not any("+" in line for line in packages)


def test_a_course_says_where_pip_is_to_look(tiny):
    assert gradescope.requirements(tiny.course).startswith("pytest==")
    own = "# without a GPU\n--extra-index-url https://wheels.example\nlater==1\n"
    (tiny.root / "requirements.txt").write_text(own)
    first, second, *_ = gradescope.requirements(tiny.course).splitlines()
    assert first == "--extra-index-url https://wheels.example"
    assert second.startswith("pytest==")
