"""sensei check: every kind of finding, provoked once and seen; and what it prints."""

from __future__ import annotations

import re

import pytest

from sensei.check.lint import check_course, check_lesson
from sensei.cli import main
from tiny import ARGUMENTS

FIRST, SECOND, THIRD = "01_two_names", "02_changing_lists", "further_on/03_odd_lists"
INNER = '''

def test_inner():
    """A function of its own.
    What is to be done?"""


    def grow():
        kept.append(1)

    kept = []
    grow()
    assert kept == [1]
'''
INNER_NOTES = """
[test_inner]
asks = "kept = []\\n__\\nassert kept == [1]"
hints = ["Where?", "What?", "How?"]
because = "It was called."
link = "https://docs.python.org/3/"

[[test_inner.mistakes]]
fill = "kept.append(2)"
says = "That is two."

[[test_inner.mistakes]]
fill = "kept.append(3)"
says = "That is three."
"""


def file_of(tiny, which: str, lesson: str):
    part, _, name = lesson.rpartition("/")
    folder = tiny.root / ("solutions" if which == "solution" else "koans") / part
    return folder / f"test_{name}.{'toml' if which == 'notes' else 'py'}"


def change(tiny, which: str, lesson: str, old: str, new: str) -> None:
    """Change one place in a file, and make the koans of its lesson anew."""
    path = file_of(tiny, which, lesson)
    text = path.read_text("utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), "utf-8")
    if which == "solution":
        remake(tiny, lesson)


def remake(tiny, lesson: str) -> None:
    given = of(tiny, lesson)
    file_of(tiny, "koans", lesson).write_text(given.pristine.text, "utf-8")


def of(tiny, lesson: str):
    name = f"test_{lesson.rpartition('/')[2]}"
    return next(one for one in tiny.course.lessons if one.name == name)


def found(tiny, lesson: str) -> list[str]:
    return [str(finding) for finding in check_lesson(of(tiny, lesson)).findings]


def test_a_sound_course_has_nothing_to_mend(author):
    for lesson in author.course.lessons:
        assert check_lesson(lesson).findings == ()
    assert check_course(author.course, []) == []


# ----------------------------------------------------------------------- findings

NOTES = {
    "no toml": ("[test_a_sum]\nasks", "[test_a_sum\nasks", ".toml:0?.*: Expected"),
    "no such asks": (
        'asks = "assert sum(parts)',
        'asks = "assert max(parts)',
        r"toml:7: \[test_a_sum\] asks: in the solution: expected here: assert max",
    ),
    "a hint twice": (
        '"Look at all the parts."',
        '"sum() adds up every entry of a list."',
        r"toml:7: \[test_a_sum\] hints: this one is there twice: sum\(\)",
    ),
    "one sentence for two": (
        "That is how many parts there are.",
        "That leaves the last part out.",
        r"\[test_a_sum\] mistakes: 2 of them have one sentence; put them in fills",
    ),
    "no link": (
        "https://docs.python.org/3/library/functions.html#sum",
        "http://docs.python.org",
        r"\[test_a_sum\] link: no https link: http://docs",
    ),
    "no link of the lesson": (
        "https://docs.python.org/3/reference/simple_stmts.html",
        "https://docs",
        r"toml:1: \[lesson\] link: no https link: https://docs",
    ),
    "a mistake that passes": (
        'fill = "3"',
        'fill = "7919"',
        r"toml:21: \[test_a_sum\] mistakes 2: does not get its sentence, but passed: ",
    ),
    "a mistake that is no prediction": (
        'fill = "3"',
        'fill = "len(parts)"',
        r"\[test_a_sum\]: `len\(parts\)` can't be used",
    ),
    "a sentence behind another's": (
        'fill = "3"',
        'fill = "7900.0"',
        r"mistakes 2: does not get its sentence, but wrong: That leaves the last",
    ),
    "a hint that has the answer": (
        "sum([1, 20, 300]) is 321.",
        "It is 7919.",
        r"\[test_a_sum\] hint 3: has the answer in it",
    ),
    "something unwritten": (
        "Look at all the parts.",
        "(to be written)",
        r"\[test_a_sum\] hint 1: still to be written",
    ),
    "the lesson unwritten": (
        "When do two names share a list?",
        "(to be written)",
        r"toml:1: \[lesson\] say: still to be written",
    ),
    "right, of a prediction": (
        'because = "7000',
        'also_right = ["7919.0"]\nbecause = "7000',
        r"\[test_a_sum\] also_right: is for code",
    ),
}
NOTES_OF_CODE = {
    "right is the solution": (
        '["original[:]"]',
        '["list( original )"]',
        r"\[test_a_copy\] also_right: is the solution itself: `list\( original \)`",
    ),
    "right is not right": (
        '["original[:]"]',
        '["original[:1]"]',
        r"\[test_a_copy\] also_right: is failed: ",
    ),
    "two that end alike": (
        'fill = "[original]"',
        'fill = "original if True else 1"',
        r"\[test_a_copy\] mistakes 1: of 1, 2, which end alike, one has to speak",
    ),
    "a pattern that speaks": (
        'fill = "[original]"',
        'fill = "[...]"',
        r"\[test_a_copy\] mistakes 2: is a pattern",
    ),
    "an outcome that is never the same": (
        'fill = "[original]"',
        'fill = "[lambda: 1]"',
        r"\[test_a_copy\] mistakes 2: spelled otherwise it is failed: ",
    ),
    "none speaks": (
        'says = "That keeps the odd ones."\n\n[[test_only_the_even.mistakes]]\n'
        'fill = "True"',
        'says = "That keeps the odd ones."\nspelled = true\n\n'
        '[[test_only_the_even.mistakes]]\nspelled = true\nfill = "True"',
        r"\[test_only_the_even\] mistakes: all are spelled",
    ),
}
SOLUTION = {
    "a question too long": (
        "Three parts, added up.\n",
        "Three parts.\n" + "    And.\n" * 5,
        r"py:15: \[test_a_sum\]: its question has 7 lines",
    ),
    "a koan too long": (
        "    parts = [7000, 900, 19]\n",
        "    parts = [7000, 900, 19]\n" + "    parts = parts\n" * 25,
        r"\[test_a_sum\]: it has 28 lines, 24 at most",
    ),
    "a question that has the answer": (
        "Three parts, added up.",
        "Three parts: 7919.",
        r"\[test_a_sum\]: its question has the answer in it",
    ),
    "no title": ('"""01  Two', '"""02  Two', r"py:1: its head has to begin with 01"),
    "a head too long": (
        "whatever it is called.\n",
        "whatever it is called.\n" + "So.\n" * 30,
        r"py:1: its head has 39 lines, 32 at most",
    ),
    "a false example": ("[1, 2, 3]\n", "[1, 2]\n", "py:1: the example in its head is"),
    "no example": (
        "    >>> a = [1, 2]\n    >>> b = a\n    >>> b.append(3)\n    >>> a\n",
        "",
        "py:1: its head has no worked example",
    ),
    "an unwritten head": (
        "whatever it is called.",
        "(to be written)",
        r"py:1: its head is still to be written",
    ),
    "a long line": (
        "    parts = [7000, 900, 19]\n",
        f"    parts = [7000, 900, 19]  # {'x' * 70}\n",
        r"py:18: this line has 101 characters, 88 at most",
    ),
}


def provoke(tiny, which: str, lesson: str, case: tuple[str, str, str]) -> None:
    """Make one change, and hold a finding to be there that no other lesson has."""
    old, new, said = case
    change(tiny, which, lesson, old, new)
    findings = found(tiny, lesson)
    assert any(re.search(said, finding) for finding in findings), findings


@pytest.mark.parametrize("case", NOTES.values(), ids=NOTES)
def test_faults_of_notes(author, case):
    provoke(author, "notes", FIRST, case)


@pytest.mark.parametrize("case", NOTES_OF_CODE.values(), ids=NOTES_OF_CODE)
def test_faults_of_notes_on_code(author, case):
    provoke(author, "notes", SECOND, case)


@pytest.mark.parametrize("case", SOLUTION.values(), ids=SOLUTION)
def test_faults_of_a_solution(author, case):
    provoke(author, "solution", FIRST, case)


@pytest.mark.parametrize(
    ("lesson", "asks", "solution", "said"),
    [
        (
            FIRST,
            ("assert sum(parts) == __", "assert sum(parts) == abs(__)"),
            ("== 7919", "== abs(7919)"),
            r"\[test_a_sum\]: its blank is in `abs\(__\)`",
        ),
        (
            FIRST,
            ("assert sum(parts) == __", "assert sum(parts) == __ and parts"),
            ("== 7919", "== 7919 and parts"),
            r"\[test_a_sum\]: its blank is not just what an assert is compared with",
        ),
        (
            FIRST,
            ("assert sum(parts) == __", "assert sum(parts) <= __"),
            ("== 7919", "<= 7919"),
            r"\[test_a_sum\]: it asks with <=; a prediction is for ==",
        ),
        (
            FIRST,
            ("assert sum(parts) == __", "assert sum(parts) == __, parts"),
            ("== 7919", "== 7919, parts"),
            r"\[test_a_sum\]: `sum\(parts\)` has a message",
        ),
        (
            SECOND,
            ("if __:", "if __ == 0:"),
            ("if number % 2 == 0:", "if number % 2 == 0:"),
            r"\[test_only_the_even\]: its blank is an operand, in `__ == 0`",
        ),
        (
            SECOND,
            ("copy = __", "copy = __"),
            (
                "    assert original ==",
                "    for x in copy:\n        assert x == x\n    assert original ==",
            ),
            r"\[test_a_copy\]: it has 3 asserts, and 2 of them are checks",
        ),
        (
            SECOND,
            ("copy = __", "copy = __"),
            ("assert original == [1, 2]", "assert original"),
            r"\[test_a_copy\]: `original` compares nothing",
        ),
        (
            SECOND,
            ("copy = __", "copy = __"),
            ("assert original == [1, 2]", "assert original == [2]"),
            r"\[test_a_copy\]: its solution is failed: A check does not hold",
        ),
        (
            SECOND,
            ("copy = __", "copy = __"),
            ("assert original == [1, 2]", "assert set(original) == {1, 2}"),
            r"\[test_a_copy\]: a check finds {1, 2}, which may change later",
        ),
        (
            SECOND,
            ("for number in", "for number in"),
            ("total += number\n", "total += number\n        total = total + 0\n"),
            r"\[test_running_totals\]: a mutant is passed; is it also_right\?",
        ),
    ],
)
def test_faults_of_a_koan_as_it_is_given(author, lesson, asks, solution, said):
    change(author, "notes", lesson, *asks)
    provoke(author, "solution", lesson, (*solution, said))


def test_a_koan_needs_two_mistakes(author):
    path = file_of(author, "notes", FIRST)
    kept, _, rest = path.read_text().partition('[[test_a_sum.mistakes]]\nfill = "3"')
    path.write_text(kept + rest[rest.index("[test_who_grew]") :])
    [said] = found(author, FIRST)
    assert said.endswith("[test_a_sum] mistakes: there are fewer than two")


def test_notes_in_another_order(author):
    path = file_of(author, "notes", FIRST)
    text = path.read_text()
    a, b = text.index("[test_a_sum]"), text.index("[test_who_grew]")
    path.write_text(text[:a] + text[b:] + "\n" + text[a:b])
    [said] = found(author, FIRST)
    assert "[test_who_grew]: it comes where the solution has test_a_sum" in said


def test_a_koan_without_notes_and_one_that_is_there_twice(author):
    path = file_of(author, "solution", FIRST)
    path.write_text(
        path.read_text() + "\n\ndef test_a_sum():\n    1\n\n\ndef test_more(): 1\n"
    )
    said = found(author, FIRST)
    assert [line.partition(": ")[2] for line in said] == [
        "test_a_sum is there twice",
        "test_more has no notes",
    ]
    assert said[0].startswith("solutions/test_01_two_names.py:45: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "def test_a_sum(:\n",
            "solutions/test_01_two_names.py:1: invalid syntax",
        ),
        ("import nothing_of_this_name\n", "py:1: Importing this file: ModuleNot"),
    ],
)
def test_a_solution_that_is_no_module(author, text, said):
    path = file_of(author, "solution", FIRST)
    path.write_text(text + path.read_text().partition('"""\n\n')[2])
    [finding] = found(author, FIRST)
    assert re.search(said, finding), finding


def test_a_lesson_without_a_solution_or_notes(author):
    file_of(author, "solution", FIRST).unlink()
    assert found(author, FIRST) == [
        "solutions/test_01_two_names.py: it is not there, and the notes are"
    ]
    file_of(author, "notes", SECOND).unlink()
    [said] = found(author, SECOND)
    assert said.startswith("koans/test_02_changing_lists.toml: can't be read: No such")


def test_koans_that_are_not_the_solution_with_its_fills_blanked(author):
    author.fill("test_a_sum", "3")
    makes = "`sensei reset 01` makes it from the solution"
    assert found(author, FIRST) == [
        "koans/test_01_two_names.py:20: it is not the solution with its fills blanked; "
        + makes
    ]
    file_of(author, "koans", FIRST).unlink()
    assert found(author, FIRST) == [
        f"koans/test_01_two_names.py: it is not there; {makes}"
    ]


def test_a_koan_that_is_not_blank_untouched(author):
    lesson = of(author, FIRST)
    vars(lesson.pristine)["text"] = lesson.pristine.solution
    said = [str(finding) for finding in check_lesson(lesson, ["test_a_sum"]).findings]
    vars(lesson.pristine).pop("text")  # it is kept for the whole process
    assert len(said) == 1 and "[test_a_sum]: untouched it is not blank" in said[0]


def test_a_parameter_that_nobody_says_what_it_is(author):
    path = author.root / "pyproject.toml"
    path.write_text(path.read_text().replace(ARGUMENTS, ""))
    [said] = found(author, FIRST)
    assert "[test_who_grew]: test_who_grew has a parameter size; [tool" in said


def test_a_koan_that_can_not_be_run_here_is_looked_at_and_not_tried(author):
    change(author, "solution", THIRD, "len([1, 2]) == 2", "len([1, 2]) == 5")
    checked = check_lesson(of(author, THIRD))
    assert checked.findings == ()
    assert checked.skipped == {"test_lists_of_the_future": "needs Python 99 or newer"}
    change(author, "notes", THIRD, '"Count."', '"len counts entries."')
    [said] = found(author, THIRD)
    assert "[test_lists_of_the_future] hints: this one is there twice" in said


# ------------------------------------------------------------------- wrong shapes


def test_a_shape_without_a_diagnosis(author, monkeypatch):
    monkeypatch.setattr("sensei.partial.which_hold", lambda *_: "")
    said = "\n".join(found(author, FIRST))
    for shape in (
        "a value in a list: no diagnosis. `[7919]` is wrong: That does not hold.",
        'a number in quotes: no diagnosis. `"7919"` is wrong',
        "a bare value for a list: no diagnosis. `3` is wrong",
        "an entry too many: no diagnosis. `[3, 3, 4, 3]`",
        "an entry too few: no diagnosis. `[3, 3]`",
    ):
        assert shape in said
    assert "[test_who_grew]: to (77.125, 3, 4) it is said: " in said
    assert "a list for a dict: no diagnosis" in "\n".join(found(author, SECOND))
    assert "one list for several: no diagnosis" in "\n".join(found(author, THIRD))


def test_brackets_without_a_diagnosis(author, monkeypatch):
    monkeypatch.setattr("sensei.faults.several", lambda *_: "")
    said = "\n".join(found(author, FIRST))
    assert "two values for one: no diagnosis. `7919, 7919` is error" in said
    assert "missing brackets: no diagnosis. `3, 3, 4` is error" in said


def test_a_tuple_that_is_not_as_good_as_a_list(author, monkeypatch):
    monkeypatch.setattr("sensei.comparing.predicted", lambda *both: both[0] == both[1])
    monkeypatch.setattr("sensei.partial.which_hold", lambda *_: "")
    assert "[test_who_grew]: `(3, 3, 4)` is wrong" in "\n".join(found(author, FIRST))


def test_a_call_whose_brackets_are_forgotten(author):
    for which, more in [("notes", INNER_NOTES), ("solution", INNER)]:
        path = file_of(author, which, SECOND)
        path.write_text(path.read_text() + more)
    remake(author, SECOND)
    [said] = found(author, SECOND)
    assert "[test_inner]: brackets of a call: no diagnosis, but failed: " in said
    assert said.endswith("It is `grow`")


# ------------------------------------------------------------- the course as a whole


def test_faults_of_the_course(author):
    (author.root / "koans" / "test_04_stray.py").write_text("")
    notes = file_of(author, "notes", THIRD)
    notes.write_text(notes.read_text().replace("test_not_with_three", "test_a_sum"))
    (author.root / "free.toml").write_text(
        '[modules]\npytest = ["approx", "aprox", "para*"]\nnowhere = ["at_all"]\n'
    )
    assert [str(finding) for finding in check_course(author.course, [])] == [
        "koans/test_04_stray.py: it has neither notes nor a solution",
        "koans/further_on/test_03_odd_lists.toml:7: [test_a_sum]: "
        "koans/test_01_two_names.py has a koan of this name, too",
        "free.toml: modules: nowhere can't be imported (ModuleNotFoundError: "
        "No module named 'nowhere')",
        "free.toml: modules: pytest has no aprox",
    ]


# ---------------------------------------------------------------------- the command


def test_a_sound_course_is_told_with_its_size(author, capsys):
    assert main(["check"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "test_lists_of_the_future was not tried, it can't be run here: "
        "needs Python 99 or newer",
        "3 lessons, 11 koans, 22 mistakes: nothing to mend.",
    ]


def test_findings_are_told_by_file(author, capsys):
    change(author, "notes", FIRST, '"Look at all', '"(to be written)')
    change(author, "notes", FIRST, 'fill = "3"', 'fill = "7919"')
    change(author, "notes", SECOND, '"Spell the word."', '"(to be written)"')
    author.fill("test_a_sum", "3")
    assert main(["check"]) == 1
    told = capsys.readouterr().out
    assert [line.partition(" ")[0] for line in told.splitlines()[:5]] == [
        "koans/test_01_two_names.py:20:",
        "",
        "koans/test_01_two_names.toml:7:",
        "",
        "koans/test_02_changing_lists.toml:7:",
    ]
    assert told.endswith("22 mistakes: 3 things to mend.\n")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("02", "1 lesson, 5 koans, 10 mistakes"),
        ("test_a_copy", "1 koan, 2 mistakes"),
        ("koans/test_02_changing_lists.py::test_a_copy", "1 koan, 2 mistakes"),
    ],
)
def test_a_lesson_or_a_koan_alone(author, capsys, name, size):
    author.fill("test_a_sum", "3")  # no matter: it is in another lesson
    assert main(["check", name]) == 0
    assert capsys.readouterr().out == f"{size}: nothing to mend.\n"


def test_a_name_that_is_not_there(author, capsys):
    assert main(["check", "test_a_cpoy"]) == 2
    assert "Did you mean test_a_copy?" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "new 01 test_x"])
def test_a_copy_without_solutions_is_for_learners(author, capsys, command):
    author.withhold_solutions()
    before = author.hashes()
    assert main(command.split()) == 2
    said = capsys.readouterr().err
    assert "for authors, and this copy of the course has no solutions" in said
    assert author.hashes() == before
