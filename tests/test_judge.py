"""The judge: every verdict, and what it says without giving the answer away."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from sensei import blanks, judge
from sensei.entries import which_hold
from sensei.judge import Answer, prepare
from sensei.lesson import Given, Lesson, NotAsGiven, Source
from sensei.notes import LessonNotes, Mistake, Note, NotesError
from sensei.verdicts import Kind, Verdict

quick = settings(max_examples=80, deadline=None, database=None)
FILE = "/koans/test_01_x.py"

PREDICTION = '''
def test_it(device):
    """What is in it?"""
    values = [0.5, 1.5, 2.5]
    check(values)

    assert [v + 1 for v in values] == {fill}
'''
APPROX = PREDICTION.replace("{fill}", "approx({fill})").replace("v + 1", "v / 3")
CODE = """
def test_it(device):
    items = []
    for i in range(3):
        {fill}
    check(items)
    assert len(items) == 3
"""
ASKS = {
    PREDICTION: "assert [v + 1 for v in values] == __",
    APPROX: "assert [v / 3 for v in values] == approx(__)",
    CODE: "for i in range(3):\n    __",
}
RIGHT = {
    PREDICTION: "[1.5, 2.5, 3.5]",
    APPROX: "[0.5 / 3, 0.5, 2.5 / 3]",
    CODE: "items.append(i)",
}


def note(asks: str, mistakes: dict[str, str]) -> Note:
    named = tuple(Mistake(*item) for item in mistakes.items())
    return Note("test_it", asks, ("a", "b", "c"), "So it is.", named, "https://x.org")


def lesson(
    koan: str,
    fill: str,
    mistakes: dict[str, str] | None = None,
    asks: str = "",
    *,
    source: str = "",
    given_: bool = False,
) -> Lesson:
    """A lesson of one koan; ``fill`` stands in its blank."""
    one = note(asks or ASKS[koan], mistakes or {})
    notes = LessonNotes("a", "b", "c", "d", {"test_it": one})
    solution = Given(Source(koan.format(fill=RIGHT[koan])), notes) if given_ else None
    return Lesson(Path(FILE), notes, Source(source or koan.format(fill=fill)), solution)


def prepared(mine: Lesson, **names: object) -> Answer | Verdict:
    return judge.prepare(mine, "test_it", {"device": "cpu", **names})


def run(mine: Lesson, check=lambda values: None) -> tuple[Answer, BaseException | None]:
    """The answer, and what the koan raised when it ran."""
    answer = prepared(mine)
    assert isinstance(answer, Answer), answer
    names = {"check": check, "approx": approx, "boom": boom}
    exec(compile(mine.source.decoded, FILE, "exec"), names)
    try:
        names["test_it"]("cpu")
    except BaseException as error:
        return answer, error
    return answer, None


def judged(koan: str, fill: str, mistakes=None, asks: str = "", **how) -> Verdict:
    return judge.judge(*run(lesson(koan, fill, mistakes, asks), **how), FILE)


def boom(error: BaseException) -> None:
    """A library that raises: its frame is not the koan's."""
    raise error


def line_of(koan: str, part: str, fill: str = "1") -> int:
    lines = koan.format(fill=fill).split("\n")
    return next(i for i, line in enumerate(lines, 1) if part in line)


# ------------------------------------------------------------------ before the run


def test_a_blank_prediction_is_blank_with_its_line():
    verdict = prepared(lesson(PREDICTION, "__"))
    assert verdict == Verdict(
        Kind.BLANK, "put what you expect in place of __", line_of(PREDICTION, "assert")
    )


def test_a_blank_in_code_is_blank_with_its_line():
    verdict = prepared(lesson(CODE, "__"))
    assert verdict.kind is Kind.BLANK
    assert verdict.sentence == "put your code in place of __"
    assert verdict.line == line_of(CODE, "for") + 1


@pytest.mark.parametrize("fill", ["[1, __]", "True or __", "(lambda: __)()", "f(x=__)"])
def test_a_blank_inside_a_fill_is_still_blank(fill):
    assert prepared(lesson(PREDICTION, fill)).kind is Kind.BLANK


def test_a_blank_comes_before_what_else_was_changed():
    source = PREDICTION.format(fill="__").replace("0.5, ", "")
    verdict = prepared(lesson(PREDICTION, "", source=source, given_=True))
    assert verdict.kind is Kind.BLANK


@pytest.mark.parametrize(
    "fill", ["values", "[v + 1 for v in values]", "slate(p)", "x[0]"]
)
def test_a_prediction_that_peeks_is_refused_with_what_was_written(fill):
    verdict = prepared(lesson(PREDICTION, fill))
    assert (verdict.kind, verdict.wrote) == (Kind.REFUSED, fill)
    assert verdict.line == line_of(PREDICTION, "assert")
    assert verdict.sentence.endswith(".")


def test_code_may_be_anything():
    answer = prepared(lesson(CODE, "items.append(check(i))"))
    assert isinstance(answer, Answer)
    assert (answer.value, answer.wrote) == (None, "items.append(check(i))")


def test_a_prediction_is_worked_out_before_it_runs():
    torch = ModuleType("torch")
    torch.half = 0.5
    answer = prepared(lesson(PREDICTION, "[1 + torch.half, device]"), torch=torch)
    assert answer.value == [1.5, "cpu"]


def test_a_file_that_cannot_be_read_is_an_error_with_its_line():
    verdict = prepared(lesson(PREDICTION, "", source="\n\nx = ("))
    assert (verdict.kind, verdict.line) == (Kind.ERROR, 3)
    assert verdict.sentence == "Python can't read this file: '(' was never closed."


def test_where_the_line_is_unknown_it_is_the_first():
    assert prepared(lesson(PREDICTION, "", source="x" + ".a" * 999)).line == 1


def test_a_koan_that_was_changed_is_an_error_and_says_how_to_get_it_back():
    source = PREDICTION.format(fill="1").replace("0.5, ", "")
    verdict = prepared(lesson(PREDICTION, "", source=source, given_=True))
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(PREDICTION, "values ="))
    assert "This koan is not as it was given: expected `values = [0.5, 1.5, 2.5]`" in (
        verdict.sentence
    )
    assert "`sensei reset test_it` puts it back" in verdict.sentence


def test_a_koan_that_is_gone_is_an_error():
    verdict = prepared(lesson(PREDICTION, "", source="def test_other(device): 1"))
    assert verdict.kind is Kind.ERROR
    assert "test_other is new: was it renamed?" in verdict.sentence


def test_a_lesson_that_was_changed_around_the_koan_is_not_for_reset():
    said = judge.not_as_given(
        NotAsGiven("`import os` was not given", 3, in_koan=False), "a"
    )
    assert "The lesson around its koans is not as it was given: `import os`" in said
    assert "reset" not in said


# ------------------------------------------------------------------- after the run


@pytest.mark.parametrize("koan", [PREDICTION, APPROX, CODE])
def test_the_right_answer_passes_with_the_reason(koan):
    verdict = judged(koan, RIGHT[koan])
    assert (verdict.kind, verdict.sentence) == (Kind.PASSED, "So it is.")
    assert verdict.wrote


def test_a_wrong_prediction_is_wrong_at_its_check():
    verdict = judged(PREDICTION, "None")
    assert (verdict.kind, verdict.wrote) == (Kind.WRONG, "None")
    assert verdict.line == line_of(PREDICTION, "assert")
    assert verdict.sentence == "That does not hold. A list is asked for."


@pytest.mark.parametrize("fill", ["None", "[1.5]", "[9, 9, 9]", "'x'", "(1.5, 2.5, 9)"])
@pytest.mark.parametrize("koan", [PREDICTION, APPROX])
def test_a_wrong_prediction_never_shows_the_answer(koan, fill):
    told = str(judged(koan, fill, {"[9, ...]": "Not so."}))
    assert not any(number in told for number in ["3.5", "0.83", "0.16"])
    assert "answer=''" in told


def test_entries_are_compared_as_closely_as_the_check_does():
    verdict = judged(APPROX, "[0.16666667, 0.5, 9]")
    assert "Entries 1 and 2 hold; 3 does not." in verdict.sentence
    verdict = judged(PREDICTION, "[1.5000001, 2.5, 9]")
    assert "Entry 2 holds; 1 and 3 do not." in verdict.sentence


@pytest.mark.parametrize(
    "fill", ["[[1], 2, 3]", "{1, 2}", "{'a': 'b'}", "'abc'", "[None]"]
)
def test_what_approx_will_not_compare_is_wrong_and_no_error(fill):
    assert judged(APPROX, fill).kind is Kind.WRONG


def test_a_check_over_several_lines_is_told_by_its_first():
    koan = PREDICTION.replace("== {fill}", "== (\n        {fill}\n    )")
    verdict = judged(koan, "[1,\n     2]", asks=ASKS[PREDICTION])
    assert (verdict.kind, verdict.line) == (Kind.WRONG, line_of(PREDICTION, "assert"))


def test_a_koan_that_raises_before_its_prediction_is_an_error():
    verdict = judged(PREDICTION, "None", check=lambda values: boom(ValueError("3.5")))
    line = line_of(PREDICTION, "check")
    assert verdict == Verdict(
        Kind.ERROR, f"ValueError at line {line}, before the prediction.", line, "None"
    )


def test_a_prediction_on_what_cannot_be_had_is_an_error():
    """Not the learner's mistake, and no exception of the judge's own."""
    koan = PREDICTION.replace("v + 1", "v / 0")
    verdict = judged(koan, "None", asks=ASKS[PREDICTION].replace("v + 1", "v / 0"))
    line = line_of(PREDICTION, "assert")
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line)
    assert verdict.sentence == (
        f"ZeroDivisionError at line {line}, in what is asked about."
    )


def test_the_right_value_can_be_had_when_it_is_asked_for():
    answer, error = run(lesson(PREDICTION, "None"))
    assert judge.actual(answer, error, FILE) == [1.5, 2.5, 3.5]


def test_code_that_fails_its_check_is_failed_at_that_line():
    verdict = judged(CODE, "items.append(i); items.append(i)")
    line = line_of(CODE, "assert")
    assert (verdict.kind, verdict.line) == (Kind.FAILED, line)
    assert verdict.sentence == f"The check at line {line} does not hold."
    assert verdict.wrote == "items.append(i); items.append(i)"


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        ("boom(ValueError('no such thing\\nmore'))", "ValueError: no such thing"),
        (
            "items.appendix(i)",
            "AttributeError: 'list' object has no attribute 'appendix'",
        ),
        ("boom(ValueError())", "ValueError"),
        ("boom(KeyError('a'))", "KeyError: 'a'"),
        ("gone", "NameError: name 'gone' is not defined"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("boom(GeneratorExit())", "GeneratorExit"),
    ],
)
def test_code_that_raises_is_an_error_at_the_koans_own_line(fill, said):
    verdict = judged(CODE, fill)
    line = line_of(CODE, "for") + 1
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line)
    assert verdict.sentence == f"Line {line} raises {said}"


def test_a_check_that_raises_is_an_error_and_not_failed():
    verdict = judged(CODE, "items = None")
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(CODE, "assert"))
    assert "TypeError" in verdict.sentence


def test_a_long_complaint_is_cut():
    verdict = judged(CODE, "boom(ValueError('x' * 999))")
    assert verdict.sentence.endswith("xxx...") and len(verdict.sentence) < 260


def test_an_assertion_inside_a_library_is_not_the_koans_own():
    def library(values):
        assert not values, "the library's own"

    verdict = judged(CODE, "items.append(i)", check=library)
    assert verdict.kind is Kind.ERROR
    assert verdict.line == line_of(CODE, "check")
    assert "AssertionError: the library's own" in verdict.sentence


def test_an_assertion_in_the_fill_is_not_the_koans_own():
    verdict = judged(CODE, "assert i > 5")
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(CODE, "for") + 1)


def test_an_assertion_of_a_library_that_the_fill_calls_is_not_the_koans_own():
    assert judged(CODE, "boom(AssertionError())").kind is Kind.ERROR


def test_an_assertion_inside_a_library_does_not_make_a_prediction_wrong():
    def library(values):
        raise AssertionError

    verdict = judged(PREDICTION, "None", check=library)
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(PREDICTION, "check"))


def test_an_exception_without_a_trace_is_told_at_the_koan():
    answer, _ = run(lesson(CODE, "items.append(i)"))
    verdict = judge.judge(answer, SystemExit(1), FILE)
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(CODE, "def"))
    answer, _ = run(lesson(PREDICTION, "None"))
    assert judge.judge(answer, SystemExit(1), FILE).kind is Kind.ERROR


def test_what_was_written_is_cut_when_it_is_long():
    assert judge.shortened("x" * 200) == "x" * 200
    assert judge.shortened("x" * 201) == "x" * 197 + "..."
    assert len(judged(PREDICTION, "[" + "1, " * 150 + "]").wrote) == 200


# ---------------------------------------------------------------------- diagnoses


@pytest.mark.parametrize(
    ("mistake", "fill"),
    [
        ("[1, 2]", "[1.0, 4 / 2]"),
        ("[1, 2]", "[1] + [2]"),
        ("[..., 2]", "[5, 1 + 1]"),
        ("'a'", "'a' * 1"),
        ("True", "(1 < 2)"),
        ("float('nan')", "float('nan')"),
        ("None", "None"),
    ],
)
def test_a_named_mistake_is_diagnosed_by_what_the_prediction_comes_to(mistake, fill):
    verdict = judged(PREDICTION, fill, {mistake: "That one."})
    assert verdict.kind is Kind.WRONG
    assert verdict.sentence.startswith("That one.")


@pytest.mark.parametrize(
    ("mistake", "fill"),
    [
        ("[1, 2]", "(1, 2)"),
        ("'a'", "'b'"),
        ("1", "True"),
        ("0", "None"),
        ("[...]", "[]"),
    ],
)
def test_another_mistake_is_not_the_one_that_is_named(mistake, fill):
    assert "That one." not in judged(PREDICTION, fill, {mistake: "That one."}).sentence


def test_the_first_mistake_that_fits_is_told():
    mistakes = {"[1, 3]": "First.", "[1, ...]": "Second.", "...": "Third."}
    assert judged(PREDICTION, "[1, 2]", mistakes).sentence.startswith("Second.")


def test_a_named_mistake_is_followed_by_which_entries_hold():
    verdict = judged(PREDICTION, "[1.5, 2.5, 9]", {"[..., ..., 9]": "Not nine."})
    assert verdict.sentence == "Not nine. Entries 1 and 2 hold; 3 does not."


def test_a_named_mistake_in_code_is_diagnosed_whether_it_fails_or_raises():
    mistakes = {"items.append(1.0)\nitems": "Twice.", "items.add(i)": "No set."}
    verdict = judged(CODE, "items.append(1)\n        items\n        items.pop()")
    assert verdict.sentence == f"The check at line {verdict.line} does not hold."
    koan = CODE.replace("== 3", "== 4")
    verdict = judged(koan, "items.append(1); items", mistakes, ASKS[CODE])
    assert (verdict.kind, verdict.sentence) == (Kind.FAILED, "Twice.")
    verdict = judged(CODE, "items.add(i)", mistakes)
    assert verdict.kind is Kind.ERROR
    assert verdict.sentence.startswith("No set. (AttributeError: ")


@pytest.mark.parametrize("thing", [len, int, lambda: 1, object()], ids=range(4))
def test_a_prediction_that_cannot_be_written_down_is_no_error_of_the_judge(thing):
    """Such as the class that a module's attribute is."""
    torch = ModuleType("torch")
    torch.thing = thing
    mine = lesson(PREDICTION, "torch.thing", {"torch.thing": "A thing.", "1": "No."})
    answer = prepared(mine, torch=torch)
    if isinstance(answer, Answer):
        assert judge.diagnosis(answer) == "A thing."
    else:
        assert answer.kind is Kind.REFUSED


def test_an_attribute_of_a_module_is_a_mistake_by_its_name():
    class Dtype:
        def __repr__(self):
            return "torch.half"

    torch = ModuleType("torch")
    torch.float16 = Dtype()
    mine = lesson(PREDICTION, "torch.float16", {"torch.half": "Half."})
    assert judge.diagnosis(prepared(mine, torch=torch)) == "Half."


# ------------------------------------------------------------------ which entries hold


@pytest.mark.parametrize(
    ("actual", "wrote", "said"),
    [
        # numbers: which of them
        ([1, 2, 3], [1, 2, 4], "Entries 1 and 2 hold; 3 does not."),
        ([1, 2, 3], [1, 5, 4], "Entry 1 holds; 2 and 3 do not."),
        ([1, 2, 3, 4], [1, 2, 3, 9], "Entries 1, 2 and 3 hold; 4 does not."),
        ([1, 2, 3, 4], [9, 2, 9, 9], "Entry 2 holds; 1, 3 and 4 do not."),
        ([1, 2], [2, 1], "None of the entries holds."),
        ([1], [2], ""),
        ([1, None], [1, 0], "Entry 1 holds; 2 does not."),
        ([1.0, 2], [1, 3], "Entry 1 holds; 2 does not."),
        (
            [[1, 2], [3, 4]],
            [[1, 2], [3, 9]],
            "Entries 1.1, 1.2 and 2.1 hold; 2.2 does not. (2.1 is entry 1 of list 2.)",
        ),
        ([[1, 2], [3, 4]], [1, 2], "Entry 1 should be a list of 2."),
        ([[1, 2], [3, 4]], [[1, 2], [3]], "Entry 2 should be a list of 2."),
        ([[1], [2]], [[3], [4]], "None of the entries holds."),
        ((1, 2), (1, 3), "Entry 1 holds; 2 does not."),
        # what can be guessed: only how many
        (
            [True, False, True],
            [True, True, True],
            "2 of the 3 entries hold, each in its place.",
        ),
        ([True, False], [False, True], "0 of the 2 entries hold, each in its place."),
        (["a", "b"], ["a", "c"], "1 of the 2 entries hold, each in its place."),
        (["a", True], ["a", False], "1 of the 2 entries hold, each in its place."),
        ([True, False], [1, 1], "1 of the 2 entries hold, each in its place."),
        # another container
        ([1, 2], (1, 2), "Every entry holds, but a list is asked for: […]."),
        ((1, 2), [1, 2], "Every entry holds, but a tuple is asked for: (…)."),
        ([1, 2], (1, 3), "Entry 1 holds; 2 does not."),
        ([1, 2], 1, "A list is asked for."),
        ([1, 2], {1, 2}, "A list is asked for."),
        ([1, 2], {1: 2}, "A list is asked for."),
        ("ab", ["a", "b"], ""),
        ((1, 2), None, "A tuple is asked for."),
        ({"a": 1}, [1], "A dict is asked for."),
        # another length
        ([1, 2], [1], "Yours has 1 entry; that is not how many there are."),
        ([1, 2], [], "Yours has 0 entries; that is not how many there are."),
        ([1, 2], (1, 2, 3), "Yours has 3 entries; that is not how many there are."),
        # a dict is told by its keys
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, 'Entry "a" holds; "b" does not.'),
        ({"a": 1, "b": 2}, {"b": 2, "a": 3}, 'Entry "b" holds; "a" does not.'),
        ({"a": 1, "b": 2}, {"a": 1}, "The keys are not those that the koan has."),
        (
            {"a": True, "b": True},
            {"a": True, "b": False},
            "1 of the 2 entries hold, each in its place.",
        ),
        # a single value says nothing more
        (1, 2, ""),
        (None, [1], ""),
        (True, False, ""),
    ],
)
def test_which_entries_hold(actual, wrote, said):
    assert which_hold(actual, wrote) == said


def test_entries_within_the_tolerance_hold():
    assert which_hold([0.3, 1], [0.1 + 0.2, 2], approx) == "Entry 1 holds; 2 does not."
    assert which_hold([0.3, 1], [0.1 + 0.2, 2]) == "None of the entries holds."


def test_an_entry_that_cannot_be_compared_does_not_hold():
    class Stubborn:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    assert which_hold([1, Stubborn()], [1, 2]) == "Entry 1 holds; 2 does not."
    assert which_hold([1, 2], [1, [[2]]], approx) == "Entry 1 holds; 2 does not."


NUMBERS = st.integers(-3, 3)


@quick
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=6))
def test_the_entries_that_are_told_to_hold_are_those_that_hold(pairs):
    actual, wrote = (list(side) for side in zip(*pairs, strict=True))
    said = which_hold(actual, wrote)
    right = [str(i) for i, (a, w) in enumerate(pairs, 1) if a == w]
    wrong = [str(i) for i, (a, w) in enumerate(pairs, 1) if a != w]
    words = said.replace(",", "").replace(".", "").replace(";", " ;").split()
    numbers = [word for word in words if word.isdigit() or word == ";"]
    if not right:
        assert said == "None of the entries holds."
    elif not wrong:
        assert said.startswith("Every entry holds")
    else:
        assert numbers == [*right, ";", *wrong]


@quick
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=6))
def test_truth_values_are_never_told_one_by_one(pairs):
    """The sentence is the same wherever the wrong ones stand."""
    if all(a == w for a, w in pairs):
        return
    sentences = {
        which_hold(*(list(side) for side in zip(*order, strict=True)))
        for order in (pairs, pairs[::-1], sorted(pairs))
    }
    right = sum(a == w for a, w in pairs)
    assert sentences == {
        f"{right} of the {len(pairs)} entries hold, each in its place."
    }


@pytest.mark.parametrize(
    ("check", "written"),
    [
        ("assert first == 1, 2", "[1, 2]"),
        ("assert first == (1), None", "[1, None]"),
        ("assert first == approx(1, 2)", "[1, 2]"),
        ("assert first == approx(1, 2, 3)", "[1, 2, 3]"),
    ],
)
def test_forgotten_brackets_are_called_so(check, written):
    given = "assert first == approx(__)" if "approx" in check else "assert first == __"
    fn = "def test_it():\n    first = [1, 2]\n    {}\n"
    notes = {"test_it": Note("test_it", given, ("a", "b", "c"), "so", (), "https://x")}
    loaded = LessonNotes("say", "learned", "caught", "https://x", notes)
    solution = Source(fn.format(given.replace("__", "[1, 2]")))
    lesson = Lesson(
        Path("it.py"), loaded, Source(fn.format(check)), Given(solution, loaded)
    )
    verdict = prepare(lesson, "test_it", {})
    assert verdict.kind is Kind.ERROR
    assert verdict.sentence.endswith(f"Put several in brackets: {written}.")
    assert "reset" not in verdict.sentence


def test_forgotten_brackets_that_python_cannot_read():
    fault = blanks.Unreadable("invalid syntax", 2)
    said = judge.unreadable(fault, "def test_it():\n    assert first == 0, None, 0\n")
    assert "brackets" in said
    assert "brackets" not in judge.unreadable(fault, "def test_it():\n    x = (\n")


def test_notes_that_are_not_python_are_named_when_they_are_needed():
    note = Note(
        "it", "x = __", ("a", "b", "c"), "so", (Mistake("x(", "?"),), "https://x"
    )
    function = blanks.parse("def it():\n    x = 1").body[0]
    fill = blanks.Fill((function.body[0].value,))
    with pytest.raises(NotesError, match=r"\[it\]: `x\(` is not Python"):
        judge.diagnosis(Answer(note, function, fill, None, "1"))
