"""junit.xml: what a schema that pytest's own writer satisfies says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_class import Made, made_class
from sensei.grading import junit
from sensei.grading.results import Results
from sensei.verdicts import Kind

etree = pytest.importorskip("lxml.etree")

OWN = """
import pytest
def test_passes(): print("hello")
def test_fails(): assert 0
@pytest.fixture
def broken(): raise ValueError
def test_errors(broken): pass
@pytest.mark.skip(reason="why not")
def test_skipped(): pass
"""


@pytest.fixture(scope="module")
def schema():
    return etree.XMLSchema(etree.parse(Path(__file__).parent / "junit.xsd"))


@pytest.fixture
def written(tmp_path, schema):
    """Write a class as JUnit, and read it back, held to the schema."""

    def write(told):
        path = tmp_path / "junit.xml"
        junit.write(Results.parse(told), path)
        tree = etree.parse(path)
        schema.assertValid(tree)
        return tree.getroot()

    return write


def test_the_schema_is_that_of_pytest(pytester, schema):
    pytester.makepyfile(OWN)
    options = ("--junitxml=own.xml", "-o", "junit_family=xunit2", "-p", "no:sugar")
    pytester.runpytest(*options, "-o", "junit_logging=all")
    tree = etree.parse(pytester.path / "own.xml")
    schema.assertValid(tree)
    found = {child.tag for case in tree.iter("testcase") for child in case}
    assert found >= {"failure", "error", "skipped", "system-out"}


def test_the_schema_refuses_what_is_not(schema):
    for wrong in (
        "<testsuite/>",
        "<testsuite name='a' tests='x' failures='0' errors='0'/>",
        "<testsuites><testcase name='a'/></testsuites>",
    ):
        assert not schema.validate(etree.fromstring(wrong))


def test_a_suite_a_learner_and_a_case_a_koan(written):
    told = made_class(20)
    root = written(told)
    names = [learner["name"] for learner in told["learners"]]
    assert [suite.get("name") for suite in root] == names
    for suite, learner in zip(root, told["learners"], strict=True):
        cases = suite.findall("testcase")
        verdicts = [cell["verdict"] for cell in learner["koans"]]
        assert [case.get("name") for case in cases] == [
            cell["koan"] for cell in learner["koans"]
        ]
        assert [kind_of(case) for case in cases] == verdicts
        counts = {tag: len(suite.findall(f"testcase/{tag}")) for tag in TAGS}
        assert {tag: int(suite.get(TAGS[tag])) for tag in TAGS} == counts
        assert int(suite.get("tests")) == len(verdicts)


TAGS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def kind_of(case) -> str:
    return case[0].get("type") if len(case) else "passed"


def test_every_kind_is_kept_apart(written):
    made = Made()
    kinds = list(Kind)
    names = [koan["koan"] for _, koan in made.koans]
    given = {
        name: made.answer(name, str(kinds[i % len(kinds)]), f"fill {i}")
        for i, name in enumerate(names)
    }
    made.learner("ada", given)
    [suite] = written(made.told())
    found = {kind_of(case): case[0].tag for case in suite.iter("testcase") if len(case)}
    assert found == junit.ELEMENTS
    assert set(found) | {"passed"} == set(kinds)


def test_hostile_names_and_answers_are_text(written):
    told = made_class(20, hostile=True)
    root = written(told)
    names = [suite.get("name") for suite in root]
    assert "<script>window.pwned=1</script>" in names
    text = etree.tostring(root, encoding="unicode")
    assert not any(c in text for c in "\x1b\u202e\u2066\u2028")
    assert "x" * 3_000 not in text


def test_an_empty_class(written):
    assert len(written(made_class(0))) == 0


def test_no_right_answer_is_in_it(written):
    made = Made()
    names = [koan["koan"] for _, koan in made.koans]
    right = {n: made.answer(n, "passed", "RIGHT", sentence="RIGHT") for n in names}
    made.learner("ada", right)
    assert b"RIGHT" not in etree.tostring(written(made.told()))
