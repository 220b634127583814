"""The report page: what it counts, what it hides, and how it is in a browser."""

from __future__ import annotations

import json
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from browser import CHROMIUM, Browser
from made_class import HOSTILE, Made, made_class
from this_course import ROOT

jsonschema = pytest.importorskip("jsonschema")
pytest.importorskip("jinja2")

from sensei.grading import report  # noqa: E402
from sensei.grading.shown import clean  # noqa: E402

SCHEMA = json.loads(
    (ROOT / "sensei/grading/results.schema.json").read_text(encoding="utf-8")
)
FELL = {kind.name for kind in report.KINDS if kind.fell}


def small() -> Made:
    """Three koans in two lessons."""

    def koan(name):
        return {
            "koan": f"test_{name}",
            "points": 2 if name == "two" else 1,
            "is_prediction": True,
            "asks": f"assert {name} == __",
            "mistakes": [],
            "skipped": False,
        }

    return Made(
        [
            {
                "lesson": "01",
                "file": "koans/test_01_a.py",
                "title": "a",
                "koans": [koan("one"), koan("two")],
            },
            {
                "lesson": "02",
                "file": "koans/test_02_b.py",
                "title": "b",
                "koans": [koan("three")],
            },
        ]
    )


def board(made: Made | dict) -> report.Board:
    told = made.told() if isinstance(made, Made) else made
    jsonschema.validate(told, SCHEMA)
    return report.Board(told, {})


def page(made: Made | dict, **right: str) -> str:
    told = made.told() if isinstance(made, Made) else made
    return report.page(told, right)


# ----------------------------------------------------------------------- counting


@pytest.fixture
def graded() -> Made:
    """Five learners; four fall at koan two, three of them in the same way."""
    made = small()
    ok = {
        n: made.answer(f"test_{n}", "passed", f"RIGHT_{n}")
        for n in ("one", "two", "three")
    }
    named = made.answer("test_two", "wrong", "7", mistake="You took `7` for it.")
    unnamed = made.answer("test_two", "wrong", '[1,\n "2"]', sentence="Entry 1 holds.")
    blank = made.answer("test_three", "blank")
    missing = {n: made.answer(f"test_{n}", "missing") for n in ok}

    def give(name, one, two, three):
        made.learner(name, {"test_one": one, "test_two": two, "test_three": three})

    give("ada", ok["one"], ok["two"], ok["three"])
    give("ben", ok["one"], unnamed, blank)
    give("cem", ok["one"], unnamed, missing["three"])
    give("dot", ok["one"], unnamed, ok["three"])
    give("eve", ok["one"], named, ok["three"])
    give("fay", *missing.values())
    return made


def test_koans_stand_by_how_many_fell_there(graded):
    counted = [(koan.name, koan.fell) for koan in board(graded).ranked]
    assert counted == [("test_two", 4), ("test_three", 0), ("test_one", 0)]


def test_wrong_answers_stand_by_how_often_they_were_given(graded):
    [two] = [koan for koan in board(graded).koans if koan.name == "test_two"]
    found = [(given.fill, given.times, given.says) for given in two.wrong]
    assert found == [
        ('[1,\n "2"]', 3, ""),  # its sentence was for who gave it
        ("7", 1, "You took `7` for it."),
    ]


def test_an_answer_without_a_name_that_three_gave_is_a_candidate(graded):
    [two] = [koan for koan in board(graded).koans if koan.name == "test_two"]
    [mistake] = tomllib.loads(two.snippet)["test_two"]["mistakes"]
    assert mistake["fill"] == '[1,\n "2"]'
    assert mistake["says"].strip()
    graded.learners.pop(1)
    for learner in graded.learners:
        learner["koans"] = learner["koans"][:]
    assert all(not koan.candidates for koan in board(graded).koans)


def test_a_snippet_can_be_pasted_into_the_notes(graded, tmp_path):
    from sensei.notes import load

    notes = ROOT / "course/notes/test_01_piling_up.toml"
    made = Made()
    name = "test_one_backward"
    rest = {k["koan"]: made.answer(k["koan"], "blank") for _, k in made.koans}
    number = made.answer(name, "wrong", '{"a": "\\\\x\t"}')
    for n in range(3):
        made.learner(str(n), {**rest, name: number})
    [koan] = [koan for koan in board(made).koans if koan.name == name]
    copy = tmp_path / notes.name
    copy.write_text(notes.read_text("utf-8") + "\n" + koan.snippet + "\n", "utf-8")
    assert load(copy).koans[name].mistakes[-1].fill == '{"a": "\\\\x\t"}'


@pytest.mark.parametrize("text", HOSTILE[:9])
def test_a_text_of_toml_comes_back(text):
    quoted = report.toml(text)
    assert clean(quoted) == quoted
    assert tomllib.loads(f"a = {quoted}") == {"a": text}


def test_totals_and_who_handed_in_what(graded):
    found = board(graded)
    assert [learner.name for learner in found.nothing] == ["fay"]
    assert [(x.name, x.absent) for x in found.partly] == [("cem", ("02",))]
    assert dict(found.totals) == {
        **dict.fromkeys((label for label, _ in found.totals), 0),
        "100 %": 1,
        "50 to 59 %": 2,
        "20 to 29 %": 2,
        "0 to 9 %": 1,
    }
    assert sum(count for _, count in found.totals) == 6
    assert found.median == "1.5"  # of 0 1 1 2 2 4


def test_counts_of_a_class_are_those_of_a_slow_count():
    told = made_class(60)
    found = board(told)
    for place, koan in enumerate(found.koans):
        verdicts = [learner["koans"][place]["verdict"] for learner in told["learners"]]
        assert koan.fell == sum(verdict in FELL for verdict in verdicts)
        assert sum(given.times for given in koan.wrong) == koan.fell


def test_every_verdict_has_a_sign_and_a_letter_of_its_own():
    names = SCHEMA["$defs"]["verdict"]["enum"]
    assert sorted(kind.name for kind in report.KINDS) == sorted(names)
    assert len({kind.sign for kind in report.KINDS}) == len(names)
    assert len({kind.letter for kind in report.KINDS}) == len(names)


# ------------------------------------------------------------------ what it hides


def test_right_answers_are_there_only_when_asked_for(graded):
    right = {"test_one": "RIGHT_one", "test_two": "RIGHT_two"}
    assert "RIGHT_" not in page(graded)
    shown = page(graded, **right)
    assert "RIGHT_one" in shown and "RIGHT_two" in shown
    assert "Not for learners" in shown


def test_a_page_says_nothing_twice_differently(graded):
    assert page(graded) == page(graded)


class Tags(HTMLParser):
    """Every tag of a page, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.all.append((tag, dict(attributes)))

    handle_startendtag = handle_starttag

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.all if tag == name]


def test_what_learners_wrote_is_text():
    text = page(made_class(30, hostile=True))
    tags = Tags(text)
    known = Tags(page(made_class(30)))
    assert {tag for tag, _ in tags.all} == {tag for tag, _ in known.all}
    names = {name for _, attributes in tags.all for name in attributes}
    assert names == {name for _, attributes in known.all for name in attributes}
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    assert "x" * 400 not in text
    assert "&lt;script&gt;window.pwned=1&lt;/script&gt;" in text


def test_a_page_has_no_script_and_asks_for_nothing():
    tags = Tags(page(made_class(30)))
    names = {name for _, attributes in tags.all for name in attributes}
    assert "script" not in {tag for tag, _ in tags.all}
    assert not [name for name in names if name.startswith("on") or name == "src"]
    assert "style" not in names, "its policy allows none"
    assert [link["href"] for link in tags.named("link")] == ["data:,"]
    policy = tags.named("meta")[1]["content"]
    assert policy and policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy


def test_every_link_leads_to_a_place_on_the_page_or_to_a_feedback_file():
    told = made_class(12)
    tags = Tags(page(told))
    links = [link["href"] for link in tags.named("a")]
    places = {f"#{attributes.get('id')}" for _, attributes in tags.all}
    files = {f"feedback/{learner['id']}.md" for learner in told["learners"]}
    assert {link for link in links if link not in places} == files
    koans = [link for link in links if link.startswith("#koan-")]
    assert koans == [f"#koan-{n}" for n in range(len(Made().koans))]


def test_the_heat_map(graded):
    """Learners by name, koans along the path; who fell has a title."""
    found = board(graded)
    rows = [
        (learner.name, "".join(kind.sign for _, kind, _ in learner.cells))
        for learner in found.learners
    ]
    assert rows == [
        ("ada", "✓✓✓"),
        ("ben", "✓✗□"),
        ("cem", "✓✗–"),
        ("dot", "✓✗✓"),
        ("eve", "✓✗✓"),
        ("fay", "–––"),
    ]
    titles = [title for _, _, title in found.learners[1].cells]
    assert titles == ["", '01 two: wrong: [1,\\n "2"]', ""]
    assert [koan.is_first for koan in found.koans] == [False, False, True]
    cells = Tags(page(graded)).named("td")
    assert {cell["title"] for cell in cells if "title" in cell} == {
        titles[1],
        "01 two: wrong: 7",
    }


def test_an_empty_class_makes_an_empty_page():
    assert "no submission" in page(made_class(0))
    assert "0 learners" in page(made_class(0))


def test_a_course_without_koans_makes_a_page():
    page(Made([]))


def test_every_run_writes_the_page(tiny, capsys):
    from test_grading_command import Desk

    desk = Desk(tiny, capsys)
    desk.hand_in("<b>ada", desk.solved)
    desk.hand_in("ben", desk.empty)
    assert desk.grade() == 0
    first = (desk.out / "report.html").read_text("utf-8")
    assert "&lt;b&gt;ada" in first and "<b>ada" not in first
    right = re.findall(r'class="right"', first)
    assert not right and "no right answers on this page" in first
    assert desk.grade("--with-answers") == 0
    again = (desk.out / "report.html").read_text("utf-8")
    assert 'class="right"' in again
    assert desk.grade() == 0
    assert (desk.out / "report.html").read_text("utf-8") == first


# -------------------------------------------------------------------- in a browser

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of classes, each made once."""
    folder = tmp_path_factory.mktemp("pages")

    def of(count, hostile=False):
        path = folder / f"{count}-{hostile}.html"
        if not path.exists():
            path.write_text(page(made_class(count, hostile=hostile)), "utf-8")
        return path

    return of


def opened(browser: Browser, path: Path, width: int = 1280) -> Browser:
    browser.open(path, width)
    return browser


def alone(browser: Browser, path: Path) -> None:
    """Hold the page to have asked for nothing else and complained of nothing."""
    assert [url for url in browser.requests if not url.startswith("data:,")] == [
        path.as_uri()
    ]
    assert browser.said == []


@needs_chromium
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("count", [0, 10, 200, 500])
def test_a_page_opens_quietly_and_fits(browser, pages, count, scheme, width):
    path = pages(count)
    browser.scheme(scheme)
    opened(browser, path, width)
    alone(browser, path)
    assert browser.value("document.documentElement.scrollWidth") <= width
    if count:
        cells = browser.value("document.querySelectorAll('.heat td').length")
        assert cells == count * len(Made().koans)
        assert browser.value(
            "[...document.querySelectorAll('.heat td')].every(td => td.textContent)"
        )


def test_a_page_of_500_is_small(pages):
    """How soon it is there: benchmarks/report_page.py."""
    assert pages(500).stat().st_size < 3_000_000


@needs_chromium
def test_nothing_that_learners_wrote_is_run(browser, pages):
    path = pages(30, hostile=True)
    opened(browser, path)
    browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    alone(browser, path)
    assert browser.value("window.pwned") is None
    assert "<script>window.pwned=1</script>" in browser.value("document.body.innerText")
    said = browser.value("document.querySelector('.heat').innerText")
    assert "7 * 191" in said


@needs_chromium
def test_a_koan_in_the_heat_map_leads_to_its_wrong_answers(browser, pages):
    opened(browser, pages(10))
    last = "[...document.querySelectorAll('.koans details')].at(-1)"
    assert not browser.value(f"{last}.open")
    place = browser.value(f"{last}.querySelector('.body').id")
    browser.value(f"document.querySelector('.heat a[href=\"#{place}\"]').click()")
    browser.until(f"{last}.open")


@needs_chromium
def test_it_can_be_printed(browser, pages, tmp_path):
    opened(browser, pages(10))
    browser.printed(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


# ------------------------------------------------------------------------ contrast


def _luminance(color: str) -> float:
    digits = color.lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [
        p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read(scheme):
    css = (report.TEMPLATES / "report.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    block = blocks[0 if scheme == "light" else 1]
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", block))
    pairs = [(f"{kind}-ink", kind) for kind in "pwfrebm"]
    pairs += [
        (ink, on) for ink in ("ink", "soft", "accent") for on in ("page", "raised")
    ]
    for ink, on in pairs:
        dark, light = sorted(_luminance(colors[name]) for name in (ink, on))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, ink, on)
