"""What an instructor decides by hand: points in ``overrides.csv``, koans to exclude.

``command`` looks at both before anything is judged, ``gradebook`` applies them; the
sheet and the feedback show them.
"""

from __future__ import annotations

import csv
import difflib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sensei.course import CourseError
from sensei.grading.handins import Id
from sensei.grading.shown import clean, shortened
from sensei.lesson import Koan

if TYPE_CHECKING:
    from sensei.grading.matching import Match

COLUMNS = ("learner", "koan", "points", "why")
DELIMITERS = ",;\t"


class OverrideError(CourseError):
    """An override or a koan to exclude that can't be used; the message says which."""


@dataclass(frozen=True)
class Override:
    """Points for one learner's koan; ``place`` is where they were given."""

    learner: str
    koan: str
    points: float
    why: str
    place: str = ""


def koan_of(koans: Iterable[Koan], wanted: str) -> Koan:
    """The koan of a name, with its test_ or without; raises OverrideError."""
    by_name = {koan.name: koan for koan in koans}
    for name in (wanted, f"test_{wanted}"):
        if name in by_name:
            return by_name[name]
    whole = f"test_{wanted.removeprefix('test_')}"
    near = difflib.get_close_matches(whole, by_name, 3)
    meant = f"; is one of these meant: {', '.join(near)}?" if near else ""
    raise OverrideError(f"there is no koan {_quoted(wanted)} in these lessons{meant}")


def _quoted(text: str) -> str:
    return f"“{shortened(clean(text), 60)}”"


# ------------------------------------------------------------------------ the file


def read(path: Path) -> list[Override]:
    """What the file says; nothing where there is none. Raises OverrideError."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise OverrideError(f"{path}: not UTF-8; save it as CSV in UTF-8") from None
    except OSError as error:
        raise OverrideError(f"{path}: can't be read: {error.strerror}") from None
    try:
        return list(_overrides(path, text))
    except csv.Error as error:
        raise OverrideError(f"{path}: not CSV: {error}") from None


def _overrides(path: Path, text: str) -> Iterator[Override]:
    lines = text.splitlines(keepends=True)
    delimiter = max(DELIMITERS, key=lines[0].count) if lines else ","
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    header = [cell.strip().casefold() for cell in next(rows, [])]
    if missing := [name for name in COLUMNS if name not in header]:
        raise OverrideError(
            f"{path}: its first line has to name {', '.join(COLUMNS)}; there is no "
            f"{', '.join(missing)}"
        )
    for row in rows:
        cells = dict(zip(header, map(str.strip, row), strict=False))
        if any(cells.values()):
            yield _override(f"{path}:{rows.line_num}", cells)


def _override(place: str, cells: Mapping[str, str]) -> Override:
    learner, koan, points, why = (cells.get(name, "") for name in COLUMNS)
    if not learner or not koan:
        raise OverrideError(f"{place}: learner or koan is empty")
    try:
        number = float(points.replace(",", "."))
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise OverrideError(f"{place}: points {_quoted(points)}: a number from 0 up")
    return Override(learner, koan, number, why, place)


# ------------------------------------------------------------------------- applied

ByHand = Mapping["Match", Mapping[Koan, Override]]


def by_learner(
    overrides: Iterable[Override],
    matches: Sequence[Match],
    koans: Sequence[Koan],
    excluded: Collection[Koan],
) -> ByHand:
    """The overrides of each learner, by koan; raises OverrideError."""
    given: dict[Match, dict[Koan, Override]] = defaultdict(dict)
    for override in overrides:
        try:
            koan, mine = koan_of(koans, override.koan), given[_of(matches, override)]
            _check(override, koan, mine, excluded)
        except OverrideError as error:
            raise OverrideError(f"{override.place}: {error}") from None
        mine[koan] = override
    return given


def _check(
    override: Override,
    koan: Koan,
    mine: Mapping[Koan, Override],
    excluded: Collection[Koan],
) -> None:
    most = koan.note.points
    if koan in excluded:
        raise OverrideError(f"{koan.name} is excluded")
    if koan in mine:
        raise OverrideError(f"{koan.name} stands at {mine[koan].place} already")
    if override.points > most:
        raise OverrideError(f"{override.points:g} points, and {koan.name} has {most:g}")


def _of(matches: Iterable[Match], override: Override) -> Match:
    """The learner who is meant: any id of theirs will do, a name will not."""
    wanted, who = override.learner.casefold(), _quoted(override.learner)
    found = [match for match in matches if wanted in _ids(match)]
    if not found:
        raise OverrideError(f"there is no learner {who}; write an id of grades.csv")
    if len(found) > 1:
        several = ", ".join(match.id for match in found[:4])
        raise OverrideError(f"{who} may be any of {several}; write one of these")
    return found[0]


def _ids(match: Match) -> set[str]:
    """What tells a learner from others; the ids of a hand-in may be a group's."""
    of = match.person or match.hand_in
    ids = [text for kind, text in of.ids.items() if kind is not Id.NAME] if of else []
    return {text.casefold() for text in (match.id, *ids)}
