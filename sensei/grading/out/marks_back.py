"""Marks on their way back: the roster that came in, with the marks in it.

``command`` asks for ``marks_back`` and ``grades_csv``, shows the lines of what they
give, and writes it. Nothing is changed in a file but the cells of the marks of those
who handed in. What a platform takes, and what it skips without a word:
docs/grading.md.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sensei.grading.gradebook import Mark
from sensei.grading.matching import Match
from sensei.grading.roster import (
    Dialect,
    Person,
    Roster,
    folded,
    is_points_possible,
)
from sensei.grading.shown import cell as safe_cell
from sensei.grading.tables import RosterError, shown, some

NUMBER = re.compile(r"[+-]?\d[\d.,]*%?")  # what a formula is not
MANY = 250  # learners, from which on a Canvas site may be slow
OF_CANVAS = {"sis user id", "sis login id", "integration id", "root account"}
KEPT = ("EX", "EXCUSED", "N/A")  # in Canvas: excused, not assigned or hidden
NO = {"no", "nein", "non", "nee", "nej", "nie", "não", "нет", "否"}


@dataclass(frozen=True)
class Asked:
    """How marks are wanted where a file has no column for them: percent in the place
    of points, and a column for each lesson.
    """

    percent: bool = False
    by_lesson: bool = False


@dataclass(frozen=True)
class Sheet:
    """A file to be written. ``notes`` say what was done with the marks, ``warnings``
    what the platform would refuse or skip.
    """

    name: str
    data: bytes
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()

    def lines(self) -> list[str]:
        """For the screen."""
        notes = "; ".join(self.notes)
        return [f"{self.name}: {notes}", *(f"  ! {said}" for said in self.warnings)]


Marks = Callable[[Person], Mark | None] | Mapping[Person, Mark]


def marks_back(roster: Roster, marks: Marks, asked: Asked = Asked()) -> Sheet:
    """The roster with its marks. Raises RosterError where it can't say where to."""
    of = marks if callable(marks) else marks.get
    here = {}
    for person in roster.people:
        mark = of(person)
        if mark is not None and mark.handed_in:
            here[person] = mark
    suffix = roster.path.suffix or ".csv"
    name = f"marks-{roster.dialect}{suffix}"
    if not roster.dialect.takes_marks:
        return _appended(roster, here, asked, name)
    if roster.column is None:
        raise RosterError(roster.question)
    if roster.dialect is Dialect.MOODLE and any(p.out_of is None for p in here):
        raise RosterError(
            f"{roster.path}: it has no maximum grade in numbers. A scale takes words: "
            "give the assignment points in Moodle, and download the worksheet again"
        )
    return _filled(roster, here, name)


# ------------------------------------------------------------- a platform's own file


def _filled(roster: Roster, here: Mapping[Person, Mark], name: str) -> Sheet:
    """Marks in the column that the platform has for them, and feedback in its own."""
    assert roster.column is not None
    feedback = _feedback_column(roster)
    changed = {}
    for person, mark in here.items():
        if _is_kept(roster, person):
            continue
        cells = {roster.column: f"{scaled(person, mark):.2f}"}
        if feedback is not None and mark.feedback_text:
            cells[feedback] = " ".join(mark.feedback_text.split())
        changed[person.row.line] = roster.table.with_cells(person.row, cells)
    notes = [f"{len(changed)} marks of {_count(roster)} people", *_scales(here)]
    warnings = _uneven(roster) + _outside(roster, here)
    warnings += _CHECKS[roster.dialect](roster, here)
    return Sheet(name, roster.table.data(changed), notes, warnings)


def scaled(person: Person, mark: Mark) -> float:
    """A mark as the platform counts: out of its maximum for this person."""
    if not person.out_of or not mark.out_of:
        return mark.points
    return mark.points * person.out_of / mark.out_of


def _count(roster: Roster) -> int:
    return sum(not person.is_test_student for person in roster.people)


def _scales(here: Mapping[Person, Mark]) -> list[str]:
    scales = {
        f"scaled from {_number(mark.out_of)} to {_number(person.out_of)}"
        for person, mark in here.items()
        if person.out_of and person.out_of != mark.out_of
    }
    return sorted(scales)


def _is_kept(roster: Roster, person: Person) -> bool:
    is_canvas = roster.dialect is Dialect.CANVAS
    return is_canvas and person.row.cell(roster.column).upper() in KEPT


def _feedback_column(roster: Roster) -> int | None:
    names = [folded(name) for name in roster.table.header.cells]
    is_there = roster.dialect is Dialect.BLACKBOARD and "feedback to learner" in names
    return names.index("feedback to learner") if is_there else None


# ----------------------------------------------- what would be refused, or skipped


def _uneven(roster: Roster) -> list[str]:
    lines = [str(row.line) for row in roster.table.uneven]
    if not lines or not roster.dialect.takes_marks:
        return []
    return [
        f"line {some(lines)} of {roster.path.name}: not as many cells as the header. "
        f"{roster.dialect.capitalize()} may refuse the whole file for it: correct it "
        "and run this again"
    ]


def _outside(roster: Roster, here: Mapping[Person, Mark]) -> list[str]:
    people = [
        person.name
        for person, mark in here.items()
        if not 0 <= scaled(person, mark) <= (person.out_of or mark.out_of)
    ]
    if not people:
        return []
    skips = "; Moodle skips such a mark" * (roster.dialect is Dialect.MOODLE)
    return [f"above the maximum, or below 0: {some(people)}{skips}"]


def _of_moodle(roster: Roster, here: Mapping[Person, Mark]) -> list[str]:
    table = roster.table
    column = roster.column or 0
    header = table.header.cells
    said = [
        "Moodle takes the file only while its own language is the header's "
        f"({shown(header[0])}, {shown(header[column])}): check that before you upload"
    ]
    after = {folded(name) for name in header[column + 1 :]}
    if folded(header[0]) == "identifier" and "last modified (grade)" not in after:
        said.append('the column "Last modified (grade)" is gone; Moodle needs it')
    if table.delimiter != "," or table.encoding != "utf-8":
        said.append(
            "it is not UTF-8 with commas: say so in Moodle's form, or save it so"
        )
    locked = [
        person.name
        for person in here
        if any(
            cell.strip().casefold() in NO
            for cell in person.row.cells[column + 2 : column + 4]
        )
    ]
    if locked:
        said.append(f"locked, so Moodle skips the mark: {some(locked)}")
    if any(person.row.cell(column) for person in here):
        said.append(
            "some had a mark already: if Moodle skips them as modified, tick that "
            "records which were modified more recently may be updated"
        )
    return said


def _of_canvas(roster: Roster, here: Mapping[Person, Mark]) -> list[str]:
    table, said = roster.table, []
    names = [folded(name) for name in table.header.cells]
    students = 2 if names[:2] == ["lastname", "firstname"] else 1
    between = {*names[students + 1 : names.index("section")]} - OF_CANVAS
    if names[students] != "id" or between or names[0] not in ("student", "lastname"):
        said.append(
            "Canvas wants its own columns first, as they came (Student, ID, ..., "
            "Section): Invalid header row"
        )
    if students == 2 and table.bom:
        said.append("a byte order mark before LastName: Canvas may not know the column")
    if table.delimiter not in ",;" or table.encoding != "utf-8":
        said.append("Canvas reads UTF-8 with commas or semicolons, and this is not")
    if not any(map(is_points_possible, table.rows)):
        said.append("the row Points Possible is gone; marks are not scaled")
    kept = [
        f"{person.name} ({person.row.cell(roster.column)})"
        for person in here
        if _is_kept(roster, person)
    ]
    if kept:
        said.append(f"handed in, but left as the gradebook has it: {some(kept)}")
    if len(roster.people) > MANY:
        said.append(
            f"more than {MANY} learners: if Canvas is slow, delete the columns of "
            "other assignments before you upload"
        )
    return said


def _of_blackboard(roster: Roster, here: Mapping[Person, Mark]) -> list[str]:
    marked = sum(bool(person.row.cell(roster.column)) for person in here)
    return [f"{marked} had a mark already, which is replaced"] if marked else []


_CHECKS: Mapping[Dialect, Callable[[Roster, Mapping[Person, Mark]], list[str]]] = {
    Dialect.MOODLE: _of_moodle,
    Dialect.CANVAS: _of_canvas,
    Dialect.BLACKBOARD: _of_blackboard,
}


# --------------------------------------------------------------------- any other file


def _appended(
    roster: Roster, here: Mapping[Person, Mark], asked: Asked, name: str
) -> Sheet:
    """The roster with columns behind its own; those of the absent stay empty."""
    table, lessons = roster.table, _lessons(here.values())
    width = len(table.header.cells)
    columns = ["koans_percent" if asked.percent else "koans_points", "koans_out_of"]
    columns += [f"koans_{lesson}" for lesson in lessons if asked.by_lesson]
    columns.append("koans_late")
    empty = [""] * len(columns)
    new = {p.row.line: _cells(mark, asked, lessons) for p, mark in here.items()}
    changed = {
        row.line: table.with_cells(
            row, dict(enumerate(new.get(row.line, empty), width))
        )
        for row in table.rows
        if not row.is_empty
    }
    header = table.with_cells(table.header, dict(enumerate(columns, width)))
    changed[table.header.line] = header
    notes = [f"{len(here)} marks of {_count(roster)} people, in columns at the end"]
    return Sheet(name, table.data(changed), notes)


def _cells(mark: Mark, asked: Asked, lessons: Sequence[str]) -> list[str]:
    def share(points: float, out_of: float) -> str:
        return _percent(points, out_of) if asked.percent else _number(points)

    each = [mark.by_lesson.get(lesson, (0, 0)) for lesson in lessons if asked.by_lesson]
    return [
        share(mark.points, mark.out_of),
        _number(mark.out_of),
        *(share(*pair) for pair in each),
        "late" if mark.late else "",
    ]


def _lessons(marks: Iterable[Mark]) -> list[str]:
    return list(dict.fromkeys(lesson for mark in marks for lesson in mark.by_lesson))


# ------------------------------------------------------------------------ grades.csv


def grades_csv(
    marks: Sequence[tuple[Match, Mark | None]],
    lessons: Sequence[str],
    roster: Roster | None = None,
) -> bytes:
    """Everybody, hand-ins that are nobody's too, with what the roster says of them.

    It begins with a byte order mark, which Excel needs to read names.
    """
    carried = roster.carried if roster else ()
    header = roster.table.header.cells if roster else ()
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        ["id", "name", "section", *(safe(_carried(header[i])) for i in carried)]
        + [f"lesson_{lesson}" for lesson in lessons]
        + ["total", "max", "percent", "handed_in", "late", "flags"]
    )
    for match, mark in marks:
        person = match.person
        repeated = [person.row.cell(i) if person else "" for i in carried]
        known = [match.id, match.name, match.section, *repeated]
        rows.writerow([*map(safe, known), *_results(match, mark, lessons)])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "backslashreplace")


def _results(match: Match, mark: Mark | None, lessons: Sequence[str]) -> list[str]:
    if mark is None:
        flags = "; ".join(map(safe, match.remarks))
        return [*([""] * (len(lessons) + 3)), "no", "", flags]
    points = (mark.by_lesson.get(lesson) for lesson in lessons)
    return [
        *(_number(pair[0]) if pair else "" for pair in points),
        _number(mark.points),
        _number(mark.out_of),
        _percent(mark.points, mark.out_of),
        "yes" if mark.handed_in else "no",
        "late" if mark.late else "",
        "; ".join(map(safe, mark.flags)),
    ]


def _carried(name: str) -> str:
    """A roster's column, told apart from those that grades.csv has of its own."""
    own = r"id|name|section|total|max|percent|handed_in|late|flags|lesson_.*"
    is_own = re.fullmatch(own, name.strip().casefold())
    return f"roster_{name.strip()}" if is_own else name.strip()


def safe(text: str) -> str:
    """A cell that is no formula to a spreadsheet; a number such as -2 stays one."""
    return text if NUMBER.fullmatch(text) else safe_cell(text)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _percent(points: float, out_of: float) -> str:
    return f"{100 * points / out_of:.1f}" if out_of else ""
