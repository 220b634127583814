"""A learner's text of a lesson: what is free in it, what is wrong, and what runs."""

from __future__ import annotations

import ast
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_lesson import GIVEN, LESSON, NOTES, SOLUTION, WITHHELD

from one_lesson import FILE, decided, koan_of, lesson_of, line_of
from sensei.attempt import Attempt
from sensei.lesson import Lesson, NotAsGiven
from sensei.source import Unreadable
from sensei.verdicts import Kind, Verdict
from sensei.work import NotImportable, Work, forget_modules, read, restore_modules
from this_course import filled

quick = settings(max_examples=60)
SUM, CONDITION = LESSON.koans["test_sum"], LESSON.koans["test_condition"]
RUNS = SOLUTION.replace("from seeing import look\n", "")
RUNNING = lesson_of(RUNS, NOTES)


def work_of(text: str | bytes, lesson: Lesson = LESSON) -> Work:
    return Work(lesson, text if isinstance(text, bytes) else text.encode())


def edited(*changes: tuple[str, str], text: str = SOLUTION) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def change_of(text: str, name: str) -> NotAsGiven:
    with pytest.raises(NotAsGiven) as caught:
        work_of(text).fill(LESSON.koans[name])
    return caught.value


# ----------------------------------------------------------------- free, and not free


FREE = [
    # what editors do
    ("from sensei import __\n", ""),
    ("import math\n", ""),
    ("from math import pi, tau", "from math import (\n    tau,\n)"),
    ("from math import pi, tau", "from math import pi\nfrom math import tau as t"),
    ("WEIGHTS = [1, 2]\n", "WEIGHTS = [1,\n           2]  # kilos\nimport math\n"),
    ('"""01  Adding\n\n1 + 1 is 2.\n"""\n', ""),
    ("    What is their sum?", "    I don't know."),
    # what learners write to look
    ("    a, b = 1, 2", "    print(1)\n    a, b = (1, 2)\n    print(abs(a), b)"),
    ("    a, b = 1, 2", "    breakpoint()\n    a, b = 1, 2"),
    ("    a, b = 1, 2", "    import pdb; pdb.set_trace()\n    a, b = 1, 2"),
    ("WEIGHTS = ", "print('hello')\nWEIGHTS = "),
    # what they add beside the koans
    ("import math\n", "import math\nimport os\n"),
    ("def test_loop", "def test_mine(device):\n    assert a\n\n\ndef test_loop"),
    ("assert é\n", "assert é\n\n\ndef total(items): 0\n\n\ntest_sum = total\n"),
    ("WEIGHTS =", "if sys:\n    def helper(): a\nWEIGHTS ="),
]


def both(text: str) -> list[str]:
    return [work_of(text).fill(koan).text for koan in (SUM, CONDITION)]


@pytest.mark.parametrize("change", FREE, ids=lambda change: str(change)[:40])
def test_what_editors_and_learners_do_by_the_way_is_free(change):
    assert both(edited(change)) == ["3", "é > 3"]


def test_order_line_ends_and_tabs_are_free():
    head, first, *rest = SOLUTION.split("\n\n\ndef test_")
    text = "\n\n\ndef test_".join([head, *rest]) + f"\n\n\ndef test_{first}\n"
    assert text.index("test_loop") < text.index("test_sum")
    assert both(text.replace("\n", "\r\n").replace("    ", "\t")) == ["3", "é > 3"]


SUM_CHANGES = [
    ("1, 2\n\n", "1, 3\n\n", "1, 3", "expected `a, b = (1, 2)`, found `a, b = (1, 3)`"),
    ("    a, b = 1, 2\n", "", "== 3", "expected `a, b = (1, 2)`, found `assert a + b"),
    (
        "a + b ==",
        "b + a ==",
        "b + a",
        "`assert a + b == __`, found `assert b + a == 3`",
    ),
    ("a + b ==", "a + b !=", "a + b", "expected `assert a + b == __`"),
    ("assert a + b", "a + b", "a + b ==", "found `a + b == 3`"),
    ("    assert a + b == 3\n", "", "a, b = 1", "`assert a + b == __` is missing"),
    ("b == 3\n", "b == 3\n    added\n", "added", "`added` was not given"),
    ("sum(device)", "sum()", "def test_sum", "expected `def test_sum(device):`, found"),
    ("sum(device)", "sum(device=1)", "def test_sum", "found `def test_sum(device=1):`"),
    ("sum(device)", "sum(device) -> int", "def test_sum", "-> int:`"),
    ("def test_sum", "async def test_sum", "def test_sum", "found `async def test_sum"),
    ("def test_sum", "@skip\ndef test_sum", "@skip", "found `@skip`"),
]
LOOP_CHANGES = [
    ("unit=1", "unit=2", "unit=2", "found `def test_loop(device, unit=2):`"),
    ("def test_loop", "@skip\ndef test_loop", "@skip", "found `@skip`"),
]
CONDITION_CHANGES = [
    ("@static", "@class", "@class", "expected `@staticmethod`, found `@classmethod`"),
    ("@staticmethod\n", "", "def test_cond", "`@staticmethod`, found `def test_condit"),
    ("l([é])\n", "l([é])\n    else:\n        a\n", "        a", "`a` was not given"),
]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *(("test_sum", change) for change in SUM_CHANGES),
        *(("test_loop", change) for change in LOOP_CHANGES),
        *(("test_condition", change) for change in CONDITION_CHANGES),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_change_outside_the_blank_is_told_with_line_and_reason(name, change):
    old, new, where, reason = change
    text = edited((old, new))
    told = change_of(text, name)
    assert reason in told.reason
    assert (told.line, told.in_koan) == (line_of(text, where), True)
    other = SUM if name == "test_condition" else CONDITION
    assert work_of(text).fill(other).text == other.solution.text


@pytest.mark.parametrize(
    ("old", "new", "where", "reason"),
    [
        ("[1, 2]", "[1, 3]", "return sum", "`WEIGHTS = [1, 2]` is missing"),
        ("WEIGHTS = [1, 2]\n", "", "return sum", "`WEIGHTS = [1, 2]` is missing"),
        (
            "sum(items)",
            "0",
            "return 0",
            "expected `return sum(items)`, found `return 0`",
        ),
        ("def total", "def totals", "return sum", "`def total(items):` is missing"),
        ("def total", "@cache\ndef total", "@cache", "found `@cache`"),
    ],
)
def test_what_was_given_around_the_koans_has_to_be_there(old, new, where, reason):
    text = edited((old, new))
    change = change_of(text, "test_condition")
    assert reason in change.reason
    assert (change.line, change.in_koan) == (line_of(text, where), False)


def test_a_koan_that_is_gone_renamed_or_there_twice_is_told():
    gone = change_of(SOLUTION[: SOLUTION.index("@staticmethod")], "test_condition")
    assert gone.reason == "test_condition is not there any more" and gone.line == 1
    renamed = change_of(edited(("test_sum", "test_summe")), "test_sum")
    assert renamed.reason.endswith("any more (test_summe is new: was it renamed?)")
    text = SOLUTION + "\n\ndef test_sum(device):\n    pass\n"
    first, second = line_of(text, "def test_sum"), text.count("\n") - 1
    twice = change_of(text, "test_sum")
    assert twice.reason == f"test_sum is there twice, at lines {first} and {second}"
    assert twice.line == second


def test_without_the_solution_only_what_is_asked_is_looked_at():
    text = edited(("a, b = 1, 2", "a, b = 1, 3"), ("import math\n", "import os\n"))
    assert work_of(text, WITHHELD).fill(WITHHELD.koans["test_sum"]).text == "3"


def test_a_blank_that_is_left_is_found_with_its_line():
    work = work_of(GIVEN)
    assert work.blank_line(SUM) == line_of(GIVEN, "== __")
    assert work_of(SOLUTION).blank_line(SUM) is None
    assert (work.is_filled(SUM), work_of(SOLUTION).is_filled(SUM)) == (False, True)
    assert work_of("a").blank_line(SUM) is None and not work_of("a").is_filled(SUM)
    twice = SOLUTION + "\ndef test_sum(device):\n    assert 1 == __\n"
    assert work_of(twice).blank_line(SUM) == twice.count("\n")


def test_a_koan_has_a_line_and_a_question_whatever_became_of_it():
    assert work_of(SOLUTION).line(SUM) == line_of(SOLUTION, "def test_sum")
    assert work_of("x = (").line(SUM) == 1
    for work in (work_of(SOLUTION), work_of("x = (")):
        assert work.question(SUM).endswith("What is their sum?")
    withheld = WITHHELD.koans["test_sum"]
    assert work_of(SOLUTION, WITHHELD).question(withheld) == SUM.question
    assert work_of("x = (", WITHHELD).question(withheld) == ""


# ------------------------------------------------------------ verdicts without a run

PREDICTION = """
def test_it():
    values = [1, 2]

    assert [v + 1 for v in values] == [2, 3]
"""
NUMBER = PREDICTION.replace("[v + 1 for v in values] == [2, 3]", "sum(values) == 3")
APPROX = NUMBER.replace("== 3", "== approx(3)").replace(
    "def", "from pytest import approx\n\n\ndef"
)
CODE = """
def test_it():
    items = []
    for i in range(3):
        items.append(i)
    assert items == [0, 1, 2]
"""
KOANS = {
    PREDICTION: koan_of(PREDICTION, "assert [v + 1 for v in values] == __"),
    NUMBER: koan_of(NUMBER, "assert sum(values) == __"),
    APPROX: koan_of(APPROX, "assert sum(values) == approx(__)"),
    CODE: koan_of(CODE, "for i in range(3):\n    __"),
}


def verdict_of(koan: str, fill: str) -> Verdict:
    return decided(KOANS[koan], filled(KOANS[koan], fill))


@pytest.mark.parametrize("fill", ["__", "[1, __]", "True or __", "(lambda: __)()"])
def test_a_blank_is_blank_wherever_it_is_left(fill):
    line = line_of(PREDICTION, "assert")
    words = "put what you expect in place of __"
    assert verdict_of(PREDICTION, fill) == Verdict(Kind.BLANK, words, line)


@pytest.mark.parametrize("fill", ["__", "items.append(__)", "if __:\n    a"])
def test_a_blank_in_code_is_blank_with_its_line(fill):
    verdict = verdict_of(CODE, fill)
    assert (verdict.kind, verdict.line) == (Kind.BLANK, line_of(CODE, "append"))
    assert verdict.sentence == "put your code in place of __"


def test_a_blank_comes_before_what_else_was_changed():
    text = filled(KOANS[PREDICTION], "__").replace("[1, 2]", "[1]")
    assert decided(KOANS[PREDICTION], text).kind is Kind.BLANK


def test_a_changed_koan_says_what_and_how_to_get_it_back():
    verdict = decided(KOANS[NUMBER], NUMBER.replace("[1, 2]", "[1]"))
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(NUMBER, "values ="))
    assert verdict.sentence.startswith(
        "This koan is not as it was given: expected `values = [1, 2]`, found"
    )
    assert "`sensei reset test_it` puts it back" in verdict.sentence


def test_a_changed_lesson_is_not_for_reset():
    said = decided(SUM, edited(("sum(items)", "0"))).sentence
    assert said.startswith("The lesson around its koans is not as it was given: ")
    assert "reset" not in said


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        ("*a = 1", "starred assignment"),
        ("items = lambda a, a: 0", "duplicate argument 'a'"),
        ("dict(a=1, a=2)", "keyword argument repeated"),
        (
            "try:\n    a\nexcept:\n    b\nexcept ValueError:\n    c",
            "'except:' must be last",
        ),
        ("return (yield from a) if (await b) else 0", "'await' outside async"),
        ("break\ncontinue\nnonlocal i", "nonlocal"),
    ],
)
def test_what_parses_and_does_not_compile_is_an_error_in_its_line(fill, said):
    verdict = verdict_of(CODE, fill)
    assert verdict.kind in (Kind.ERROR, Kind.REFUSED), verdict
    assert said in verdict.sentence or verdict.kind is Kind.REFUSED
    assert verdict.line >= line_of(CODE, "append") and verdict.wrote == fill


# --------------------------------------------------------- brackets that were forgotten


@pytest.mark.parametrize(
    "values", ["2, 3", "2, None", "2, 3, 4", "(2), None, 3", '"D", "B", "A", "C"']
)
@pytest.mark.parametrize("lines", ["{}", "{}  # I think", "{}\n    # so"])
def test_several_values_without_brackets_are_told_to_be_put_in_brackets(values, lines):
    """Python reads two of them as a check and its message, and more of them not."""
    text = PREDICTION.replace("[2, 3]", lines.format(values))
    verdict = decided(KOANS[PREDICTION], text)
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(text, "assert"))
    items = values.replace("(2)", "2").replace('"', "'")
    assert verdict.sentence == (
        f"The blank stands for one thing. Put several in brackets: [{items}]."
    )


@pytest.mark.parametrize("koan", [NUMBER, APPROX])
@pytest.mark.parametrize(("values", "count"), [("2, 3", 2), ("2, 3, 4", 3)])
def test_several_values_are_not_asked_for_where_one_is(koan, values, count):
    text = koan.replace("== 3", f"== {values}").replace("(3)", f"({values})")
    verdict = decided(KOANS[koan], text)
    assert verdict.kind is Kind.ERROR
    assert verdict.sentence == (
        f"One value is asked for, and {count} stand here. Put one in place of __."
    )


def test_a_comma_in_a_number_is_told_to_be_a_point():
    verdict = decided(KOANS[NUMBER], NUMBER.replace("== 3", "== -0,6"))
    assert verdict.sentence.endswith("a number has a point in it, -0.6.")


@pytest.mark.parametrize(
    "check", ["assert [1 == v] == {}", "assert [\n        1\n    ] == {}"]
)
def test_brackets_are_missed_behind_another_comparison_and_in_several_lines(check):
    lesson = "def test_it():\n    v = 1\n    {}\n"
    mine = koan_of(lesson.format(check.format("[True]")), check.format("__"))
    verdict = decided(mine, lesson.format(check.format("True, True, 1")))
    assert verdict.sentence.endswith("Put several in brackets: [True, True, 1].")


def test_other_slips_are_told_in_pythons_own_words():
    verdict = decided(KOANS[PREDICTION], PREDICTION.replace("[2, 3]", "[2, 3"))
    line = line_of(PREDICTION, "assert")
    assert verdict == Verdict(
        Kind.ERROR, f"Python can't read this (line {line}): '[' was never closed.", line
    )
    text = CODE.replace("items.append(i)", "items == 1, 2, 3 3")
    assert "brackets" not in decided(KOANS[CODE], text).sentence


# ------------------------------------------------------------ a file broken in places


@pytest.mark.parametrize(
    "slip",
    [
        ("a + b == 3", "a + b == (3"),
        ('sum?"""', 'sum?"'),
        ("sum(device):", "sum(device)"),
        ("sum(device)", "sumdevice)"),
        ("    a, b", "\ta, b"),
        ("What is their", "Qu\udce9 is their"),
        ("== 3", "== '\udcff'"),
    ],
)
def test_what_cannot_be_read_of_one_koan_leaves_the_others_as_they_are(slip):
    text = edited(slip, text=RUNS).encode("utf-8", "surrogateescape")
    work = work_of(text, RUNNING)
    broken, *others = (work.attempt(koan) for koan in RUNNING.koans.values())
    assert isinstance(broken, Verdict) and broken.kind is Kind.ERROR
    assert broken.sentence.startswith("Python can't read this (line ")
    first, last = line_of(RUNS, "def test_sum"), line_of(RUNS, "a + b ==") + 1
    assert first <= broken.line <= last
    for attempt, koan in zip(others, ["test_loop", "test_condition"], strict=True):
        assert isinstance(attempt, Attempt)
        assert attempt.wrote == attempt.fill.text
        assert attempt.function.lineno == line_of(RUNS, f"def {koan}")
    assert work.module.total([1, 2]) == 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"# coding: latin-1\n" + RUNS.encode(), "declares that it is iso-8859-1"),
        (
            edited(("WEIGHTS = [", "WEIGHTS = ("), text=RUNS).encode(),
            "']' does not match",
        ),
        (b"", "is not there any more"),
        (b"\x00" * 9, "null byte"),
    ],
    ids=range(4),
)
def test_what_spoils_the_whole_file_is_told_of_each_koan(data, said):
    work = work_of(data, RUNNING)
    for koan in RUNNING.koans.values():
        verdict = work.attempt(koan)
        assert isinstance(verdict, Verdict) and verdict.kind is Kind.ERROR
        assert said in verdict.sentence


@quick
@given(
    st.integers(0, len(RUNS) - 2),
    st.sampled_from(["", "(", '"', '"""', "\t", "\n", "\x00", "\udcff", "é", ":", "@"]),
)
def test_any_slip_of_the_pen_has_a_verdict_or_an_attempt_for_each_koan(at, slip):
    text = RUNS[:at] + slip + RUNS[at + 1 :]
    work = work_of(text.encode("utf-8", "surrogateescape"), RUNNING)
    for koan in RUNNING.koans.values():
        attempt = work.attempt(koan)
        assert isinstance(attempt, Attempt) or attempt.sentence
        assert work.line(koan) >= 1


# ------------------------------------------------------------------------ the module


def test_the_module_is_what_was_given_around_the_koans():
    text = edited(
        ("import math\n", "import sys\n"),
        ("WEIGHTS =", "WEIGHTS = 0\nEXTRA = 1\nmath = 5\nWEIGHTS ="),
        ("assert é\n", "assert é\n\n\ndef total(items): 0\n"),
        text=RUNS,
    )
    module = work_of(text, RUNNING).module
    assert (module.__name__, module.__file__) == ("koans.test_01_x", FILE)
    assert module.__doc__ is None or module.__doc__.startswith("01  Adding")
    assert module.WEIGHTS == [1, 2] and module.total([1, 2]) == 3
    assert module.math is sys.modules["math"]
    assert not {"EXTRA", "test_sum", "sys"} & vars(module).keys()
    assert module.__name__ not in sys.modules


def test_what_a_learner_adds_is_not_run_even_if_it_raises():
    text = f"{RUNS}\n\npytestmark = 1 / 0\n\n\ndef setup_function(): 1 / 0\n"
    module = work_of(text, RUNNING).module
    assert not {"pytestmark", "setup_function"} & vars(module).keys()


def test_without_the_solution_the_file_runs_as_it_stands():
    lesson = lesson_of(RUNS, NOTES, with_solution=False)
    module = work_of(edited(("WEIGHTS =", "EXTRA ="), text=RUNS), lesson).module
    assert module.EXTRA == [1, 2]


@pytest.mark.parametrize("first", ["import nothing_of_the_kind", "\n\n1 / 0"])
def test_what_raises_around_the_koans_is_told_with_its_line(first):
    lesson = lesson_of(RUNS, NOTES, with_solution=False)
    with pytest.raises(NotImportable) as caught:
        _ = work_of(f"{first}\n{RUNS}", lesson).module
    assert caught.value.line == first.count("\n") + 1
    assert caught.value.reason.startswith("Importing this file: ")
    assert "koans.test_01_x" not in sys.modules


def test_new_text_under_an_old_path_is_what_is_read_and_run():
    """Within a second, or in the kernel of a notebook."""
    texts = [filled(KOANS[NUMBER], fill) for fill in ("-0.7", "3", "__", "None", "3.0")]
    verdicts = [decided(KOANS[NUMBER], text) for text in texts]
    assert [v.kind for v in verdicts] == ["wrong", "passed", "blank", "wrong", "passed"]
    assert [v.wrote for v in verdicts] == ["-0.7", "3", "", "None", "3.0"]


def test_a_file_that_is_read_again_runs_in_a_module_of_its_own(tmp_path):
    """Text that is known is not matched and compiled once more; its module is new."""
    path = tmp_path / "test_01_x.py"
    path.write_text(RUNS, "utf-8")
    read(RUNNING, path).module.WEIGHTS.append(9)
    others = forget_modules()  # those of the run that this test is in
    assert read(RUNNING, path).module.WEIGHTS == [1, 2]
    path.write_text(edited(("== 3", "== 4"), text=RUNS), "utf-8")
    assert read(RUNNING, path).attempt(RUNNING.koans["test_sum"]).wrote == "4"
    restore_modules(others)


# ------------------------------------------------------------------------- examples


def test_an_example_is_the_learners_own_koan_with_another_fill():
    text = CODE.replace("    items = []", "    print('mine')\n    items = []")
    work = Work(KOANS[CODE].lesson, text.replace("append(i)", "clear()").encode())
    example = work.example(KOANS[CODE], "items += [i]\nitems")
    assert "print('mine')\n" in ast_text(example)
    assert "items += [i]\n        items\n" in ast_text(example)
    assert example.is_example and example.filename != work.path
    mine = work.attempt(KOANS[CODE])
    assert isinstance(mine, Attempt) and not mine.is_example
    assert "items.clear()" in ast_text(mine), "the learner's own tree was changed"


def ast_text(attempt: Attempt) -> str:
    return ast.unparse(attempt.function)


@pytest.mark.parametrize("text", ["a +", "x = 1", "a; b"])
def test_an_example_that_cannot_stand_there_is_told(text):
    with pytest.raises((Unreadable, NotAsGiven)):
        Work(KOANS[NUMBER].lesson, NUMBER.encode()).example(KOANS[NUMBER], text)
