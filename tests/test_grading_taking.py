"""Taking the answers out of lesson files. Nothing runs here."""

from __future__ import annotations

import random
import re

import pytest

from sensei.course import Course, CourseError
from sensei.grading.answers import Reader
from sensei.grading.assignment import Assignment, AssignmentError, pristine, select
from sensei.grading.assignment import read as read_assignment
from sensei.grading.book import Book
from sensei.verdicts import Kind
from tiny import HERE

ONE = "test_01_two_names.py"


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    course = Course.load(HERE / "tiny_course")
    assert course is not None
    return read_assignment(course, select(course, "all"))


# ------------------------------------------------------------------------ answers


def solved(assignment: Assignment, number: int = 0) -> str:
    return assignment.lessons[number].solution_path.read_text("utf-8")


def take(assignment: Assignment, data: bytes, number: int = 0):
    book = Book()
    taken = Reader(assignment, assignment.lessons[number], book).read(data)
    return taken, [book.entries[n] for n in taken.numbers]


def test_the_fills_are_taken(assignment):
    taken, found = take(assignment, solved(assignment).encode())
    assert [entry.fill for entry in found] == [
        "7919",
        "[size + 1, size + 1, size + 2]",
        "[True, False, True]",
    ]
    assert (taken.changed, taken.remarks) == ((), ())


def test_blank_and_missing_are_told_apart(assignment):
    text = pristine(assignment.lessons[0]).decode()
    start = text.index("def test_who_grew")
    end = text.index("def test_same_or_equal")
    _, found = take(assignment, (text[:start] + text[end:]).encode())
    assert [entry.kind for entry in found] == [Kind.BLANK, Kind.MISSING, Kind.BLANK]


def test_reformatting_comments_and_prints_are_free(assignment):
    text = solved(assignment)
    text = text.replace(
        "    assert sum(parts) == 7919",
        "    print(parts)\n    assert (\n        sum(parts) == 7919  # really\n    )",
    )
    text = "# Ann\n" + text.replace("\n", "\r\n")
    taken, found = take(assignment, text.encode("utf-8-sig"))
    assert found[0].fill == "7919"
    assert (taken.changed, taken.remarks) == ((), ())


RIGHT = "total += number\n        totals.append(total)"
IN_A_LOOP = "for n in [number]:\n            total += n\n        totals.append(total)"


@pytest.mark.parametrize(
    ("fill", "ways"),
    [
        (
            RIGHT,
            [
                RIGHT.replace("\n", "\n        print(total)\n"),
                RIGHT.replace("(total)", "(  # so far\n            total)"),
                "total += number; totals.append(total)",
                f"breakpoint()\n        {RIGHT}",
                RIGHT.replace("\n", "\r\n"),
            ],
        ),
        (
            IN_A_LOOP,
            [
                IN_A_LOOP.replace("total += n", "print(n)\n            total += n"),
                IN_A_LOOP.replace("total += n", "total += n; print(secret)"),
                IN_A_LOOP.replace("\n            ", " "),
            ],
        ),
    ],
)
def test_the_same_answer_is_the_same_entry_whatever_it_prints(assignment, fill, ways):
    """Its prints, its layout, its comments and its line ends are dropped."""
    text = solved(assignment, 1)
    book = Book()
    reader = Reader(assignment, assignment.lessons[1], book)
    files = [text.replace(RIGHT, way) for way in (fill, *ways)]
    numbers = {reader.read(file.encode()).numbers for file in files}
    assert len(numbers) == 1
    entry = book.entries[min(numbers)[-1]]
    assert entry.fill == fill.replace("\n        ", "\n")
    assert entry.kind is Kind.UNGRADED


def test_a_changed_koan_is_graded_as_given_and_marked(assignment):
    text = solved(assignment).replace("19]", "20]").replace("7919", "7920")
    taken, found = take(assignment, text.encode())
    assert found[0].fill == "7920"
    assert taken.changed == (0,)


def test_a_koan_whose_blank_is_not_to_be_found(assignment):
    text = solved(assignment).replace("assert sum(parts) == 7919", "assert True")
    taken, found = take(assignment, text.encode())
    assert found[0].kind is Kind.ERROR
    assert "not as it was given" in found[0].sentence
    assert [entry.fill for entry in found[1:]] != ["", ""]


def test_what_is_changed_around_koans_is_told_and_has_no_effect(tiny):
    path = tiny.root / "solutions" / ONE
    text = path.read_text("utf-8").replace("import __", "import __\n\nSIZE = 3")
    path.write_text(text, "utf-8")
    assignment = read_assignment(tiny.course, select(tiny.course, None))
    taken, found = take(assignment, text.replace("SIZE = 3", "SIZE = 4").encode())
    assert taken.remarks == (
        "lesson 01 changed around its koans: `SIZE = 3` is missing",
    )
    assert (found[0].fill, taken.changed) == ("7919", ())


def test_what_is_added_beside_the_koans_is_the_learners_own(assignment):
    text = solved(assignment).replace("import __", "import __\nimport os\nx = 1")
    taken, found = take(assignment, f"{text}\n\ndef test_mine(): __".encode())
    assert (found[0].fill, taken.remarks, taken.changed) == ("7919", (), ())


def test_a_koan_that_is_there_twice(assignment):
    text = solved(assignment) + "\n\ndef test_a_sum():\n    assert True\n"
    _, found = take(assignment, text.encode())
    assert "there twice" in found[0].sentence


DEEP = "(" * 10_000 + "1" + ")" * 10_000
BAD = {
    "not UTF-8": ("#\n#\n# \xe9", "it is not UTF-8"),
    "NUL": ("x = '\0'", "null bytes"),
    "syntax": ("def test_a_sum(:", "invalid syntax"),
    "tabs": ("if 1:\n        x\n\tx", "unindent|tabs"),
    "deep parentheses": (f"x = {DEEP}", "too many nested|nested too deeply"),
    "deep minus": (f"x = {'-' * 10_000}1", "nested too deeply"),
    "deep list": (f"x = {'[' * 150}{']' * 150}", "nested too deeply"),
    "long sum": (f"x = 1{'+1' * 10_000}", "nested too deeply"),
    "long chain": (f"x = a{'.b' * 10_000}", "nested too deeply"),
    "many blocks": ("".join(" " * i + "if 1:\n" for i in range(200)), "indent|deep"),
    "million digits": (f"x = {'9' * 200_000}", "too long|Exceeds the limit"),
    "codec": ("# coding: rot13", "unknown encoding|not UTF-8|rot13"),
    "latin": ("# coding: latin-1", "declares that it is"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_can_not_be_read(assignment, name):
    text, reason = BAD[name]
    data = text.encode("latin-1") + b"\n" + solved(assignment).encode()
    taken, found = take(assignment, data)
    lost = found if name != "syntax" else found[:1]  # it begins with a koan's name
    assert {entry.kind for entry in lost} == {Kind.ERROR}
    assert len(taken.remarks) == 1
    assert re.search(reason, taken.remarks[0]), taken.remarks


SLIPS = [
    ("[True, False, True]", "[True, False, True"),
    ("[first is second", "(first is second"),
    (
        "    third = list(first)\n\n    assert [f",
        "  third = list(first)\n\n    assert [f",
    ),
    ('Which of these hold?"""', 'Which of these hold?""'),
    ("def test_same_or_equal():", "def test_same_or_equal()"),
    ("first == third", "first = = third"),
]


@pytest.mark.parametrize(("old", "new"), SLIPS)
def test_a_slip_costs_its_koan_alone(assignment, old, new):
    text = solved(assignment)
    assert text.count(old) == 1
    taken, found = take(assignment, text.replace(old, new).encode())
    assert [entry.kind for entry in found[:2]] == [Kind.UNGRADED] * 2
    assert found[2].kind is Kind.ERROR
    assert found[2].sentence.startswith("Python can't read this")
    assert taken.changed == ()
    assert taken.remarks[0].startswith("test_same_or_equal can't be read: ")


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        ("[7919, 7919", "Python can't read this"),
        ("7919, 7920", "One value is asked for, and 2 stand here."),
        ("__", "put what you expect in place of __"),
    ],
)
def test_what_pytest_says_is_said_here(assignment, fill, said):
    _, found = take(assignment, solved(assignment).replace("7919", fill).encode())
    assert found[0].sentence.startswith(said)
    assert found[1].fill


def test_a_fill_that_can_not_be_compiled_is_an_error(assignment):
    text = solved(assignment, 1).replace("list(original)", "(lambda a, a: 0)")
    _, found = take(assignment, text.encode(), 1)
    assert found[2].kind is Kind.ERROR
    assert found[2].sentence.startswith("Python can't run this: duplicate argument")
    assert found[2].fill == "lambda a, a: 0"


@pytest.mark.parametrize(
    "fill",
    [
        f"[{'0, ' * 5000}]",
        f"'{'x' * 20_000}'",
        "9**9**9",
        "-" * 80 + "1",
        "(1 if 1 else 2)",
    ],
)
def test_an_odd_fill_is_taken_or_refused(assignment, fill):
    _, found = take(assignment, solved(assignment).replace("7919", fill).encode())
    assert found[0].fill
    assert found[0].kind in (Kind.UNGRADED, Kind.REFUSED)


@pytest.mark.parametrize(
    ("fill", "comes_back"),
    [
        ("'a' 'b'", True),
        ('f"{original!r:>{3}}"', True),
        ("'''a\n  b'''", True),
        ('f"""a\n{original}"""', None),
        ("'\\ud800'", True),
        ("b'\\xff'", True),
        ("1e999", True),
        ("0x_ff", True),
        ("list(\n  original\n )", True),
    ],
)
def test_a_fill_enters_the_koan_as_it_was_or_not_at_all(assignment, fill, comes_back):
    text = solved(assignment, 1).replace("list(original)", f"({fill})", 1)
    _, found = take(assignment, text.encode(), 1)
    entry = found[2]
    if comes_back is not None:
        assert (entry.kind is Kind.UNGRADED) is comes_back, entry


def test_a_koan_of_a_thousand_statements_is_not_searched(assignment):
    lines = "    second.append(1)\n" * 1_000
    text = solved(assignment).replace("    second.append(1)\n", lines)
    _, found = take(assignment, text.encode())
    assert "not as it was given" in found[1].sentence


# --------------------------------------------------------------- one after another


EDITS = [
    ("7919", "7900"),
    ("7919", "__"),
    ("19]", "20]"),
    ("\n", "\r\n"),
    ("def test_a_sum", "@skip\ndef test_a_sum"),
    ("def test_who_grew", "x = 1\n\n\ndef test_who_grew"),
    ("def test_who_grew", "if 1:\n    x = 1\ndef test_who_grew"),
    ("def test_who_grew", 'x = """\ndef test_x(): pass\n"""\ndef test_who_grew'),
    ("def test_who_grew", "x = \\\n\ndef test_who_grew"),
    ("def test_who_grew", "(\ndef test_who_grew"),
    ("def test_who_grew", "def test_a_sum"),
    ("def test_who_grew", "class A:\n  def f(): pass\ndef test_who_grew"),
    ("from sensei import __", ""),
    ("from sensei import __", "from sensei import *"),
    ("from sensei import __", "# coding: latin-1"),
    ("    second.append(1)", "    print(second)\n    second.append(1)"),
    ("    third.append(2)", "    third.append(2)\n\n\nx = 2"),
    ("[True, False, True]", "[True, False,\n# no\n  True]"),
    ("def test_same_or_equal", "def test_another"),
    ('"""01', '"01'),
]


@pytest.mark.parametrize("seed", range(10))
def test_what_was_read_before_makes_no_difference(assignment, seed):
    """Whatever a learner does, and whatever others did before."""
    rng = random.Random(seed)
    book = Book()
    reader = Reader(assignment, assignment.lessons[0], book)
    for _ in range(25):
        text = solved(assignment)
        for old, new in rng.sample(EDITS, rng.randint(0, 3)):
            text = text.replace(old, new, 1)
        data = text.encode()
        alone = Book()
        other = Reader(assignment, assignment.lessons[0], alone).read(data)
        assert _told(book, reader.read(data)) == _told(alone, other), text


def _told(book, taken):
    found = [book.entries[n] for n in taken.numbers]
    answers = [(entry.fill, entry.kind, entry.sentence) for entry in found]
    return answers, taken.changed, taken.remarks


# ----------------------------------------------------------------------- assignment


def test_lessons_are_chosen_by_number(assignment):
    course = assignment.course
    assert [lesson.number for lesson in select(course, None)] == ["01", "02"]
    assert [lesson.number for lesson in select(course, "all")] == ["01", "02", "03"]
    assert [lesson.number for lesson in select(course, "2-3")] == ["02", "03"]
    assert [lesson.number for lesson in select(course, "03, 01")] == ["01", "03"]


@pytest.mark.parametrize("wanted", ["", "x", "07", "1-", "-1", "1,,2", "2-1", "1;2"])
def test_lessons_that_there_are_not(assignment, wanted):
    with pytest.raises(CourseError, match="--lessons"):
        select(assignment.course, wanted)


def test_it_is_the_lesson_as_it_was_given_letter_by_letter(assignment):
    for lesson in assignment.lessons:
        assert pristine(lesson) == lesson.path.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "def test_a_sum",
            "def test_another",
            r":1: \[test_a_sum\]: ",
        ),
        ("assert sum(parts) == 7919", "assert True", ":\\d+: .*expected here"),
        ("def test_a_sum():", "def test_a_sum(:", ":\\d+: .*invalid syntax"),
    ],
)
def test_a_solution_that_is_not_that_of_the_notes(tiny, old, new, said):
    path = tiny.root / "solutions" / ONE
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    course = tiny.course
    with pytest.raises(AssignmentError, match=f"solutions/{ONE}{said}"):
        read_assignment(course, select(course, None))


def test_an_assignment_without_solutions(tiny):
    tiny.withhold_solutions()
    course = tiny.course
    with pytest.raises(AssignmentError, match="solutions are needed"):
        read_assignment(course, select(course, None))
