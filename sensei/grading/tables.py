"""A CSV file as it came: its cells, and every byte that nobody changes.

``roster`` reads one, ``out.marks_back`` writes it back with marks in it, ``matching``
keeps needs-you.csv as one. Taken from the file are its encoding and byte order mark,
delimiter, line ends and quotes; a row that is not changed keeps its bytes.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensei.course import CourseError
from sensei.grading.shown import clean, shortened

MAX_BYTES = 64 * 1024**2  # Moodle puts what learners typed into its worksheet
DELIMITERS = ",;\t|"
BOMS = {codecs.BOM_UTF8: "utf-8"} | {
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


class RosterError(CourseError):
    """A roster that can't be used; the message names the file and the line."""

    @classmethod
    def at(cls, path: Path, line: int, what: str) -> RosterError:
        return cls(f"{path}:{line}: {what}")


@dataclass(frozen=True)
class Row:
    """A row: the number of its first line, how it is written, its cells."""

    line: int
    raw: str
    cells: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not any(cell.strip() for cell in self.cells)

    def cell(self, column: int | None) -> str:
        """What is in a column, without spaces around it; "" where there is none."""
        if column is None or column >= len(self.cells):
            return ""
        return self.cells[column].strip()


@dataclass(frozen=True)
class Table:
    """A file's rows; ``before`` is what stands above the header."""

    path: Path
    bom: bytes
    encoding: str
    delimiter: str
    before: str
    header: Row
    rows: tuple[Row, ...]

    def with_cells(self, row: Row, new: Mapping[int, str]) -> str:
        """How a row is written with other cells in some columns, or with more."""
        body = row.raw.rstrip("\r\n")
        written = _split(body, self.delimiter)
        written += [""] * (max(new, default=-1) + 1 - len(written))
        for column, text in new.items():
            written[column] = self._quoted(text, written[column])
        return self.delimiter.join(written) + row.raw[len(body) :]

    def _quoted(self, text: str, before: str) -> str:
        needs = any(c in text for c in (self.delimiter, '"', "\r", "\n"))
        if needs or before.startswith('"') or text != text.strip():
            return '"' + text.replace('"', '""') + '"'
        return text

    def data(self, changed: Mapping[int, str]) -> bytes:
        """The file, with some rows (by their line) written in another way."""
        rows = [changed.get(row.line, row.raw) for row in (self.header, *self.rows)]
        return self.bom + (self.before + "".join(rows)).encode(self.encoding)

    @property
    def uneven(self) -> list[Row]:
        """Rows with more or fewer cells than the header."""
        width = len(self.header.cells)
        return [row for row in self.rows if row.cells and len(row.cells) != width]


def _split(body: str, delimiter: str) -> list[str]:
    """A row's cells with the quotes that they are written in."""
    cells: list[str] = []
    for piece in body.split(delimiter):
        if cells and cells[-1].startswith('"') and cells[-1].count('"') % 2:
            cells[-1] += delimiter + piece
        else:
            cells.append(piece)
    return cells


# --------------------------------------------------------------------- reading


def read(path: Path) -> Table:
    """Read a file; raises RosterError."""
    bom, encoding, text = _text(path)
    wanted = re.match(r"sep=(.)(?:\r\n|\r|\n)", text)  # a habit of Excel
    delimiter = wanted[1] if wanted else _delimiter(text)
    rows = list(_rows(path, text, wanted.end() if wanted else 0, delimiter))
    first = next((i for i, row in enumerate(rows) if not row.is_empty), len(rows))
    header = rows[first] if rows[first:] else Row(1, "", ())
    before = (wanted[0] if wanted else "") + "".join(row.raw for row in rows[:first])
    return Table(
        *(path, bom, encoding, delimiter, before, header), tuple(rows[first + 1 :])
    )


def _text(path: Path) -> tuple[bytes, str, str]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RosterError(f"{path}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise RosterError(f"{path}: it has more than {MAX_BYTES // 1024**2} MB")
    if data.startswith(b"PK\x03\x04"):
        raise RosterError(f"{path}: a workbook; save it as CSV UTF-8")
    bom = next((bom for bom in BOMS if data.startswith(bom)), b"")
    encoding = BOMS.get(bom, "utf-8")
    try:
        return bom, encoding, data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1 if encoding == "utf-8" else 1
        what = f"not {encoding.upper()}; save it as CSV UTF-8"
        raise RosterError.at(path, line, what) from None


def _delimiter(text: str) -> str:
    """What the header has most of, outside quotes.

    csv.Sniffer takes the comma of a title for it, or gives up on a single column.
    """
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=re.sub(r'"[^"]*"', "", header).count)


def _rows(path: Path, text: str, start: int, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(MAX_BYTES)
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text[start:], newline=""):
            taken.append(line)
            yield line

    line = 2 if start else 1
    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise RosterError.at(path, line, f"not CSV: {error}") from None
        if cells is None:
            return
        yield Row(line, "".join(taken), tuple(cells))
        line += len(taken)
        taken.clear()


def some(names: Sequence[str], most: int = 10) -> str:
    """The first of some names, and how many more there are."""
    more = len(names) - most
    listed = ", ".join(map(shown, names[:most]))
    return listed + (f" and {more} more" if more > 0 else "")


def shown(cells: str | Sequence[str]) -> str:
    """Somebody else's text in a message of ours."""
    text = cells if isinstance(cells, str) else ", ".join(cells)
    return shortened(clean(text), 100)
