"""report.html: where a class is stuck, on one page for its instructor.

The page needs nothing but itself: its styles are in it and are allowed by their
hash, it has no script, and its policy forbids every request. What learners wrote
is text everywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from sensei.grading.sheets import TEMPLATES, written
from sensei.grading.shown import clean, shortened

Record = Mapping[str, Any]
LONGEST_NAME = 80
LONGEST_FILL = 300
LONGEST_TITLE = 120  # of a cell: it is there for each that fell
LINES = 12  # of one fill
SHOWN = 8  # wrong answers to a koan
CANDIDATE = 3  # learners who gave an answer that has no name
OPEN = 3  # koans whose answers are unfolded at first


@dataclass(frozen=True)
class Kind:
    """How a verdict looks: a sign besides the colour; its letter is for the styles."""

    name: str
    sign: str
    letter: str
    means: str
    fell: bool = False


KINDS = (
    Kind("passed", "✓", "p", "right"),
    Kind("wrong", "✗", "w", "a prediction that does not hold", True),
    Kind("failed", "≠", "f", "code that fails its check", True),
    Kind("refused", "⊘", "r", "an answer that is not allowed, and was not run", True),
    Kind(
        "error", "!", "e", "could not be judged: the file or the code is broken", True
    ),
    Kind("timeout", "T", "t", "did not end in time", True),
    Kind("crashed", "C", "c", "ended its process", True),
    Kind("blank", "□", "b", "left as it was given"),
    Kind("missing", "–", "m", "not handed in"),
    Kind("skipped", "»", "s", "can't run where it was graded; counts for nobody"),
    Kind("ungraded", "?", "u", "the grader failed; counts for nobody"),
)
BY_NAME = {kind.name: kind for kind in KINDS}


# ----------------------------------------------------------------- what is shown


@dataclass
class Given:
    """One wrong answer to a koan, and how many learners gave it."""

    fill: str
    kind: Kind
    says: str
    named: bool
    times: int = 0

    @property
    def shown(self) -> str:
        return code(self.fill)

    @property
    def is_candidate(self) -> bool:
        """Whether it should have a name: given often, and a mistake."""
        return (
            not self.named
            and self.kind.name in ("wrong", "failed")
            and self.times >= CANDIDATE
            and 0 < len(self.fill) <= LONGEST_FILL
        )


@dataclass
class Column:
    """One koan and what a class made of it; ``place`` counts along the path.

    ``is_first`` is for the first of a lesson, where the heat map draws a line.
    """

    place: int
    lesson: str
    is_first: bool
    name: str
    asks: str
    right: str
    counts: Counter[str] = field(default_factory=Counter)
    given: dict[int, Given] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.name.removeprefix("test_").replace("_", " ")

    @cached_property
    def fell(self) -> int:
        return sum(self.counts[kind.name] for kind in KINDS if kind.fell)

    @property
    def tally(self) -> list[tuple[Kind, int]]:
        return [(k, self.counts[k.name]) for k in KINDS if self.counts[k.name]]

    @cached_property
    def wrong(self) -> list[Given]:
        """Its wrong answers, the most-given first."""
        return sorted(self.given.values(), key=lambda given: (-given.times, given.fill))

    @property
    def often(self) -> list[Given]:
        return self.wrong[:SHOWN]

    @property
    def rarer(self) -> int:
        return len(self.wrong) - len(self.often)

    @property
    def candidates(self) -> list[Given]:
        return [given for given in self.wrong if given.is_candidate]

    @property
    def snippet(self) -> str:
        """The unnamed answers as notes, to be pasted and completed."""
        return "\n\n".join(
            f"[[{self.name}.mistakes]]\n"
            f"fill = {toml(given.fill)}\n"
            f'says = "(given by {given.times}: say what is behind it)"'
            for given in self.candidates
        )


@dataclass(frozen=True)
class Row:
    """One learner: points, and for each koan its verdict and what is told of it."""

    id: str
    name: str
    total: int
    max: int
    cells: tuple[tuple[Column, Kind, str], ...]
    absent: tuple[str, ...]
    problem: str

    @property
    def percent(self) -> int:
        return 100 * self.total // self.max if self.max else 0


class Board:
    """A class, counted: what the page shows.

    ``told`` is what results.json holds; ``right`` are the right answers by their
    koans, only where they may be shown.
    """

    def __init__(self, told: Record, right: Mapping[str, str]) -> None:
        self.told = told
        koans = [
            (lesson, koan) for lesson in told["lessons"] for koan in lesson["koans"]
        ]
        self.koans = [
            Column(
                place,
                lesson["lesson"],
                koan is lesson["koans"][0] and place > 0,
                koan["koan"],
                koan["asks"],
                code(right.get(koan["koan"], "")),
            )
            for place, (lesson, koan) in enumerate(koans)
        ]
        self.learners = sorted(
            map(self._learner, told["learners"]),
            key=lambda learner: (learner.name.casefold(), learner.id),
        )

    def _learner(self, told: Record) -> Row:
        return Row(
            told["id"],
            shortened(clean(told["name"]), LONGEST_NAME) or told["id"],
            told["total"],
            told["max"],
            tuple(
                self._cell(koan, cell)
                for koan, cell in zip(self.koans, told["koans"], strict=True)
            ),
            tuple(told["missing_lessons"]),
            shortened(clean(told["problem"] or "")),
        )

    def _cell(self, koan: Column, cell: Record) -> tuple[Column, Kind, str]:
        """Count a cell; gives it with what was written, where the learner fell."""
        koan.counts[cell["verdict"]] += 1
        kind = BY_NAME[cell["verdict"]]
        if not kind.fell:
            return koan, kind, ""
        number = cell["answer"]
        if number not in koan.given:
            koan.given[number] = _given(self.told["answers"][number], kind)
        given = koan.given[number]
        given.times += 1
        title = f"{koan.lesson} {koan.title}: {kind.name}: {clean(given.fill)}"
        return koan, kind, shortened(title, LONGEST_TITLE)

    # ------------------------------------------------------------------ the parts

    @property
    def ranked(self) -> list[Column]:
        """The koans by how many fell there."""
        return sorted(
            self.koans,
            key=lambda koan: (-koan.fell, -koan.counts["blank"], koan.place),
        )

    @property
    def tally(self) -> list[tuple[Kind, int]]:
        counts: Counter[str] = Counter()
        for koan in self.koans:
            counts.update(koan.counts)
        return [(kind, counts[kind.name]) for kind in KINDS if counts[kind.name]]

    @property
    def totals(self) -> list[tuple[str, int]]:
        """How many learners got so many percent, from the best down."""
        bins = Counter(
            learner.percent // 10 for learner in self.learners if learner.max
        )
        labels = [f"{10 * n} to {10 * n + 9} %" for n in range(10)] + ["100 %"]
        return [(labels[n], bins[n]) for n in reversed(range(11))]

    @property
    def median(self) -> str:
        """Half of the learners have more than this, half less."""
        scores = sorted(learner.total for learner in self.learners)
        if not scores:
            return ""
        middle = (scores[(len(scores) - 1) // 2] + scores[len(scores) // 2]) / 2
        return f"{middle:g}"

    @property
    def out_of(self) -> int:
        return max((learner.max for learner in self.learners), default=0)

    @property
    def nothing(self) -> list[Row]:
        """Who handed in nothing that could be read."""
        everything = len(self.told["lessons"])
        return [
            learner
            for learner in self.learners
            if learner.problem or len(learner.absent) == everything > 0
        ]

    @property
    def partly(self) -> list[Row]:
        nothing = set(map(id, self.nothing))
        return [
            learner
            for learner in self.learners
            if learner.absent and id(learner) not in nothing
        ]

    @property
    def counted(self) -> int:
        """Learners who handed in something."""
        return len(self.learners) - len(self.nothing)

    @property
    def most(self) -> int:
        """How many fell where most did."""
        return max((koan.fell for koan in self.koans), default=0)


def _given(answer: Record, kind: Kind) -> Given:
    """An answer as it is listed; only a named mistake, a refusal or a fault says why.

    The sentence of any other wrong answer is made for the one who gave it.
    """
    fill = answer["fill"] or ""
    mistake = answer["mistake"] or ""
    if mistake or kind.name not in ("wrong", "failed"):
        said = mistake or answer["sentence"]
    else:
        said = ""
    return Given(fill, kind, shortened(clean(said), 1_000), bool(mistake))


# ------------------------------------------------------------------- text as text


def code(text: str) -> str:
    """A piece of code, shortened in both directions, its lines kept."""
    lines = clean(text, keep="\n").split("\n")
    more = ["..."] if len(lines) > LINES else []
    return shortened("\n".join([*lines[:LINES], *more]), LONGEST_FILL)


def prose(text: str) -> Markup:
    """A sentence as HTML; what stands in `backquotes` becomes code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if i % 2 else piece
        for i, piece in enumerate(pieces)
    )


def toml(text: str) -> str:
    """A text as a basic string of TOML, with nothing invisible in it."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(map(_toml_character, quoted)) + '"'


def _toml_character(character: str) -> str:
    if clean(character) == character:
        return character
    named = {"\n": "\\n", "\t": "\\t"}
    code_point = ord(character)
    digits = f"u{code_point:04x}" if code_point < 0x10000 else f"U{code_point:08x}"
    return named.get(character, f"\\{digits}")


# ------------------------------------------------------------------------ the page


def page(told: Record, right: Mapping[str, str]) -> str:
    """The whole page."""
    board = Board(told, right)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    style = (TEMPLATES / "report.css").read_text("utf-8")
    style += f".heat {{ --columns: {len(board.koans)}; }}\n"
    return environment.get_template("report.html.j2").render(
        board=board,
        kinds=KINDS,
        with_answers=bool(right),
        open_at_first=OPEN,
        candidate=CANDIDATE,
        style=Markup(style),
        style_hash=_hash(style),
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


def write(told: Record, right: Mapping[str, str], path: Path) -> None:
    """Write report.html."""
    with written(path) as file:
        file.write(page(told, right))
