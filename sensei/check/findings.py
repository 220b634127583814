"""Findings: what a check has to say, and where an author mends it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

from sensei.lesson import Lesson

HEADER = re.compile(r"(\[\[?)\s*(\w+)(?:\.(\w+))?\s*\]")


@dataclass(frozen=True, order=True)
class Finding:
    """A fault: the file (from the course's folder), its line, and what is to be mended.

    ``koan`` is "" where it is about more than one, ``place`` says what of it ("hint
    2"). A sentence may have further lines, such as the code that it is about.
    """

    path: str
    line: int
    koan: str
    place: str
    sentence: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        what = " ".join(
            filter(None, [f"[{self.koan}]" if self.koan else "", self.place])
        )
        first, *rest = self.sentence.splitlines()
        head = ": ".join(filter(None, [where, what, first]))
        return "\n".join([head, *(f"    {line}" for line in rest)])


def in_notes(lesson: Lesson, sentence: str, koan: str = "", place: str = "") -> Finding:
    """A finding in a lesson's notes."""
    table = f"[{koan}] {place}" if place.startswith("mistakes ") else f"[{koan}]"
    lines = _lines(_text(lesson))
    line = lines.get(table) or lines.get(f"[{koan or 'lesson'}]", 0)
    return Finding(relative(lesson, "notes"), line, koan, place, sentence)


def in_solution(
    lesson: Lesson, sentence: str, koan: str = "", line: int = 0
) -> Finding:
    """A finding in a lesson's solution, at the beginning of a koan."""
    given = lesson.koans[koan].pristine if koan and not line else None
    line = given.lineno if given else line
    return Finding(relative(lesson, "solution"), line, koan, "", sentence)


def relative(lesson: Lesson, which: str) -> str:
    """The path of a lesson's notes or solution, from the course's folder."""
    path = lesson.notes_path if which == "notes" else lesson.solution_path
    return path.relative_to(lesson.course.root).as_posix()


def _text(lesson: Lesson) -> str:
    try:
        return lesson.notes_path.read_text("utf-8", "replace")
    except OSError:
        return ""


@cache
def _lines(text: str) -> dict[str, int]:
    """Where the tables of a .toml begin: [test_x], and [test_x] mistakes 2."""
    lines: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        match HEADER.match(line):
            case re.Match() as header if header[1] == "[[" and header[3]:
                key = f"[{header[2]}] {header[3]}"
                counts[key] += 1
                lines[f"{key} {counts[key]}"] = number
            case re.Match() as header:
                lines.setdefault(f"[{header[2]}]", number)
    return lines


def shown(code: str) -> str:
    """Code within a sentence: behind it, on lines of its own where it has several."""
    code = code.strip("\n")
    return f"\n{code}" if "\n" in code else f"`{code}`"
