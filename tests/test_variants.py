"""Koans with other numbers: what may change in them, and which are sound."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one_lesson import COURSE, LIMITS, koan_of
from sensei import beliefs, drawing, literals, variants
from sensei.drawing import draw, text_of, variant, why_not
from sensei.lesson import Koan
from sensei.listed import ListError
from sensei.roles import PLAIN, Roles
from sensei.variants import Trial, find, is_alike, keeps_apart
from slopes import add_slopes
from this_course import KOANS

quick = settings(max_examples=40, deadline=None, database=None)
seeds = st.integers(0, 10**9)

HELPER = "def leaf(number, can_move):\n    return number\n\n\n"


def prediction(body: str, asked: str, question: str = "", **more) -> Koan:
    doc = f'    """{question}"""\n' if question else ""
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    text = f"{HELPER}def test_it():\n{doc}{lines}\n    assert {asked} == 0\n"
    return koan_of(text, f"assert {asked} == __", **more)


THREE = prediction(
    "p = leaf(3.0, can_move=True)\n"
    "slate = 0.0\n"
    "for slope in (1.0, 4.0):\n"
    "    for _ in range(2):\n"
    "        slate += slope * p",
    "[slate, 2 * slate, len(range(4))]",
    "p is 3. Its slopes are 1 and 4, two times each.\n    What is found?",
)


def numbers(text: str) -> list[float]:
    return [literal.size for literal in literals.read(text).numbers]


def roles(body: str, question: str = "", pins=()) -> dict[float, str]:
    """What each number of a koan does, by the number."""
    koan = prediction(body, "found", question)
    read = literals.read(text_of(koan), pins, COURSE.roles)
    return {literal.size: literal.role for literal in read.numbers}


# ------------------------------------------------------------------------ drawing


@quick
@given(seeds)
def test_the_same_seed_gives_the_same_text(seed):
    assert draw(THREE, seed) == draw(THREE, seed)


def test_a_draw_is_the_same_in_every_python_and_at_all_times():
    """Files that were given out hold seeds: what they mean may never change."""
    text = draw(THREE, 7)
    assert text and numbers(text) == [4, 0, 2, 4, 2, 2, 4]


@quick
@given(seeds)
def test_nothing_but_numbers_changes_and_all_stays_in_its_place(seed):
    text = draw(THREE, seed)
    if text is None:
        return
    blanked = [re.sub(r"\d+(\.\d+)?", "#", t) for t in (text, text_of(THREE))]
    assert blanked[0] == blanked[1]
    assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(text_of(THREE)))


@quick
@given(seeds)
def test_counts_are_pinned_and_the_docstring_follows(seed):
    text = draw(THREE, seed)
    if text is None:
        return
    assert "range(2)" in text and "range(4)" in text
    start = re.search(r"leaf\((\d+)\.0", text)
    slopes = re.search(r"in \((\d+)\.0, (\d+)\.0\)", text)
    assert start and slopes
    assert f"p is {start[1]}. Its slopes are {slopes[1]} and {slopes[2]}, two" in text


@quick
@given(seeds)
def test_the_order_of_numbers_is_kept(seed):
    body = "found = [leaf(0.5, can_move=True) - 0.75, 0.25 - 1.5, 0.5 - 0.75]"
    koan = prediction(body, "found")
    text = draw(koan, seed)
    if text is not None:
        sizes = [size for size in numbers(text) if size]
        before = [size for size in numbers(text_of(koan)) if size]
        assert [sizes.index(x) for x in sizes] == [before.index(x) for x in before]
        assert sorted(range(6), key=sizes.__getitem__) == sorted(
            range(6), key=before.__getitem__
        )


@pytest.mark.parametrize(
    ("body", "size", "role"),
    [
        ("p = leaf(3.0, can_move=True)\nfound = p", 3, "place"),
        ("found = f(x)[7 * k]", 7, ""),
        ("found = [x**7, x * 1]", 7, ""),
        ("for i in range(7): found = i", 7, ""),
        ("found = (x - 1) / 7 if f(k=7) else 0", 7, ""),
        ("found = x / 8", 8, "divisor"),
        ("found = walk([p], rate=0.25, eps=0.5)", 0.25, "rate"),
        ("found = walk([p], rate=0.25, eps=0.5)", 0.5, ""),
        ("found = p - 0.125 * p.pull", 0.125, "rate"),
        ("found = clip([p], at_most=5.0)", 5, "limit"),
        ("found = -7 * x", 7, "factor"),
        ("found = [0, 0, 7]", 7, ""),
        ("found = [0, 0.5, 7]", 7, "data"),
        ("for slope in (7, 1): found = slope * x", 7, "data"),
        ("for slope in (7, 1): found = slope", 7, ""),
        ("found = x if 7.0 * x > 7.0 else 0", 7, ""),
        ("found = 2048.0 * x", 2048, ""),
    ],
)
def test_what_a_number_does(body, size, role):
    assert roles(body)[size] == role


def test_a_course_says_which_names_have_numbers_that_stay(tiny):
    add_slopes(tiny)
    path = tiny.root / "solutions" / "test_04_slopes.py"
    path.write_text(path.read_text().replace("p = 6.0", "p = twice(6.0)"))

    koan = tiny.koan("test_review_of_all")
    assert why_not(koan) == "" and "twice(6.0)" not in (draw(koan, 1) or "")
    (tiny.root / "roles.toml").write_text('counting = ["twice"]\n')
    assert why_not(tiny.koan("test_review_of_all")) == "no number in it may change"


def test_a_course_without_roles_has_those_of_plain_python(tiny):
    assert tiny.course.roles.rates == {"rate"}
    assert tiny.course.roles.counting == PLAIN.counting | {"repeat"}
    settings = tiny.root / "pyproject.toml"
    settings.write_text(settings.read_text().replace('roles = "roles.toml"\n', ""))
    assert tiny.course.roles == PLAIN
    (tiny.root / "roles.toml").unlink()
    tiny.run("--hint").says("next")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rates = 'rate'", "rates: should be a list of names"),
        ("rates = ['a rate']", "rates: 'a rate' can't be listed"),
        ("starts = [1]", "starts: 1 can't be listed"),
        ("rate = []", "does not know rate"),
        ("rates = [", "Invalid value (at end of document)"),
    ],
)
def test_roles_that_cannot_be_used_say_why(text, fault, tmp_path):
    path = tmp_path / "roles.toml"
    path.write_text(text)
    with pytest.raises(ListError) as caught:
        Roles.load(path)
    assert str(path) in str(caught.value) and fault in str(caught.value)


def test_what_is_counted_in_words_is_pinned_and_a_fraction_as_well():
    body = "found = [4 * x, x / 2, walk(rate=0.5)]"
    assert roles(body) == {4: "factor", 2: "divisor", 0.5: "rate"}
    assert roles(body, "Four things, each of them halved.")[4] == ""
    assert roles(body, "Four things, each of them halved.")[2] == ""
    assert roles(body, "Four things, each of them halved.")[0.5] == ""


def test_notes_pin_numbers_and_opt_out():
    body = "found = [4 * x, 3 * x]"
    koan = prediction(body, "found", pins=(4.0,))
    assert all("4 * x" in (draw(koan, seed) or "4 * x") for seed in range(20))
    assert why_not(prediction(body, "found", numbers=False)) == "its notes opt out"
    assert draw(prediction(body, "found", numbers=False), 1) is None


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("It comes to 8.", "its question has a number that is not in its code"),
        ("Four of them leave 3 behind.", "its question tells a result"),
        ("The loop of the koan above.", "its question is about another koan's numbers"),
        ("It is 3, and 1e-4 more.", "its question has a power of ten"),
        ("It is 3. (The slope of x**2 is 2 * x.)", ""),
        ("It was 3 in lesson 02.", ""),
    ],
)
def test_a_question_that_would_not_be_true_any_more_opts_out(question, why):
    assert why_not(prediction("found = [3.0 * x]", "found", question)) == why


def test_code_has_no_numbers_of_its_own():
    koan = koan_of("def test_it():\n    x = 3.0\n    assert x == 3.0\n", "x = __")
    assert why_not(koan) == "it asks for code" and draw(koan, 1) is None


def test_a_comment_with_numbers_in_it_is_left_out():
    koan = prediction("found = [3.0 * 5.0]  # 3 * 5", "found")
    texts = [draw(koan, seed) for seed in range(5)]
    assert any(texts) and not any("#" in text for text in texts if text)


# --------------------------------------------------------------------- what is said


def test_what_quotes_the_original_is_not_said():
    koan = prediction("found = [3.0 + 5.0]", "found", because="3 and 5 make 8.")
    told = variant(koan, draw(koan, 1) or "").note
    assert told.because == "That is right, for the same reason as in lesson 01."
    assert told.mistakes == () and told.hints == koan.note.hints


def test_what_holds_of_all_numbers_is_said():
    koan = prediction("found = [3.0 + 5.0]", "found", because="Plus adds.")
    assert variant(koan, draw(koan, 1) or "").note.because == "Plus adds."


def test_a_hint_with_numbers_of_the_original_says_where_it_belongs():
    koan = prediction("found = [3.0 + 5.0]", "found")
    note = replace(koan.note, hints=("3 and then?", "Of 7, say.", "c"))
    koan = Koan(koan.lesson, note, koan.pristine, koan.solution)
    text = next(filter(None, (draw(koan, seed) for seed in range(9))))
    told = variant(koan, text).note.hints
    assert told[0] == "This hint is about the koan as it is in lesson 01."
    assert told[1:] == ("Of 7, say.", "c")


# -------------------------------------------------------------------------- finding


def test_find_gives_another_answer_of_the_same_shape():
    seed = find(THREE, 0, {}, LIMITS)
    assert seed is not None
    text = draw(THREE, seed)
    assert text
    answer = variants.answer_of(THREE, text, {}, LIMITS)
    assert answer[2] == 4 and answer[1] == 2 * answer[0] != 60


def test_where_the_answer_is_no_number_nothing_is_found():
    assert find(prediction("found = [3.0 * 2.0 > 1]", "found"), 0, {}, LIMITS) is None
    assert find(prediction("found = 3.0 * 0", "found"), 0, {}, LIMITS) is None


def test_a_koan_that_fails_with_every_other_number_has_no_variant():
    body = "x = 3.0\nfound = {'3.0': 5}[str(x)]"
    assert find(prediction(body, "found"), 0, {}, LIMITS, tries=9) is None


@pytest.mark.parametrize(
    ("before", "after", "is_sound"),
    [
        ([1.0, 2.0], [3.0, 4.0], True),
        ([1.0, 2.0], [1.0, 2.0], False),
        ([1.0, 2.0], [3.0], False),
        ([1.0, 2.0], [3.0, 3.0], False),
        ([2.0, 2.0], [3.0, 4.0], False),
        ([1.0, None], [3.0, None], True),
        ([1.0, None], [3.0, 4.0], False),
        ([1.0, True], [3.0, False], False),
        ([1.0, 0.0], [3.0, 0.0], True),
        ([1.0, 2.0], [3.0, 0.0], False),
        ([1.0, 0.0], [3.0, -0.0], False),
        ([1.0], [float("nan")], False),
        ([1.0], [201.0], False),
        ([512.0], [384.0], True),
        ([1.0], [0.1], False),
        ([1.0], [12.375], False),
        ({"p": 1.0}, {"p": 2.0}, True),
        ({"p": 1.0}, {"q": 2.0}, False),
    ],
)
def test_which_answers_are_of_the_same_shape(before, after, is_sound):
    assert is_alike(before, after, is_exact=True) == is_sound


def test_a_tolerance_lets_tenths_in_but_no_thirds():
    assert is_alike(0.6, 0.2000000476837, is_exact=False)
    assert not is_alike(0.6, 1 / 3, is_exact=False)


def trial(answer: float, **beliefs: float) -> Trial:
    return Trial(answer, {(name, 0): value for name, value in beliefs.items()})


def test_beliefs_that_were_told_apart_have_to_be():
    before = trial(1.0, replaces=2.0, averages=3.0, twice=3.0)
    assert keeps_apart(before, trial(5.0, replaces=6.0, averages=7.0, twice=8.0))
    assert keeps_apart(before, trial(5.0, replaces=6.0, averages=7.0, twice=7.0))
    assert not keeps_apart(before, trial(5.0, replaces=5.0, averages=7.0, twice=8.0))
    assert not keeps_apart(before, trial(5.0, replaces=7.0, averages=7.0, twice=8.0))
    assert not keeps_apart(before, trial(5.0, replaces=6.0))
    assert keeps_apart(trial(1.0), trial(5.0, replaces=6.0))


@quick
@given(seeds)
def test_a_variant_of_this_course_tells_the_same_beliefs_apart(seed):
    [koan] = [k for k in KOANS if k.name == "test_a_log_of_three_passes"]
    arguments = {"device": "cpu"}
    found = find(koan, seed, arguments, LIMITS)
    assert found is not None
    trials = []
    for text in (text_of(koan), draw(koan, found) or ""):
        outcome = variants.outcome_of(koan, text, arguments, LIMITS)
        assert outcome
        outcome.attempt.work.outcomes.clear()
        told = beliefs.believed(outcome)
        trials.append({str(b.value): b.belief.name for b in told if b.world})
    assert len(trials[1]) >= len(trials[0]) > 2


def test_a_lesson_without_its_solution_has_none():
    koan = prediction("found = [3.0 + 5.0]", "found")
    alone = Koan(koan.lesson, koan.note)
    assert drawing.why_not(alone) and find(alone, 0, {}, LIMITS) is None
