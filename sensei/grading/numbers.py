"""Numbers of one's own: a few variants of each koan, and which of them is whose.

``sensei handout --numbers`` finds them once, and keeps them in a file with a random
key: the secret. Which of its variants a learner has follows from the key and the
learner's id, so that the same secret gives out, and grades, the same numbers again.
"""

from __future__ import annotations

import ast
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sensei import blanks, comparing, drawing, edit, predictions, source, variants
from sensei.attempt import Arguments
from sensei.blanks import Fill
from sensei.course import Course, CourseError
from sensei.lesson import Koan, Lesson, functions
from sensei.partial import FIGURES
from sensei.running import argument_sets
from sensei.watchdog import Limits

NAME = "numbers.secret"
WHAT = "the numbers of a handout"
LARGEST_POOL = 14  # variants of a koan
MISSES = 3  # looks in a row that bring no other text
SEEDS = 10**6


class NumbersError(CourseError):
    """A secret that can't be used; the message says why, and what would help."""


@dataclass(frozen=True)
class Pool:
    """The variants of one koan: their seeds, and the right answer to each.

    ``of`` is the digest of the koan that they were drawn from.
    """

    of: str
    seeds: tuple[int, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Numbers:
    """The secret: a key, and pools by their koans (see ``name_of``)."""

    key: str
    pools: Mapping[str, Pool]

    def pool(self, koan: Koan) -> Pool | None:
        return self.pools.get(name_of(koan))

    def choice(self, koan: Koan, learner: str) -> int:
        """Which of the variants of a koan a learner has."""
        text = f"{learner}\n{name_of(koan)}".encode("utf-8", "surrogatepass")
        digest = hmac.new(bytes.fromhex(self.key), text, hashlib.sha256).digest()
        return int.from_bytes(digest[:8], "big") % len(self.pools[name_of(koan)].seeds)

    def as_json(self, with_key: bool = True) -> str:
        pools = {name: vars(pool) for name, pool in self.pools.items()}
        table = {"what": WHAT, "key": self.key if with_key else "", "pools": pools}
        return json.dumps({**table, "check": _check(table)}, indent=1) + "\n"


def name_of(koan: Koan) -> str:
    """A koan as the secret calls it."""
    return f"{koan.lesson.name}::{koan.name}"


def _check(table: Mapping[str, Any]) -> str:
    text = json.dumps(table, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(koan: Koan) -> str:
    return hashlib.sha256(drawing.text_of(koan).encode()).hexdigest()[:16]


# ---------------------------------------------------------------- made, and read


def make(course: Course, lessons: Sequence[Lesson]) -> Numbers:
    """Find variants for all koans of these lessons that can have some."""
    course.find_helpers()
    koans = [koan for lesson in lessons for koan in lesson.koans.values()]
    pools = {name_of(koan): pool for koan in koans if (pool := _pool(koan))}
    return Numbers(secrets.token_hex(16), pools)


def _pool(koan: Koan) -> Pool | None:
    """Different variants of a koan; None where there are fewer than two."""
    if drawing.why_not(koan):
        return None
    runs, limits = argument_sets(koan), Limits(koan.lesson.course.seconds)
    found: dict[str, tuple[int, str]] = {}
    seed, misses = secrets.randbelow(SEEDS), 0
    while len(found) < LARGEST_POOL and misses < MISSES:
        sound = variants.find(koan, seed, runs[0], limits)
        if sound is None:
            break
        seed = sound + 1
        text = drawing.draw(koan, sound)
        answer = _answer(koan, text, runs, limits) if text not in found else ""
        misses = 0 if answer else misses + 1
        if text and answer:
            found[text] = sound, answer
    if len(found) < 2:
        return None
    seeds, answers = zip(*found.values(), strict=True)
    return Pool(_digest(koan), seeds, answers)


def _answer(
    koan: Koan, text: str | None, runs: Sequence[Arguments], limits: Limits
) -> str:
    """The right answer, as somebody would write it; "" where there is not one."""
    if text is None:
        return ""
    found = [variants.answer_of(koan, text, run, limits) for run in runs]
    written = predictions.as_text(found[0], FIGURES)
    return written if all(is_right(koan, written, each) for each in found) else ""


def is_right(koan: Koan, fill: str, found: Any) -> bool:
    """Whether a prediction says what was found, as far as its koan asks."""
    value = value_of(koan, fill)
    attempt = variants.attempt(koan, drawing.text_of(koan))
    return value is not None and bool(
        comparing.predicted(found, value, attempt.forms[0].tolerance)
    )


def value_of(koan: Koan, fill: str) -> Any:
    """What a prediction comes to; None for what is none."""
    koan.lesson.course.find_helpers()
    modules = variants.attempt(koan, drawing.text_of(koan)).work.modules
    try:
        node = ast.parse(fill, mode="eval").body
        return predictions.evaluate(node, modules)
    except (SyntaxError, ValueError, predictions.Refused):
        return None


def read(path: Path, lessons: Sequence[Lesson]) -> Numbers:
    """The secret in a file, held to the lessons; raises NumbersError."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise NumbersError(
            f"{path}: there is no such file. Without the secret it can't "
            f"be said which numbers are whose. Look where the handout was made"
        ) from None
    except (OSError, UnicodeDecodeError):
        raise NumbersError(
            f"{path}: can't be read as the secret of a handout"
        ) from None
    numbers = parsed(text)
    if numbers is None:
        raise NumbersError(f"{path}: is no secret of a handout, or was changed since")
    for koan in (koan for lesson in lessons for koan in lesson.koans.values()):
        pool = numbers.pool(koan)
        if pool and (drawing.why_not(koan) or pool.of != _digest(koan)):
            raise NumbersError(
                f"{path}: belongs to another version of the course: {koan.name} is not "
                f"the koan that its numbers were made for. Grade with the version that "
                f"the handout was made with"
            )
    return numbers


def parsed(text: str) -> Numbers | None:
    """A secret from its text; None for what is none."""
    try:
        table = json.loads(text)
        check = table.pop("check")
        if check != _check(table) or table["what"] != WHAT:
            return None
        pools = {
            name: Pool(pool["of"], tuple(pool["seeds"]), tuple(pool["answers"]))
            for name, pool in table["pools"].items()
        }
        return Numbers(table["key"], pools)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


# ------------------------------------------------------------- a learner's own koans


def variant_of(koan: Koan, pool: Pool, number: int) -> Koan:
    """One of a pool, with its right answer as its solution."""
    text = drawing.draw(koan, pool.seeds[number])
    assert text is not None
    answer = ast.parse(pool.answers[number], mode="eval").body
    return replace(drawing.variant(koan, text), solution=Fill((answer,)))


@dataclass(frozen=True, eq=False)
class Own:
    """A learner's numbers in a lesson: its texts, and what its notes may say."""

    numbers: Numbers
    learner: str

    def text(self, lesson: Lesson) -> str:
        """The lesson as this learner is given it."""
        assert lesson.pristine is not None
        return with_koans(lesson.pristine.text, self._drawn(lesson))

    def solution(self, lesson: Lesson) -> str:
        """The lesson solved."""
        assert lesson.pristine is not None
        texts = {
            name: _filled(text, self._answer(lesson.koans[name]))
            for name, text in self._drawn(lesson).items()
        }
        return with_koans(lesson.pristine.solution, texts)

    def notes(self, lesson: Lesson, notes: Mapping[str, Any]) -> dict[str, Any]:
        """The notes without what was said of other numbers."""
        said = dict(notes)
        for name, text in self._drawn(lesson).items():
            note = drawing.variant(lesson.koans[name], text).note
            hints, because = list(note.hints), note.because
            more = {"asks": note.asks, "hints": hints, "because": because}
            said[name] = {**notes[name], **more, "mistakes": []}
        return said

    def _answer(self, koan: Koan) -> str:
        pool = self.numbers.pools[name_of(koan)]
        return pool.answers[self.numbers.choice(koan, self.learner)]

    def _drawn(self, lesson: Lesson) -> dict[str, str]:
        texts = {}
        for koan in lesson.koans.values():
            if pool := self.numbers.pool(koan):
                seed = pool.seeds[self.numbers.choice(koan, self.learner)]
                texts[koan.name] = drawing.draw(koan, seed) or ""
        return texts


def with_koans(text: str, koans: Mapping[str, str]) -> str:
    """A lesson's text with other texts of some of its koans."""
    lines = source.lines_of(text)
    found = functions(source.parse(text).body)
    spans = {name: source.span(found[name][0]) for name in koans}
    for name, span in sorted(spans.items(), key=lambda item: -item[1].start):
        lines[span] = koans[name].rstrip("\n").split("\n")
    return "\n".join(lines)


def _filled(text: str, answer: str) -> str:
    [function] = [n for n in source.parse(text).body if isinstance(n, source.Function)]
    [blank] = blanks.find_blanks(function)
    return edit.replaced(text, [(Fill((blank,)), answer)])
