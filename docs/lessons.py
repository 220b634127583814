"""Writes README's table of lessons, from the lessons themselves.

    python docs/lessons.py

tests/test_readme.py fails when the table is not what this would write.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sensei.course import Course  # noqa: E402
from sensei.lesson import Lesson  # noqa: E402

BEGIN, END = "<!-- lessons: docs/lessons.py writes this -->\n", "<!-- /lessons -->\n"


def table() -> str:
    """The table of lessons in Markdown: number, title, koans, what is learned."""
    course = Course.load(ROOT)
    assert course is not None
    rows = ["| lesson | | koans | what you will be able to say |", "|---|---|---:|---|"]
    part = ""
    for lesson in course.lessons:
        if lesson.part != part:
            part = lesson.part
            rows.append(f"| | *{part.replace('_', ' ')}, by choice* | | |")
        rows.append(_row(lesson))
    return "\n".join(rows) + "\n"


def _row(lesson: Lesson) -> str:
    docstring = ast.get_docstring(ast.parse(lesson.path.read_text("utf-8"))) or ""
    title = docstring.partition("\n")[0].removeprefix(lesson.number).strip()
    learned = lesson.notes.learned
    return f"| {lesson.number} | {title} | {len(lesson.koans)} | {learned} |"


def with_table(readme: str) -> str:
    """A README with the table in its place."""
    head, _, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    assert end, "README.md has lost the marks around its table of lessons"
    return f"{head}{BEGIN}{table()}{END}{tail}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(with_table(path.read_text("utf-8")), "utf-8")
