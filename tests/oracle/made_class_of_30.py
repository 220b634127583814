"""A made class of 30 learners on the main path of the course, always the same one.

    python tests/oracle/made_class_of_30.py FOLDER

fills FOLDER, which has to be new, with their submissions: folders and zips, and a bit
of all that people hand in, right, wrong and broken. write_class.py grades it.
"""

from __future__ import annotations

import ast
import itertools
import random
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from sensei.edit import replaced  # noqa: E402
from sensei.lesson import Koan  # noqa: E402
from this_course import KOANS, mutants, solved  # noqa: E402

SEED = 30
BLANK = "__"
MAIN = [koan for koan in KOANS if not koan.lesson.part]

Lessons = dict[str, str]  # the text of each lesson file, by its name
Answer = Callable[[Koan], str]  # the fill that a learner gives to a koan


@dataclass(frozen=True)
class Learner:
    """A submission: its name, and what is in it by the path inside it."""

    name: str
    files: Mapping[str, str | bytes]
    is_zip: bool = False
    under: str = "koans"  # the folder in the submission that the lessons are in


# ------------------------------------------------------------------------- answers


def right(koan: Koan) -> str:
    assert koan.solution
    return koan.solution.text


def has_statements(koan: Koan) -> bool:
    return koan.solution is not None and not koan.solution.is_expression


def blank(koan: Koan) -> str:
    return BLANK


def also_right(place: int) -> Answer:
    """The right answer at this place among those beside the solution."""
    return lambda koan: one_of(koan.note.also_right, place) or right(koan)


def mistake(place: int) -> Answer:
    """The named mistake at this place, of those that are no pattern."""
    return lambda koan: one_of(plain_mistakes(koan), place) or right(koan)


def pattern(koan: Koan) -> str:
    """A mistake that is a pattern, with a number where any would do."""
    return one_of(patterns(koan), 0).replace("...", "77.125") or right(koan)


def one_of(texts: Iterable[str], place: int) -> str:
    """The text at a place, or the one nearest to it; "" where there is none."""
    texts = list(texts)
    return texts[max(-len(texts), min(place, len(texts) - 1))] if texts else ""


def plain_mistakes(koan: Koan) -> list[str]:
    return [m.fill for m in koan.note.mistakes if "..." not in m.fill]


def patterns(koan: Koan) -> list[str]:
    return [m.fill for m in koan.note.mistakes if "..." in m.fill]


def mutant(koan: Koan) -> str:
    """A solution of several statements with the first of them left out."""
    return next(mutants(right(koan))) if has_statements(koan) else right(koan)


def by_turns(
    predictions: Sequence[str] = (),
    expressions: Sequence[str] = (),
    statements: Sequence[str] = (),
) -> Answer:
    """Answers by turns, for what each blank is; the solution where there is none."""
    given: dict[str, str] = {}
    turns = [itertools.cycle(texts) for texts in (predictions, expressions, statements)]
    for koan in MAIN:
        turn = turns[0 if koan.note.is_prediction else 1 + has_statements(koan)]
        given[koan.name] = next(turn, right(koan))
    return lambda koan: given[koan.name]


def mixed(rng: random.Random, stops_after: int = len(MAIN)) -> Answer:
    """Every kind of answer, drawn by chance; nothing but blanks from some koan on."""
    kinds: list[Answer] = [
        right,
        blank,
        pattern,
        lambda koan: near(koan, rng),
        lambda koan: rng.choice(plain_mistakes(koan) or [right(koan)]),
        lambda koan: rng.choice(koan.note.also_right or (right(koan),)),
    ]
    drawn = rng.choices(kinds, [50, 8, 5, 12, 18, 7], k=len(MAIN))
    by_name = {k.name: kind for k, kind in zip(MAIN, drawn, strict=True)}
    for koan in MAIN[stops_after:]:
        by_name[koan.name] = blank
    return lambda koan: by_name[koan.name](koan)


def near(koan: Koan, rng: random.Random) -> str:
    """A prediction with one of its values changed; a mistake for code."""
    if not koan.note.is_prediction:
        return mistake(1)(koan)
    tree = ast.parse(right(koan), mode="eval")
    values = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    changed = rng.choice(values)
    match changed.value:
        case bool():
            changed.value = not changed.value
        case int() | float():
            changed.value += rng.choice([0.5, 1, 3])
        case _:
            changed.value = 0.0
    return ast.unparse(tree)


class _Tuples(ast.NodeTransformer):
    def visit_List(self, node: ast.List) -> ast.AST:
        self.generic_visit(node)
        return ast.Tuple(node.elts, node.ctx)


class _Sums(ast.NodeTransformer):
    """Each number as arithmetic that comes to it exactly."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            return node
        whole = isinstance(node.value, int)
        text = f"{node.value!r} + 7 - 7" if whole else f"{node.value!r} * 2 / 2"
        return ast.parse(text, mode="eval").body


def written_with(transformer: ast.NodeTransformer) -> Answer:
    """The solutions of predictions, written in another way."""

    def answer(koan: Koan) -> str:
        if not koan.note.is_prediction:
            return right(koan)
        return ast.unparse(transformer.visit(ast.parse(right(koan), mode="eval")))

    return answer


# ------------------------------------------------------------------------- lessons


def lessons(answer: Answer) -> Lessons:
    """The lesson files of the main path with an answer in each koan."""
    texts = {}
    for name, inside in itertools.groupby(MAIN, lambda koan: koan.lesson.path.name):
        koans = list(inside)
        fills = [(k.solution, tidy(answer(k))) for k in koans if k.solution]
        texts[name] = replaced(solved(koans[0]), fills)
    return texts


def tidy(fill: str) -> str:
    return textwrap.dedent(fill).strip("\n")


def changed(texts: Lessons, *changes: tuple[str, str, str]) -> Lessons:
    """Lessons with a text replaced, once each: (start of file name, old, new)."""
    texts = dict(texts)
    for start, old, new in changes:
        name = lesson_file(texts, start)
        assert old in texts[name], (name, old)
        texts[name] = texts[name].replace(old, new, 1)
    return texts


def lesson_file(texts: Mapping[str, object], number: str) -> str:
    return next(name for name in texts if name.startswith(f"test_{number}"))


def with_prints(texts: Lessons) -> Lessons:
    """A print before each check of a koan: prints are free."""
    look = '    print("here", device)\n    assert '
    return {name: text.replace("    assert ", look) for name, text in texts.items()}


def in_bytes(texts: Lessons, **odd: bytes) -> dict[str, str | bytes]:
    """Lessons, some of them given as bytes: by lesson_NN."""
    files: dict[str, str | bytes] = dict(texts)
    for key, data in odd.items():
        files[lesson_file(files, key.removeprefix("lesson_"))] = data
    return files


# --------------------------------------------------------------------- the learners

REFUSED_PREDICTIONS = (
    "p.grad",
    "slate(p)",
    "...",
    'float("1")',
    "nan",
    "sum([1, 2])",
    "[x for x in (1, 2)]",
    'f"{1}"',
    "lambda: 1",
    "10 ** 10 ** 10",
    "1 / 0",
    '"a" * 100_000',
    "approx(1.0)",
    '__import__("os").getcwd()',
    "(x := 1)",
    "1 if True else 2",
    "None + 1",
    "float32",
    "torch.zeros",
    "[1, 2][0]",
    "torch.tensor(1.0)",
    "9" * 1_000,
    "[" + "1, " * 600 + "]",
    "{**{}}",
    "not p",
)
REFUSED_EXPRESSIONS = (
    '__import__("os").getcwd()',
    "().__class__.__base__",
    'open("grades.csv")',
    'torch.load("x.pt")',
    'eval("1 + 1")',
    "torch.zeros(1).data_ptr()",
    "secret",
    "torch.nn.Linear",
)
REFUSED_STATEMENTS = (
    "import os\nos.getcwd()",
    "global p\np = None",
    "from os import getcwd\ngetcwd()",
    "return None",
    "class Mine:\n    pass",
    "device = None",
    "torch.Tensor.backward = None",
)
RAISING_EXPRESSIONS = (
    "1 / 0",
    "[][3]",
    '{}["grad"]',
    "torch.zeros(2) @ torch.zeros(3)",
    "lambda a, a: 0",  # parsed, but not compiled
    'int("seven")',
    "next(iter([]))",
    "(lambda f: f(f))(lambda f: f(f))",
)
RAISING_STATEMENTS = (
    "[].pop()",
    "for one in 5:\n    pass",
    "a, b = 1, 2, 3",
    "torch.zeros(2).backward()",
    "two = torch.zeros(2)\ntwo[5] = 1.0",
    "again = lambda n: again(n + 1)\nagain(0)",
    "try:\n    1 / 0\nfinally:\n    max([])",
)
CODE_THAT_PRINTS = "(print('here'), {})[1]"


def printing(koan: Koan) -> str:
    """The solution of code, with a print in it that is no line of its own."""
    if koan.note.is_prediction:
        return right(koan)
    if has_statements(koan):
        return f"seen = print('here')\n{right(koan)}"
    return CODE_THAT_PRINTS.format(right(koan))


def endless(koan: Koan) -> str:
    if koan.name == "test_the_order_of_three_calls":
        return "while True:\n    pass"
    return right(koan)


def syntax_errors() -> Lessons:
    return changed(
        lessons(right),
        ("03", "def test_keeping_the_slates(device):", "def test_keeping_the_slates("),
        ("05", "            loss = ", "            loss = = "),
        ("06", '    """', '  """'),
    )


def changed_outside() -> Lessons:
    return changed(
        lessons(right),
        ("01", "(p - 0.8).pow(2)\n", "(p - 0.9).pow(2)\n"),
        ("02", "    assert wipe(new(0.5, 1.0)) is None\n", ""),
        ("03", "def test_two_ways", "@mark.skip\ndef test_two_ways"),
        ("04", "import torch\n", "import os\nimport torch\n"),
        ("05", "    assert ", "    x = 5\n    assert "),
        ("07", "def layer(device):", "def layer(device='cpu'):"),
        ("09", "assert ", "assert not "),
    )


def renamed() -> Lessons:
    texts = changed(
        lessons(right),
        ("01", "def test_one_backward(", "def test_one_backwards("),
        ("06", "def test_backward_twice(", "def backward_twice("),
    )
    text = texts[lesson_file(texts, "02")]
    twice = text[text.index("def test_a_wipe_in_between") :]
    twice = twice[: twice.index("\n\n\n")]
    return {**texts, lesson_file(texts, "02"): f"{text}\n\n{twice}\n"}


def without_brackets(koan: Koan) -> str:
    """Two values with no brackets round them; in lesson 01, any number of values."""
    fill = ast.parse(right(koan)).body[0]
    match fill:
        case ast.Expr(ast.List(elts)) if len(elts) == 2 or koan.lesson.number == "01":
            return right(koan)[1:-1]
    return right(koan)


def no_brackets() -> Lessons:
    """As text, for replaced() would put parentheses round them."""
    texts = lessons(right)
    for koan in MAIN:
        fill = without_brackets(koan)
        for end in ("\n", ")\n"):
            name, old = koan.lesson.path.name, f"{right(koan)}{end}"
            texts[name] = texts[name].replace(f" == {old}", f" == {fill}{end}")
            texts[name] = texts[name].replace(f"approx({old}", f"approx({fill}{end}")
    return texts


def unreadable() -> Learner:
    texts = lessons(right)
    files = in_bytes(
        texts,
        lesson_02=texts[lesson_file(texts, "02")].encode() + b"# caf\xe9\n",
        lesson_03=texts[lesson_file(texts, "03")].encode() + b"\0",
        lesson_05=b"#" * 300_000,
        lesson_08=texts[lesson_file(texts, "08")].encode("utf-16"),
    )
    seven = lesson_file(texts, "07")
    other = lessons(blank)[seven]
    return Learner("unreadable-files", {**files, f"old/{seven}": other})


def crlf(rng: random.Random) -> Learner:
    texts = lessons(mixed(rng))
    files = {name: text.replace("\n", "\r\n") for name, text in texts.items()}
    first = lesson_file(texts, "01")
    return Learner(
        "crlf", in_bytes(files, lesson_01=b"\xef\xbb\xbf" + files[first].encode())
    )


def reformatted() -> Lessons:
    """As a formatter of its own mind would: no comment and no layout is left."""
    texts = lessons(right)
    return {name: ast.unparse(ast.parse(text)) for name, text in texts.items()}


def missing_lessons(rng: random.Random) -> Lessons:
    texts = lessons(mixed(rng))
    return {n: t for n, t in texts.items() if n[5:7] not in ("04", "09")}


def numbered(texts: Lessons) -> Lessons:
    """With the -1 that platforms add to a file's name."""
    return {f"{name.removesuffix('.py')}-1.py": text for name, text in texts.items()}


def learners() -> list[Learner]:
    """The whole class."""
    rng = random.Random(SEED)
    refused_code = by_turns((), REFUSED_EXPRESSIONS, REFUSED_STATEMENTS)
    raising = by_turns((), RAISING_EXPRESSIONS, RAISING_STATEMENTS)
    return [
        Learner("all-right", lessons(right)),
        Learner("all-right-reformatted", reformatted(), is_zip=True),
        Learner("all-blank", lessons(blank)),
        Learner("also-right-first", lessons(also_right(0))),
        Learner("also-right-last", lessons(also_right(-1)), is_zip=True),
        Learner("tuples-for-lists", lessons(written_with(_Tuples()))),
        Learner("arithmetic", lessons(written_with(_Sums()))),
        Learner("mistakes-first", lessons(mistake(0))),
        Learner("mistakes-second", lessons(mistake(1)), is_zip=True),
        Learner("mistakes-last", lessons(mistake(-1))),
        Learner("mistakes-of-a-pattern", lessons(pattern)),
        Learner("mixed-1", lessons(mixed(rng))),
        Learner("mixed-2", lessons(mixed(rng)), is_zip=True),
        Learner("=mixed 3, Zoë", lessons(mixed(rng)), under="homework/gradients"),
        Learner("mixed-4", numbered(lessons(mixed(rng, 40))), under=""),
        Learner("mixed-5", lessons(mixed(rng, 25)), is_zip=True, under="a/b/koans"),
        Learner("mutants", lessons(mutant)),
        Learner("syntax-errors", syntax_errors()),
        Learner("changed-outside", changed_outside()),
        Learner("missing-lessons", missing_lessons(rng)),
        Learner("renamed-koans", renamed(), is_zip=True),
        unreadable(),
        crlf(rng),
        Learner("refused-code", lessons(refused_code)),
        Learner("refused-predictions", lessons(by_turns(REFUSED_PREDICTIONS))),
        Learner("raises", lessons(raising)),
        Learner("loops", lessons(endless)),
        Learner("prints", with_prints(lessons(printing))),
        Learner("no-brackets", no_brackets()),
        Learner("broken-zip", lessons(right), is_zip=True),
    ]


# ------------------------------------------------------------------------- on disk


def build(folder: Path) -> None:
    """Write all submissions into a folder, which is made."""
    folder.mkdir(parents=True)
    for learner in learners():
        files = {
            f"{learner.under}/{name}".lstrip("/"): data
            for name, data in learner.files.items()
        }
        if learner.is_zip:
            write_zip(folder / f"{learner.name}.zip", files)
        else:
            write_folder(folder / learner.name, files)
    broken = folder / "broken-zip.zip"
    broken.write_bytes(broken.read_bytes()[:-40])


def write_folder(path: Path, files: Mapping[str, str | bytes]) -> None:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data.encode() if isinstance(data, str) else data)


def write_zip(path: Path, files: Mapping[str, str | bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # always the same date


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build(Path(sys.argv[1]))
