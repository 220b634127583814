"""Feedback files: a folder of pages and, for Moodle and for Canvas, a zip as their bulk
upload takes it.

``command`` calls ``write``. Files of ours that are no longer current are taken away;
what else is there stays.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sensei.grading.gradebook import Gradebook, Record
from sensei.grading.handins import HandIn, Id, Platform, Returned
from sensei.grading.out import pages
from sensei.grading.out.files import written

OURS = b"feedback of sensei grade"  # a comment in our zips
EPOCH = (1980, 1, 1, 0, 0, 0)  # so that the same class makes the same zip
PAGE = "feedback.html"
ZIPS = {Platform.MOODLE: "feedback-moodle.zip", Platform.CANVAS: "feedback-canvas.zip"}
UPLOAD = {
    Platform.MOODLE: "In Moodle: Upload multiple feedback files in a zip.",
    Platform.CANVAS: "In Canvas: Upload Submissions. Once: each upload adds a comment.",
}
KINDS = (".zip", ".tar.gz", ".tgz", ".html", ".htm", ".py", ".txt")  # best first

Files = dict[str, bytes]


@dataclass(frozen=True)
class Packet:
    """What was written, of how many learners, and what to do with it.

    ``left_out`` are those for whom nothing could be written, each with the reason.
    """

    path: Path
    learners: int
    how: str = ""
    left_out: list[tuple[str, str]] = field(default_factory=list)


def write(
    book: Gradebook, out: Path, step: Callable[[], object] = lambda: None
) -> list[Packet]:
    """Write ``feedback/`` and the platforms' zips into a folder."""
    packets = [_folder(book, out / "feedback", step)]
    for platform, name in ZIPS.items():
        files, left_out = FILES[platform](book)
        path = out / name
        if files:
            how = UPLOAD[platform]
            with written(path, "wb") as file:
                file.write(_zip(files))
        elif path.is_file() and _is_our_zip(path):
            path.unlink()
        if files or left_out:
            packets.append(Packet(path, len(files), how if files else "", left_out))
    return packets


# ---------------------------------------------------------------------- the folder


def _folder(book: Gradebook, folder: Path, step: Callable[[], object]) -> Packet:
    folder.mkdir(exist_ok=True)
    handed_in = [record for record in book.records if record.match.hand_in]
    names = {f"{record.file_id}.html" for record in handed_in}
    for path in folder.glob("*.html"):
        if path.name not in names and _is_our_page(path):
            path.unlink()
    for record in handed_in:
        with written(folder / f"{record.file_id}.html") as file:
            file.write(pages.page(book, record))
        step()
    return Packet(folder, len(handed_in))


def _is_our_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(pages.MARKER)) == pages.MARKER.encode()


def _is_our_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            return file.comment == OURS
    except (zipfile.BadZipFile, OSError):
        return False


# -------------------------------------------------------------------------- Moodle


def _for_moodle(book: Gradebook) -> tuple[Files, list[tuple[str, str]]]:
    """A page for each participant's number: a group's would be a stranger's."""
    files: Files = {}
    left_out = []
    for group in book.groups:
        for record in _of(group, Platform.MOODLE):
            if number := _participant(record):
                name = f"x_{number}_assignfeedback_file/{PAGE}"
                files[name] = pages.page(book, record).encode()
            else:
                reason = "its participant's number is not known: give the worksheet"
                left_out.append((book.label(record), reason))
    return files, left_out


def _participant(record: Record) -> str:
    """A learner's number in the worksheet; without one, the folder's own."""
    match = record.match
    if match.person:
        return match.person.ids.get(Id.PARTICIPANT, "")
    if match.hand_in is None or match.hand_in.is_group:
        return ""
    return match.hand_in.ids.get(Id.PARTICIPANT, "")


def _of(group: Iterable[Record], platform: Platform) -> Iterator[Record]:
    for record in group:
        if record.match.hand_in and record.match.hand_in.platform is platform:
            yield record


# -------------------------------------------------------------------------- Canvas


def _for_canvas(book: Gradebook) -> tuple[Files, list[tuple[str, str]]]:
    """A file for each hand-in, for one of its files and in the kind of that.

    Canvas shows a group's to all of its members, so what one of them was given by
    hand is not in it.
    """
    files: Files = {}
    left_out = []
    for group in book.groups:
        for record in list(_of(group, Platform.CANVAS))[:1]:
            assert record.match.hand_in
            kind, back = _file_back(record.match.hand_in)
            if back is None:
                reason = "Canvas takes no file back for what was handed in"
                left_out.append((book.label(record), reason))
                continue
            name = ""
            if len(group) > 1 or record.match.hand_in.is_group:
                name, record = record.match.hand_in.name, _without_overrides(record)
            files[f"{back.stem}feedback{kind}"] = _as(kind, book, record, name)
    return files, left_out


def _file_back(hand_in: HandIn) -> tuple[str, Returned | None]:
    """The file that feedback goes back for, and its kind; None where there is none."""
    for kind in KINDS:
        for returned in sorted(hand_in.returned, key=lambda one: one.name):
            if returned.name.lower().endswith(kind):
                return kind, returned
    return "", None


def _without_overrides(record: Record) -> Record:
    cells = tuple(replace(cell, override=None) for cell in record.cells)
    return replace(record, cells=cells)


def _as(kind: str, book: Gradebook, record: Record, name: str) -> bytes:
    """The feedback in the kind that was handed in: Canvas shows it under that name."""
    if kind == ".py":
        return pages.comments(book, record, name).encode()
    if kind == ".txt":
        return pages.text(book, record, name).encode()
    page = pages.page(book, record, name).encode()
    if kind == ".zip":
        return _zip({PAGE: page})
    return page if kind in (".html", ".htm") else _tar(page)


FILES = {Platform.MOODLE: _for_moodle, Platform.CANVAS: _for_canvas}

# ------------------------------------------------------------------------ archives


def _zip(files: Mapping[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        file.comment = OURS
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            file.writestr(entry, content)
    return data.getvalue()


def _tar(page: bytes) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as file:
        entry = tarfile.TarInfo(PAGE)
        entry.size = len(page)
        file.addfile(entry, io.BytesIO(page))
    return gzip.compress(data.getvalue(), mtime=0)
