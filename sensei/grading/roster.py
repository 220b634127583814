"""Who is in the class: a roster or worksheet as a platform exports it, or any CSV.

``read`` knows the platform by its columns and gives the people, each with the ids that
hand-ins are matched by (``matching``), and the column that marks go to
(``out.marks_back``). Forms and their sources: docs/grading.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sensei.grading import tables
from sensei.grading.handins import Id
from sensei.grading.tables import RosterError, Row, Table, shown


class Dialect(StrEnum):
    """Whose file it is; ``PLAIN`` is any CSV with an id."""

    MOODLE = "moodle"
    CANVAS = "canvas"
    BLACKBOARD = "blackboard"
    CLASSROOM = "classroom"
    CLASSROOM_50 = "classroom50"
    GRADESCOPE = "gradescope"
    PLAIN = "plain"

    @property
    def takes_marks(self) -> bool:
        """Whether the platform reads this file back, with a column of its own."""
        return self in (Dialect.MOODLE, Dialect.CANVAS, Dialect.BLACKBOARD)

    @property
    def is_list(self) -> bool:
        """Whether somebody keeps it by hand, so that all of it is worth repeating."""
        return self in (Dialect.PLAIN, Dialect.CLASSROOM, Dialect.CLASSROOM_50)


EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
NUMBER = re.compile(r"-?\d[\d.,\s]*")
LATE = re.compile(r"(?!.*(\d{4}|\d:\d\d)).*\d")  # a length of time, and no date
NOT_LATE = ("", "0", "no", "false", "-", "n", "nein", "00:00:00", "0:00:00")
EXCUSED = ("EX", "EXCUSED")
# Names of columns, in small letters and with a space for _ and -.
IDS: Mapping[Id, str] = {
    Id.USERNAME: "username|user name|login|login id|sis login id",
    Id.GITHUB: "github username|github|github login|github user",
    Id.STUDENT: "student id|sid|sis user id|student number|id number|roster identifier"
    "|matriculation number|matrikelnummer",
    Id.EMAIL: "email|email address|mail|e mail|e mail address|e mail adresse",
}
NAME = "name|full name|student|student name|display name"
FIRST = "first name|firstname|given name|first"
LAST = "last name|lastname|surname|family name|last"
GROUP = (
    "group|group name|team|team name"
    "|gruppe|groupe|grupo|gruppo|groep|grupp|ryhmä|grupa|skupina|группа|组|小组"
)
STATUS = "status|estado|estat|statut|stato|tila|stav|állapot|durum|статус|状态|狀態"
MOODLE_GRADE, MOODLE_MAXIMUM = "grade|bewertung", "maximum grade|bestwertung"
OF_CANVAS = re.compile(r"(?P<title>.*\S)\s*\((?P<number>\d+)\)")
OF_BLACKBOARD = re.compile(
    r"(?P<title>.*?)\s*(?:\[(?P<total>.*)\])?\s*\|\s*(?P<number>\d+)"
)


@dataclass(frozen=True, eq=False)
class Person:
    """A row of the roster. ``id`` is theirs alone, as the roster writes it.

    ``out_of`` is the platform's maximum for their mark, if it says one.
    """

    row: Row
    id: str
    name: str
    ids: Mapping[Id, str]
    section: str = ""
    group: str = ""
    late: bool = False
    excused: bool = False
    is_test_student: bool = False
    out_of: float | None = None


@dataclass(frozen=True)
class Roster:
    """The people of a class.

    ``column`` is that of the marks; where it is not clear which, ``question`` says what
    to ask for. ``carried`` are the columns that grades.csv repeats.
    """

    table: Table
    dialect: Dialect
    people: tuple[Person, ...] = field(repr=False)
    column: int | None = None
    question: str = ""
    carried: tuple[int, ...] = ()

    @property
    def path(self) -> Path:
        return self.table.path


def read(path: Path, column: str = "") -> Roster:
    """Read a roster; ``column`` names that of the marks. Raises RosterError."""
    table = tables.read(path)
    reader = _Reader(table)
    marks, question = reader.mark_column(column)
    people = tuple(reader.people(marks))
    return Roster(table, reader.dialect, people, marks, question, reader.carried)


def number(text: str) -> float | None:
    """A number with a decimal point or comma: the last of either is the decimal."""
    if not NUMBER.fullmatch(text.strip()):
        return None
    whole, point, part = re.sub(r"\s", "", text).replace(",", ".").rpartition(".")
    return float(whole.replace(".", "") + point + part)


def index(names: Sequence[str], ways: str) -> int | None:
    """The place of the first of some names, given as ``one|other``."""
    return next((names.index(way) for way in ways.split("|") if way in names), None)


def folded(name: str) -> str:
    """A column's name without what programs write in different ways."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


# ---------------------------------------------------------------- whose file it is


def _dialect(table: Table, names: Sequence[str]) -> Dialect:
    has = {*names}
    students = "student" in has or {"lastname", "firstname"} <= has
    if students and {"id", "section"} <= has:
        return Dialect.CANVAS
    titles = any(map(OF_BLACKBOARD.fullmatch, table.header.cells))
    if "username" in has and (titles or "availability" in has):
        return Dialect.BLACKBOARD
    if "github username" in has and has & {"identifier", "roster identifier"}:
        return Dialect.CLASSROOM
    if {"username", "github id"} <= has:
        return Dialect.CLASSROOM_50
    if "sid" in has and has & {"submission id", "total score"}:
        return Dialect.GRADESCOPE
    return Dialect.MOODLE if _is_moodle(table, names) else Dialect.PLAIN


def _is_moodle(table: Table, names: Sequence[str]) -> bool:
    """In any language: a word and a number in front, and a mark beside its maximum."""
    first = [row.cell(0) for row in table.rows if not row.is_empty]
    words = {cell.rstrip("0123456789") for cell in first}
    if len(words) > 1 or not all(re.fullmatch(r"\D+\d+", cell) for cell in first):
        return False
    return names[:1] == ["identifier"] or moodle_columns(table)[0] is not None


def moodle_columns(table: Table) -> tuple[int | None, int | None]:
    """The columns of the mark and of its maximum, in any language.

    They are known by name or, where that is not known here, as numbers beside one
    number all the way down, with a column of dates to come.
    """
    names = [folded(name) for name in table.header.cells]
    if (grade := index(names, MOODLE_GRADE)) is not None:
        return grade, index(names, MOODLE_MAXIMUM)
    rows = [row for row in table.rows if not row.is_empty]
    cells = [[row.cell(i) for row in rows] for i in range(len(names))]
    for i in reversed(range(3, len(names) - 1)):
        is_maximum = len({*cells[i]}) == 1 and number(cells[i][0]) is not None
        are_marks = all(not cell or number(cell) is not None for cell in cells[i - 1])
        if is_maximum and are_marks and any(map(_are_dates, cells[i + 1 :])):
            return i - 1, i
    return None, None


def _are_dates(cells: Sequence[str]) -> bool:
    return all(cell == "-" or re.search(r"\d{4}", cell) for cell in cells)


# -------------------------------------------------------------------- its columns


class _Reader:
    """Which column is what, and the people that this makes."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.names = [folded(name) for name in table.header.cells]
        self.dialect = _dialect(table, self.names)
        self.ids = {kind: index(self.names, ways) for kind, ways in IDS.items()}
        if self.ids[Id.EMAIL] is None:
            self.ids[Id.EMAIL] = self._of_emails()
        self.own, kind = self._own()
        if self.own is None:
            raise RosterError.at(table.path, table.header.line, _no_id(table))
        self.ids[kind] = self.own
        self.section = index(self.names, "section|sections")
        self.group = index(self.names, GROUP)
        self.late = index(self.names, "late|lateness (h:m:s)")
        if self.dialect is Dialect.MOODLE:
            self.late = index(self.names, STATUS)
        self.maxima = next(filter(is_points_possible, table.rows), None)
        self.grade, self.most = moodle_columns(table)
        self.full = index(self.names, NAME)
        self.parts = [index(self.names, FIRST), index(self.names, LAST)]
        if self.dialect is Dialect.MOODLE and self.full is None:
            others = (self.late, self.group, self.ids[Id.EMAIL])
            self.full = None if 1 in others else 1  # in a language that is not known

    def _own(self) -> tuple[int | None, Id]:
        """The column of an id that is nobody else's, and what that stands for."""
        ids, general = self.ids, index(self.names, "id|identifier")
        if self.dialect is Dialect.MOODLE:
            return 0, Id.PARTICIPANT
        if self.dialect is Dialect.CANVAS:
            return general, Id.CANVAS
        if self.dialect is Dialect.CLASSROOM_50:
            return ids.pop(Id.USERNAME), Id.GITHUB
        if self.dialect is Dialect.BLACKBOARD:
            return ids[Id.USERNAME], Id.USERNAME
        if general is not None:
            return general, Id.STUDENT
        order = (Id.STUDENT, Id.USERNAME, Id.EMAIL, Id.GITHUB)
        known = [(ids[kind], kind) for kind in order if ids[kind] is not None]
        return known[0] if known else (None, Id.STUDENT)

    def _of_emails(self) -> int | None:
        """Whatever it is called: the column that has addresses in it."""
        for i in range(len(self.names)):
            cells = [row.cell(i) for row in self.table.rows if row.cell(i)]
            if cells and all(map(EMAIL.fullmatch, cells)):
                return i
        return None

    @property
    def carried(self) -> tuple[int, ...]:
        known = {self.own, self.full, *self.parts, self.section}
        ids = {*self.ids.values(), self.group}
        return tuple(
            i
            for i in range(len(self.names))
            if i not in known and (self.dialect.is_list or i in ids)
        )

    # ------------------------------------------------------------ where marks go

    def mark_column(self, wanted: str) -> tuple[int | None, str]:
        """The column of the marks, or what to ask; raises where a wish does not fit."""
        if not self.dialect.takes_marks:
            return None, ""
        there = dict(self._mark_columns())
        if wanted:
            fitting = [i for i, name in there.items() if _is_called(name, wanted)]
        else:
            fitting = [i for i, name in there.items() if "koans" in name.casefold()]
            fitting = [*there] if len(there) == 1 else fitting
        if len(fitting) == 1:
            return fitting[0], ""
        among = "; ".join(map(shown, there.values()))
        question = f"{self.table.path}: it has no column for marks"
        if there:
            question = (
                f"{self.table.path}: which column are the marks for? Give --column a "
                f"title or a number; there are: {among}"
            )
        if wanted:
            raise RosterError(f"--column {shown(wanted)} is not one. {question}")
        return None, question

    def _mark_columns(self) -> Iterator[tuple[int, str]]:
        points = self.maxima
        for i, name in enumerate(self.table.header.cells):
            if self.dialect is Dialect.MOODLE:
                fits = i == self.grade
            elif self.dialect is Dialect.CANVAS:
                is_total = points is not None and points.cell(i).startswith("(")
                fits = bool(OF_CANVAS.fullmatch(name)) and not is_total
            else:
                fits = bool(OF_BLACKBOARD.fullmatch(name))
            if fits:
                yield i, name

    def _maximum(self, row: Row, marks: int | None) -> float | None:
        """What the platform says that a mark is out of."""
        if marks is None:
            return None
        if self.dialect is Dialect.MOODLE:
            return number(row.cell(self.most))
        if self.dialect is Dialect.CANVAS:
            return number(self.maxima.cell(marks)) if self.maxima else None
        parts = OF_BLACKBOARD.fullmatch(self.table.header.cells[marks])
        digits = re.search(r"\d[\d.,]*", parts["total"] or "") if parts else None
        return number(digits[0]) if digits else None

    # ------------------------------------------------------------------- people

    def people(self, marks: int | None) -> Iterator[Person]:
        lines: dict[str, int] = {}
        rows = [row for row in self.table.rows if self._is_person(row)]
        for row in rows:
            person = self._person(row, marks, row is rows[-1])
            if before := lines.get(person.id.casefold()):
                said = f"the id {shown(person.id)} is on line {before} already"
                raise RosterError.at(self.table.path, row.line, said)
            lines[person.id.casefold()] = row.line
            yield person

    def _is_person(self, row: Row) -> bool:
        """Not what Canvas has above them: its maxima, and how it posts marks."""
        if row.is_empty or is_points_possible(row):
            return False
        is_one = bool(row.cell(self.own) or self._name(row))
        return is_one or self.dialect is not Dialect.CANVAS

    def _person(self, row: Row, marks: int | None, is_last: bool) -> Person:
        surplus = row.cells[len(self.names) :]
        if any(map(str.strip, surplus)):
            said = (
                f"{len(row.cells)} columns, where the header has {len(self.names)}; "
                "a comma in a name needs quotes around it"
            )
            raise RosterError.at(self.table.path, row.line, said)
        ids = {kind: unwrapped(row.cell(i)) for kind, i in self.ids.items()}
        ids = {kind: text for kind, text in ids.items() if text}
        if self.dialect is Dialect.MOODLE:
            ids[Id.PARTICIPANT] = re.sub(r".*\D", "", row.cell(self.own))
        name = self._name(row)
        own = ids.get(Id.PARTICIPANT) or unwrapped(row.cell(self.own))
        own = own or next(iter(ids.values()), name)
        if not own:
            raise RosterError.at(self.table.path, row.line, "the id is empty")
        is_canvas = self.dialect is Dialect.CANVAS
        is_test = is_last and name == "Test Student" and Id.STUDENT not in ids
        return Person(
            row=row,
            id=own,
            name=name or own,
            ids=ids,
            section=row.cell(self.section),
            group=row.cell(self.group),
            late=self._is_late(row),
            excused=is_canvas and row.cell(marks).upper() in EXCUSED,
            is_test_student=is_canvas and is_test,
            out_of=self._maximum(row, marks),
        )

    def _name(self, row: Row) -> str:
        full = unwrapped(row.cell(self.full))
        if full and self.dialect is Dialect.CANVAS:  # the last comma: "Lee, Jr., Sam"
            last, _, first = full.rpartition(",")
            return f"{first.strip()} {last.strip()}".strip()
        parts = [unwrapped(row.cell(part)) for part in self.parts]
        return full or " ".join(filter(None, parts))

    def _is_late(self, row: Row) -> bool:
        cell = row.cell(self.late)
        if self.dialect is Dialect.MOODLE:
            return any(map(LATE.match, cell.split(" - ")[1:]))
        return cell.casefold() not in NOT_LATE


def _no_id(table: Table) -> str:
    return (
        "no column is called id. The first line has to name the columns, such as "
        f"id,name,email; found: {shown(table.header.cells) or 'nothing'}"
    )


def _is_called(name: str, wanted: str) -> bool:
    parts = OF_CANVAS.fullmatch(name) or OF_BLACKBOARD.fullmatch(name)
    ways = [name, *(parts.group("title", "number") if parts else ())]
    return wanted.strip().casefold() in [way.strip().casefold() for way in ways]


def is_points_possible(row: Row) -> bool:
    """Whether it is Canvas' row of what there is to get."""
    return "Points Possible" in map(str.strip, row.cells)


def unwrapped(cell: str) -> str:
    """What a platform wraps as ``="…"``, for a spreadsheet to leave it alone."""
    return cell[2:-1] if cell.startswith('="') and cell.endswith('"') else cell
