"""Which lessons a command is about: what ``--lessons`` says."""

from __future__ import annotations

from sensei.course import Course, CourseError
from sensei.lesson import Lesson


def select(course: Course, wanted: str | None) -> list[Lesson]:
    """The lessons that ``--lessons`` names, such as ``01-05,07``, or ``all``.

    Without it: the main path, or all where there is none. Raises CourseError.
    """
    if wanted is None:
        path = [lesson for lesson in course.lessons if not lesson.part]
        chosen = path or list(course.lessons)
    elif wanted == "all":
        chosen = list(course.lessons)
    else:
        chosen = _numbered(course, wanted)
    if not chosen:
        raise CourseError(f"no lessons (files with notes) in {course.notes}")
    return chosen


def _numbered(course: Course, wanted: str) -> list[Lesson]:
    by_number = {int(x.number): x for x in course.lessons if x.number.isdecimal()}
    chosen: set[Lesson] = set()
    for part in wanted.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise CourseError(f"--lessons {wanted}: write it like 01-05,07, or all")
        span = range(int(first), int(last or first) + 1)
        inside = {lesson for number, lesson in by_number.items() if number in span}
        if not inside:
            there = ", ".join(lesson.number for lesson in course.lessons)
            raise CourseError(
                f"--lessons {wanted}: no lesson {part.strip()}; there are {there}"
            )
        chosen |= inside
    return [lesson for lesson in course.lessons if lesson in chosen]
