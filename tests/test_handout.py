"""sensei handout: what an instructor gives out, and learning in it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path

import pytest

import forks
from sensei import blanks, sealed
from sensei.cli import main
from sensei.course import Course, CourseError
from sensei.grading.handout import handout as contents
from sensei.grading.handout import toml
from this_course import COURSE, LESSONS, ROOT
from tiny import HERE, TinyCourse, grade_both_sizes, squeezed
from waiting import PATIENCE

WORDS = "import sys; from sensei.cli import main; sys.exit(main(sys.argv[1:]))"
TWO_CALLS = """
from sensei.cli import main
for words in ["--help"], ["grade", "x"]:
    try:
        main(words)
    except SystemExit as end:
        print(">>>", end.code, flush=True)
"""
ANSWER = "7919"  # of test_a_sum, as in test_no_spoilers


class Handout:
    """A handout in a folder, with nothing else of the project in reach.

    What is run there is run by the engine here, but for what is said to be ``anew``.
    """

    def __init__(self, root: Path, pytester: pytest.Pytester | None = None) -> None:
        self.root = root
        self.pytester = pytester

    @property
    def course(self) -> Course:
        course = Course.load(self.root)
        assert course is not None
        return course

    def python(self, *words: str, anew: bool = False) -> tuple[int, str]:
        env = {**os.environ, "PYTHONPATH": str(self.root), "COLUMNS": "80"}
        ran = forks.python(words, self.root, env, anew=anew)
        return ran.returncode, squeezed(ran.stdout)

    def sensei(self, *words: str) -> tuple[int, str]:
        return self.python("-c", WORDS, *words)

    def pytest(self, *options: str) -> str:
        assert self.pytester
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.root)
            patch.setenv("COLUMNS", "80")
            return squeezed(TinyCourse(self.pytester, patch).run(*options).text)

    def fill(self, koan: str, text: str) -> None:
        """Put a text in the koan's blank, whatever stands there."""
        lesson = next(x for x in self.course.lessons if koan in x.koans)
        before, head, after = lesson.path.read_text("utf-8").partition(f"def {koan}(")
        assert blanks.BLANK in after.partition("\n\n\n")[0]
        lesson.path.write_text(before + head + after.replace("__", text, 1), "utf-8")


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with the tiny course as a handout, and with one without --reveal."""
    folder = tmp_path_factory.mktemp("class")
    with chdir(HERE / "tiny_course"):
        assert main(["handout", str(folder / "koans")]) == 0
    course = Course.load(HERE / "tiny_course")
    write(folder / "closed", contents(course, course.lessons, reveal=False))
    return folder


@pytest.fixture
def handout(made, pytester) -> Handout:
    return Handout(shutil.copytree(made / "koans", pytester.path / "given"), pytester)


@pytest.fixture
def closed(made, pytester) -> Handout:
    return Handout(shutil.copytree(made / "closed", pytester.path / "closed"), pytester)


# ------------------------------------------------------------------ what is in it


def test_it_has_what_a_learner_needs_and_no_more(made):
    root = made / "koans"
    there = {path.relative_to(root).as_posix() for path in root.rglob("*")}
    assert {
        "README.md",
        "conftest.py",
        "free.toml",
        "roles.toml",
        "ending.txt",
        "teller.py",
        "koans/test_01_two_names.py",
        "koans/further_on/test_03_odd_lists.py",
        "koans/sealed.txt",
        "sensei/score.py",
        "sensei/update.py",
        "sensei/watch/command.py",
    } <= there
    parts = {part for name in there for part in name.split("/")}
    assert not parts & {"solutions", "tests", "grading", "benchmarks", "docs"}
    assert not [name for name in there if name.endswith("koans/test_01_two_names.toml")]


def test_a_look_into_the_files_gives_nothing_away(made):
    files = (path for path in (made / "koans").rglob("*") if path.is_file())
    texts = "\n".join(path.read_text("utf-8") for path in files)
    assert ANSWER not in texts
    for lesson in Course.load(HERE / "tiny_course").lessons:
        for koan in lesson.koans.values():
            secrets = [koan.note.because, *koan.note.also_right]
            secrets += [mistake.says for mistake in koan.note.mistakes]
            assert [secret for secret in secrets if secret in texts] == []


def test_nor_does_one_of_this_course(tmp_path):
    all_files = contents(COURSE, LESSONS)
    files = {n: data for n, data in all_files.items() if not n.startswith("sensei/")}
    write(tmp_path, files)
    texts = "\n".join(data.decode() for data in files.values())
    for lesson in LESSONS:
        for koan in lesson.koans.values():
            secrets = [koan.note.because, *(m.says for m in koan.note.mistakes)]
            assert [secret for secret in secrets if secret in texts] == []
            if not koan.note.is_prediction and "\n" in koan.solution_text:
                assert koan.solution.text not in texts
        assert lesson.notes.learned not in texts
    for name in ("slate", "kept", "workers"):  # what its lessons import
        path = f"koans/{name}.py"
        assert files[path] == (ROOT / path).read_bytes()
    handed = Course.load(tmp_path)
    assert [x.relative for x in handed.lessons] == [x.relative for x in LESSONS]
    for here, there in zip(LESSONS, handed.lessons, strict=True):
        assert there.pristine.text == here.pristine.text
        assert there.path.read_text("utf-8") == here.pristine.text


def test_the_same_course_makes_the_same_zip(tiny, made, monkeypatch):
    """What stands in the koans of the instructor is no matter."""
    monkeypatch.chdir(tiny.root)
    tiny.solve(*tiny.path)
    (tiny.main / "mine.py").write_text(ANSWER)  # no lesson imports it
    assert main(["handout", "out/koans.zip"]) == 0
    with zipfile.ZipFile(tiny.root / "out/koans.zip") as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
        assert archive.namelist() == sorted(inside)
        assert len({member.date_time for member in archive.infolist()}) == 1
        assert archive.infolist()[0].date_time < (2000,)  # it is no clock's
    fresh = [path for path in (made / "koans").rglob("*") if path.is_file()]
    assert inside == {p.relative_to(made).as_posix(): p.read_bytes() for p in fresh}


def test_a_file_that_a_lesson_imports_comes_along(tiny):
    for name in ("koans", "solutions"):
        path = tiny.root / name / "test_01_two_names.py"
        path.write_text(
            path.read_text().replace("import __\n", "import __\nimport a\n")
        )
    (tiny.main / "a.py").write_text("from b import c\n")
    (tiny.main / "b.py").write_text("c = 1\n")
    assert {"koans/a.py", "koans/b.py"} <= {*contents(tiny.course, tiny.course.lessons)}


def test_a_part_of_the_course(pytester):
    part = Handout(pytester.path / "class" / "koans", pytester)
    with chdir(HERE / "tiny_course"):
        assert main(["handout", str(part.root), "--lessons", "02"]) == 0
    assert [lesson.number for lesson in part.course.lessons] == ["02"]
    assert part.course.ending is None  # it speaks of what is further on
    assert [p.name for p in part.root.glob("koans/**/*.py")] == [
        "test_02_changing_lists.py"
    ]
    assert "0 of 5 koans solved" in part.pytest()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
def test_notes_stay_what_they_are_as_toml(lesson):
    tables = tomllib.loads(lesson.notes_path.read_text("utf-8"))
    assert tomllib.loads(toml(tables)) == tables


def test_so_do_odd_tables():
    tables = {
        "a b": 1,
        "text": 'é "quoted" \\ \n \x7f 𝛁',
        "list": [],
        "flag": False,
        "x": {"y": {"z": [0.5]}, "w": [{"n": 1}, {"n": {"m": "2"}}]},
    }
    assert tomllib.loads(toml(tables)) == tables


# ------------------------------------------------------------------ what is refused


def test_a_folder_with_something_in_it_is_left_alone(tiny, monkeypatch, capsys):
    monkeypatch.chdir(tiny.root)
    (tiny.root / "out").mkdir()
    (tiny.root / "out/thesis.txt").write_text("mine")
    assert main(["handout", "out"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in (tiny.root / "out").iterdir()] == ["thesis.txt"]


def test_one_that_would_not_be_fresh_is_not_written(tiny, monkeypatch, capsys):
    monkeypatch.chdir(tiny.root)
    path = tiny.root / "solutions/test_01_two_names.py"
    path.write_text(
        path.read_text("utf-8").replace("import __\n", "import __\n1 / 0\n")
    )
    assert main(["handout", "out.zip"]) == 2
    said = capsys.readouterr().err
    assert "not every koan in it is blank: test_a_sum (error)" in said
    assert not (tiny.root / "out.zip").exists()


def test_a_sealed_file_that_was_changed_says_so(handout):
    path = handout.root / "koans/sealed.txt"
    data = path.read_bytes()
    cut = b"\n".join(data.splitlines()[:-2])
    for damaged in (cut, data + b"%%%", b"\xff" + data):
        path.write_bytes(damaged)
        with pytest.raises(CourseError, match="is not as it was given out"):
            assert handout.course.sealed
    assert "is not as it was given out" in handout.pytest()


# ------------------------------------------------------------------ learning in it


def test_learning_in_it(handout):
    first = handout.pytest("--hint")
    assert "0 of 8 koans solved" in first
    assert "hint 1 Look at all the parts." in first
    assert "Write a guess first" in handout.pytest("--reveal")
    path = handout.root / "koans/test_01_two_names.py"
    given = path.read_bytes()
    handout.fill("test_a_sum", "7900")
    wrong = handout.pytest()
    assert "That leaves the last part out." in wrong and ANSWER not in wrong
    assert f"answer {ANSWER}" in handout.pytest("--reveal")
    assert handout.sensei("reset", "test_a_sum")[0] == 0
    assert path.read_bytes() == given
    handout.fill("test_a_sum", ANSWER)
    assert "solved test_a_sum 7000 + 900 + 19: sum takes" in handout.pytest()


def test_a_lesson_is_put_back_there(handout):
    path = handout.root / "koans/test_01_two_names.py"
    given = path.read_bytes()
    path.unlink()
    assert handout.sensei("reset", "01", "--yes")[0] == 0
    assert path.read_bytes() == given


def test_what_was_changed_is_seen_there(handout):
    """A handout knows how its koans were: an edited one does not pass."""
    path = handout.root / "koans/test_01_two_names.py"
    text = path.read_text("utf-8")
    path.write_text(text.replace("sum(parts) == __", "sum(parts) > 0"), "utf-8")
    assert "This koan is not as it was given" in handout.pytest()


def solve(handout: Handout) -> None:
    for lesson in handout.course.lessons:
        solved = HERE / "tiny_course/solutions" / lesson.part / lesson.path.name
        lesson.path.write_bytes(solved.read_bytes())


def test_right_answers_pass_there(handout, closed):
    for each in (handout, closed):
        solve(each)
        told = each.pytest(*map(str, each.root.glob("koans/**/test_*.py")))
        assert "13 passed, 2 skipped" in told and "8 of 8 koans solved" in told


def test_code_is_told_a_solution_where_answers_may_be_revealed(handout, closed):
    for each, said in [
        (handout, "list(original)"),
        (closed, "This copy of the course has no answers to show"),
    ]:
        solve(each)
        path = each.root / "koans/test_02_changing_lists.py"
        text = path.read_text("utf-8")
        path.write_text(text.replace("list(original)", "original", 1), "utf-8")
        told = each.pytest("--reveal")
        assert "That is the same list by a second name." in told
        assert said in told


def test_without_reveal_no_solution_is_in_it(closed):
    packed = sealed.opened((closed.root / "koans/sealed.txt").read_text("utf-8"))
    assert "list(original)" not in packed["solutions/test_02_changing_lists.py"]
    assert "original[:]" not in packed["koans/test_02_changing_lists.toml"]
    closed.fill("test_a_sum", "7900")
    told = closed.pytest("--reveal")
    assert "has no answers to show" in told and ANSWER not in told
    assert "--reveal" not in closed.pytest() and "That leaves" in told


def test_watch_works_there(handout):
    pexpect = pytest.importorskip("pexpect")
    root = handout.root
    child = pexpect.spawn(
        sys.executable,
        ["-c", WORDS, "watch"],
        cwd=str(root),
        env={**os.environ, "PYTHONPATH": str(root), "TERM": "xterm"},
        encoding="utf-8",
        timeout=PATIENCE,
    )
    try:
        child.expect("0 of 8 koans solved")
        handout.fill("test_a_sum", "7900")
        child.expect("leaves the last part out")
    finally:
        child.close(force=True)


def test_grading_is_not_there_and_the_rest_is_listed(handout):
    code, told = handout.python("-c", TWO_CALLS, anew=True)
    assert code == 0 and told.endswith(">>> 2"), told
    listed, refused = told.split(">>>")[:2]
    assert "reset" in listed and "score" in listed and "grade" not in listed
    assert "invalid choice: 'grade' (choose from" in refused and "score" in refused


def test_this_course_works_as_a_handout(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    options = ["--lessons", "01", "--no-reveal"]
    assert main(["handout", str(tmp_path / "out"), *options]) == 0
    handout = Handout(tmp_path / "out")
    assert not handout.course.reveal
    [lesson] = handout.course.lessons
    solved = ROOT / "solutions" / f"{lesson.name}.py"
    lesson.path.write_bytes(solved.read_bytes())
    code, told = handout.sensei("score", "--lessons", "all")
    most = sum(koan.note.points for koan in lesson.koans.values())
    assert code == 0 and f"all {most:g} of {most:g}" in told, told


@pytest.mark.parametrize("own", ["", '\n[project]\ndependencies = ["numpy"]\n'])
def test_a_course_that_is_no_package_can_be_installed_all_the_same(tiny, own):
    """`pip install -e .` is what a learner types, and `sensei` what she is told of."""
    path = tiny.root / "pyproject.toml"
    path.write_text(path.read_text("utf-8") + own, "utf-8")
    files = contents(tiny.course, tiny.course.lessons)
    table = tomllib.loads(files["pyproject.toml"].decode())
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    [needed] = [one for one in ours["dependencies"] if one.startswith("pytest>")]
    project = table["project"]
    assert project["name"] and project["version"]
    assert project["requires-python"] == ours["requires-python"]
    assert project["scripts"] == ours["scripts"]
    assert project["dependencies"] == (["numpy"] if own else [needed])
    packages = table["tool"]["setuptools"]["packages"]
    modules = [Path(name) for name in files if name.startswith("sensei/")]
    folders = {path.parent for path in modules if path.suffix == ".py"}
    assert {Path(one.replace(".", "/")) for one in packages} == folders


# ------------------------------------------------------------------ handing in


def test_what_is_handed_in_from_a_handout_is_graded(tiny, handout, monkeypatch):
    pytest.importorskip("tqdm")
    grade_both_sizes(tiny.root)
    solve(handout)
    handed_in = tiny.root / "in" / "ada" / "koans"
    handed_in.parent.mkdir(parents=True)
    (handout.root / "koans").rename(handed_in)
    monkeypatch.chdir(tiny.root)
    assert main(["grade", "in", "--out", "grades", "--timeout", "5"]) == 0
    results = json.loads((tiny.root / "grades/results.json").read_text("utf-8"))
    [ada] = results["learners"]
    assert ada["total"] == ada["max"] == 8 and ada["flags"] == []
