"""sensei update, and grading what was handed in from an older course."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sensei.cli import main
from sensei.course import Course
from sensei.grading.answers import Reader
from sensei.grading.assignment import read as read_assignment
from sensei.grading.book import Book
from sensei.grading.handout import handout
from tiny import HERE, TinyCourse, copy_tiny

ONE, TWO = "test_01_two_names", "test_02_changing_lists"


class Newer:
    """A newer version of the tiny course, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        copy_tiny(root)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text("utf-8")
        assert text.count(old) >= 1, (name, old)
        path.write_text(text.replace(old, new), "utf-8")

    def edit_lesson(self, lesson: str, old: str, new: str) -> None:
        """In the solution; the koans of a checkout are not what an update takes."""
        self.edit(f"solutions/{lesson}.py", old, new)

    def add_lesson(self) -> None:
        for name in (f"solutions/{ONE}.py", f"koans/{ONE}.toml"):
            text = (self.root / name).read_text("utf-8")
            for koan in ("test_a_sum", "test_who_grew", "test_same_or_equal"):
                text = text.replace(koan, f"{koan}_again")
            new = name.replace(ONE, "test_04_once_more")
            (self.root / new).write_text(text, "utf-8")

    def remove_koan(self) -> None:
        """Take the first koan away."""
        path = self.root / f"solutions/{ONE}.py"
        text = path.read_text("utf-8")
        start, end = text.index("def test_a_sum"), text.index("def test_who_grew")
        path.write_text(text[:start] + text[end:], "utf-8")
        path = self.root / f"koans/{ONE}.toml"
        text = path.read_text("utf-8")
        start, end = text.index("[test_a_sum]"), text.index("[test_who_grew]")
        path.write_text(text[:start] + text[end:], "utf-8")

    @property
    def course(self) -> Course:
        course = Course.load(self.root)
        assert course is not None
        return course


@pytest.fixture
def newer(tmp_path):
    return Newer(tmp_path / "newer" / "course")


@pytest.fixture
def mine(tiny, monkeypatch):
    monkeypatch.chdir(tiny.root)
    return tiny


@pytest.fixture
def update(newer, mine, capsys):
    """Brings the newer course in; gives the exit code and what is told."""

    def update(source: Path | None = None) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["update", str(source or newer.root)])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return update


def text(tiny: TinyCourse, lesson: str) -> str:
    return (tiny.main / f"{lesson}.py").read_text("utf-8")


def snapshot(root: Path) -> dict[str, bytes]:
    paths = [p for p in root.rglob("*") if p.is_file() and "__pycache__" not in str(p)]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


# ------------------------------------------------------------------ what it brings


def test_the_same_course_changes_nothing(mine, update):
    mine.solve(*mine.path)
    before = snapshot(mine.root)
    code, told = update()
    assert (code, told) == (0, "Nothing to bring: this is that course already.\n")
    assert snapshot(mine.root) == before


def test_a_new_lesson_and_what_is_beside_the_lessons(mine, newer, update):
    newer.add_lesson()
    newer.edit("teller.py", '"""', '"""Newer. ')
    mine.solve(*mine.path)
    answers = text(mine, ONE), text(mine, TWO)
    code, told = update()
    assert code == 0 and "new: koans/test_04_once_more.py" in told
    assert (text(mine, ONE), text(mine, TWO)) == answers
    assert (mine.root / "teller.py").read_text("utf-8").startswith('"""Newer.')
    assert mine.run("--maxfail=0").next == "test_a_sum_again"


def test_a_changed_koan_keeps_its_answer(mine, newer, update):
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 900, 20]")
    newer.edit_lesson(ONE, "What is their sum?", "How much is it?")
    mine.solve(*mine.path)
    mine.edit("test_a_sum", "== 7919", "==  (7000 + 900 + 19)")
    code, told = update()
    assert code == 0 and "changed, with your answers in: test_a_sum\n" in told
    now = text(mine, ONE)
    assert "[7000, 900, 20]" in now and "How much is it?" in now
    assert "assert sum(parts) == 7000 + 900 + 19\n" in now
    assert mine.run().next == "test_a_sum"  # it is another sum now


def test_only_the_changed_koan_is_written_anew(mine, newer, update):
    """A learner's notes and prints in the other koans stay."""
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 900, 20]")
    mine.solve(*mine.path)
    path = mine.main / f"{ONE}.py"
    noted = path.read_text().replace(
        "    third =", "    print(first)  # aha\n    third =", 1
    )
    path.write_text(noted, "utf-8")
    update()
    assert "    print(first)  # aha\n    third =" in text(mine, ONE)
    assert "[7000, 900, 20]" in text(mine, ONE)


@pytest.mark.parametrize(
    ("koan", "old", "new"),
    [
        ("test_a_sum", "What is their sum?", "How much is it?"),
        ("test_a_sum", "    parts =", "    # a comment of the course\n    parts ="),
        ("test_a_sum", "A list is one thing", "A list is a thing"),
    ],
    ids=["question", "comment", "head"],
)
def test_words_that_are_free_are_brought_as_well(mine, newer, update, koan, old, new):
    newer.edit_lesson(ONE, old, new)
    mine.solve(*mine.path)
    assert update()[0] == 0
    assert new in text(mine, ONE)
    assert text(mine, ONE).replace(new, old) == solved(ONE)


def solved(lesson: str) -> str:
    return (HERE / f"tiny_course/solutions/{lesson}.py").read_text("utf-8")


def test_statements_and_parts_of_expressions_are_put_in(mine, newer, update):
    for place in ("totals = []", "kept = []", "original = "):
        newer.edit_lesson(TWO, f"    {place}", f"    at = 0\n    {place}")
    mine.solve(*mine.path)
    mine.edit("test_running_totals", "total += number", "total += number  # first")
    code, told = update()
    assert code == 0 and text(mine, TWO).count("at = 0") == 3, told
    assert "first" in text(mine, TWO)
    assert mine.run("--maxfail=0").next == ""


def test_what_a_learner_has_not_begun_is_as_the_new_course_gives_it(
    mine, newer, update
):
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 900, 20]")
    update()
    lesson = next(lesson for lesson in newer.course.lessons if lesson.name == ONE)
    assert text(mine, ONE) == lesson.pristine.text


def test_a_koan_that_went_to_another_lesson_takes_its_answer_along(mine, newer, update):
    for name in (f"solutions/{ONE}.py", f"koans/{ONE}.toml"):
        old = newer.root / name
        old.rename(newer.root / name.replace(ONE, "test_05_moved"))
    mine.solve(*mine.path)
    before = text(mine, ONE)
    code, told = update()
    assert code == 0 and "new: koans/test_05_moved.py" in told
    assert text(mine, "test_05_moved") == before
    assert not (mine.main / f"{ONE}.py").exists()  # pytest would run it as before
    with zipfile.ZipFile(mine.root / "before-update.zip") as archive:
        assert len(set(archive.namelist())) == len(archive.namelist())
        assert f"koans/{ONE}.py" in archive.namelist()


def test_line_ends_stay_as_the_learner_has_them(mine, newer, update):
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 900, 20]")
    mine.solve(*mine.path)
    path = mine.main / f"{ONE}.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    update()
    data = path.read_bytes()
    assert b"900, 20]\r\n" in data and data.count(b"\n") == data.count(b"\r\n")


# ------------------------------------------------------------------ nothing is lost


def kept_aside(mine: TinyCourse) -> str:
    return (mine.root / "answers-without-a-place.py").read_text("utf-8")


def test_an_answer_to_another_question_is_kept_aside(mine, newer, update):
    newer.edit_lesson(ONE, "assert sum(parts) ==", "assert len(parts) ==")
    newer.edit(f"koans/{ONE}.toml", "assert sum(parts) ==", "assert len(parts) ==")
    mine.solve(*mine.path)
    code, told = update()
    assert code == 0 and "1, in answers-without-a-place.py" in told
    assert "test_a_sum, from koans/test_01_two_names.py: it asks" in kept_aside(mine)
    assert "== 7919" in kept_aside(mine)
    assert "assert len(parts) == __" in text(mine, ONE)


def test_so_is_one_to_a_koan_that_is_gone(mine, newer, update):
    newer.remove_koan()
    mine.solve(*mine.path)
    update()
    assert "test_a_sum" not in text(mine, ONE)
    assert "it is not in the course any more" in kept_aside(mine)
    assert "== 7919" in kept_aside(mine)


def test_a_blank_koan_that_is_gone_is_no_loss(mine, newer, update):
    newer.remove_koan()
    assert "answers" not in update()[1]


def test_what_is_replaced_is_in_a_zip_and_never_written_over(mine, newer, update):
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 900, 20]")
    mine.solve(*mine.path)
    before = snapshot(mine.root)
    update()
    newer.edit_lesson(ONE, "parts = [7000, 900, 20]", "parts = [7000, 900, 21]")
    update()
    assert (mine.root / "before-update-2.zip").exists()
    with zipfile.ZipFile(mine.root / "before-update.zip") as archive:
        assert f"koans/{ONE}.py" in archive.namelist()
        for name in archive.namelist():
            assert archive.read(name) == before[name]


def test_an_update_that_was_cut_short_is_done_by_the_next(
    mine, newer, update, monkeypatch
):
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 900, 20]")
    newer.edit_lesson(TWO, "    totals = []", "    at = 0\n    totals = []")
    newer.add_lesson()
    mine.solve(*mine.path)
    shutil.copytree(mine.root, mine.root.parent / "whole")
    monkeypatch.chdir(mine.root.parent / "whole")
    update()
    whole = snapshot(mine.root.parent / "whole")
    written = []

    def cut_short(path: Path, data: bytes) -> None:
        written.append(path)
        if len(written) == stop:
            raise KeyboardInterrupt
        path.write_bytes(data)

    monkeypatch.chdir(mine.root)
    stop, code = 0, 130
    with monkeypatch.context() as patch:
        patch.setattr("sensei.update.write", cut_short)
        while code and stop < 100:
            written.clear()
            stop += 1
            code, _ = update()
    assert stop > 3
    update()
    here = snapshot(mine.root)
    assert {k: v for k, v in here.items() if "before-update" not in k} == {
        k: v for k, v in whole.items() if "before-update" not in k
    }


# ------------------------------------------------------------------ nothing is done


@pytest.mark.parametrize("fault", ["syntax", "twice", "not UTF-8"])
def test_where_a_lesson_is_unclear_nothing_is_written(mine, newer, update, fault):
    newer.add_lesson()
    newer.edit_lesson(TWO, "    totals = []", "    at = 0\n    totals = []")
    mine.solve(*mine.path)
    path = mine.main / f"{ONE}.py"
    data = path.read_bytes()
    new = {
        "syntax": data.replace(b"== 7919", b"== (7919"),
        "twice": data + b"\n\ndef test_a_sum():\n    assert 1 == 2\n",
        "not UTF-8": data.replace(b"== 7919", b"== '\xff'"),
    }
    path.write_bytes(new[fault])
    before = snapshot(mine.root)
    code, told = update()
    assert code == 2 and f"koans/{ONE}.py:" in told and "then update" in told
    assert snapshot(mine.root) == before


@pytest.mark.parametrize("kind", ["no", "empty", "text", "other", "withheld", "notes"])
def test_a_source_that_can_not_be_used(mine, newer, update, kind):
    source = newer.root
    if kind == "no":
        source = newer.root / "nowhere"
    elif kind == "empty":
        source = newer.root / "empty"
        source.mkdir()
    elif kind == "text":
        source = newer.root / "teller.py"
    elif kind == "other":
        for path in [*newer.root.rglob("test_*.py"), *newer.root.rglob("test_*.toml")]:
            path.rename(path.with_name(path.name.replace("test_0", "test_7")))
    elif kind == "withheld":
        shutil.rmtree(newer.root / "solutions")
    else:
        newer.edit(f"koans/{ONE}.toml", "[test_who_grew]", "[test_who_grew")
    before = snapshot(mine.root)
    code, told = update(source)
    assert code == 2 and "sensei: " in told and "Traceback" not in told
    assert snapshot(mine.root) == before


# ------------------------------------------------------- handouts, zips and checkouts


def hand_out(course: Course, path: Path) -> Path:
    path.mkdir(parents=True)
    for name, data in handout(course, course.lessons).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize("is_zip", [False, True])
def test_from_one_handout_to_the_next(mine, newer, update, tmp_path, is_zip):
    old = hand_out(mine.course, tmp_path / "old")
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 900, 20]")
    newer.add_lesson()
    new = hand_out(newer.course, tmp_path / "new")
    if is_zip:
        new = Path(shutil.make_archive(str(tmp_path / "zip"), "zip", new.parent, "new"))
    mine.patch.chdir(old)
    for lesson in mine.course.lessons:
        solution = lesson.solution_path.read_bytes()
        (old / lesson.relative).write_bytes(solution)
    code, told = update(new)
    assert code == 0 and "new: koans/test_04_once_more.py" in told
    course = Course.load(old)
    assert [lesson.number for lesson in course.lessons] == ["01", "02", "04", "03"]
    now = (old / f"koans/{ONE}.py").read_text("utf-8")
    assert "[7000, 900, 20]" in now and "== 7919" in now


def test_from_a_checkout_to_a_handout(mine, newer, update, tmp_path):
    """Old notes and solutions that lie open must not speak for the new lessons."""
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 900, 20]")
    new = hand_out(newer.course, tmp_path / "new")
    mine.solve(*mine.path)
    assert update(new)[0] == 0
    assert not list(mine.root.glob("solutions/**/*.py"))
    assert not list(mine.main.glob("**/*.toml"))
    assert "[7000, 900, 20]" in mine.course.lessons[0].pristine.text
    mine.run().says("wrong ", "you wrote: 7919")


def test_a_merge_that_kept_the_old_koans_is_put_right(mine, newer, update):
    """git: `git checkout --ours koans`, and then `sensei update .`"""
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 900, 20]")
    mine.solve(*mine.path)
    ours = text(mine, ONE), text(mine, TWO)
    shutil.copytree(newer.root, mine.root, dirs_exist_ok=True)
    for name, data in zip((ONE, TWO), ours, strict=True):
        (mine.main / f"{name}.py").write_text(data, "utf-8")
    code, told = update(mine.root)
    assert code == 0 and "with your answers in: test_a_sum" in told
    assert "[7000, 900, 20]" in text(mine, ONE) and "== 7919" in text(mine, ONE)
    assert text(mine, TWO) == ours[1]


@pytest.mark.parametrize("close", [True, False], ids=["conflict", "no conflict"])
def test_the_git_way_of_the_docs(mine, newer, tmp_path, close):
    if not shutil.which("git") or sys.platform == "win32":
        pytest.skip("needs git and a shell")
    docs = (HERE.parent / "docs/grading.md").read_text("utf-8")
    block = re.search(r"```sh\n(  git checkout.*?)  ```", docs, re.DOTALL)
    (tmp_path / "sensei").write_text(
        f"#!/bin/sh\nexec {sys.executable} -c "
        "'from sensei.cli import main; exit(main())' \"$@\"\n"
    )
    (tmp_path / "sensei").chmod(0o755)

    def shell(script: str, folder: Path) -> str:
        who = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER")
               for what in ("NAME", "EMAIL")}  # fmt: skip
        path = f"{tmp_path}:{os.environ['PATH']}"
        env = {**os.environ, **who, "PATH": path, "HOME": str(tmp_path)}
        ran = subprocess.run(
            ["bash", "-e", "-c", script], cwd=folder, env=env, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    upstream = tmp_path / "upstream"
    copy_tiny(upstream)
    shell("git init -q && git add -A && git commit -qm one", upstream)
    for name in ("koans", "solutions", "learner"):
        if name == "learner":
            shell(f"git clone -q {upstream} learner", tmp_path)
        elif close:
            newer.edit(
                f"{name}/{ONE}.py",
                "    parts = [7000, 900, 19]\n\n",
                "    parts = [7000, 900, 20]\n",
            )
        else:
            newer.edit(f"{name}/{ONE}.py", "A list is one thing", "A list is a thing")
    for folder in ("koans", "solutions"):
        shutil.copytree(newer.root / folder, upstream / folder, dirs_exist_ok=True)
    shell("git commit -qam two", upstream)
    learner = tmp_path / "learner"
    for name in (ONE, TWO):
        (learner / f"koans/{name}.py").write_text(solved(name), "utf-8")
    shell('git commit -qam "my answers"', learner)
    told = shell("git pull --no-rebase --no-edit || true", learner)
    assert ("CONFLICT" in told) == close
    if close:
        shell(block[1], learner)
    now = (learner / f"koans/{ONE}.py").read_text("utf-8")
    assert "== 7919" in now and "<<<<" not in now
    assert ("900, 20]" if close else "A list is a thing") in now
    assert (learner / f"koans/{TWO}.py").read_text("utf-8") == solved(TWO)
    assert shell("git status --porcelain --untracked-files=no", learner) == ""


# ------------------------------------------------- an older hand-in against it (46)


def taken(course: Course, lesson: str, data: bytes):
    """What grading takes out of a file: the answers and the rest."""
    lessons = [found for found in course.lessons if found.name == lesson]
    assignment, book = read_assignment(course, lessons), Book()
    reader = Reader(assignment, lessons[0], book)
    got = reader.read(data)
    names = [koan.name for koan in assignment.koans]
    entries = [book.entries[number] for number in got.numbers]
    return dict(zip(names, entries, strict=True)), got


def keep_earlier(newer: Newer) -> None:
    """As docs/grading.md says: the lessons as they were given, before the change."""
    folder = newer.root / "earlier/autumn"
    folder.mkdir(parents=True)
    for path in (HERE / "tiny_course/koans").glob("test_*.py"):
        shutil.copy(path, folder)


OLD = solved(ONE).encode()


@pytest.mark.parametrize("solved_file", [False, True])
def test_an_old_hand_in_is_graded_by_its_answer(newer, solved_file):
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 800, 119]")
    keep_earlier(newer)
    if solved_file:  # a solution, kept in the place of a koan
        shutil.copy(HERE / f"tiny_course/solutions/{ONE}.py", newer.root / "earlier")
    entries, got = taken(newer.course, ONE, OLD)
    assert entries["test_a_sum"].fill == "7919"
    assert got.changed == ()
    assert got.remarks == ("in an earlier version: test_a_sum",)


def test_one_that_was_changed_is_told_from_it(newer):
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 800, 119]")
    keep_earlier(newer)
    entries, got = taken(newer.course, ONE, OLD.replace(b"7000, 900", b"7000, 901"))
    assert entries["test_a_sum"].fill == "7919"
    assert (got.changed, got.remarks) == ((0,), ())


def test_without_the_earlier_lesson_it_can_not_be_told(newer):
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 800, 119]")
    entries, got = taken(newer.course, ONE, OLD)
    assert entries["test_a_sum"].fill == "7919"
    assert (got.changed, got.remarks) == ((0,), ())


def test_prints_and_comments_in_an_old_koan_are_free(newer):
    newer.edit_lesson(ONE, "parts = [7000, 900, 19]", "parts = [7000, 800, 119]")
    keep_earlier(newer)
    data = OLD.replace(b"    parts =", b"    print(1)  # mine\n    parts  =")
    entries, got = taken(newer.course, ONE, data)
    assert got.changed == () and entries["test_a_sum"].fill == "7919"


def test_one_whose_question_is_another_gets_no_points_and_no_blame(newer):
    newer.edit_lesson(ONE, "assert sum(parts) ==", "assert len(parts) ==")
    newer.edit(f"koans/{ONE}.toml", "assert sum(parts) ==", "assert len(parts) ==")
    keep_earlier(newer)
    entries, got = taken(newer.course, ONE, OLD)
    assert entries["test_a_sum"].kind == "error" and not entries["test_a_sum"].fill
    assert "asked something else" in entries["test_a_sum"].sentence
    assert (got.changed, got.remarks) == ((), ("in an earlier version: test_a_sum",))


@pytest.mark.parametrize("new", ["How much is it?", "Their sum, please:"])
def test_a_question_in_other_words_is_the_same_koan(newer, new):
    newer.edit_lesson(ONE, "What is their sum?", new)
    entries, got = taken(newer.course, ONE, OLD)
    assert (got.changed, got.remarks) == ((), ())
    assert entries["test_a_sum"].fill == "7919"


def test_what_was_around_the_koans_may_be_earlier_too(newer):
    newer.edit_lesson(ONE, "import __\n", "import __\n\nSIZE = 2\n")
    _, got = taken(newer.course, ONE, OLD)
    assert got.remarks[0].startswith("lesson 01 changed around its koans")
    keep_earlier(newer)
    _, got = taken(newer.course, ONE, OLD)
    assert got.remarks == ("lesson 01 is an earlier version",)
