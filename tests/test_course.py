"""This course is as ``sensei check`` wants it, lesson by lesson."""

from __future__ import annotations

import pytest

from sensei.check.lint import check_course, check_lesson
from sensei.lesson import Lesson
from this_course import COURSE, KOANS, LESSONS


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda one: one.name)
def test_nothing_in_a_lesson_is_to_be_mended(lesson: Lesson):
    findings = list(map(str, check_lesson(lesson).findings))
    assert findings == [], "\n".join(["", *findings])


def test_nothing_in_the_course_is_to_be_mended():
    findings = list(map(str, check_course(COURSE)))
    assert findings == [], "\n".join(["", *findings])


def test_every_koan_is_for_every_device():
    for koan in KOANS:
        assert [argument.arg for argument in koan.pristine.args.args] == ["device"]
