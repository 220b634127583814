"""A lesson for the tiny course in which some koans can have other numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sensei.course import Course
from tiny import koan_in

SOLUTION = '''"""04  Slopes

They add up.
"""

from doubled import TWO
from sensei import __


def twice(number):
    return TWO * number


def test_two_slopes():
    """The slopes are 3 and 5. What do they come to?"""
    slate = 0.0
    for slope in (3.0, 5.0):
        slate += slope

    assert slate == 8.0


def test_a_word():
    """What is the word?"""
    assert "a" + "b" == "ab"


def test_some_code():
    """Write what doubles 4."""
    number = 2.0 * 4.0
    assert number == 8.0


def test_review_of_both():
    """Which word comes first?"""
    assert sorted(["b", "a"]) == ["a", "b"]


def test_review_of_all():
    """p is 6. What is twice of it, and 7 more?"""
    p = 6.0
    assert twice(p) + 7.0 == 19.0
'''
NOTE = """
[{name}]
asks = "{asks}"
hints = ["Add.", "Add 3.", "Add again."]
because = "{because}"
link = "https://x.org"

[[{name}.mistakes]]
fill = "5.0"
says = "That is the last one."
"""
ASKS = {
    "test_two_slopes": "assert slate == __",
    "test_a_word": "assert 'a' + 'b' == __",
    "test_some_code": "number = __",
    "test_review_of_both": "assert sorted(['b', 'a']) == __",
    "test_review_of_all": "assert twice(p) + 7.0 == __",
}
LESSON = '[lesson]\nsay = "?"\nlearned = "+"\ncaught = "-"\nlink = "https://x.org"\n'


class Rooted(Protocol):
    """What lies in a folder, as a course does."""

    @property
    def root(self) -> Path: ...


def add_slopes(tiny: Rooted) -> None:
    """Add the lesson, untouched, and what it imports from beside the koans."""
    koans, root = tiny.root / "koans", tiny.root
    (koans / "doubled.py").write_text("TWO = 2\n")
    (root / "solutions" / "test_04_slopes.py").write_text(SOLUTION)
    notes = [NOTE.format(name=n, asks=a, because="It adds.") for n, a in ASKS.items()]
    (koans / "test_04_slopes.toml").write_text(LESSON + "".join(notes))
    course = Course.load(root)
    assert course is not None
    lesson = koan_in(course, "test_two_slopes").lesson
    assert lesson.pristine is not None
    lesson.path.write_text(lesson.pristine.text)
