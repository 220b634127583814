"""docs/notes.md: its examples are a sound lesson, and it has every key of the notes."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields

import pytest

from sensei.check.lint import check_course, check_lesson
from sensei.course import Course
from sensei.notes import LessonNotes, Mistake, Note
from this_course import ROOT

PAGE = (ROOT / "docs" / "notes.md").read_text("utf-8")
NOT_KEYS = {"name", "koans"}  # of the dataclasses: what the tables themselves are


def blocks(language: str) -> str:
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S))


def keys(*classes: type) -> set[str]:
    """The keys of the notes that are read into these."""
    return {field.name for each in classes for field in fields(each)} - NOT_KEYS


@pytest.fixture
def course(tmp_path):
    """The lesson that the page shows, as a course of its own."""
    for name, text in {
        "pyproject.toml": "[tool.sensei]\n",
        "koans/test_01_adding_up.toml": blocks("toml"),
        "solutions/test_01_adding_up.py": blocks("python"),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    course = Course.load(tmp_path)
    [lesson] = course.lessons
    lesson.path.write_text(lesson.pristine.text, "utf-8")
    return course


def test_its_examples_are_a_sound_lesson(course):
    [lesson] = course.lessons
    checked = check_lesson(lesson)
    assert list(map(str, checked.findings)) == []
    assert check_course(course, [checked]) == []
    predictions = [koan.note.is_prediction for koan in lesson.koans.values()]
    assert predictions == [True, False]


def test_every_key_of_the_notes_is_in_an_example_and_is_explained():
    tables = tomllib.loads(blocks("toml"))
    lesson = tables.pop("lesson")
    assert lesson.keys() == keys(LessonNotes)
    koans = {key for table in tables.values() for key in table}
    assert koans == keys(Note)
    mistakes = [mistake for table in tables.values() for mistake in table["mistakes"]]
    used = {key for mistake in mistakes for key in mistake}
    assert used == keys(Mistake) | {"fill"}  # short for a list of one
    for key in lesson.keys() | koans | used:
        assert f"`{key}`" in PAGE, key
