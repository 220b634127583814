"""The soundness of the path: what is promised of every lesson and every koan.

One test a lesson; each tells all the koans of it that do not keep a promise.
"""

from __future__ import annotations

import ast
import doctest
import functools
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from outcomes import groups
from sensei import blanks, comparing, judge, partial, predictions
from sensei.attempt import Attempt
from sensei.lesson import Koan, Lesson, find_fill, functions
from sensei.notes import check
from sensei.source import parse
from sensei.verdicts import Kind
from sensei.work import Work
from this_course import (
    COURSE,
    KOANS,
    LESSONS,
    LIMITS,
    decided,
    filled,
    is_code,
    judged,
    mutants,
    same_code,
    solved,
)

# Marks that silence a koan's warnings are pytest's; these tests call koans directly.
pytestmark = pytest.mark.filterwarnings("ignore")

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda one: one.name)
WRONG = (Kind.WRONG, Kind.FAILED, Kind.ERROR, Kind.REFUSED)
RIGHT = (Kind.PASSED, Kind.SKIPPED)
ARGUMENTS = {"device": "cpu"}


def each_koan(faults: Callable[[Koan], Iterator[str]]) -> Callable[..., None]:
    """A test of each lesson from the faults of a koan."""

    @each_lesson
    @functools.wraps(faults, assigned=("__name__", "__doc__", "__module__"))
    def test(lesson: Lesson) -> None:
        told = [
            f"{k.name}: {said}" for k in lesson.koans.values() for said in faults(k)
        ]
        assert told == [], "\n".join(["", *told])

    del test.__wrapped__  # pytest would ask it for its parameters
    return test


# ------------------------------------------------------------------------- lessons


def test_the_same_lessons_on_all_three_sides():
    def names(folder, end):
        return {p.relative_to(folder).stem for p in folder.rglob(f"test_*.{end}")}

    assert names(COURSE.koans, "py") == {lesson.name for lesson in LESSONS}
    assert names(COURSE.solutions, "py") == names(COURSE.notes, "toml")


@each_lesson
def test_the_lesson_is_its_solution_with_the_fills_blanked(lesson: Lesson):
    """Letter by letter, so this also says: every koan here is untouched."""
    assert lesson.path.read_text("utf-8") == lesson.pristine.text


@each_lesson
def test_notes_are_sound_and_come_in_the_order_of_the_koans(lesson: Lesson):
    order = list(functions(parse(lesson.pristine.solution).body))
    assert list(check(lesson.notes_path).koans) == order


@each_lesson
def test_the_lesson_teaches_before_it_asks(lesson: Lesson):
    """Its head is short, has a worked example, and the example is true."""
    module = Work(lesson, lesson.pristine.solution.encode()).module
    head = ast.get_docstring(parse(lesson.pristine.solution)) or ""
    assert head.startswith(f"{lesson.number}  ")
    assert len(head.strip().splitlines()) <= 32
    example = doctest.DocTestParser().get_doctest(head, vars(module), "head", "", 0)
    assert example.examples, "the lesson's head has no worked example"
    said: list[str] = []
    failed, _ = doctest.DocTestRunner().run(example, out=said.append)
    assert not failed, "".join(said)


@each_lesson
def test_lines_fit_a_terminal(lesson: Lesson):
    lines = lesson.pristine.solution.splitlines()
    assert [line for line in lines if len(line) > 88] == []


def test_a_koan_has_one_name_on_the_whole_path():
    names = Counter(koan.name for koan in KOANS)
    assert [name for name, count in names.items() if count > 1] == []


# ------------------------------------------------------------------- koans as given


@each_koan
def test_the_blank_stands_where_a_blank_may(koan: Koan) -> Iterator[str]:
    """One, in the body of the test; what an assert is compared with, or code."""
    function = koan.pristine
    [blank] = blanks.find_blanks(function)
    parents = {c: p for p in ast.walk(function) for c in ast.iter_child_nodes(p)}
    above: list[ast.AST] = [blank]
    while above[-1] is not function:
        above.append(parents[above[-1]])
    if [argument.arg for argument in function.args.args] != ["device"]:
        yield "has another parameter than device"
    if any(blanks.find_blanks(node) for node in function.decorator_list):
        yield "has a blank in a decorator"
    kinds = [type(node) for node in above[1:-1]]
    if is_code(koan):
        allowed = ast.Assign | ast.If | ast.While | ast.Expr | ast.Call | ast.keyword
        if not isinstance(above[1], allowed):
            yield f"has its blank in an operand: {ast.unparse(above[1])}"
    elif isinstance(above[1], ast.Call):
        if ast.unparse(above[1].func) != "approx" or above[1].args != [blank]:
            yield f"has its blank in {ast.unparse(above[1])}"
        kinds = kinds[1:]
    if not is_code(koan) and kinds != [ast.Compare, ast.Assert]:
        yield "has its blank elsewhere than in a check of its body"


@each_koan
def test_checks_stand_directly_in_the_body_and_compare_once(koan: Koan):
    attempt = solution_of(koan)
    if not is_code(koan):
        [form] = attempt.forms  # the one with the blank
        if form.op != "==" or form.statement.msg:
            yield f"asks with {form.op}, or has a message"
        return
    found = [n for n in ast.walk(koan.pristine) if isinstance(n, ast.Assert)]
    if len(found) != len(attempt.forms) or not found:
        yield f"has {len(found)} asserts, and {len(attempt.forms)} are checks"
    for form in attempt.forms:
        if not form.op or form.statement.msg:
            yield f"`{form.asks}` compares nothing, or has a message"


@each_koan
def test_the_koan_fits_the_eye(koan: Koan):
    docstring = koan.question.splitlines()
    if not 1 <= len(docstring) <= 5:
        yield f"its question has {len(docstring)} lines"
    [function] = functions(parse(solved(koan)).body)[koan.name]
    lines = (function.end_lineno or 0) - function.lineno - len(docstring)
    if lines > (32 if is_code(koan) else 24):
        yield f"it has {lines} lines"


@each_koan
def test_what_it_asks_is_found_without_its_solution(koan: Koan):
    """So it works where solutions are withheld."""
    body = parse(solved(koan)).body
    [function] = functions(body)[koan.name]
    if (
        find_fill(koan.note, function, koan.lesson.pristine.helpers).text
        != koan.solution.text
    ):
        yield "another fill is found"


@each_koan
def test_the_koan_untouched_is_blank(koan: Koan):
    verdict, _ = decided(koan, koan.lesson.pristine.text)
    if verdict.kind is not Kind.BLANK:
        yield str(verdict)


# --------------------------------------------------------------------------- answers


def solution_of(koan: Koan) -> Attempt:
    attempt = Work(koan.lesson, solved(koan).encode()).attempt(koan)
    assert isinstance(attempt, Attempt), attempt
    return attempt


PLAIN = (int, float, str, torch.dtype, type(None))


def is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(is_plain, [*value.keys(), *value.values()]))
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, PLAIN)


@each_lesson
def test_the_solution_passes_and_its_checks_find_what_is_plain(lesson: Lesson, device):
    """Plain values are kept as they were, and can be written down and compared."""
    for koan in lesson.koans.values():
        verdict, outcome = decided(koan, solved(koan), device)
        assert verdict.kind in RIGHT, f"{koan.name}: {verdict}"
        found = [check.found for check in outcome.checks] if outcome else []
        assert is_plain(found), f"{koan.name}: {found}"


@each_koan
def test_what_is_also_right_passes(koan: Koan):
    if koan.note.also_right and not is_code(koan):
        yield "also_right is for code; a prediction is compared by its value"
    for fill in koan.note.also_right:
        if same_code(fill, koan.solution.text):
            yield f"{fill}: that is the solution itself"
        if (verdict := judged(koan, fill)).kind not in RIGHT:
            yield f"{fill}: {verdict}"


@each_koan
def test_a_mutant_of_a_code_solution_fails_or_is_also_right(koan: Koan):
    if not is_code(koan) or koan.solution.is_expression:
        return
    for fill in mutants(koan.solution.text):
        if not any(same_code(fill, right) for right in koan.note.also_right):
            verdict = judged(koan, fill)
            if verdict.kind not in (Kind.FAILED, Kind.ERROR, Kind.REFUSED):
                yield f"{fill}\n{verdict}"


# -------------------------------------------------------------- a tuple for a list


def tupled(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(tupled, value))
    if isinstance(value, dict):
        return {key: tupled(item) for key, item in value.items()}
    return value


def spoiled(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The value with one of its entries wrong, and what that entry is called."""
    if isinstance(value, dict):
        for key in value:
            for inner, item in spoiled(value[key], f'"{key}"'):
                yield inner, {**value, key: item}
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            below = f"{i + 1} of {name}" if name[:1] == '"' else f"{name}.{i + 1}"
            for inner, other in spoiled(item, below.lstrip(".")):
                yield inner, (*value[:i], other, *value[i + 1 :])
    elif isinstance(value, bool):
        yield name, not value
    else:
        yield name, 77.125


def guessable(value: Any) -> bool:
    if isinstance(value, list | tuple | dict):
        return all(map(guessable, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool | str)


@each_koan
def test_a_tuple_is_as_good_as_a_list_and_wrong_entries_are_named(koan: Koan):
    if is_code(koan) or not isinstance(koan.solution.nodes[0], ast.List | ast.Dict):
        return
    value = solution_of(koan).prediction(ARGUMENTS)
    verdict, outcome = decided(koan, filled(koan, predictions.as_text(tupled(value))))
    if verdict.kind not in RIGHT:
        yield f"{tupled(value)}: {verdict}"
    if not outcome or isinstance(value, list) and len(value) == 1:
        return
    tolerance = solution_of(koan).forms[0].tolerance
    for name, wrong in spoiled(tupled(value)):
        said = partial.which_hold(outcome.checks[0].found, wrong, tolerance)
        expected = f"Entry {name} does not hold."
        if guessable(value):
            count = len(list(spoiled(value)))
            expected = f"{count - 1} of the {count} entries hold, each in its place."
        if not said.startswith(expected):
            yield f"{wrong}: {said}"


# -------------------------------------------------------------------------- mistakes


@each_koan
def test_the_notes_are_complete(koan: Koan):
    note = koan.note
    if len(set(note.hints)) < 3:
        yield "a hint is there twice"
    if len(note.mistakes) < 2:
        yield "there are fewer than two mistakes"
    for says, count in Counter(mistake.says for mistake in note.mistakes).items():
        examples = [m for m in note.mistakes if m.says == says and not m.spelled]
        if count > max(1, len(examples) if is_code(koan) else 1):
            yield f"one sentence for {count} mistakes: {says} (put them in fills)"
    if not note.link.startswith("https://"):
        yield f"its link is {note.link}"


@each_koan
def test_a_named_mistake_fails_with_its_own_sentence(koan: Koan):
    """A pattern is tried with some number wherever anything will do."""
    for mistake in koan.note.mistakes:
        for fill in mistake.fills:
            verdict = judged(koan, fill.replace("...", "77.125"))
            if verdict.kind is Kind.SKIPPED:
                continue
            if verdict.kind not in WRONG or mistake.says not in verdict.sentence:
                yield f"{fill}\n  wants: {mistake.says}\n  {verdict}"


code = [koan for koan in KOANS if is_code(koan)]
code_lessons = pytest.mark.parametrize(
    "lesson",
    [one for one in LESSONS if any(k.lesson is one for k in code)],
    ids=lambda one: one.name,
)


@code_lessons
def test_of_mistakes_that_end_alike_one_speaks_for_all(lesson: Lesson):
    """The others are said to their own spelling: who ends so is told what is true."""
    faults = []
    for koan in filter(is_code, lesson.koans.values()):
        faults += [
            f"{koan.name}: {mistake.fill}: a pattern can only be spelled"
            for mistake in koan.note.mistakes
            if "..." in mistake.fill and not mistake.spelled
        ]
        for outcome, members in groups(koan):
            speaking = [mistake.fill for mistake in members if not mistake.spelled]
            if len(speaking) != 1:
                found = [check.found for check in outcome.checks]
                fills = [mistake.fill for mistake in members]
                faults.append(f"{koan.name}: {speaking} speak for {fills}: {found}")
    assert faults == [], "\n".join(["", *faults])


def respelled(koan: Koan, fill: str) -> Iterator[str]:
    """The same code spelled in two other ways."""
    if koan.solution.is_expression:
        yield f"[{fill}][0]"
        yield f"({fill}) if True else None"
    else:
        lines = textwrap.indent(fill.strip(), "    ")
        yield f"if True:\n{lines}"
        yield f"try:\n{lines}\nfinally:\n    pass"


@code_lessons
def test_any_spelling_of_a_mistake_gets_its_sentence(lesson: Lesson):
    """What mistakes come to is found out once, for one work."""
    faults = []
    for koan in filter(is_code, lesson.koans.values()):
        work = Work(lesson, lesson.pristine.solution.encode())
        speaking = [m for m in koan.note.mistakes if not m.spelled]
        for mistake in speaking:
            for fill in respelled(koan, mistake.fill):
                example = work.example(koan, fill)
                verdict, _ = judge.decide(example, ARGUMENTS, LIMITS)
                brackets = "alone calls nothing" in verdict.sentence  # the engine's
                if mistake.says not in verdict.sentence and not brackets:
                    faults.append(f"{koan.name}: {fill}\n  {verdict}")
        assert speaking, koan.name
    assert faults == [], "\n".join(["", *faults])


# ----------------------------------------------------------------------- no spoilers

TOO_COMMON = (0, 1, 2, None, True, False)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w]|\.\d)")
GROUP = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}")


def spoils(text: str, koan: Koan, value: Any) -> bool:
    """Whether a text contains the whole right answer of a koan."""
    if is_code(koan):
        return squeezed(koan.solution.text) in squeezed(text)
    if isinstance(value, int | float | None) and value in TOO_COMMON:
        return False
    pieces = NUMBER.findall(text) + GROUP.findall(text) + re.findall(r"`(.+?)`", text)
    return any(comes_to(piece, value) for piece in pieces)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def comes_to(text: str, value: Any) -> bool:
    try:
        node = ast.parse(text, mode="eval").body
        return comparing.same(value, predictions.evaluate(node, {"torch": torch}))
    except (SyntaxError, predictions.Refused):
        return False


@each_koan
def test_nothing_gives_the_answer_away(koan: Koan):
    note = koan.note
    value = None if is_code(koan) else solution_of(koan).prediction(ARGUMENTS)
    texts = {
        "name": note.name.replace("_", " "),
        "question": koan.question,
        "asks": note.asks,
        "head": ast.get_docstring(parse(solved(koan))) or "",
        **{f"hint {i}": hint for i, hint in enumerate(note.hints, 1)},
        **{f"mistake {i}": m.says for i, m in enumerate(note.mistakes, 1)},
    }
    yield from (place for place, text in texts.items() if spoils(text, koan, value))
