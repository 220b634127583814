"""``sensei new LESSON NAME``: the skeleton of a koan, in a solution and its notes.

It is whole: it passes, and ``sensei check`` lists what an author has to write in it.
What stands in koans/ is left alone; ``sensei reset LESSON`` makes that.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from sensei import reset
from sensei.check.lessons import unreadable
from sensei.check.words import UNWRITTEN
from sensei.course import Course, CourseError
from sensei.lesson import Lesson

LESSON = re.compile(r"(?:(\w+)/)?(?:test_)?(\d\d)_(\w+)")
KOAN = re.compile(r"test_\w+", re.ASCII)

SOLUTION = '''"""{number}  {title}

{unwritten}

    >>> 1 + 1
    2
"""

from sensei import __
'''
NOTES = """[lesson]
say = "{unwritten}"
learned = "{unwritten}"
caught = "{unwritten}"
link = "{unwritten}"
"""
PREDICTION = '''

def {name}({parameters}):
    """{unwritten}"""
    given = 1

    assert given + given == 2
'''
CODE = '''

def {name}({parameters}):
    """{unwritten}"""
    found = []
    found.append(1)
    assert found == [1]
'''
ASKS_FOR_PREDICTION = 'asks = "assert given + given == __"'
ASKS_FOR_CODE = 'asks = """\nfound = []\n__\nassert found == [1]\n"""'
NOTE = """
[{name}]
{asks}
hints = [
    "{unwritten} Where to look.",
    "{unwritten} What is true of it.",
    "{unwritten} A sibling of it, worked out.",
]
because = "{unwritten}"
link = "{unwritten}"

[[{name}.mistakes]]
fill = "{first}"
says = "{unwritten}"

[[{name}.mistakes]]
fill = "{second}"
says = "{unwritten}"
"""


@dataclass(frozen=True)
class Draft:
    """A lesson's solution and notes with a new koan at their ends, not yet written."""

    lesson: Lesson
    name: str
    solution: str
    notes: str

    def write(self) -> None:
        """Write both files, or neither; raises ResetError."""
        path = self.lesson.solution_path
        before = path.read_bytes() if path.exists() else None
        reset.write(path, reset.with_ends_of(path, self.solution).encode())
        try:
            notes = self.lesson.notes_path
            reset.write(notes, reset.with_ends_of(notes, self.notes).encode())
        except reset.ResetError:
            if before is None:
                path.unlink()
            else:
                reset.write(path, before)
            raise


def draft(course: Course, lesson: str, name: str, is_code: bool = False) -> Draft:
    """The skeleton of a koan at the end of a lesson; raises CourseError."""
    if not KOAN.fullmatch(name):
        raise CourseError(f"{name}: a koan is called test_something")
    for other in course.lessons:
        if name in reset.koans(other):
            raise CourseError(f"{other.relative} has a koan {name}: take another name")
    found = [one for one in course.lessons if lesson in reset.spellings(one)]
    if found:
        return _in_lesson(found[0], name, is_code)
    return _in_new_lesson(course, lesson, name, is_code)


def _in_lesson(lesson: Lesson, name: str, is_code: bool) -> Draft:
    if faults := unreadable(lesson):
        raise CourseError(f"mend this first: {faults[0]}")
    solution = lesson.solution_path.read_bytes().decode("utf-8")
    notes = lesson.notes_path.read_bytes().decode("utf-8")
    return _with_koan(lesson, name, is_code, solution, notes)


def _in_new_lesson(course: Course, wanted: str, name: str, is_code: bool) -> Draft:
    match = LESSON.fullmatch(wanted)
    if match is None:
        there = ", ".join(lesson.number for lesson in course.lessons)
        raise CourseError(
            f"there is no lesson {wanted}; there are {there}. "
            f"A new one is called like 17_some_title, or further_on/17_some_title."
        )
    part, number, title = match[1] or "", match[2], match[3]
    taken = [lesson for lesson in course.lessons if lesson.number == number]
    if taken:
        raise CourseError(f"{number} is {taken[0].relative}: take another number")
    lesson = Lesson(course, f"test_{number}_{title}", part)
    words = {"number": number, "title": lesson.title.capitalize()}
    texts = [text.format(unwritten=UNWRITTEN, **words) for text in (SOLUTION, NOTES)]
    return _with_koan(lesson, name, is_code, *texts)


def _with_koan(
    lesson: Lesson, name: str, is_code: bool, solution: str, notes: str
) -> Draft:
    words = {
        "name": name,
        "parameters": ", ".join(lesson.course.arguments),
        "unwritten": UNWRITTEN,
        "asks": ASKS_FOR_CODE if is_code else ASKS_FOR_PREDICTION,
        "first": "found.append(2)" if is_code else "1",
        "second": "found" if is_code else "3",
    }
    koan = (CODE if is_code else PREDICTION).format(**words)
    parts = solution.rstrip("\r\n"), koan, notes.rstrip("\r\n"), NOTE.format(**words)
    return Draft(lesson, name, "\n".join(parts[:2]), "\n".join(parts[2:]))


# ----------------------------------------------------------------------- the command


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``new`` to the commands of ``sensei``."""
    parser = commands.add_parser("new", help="for authors: the skeleton of a koan")
    parser.add_argument("lesson", help="04, or for a new lesson 17_some_title")
    parser.add_argument("name", help="such as test_two_backwards")
    parser.add_argument("--code", action="store_true", help="it asks for code")
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    course.need_solutions()
    made = draft(course, options.lesson, options.name, options.code)
    made.write()
    lesson = made.lesson
    print(f"{made.name} is new in {_at_end(lesson.solution_path, course)}")
    print(f"and in {_at_end(lesson.notes_path, course)}.")
    print(f"`sensei check {made.name}` says what is to be written there;")
    print(f"`sensei reset {lesson.number}` then makes {lesson.relative} from it.")
    return 0


def _at_end(path: Path, course: Course) -> str:
    """A file, and the line at which its new koan begins."""
    lines = path.read_text("utf-8").splitlines()
    heads = [
        i for i, line in enumerate(lines, 1) if line.startswith(("def ", "[test_"))
    ]
    return f"{path.relative_to(course.root).as_posix()}:{heads[-1]}"
