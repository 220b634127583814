"""This course is as ``sensei check`` wants it, lesson by lesson."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from sensei.check.lint import Checked, check_course, check_lesson
from sensei.lesson import Lesson
from this_course import COURSE, KOANS, LESSONS

NEWEST = (2, 13)  # the torch that course/free.toml was written with


@cache
def checked(lesson: Lesson) -> Checked:
    return check_lesson(lesson)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda one: one.name)
def test_nothing_in_a_lesson_is_to_be_mended(lesson: Lesson):
    findings = list(map(str, checked(lesson).findings))
    assert findings == [], "\n".join(["", *findings])


def test_nothing_in_the_course_is_to_be_mended():
    """What code may use has names in it that came with newer releases of torch."""
    is_older = tuple(map(int, torch.__version__.split(".")[:2])) < NEWEST
    findings = [str(finding) for finding in check_course(COURSE, map(checked, LESSONS))]
    findings = [said for said in findings if not (is_older and " has no " in said)]
    assert findings == [], "\n".join(["", *findings])


def test_every_koan_is_for_every_device():
    for koan in KOANS:
        assert [argument.arg for argument in koan.pristine.args.args] == ["device"]
