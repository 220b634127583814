"""A roster: who is in the class, and which submission is whose.

A roster is a CSV with a column ``id``. Submissions are matched by the names that
Canvas, Moodle or an instructor gives their folders and zips. What fits more than
one learner, or none, is told and left alone: nothing is guessed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from sensei.course import CourseError
from sensei.grading.handins import HandIn, Id
from sensei.grading.marks import Class, Learner
from sensei.grading.shown import clean, shortened

MAX_BYTES = 8 * 1024**2
DELIMITERS = ",;\t|"
ID = ("id", "identifier")  # the latter in Moodle's grading worksheet
FULL_NAME = ("name", "full name", "student", "student name", "display name")
FIRST_NAME = ("first name", "firstname", "given name", "first")
LAST_NAME = ("last name", "lastname", "surname", "family name", "last")
IDENTIFIES = re.compile(r"\b(e-?mail|login|user ?name|user|sis|number|github|id)\b")
OWN_COLUMNS = re.compile(r"id|name|total|max|percent|flags|lesson_.*")


class RosterError(CourseError):
    """A roster that can't be used; the message names the file and the line."""


@dataclass(frozen=True)
class Person:
    """A line of the roster; ``cells`` are those of its further columns."""

    line: int
    id: str
    name: str
    cells: tuple[str, ...]

    @cached_property
    def file_id(self) -> str:
        """Its id as the name of a file."""
        return _slug(self.id)


@dataclass(frozen=True)
class Roster:
    """The people of a class, and what the further columns are called."""

    path: Path
    columns: tuple[str, ...]
    people: tuple[Person, ...]


# ------------------------------------------------------------------- reading one


def read(path: Path) -> Roster:
    """Read a roster; raises RosterError."""
    rows = _rows(path, _text(path))
    line, header = next(rows, (1, []))
    names = [name.strip().casefold() for name in header]
    where = next((names.index(name) for name in ID if name in names), None)
    if where is None:
        raise _error(path, line, _no_header(header))
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise _error(path, line, f"two columns are called {_shown(twice[0])}")
    people = tuple(_people(path, rows, names, where))
    further = [i for i in range(len(header)) if i != where and names[i] != "name"]
    columns = tuple(_column(header[i]) for i in further)
    return Roster(path, columns, people)


def _no_header(header: Sequence[str]) -> str:
    return (
        "no column is called id. The first line has to name the columns, such as "
        f"id,name,email; found: {_shown(', '.join(header)) or 'nothing'}"
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RosterError(f"{path}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise RosterError(f"{path}: it has more than {MAX_BYTES // 1024**2} MB")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # "Unicode text" of Excel
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 if wide else data.count(b"\n", 0, error.start) + 1
        raise _error(path, line, "not UTF-8; save it as CSV UTF-8") from None


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of its first line."""
    first, _, rest = text.partition("\n")
    told = re.fullmatch(r"sep=(.)\r?", first)  # a habit of Excel
    skipped = 1 if told else 0
    text = rest if told else text
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=told[1] if told else _delimiter(text),
        strict=True,
    )
    while True:
        line = reader.line_num + 1 + skipped
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise _error(path, line, f"not CSV: {error}") from None
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield line, row


def _delimiter(text: str) -> str:
    """The one that makes a column of ids; else the one that is there most."""
    header = next((line for line in text.splitlines() if line.strip()), "")

    def fits(delimiter: str) -> tuple[bool, int]:
        cells = [cell.strip(' "').casefold() for cell in header.split(delimiter)]
        return any(name in cells for name in ID), len(cells)

    return max(DELIMITERS, key=fits)


def _people(
    path: Path, rows: Iterable[tuple[int, list[str]]], names: list[str], where: int
) -> Iterator[Person]:
    lines: dict[str, int] = {}
    for line, row in rows:
        if row[0].strip() == "Points Possible":  # in what Canvas exports
            continue
        if len(row) != len(names):
            raise _error(
                path, line, f"{len(row)} columns, where the header has {len(names)}"
            )
        row = [cell.strip() for cell in row]
        id = row[where]
        if not id:
            raise _error(path, line, "the id is empty")
        if id.casefold() in lines:
            first = lines[id.casefold()]
            raise _error(path, line, f"the id {_shown(id)} is on line {first} already")
        lines[id.casefold()] = line
        further = (c for i, c in enumerate(row) if i != where and names[i] != "name")
        yield Person(line, id, _name(row, names) or id, tuple(further))


def _name(row: Sequence[str], names: Sequence[str]) -> str:
    """A person's name, from the columns that are called so."""
    cells = dict(zip(names, row, strict=True))
    full = next((cells[name] for name in FULL_NAME if cells.get(name)), "")
    parts = [
        next((cells[name] for name in group if cells.get(name)), "")
        for group in (FIRST_NAME, LAST_NAME)
    ]
    return full or " ".join(part for part in parts if part)


def _column(name: str) -> str:
    """A further column's name, told apart from those that a grade sheet has."""
    own = OWN_COLUMNS.fullmatch(name.strip().casefold())
    return f"roster_{name.strip()}" if own else name.strip()


def _error(path: Path, line: int, what: str) -> RosterError:
    return RosterError(f"{path}:{line}: {what}")


def _shown(text: str) -> str:
    return shortened(clean(text), 100)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


# ------------------------------------------------------------------ who is whose


def named(hand_ins: Sequence[HandIn]) -> list[HandIn]:
    """Hand-ins with keys that no file system confuses, whatever their names are."""
    slugs = [_slug(hand_in.key) for hand_in in hand_ins]
    times = Counter(slug.casefold() for slug in slugs)
    renamed = [
        replace(
            one, key=f"{slug}-{_mark(one.key)}" if times[slug.casefold()] > 1 else slug
        )
        for one, slug in zip(hand_ins, slugs, strict=True)
    ]
    return sorted(renamed, key=lambda hand_in: hand_in.key)


def _slug(text: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:60]
    return slug if slug == text else f"{slug or 'learner'}-{_mark(text)}"


def key(text: str) -> str:
    """A name without what platforms change in it: case, accents, punctuation."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())


def name_keys(name: str) -> set[str]:
    """Jane Doe and Doe, Jane are both janedoe and, as Canvas has it, doejane."""
    last, comma, first = name.partition(",")
    if not comma:
        first, _, last = name.rpartition(" ")
    return {key(first + last), key(last + first)} - {""}


class Index:
    """Finds the people that the name of a submission may mean."""

    def __init__(self, roster: Roster) -> None:
        self.exact = {person.id.casefold(): {person} for person in roster.people}
        self.ids: dict[str, set[Person]] = {}
        self.names: dict[str, set[Person]] = {}
        identifying = [
            bool(IDENTIFIES.search(column.casefold().replace("_", " ")))
            for column in roster.columns
        ]
        for person in roster.people:
            self._add(self.ids, [key(person.id)], person)
            cells = zip(person.cells, identifying, strict=True)
            self._add(self.ids, {key(cell) for cell, is_one in cells if is_one}, person)
            self._add(self.names, name_keys(person.name), person)

    @staticmethod
    def _add(
        index: dict[str, set[Person]], keys: Iterable[str], person: Person
    ) -> None:
        for each in keys:
            if each:
                index.setdefault(each, set()).add(person)

    def find(self, hand_in: HandIn) -> tuple[set[Person], str]:
        """The people that a hand-in may be of, and a remark on how so."""
        name = hand_in.name
        if name.casefold() in self.exact:
            return self.exact[name.casefold()], ""
        numbers, called = [name, *hand_in.ids.values()], [name]
        if participant := hand_in.ids.get(Id.PARTICIPANT):
            numbers.append(f"participant{participant}")
        user = hand_in.ids.get(Id.CANVAS, "")
        by_id = _union(self.ids, map(key, numbers))
        by_name = _union(self.names, map(key, called))
        if not by_id or not by_name:
            alone = f"matched by the number {user} alone" if by_id and user else ""
            return by_id | by_name, alone
        return by_id & by_name or by_id | by_name, ""


def _union(index: Mapping[str, set[Person]], keys: Iterable[str]) -> set[Person]:
    found: set[Person] = set()
    for each in keys:
        found |= index.get(each, set())
    return found


@dataclass
class Matched:
    """A class as the roster has it.

    ``entries`` are its hand-ins, under the ids and names of the roster where they
    were matched; ``people`` are the matched ones by the id of the entry;
    ``absent`` those without a submission; ``remarks`` are for the grade sheet,
    by the id of an entry or of who is absent.
    """

    roster: Roster
    entries: list[HandIn] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)
    absent: list[Person] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)

    def told(self) -> list[str]:
        """For the screen: who is missing, and what could not be matched."""
        here = len(self.people) - len(self.absent)
        lines = [f"roster: {here} of {len(self.roster.people)} handed in"]
        if self.absent:
            who = ", ".join(_shown(person.id) for person in self.absent[:10])
            more = len(self.absent) - 10
            lines.append(f"missing: {who}" + (f" and {more} more" if more > 0 else ""))
        lines += self.unmatched[:10]
        if len(self.unmatched) > 10:
            lines.append(f"... and {len(self.unmatched) - 10} more: see grades.csv")
        return lines

    def enter(self, graded: Class, nothing: Learner) -> None:
        """Put who is absent into a class, and the remarks; ``nothing`` is a record
        of a learner who handed in nothing."""
        for person in self.absent:
            graded.learners.append(
                Learner(
                    person.file_id,
                    person.name,
                    numbers=nothing.numbers,
                    absent=nothing.absent,
                )
            )
        for learner in graded.learners:
            learner.remarks = (*self.remarks.get(learner.id, ()), *learner.remarks)
        graded.learners.sort(key=lambda learner: learner.id)

    def id_of(self, id: str) -> str:
        """A learner's id as the roster writes it."""
        return self.people[id].id if id in self.people else id

    def cells_of(self, id: str) -> Sequence[str]:
        """A learner's cells of the further columns."""
        if id in self.people:
            return self.people[id].cells
        return [""] * len(self.roster.columns)


def match(entries: Sequence[HandIn], roster: Roster) -> Matched:
    """Find each submission's learner on the roster."""
    index = Index(roster)
    found = [(entry, *index.find(entry)) for entry in entries]
    claims = Counter(next(iter(who)) for _, who, _ in found if len(who) == 1)
    matched = Matched(roster)
    taken = {person.file_id.casefold() for person in roster.people}
    for entry, who, remark in found:
        if len(who) == 1 and claims[min(who, key=_line)] == 1:
            person = min(who, key=_line)
            _accept(matched, entry, person, remark)
        else:
            _leave(matched, entry, sorted(who, key=_line), taken)
    _list_absent(matched, found)
    matched.entries.sort(key=lambda entry: entry.key)
    return matched


def _line(person: Person) -> int:
    return person.line


def _accept(matched: Matched, entry: HandIn, person: Person, remark: str) -> None:
    matched.entries.append(replace(entry, key=person.file_id, name=person.name))
    matched.people[person.file_id] = person
    if remark:
        _remark(matched, person.file_id, f"{remark}: {_shown(entry.name)}")


def _leave(
    matched: Matched, entry: HandIn, who: Sequence[Person], taken: set[str]
) -> None:
    """Keep a submission as it is: it is nobody's, or somebody's and who can say."""
    id = entry.key
    if id.casefold() in taken:
        id = f"{id}-{_mark(entry.name)}"
    if not who:
        said = "not on the roster"
    elif len(who) == 1:
        said = f"there is another submission that fits {_person(who[0])}"
    else:
        said = f"fits several on the roster: {', '.join(map(_person, who[:4]))}"
    matched.entries.append(replace(entry, key=id))
    matched.unmatched.append(f"not matched: {_shown(entry.name)}: {said}")
    _remark(matched, id, said)


def _list_absent(
    matched: Matched, found: Sequence[tuple[HandIn, set[Person], str]]
) -> None:
    here = set(matched.people.values())
    for person in matched.roster.people:
        if person in here:
            continue
        matched.absent.append(person)
        matched.people[person.file_id] = person
        fitting = [_shown(entry.name) for entry, who, _ in found if person in who]
        said = "on the roster, but nothing was handed in"
        if fitting:
            said = f"not matched for sure; may be: {', '.join(fitting[:4])}"
        _remark(matched, person.file_id, said)


def _person(person: Person) -> str:
    return f"{_shown(person.id)} (line {person.line})"


def _remark(matched: Matched, id: str, said: str) -> None:
    matched.remarks.setdefault(id, []).append(said)
