"""The soundness of the path: what is promised of every lesson and every koan."""

from __future__ import annotations

import ast
import doctest
import re
from collections import Counter

import pytest

from course import COURSE, KOANS, LESSONS, Koan, judged, load, mutants, same_code
from sensei import blanks, predictions
from sensei.blanks import Fill
from sensei.course import LessonFiles
from sensei.lesson import Given, Source
from sensei.notes import load as load_notes
from sensei.verdicts import Kind

# Marks that silence a koan's warnings are pytest's; these tests call koans directly.
pytestmark = pytest.mark.filterwarnings("ignore")

each_lesson = pytest.mark.parametrize("files", LESSONS, ids=lambda files: files.name)
each_koan = pytest.mark.parametrize("koan", KOANS, ids=lambda koan: koan.id)


def cases(texts):
    """Parameters for (koan, text): one of the texts that a koan has."""
    return [
        pytest.param(koan, text, id=f"{koan.id}-{number}")
        for koan in KOANS
        for number, text in enumerate(texts(koan), 1)
    ]


# ------------------------------------------------------------------- lessons


def test_the_same_lessons_on_both_sides():
    koans = {p.relative_to(COURSE.koans) for p in COURSE.koans.rglob("test_*.py")}
    solved = {
        p.relative_to(COURSE.solutions) for p in COURSE.solutions.rglob("test_*.py")
    }
    noted = {
        files.path.relative_to(COURSE.koans)
        for files in LESSONS
        if files.notes.exists()
    }
    assert koans == solved == noted


@each_lesson
def test_the_lesson_is_its_solution_with_the_fills_blanked(files: LessonFiles):
    """Letter by letter, so this also says: every koan here is untouched."""
    given = Given(Source.read(files.solution), load_notes(files.notes))
    assert files.path.read_text("utf-8") == given.text()


@each_lesson
def test_notes_and_koans_come_in_the_same_order(files: LessonFiles):
    solution = Source.read(files.solution)
    assert list(load_notes(files.notes).koans) == list(solution.koans)


@each_lesson
def test_the_lesson_teaches_before_it_asks(files: LessonFiles):
    """Its head is short, has a worked example, and the example is true."""
    module = load(files.solution)
    head = module.__doc__ or ""
    assert head.startswith(f"{files.number}  ")
    assert len(head.strip().splitlines()) <= 32
    [example] = doctest.DocTestFinder(recurse=False).find(module, "head")
    assert example.examples, "the lesson's head has no worked example"
    said: list[str] = []
    failed, _ = doctest.DocTestRunner().run(example, out=said.append)
    assert not failed, "".join(said)


@each_lesson
def test_lines_fit_a_terminal(files: LessonFiles):
    for line in files.solution.read_text("utf-8").splitlines():
        assert len(line) <= 88, line


def test_a_koan_has_one_name_on_the_whole_path():
    names = Counter(koan.note.name for koan in KOANS)
    assert [name for name, count in names.items() if count > 1] == []


# --------------------------------------------------------------- koans as given


@each_koan
def test_the_blank_stands_where_a_blank_may(koan: Koan):
    """One, in the body of the test; an assert of a plain form, or code."""
    function = koan.given.function(koan.note.name)
    [blank] = blanks.find_blanks(function)
    assert [argument.arg for argument in function.args.args] == ["device"]
    assert not any(blanks.find_blanks(node) for node in function.decorator_list)
    parents = {c: p for p in ast.walk(function) for c in ast.iter_child_nodes(p)}
    parent = parents[blank]
    if koan.note.is_prediction:
        if isinstance(parent, ast.Call):
            assert ast.unparse(parent) == "approx(__)"
            blank, parent = parent, parents[parent]
        assert isinstance(parent, ast.Compare) and parent.comparators == [blank]
        assert isinstance(parent.ops[0], ast.Eq)
        assert (
            isinstance(parents[parent], ast.Assert) and parents[parent] in function.body
        )
    else:
        allowed = ast.Assign | ast.If | ast.While | ast.Expr | ast.Call | ast.keyword
        assert isinstance(parent, allowed), f"an operand of {ast.unparse(parent)}"


@each_koan
def test_the_koan_untouched_is_blank(koan: Koan, tmp_path):
    verdict = judged(koan, koan.given.text(), tmp_path, "cpu")
    if verdict.kind is Kind.SKIPPED:
        pytest.skip(verdict.sentence)
    assert verdict.kind is Kind.BLANK


@each_koan
def test_the_koan_fits_the_eye(koan: Koan):
    function = koan.given.solution.koans[koan.note.name][0]
    docstring = (koan.given.solution.question(koan.note.name)).splitlines()
    assert 1 <= len(docstring) <= 5
    lines = (function.end_lineno or 0) - function.lineno - len(docstring)
    assert lines <= (32 if not koan.note.is_prediction else 24)


@each_koan
def test_what_it_asks_is_found_in_the_solution(koan: Koan):
    """Without any other copy at hand: so it works where solutions are withheld."""
    given = Given(Source(koan.solved), koan.given.notes)
    assert given.fill(koan.note.name).text == koan.solution


# ------------------------------------------------------------ answers to koans


@each_koan
def test_the_solution_passes(koan: Koan, tmp_path, device):
    verdict = judged(koan, koan.solved, tmp_path, device)
    assert verdict.kind in (Kind.PASSED, Kind.SKIPPED), verdict


@pytest.mark.parametrize(("koan", "fill"), cases(lambda koan: koan.note.also_right))
def test_what_is_also_right_passes(koan: Koan, fill: str, tmp_path):
    assert not same_code(fill, koan.solution), "that is the solution itself"
    verdict = judged(koan, koan.filled(fill), tmp_path, "cpu")
    assert verdict.kind in (Kind.PASSED, Kind.SKIPPED), verdict


def _mistakes(koan: Koan):
    return [(mistake.fill, mistake.says) for mistake in koan.note.mistakes]


@pytest.mark.parametrize(("koan", "mistake"), cases(_mistakes))
def test_a_named_mistake_fails_with_its_own_sentence(koan: Koan, mistake, tmp_path):
    fill, says = mistake
    verdict = judged(koan, koan.filled(without_dots(fill)), tmp_path, "cpu")
    if verdict.kind is Kind.SKIPPED:
        pytest.skip(verdict.sentence)
    assert verdict.kind in (Kind.WRONG, Kind.FAILED, Kind.ERROR), verdict
    assert says in verdict.sentence


def without_dots(fill: str) -> str:
    """An answer that fits a mistake's pattern: some number where any will do."""
    return re.sub(r"\.\.\.", "77.125", fill)


@each_koan
def test_the_notes_are_complete(koan: Koan):
    note = koan.note
    assert len(note.hints) == 3 and len(set(note.hints)) == 3
    assert len(note.mistakes) >= 2
    assert len({mistake.says for mistake in note.mistakes}) == len(note.mistakes)
    assert note.link.startswith("https://")


@pytest.mark.parametrize(
    ("koan", "fill"),
    cases(lambda koan: list(mutants(koan.solution)) if koan.has_statements else []),
)
def test_a_mutant_of_a_code_solution_fails(koan: Koan, fill: str, tmp_path):
    if any(same_code(fill, right) for right in koan.note.also_right):
        return
    verdict = judged(koan, koan.filled(fill), tmp_path, "cpu")
    assert verdict.kind in (Kind.FAILED, Kind.ERROR), f"{fill}\n\n{verdict}"


# ------------------------------------------------------------------ no spoilers

TOO_COMMON = (0, 1, 2, None, True, False)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w]|\.\d)")
GROUP = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}")


def spoils(text: str, koan: Koan) -> bool:
    """Whether a text contains the whole right answer of a koan."""
    if not koan.note.is_prediction:
        return squeezed(koan.solution) in squeezed(text)
    answer = ast.parse(koan.solution, mode="eval").body
    value = predictions.evaluate(answer, vars(load(koan.files.solution)))
    if isinstance(value, int | float | None) and value in TOO_COMMON:
        return False
    fill = Fill((answer,))
    pieces = NUMBER.findall(text) + GROUP.findall(text) + re.findall(r"`(.+?)`", text)
    return any(parses(piece) and blanks.alike(piece, fill) for piece in pieces)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def parses(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return "..." not in text and blanks.BLANK not in text


@each_koan
def test_nothing_gives_the_answer_away(koan: Koan):
    note = koan.note
    texts = {
        "name": note.name.replace("_", " "),
        "docstring": koan.given.solution.question(note.name),
        "asks": note.asks,
        "head": ast.get_docstring(ast.parse(koan.solved)) or "",
        **{f"hint {i}": hint for i, hint in enumerate(note.hints, 1)},
        **{f"mistake {i}": m.says for i, m in enumerate(note.mistakes, 1)},
    }
    assert [place for place, text in texts.items() if spoils(text, koan)] == []
