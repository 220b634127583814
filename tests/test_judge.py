"""The judge: every verdict, and what it says without giving the answer away."""

from __future__ import annotations

from types import ModuleType

import pytest

from one_lesson import (
    LIMITS,
    attempt_of,
    decided,
    judged,
    koan_of,
    line_of,
    outcome_of,
)
from sensei import diagnosis, judge
from sensei.explain import explained
from sensei.lesson import Koan
from sensei.notes import NotesError
from sensei.partial import Table
from sensei.running import run
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Hang, Limits
from sensei.work import Work
from this_course import filled

PREDICTION = '''
from pytest import approx


def test_it():
    """What is in it?"""
    values = [0.5, 1.5, 2.5]
    check(values)

    assert [v + 1 for v in values] == [1.5, 2.5, 3.5]
'''
APPROX = PREDICTION.replace("[1.5, 2.5, 3.5]", "approx([1 / 6, 0.5, 5 / 6])").replace(
    "v + 1", "v / 3"
)
CODE = """
def test_it():
    items = []
    for i in range(3):
        items.append(i)
    check(items)
    assert len(items) == 3
    assert items == [0, 1, 2]
"""
ASKS = {
    PREDICTION: "assert [v + 1 for v in values] == __",
    APPROX: "assert [v / 3 for v in values] == approx(__)",
    CODE: "for i in range(3):\n    __",
}


def koan(text: str, mistakes: dict[str, str] | None = None, **more: object) -> Koan:
    return koan_of(text, ASKS[text], mistakes, **more)


def verdict_of(text: str, fill: str, mistakes=None, check=len, **names) -> Verdict:
    return judged(koan(text, mistakes), fill, check=check, boom=boom, **names)


def boom(error: BaseException) -> None:
    """A library that raises: its frame is not the koan's."""
    raise error


# ------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize("text", ASKS)
def test_the_right_answer_passes_with_the_reason(text):
    verdict = decided(koan(text), text, check=len)
    assert (verdict.kind, verdict.sentence) == (Kind.PASSED, "So it is.")
    assert verdict.wrote


@pytest.mark.parametrize("fill", ["(1.5, 2.5, 3.5)", "[3 / 2, 2.5, 7 / 2]"])
def test_a_right_prediction_may_be_spelled_in_other_ways(fill):
    assert verdict_of(PREDICTION, fill).kind is Kind.PASSED


def test_a_wrong_prediction_is_wrong_at_its_check():
    verdict = verdict_of(PREDICTION, "(1.5,\n     2.5, 9)")
    assert (verdict.kind, verdict.sentence) == (Kind.WRONG, "Entry 3 does not hold.")
    assert verdict.line == line_of(PREDICTION, "assert")
    assert verdict.wrote == "(1.5,\n     2.5, 9)"


FILLS = ["None", "[1.5]", "[9, 9, 9]", "'x'", "(1.5, 2.5, 9)", "{1}", "[[1], 2, 3]"]


@pytest.mark.parametrize("fill", [*FILLS, "{'a': 'b'}", "float('nan')"])
@pytest.mark.parametrize("text", [PREDICTION, APPROX])
def test_a_wrong_prediction_is_wrong_and_never_shows_the_answer(text, fill):
    verdict = verdict_of(text, fill, {"[9, ..., ...]": "Not so."})
    assert verdict.kind is Kind.WRONG
    assert verdict.sentence.endswith(".")
    told = str(verdict)
    assert not any(number in told for number in ["3.5", "0.83", "0.16"])
    assert (verdict.answer, verdict.table, verdict.story) == ("", "", "")


@pytest.mark.parametrize(
    "fill", ["values", "[v + 1 for v in values]", "check(values)", "values[0]"]
)
def test_a_prediction_that_peeks_is_refused_and_not_run(fill):
    ran: list[object] = []
    verdict = verdict_of(PREDICTION, fill, check=ran.append)
    assert (verdict.kind, verdict.wrote) == (Kind.REFUSED, fill)
    assert verdict.line == line_of(PREDICTION, "assert")
    assert ran == []


def test_modules_and_parameters_may_stand_in_a_prediction():
    text = PREDICTION.replace("test_it()", "test_it(device)").replace(
        "from pytest", "import math\nfrom pytest"
    )
    text = text.replace("[v + 1 for v in values] == [1.5, 2.5, 3.5]", "[device] == 1")
    mine = koan_of(text, "assert [device] == __", {"[math.pi]": "Pi."})
    attempt = attempt_of(mine, "[device]")
    arguments = {"device": "cpu"}
    vars(attempt.work.module)["check"] = len
    verdict, outcome = judge.decide(attempt, arguments, LIMITS)
    assert verdict.kind is Kind.PASSED and outcome.checks[0].found == ["cpu"]
    attempt = attempt_of(mine, "[3.14159265]")
    vars(attempt.work.module)["check"] = len
    verdict, _ = judge.decide(attempt, arguments, LIMITS)
    assert verdict.sentence == "Pi."


def test_what_raises_before_a_prediction_keeps_its_words_to_itself():
    verdict = verdict_of(PREDICTION, "None", check=lambda _: boom(ValueError("3.5")))
    assert verdict == Verdict(
        Kind.ERROR,
        "`check(values)` raises ValueError, before the prediction.",
        line_of(PREDICTION, "check"),
        "None",
    )


def test_what_cannot_be_had_is_an_error_in_what_is_asked_about():
    text = PREDICTION.replace("v + 1", "v / 0")
    verdict = judged(
        koan_of(text, "assert [v / 0 for v in values] == __"), "None", check=len
    )
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(text, "assert"))
    assert verdict.sentence.endswith(
        "raises ZeroDivisionError, in what is asked about."
    )


def test_code_that_fails_is_told_its_first_failing_check_with_both_sides():
    verdict = verdict_of(CODE, "items.append(i); items.append(i)")
    line = line_of(CODE, "assert")
    assert (verdict.kind, verdict.line) == (Kind.FAILED, line)
    assert verdict.sentence == "A check does not hold."
    table = Table.unpack(verdict.table)
    [row] = table.rows
    assert (table.asks, row.found, row.expected) == ("len(items)", "6", "3")


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        ("boom(ValueError('no such thing\\nmore'))", "ValueError: no such thing more"),
        ("items.appendix(i)", "AttributeError: 'list' object has no attribute 'appen"),
        ("boom(ValueError())", "ValueError."),
        ("boom(KeyError('a'))", "KeyError: 'a'"),
        ("boom(AssertionError('not built in'))", "AssertionError: not built in"),
    ],
)
def test_code_that_raises_is_an_error_that_quotes_its_line(fill, said):
    verdict = run_as_example(fill)
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(CODE, "append"))
    assert verdict.sentence.startswith(f"`{fill}` raises {said}")


def run_as_example(fill: str, text: str = CODE) -> Verdict:
    """The verdict on code that the table of what is allowed might refuse."""
    attempt = Work(koan(CODE).lesson, text.encode()).example(koan(CODE), fill)
    vars(attempt.work.module).update(check=len, boom=boom)
    return judge.decide(attempt, {}, LIMITS)[0]


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        ("raise SystemExit(3)", "A fill can't end the run, as SystemExit does."),
        ("boom(GeneratorExit())", "A fill can't end the run, as GeneratorExit does."),
        ("assert i > 5", "Your own `assert i > 5` does not hold."),
        ("boom(Hang())", "It did not end within 20 s; it was at `boom(Hang())`."),
    ],
)
def test_other_endings_of_a_fill_have_their_own_words(fill, said):
    attempt = Work(koan(CODE).lesson, CODE.encode()).example(koan(CODE), fill)
    vars(attempt.work.module).update(check=len, boom=boom, Hang=Hang)
    verdict, _ = judge.decide(attempt, {}, LIMITS)
    assert (verdict.kind, verdict.sentence) == (Kind.ERROR, said)


def test_a_check_that_raises_is_an_error_and_one_that_failed_before_it_is_told_first():
    verdict = verdict_of(CODE, "items = None", check=id)
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(CODE, "assert"))
    assert "TypeError" in verdict.sentence
    text = CODE.replace("items == [0, 1, 2]", "items[2] == 2")
    verdict = judged(koan_of(text, ASKS[CODE]), "items", check=len)
    assert (verdict.kind, verdict.line) == (Kind.FAILED, line_of(CODE, "assert"))


def test_a_long_complaint_ends_with_a_sentence():
    words = "One thing. " * 20 + "Then x" + "x" * 900
    verdict = run_as_example(f"boom(ValueError({words!r}))")
    assert verdict.sentence.endswith("One thing.")
    assert run_as_example("boom(ValueError('x' * 999))").sentence.endswith("x ...")


def test_an_assertion_inside_a_library_is_not_the_koans_own():
    def library(values):
        assert not values, "the library's own"

    verdict = verdict_of(CODE, "items.append(i)", check=library)
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(CODE, "check"))
    assert "AssertionError: the library's own" in verdict.sentence
    verdict = verdict_of(PREDICTION, "None", check=library)
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(PREDICTION, "check"))


# ------------------------------------------------------------- diagnoses of predictions


@pytest.mark.parametrize(
    ("mistake", "fill"),
    [
        ("[1, 2]", "[1.0, 4 / 2]"),
        ("[1, 2]", "[1] + [2]"),
        ("[1, 2]", "(1, 2)"),
        ("[..., 2]", "(5, 1 + 1)"),
        ("[..., [2]]", "[(1, 2, 3), (2,)]"),
        ("'a'", "'a' * 1"),
        ("True", "(1 < 2)"),
        ("float('nan')", "-float('nan')"),
        ("0.3", "0.1 + 0.2"),
        ("None", "None"),
    ],
)
def test_a_named_mistake_is_diagnosed_by_what_the_prediction_comes_to(mistake, fill):
    verdict = verdict_of(PREDICTION, fill, {mistake: "That one."})
    assert verdict.kind is Kind.WRONG
    assert verdict.sentence.startswith("That one.")


@pytest.mark.parametrize(
    ("mistake", "fill"),
    [("'a'", "'b'"), ("1", "True"), ("0", "None"), ("[...]", "[]"), ("[1]", "1")],
)
def test_another_mistake_is_not_the_one_that_is_named(mistake, fill):
    assert "That" not in verdict_of(PREDICTION, fill, {mistake: "That one."}).sentence


def test_the_first_mistake_that_fits_is_told_with_the_entries_that_do_not_hold():
    mistakes = {"[1, 3, 9]": "First.", "[..., 2.5, 9]": "Second.", "...": "Third."}
    verdict = verdict_of(PREDICTION, "[1.5, 2.5, 9]", mistakes)
    assert verdict.sentence == "Second. Entry 3 does not hold."


@pytest.mark.parametrize("thing", [len, int, object()], ids=range(3))
def test_an_attribute_of_a_module_is_a_mistake_by_its_name(thing):
    kinds = ModuleType("kinds")
    vars(kinds).update(thing=thing, other=1)
    mistakes = {"kinds.other": "Other.", "kinds.thing": "A thing."}
    verdict = verdict_of(PREDICTION, "kinds.thing", mistakes, kinds=kinds)
    if verdict.kind is not Kind.REFUSED:
        assert verdict.sentence.startswith("A thing.")


# -------------------------------------------------------------------- diagnoses of code

WRONG = {
    "items.append(1)": "Always one.",
    "items.clear()": "Nothing is left.",
    "=items.extend([])": "Extended by nothing.",
    "items.add(i)": "A list has no add.",
    "=items.append(...)": "Something else.",
}


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        # by its outcome, however it is spelled
        ("items.append(1)", "Always one."),
        ("items += [1]", "Always one."),
        ("items.insert(0, 1 + 0 * i)", "Always one."),
        ("one = 1\nitems.append(one)\nprint(items)", "Always one."),
        ("pass", "Nothing is left."),
        ("items = []", "Nothing is left."),
        # by its own spelling first; one that is `spelled` by nothing else
        ("items.extend([])", "Extended by nothing."),
        ("items.extend(items[:0])", "Nothing is left."),
        ("items.append(i + 1)", "Something else."),
        ("items += [i + 1]", "A check does not hold."),
        # what raises: by its kind and its place
        ("items.add(i + 2)", "A list has no add. (AttributeError: 'list' object"),
        ("items.nothing", "A list has no add. (AttributeError: 'list' object"),
        ("1 / 0", "`1 / 0` raises ZeroDivisionError"),
        # what names a function and does not call it
        ("items.append(1)\nitems.append", "`items.append` alone calls nothing"),
        ("items.append(1)\ncheck", "`check` alone calls nothing"),
        ("items.append(1)\nitems.sort", "Always one."),  # it may be no method, for all
        ("items.append(1)\nitems", "Always one."),
        ("items.append(i)\n(items.copy + [1])", "`items.copy` alone calls nothing"),
    ],
)
def test_code_is_diagnosed_by_what_it_did(fill, said):
    verdict = run_named(fill)
    assert verdict.kind in (Kind.FAILED, Kind.ERROR)
    assert verdict.sentence.startswith(said)


def test_what_raises_in_a_function_beside_the_koan_is_placed_where_it_was_called():
    """An example and a learner's file may not differ in it: it is one mistake."""
    beside = "def first(items):\n    return items[0]\n\n\n"
    text = beside + "def test_it():\n    items = [1]\n    assert first(items) == 1\n"
    mine = koan_of(text, "items = __", {"[]": "There is no first."})
    verdict = judged(mine, "list()")
    assert verdict.sentence.startswith("There is no first. (IndexError")
    assert verdict.line == line_of(text, "assert")


def test_what_is_refused_is_diagnosed_by_its_spelling():
    """It is never run, so nothing else of it is known."""
    mine = koan(CODE, {"=items.rate /= 2": "A list has no rate."})
    verdict = judged(mine, "items.rate /= 2")
    assert verdict.kind is Kind.REFUSED and verdict.mistake == "A list has no rate."
    assert verdict.sentence.startswith("A list has no rate. `items.rate` can't be")


def run_named(fill: str, text: str = CODE, limits: Limits = LIMITS) -> Verdict:
    mine = koan(CODE, WRONG)
    attempt = Work(mine.lesson, text.encode()).example(mine, fill)
    vars(attempt.work.module).update(check=len)
    return judge.decide(attempt, {}, limits)[0]


def test_examples_run_in_the_learners_own_koan_and_need_no_solution():
    """What is added there that only looks does not matter, nor do line numbers."""
    text = CODE.replace("    items", "    print('mine')\n\n    items", 1)
    text = text.replace("    check", "    breakpoint\n    check").replace(
        "    breakpoint\n", "    print(items)\n"
    )
    assert run_named("items += [1]", text).sentence == "Always one."
    mine = koan(CODE, WRONG)
    withheld = Koan(mine.lesson, mine.note)
    text = filled(mine, "items += [1]").replace("range(3)", "range(3)")
    verdict = decided(withheld, text, check=len)
    assert verdict.sentence == "Always one."


def test_examples_run_once_for_each_arguments_and_never_after_a_hang(monkeypatch):
    mine = koan(CODE, WRONG)
    attempt = attempt_of(mine, "items += [5]")
    vars(attempt.work.module).update(check=len, Hang=Hang, boom=boom)
    ran = []
    monkeypatch.setattr(diagnosis, "run", lambda *a: ran.append(a[0].wrote) or run(*a))
    for _ in range(2):
        judge.decide(attempt, {}, LIMITS)
    examples = [text for text in WRONG if not text.startswith("=")]
    assert ran == examples
    hangs = attempt.work.example(mine, "boom(Hang())")
    judge.decide(hangs, {}, LIMITS)
    assert ran == examples


def test_an_example_has_no_more_time_than_the_koan(monkeypatch):
    seconds = []

    def noted(example, arguments, limits):
        seconds.append(limits.seconds)
        return run(example, arguments, limits)

    monkeypatch.setattr(diagnosis, "run", noted)
    run_named("items += [5]", limits=Limits(2.0))
    run_named("items += [5]", limits=Limits(60.0))
    assert set(seconds) == {2.0, diagnosis.EXAMPLE_SECONDS}


@pytest.mark.parametrize(
    ("text", "mistake", "fill"),
    [
        (PREDICTION, "x(", "1"),
        (PREDICTION, "x = 1", "1"),
        (PREDICTION, "values", "1"),
        (CODE, "x(", "items"),
    ],
)
def test_notes_that_cannot_be_used_are_named_when_they_are_needed(text, mistake, fill):
    with pytest.raises(NotesError, match=r"\[test_it\]: `"):
        verdict_of(text, fill, {mistake: "?"})
    assert decided(koan(text, {mistake: "?"}), text, check=len).kind is Kind.PASSED


@pytest.mark.parametrize("mistake", ["b = 1", "4; 5"])
def test_an_example_that_cannot_stand_in_the_blank_is_a_fault_of_the_notes(mistake):
    mine = koan_of(
        "def test_it():\n    a = 3\n    assert a\n", "a = __", {mistake: "?"}
    )
    with pytest.raises(NotesError, match=r"\[test_it\]: `"):
        judged(mine, "0")


# ------------------------------------------------------------------ beyond the verdict


def explanation(mine: Koan, fill: str, reveal: bool, **names: object) -> Verdict:
    attempt = attempt_of(mine, fill)
    vars(attempt.work.module).update(names)
    verdict, outcome = judge.decide(attempt, {}, LIMITS)
    return explained(outcome, verdict, reveal)


def test_the_answer_is_told_when_it_is_asked_for_as_it_was_found_once():
    text = (
        "def test_it():\n    seen = iter([1, 2, 3])\n    assert [next(seen), 10] == 9\n"
    )
    mine = koan_of(text, "assert [next(seen), 10] == __")
    assert explanation(mine, "[2, 10]", reveal=True).answer == "[1, 10]"
    assert explanation(mine, "[2, 10]", reveal=False).answer == ""
    assert explanation(mine, "[1, 10]", reveal=True).answer == ""


def test_code_has_a_table_and_a_solution_but_no_answer():
    mine = koan(CODE)
    verdict = explanation(mine, "pass", reveal=True, check=len)
    assert verdict.table and verdict.answer == ""
    assert mine.solution_text == "items.append(i)"


def test_an_answer_is_told_in_as_many_digits_as_matter():
    text = APPROX.replace("v / 3", "v * 0.1 * 3")
    mine = koan_of(text, "assert [v * 0.1 * 3 for v in values] == approx(__)")
    assert outcome_of(mine, "1", check=len).checks[0].found[0] != 0.15
    assert explanation(mine, "1", True, check=len).answer == "[0.15, 0.45, 0.75]"
