"""The report page and results.json: what they count, what they hide, in a browser."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from browser import MISSING, Browser
from made_class import Made, Person, an_assignment, made_class
from sensei.grading.out import brackets, markup, report, results
from sensei.grading.overrides import Override
from sensei.verdicts import Kind
from tags import Tags, needs_nothing
from this_course import ROOT

jsonschema = pytest.importorskip("jsonschema")
pytest.importorskip("jinja2")

SCHEMA = json.loads(
    (ROOT / "sensei/grading/results.schema.json").read_text(encoding="utf-8")
)
HOW = {
    "versions": {"python": "3.12.0", "torch": "2.9.0"},
    "arguments": {"device": ["cpu"]},
    "seconds": 10.0,
    "fence": "kernel fence: files, network",
}


def page(made: Made, needs=(), with_answers=False, **options) -> str:
    return report.page(made.gradebook(**options), HOW, needs, with_answers)


def text(made: Made, **options) -> str:
    return Tags(
        re.sub("<style>.*?</style>", "", page(made, **options), flags=re.S)
    ).text


@pytest.fixture
def graded() -> Made:
    """Six learners; four fall at koan two, three of them in the same way."""
    made = Made(an_assignment("01 one two", "02 three", points={"two": 2}))
    named = made.answer("test_two", "wrong", "7", named="You took `7` for it.")
    unnamed = made.answer("test_two", "wrong", '[1,\n "2"]', "Entry 1 holds.")
    blank = made.answer("test_three", "blank")
    made.learner("ada")
    made.learner("ben", {"two": unnamed, "three": blank})
    made.learner("cem", {"two": unnamed}, ["02"])
    made.learner("dot", {"two": unnamed})
    made.learner("eve", {"two": named})
    made.learner("fay", hand_in=None)
    return made


# ----------------------------------------------------------------------- counting


def test_koans_stand_by_how_many_fell_there(graded):
    found = re.findall(
        r"<b>(\d)</b> fell.*?</span> (\w+)</span></summary>", page(graded), re.S
    )
    assert found == [("4", "two"), ("0", "three"), ("0", "one")]


def test_wrong_answers_stand_by_how_often_they_were_given(graded):
    body = text(graded)
    first, second = body.index('3 × [1, "2"]'), body.index("1 × 7")
    assert first < second and "You took 7 for it." in body
    assert "Entry 1 holds" not in body, "its sentence is for who gave it"


def test_an_answer_without_a_name_that_three_gave_can_be_pasted(graded):
    snippet = re.search(r'class="snippet".*?>(.*?)</pre>', page(graded), re.S)[1]
    [mistake] = tomllib.loads(snippet.replace("&#34;", '"'))["test_two"]["mistakes"]
    assert mistake["fill"] == '[1,\n "2"]' and mistake["says"].strip()
    graded.learners.pop(1)
    assert 'class="snippet"' not in page(graded)


def test_the_heat_map(graded):
    """Learners by name, koans along the path; who fell has a title."""
    rows = re.findall(
        r"<tr><th class=\"who\" scope=\"row\" title=(.*?)</tr>", page(graded), re.S
    )
    signs = [re.findall(r"<td.*?>(.)</td>", row) for row in rows]
    assert ["".join(row) for row in signs] == ["✓✓✓", "✓✗□", "✓✗–", "✓✗✓", "✓✗✓"]
    cells = Tags(page(graded)).named("td")
    assert {cell["title"] for cell in cells if "title" in cell} == {
        '01 two: wrong: [1,\\n "2"]',
        "01 two: wrong: 7",
    }


def test_who_is_counted_and_who_is_not(graded):
    test = Person("t", "t", is_test_student=True)
    graded.learner("Student, Test", person=test)
    graded.learner("rar", problem="an archive that can't be opened")
    body = text(graded)
    assert "5 learners handed in, 3 koans each. Median 2, mean 2.0 of 4 points." in body
    assert "1 handed in nothing. Of 1 nothing could be read." in body
    for part in ("Nothing was handed in: 1 fay", "Only a part: 1 cem without 02"):
        assert part in body
    assert "Nothing could be read: 1 rar an archive that can't be opened" in body
    assert "Test students, counted nowhere: 1 Student, Test" in body


def test_overrides_and_exclusions_are_said(graded):
    given = [Override("eve", "two", 1.5, "see mail")]
    body = text(graded, given=given, exclude=["three"])
    assert "eve : two, 1.5 of 2: see mail" in body.replace("eve:", "eve :")
    assert "Taken out for everyone: test_three." in body


def test_what_needs_a_person_comes_first(graded):
    needs = [("x_4117.rar", "an archive <b>", "Ask for a zip.")]
    body = text(graded, needs=needs)
    assert "Needs you: 1 x_4117.rar : an archive <b> Ask for a zip." in body
    assert body.index("Needs you") < body.index("leads to its wrong")
    assert "Needs you" not in text(graded)


def test_similar_answers_are_listed_beside_their_rule():
    made = made_class(24)
    assert "No pair is listed." in text(made)
    koans = made.assignment.koans[:6]
    given = {
        k.name: made.answer(k.name, "wrong", f"{i}.777") for i, k in enumerate(koans)
    }
    made.learner("left", given)
    made.learner("right", given)
    body = text(made)
    assert "left and right share 6, of 6 and 6 wrong answers" in body
    assert "at least 5 wrong answers that no more than 3 of 25 gave" in body
    assert "01 before any backward: 0.777" in body
    for word in ("cheat", "copied from", "plagiar", "suspic"):
        assert word not in body.casefold()


def test_counts_of_a_class_are_those_of_a_slow_count():
    made = made_class(24)
    book, body = made.gradebook(), page(made)
    fell = dict(
        re.findall(r'id="koan-(\d+)">.*?<p class="tally">(.*?)</p>', body, re.S)
    )
    for place in range(len(made.places)):
        kinds = [record.cells[place].kind for record in book.counted]
        shown = re.findall(r"</span> (\d+) (\w+)</span>", fell[str(place)])
        expected = {(str(kinds.count(kind)), str(kind)) for kind in set(kinds)}
        assert set(shown) == expected


def test_every_verdict_has_a_sign_and_a_letter_of_its_own():
    assert [*report.SIGNS] and {*report.SIGNS} == {*Kind}
    for i in (0, 1):
        assert len({sign[i] for sign in report.SIGNS.values()}) == len(Kind)
    assert sorted(SCHEMA["$defs"]["verdict"]["enum"]) == sorted(map(str, Kind))


# ------------------------------------------------------------------ what it hides


def test_right_answers_are_there_only_when_asked_for(graded):
    assert 'class="right"' not in page(graded) and ">42<" not in page(graded)
    assert "no right answers on this page" in page(graded)
    shown = page(graded, with_answers=True)
    assert shown.count('class="right"') == 3 and ">42<" in shown
    assert "Not for learners" in shown


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("[False, True]", "(False, True)"),
        ("[[1, 2], [3, 4]]", "[1, 2, 3, 4]"),
        ("[[1, 2], [3, 4]]", "[(1, 2), [(3, 4)]]"),
        ("[None, [1.5, -2]]", "[None, 1.5, (-2.0,)]"),
        ("4.0", "[4]"),
        ("None", "'None'"),
        ("[1, 2]", "'[1, 2]'"),
        ("[4.0, 2.0]", "torch.tensor([4.0, 2.0])"),
        ("4.0", "approx(2 * 2)"),
        ("{'w': [1], 'x': [2]}", "{'w': 1, 'x': 2}"),
        ("[torch.float32, 515.0]", "(torch.float32, (515,))"),
        ("-1 / 3", "[-0.33333333]"),
        ("[0, 1]", "[False, True]"),
    ],
)
def test_a_wrong_answer_that_gives_the_right_one_away_is_not_shown(right, wrong):
    """Case 43: right but for its brackets."""
    made = Made(an_assignment("01 one"))
    made.assignment.koans[0].solution.text = right  # type: ignore[misc]
    made.assignment.right["test_one"] = right
    for n in range(3):
        kind = "refused" if "(" in wrong else "wrong"
        answer = made.answer("test_one", kind, wrong, f"`{wrong}` is not right.")
        made.learner(f"{n}", {"one": answer})
    shown = page(made)
    assert "not shown" in shown and 'class="snippet"' not in shown
    escaped = wrong.replace("'", "&#39;")
    assert escaped not in shown.partition("</style>")[2]
    assert f">{escaped}<" in page(made, with_answers=True)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("[1, 2]", "[2, 1]"),
        ("[1, 2]", "[1, 2, 3]"),
        ("[1, 2]", "[1]"),
        ("4.0", "p.grad"),
        ("[None, 1]", "[0, 1]"),
        ("4.0", "4.1"),
        ("'a'", "'b'"),
    ],
)
def test_other_wrong_answers_are_shown(right, wrong):
    made = Made(an_assignment("01 one"))
    made.assignment.koans[0].solution.text = right  # type: ignore[misc]
    assert not brackets.gives_away(made.assignment.koans[0], wrong)


def test_the_solution_of_every_prediction_gives_itself_away():
    koans = [k for k in Made().assignment.koans if k.note.is_prediction]
    assert len(koans) > 40
    for koan in koans:
        assert brackets.gives_away(koan, f"[({koan.solution.text},)]"), koan.name
        for mistake in koan.note.mistakes:
            assert not brackets.gives_away(koan, mistake.fill) or mistake.says


@pytest.mark.parametrize("fill", ["(" * 300, "x" * 10_000, "9" * 9_000, "f'{'", ""])
def test_what_is_no_answer_gives_nothing_away(fill):
    assert not brackets.gives_away(Made().assignment.koans[0], fill)


def test_what_learners_wrote_is_text():
    body = page(made_class(12, hostile=True))
    tags, known = needs_nothing(body), needs_nothing(page(made_class(30)))
    assert tags.names - known.names <= {"h3"}
    assert tags.attributes == known.attributes
    assert "x" * 1_001 not in body and "1337" not in body
    assert "&lt;script&gt;window.pwned=1&lt;/script&gt;" in body


def test_every_link_leads_to_a_place_on_the_page_or_to_a_feedback_file():
    made = made_class(24)
    tags = Tags(page(made))
    links = [link["href"] for link in tags.named("a")]
    places = {f"#{attributes.get('id')}" for _, attributes in tags.all}
    files = {f"feedback/{r.file_id}.html" for r in made.gradebook().counted}
    assert {link for link in links if link not in places} == files
    koans = [link for link in links if link.startswith("#koan-")]
    assert koans == [f"#koan-{n}" for n in range(len(made.places))]


def test_an_empty_class_makes_an_empty_page():
    made = Made()
    assert "no hand-in in this class yet" in page(made)
    assert "0 learners" in page(made)
    made.learner("ann", hand_in=None)
    assert "Nothing was handed in: 1 ann" in text(made)


# ------------------------------------------------------------------- results.json


def test_results_are_as_the_schema_says(tmp_path):
    made = made_class(12, hostile=True)
    made.learner("gone", hand_in=None)
    given = [Override("u4100", "one_backward", 0.5, "mail")]
    book = made.gradebook(given=given, exclude=["two_means"], skipped={7})
    results.write(book, HOW, tmp_path / "results.json")
    read = json.loads((tmp_path / "results.json").read_text("utf-8"))
    jsonschema.validate(read, SCHEMA)
    assert read["excluded"] == ["test_two_means"] and len(read["learners"]) > 12
    for record in book.records:
        [learner] = [one for one in read["learners"] if one["id"] == record.id]
        assert (learner["total"], learner["max"]) == record.total
        for koan, cell in zip(learner["koans"], record.cells, strict=True):
            answer = read["answers"][koan["answer"]]
            assert answer["fill"] == (cell.entry.fill or None)
            assert answer["koan"] == koan["koan"] == cell.koan.name
    by_hand = [k for one in read["learners"] for k in one["koans"] if k["override"]]
    assert [one["override"] for one in by_hand] == [{"points": 0.5, "why": "mail"}]


def test_the_schema_holds_everything():
    """Every object in it is closed: a field that it does not name is noticed."""
    read = results.results(made_class(3).gradebook(), HOW)
    for part in (read, read["learners"][0], read["learners"][0]["koans"][0]):
        part["more"] = 1
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(read, SCHEMA)
        del part["more"]


# -------------------------------------------------------------------- in a browser

needs_chromium = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pages of classes, each made once."""
    folder = tmp_path_factory.mktemp("pages")

    def of(count, hostile=False):
        path = folder / f"{count}-{hostile}.html"
        if not path.exists():
            path.write_text(page(made_class(count, hostile=hostile)), "utf-8")
        return path

    return of


def alone(browser: Browser, path: Path) -> None:
    """Hold the page to have asked for nothing else and complained of nothing."""
    assert [url for url in browser.requests if not url.startswith("data:,")] == [
        path.as_uri()
    ]
    assert browser.said == []


@needs_chromium
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("count", [0, 40])
def test_a_page_opens_quietly_and_fits(browser, files, count, scheme, width):
    path = files(count)
    browser.scheme(scheme)
    browser.open(path, width)
    alone(browser, path)
    assert browser.value("document.documentElement.scrollWidth") <= width
    cells = browser.value("document.querySelectorAll('.heat td').length")
    book = made_class(count).gradebook()
    assert cells == len(book.counted) * len(book.assignment.koans)


@needs_chromium
def test_nothing_that_learners_wrote_is_run(browser, files):
    path = files(30, hostile=True)
    browser.open(path)
    browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    alone(browser, path)
    assert browser.value("window.pwned") is None
    assert "<script>window.pwned=1</script>" in browser.value("document.body.innerText")


@needs_chromium
def test_a_koan_in_the_heat_map_leads_to_its_wrong_answers(browser, files):
    browser.open(files(10))
    last = "[...document.querySelectorAll('.koans details')].at(-1)"
    assert not browser.value(f"{last}.open")
    place = browser.value(f"{last}.querySelector('.body').id")
    browser.value(f"document.querySelector('.heat a[href=\"#{place}\"]').click()")
    browser.until(f"{last}.open")


def test_a_page_of_250_is_small(files):
    """How soon it is there: benchmarks/report_page.py."""
    assert files(250).stat().st_size < 1_500_000


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
    css = (markup.TEMPLATES / "base.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    block = blocks[0 if scheme == "light" else 1]
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", block))
    pairs = [(f"{kind}-ink", kind) for kind in "pwfrebm"] + [("ink", "p")]
    pairs += [
        (ink, on) for ink in ("ink", "soft", "accent") for on in ("page", "raised")
    ]
    for ink, on in pairs:
        dark, light = sorted(_luminance(colors[name]) for name in (ink, on))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, ink, on)
