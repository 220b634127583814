"""The gradebook: what every learner's answers come to.

``make`` puts it together; every writer in ``out/`` is a function of it. Nothing here
reads or writes a file.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from sensei import points
from sensei.grading import figures
from sensei.grading.assignment import Assignment
from sensei.grading.book import Book, Entry
from sensei.grading.figures import Held, Similar, Statistics, similar, statistics_of
from sensei.grading.overrides import ByHand, Override
from sensei.grading.shown import clean, shortened
from sensei.lesson import Koan, Lesson
from sensei.verdicts import Kind

if TYPE_CHECKING:
    from sensei.grading.matching import Match

FELL = (Kind.WRONG, Kind.FAILED, Kind.REFUSED, Kind.ERROR, Kind.TIMEOUT, Kind.CRASHED)
FLAGGED = (Kind.MISSING, Kind.REFUSED, Kind.TIMEOUT, Kind.CRASHED, Kind.UNGRADED)
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
LONGEST_ID, LONGEST_NAME = 60, 80


class Mark(NamedTuple):
    """What goes back to a platform for one learner.

    ``by_lesson`` has points and how many there were to get; ``feedback_text`` is short
    and plain: a line for a cell of a marks file.
    """

    points: float
    out_of: float
    by_lesson: Mapping[str, tuple[float, float]] = {}
    late: bool = False
    handed_in: bool = True
    feedback_text: str = ""
    flags: Sequence[str] = ()


@dataclass(frozen=True)
class Answers:
    """What was taken from a hand-in.

    ``numbers`` are those of the answers in the book, a koan each; ``problem`` is why
    all of it could not be read ("" if it could); ``remarks`` are about its files;
    ``changed`` are the koans changed outside the blank, by their places, and
    ``absent`` the numbers of the lessons that are not in it. ``foreign`` are koans with
    other numbers than the learner's own: the places of these, by that of the koan.
    """

    numbers: Sequence[int]
    changed: Collection[int] = ()
    absent: Sequence[str] = ()
    remarks: Sequence[str] = ()
    problem: str = ""
    foreign: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """A learner's koan: what was written and what it is worth.

    ``asked`` is the koan with the learner's own numbers.
    """

    koan: Koan
    number: int
    entry: Entry
    kind: Kind
    changed: bool = False
    override: Override | None = None
    asked: Koan | None = None

    @property
    def title(self) -> str:
        return title(self.koan)

    @property
    def points(self) -> float:
        if self.override:
            return points.number(points.total([self.override.points]))
        return self.koan.note.points if self.kind is Kind.PASSED else 0

    @property
    def out_of(self) -> float:
        return self.koan.note.points if self.kind.counts or self.override else 0

    @property
    def fell(self) -> bool:
        return self.kind in FELL


@dataclass(frozen=True)
class Record:
    """One learner: whose it is, what was taken, and the koans that count.

    ``file_id`` is the name of their files.
    """

    match: Match
    answers: Answers
    cells: tuple[Cell, ...]
    file_id: str

    @property
    def id(self) -> str:
        return self.match.id

    @property
    def name(self) -> str:
        return shortened(clean(self.match.name or self.id), LONGEST_NAME)

    @property
    def is_test_student(self) -> bool:
        person = self.match.person
        return person is not None and person.is_test_student

    @property
    def handed_in(self) -> bool:
        """Whether there is something that could be read."""
        lessons = {cell.koan.lesson.number for cell in self.cells}
        is_there = self.match.hand_in is not None and not self.answers.problem
        return is_there and not lessons <= {*self.answers.absent}

    @cached_property
    def total(self) -> tuple[float, float]:
        return total(self.cells)

    @cached_property
    def by_lesson(self) -> dict[str, tuple[float, float]]:
        """Points, and how many there were to get, by the lesson's number."""
        groups = by_lesson(self.cells)
        return {lesson.number: total(cells) for lesson, cells in groups}

    @cached_property
    def flags(self) -> list[str]:
        """What an instructor should know beside the marks."""
        return list(_flags(self))

    def mark(self, feedback_text: str = "") -> Mark:
        late, flags = self.match.late, [*self.flags]
        by_lesson = dict(self.by_lesson)
        return Mark(*self.total, by_lesson, late, self.handed_in, feedback_text, flags)


# ------------------------------------------------------------- points, and names


def title(koan: Koan) -> str:
    """A koan's name for a reader."""
    return koan.name.removeprefix("test_").replace("_", " ")


def total(cells: Iterable[Cell]) -> tuple[float, float]:
    """Points, and how many there were to get."""
    cells = list(cells)
    got = points.total(cell.points for cell in cells)
    most = points.total(cell.out_of for cell in cells)
    return points.number(got), points.number(most)


def by_lesson(cells: Iterable[Cell]) -> list[tuple[Lesson, list[Cell]]]:
    """Cells by their lesson, in the order of the path."""
    groups = groupby(cells, key=lambda cell: cell.koan.lesson)
    return [(lesson, list(group)) for lesson, group in groups]


def percent(points: float, out_of: float) -> str:
    """As it stands in the sheet; empty where nothing could be got."""
    return f"{100 * points / out_of:.1f}" if out_of else ""


def _flags(record: Record) -> Iterator[str]:
    match, answers = record.match, record.answers
    if match.late:
        yield "late"
    if match.person and match.person.excused:
        yield "excused"
    if answers.problem:
        yield f"could not be read: {answers.problem}"
    yield from dict.fromkeys((*match.remarks, *answers.remarks))
    if match.hand_in is None:
        yield "nothing was handed in"
    elif answers.absent and not answers.problem:
        yield f"not handed in: lesson {', '.join(answers.absent)}"
    cells = [c for c in record.cells if c.koan.lesson.number not in answers.absent]
    groups = {"changed outside the blank": [cell for cell in cells if cell.changed]}
    groups |= {str(kind): [c for c in cells if c.kind is kind] for kind in FLAGGED}
    for what, inside in groups.items():
        if inside:
            yield f"{what}: {', '.join(cell.koan.name for cell in inside)}"
    for cell in record.cells:
        if cell.override:
            why = f" ({cell.override.why})" if cell.override.why else ""
            yield f"{cell.koan.name}: {points.shown(cell.points)} points by hand{why}"


# --------------------------------------------------------------------- the class


@dataclass(frozen=True)
class Gradebook:
    """A class that was graded. ``excluded`` are names of koans that are left out,
    ``beliefs`` what answers may be right if, each with the koan to look at.
    """

    assignment: Assignment
    book: Book
    records: tuple[Record, ...]
    excluded: tuple[str, ...] = ()
    beliefs: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def lessons(self) -> list[tuple[Lesson, list[Koan]]]:
        """The lessons, and their koans that count."""
        groups = [
            (lesson, [k for k in lesson.koans.values() if k.name not in self.excluded])
            for lesson in self.assignment.lessons
        ]
        return [(lesson, koans) for lesson, koans in groups if koans]

    @property
    def is_incomplete(self) -> bool:
        """Whether a hand-in could not be read, or the grader failed somewhere."""
        cells = (cell for record in self.records for cell in record.cells)
        return bool(self.unread) or any(cell.kind is Kind.UNGRADED for cell in cells)

    # ------------------------------------------------------------ who is counted

    @cached_property
    def test_students(self) -> list[Record]:
        return [record for record in self.records if record.is_test_student]

    @cached_property
    def people(self) -> list[Record]:
        """All but test students."""
        return [record for record in self.records if not record.is_test_student]

    @cached_property
    def counted(self) -> list[Record]:
        """Who handed in something that could be read: statistics are of these."""
        return [record for record in self.people if record.handed_in]

    @cached_property
    def absent(self) -> list[Record]:
        """Who handed in nothing."""
        return [record for record in self.people if record.match.hand_in is None]

    @cached_property
    def unread(self) -> list[Record]:
        """Whose hand-in could not be read, or holds no lesson."""
        there = [record for record in self.people if record.match.hand_in]
        return [record for record in there if not record.handed_in]

    # ---------------------------------------------------------------- statistics

    @cached_property
    def statistics(self) -> Statistics | None:
        return statistics_of([record.total for record in self.counted])

    @cached_property
    def statistics_by_lesson(self) -> list[tuple[Lesson, Statistics]]:
        """Each lesson's, of those who handed it in."""
        found = []
        for lesson, _ in self.lessons:
            there = [r for r in self.counted if lesson.number not in r.answers.absent]
            if of := statistics_of([r.by_lesson[lesson.number] for r in there]):
                found.append((lesson, of))
        return found

    @cached_property
    def statistics_by_section(self) -> list[tuple[str, Statistics]]:
        """By section as the roster writes it; empty where it has none."""
        sections: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for record in self.counted:
            sections[record.match.section].append(record.total)
        pairs = [(name, statistics_of(sections[name])) for name in sorted(sections)]
        return [(name, of) for name, of in pairs if of and any(sections)]

    @cached_property
    def held(self) -> list[Held]:
        """What the class believes; the members of a group count each."""
        return figures.held(self.counted, self.beliefs)

    @cached_property
    def similar(self) -> list[Similar]:
        """Similar wrong answers; the members of a group are one."""
        return similar([group[0] for group in self.groups if group[0].handed_in])

    # --------------------------------------------------------------------- names

    @cached_property
    def groups(self) -> list[list[Record]]:
        """The people by their hand-ins: several where they handed in together."""
        by_hand_in: dict[int, list[Record]] = defaultdict(list)
        for record in self.people:
            by_hand_in[id(record.match.hand_in or record)].append(record)
        return list(by_hand_in.values())

    @cached_property
    def _names(self) -> Counter[str]:
        return Counter(record.name.casefold() for record in self.records)

    def label(self, record: Record) -> str:
        """A learner's name; with the id where somebody else has the same."""
        if self._names[record.name.casefold()] < 2:
            return record.name
        return f"{record.name} ({shortened(clean(record.id), LONGEST_NAME)})"


# -------------------------------------------------------------------- put together


def make(
    assignment: Assignment,
    book: Book,
    learners: Sequence[tuple[Match, Answers]],
    skipped: Collection[int] = (),
    excluded: Collection[Koan] = (),
    by_hand: ByHand | None = None,
    beliefs: Mapping[str, str] | None = None,
) -> Gradebook:
    """The gradebook of a class: learners, and what was taken from their hand-ins.

    ``skipped`` are the koans that can't be run here, by their places; those that are
    ``excluded`` count for nobody; ``beliefs`` are those that were told.
    """
    koans = assignment.koans

    def cells(match: Match, answers: Answers) -> Iterator[Cell]:
        mine = (by_hand or {}).get(match, {})
        for place, number in enumerate(answers.numbers):
            koan, entry = koans[place], book.entries[number]
            kind = Kind.SKIPPED if place in skipped else entry.kind
            changed = place in answers.changed
            if koan not in excluded:
                asked = koan_of(assignment, entry)
                yield Cell(koan, number, entry, kind, changed, mine.get(koan), asked)

    pairs = zip(learners, file_ids(match.id for match, _ in learners), strict=True)
    records = [
        Record(match, answers, tuple(cells(match, answers)), file_id)
        for (match, answers), file_id in pairs
    ]
    names = tuple(koan.name for koan in koans if koan in excluded)
    return Gradebook(assignment, book, tuple(records), names, beliefs or {})


def koan_of(assignment: Assignment, entry: Entry) -> Koan:
    """The koan that an answer is to: it may be one with other numbers."""
    is_common = entry.koan < len(assignment.koans)
    koans = assignment.koans if is_common else assignment.all_koans
    return koans[entry.koan]


def file_ids(ids: Iterable[str]) -> list[str]:
    """A name for each learner's files that no file system confuses with another's."""
    pairs = [(id, _slug(id)) for id in ids]
    folded = Counter(slug.casefold() for _, slug in pairs)
    return [
        slug
        if slug == id and folded[slug.casefold()] == 1
        else f"{slug}-{hashlib.sha256(id.encode('utf-8', 'replace')).hexdigest()[:8]}"
        for id, slug in pairs
    ]


def _slug(text: str) -> str:
    """What of a text every file system takes."""
    ascii_ = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_)[:LONGEST_ID].strip("-.")
    return f"learner-{slug}" if not slug or RESERVED.fullmatch(slug) else slug
