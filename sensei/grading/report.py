"""report.html: where a class is stuck, on one page for its instructor.

The page needs nothing but itself: styles and script are in it and are allowed
by their hashes, and its policy forbids every request. Without the script it
still tells all but the heat map. What learners wrote is text everywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
from array import array
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from sensei.grading.results import Record, Results
from sensei.grading.sheets import written
from sensei.grading.shown import clean, shortened

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_NAME = 80
LONGEST_FILL = 300
LINES = 12  # of one fill
SHOWN = 8  # wrong answers to a koan
CANDIDATE = 3  # learners who gave an answer that has no name
OPEN = 3  # koans whose answers are unfolded at first


@dataclass(frozen=True)
class Kind:
    """How a verdict looks: a sign besides the colour, and a letter in the data."""

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
    """One wrong answer to a koan, and the places of the learners who gave it."""

    fill: str
    kind: Kind
    says: str
    named: bool
    learners: array[int] = field(default_factory=lambda: array("I"))

    @property
    def shown(self) -> str:
        return code(self.fill)

    @property
    def is_candidate(self) -> bool:
        """Whether it should have a name: given often, and a mistake."""
        return (
            not self.named
            and self.kind.name in ("wrong", "failed")
            and len(self.learners) >= CANDIDATE
            and 0 < len(self.fill) <= LONGEST_FILL
        )


@dataclass
class Koan:
    """One koan and what a class made of it; ``place`` counts along the path."""

    place: int
    lesson: str
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
        return sorted(
            self.given.values(), key=lambda given: (-len(given.learners), given.fill)
        )

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
            f'says = "(given by {len(given.learners)}: say what is behind it)"'
            for given in self.candidates
        )


@dataclass(frozen=True, slots=True)
class Learner:
    """One learner: points (of each lesson in ``lessons``), a letter for each koan."""

    name: str
    total: int
    max: int
    letters: str
    absent: tuple[str, ...]
    problem: str
    lessons: tuple[int, ...]

    @property
    def percent(self) -> int:
        return 100 * self.total // self.max if self.max else 0


class Board:
    """A class, counted: what the page shows."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.koans = [
            Koan(
                place,
                lesson["lesson"],
                koan["koan"],
                koan["asks"],
                code(results.right.get(koan["koan"], "")),
            )
            for place, (lesson, koan) in enumerate(results.koans)
        ]
        self.learners = [
            self._learner(place, told) for place, told in enumerate(results.learners())
        ]

    def _learner(self, place: int, told: Record) -> Learner:
        for koan, cell in zip(self.koans, told["koans"], strict=True):
            self._count(koan, place, cell)
        return Learner(
            shortened(clean(told["name"]), LONGEST_NAME) or told["id"],
            told["total"],
            told["max"],
            "".join(BY_NAME[cell["verdict"]].letter for cell in told["koans"]),
            tuple(told["missing_lessons"]),
            shortened(clean(told["problem"] or "")),
            tuple(got for got, _ in told["lessons"].values()),
        )

    def _count(self, koan: Koan, place: int, cell: Record) -> None:
        koan.counts[cell["verdict"]] += 1
        kind = BY_NAME[cell["verdict"]]
        if not kind.fell:
            return
        number = cell["answer"]
        if number not in koan.given:
            koan.given[number] = _given(self.results.answers[number], kind)
        koan.given[number].learners.append(place)

    # ------------------------------------------------------------------ the parts

    @property
    def ranked(self) -> list[Koan]:
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
    def nothing(self) -> list[Learner]:
        """Who handed in nothing that could be read."""
        everything = len(self.results.lessons)
        return [
            learner
            for learner in self.learners
            if learner.problem or len(learner.absent) == everything > 0
        ]

    @property
    def partly(self) -> list[Learner]:
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

    def data(self) -> dict[str, Any]:
        """What the script draws the heat map from."""
        return {
            "kinds": {kind.letter: [kind.name, kind.sign] for kind in KINDS},
            "fell": "".join(kind.letter for kind in KINDS if kind.fell),
            "lessons": [
                [lesson["lesson"], lesson["title"]] for lesson in self.results.lessons
            ],
            "koans": [[koan.lesson, koan.title, koan.fell] for koan in self.koans],
            "learners": [
                [learner.name, learner.total, learner.max, learner.letters]
                for learner in self.learners
            ],
            "given": [
                [given.learners.tolist() for given in koan.often] for koan in self.koans
            ],
        }


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


def page(results: Results) -> str:
    """The whole page."""
    board = Board(results)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    style = (TEMPLATES / "report.css").read_text("utf-8")
    script = (TEMPLATES / "report.js").read_text("utf-8")
    return environment.get_template("report.html.j2").render(
        board=board,
        kinds=KINDS,
        with_answers=bool(results.right),
        open_at_first=OPEN,
        candidate=CANDIDATE,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=_data(board.data()),
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


def _data(value: object) -> Markup:
    """JSON that no name in it can end."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def write(results: Results, path: Path) -> None:
    """Write report.html."""
    with written(path) as file:
        file.write(page(results))
