"""The whole path, run as learners and instructors run it."""

from __future__ import annotations

import re

import pytest

from course import COURSE, KOANS, copy_course, run_pytest
from sensei.course import Course
from sensei.lesson import replaced
from sensei.path import walk
from sensei.verdicts import Kind, Verdict

MAIN = [koan for koan in KOANS if not koan.files.part]


def passed(output: str) -> int:
    return counted(output, "passed")


def counted(output: str, what: str) -> int:
    """The number that pytest's last line gives for an outcome."""
    found = re.search(rf"(\d+) {what}", output)
    return int(found[1]) if found else 0


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    return copy_course(tmp_path_factory.mktemp("path") / "solved", solved=True)


def test_a_clean_checkout_shows_the_path_and_the_first_blank(tmp_path):
    code, output = run_pytest(copy_course(tmp_path / "fresh"), "-p", "no:sugar")
    assert code == 1
    screen = output[output.index(" the path") :]
    assert len(screen.strip().splitlines()) <= 25
    first = MAIN[0]
    assert f"next    {first.note.name}\n" in screen
    assert f"{first.files.relative}:" in screen
    assert first.note.asks in screen
    assert "blank   put what you expect in place of __" in screen
    assert f"0 of {len(MAIN)} koans solved, on cpu" in screen
    assert "warning" not in output.lower()


def test_solved_it_is_green_and_ends(solved):
    code, output = run_pytest(solved, "-p", "no:sugar")
    assert code == 0, output
    assert passed(output) == len(MAIN)
    assert "You have reached the end of the path." in output
    for files in COURSE.lessons:
        if files.part:
            assert f"pytest koans/further_on -k test_{files.number}" in output


def test_koans_and_solutions_run_together(solved):
    code, output = run_pytest(solved, "koans", "solutions", "-p", "no:sugar")
    assert code == 0, output
    assert passed(output) + counted(output, "skipped") >= len(MAIN) + len(KOANS)


@pytest.mark.parametrize("path", ["koans/further_on", "koans/further_on -k test_11"])
def test_further_on_runs_when_it_is_named(solved, path):
    code, output = run_pytest(solved, *path.split(), "-p", "no:sugar")
    assert code == 0, output
    assert "\n further on\n" in output
    assert "\n the path\n" not in output


def test_two_workers_find_the_same(solved):
    code, output = run_pytest(solved, "solutions", "-p", "xdist", "-n", "2")
    assert code == 0, output
    assert passed(output) + counted(output, "skipped") >= len(KOANS)


def test_any_order_will_do(solved):
    (solved / "backwards.py").write_text(
        "def pytest_collection_modifyitems(items):\n    items.reverse()\n"
    )
    code, output = run_pytest(solved, "solutions", "-p", "backwards")
    assert code == 0, output


def test_no_koan_warns(solved):
    # NumPy is no dependency; that torch looks for it is not the learner's concern.
    code, output = run_pytest(
        solved, "solutions", "-W", "error", "-W", "ignore:Failed to initialize NumPy"
    )
    assert code == 0, output


def test_filling_the_blanks_one_by_one_moves_next_on_to_the_ending(tmp_path):
    """With the verdicts that the soundness tests give each koan, filled or blank."""
    course = Course.load(copy_course(tmp_path / "path"))
    assert course is not None
    files_of = {files.name: files for files in course.lessons}
    first = MAIN[0]
    results = {(files_of[first.files.name], first.note.name): [Verdict(Kind.BLANK)]}
    for koan in MAIN:
        files, name = files_of[koan.files.name], koan.note.name
        [path] = walk(course, results)
        assert path.next and path.next.name == name
        fill_in(files, name, koan.solution)
        results[files, name] = [Verdict(Kind.PASSED, koan.note.because)]
        [path] = walk(course, results)
        assert path.last_solved and path.last_solved.name == name
        is_last_of_lesson = name == list(koan.given.notes.koans)[-1]
        assert bool(path.just_done) == is_last_of_lesson
    assert path.next is None
    assert path.complete


def fill_in(files, name, solution):
    """Fill one koan in, as a learner would."""
    lesson = files.read()
    blank = lesson.fill(name)
    assert blank.text == "__"
    text = replaced(lesson.source.decoded, [(blank, solution)])
    files.path.write_text(text, "utf-8")
