"""What one of them passes, all pass: pytest, sensei watch --once and sensei grade.

Each is asked through its own command, about the same lesson files, in which each koan
has an answer that the notes know or a random one: of two lessons whose koans ask for
everything that can be asked for, as that is one of the longest tests.
"""

from __future__ import annotations

import ast
import json
import os
import random
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import forks
from sensei import edit
from sensei.lesson import Koan
from this_course import LESSONS, copy_course, id_of, is_code, mutants

DRIVER = '''
import json, os, sys
from pathlib import Path
from xml.etree import ElementTree
import pytest
from sensei.cli import main

QUIET = ["-q", "--maxfail=0", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]

def watch(arguments):
    return main(["watch", "--once", *arguments])

def verdicts(xml):
    """What the koans' properties say, by their names."""
    found = {}
    for case in ElementTree.parse(xml).iter("testcase"):
        for each in case.iter("property"):
            if each.attrib["name"] == "sensei":
                told = json.loads(each.attrib["value"])
                name = case.attrib["name"].partition("[")[0]
                found[name] = [told["kind"], told.get("sentence", "")]
    return found

rounds = [Path(folder) for folder in sys.argv[1:]]
here, results = Path.cwd(), []
for folder in rounds:
    for path in folder.rglob("test_*.py"):
        (here / "koans" / path.relative_to(folder)).write_bytes(path.read_bytes())
    files = [f"koans/{path.relative_to(folder)}" for path in folder.rglob("test_*.py")]
    for name, run in (("pytest", pytest.main), ("watch", watch)):
        run([*QUIET, f"--junitxml={name}.xml", *files])
    results.append({name: verdicts(f"{name}.xml") for name in ("pytest", "watch")})
Path("results.json").write_text(json.dumps(results))
'''


TWO = [lesson for lesson in LESSONS if lesson.number in ("08", "15")]
ASKED = [koan for lesson in TWO for koan in lesson.koans.values()]


def _known(koan: Koan) -> Iterator[str]:
    """The answers that the notes know; solutions are run elsewhere."""
    yield from koan.note.also_right
    for mistake in koan.note.mistakes:
        yield from (fill for fill in mistake.fills if "..." not in fill)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_course(tmp_path_factory.mktemp("same") / "course")


def test_pytest_watch_and_grade_say_the_same(course: Path) -> None:
    chance = random.Random(8)  # with which all kinds come up, as is held below

    def fill(koan: Koan) -> str | None:
        known = chance.choice([*_known(koan)])
        return chance.choice([known, _random_fill(koan, chance)])

    kinds = _hold(course, "some", [[fill(koan) for koan in ASKED]])
    for code, there in [(True, {"error", "failed"}), (False, {"wrong"})]:
        both = zip(map(is_code, ASKED), kinds, strict=True)
        found = {kind for is_so, kind in both if is_so is code}
        assert found == {"passed", "refused", *there}
    assert len({k.solution and k.solution.is_expression for k in ASKED}) == 2


def _hold(course: Path, name: str, rounds: Sequence[Sequence[str | None]]) -> list[str]:
    """Ask all three about rounds of fills; gives the verdicts that they agreed on."""
    folders = [course.parent / f"{name}-{i:02}" for i in range(len(rounds))]
    for folder, fills in zip(folders, rounds, strict=True):
        _write(folder, fills)
    runs = _run(course, folders)
    graded = _grade(course, name, folders)
    kinds: list[str] = []
    for fills, by_command, by_grading in zip(rounds, runs, graded, strict=True):
        for koan, fill in zip(ASKED, fills, strict=True):
            answers = {
                "pytest": by_command["pytest"].get(koan.name),
                "watch": by_command["watch"].get(koan.name),
                "grade": by_grading.get(koan.name),
            }
            told = {json.dumps(answer) for answer in answers.values()}
            assert len(told) == 1 and None not in answers.values(), (
                f"{id_of(koan)} with {fill!r}: {json.dumps(answers, indent=1)}"
            )
            kinds.append(by_grading[koan.name][0])
    return kinds


def _write(folder: Path, fills: Sequence[str | None]) -> None:
    """Lesson files with a fill for each koan; those without one stay blank."""
    by_koan = dict(zip(ASKED, fills, strict=True))
    for lesson in TWO:
        pristine = lesson.pristine
        assert pristine is not None
        changes = []
        for koan in lesson.koans.values():
            assert koan.solution is not None
            fill = by_koan[koan]
            text = "__" if fill is None else textwrap.dedent(fill).strip("\n")
            changes.append((koan.solution, text))
        path = folder / lesson.part / f"{lesson.name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(edit.replaced(pristine.solution, changes), "utf-8")


def _run(course: Path, folders: Sequence[Path]) -> list[dict[str, dict[str, object]]]:
    _python(course, DRIVER, *map(str, folders))
    results: list[dict[str, dict[str, object]]] = json.loads(
        (course / "results.json").read_text("utf-8")
    )
    return results


def _grade(
    course: Path, name: str, folders: Sequence[Path]
) -> Iterator[dict[str, list[str]]]:
    """The verdicts of sensei grade on each folder as a learner's submission."""
    class_folder = course.parent / f"class-{name}"
    class_folder.mkdir()
    for folder in folders:
        folder.rename(class_folder / folder.name)
    out = course.parent / f"grades-{name}"
    lessons = ",".join(lesson.number for lesson in TWO)
    arguments = ["grade", str(class_folder), "--out", str(out), "--lessons", lessons]
    command = "from sensei.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
    _python(course, command, *arguments)
    results = json.loads((out / "results.json").read_text("utf-8"))
    answers = results["answers"]
    learners = sorted(results["learners"], key=lambda learner: str(learner["id"]))
    for learner in learners:
        yield {
            koan["koan"]: [
                answers[koan["answer"]]["verdict"],
                answers[koan["answer"]]["sentence"],
            ]
            for koan in learner["koans"]
        }


def _python(course: Path, code: str, *arguments: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(course)}
    ran = forks.python(["-c", code, *arguments], course, env)
    assert ran.returncode == 0, ran.stdout[-3000:]


# --------------------------------------------------------------------- random fills


def _random_fill(koan: Koan, chance: random.Random) -> str:
    make: Callable[[Koan, random.Random], str] = _code if is_code(koan) else _value
    return make(koan, chance)


ODD_VALUES = (
    *("p.grad", "slate(p)", "1/0", "2**7000", "nan", "x", "print(1)", "None, None"),
    *("(None,)", '{"a": 1}', "float('nan')", "not 1", "[[[1]]]", "torch.float16"),
    *("[1, 2] * 3", "'a' * 10**9", "lambda: 0", "__import__('os')", "approx(1)"),
)
# No print that raises: pytest shows the error, and grading drops the print.
ODD_CODE = (
    *("pass", "x = 1", "raise ValueError('no')", "import os", "import math", "return"),
    *("print(1)", "assert False", "del p", "p = None", "class A: pass", "yield 1"),
    *("nonsense", "loss.__class__", "(1).bit_length()", "exec('1')", "lambda a, a: 0"),
    *("*a = 1", "global p", "optimizer.step", "with open('x') as f: pass", "1/0"),
)


def _value(koan: Koan, chance: random.Random) -> str:
    """A value of about the right shape, or something odd."""
    assert koan.solution is not None
    if chance.random() < 0.25:
        return chance.choice(ODD_VALUES)
    tree = ast.parse(koan.solution.text, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and chance.random() < 0.4:
            node.value = chance.choice([None, True, 0.0, -1.5, 2, "A", node.value])
        elif isinstance(node, ast.List) and chance.random() < 0.3:
            node.elts = node.elts[: chance.randint(0, len(node.elts))]
    text = ast.unparse(tree)
    if chance.random() < 0.4:
        text = text.replace("[", "(").replace("]", ",)")
    return text


def _code(koan: Koan, chance: random.Random) -> str:
    """A mutant of a known answer, or something odd in it, before or behind it."""
    assert koan.solution is not None
    known = chance.choice([koan.solution.text, *_known(koan)])
    if koan.solution.is_expression:
        wild = (chance.choice(ODD_CODE[:1] + ODD_VALUES), f"({known}) * 1", known)
        return chance.choice(wild)
    changed = [*mutants(known), known]
    text = chance.choice(changed)
    odd = chance.choice(ODD_CODE)
    return chance.choice([text, f"{odd}\n{text}", f"{text}\n{odd}", odd])
