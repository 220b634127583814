"""Running a koan: what its checks report, what raises, and what is put back."""

from __future__ import annotations

import bdb
import io
import linecache
import sys
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one_lesson import COURSE, LIMITS, attempt_of, judged, koan_of, line_of, outcome_of
from sensei import judge
from sensei.attempt import IN_THE_FILL, REPORT, Attempt
from sensei.lesson import Koan
from sensei.running import UNKNOWN, Check, Outcome, Raised, run
from sensei.verdicts import Kind
from sensei.watchdog import Limits
from sensei.work import Work

quick = settings(max_examples=60)

CODE = """
def test_it():
    items = []
    for i in range(3):
        items.append(i)

    assert len(items) == 3
    assert sum(items) == 3
    assert items is not None
"""
ASKS = "for i in range(3):\n    __"
KOAN = koan_of(CODE, ASKS)


def prediction(body: str, asked: str, right: str = "1") -> Koan:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    text = f"def test_it():\n{lines}\n    assert {asked} == {right}\n"
    return koan_of(text, f"assert {asked} == __")


def found(koan: Koan, fill: str = "0", **names: Any) -> Any:
    """What the one check of a prediction finds."""
    [check] = outcome_of(koan, fill, **names).checks
    return check.found


# -------------------------------------------------------------------------- checks


def test_checks_report_both_sides_and_do_not_end_a_koan():
    outcome = outcome_of(KOAN, "items.append(2 * i)")
    assert outcome.checks == (
        Check(0, 3, 3, True),
        Check(1, 6, 3, False),
        Check(2, [0, 2, 4], None, True),
    )
    assert outcome.raised is None and outcome.complete


def test_a_check_that_raises_ends_it_at_its_place():
    outcome = outcome_of(KOAN, "items.append('a')")
    assert outcome.checks == (Check(0, 3, 3, True),)
    assert type(outcome.raised.error) is TypeError
    assert outcome.raised.line == line_of(CODE, "sum(items)")
    assert not outcome.complete


def test_a_prediction_reports_its_left_side_alone():
    assert outcome_of(prediction("a = [1]", "a[0]"), "5").checks == (Check(0, 1),)
    assert Check(0, 1).expected is UNKNOWN


@pytest.mark.parametrize(
    ("body", "asked", "once"),
    [
        ("seen = iter([1, 2, 3])", "[next(seen), 10]", [1, 10]),
        ("seen = [1, 2, 3]", "[seen.pop(), len(seen)]", [3, 2]),
        ("seen = (i for i in range(3))", "list(seen)", [0, 1, 2]),
        ("a = {'n': 0}", "[a.update(n=a['n'] + 1), a['n']]", [None, 1]),
    ],
)
def test_what_is_asked_is_worked_out_exactly_once(body, asked, once):
    koan = prediction(body, asked, repr(once))
    assert found(koan) == once
    assert judged(koan, repr(once)).kind is Kind.PASSED
    assert judged(koan, "[7, 7]").kind is Kind.WRONG


def test_values_are_kept_as_they_were_at_the_check():
    text = CODE.replace("assert items is not None", "assert items == [0, 1, 2]")
    text += "    items.append(9)\n    assert len(items) == 4\n"
    checks = outcome_of(koan_of(text, ASKS), "items.append(i)").checks
    assert checks[2] == Check(2, [0, 1, 2], [0, 1, 2], True)
    assert checks[3].found == 4


def test_identity_is_asked_of_the_things_themselves():
    text = CODE.replace("items is not None", "items is items")
    checks = outcome_of(koan_of(text, ASKS), "items.append(i)").checks
    assert checks[2].holds
    text = CODE.replace("items is not None", "list(items) is items")
    assert not outcome_of(koan_of(text, ASKS), "items.append(i)").checks[2].holds


@pytest.mark.parametrize(
    "given_",
    [
        "with nothing():\n        assert items == 1",
        "for item in items:\n        assert item == 1",
        "try:\n        assert not items\n    finally:\n        pass",
        "def inner():\n        assert not items\n\n    inner()",
    ],
)
def test_an_assert_within_a_statement_raises_as_in_any_python(given_):
    text = CODE.replace(
        "    assert len(items) == 3", f"    {given_}\n    assert 1 == 1"
    )

    @contextmanager
    def nothing():
        yield

    koan = koan_of(text, ASKS)
    outcome = outcome_of(koan, "items.append(i)", nothing=nothing)
    assert outcome.checks == ()
    assert type(outcome.raised.error) is AssertionError
    assert outcome.raised.place != IN_THE_FILL
    assert judged(koan, "items.append(i)", nothing=nothing).kind is Kind.ERROR


def test_an_assert_before_a_prediction_raises_too():
    koan = prediction("assert 1 == 2", "3")
    outcome = outcome_of(koan, "3")
    assert type(outcome.raised.error) is AssertionError and outcome.checks == ()


def test_what_a_fill_raises_is_in_the_fill_and_in_its_line():
    outcome = outcome_of(KOAN, "if i == 1:\n    assert items == [5]\nitems.append(i)")
    assert (outcome.raised.place, outcome.raised.line) == (
        IN_THE_FILL,
        line_of(CODE, "append") + 1,
    )


def test_the_check_reports_by_a_name_that_no_source_can_spell():
    assert not REPORT.isidentifier()
    koan = prediction("here = sorted([*locals(), *globals()])", "here")
    assert REPORT not in {name for name in dir() if name}
    names = found(koan)
    assert "here" not in names and not [n for n in names if "report" in n.lower()]
    attempt = attempt_of(koan, "0")
    run(attempt, {}, LIMITS)
    assert REPORT not in vars(attempt.work.module)


# ------------------------------------------------------------------------ evidence


@pytest.mark.parametrize(
    "fill",
    ["return", "if i:\n    return\nitems.append(i)", "yield", "items.append((yield))"],
)
def test_a_koan_whose_checks_never_report_does_not_pass(fill):
    """It was told to return, or became a generator, which nobody runs."""
    work = Work(KOAN.lesson, CODE.encode())
    outcome = run(work.example(KOAN, fill), {}, LIMITS)
    assert outcome.checks == () and outcome.raised is None
    verdict = judge.judge(outcome)
    assert verdict.kind is Kind.ERROR
    assert "did not come to its last check" in verdict.sentence


def test_a_koan_whose_last_check_is_not_come_to_does_not_pass():
    attempt = attempt_of(KOAN, "items.append(i)")
    whole = run(attempt, {}, LIMITS)
    assert judge.judge(whole).kind is Kind.PASSED
    for checks in (whole.checks[:2], whole.checks[1:], ()):
        part = replace(whole, checks=checks)
        assert judge.judge(part).kind is Kind.ERROR


def test_a_function_that_does_nothing_is_no_evidence():
    """Such as what a debugger, or a plugin, may put in its place."""
    attempt = attempt_of(KOAN, "items.append(i)")
    verdict, _ = judge.decide(attempt, {}, LIMITS, lambda: None)
    assert verdict.kind is Kind.ERROR


# -------------------------------------------------------------------------- endings


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), bdb.BdbQuit(), pytest.exit.Exception("enough")]
)
def test_who_ends_the_run_or_leaves_a_debugger_is_let_through(error):
    def ends():
        raise error

    with pytest.raises(type(error)):
        outcome_of(prediction("ends()", "1"), "1", ends=ends)
    assert not isinstance(sys.stdout, type(None)) and "_Output" not in repr(sys.stdout)


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), GeneratorExit(), pytest.fail.Exception("no"), RecursionError()],
)
def test_everything_else_is_the_koans(error):
    def ends():
        raise error

    outcome = outcome_of(prediction("ends()", "1"), "1", ends=ends)
    assert outcome.raised.error is error and outcome.skipped is None
    assert judged(prediction("ends()", "1"), "1", ends=ends).kind is Kind.ERROR


def test_a_skip_counts_where_it_was_given_and_never_from_a_fill():
    text = CODE.replace("items = []", "items = [] if 1 else skip()")
    assert outcome_of(koan_of(text, ASKS), "items.append(i)").skipped is None
    text = CODE.replace("    items = []", "    items = []\n    skip('not here')")
    koan = koan_of(text, ASKS)
    assert outcome_of(koan, "pass", skip=pytest.skip).skipped == "not here"
    assert judged(koan, "pass", skip=pytest.skip).kind is Kind.SKIPPED
    work = Work(KOAN.lesson, CODE.encode())
    vars(work.module)["skip"] = pytest.skip
    example = work.example(KOAN, "skip('I am tired')")
    outcome = run(example, {}, LIMITS)
    assert outcome.skipped is None and outcome.raised.place == IN_THE_FILL
    assert judge.judge(outcome).kind is Kind.ERROR


def test_a_fill_can_make_no_given_code_skip():
    """Skipped counts only where the solution is skipped, too."""
    text = CODE.replace("    assert len", "    skip_if(len(items) < 3)\n    assert len")

    def skip_if(condition):
        if condition:
            pytest.skip("too few")

    koan = koan_of(text, ASKS)
    assert outcome_of(koan, "pass", skip_if=skip_if).skipped == "too few"
    verdict = judged(koan, "pass", skip_if=skip_if)
    assert (verdict.kind, verdict.line) == (Kind.ERROR, line_of(CODE, "append"))
    assert "makes the koan skip itself" in verdict.sentence


# ----------------------------------------------------------------- tools in a koan

TOOLS = """
import inspect
import pickle
import sys
import typing
from dataclasses import dataclass, field


class Top:
    x = 1


@dataclass
class Row:
    n: "int" = 0
    more: "typing.ClassVar[int]" = 5


def test_it():
    @dataclass
    class Inner:
        a: "int"
        b: "list[int]" = field(default_factory=list)

    copy = pickle.loads(pickle.dumps(Top()))
    facts = [type(copy) is Top, inspect.getsource(Top).count("x = 1"), Inner(1).a]
    facts += [Row(2).n, __name__ in sys.modules, sys._getframe().f_lineno]

    assert facts == [True, 1, 1, 2, True, 33]
"""


def test_pickle_getsource_and_dataclasses_work_inside_a_koan_and_leave_no_module():
    koan = koan_of(TOOLS, "assert facts == __")
    line = line_of(TOOLS, "f_lineno")
    assert found(koan) == [True, 1, 1, 2, True, line]
    assert "koans.test_01_x" not in sys.modules


def test_a_module_of_that_name_is_there_again_afterwards(monkeypatch):
    monkeypatch.setitem(sys.modules, "koans.test_01_x", warnings)
    outcome_of(KOAN, "items.append(i)")
    assert sys.modules["koans.test_01_x"] is warnings


def test_tracebacks_show_the_text_that_ran_though_the_file_was_edited(tmp_path):
    """Line ends are those of Python: a form feed or U+2028 ends no line."""
    path = tmp_path / "test_01_x.py"
    mark = "# \x0c \u2028\n"
    text = mark + CODE.replace("items.append(i)", "items.append(1 / 0)")
    attempt = Work(KOAN.lesson, text.encode(), str(path)).attempt(KOAN)
    assert isinstance(attempt, Attempt)
    path.write_text("something\nelse\n" * 20)
    linecache.checkcache()
    error = run(attempt, {}, LIMITS).raised.error
    told = "".join(traceback.format_exception(error))
    assert "items.append(1 / 0)" in told and "something" not in told


# --------------------------------------------------------------------------- output


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_a_koan_prints_is_cut_and_counted(stream, monkeypatch):
    monkeypatch.setattr(sys, stream, here := io.StringIO())
    koan = prediction("say('a' * 30)\nsay('b' * 70, 'c' * 900)", "1")

    def say(*words):
        print(*words, sep="", end="", file=getattr(sys, stream))

    outcome_of(koan, "1", replace(LIMITS, characters=60), say=say)
    printed, _, rest = here.getvalue().partition("\n")
    assert printed == "a" * 30 + "b" * 30
    assert "940 characters more" in rest and "cut after 60" in rest
    assert getattr(sys, stream) is here


def test_what_a_koan_prints_within_the_limit_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", here := io.StringIO())
    outcome_of(prediction("print('é')\nprint(1, flush=True)", "1"), "1")
    assert here.getvalue() == "é\n1\n"


def test_a_stream_that_a_debugger_exchanged_is_left_to_it(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    debuggers = io.StringIO()
    koan = prediction("exchange()", "1")
    outcome_of(koan, "1", exchange=lambda: setattr(sys, "stdout", debuggers))
    assert sys.stdout is debuggers


def test_an_example_prints_and_warns_nothing_and_has_a_file_name_of_its_own(
    monkeypatch,
):
    monkeypatch.setattr(sys, "stdout", here := io.StringIO())
    text = CODE.replace("    items = []", "    print('given')\n    items = []")
    koan = koan_of(text, ASKS)
    work = Work(koan.lesson, text.encode())
    vars(work.module)["warn"] = warnings.warn
    example = work.example(koan, "print(i); items.append(i)\nwarn('so')")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = run(example, {}, LIMITS)
    assert outcome.raised is None and here.getvalue() == ""
    assert example.code.co_filename not in (work.path, str(koan.lesson.path))


# -------------------------------------------------------------------- global state


def test_what_the_course_keeps_is_put_back_however_a_koan_ends(monkeypatch):
    state = ["as it was"]

    @contextmanager
    def kept(course):
        before = list(state)
        try:
            yield
        finally:
            state[:] = before

    monkeypatch.setattr(type(COURSE), "kept", kept)
    koan = prediction("state.append(1)\nif ending: raise ending", "state")
    for ending in (None, ValueError(), SystemExit()):
        outcome_of(koan, "0", state=state, ending=ending)
        assert state == ["as it was"]
    with pytest.raises(KeyboardInterrupt):
        outcome_of(koan, "0", state=state, ending=KeyboardInterrupt())
    assert state == ["as it was"]


# ------------------------------------------------------------------------ alike

PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["a", ""])),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


BEGUN = outcome_of(KOAN, "items.append(i)")


def ended(checks, raised=None, skipped=None):
    return replace(BEGUN, checks=checks, raised=raised, skipped=skipped)


@quick
@given(st.lists(PLAIN, max_size=3), PLAIN, st.integers(0, 2))
def test_outcomes_are_alike_when_all_their_checks_found_the_same(values, other, at):
    outcome = ended(tuple(Check(i, value) for i, value in enumerate(values)))
    twin = ended(tuple(Check(i, v, "else", True) for i, v in enumerate(values)))
    assert outcome.alike(twin) and twin.alike(outcome)
    if at < len(values) and repr(values[at]) != repr(other):
        changed = [*values[:at], other, *values[at + 1 :]]
        checks = tuple(Check(i, value) for i, value in enumerate(changed))
        assert not outcome.alike(ended(checks))
    assert not outcome.alike(ended((*outcome.checks, Check(9, 1))))


def raised(kind: type[Exception], place: int, line: int = 1) -> Outcome:
    return ended((Check(0, 1),), Raised(kind("whatever"), line, place))


def test_what_raised_is_alike_by_its_type_and_place_and_not_by_its_words_or_line():
    one = raised(ValueError, 3)
    assert one.alike(raised(ValueError, 3, line=9))
    assert not one.alike(raised(TypeError, 3))
    assert not one.alike(raised(ValueError, 4))
    assert not one.alike(ended(one.checks))
    assert not ended(one.checks).alike(ended(one.checks, skipped="so"))


def test_limits_of_a_koan_are_generous_by_default():
    assert Limits(1.0).characters >= 10_000
