"""junit.xml: a testsuite for each learner, a testcase for each koan.

In the form that pytest's own writer has under ``junit_family=xunit2``. The kind
of a verdict is the ``type`` of its failure, error or skipped; a pass has none.
There are no times in it: the same class gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from sensei.grading.results import Record, Results
from sensei.grading.sheets import written
from sensei.grading.shown import clean, shortened

LONGEST = 2_000
ELEMENTS = {
    "blank": "failure",
    "refused": "failure",
    "wrong": "failure",
    "failed": "failure",
    "missing": "failure",
    "error": "error",
    "timeout": "error",
    "crashed": "error",
    "ungraded": "error",
    "skipped": "skipped",
}


def write(results: Results, path: Path) -> None:
    """Write junit.xml, learner by learner."""
    koans = {koan["koan"]: lesson for lesson, koan in results.koans}
    with written(path) as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n')
        file.write('<testsuites name="sensei grade">')
        for learner in results.learners():
            file.write(_suite(learner, koans, results.answers))
        file.write("</testsuites>\n")


def _suite(learner: Record, koans: Record, answers: list[Record]) -> str:
    elements = [ELEMENTS.get(koan["verdict"], "") for koan in learner["koans"]]
    counts = " ".join(
        f'{name}="{elements.count(element)}"'
        for name, element in (
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        )
    )
    cases = "".join(
        _case(koan, koans[koan["koan"]], answers[koan["answer"]])
        for koan in learner["koans"]
    )
    said = "; ".join([f"{learner['total']} of {learner['max']}", *learner["flags"]])
    return (
        f"<testsuite name={_attribute(learner['name'])} id={quoteattr(learner['id'])} "
        f'tests="{len(elements)}" {counts}>\n{cases}'
        f"<system-out>{_text(said)}</system-out></testsuite>\n"
    )


def _case(koan: Record, lesson: Record, answer: Record) -> str:
    module = lesson["file"].removesuffix(".py").replace("/", ".")
    head = f"<testcase classname={_attribute(module)} name={_attribute(koan['koan'])}"
    kind = koan["verdict"]
    if kind not in ELEMENTS:
        return f"{head}/>\n"
    element = ELEMENTS[kind]
    wrote = f"It reads: {answer['fill']}" if answer["fill"] else ""
    return (
        f'{head}><{element} type="{kind}" message={_attribute(answer["sentence"])}>'
        f"{_text(wrote)}</{element}></testcase>\n"
    )


def _attribute(text: str) -> str:
    return quoteattr(shortened(clean(text), LONGEST))


def _text(text: str) -> str:
    return escape(shortened(clean(text, keep="\n"), LONGEST))
