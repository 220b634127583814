"""A learner's feedback: as a page, as comments in a .py, as text."""

from __future__ import annotations

import ast
import io
import re
import tokenize

import pytest

from browser import MISSING, Browser
from made_class import HOSTILE, MAIN, Made, an_assignment, made_class
from sensei.grading.handins import HandIn, Platform
from sensei.grading.out import pages
from sensei.grading.overrides import Override
from tags import Tags, needs_nothing

pytest.importorskip("jinja2")


@pytest.fixture
def made() -> Made:
    return Made(an_assignment("01 one two", "02 three four", "03 five"))


def page_of(made: Made, **options) -> str:
    book = made.gradebook(**options)
    return pages.page(book, book.records[0])


def all_forms(made: Made, **options) -> list[str]:
    """The text of the page, and the file of comments; without their folds."""
    book = made.gradebook(**options)
    comments = pages.comments(book, book.records[0])
    plain = " ".join(re.sub(r"^# ?", "", comments, flags=re.M).split())
    return [Tags(page_of(made, **options)).text, plain]


# ------------------------------------------------------------------ what it tells


def test_what_is_not_right_comes_first_with_question_diagnosis_and_hint():
    made = Made()
    koan = made.assignment.koans[3]
    wrong = made.answer(koan.name, "wrong", "[7, 8]", "You took `p` for its slate.")
    made.learner("ann", {koan.name: wrong})
    most = len(made.places)
    for text in all_forms(made):
        parts = [
            " ".join(koan.question.split())[:60],
            " ".join(koan.note.asks.split())[:20],
            "[7, 8]",
            "for its slate.",
            koan.note.hints[0][:40],
        ]
        places = [text.index(part) for part in parts]
        assert places == sorted(places), text[:1500]
        assert "ann" in text and f"{most - 1} of {most} points" in text
    page = Tags(page_of(made)).text
    assert page.index("Not right: 1") < page.index(
        f"{most - 1} of {most} koans are right"
    )


def test_what_was_right_is_one_line(made):
    made.learner("ann", {"four": made.answer("test_four", "blank")})
    for text in all_forms(made):
        line = "4 of 5 koans are right: all of 01, 03; 1 of 2 in 02."
        assert text.count(line) == 1
        assert "one" not in re.sub(r"\bnone\b", "", text.replace(line, ""))


def test_a_blank_has_its_question_and_a_hint(made):
    made.learner("ann", {"two": made.answer("test_two", "blank")})
    for text in all_forms(made):
        assert "assert two ==" in text and "Hint of two." in text
        assert re.search(r"left blank(: 1| \(1\))", text, re.I)


def test_lessons_that_were_not_handed_in(made):
    made.learner("ann", absent=["02"])
    for text in all_forms(made):
        assert "02 l02" in text and "3 of 5 points" in text
        assert "assert three" not in text and "Not right" not in text


def test_late_overrides_exclusions_and_remarks(made):
    hand_in = HandIn("k", "ann", Platform.CANVAS, late=True)
    wrong = made.answer("test_two", "wrong", "7")
    remarks = ["lesson 01 is there more than once: a.py counts"]
    made.learner("ann", {"two": wrong}, hand_in=hand_in, remarks=remarks, changed={0})
    given = [Override("ann", "two", 1, "the question was unclear")]
    for text in all_forms(made, given=given, exclude=["five"]):
        assert re.search("handed in late", text, re.I)
        assert "4 of 4 points" in text
        assert re.search("two ?[:,] 1 of 1 points[:.] the question was unclear", text)
        assert "Lesson 01 is there more than once: a.py counts." in text
        assert "Changed outside the blank, graded as given: one." in text
        assert "Taken out for everyone: test_five." in text


def test_a_lesson_that_can_not_be_read_is_said_once(made):
    says = "Line 3 can't be read: an indent is missing."
    names = ("one", "two", "three")
    made.learner("ann", {n: made.answer(f"test_{n}", "error", "", says) for n in names})
    for text in all_forms(made):
        assert text.count(says) == 2, "of lesson 01, and of a koan of 02"
        assert "all of it" in text and "three" in text and "one, two" not in text
        assert re.search(r"not right(: 3| \(3\))", text, re.I)


def test_code_that_ran_and_raised_is_not_said_to_be_unjudged(made):
    made.learner("ann", {"one": made.answer("test_one", "error", "f()", "f() raises.")})
    for text in all_forms(made):
        assert "did not work" in text and "judged" not in text


def test_what_counts_for_nobody_is_said(made):
    made.learner("ann", {"one": made.answer("test_one", "ungraded", "f()")})
    for text in all_forms(made, skipped={1}):
        assert "The grader failed here" in text and "Can't run where" in text
        assert "3 of 3 points" in text


def test_nothing_of_markdown_is_escaped(made):
    """Case 41: `step\\(\\)` and `test\\_review` on the screen."""
    says = "`step()` reads [p.grad] * 2: see test_review_one."
    made.learner("ann_b", {"one": made.answer("test_one", "wrong", "a_b * [1]", says)})
    page, comments = all_forms(made)
    assert "step() reads [p.grad] * 2: see test_review_one." in page
    assert "<code>step()</code>" in page_of(made)
    assert says in comments
    for text in (page, comments):
        assert "\\" not in text and "ann_b" in text and "a_b * [1]" in text


def test_a_hand_in_that_could_not_be_read(made):
    made.learner("ann", absent=["01", "02", "03"], problem="an empty zip")
    for text in all_forms(made):
        assert "It could not be read: an empty zip." in text


def test_no_right_answer_is_in_it():
    """Of a learner who got every koan wrong; the solutions that tell something."""
    made = Made()
    koans = made.assignment.koans
    given = {
        k.name: made.answer(k.name, "wrong" if i % 2 else "blank", "7" * (i % 2))
        for i, k in enumerate(koans)
    }
    made.learner("ann", given)
    long = [k for k in koans if len(k.solution.text) > 20]
    assert len(long) > 20
    for text in all_forms(made):
        squeezed = "".join(text.split())
        shown = [k.name for k in long if "".join(k.solution.text.split()) in squeezed]
        assert shown == []
        assert koans[3].note.because not in text


def test_a_line_for_a_marks_file(made):
    wrong, blank = (
        made.answer("test_one", "wrong", "7"),
        made.answer("test_two", "blank"),
    )
    made.learner("ann", {"one": wrong, "two": blank}, ["02"])
    book = made.gradebook()
    assert pages.line(book, book.records[0]) == (
        "1 of 5 points. Not right: one. Left blank: two. Not handed in: lesson 02 l02."
    )


def test_a_page_begins_as_ours(made):
    made.learner("ann")
    assert page_of(made).startswith(pages.MARKER)
    assert page_of(made) == page_of(made)


# --------------------------------------------------------- what learners wrote is text


@pytest.fixture(scope="module")
def hostile():
    return made_class(12, hostile=True).gradebook()


def test_a_page_needs_nothing_and_runs_nothing(hostile):
    plain = made_class(30).gradebook()
    known = [Tags(pages.page(plain, record)) for record in plain.records]
    names = set().union(*(tags.names for tags in known)) | {"ul", "li", "b", "bdi"}
    attributes = set().union(*(tags.attributes for tags in known))
    for record in hostile.records:
        tags = needs_nothing(pages.page(hostile, record))
        assert tags.names <= names and tags.attributes <= attributes
        assert "1337" not in tags.text


def test_a_file_of_comments_does_nothing(hostile):
    for record in hostile.records:
        text = pages.comments(hostile, record)
        lines = text.splitlines()
        assert all(line == "#" or line.startswith("# ") for line in lines)
        assert ast.parse(text).body == []
        assert ast.parse(text.encode()).body == []
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
        assert encoding == "utf-8"


def test_an_encoding_in_a_name_is_none():
    made = Made(an_assignment("01 one"))
    made.learner("-*- coding: utf-7 -*-")
    made.learner("vim: set fileencoding=utf-16 :")
    book = made.gradebook()
    for record in book.records:
        data = pages.comments(book, record).encode()
        assert b"coding" in data
        assert tokenize.detect_encoding(io.BytesIO(data).readline)[0] == "utf-8"


def test_all_that_is_folded_fits(hostile):
    for record in hostile.records[:20]:
        for line in pages.comments(hostile, record).splitlines():
            assert len(line) <= 80 or line.startswith("#     "), line


# -------------------------------------------------------------------- in a browser

needs_chromium = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.close()


@needs_chromium
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_open_quietly_and_fit(browser, hostile, tmp_path, scheme, width):
    browser.scheme(scheme)
    for record in (*hostile.records[:14], hostile.records[-1]):
        path = tmp_path / f"{record.file_id}.html"
        path.write_text(pages.page(hostile, record), "utf-8")
        browser.open(path, width)
        asked = [url for url in browser.requests if not url.startswith("data:,")]
        assert asked == [path.as_uri()] and browser.said == []
        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.value("window.pwned") is None
        dark = browser.value("getComputedStyle(document.body).backgroundColor")
        assert dark == ("rgb(25, 26, 28)" if scheme == "dark" else "rgb(251, 250, 248)")


def test_there_is_hostile_text_to_be_shown(hostile):
    """Else the tests above show nothing."""
    text = "".join(pages.page(hostile, record) for record in hostile.records)
    assert "&lt;script&gt;window.pwned=1&lt;/script&gt;" in text
    assert "\\u202egnp.exe" in text and "\\x1b[31mred" in text
    assert len(HOSTILE) < len(hostile.records) and len(MAIN) == 9
