"""A lesson as it was given: its solution with the fills blanked, letter by letter."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from one_lesson import lesson_of, line_of, note
from sensei import blanks, source
from sensei.course import Course
from sensei.lesson import Lesson, NotAsGiven, functions
from sensei.notes import NotesError

SOLUTION = '''"""01  Adding

1 + 1 is 2.
"""

import math
from math import pi, tau
from sensei import __
from seeing import look

WEIGHTS = [1, 2]


def total(items):
    return sum(items)


def test_sum(device):
    """Two numbers — “a” and b.
    What is their sum?"""
    a, b = 1, 2

    assert a + b == 3


def test_loop(device, unit=1):
    """Three rounds."""
    done = []
    for i in range(3):
        done.append(i)
        done.append(math.pi)
    assert len(done) == 6


@staticmethod
def test_condition(device):
    é = 4
    if é > 3:
        total([é])
    assert é
'''
ASKS = {
    "test_sum": "assert a + b == __",
    "test_loop": "for i in range(3):\n    __",
    "test_condition": "if __: ...",
}
FILLS = {
    "test_sum": "3",
    "test_loop": "done.append(i)\ndone.append(math.pi)",
    "test_condition": "é > 3",
}
NOTES = [note(asks, name) for name, asks in ASKS.items()]
GIVEN = (
    SOLUTION.replace("== 3", "== __")
    .replace("done.append(i)\n        done.append(math.pi)", "__")
    .replace("if é > 3", "if __")
)
LESSON = lesson_of(SOLUTION, NOTES)
WITHHELD = lesson_of(SOLUTION, NOTES, with_solution=False)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_lesson_as_given_is_its_solution_with_the_fills_blanked(end, mark):
    lesson = lesson_of(mark + SOLUTION.replace("\n", end), NOTES)
    assert lesson.pristine.text == GIVEN.replace("\n", end)


@pytest.mark.parametrize("name", ASKS)
def test_a_koan_has_its_function_with_one_blank_and_its_solution(name):
    koan = LESSON.koans[name]
    [given] = functions(ast.parse(GIVEN).body)[name]
    assert ast.dump(koan.pristine) == ast.dump(given)
    assert len(blanks.find_blanks(koan.pristine)) == 1
    assert koan.solution.text == FILLS[name]


def test_a_koan_knows_its_lesson_its_question_and_its_place():
    koan = LESSON.koans["test_sum"]
    assert koan.lesson is LESSON and koan.name == "test_sum"
    assert koan.question == "Two numbers — “a” and b.\nWhat is their sum?"
    assert WITHHELD.koans["test_sum"].question == ""
    assert list(LESSON.koans) == list(ASKS)


def test_a_solution_without_the_koan_is_a_fault_of_the_notes():
    lesson = lesson_of("import math", NOTES)
    with pytest.raises(NotesError, match="the solution has no such koan"):
        _ = lesson.koans


def test_the_koans_are_the_test_functions_of_the_module_each_as_often_as_it_is_there():
    text = "def test_b(): a\nclass A:\n    def test_c(self): a\n"
    text += "async def test_a(): a\ndef f(): a\ndef test_b(): b"
    found = functions(ast.parse(text).body)
    lines = {name: [node.lineno for node in nodes] for name, nodes in found.items()}
    assert lines == {"test_b": [1, 6], "test_a": [4]}


# ------------------------------------------------------------------ fills are found


def fill_in(lesson: Lesson, name: str, text: str) -> str:
    body = source.parse(text).body
    [function] = functions(body)[name]
    return lesson.koans[name].fill_in(function, frozenset(["look"])).text


def edited(old: str, new: str) -> str:
    assert SOLUTION.count(old) == 1, old
    return SOLUTION.replace(old, new)


each_way = pytest.mark.parametrize("lesson", [LESSON, WITHHELD], ids=["given", "asks"])


@each_way
@pytest.mark.parametrize(
    ("name", "old", "new", "fill"),
    [
        *((name, "1 + 1", "1 + 1", fill) for name, fill in FILLS.items()),
        ("test_sum", "== 3", "== [1, 2]", "[1, 2]"),
        ("test_sum", "== 3", "== (a <\n        b)", "a < b"),
        ("test_sum", "== 3", "== __", "__"),
        ("test_sum", "a + b == 3", "a + b is None", "None"),
        ("test_sum", "    assert a", "    print(look(a))\n    assert a", "3"),
        ("test_loop", "        done.append(i)\n", "", "done.append(math.pi)"),
        (
            "test_loop",
            "        done.append(i)\n",
            "        for i in range(3):\n            a\n",
            "for i in range(3):\n    a\ndone.append(math.pi)",
        ),
        ("test_condition", "é > 3", "True and not é", "True and (not é)"),
    ],
)
def test_whatever_fills_the_blank_is_found(lesson, name, old, new, fill):
    assert fill_in(lesson, name, edited(old, new)) == fill


@each_way
def test_asks_that_fit_twice_are_told_with_their_lines(lesson):
    text = edited("    assert a + b == 3", "    assert a + b == 3\n" * 2)
    first = line_of(text, "== 3")
    with pytest.raises(NotAsGiven) as caught:
        fill_in(lesson, "test_sum", text)
    assert caught.value.line == first + 1
    if lesson is WITHHELD:
        assert f"more than once, at lines {first}, {first + 1}" in caught.value.reason


def test_asks_that_fit_nowhere_are_told_with_the_line_of_the_koan():
    text = edited("a + b == 3", "b + a == 3")
    with pytest.raises(NotAsGiven, match="expected here: assert a . b == __") as caught:
        fill_in(WITHHELD, "test_sum", text)
    assert caught.value.line == line_of(text, "def test_sum")


@pytest.mark.parametrize(
    ("koan", "asks"),
    [
        ("    for a in [1]:\n        assert a == 1\n", "assert a == __"),
        ("    a = 1\n", "a = __"),
        ("    with open(a):\n        b = 1\n        assert b\n", "b = __"),
    ],
)
def test_a_check_that_no_run_would_see_is_a_fault_of_the_lesson(koan, asks):
    lesson = lesson_of(f"def test_it():\n{koan}", [note(asks)])
    with pytest.raises(NotesError, match="no check stands directly in the koan"):
        _ = lesson.koans


# --------------------------------------------------------------- the lesson's files


def test_a_lesson_is_read_from_its_files(tmp_path):
    course = Course(tmp_path, *(tmp_path / n for n in ("koans", "notes", "solutions")))
    lesson = Lesson(course, "test_04_micro_batches", "further_on")
    assert (lesson.number, lesson.title) == ("04", "micro batches")
    assert lesson.relative == "koans/further_on/test_04_micro_batches.py"
    for path in (lesson.notes_path, lesson.solution_path):
        path.parent.mkdir(parents=True)
    lesson.notes_path.write_text(
        '[lesson]\nsay = "a"\nlearned = "b"\ncaught = "c"\nlink = "d"\n[test_sum]\n'
        'asks = "assert a + b == __"\nhints = ["a", "b", "c"]\nbecause = "d"\n'
        'link = "e"\nmistakes = []\n'
    )
    assert lesson.pristine is None and course.lessons[0].pristine is None
    lesson.solution_path.write_text(SOLUTION, "utf-8")
    assert course.lessons[0].relative == lesson.relative
    found = Course(tmp_path, course.koans, course.notes, course.solutions).lessons[0]
    assert found.koans["test_sum"].solution.text == "3"


def test_a_course_finds_a_lesson_by_its_file_or_its_solution(tmp_path):
    course = Course(tmp_path, *(tmp_path / n for n in ("koans", "koans", "solutions")))
    for name in ("koans/further_on/test_02_b.toml", "solutions/test_01_a.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("")
    assert [(x.name, x.part) for x in course.lessons] == [
        ("test_01_a", ""),
        ("test_02_b", "further_on"),
    ]
    for lesson in course.lessons:
        assert course.lesson_of(lesson.path) is lesson
        assert course.lesson_of(lesson.solution_path) is lesson
    assert course.lesson_of(Path("test_01_a.py")) is None
