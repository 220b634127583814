"""What the platforms do with a marks file that is uploaded, by their own rules.

From their documentation (docs/grading.md has the sources): each takes the bytes of a
file and gives what would change, what would be skipped without a word, or raises
Refused. Nothing of the grader is used here.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field

ENGLISH = ("Identifier", "Grade", "Last modified (grade)", "Feedback comments")
GERMAN = (
    "ID",
    "Bewertung",
    "Zuletzt geändert (Bewertung)",
    "Feedback als Kommentar",
)


class Refused(Exception):
    """The platform takes nothing of the file."""


@dataclass
class Import:
    """What came of it: new marks and comments by the learner; rows skipped, and why;
    columns that the platform would make anew."""

    marks: dict[str, str] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    new_columns: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


def rows_of(data: bytes, delimiter: str = ",") -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("did not parse cleanly") from None
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


# ----------------------------------------------------------------------- Moodle


@dataclass
class Participant:
    """What Moodle knows of one."""

    maximum: float
    grade: float | None = None
    locked: bool = False
    changed_since: bool = False
    comment: str = ""


def moodle(
    data: bytes,
    participants: dict[str, Participant],
    names: tuple[str, str, str, str] = ENGLISH,
    word: str = "Participant ",
    decimal: str = ".",
    update_modified: bool = False,
) -> Import:
    """The offline grading worksheet; names and word are those of the uploader's
    language."""
    header, *rows = rows_of(data)
    number, grade, modified, comments = names
    if not {number, grade, modified} <= set(header):
        raise Refused("the header is not in this language")
    if any(len(row) != len(header) for row in rows):
        raise Refused("a row with another number of fields")
    done = Import()
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        who = cells[number][len(word) :]  # cut off by the word's length
        if who not in participants:
            done.skipped[cells[number]] = "nobody"
            continue
        them = participants[who]
        _moodle_mark(done, who, them, cells[grade], decimal, update_modified)
        if comments in header and cells[comments] != them.comment:
            done.comments[who] = cells[comments]
    return done


def _moodle_mark(
    done: Import,
    who: str,
    them: Participant,
    cell: str,
    decimal: str,
    update_modified: bool,
) -> None:
    plain = re.match(r"-?\d*\.?\d*", cell.replace(decimal, "."))
    assert plain
    if not plain[0]:
        done.skipped[who] = "empty"
        return
    mark = float(plain[0])  # and what follows is not looked at
    if mark < 0 or mark > them.maximum:
        done.skipped[who] = "out of range"
    elif them.locked:
        done.skipped[who] = "locked"
    elif them.grade is not None and mark == them.grade:
        done.skipped[who] = "the same"
    elif them.changed_since and not update_modified:
        done.skipped[who] = "modified since"
    else:
        done.marks[who] = plain[0]


# ----------------------------------------------------------------------- Canvas

CANVAS_OWN = ("SIS User ID", "SIS Login ID", "Integration ID", "Root Account")


def canvas(
    data: bytes,
    assignments: dict[str, str],
    grades: dict[str, dict[str, str]],
) -> Import:
    """The gradebook. ``assignments``: title by number; ``grades``: what learners (by
    their ID) have now, by the number of the assignment. Marks: ``(who, number)``."""
    layout = data.lstrip(b"\xef\xbb\xbf").startswith(b"LastName")
    if layout and data.startswith(b"\xef\xbb\xbf"):
        raise Refused("Invalid header row")  # by reading; unconfirmed
    header, *rows = _canvas_rows(data)
    width = 2 if layout else 1
    first = ["LastName", "FirstName"] if layout else ["Student"]
    if header[: width + 1] != [*first, "ID"] or "Section" not in header:
        raise Refused("Invalid header row")
    section = header.index("Section")
    if any(name not in CANVAS_OWN for name in header[width + 1 : section]):
        raise Refused("Invalid header row")
    columns = _canvas_columns(header, section, assignments, rows)
    done = Import()
    done.new_columns = [header[i] for i, number in columns.items() if not number]
    for row in rows:
        if _is_no_learner(row):
            continue
        who = row[width]
        if who not in grades:
            done.strangers.append(row[0])
            continue
        for i, number in columns.items():
            cell = row[i] if i < len(row) else ""
            if number and _canvas_value(cell) != _canvas_value(
                grades[who].get(number, "")
            ):
                done.marks[f"{who} {number}"] = cell
    return done


def _canvas_rows(data: bytes) -> list[list[str]]:
    for delimiter in ",;":
        rows = rows_of(data, delimiter)
        if len({len(row) for row in rows[:3]}) == 1 and len(rows[0]) > 1:
            return rows
    raise Refused("neither commas nor semicolons")


def _canvas_columns(
    header: list[str],
    section: int,
    assignments: dict[str, str],
    rows: list[list[str]],
) -> dict[int, str]:
    """The assignment of each column; "" where Canvas would offer to make a new one."""
    totals = re.compile(r".*(Current|Final|Override) (Points|Score|Grade)( \(.*\))?")
    columns = {}
    for i in range(section + 1, len(header)):
        if header[i] == "Notes" or totals.fullmatch(header[i]):
            continue
        number = re.search(r"\((\d+)\)$", header[i])
        titles = [n for n, title in assignments.items() if title == header[i]]
        known = [number[1]] if number and number[1] in assignments else titles
        columns[i] = known[0] if known else ""
    return columns


def _is_no_learner(row: list[str]) -> bool:
    is_posting = not row[0].strip() and any(
        cell.startswith(("Manual Posting", "Muted")) for cell in row
    )
    return is_posting or row[0].strip() == "Points Possible"


def _canvas_value(cell: str) -> str:
    cell = cell.strip()
    if cell.upper() in ("EX", "EXCUSED"):
        return "EX"
    if not re.fullmatch(r"-?\d[\d.,]*", cell):
        return cell
    whole, point, part = cell.replace(",", ".").rpartition(".")
    return f"{float(whole.replace('.', '') + point + part):.2f}"


# ------------------------------------------------------------------- Blackboard


def blackboard(data: bytes, usernames: set[str], columns: dict[str, str]) -> Import:
    """The grade file; ``columns``: title by number."""
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = data.decode("utf-16" if wide else "utf-8-sig")
    delimiter = "\t" if "\t" in text.splitlines()[0] else ","
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    if "Username" not in header:
        raise Refused("no Username")
    done = Import()
    own: tuple[str, ...] = (
        "Last Name",
        "First Name",
        "Username",
        "Student ID",
        "Last Access",
    )
    own += ("Availability", "Grading Notes", "Notes Format", "Feedback to Learner")
    marked = {}
    for i, name in enumerate(header):
        number = re.search(r"\|(\d+)$", name)
        if number and number[1] in columns:
            marked[i] = number[1]
        elif name not in (*own, "Feedback Format"):
            done.new_columns.append(name)
    for row in rows:
        who = row[header.index("Username")]
        if who not in usernames:
            done.strangers.append(who)
            continue
        for i, column in marked.items():
            if row[i]:
                done.marks[f"{who} {column}"] = row[i]
        if "Feedback to Learner" in header:
            done.comments[who] = row[header.index("Feedback to Learner")]
    return done
