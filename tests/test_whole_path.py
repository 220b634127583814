"""The whole path, run as learners and instructors run it."""

from __future__ import annotations

import re

import pytest

from sensei import edit
from sensei.course import Course
from sensei.progress import progress
from sensei.verdicts import Kind, Verdict
from sensei.work import read
from this_course import KOANS, LESSONS, copy_course, run_pytest
from tiny import blank_in

MAIN = [koan for koan in KOANS if not koan.lesson.part]
LESSON = "test_01_piling_up.py"
BACKWARDS = f"""
def pytest_collection_modifyitems(items):
    items[{len(MAIN)}:] = reversed(items[{len(MAIN)}:])
"""


def passed(output: str) -> int:
    return counted(output, "passed")


def counted(output: str, what: str) -> int:
    """The number that pytest's last line gives for an outcome."""
    found = re.search(rf"(\d+) {what}", output)
    return int(found[1]) if found else 0


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    return copy_course(tmp_path_factory.mktemp("path") / "solved", solved=True)


def place_of(koan):
    return koan.lesson.relative, koan.name


def test_a_clean_checkout_shows_the_path_and_the_first_blank(tmp_path):
    code, output = run_pytest(copy_course(tmp_path / "fresh"), "-p", "no:sugar")
    assert code == 1
    first = MAIN[0]
    screen = output[output.index(f" next    {first.name}\n") :]
    assert len(screen.strip().splitlines()) <= 25
    assert f"{first.lesson.relative}:" in screen
    assert first.note.asks in screen
    assert "blank   put what you expect in place of __" in screen
    assert f"0 of {len(MAIN)} koans solved, on cpu" in screen
    assert "warning" not in output.lower()


def test_solved_it_is_green_and_ends_and_solutions_run_backwards_beside_it(solved):
    """None of them warns, either; some of the lessons further on may be skipped."""
    (solved / "backwards.py").write_text(BACKWARDS)
    # NumPy is no dependency; that torch looks for it is not the learner's concern.
    strict = ["-W", "error", "-W", "ignore:Failed to initialize NumPy"]
    paths = "koans", "solutions"
    code, output = run_pytest(
        solved, *paths, "-p", "backwards", "-p", "no:sugar", *strict
    )
    assert code == 0, output
    assert passed(output) + counted(output, "skipped") == len(MAIN) + len(KOANS)
    assert "You have reached the end of the path." in output
    for lesson in LESSONS:
        if lesson.part:
            assert f"pytest koans/further_on -k test_{lesson.number}" in output


def test_a_lesson_further_on_runs_when_it_is_named(solved):
    further_on = ["koans/further_on", "-k", "test_12"]
    code, output = run_pytest(solved, *further_on, "-p", "no:sugar")
    assert code == 0, output
    assert "\n further on\n" in output
    assert "\n the path\n" not in output


def test_koan_by_koan_next_moves_on_to_the_ending(tmp_path):
    """With the verdicts that the soundness tests give each koan, filled or blank."""
    course = Course.load(copy_course(tmp_path / "path"))
    assert course is not None
    main = [lesson for lesson in course.lessons if not lesson.part]
    koans = [koan for lesson in main for koan in lesson.koans.values()]
    [part] = progress(course, {place_of(koans[0]): [Verdict(Kind.BLANK)]})
    results = {}
    for koan, following in zip(koans, [*koans[1:], None], strict=True):
        assert part.next and part.next.name == koan.name and not part.next.filled
        results[place_of(koan)] = [Verdict(Kind.PASSED, koan.note.because)]
        is_last_of_lesson = following is None or following.lesson is not koan.lesson
        if is_last_of_lesson:
            fill_in(koan.lesson)
        [part] = progress(course, results)
        assert part.last_solved and part.last_solved.name == koan.name
        assert bool(part.just_done) == part.last_solved.filled == is_last_of_lesson
    assert part.next is None
    assert part.complete and all(step.filled for step in part.steps)


def fill_in(lesson):
    """Fill the koans of a lesson in, as a learner would."""
    work = read(lesson, lesson.path)
    places = [
        (blank_in(work.function(koan)), koan.solution_text)
        for koan in lesson.koans.values()
    ]
    lesson.path.write_text(edit.replaced(work.text, places), "utf-8")
