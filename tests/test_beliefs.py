"""Beliefs: which is told, when, and what of a world is left behind."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from sensei import beliefs
from sensei.beliefs import Belief, Sort
from sensei.check.lint import check_course, check_lesson
from sensei.timeline import unpack
from sensei.verdicts import Kind, Verdict
from sensei.watch.page import Page
from sensei.watchdog import Limits
from tiny import TinyCourse

WORLDS = """
from contextlib import contextmanager
from sensei.beliefs import Belief, Sort
from sensei.check.lint import check_course, check_lesson

LEFT = []


@contextmanager
def put(names, **new):
    names.update(new)
    try:
        yield
    finally:
        for name in new:
            del names[name]
        LEFT.append(sorted(new))


def no_copy(names):
    return put(names, list=lambda items: items)


def one_more(names):
    return put(names, len=lambda items: items.__len__() + 1)


def raises(names):
    def list(items):
        raise RuntimeError("a world that breaks")

    return put(names, list=list)


def hangs(names):
    def list(items):
        while True:
            pass

    return put(names, list=list)


def nothing(names):
    return put(names)


def negative(value):
    return [-n for n in value] if isinstance(value, list) else value


BELIEFS = [
    Belief("raises", "01", "list() raised", worlds=(raises,)),
    Belief("hangs", "01", "list() never came back", worlds=(hangs,), touches={"hang"}),
    Belief("nothing", "01", "nothing changed", worlds=(nothing,)),
    Belief("negative", "01", "all were negative", readings=(negative,),
           sort=Sort.READING),
    Belief("one more", "01", "len() counted from one", "test_a_sum",
           worlds=(one_more,)),
    Belief("no copy", "01", "list() gave a second name", "test_who_grew",
           worlds=(no_copy,)),
    Belief("later", "02", "it were the second lesson", worlds=(one_more,)),
]
"""


@pytest.fixture
def tiny(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> TinyCourse:
    tiny = TinyCourse.unpack(pytester, monkeypatch)
    (tiny.root / "worlds.py").write_text(WORLDS)
    settings = tiny.root / "pyproject.toml"
    settings.write_text(settings.read_text() + 'misconceptions = "worlds"\n')
    tiny.solve("test_a_sum")
    return tiny


def told(tiny: TinyCourse, fill: str, *options: str) -> Verdict:
    """The verdict on a fill of test_who_grew, which is right with [4, 4, 5]."""
    lesson = tiny.lesson("test_who_grew")
    lesson.path.write_text(lesson.pristine.text)
    tiny.solve("test_a_sum")
    tiny.fill("test_who_grew", fill)
    tiny.junit(*options)
    [verdict] = {tiny.told()[name] for name in tiny.told() if "who_grew" in name}
    return verdict


def test_a_wrong_prediction_is_told_the_belief_by_which_it_would_be_right(tiny):
    verdict = told(tiny, "[size + 2, size + 2, size + 2]")
    assert verdict.kind is Kind.WRONG
    assert verdict.sentence.startswith(
        "This would be right if list() gave a second name."
    )
    assert verdict.beliefs == ("list() gave a second name",)
    assert not verdict.mistake


def test_the_koan_to_look_at_is_told_where_it_comes_before(tiny):
    says = "This would be right if len() counted from one. See test_a_sum."
    assert says in told(tiny, "[size + 2, size + 2, size + 3]").sentence


def test_never_a_belief_whose_lesson_is_still_to_come(tiny):
    assert "it were the second lesson" not in told(tiny, "[9, 9, 9]").sentence
    verdict = told(tiny, "[size + 2, size + 2, size + 3]")
    assert verdict.beliefs == ("len() counted from one",)


def test_a_slip_of_reading_is_told_as_well(tiny):
    verdict = told(tiny, "[-1 - size, -1 - size, -2 - size]")
    assert verdict.sentence.startswith("This would be right if all were negative.")


def test_what_no_belief_explains_is_told_as_ever(tiny):
    verdict = told(tiny, "[77, 78, 79]")
    assert verdict.sentence == "None of the entries holds."
    assert not verdict.beliefs


def test_what_is_wrong_in_part_is_told_if_one_belief_alone_explains_it(tiny):
    verdict = told(tiny, "[size + 1, size + 1, size + 3]")
    assert verdict.sentence == (
        "What does not hold would be right if len() counted from one. See test_a_sum. "
        "Entry 3 does not hold."
    )
    ambiguous = told(tiny, "[size + 2, size + 1, size + 2]")
    assert ambiguous.sentence == "Entry 1 does not hold."
    assert not ambiguous.beliefs


def test_a_world_that_hangs_or_raises_is_passed_over(tiny, monkeypatch):
    monkeypatch.setattr(beliefs, "LONGEST", 0.2)
    text = WORLDS.replace('touches={"hang"}', 'touches={"list"}')
    (tiny.root / "worlds.py").write_text(text)
    verdict = told(tiny, "[size + 2, size + 2, size + 2]", "-p", "no:faulthandler")
    assert verdict.beliefs == ("list() gave a second name",)


def test_a_reading_that_raises_is_passed_over(tiny):
    text = WORLDS.replace("return [-n for n in value]", "return [n[0] for n in value]")
    assert text != WORLDS
    (tiny.root / "worlds.py").write_text(text)
    says = "if list() gave a second name"
    assert says in told(tiny, "[size + 2, size + 2, size + 2]").sentence


def test_nothing_is_told_of_an_answer_that_holds(tiny):
    verdict = told(tiny, "[size + 1, size + 1, size + 2]")
    assert verdict.kind is Kind.PASSED
    assert not verdict.beliefs


def test_both_stories_are_revealed_side_by_side(tiny):
    tiny.fill("test_who_grew", "[size + 2, size + 2, size + 2]")
    ran = tiny.run("--reveal")
    ran.says("in fact", "if so", "if so: list() gave a second name")
    marked = [
        line for line in ran.screen.splitlines() if "←" in line and "here" not in line
    ]
    assert len(marked) == 1
    assert "third" in marked[0]


def test_what_was_believed_travels_as_a_story(tiny):
    verdict = told(tiny, "[size + 2, size + 2, size + 2]", "--reveal")
    names = [event.name for event in unpack(verdict.believed)]
    assert "first" in names
    assert verdict.answer


def test_a_world_gets_the_names_of_the_lesson_and_puts_them_back(tiny):
    tiny.fill("test_who_grew", "[0, 0, 0]")
    work = tiny.work("test_who_grew")
    attempt = work.attempt(tiny.koan("test_who_grew"))
    before = dict(vars(work.module))
    [belief] = [b for b in work.lesson.course.beliefs if b.name == "no copy"]
    lived = beliefs.run_in(belief.worlds[0], attempt, {"size": 3}, Limits(5))
    assert lived.checks[0].found == [5, 5, 5]
    assert vars(work.module) == before


def test_letters_and_truth_values_are_told_only_of_their_own_lesson(tiny):
    koan = tiny.koan("test_same_or_equal")
    names = [belief.name for belief in beliefs.eligible(koan, [True, False, True])]
    assert "no copy" in names
    later = tiny.koan("test_counting_letters")
    assert [b.name for b in beliefs.eligible(later, [True, "A"])] == ["later"]
    assert "no copy" in [b.name for b in beliefs.eligible(later, [True, 1])]


def order(*given: Belief, here: str) -> list[str]:
    koan = SimpleNamespace(
        lesson=SimpleNamespace(
            number=here, course=SimpleNamespace(beliefs=given), pristine=None
        ),
        pristine=None,
    )
    return [belief.name for belief in beliefs.eligible(koan, [1.0])]  # type: ignore[arg-type]


def test_the_order_of_telling():
    given = (
        Belief("slip", "01", "", sort=Sort.READING),
        Belief("sum", "02", "", sort=Sort.ARITHMETIC),
        Belief("first", "01", ""),
        Belief("common", "01", "", common=True),
        Belief("second", "02", ""),
        Belief("here", "03", ""),
        Belief("next", "04", ""),
    )
    assert order(*given, here="03") == [
        "here",
        "common",
        "second",
        "first",
        "sum",
        "slip",
    ]


# ------------------------------------------------------------------------- watch


def saved(page: Page, koan: str, verdict: Verdict) -> None:
    run = SimpleNamespace(verdicts={koan: verdict}, koan=koan, code=0, sentence="")
    page.turn_to(run, [koan])  # type: ignore[arg-type]


def wrong(wrote: str, *says: str) -> Verdict:
    return Verdict(Kind.WRONG, wrote=wrote, beliefs=says)


def test_watch_says_when_a_second_answer_shares_a_belief(tiny):
    page = Page(tiny.course)
    saved(page, "koans/test_a.py::test_x", wrong("1", "it wiped", "it averaged"))
    assert not page.shared(wrong("1", "it wiped"))
    saved(page, "koans/test_a.py::test_x", wrong("1", "it wiped"))  # the same again
    assert not page.shared(wrong("1", "it wiped"))
    saved(page, "koans/test_a.py::test_y", wrong("2", "it averaged"))
    assert page.shared(wrong("2", "it averaged")) == (
        "That makes 2 answers that would be right if it averaged."
    )


# ------------------------------------------------------------------- sensei check


def to_mend(tiny: TinyCourse, worlds: str, lessons: int = 0) -> list[str]:
    """What is to be mended of the course, so many lessons of it being checked."""
    (tiny.root / "worlds.py").write_text(worlds)
    checked = [check_lesson(lesson) for lesson in tiny.course.lessons[:lessons]]
    return [str(finding) for finding in check_course(tiny.course, checked)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"list() raised"', '""', "raises: it has no name, or no sentence"),
        ('"list() raised"', '"it."', "raises: its sentence goes on behind it"),
        ("worlds=(hangs,)", "worlds=()", "hangs: it has neither a world nor a reading"),
        ('"hangs", "01"', '"raises", "01"', "raises: another one has its name"),
        ('"hangs", "01"', '"hangs", "07"', "hangs: there is no lesson 07"),
        ('"test_who_grew"', '"test_a_copy"', "test_a_copy is in no lesson up to 01"),
        ('"test_who_grew"', '"test_gone"', "test_gone is in no lesson up to 01"),
    ],
)
def test_what_is_to_be_mended_of_beliefs(author, old, new, said):
    assert any(said in finding for finding in to_mend(author, WORLDS.replace(old, new)))


def test_a_belief_that_no_koan_tells_apart(author):
    sound = WORLDS.replace(
        "def raises(names):\n",
        "def raises(names):\n    return put(names, sum=lambda _: 7)\n\n",
    )
    mend = [line for line in to_mend(author, sound, 1) if "no koan has" in line]
    assert any("nothing: no koan has an answer of its own" in line for line in mend)
    assert not any("raises" in line for line in mend)


def test_a_prediction_of_numbers_that_tells_no_two_beliefs_apart(author):
    to_mend(author, WORLDS)
    [lesson, *_] = author.course.lessons
    said = [str(finding) for finding in check_lesson(lesson).findings]
    assert any("[test_a_sum]: it has no different answers for two" in s for s in said)
    assert not any("test_who_grew" in one for one in said)
    assert not any("test_same_or_equal" in one for one in said)


# ----------------------------------------------------------------------- how it travels


def test_a_verdict_keeps_its_beliefs_on_the_way():
    verdict = wrong("1", "it wiped", "it averaged")
    assert Verdict.from_properties(verdict.properties()) == verdict
    assert json.loads(dict(verdict.properties())["sensei"])["beliefs"] == [
        "it wiped",
        "it averaged",
    ]
