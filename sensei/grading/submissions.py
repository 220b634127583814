"""What was handed in: folders and zips, read in memory, within limits.

A submission is searched for the lesson files, wherever in it they are. Nothing
is unpacked to disk, no link is followed, and no file but a lesson's is opened.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MAX_FILE = 256 * 1024  # bytes of a lesson; the longest has 15 KB
MAX_ZIP = 64 * 1024**2
MAX_UNPACKED = 512 * 1024**2  # that a zip says it would take; it is not unpacked
MAX_DIRECTORY = 2 * 1024**2  # bytes of a zip's table of contents
MAX_ENTRIES = 20_000
MAX_FOLDERS_DEEP = 30
NOT_SEARCHED = frozenset(
    [
        "__MACOSX",
        "__pycache__",
        "node_modules",
        "site-packages",
        "venv",
        "build",
        "dist",
    ]
)
NOT_FIRST = "solutions"  # a checkout has them; they count where nothing else is there


class Unusable(Exception):
    """A submission that can't be read; the message is the reason in the sheet."""


@dataclass(frozen=True)
class Entry:
    """A learner's entry in the folder of submissions.

    ``id`` names the files that are written; ``name`` is the entry's own name.
    """

    id: str
    name: str
    path: Path


@dataclass
class Submission:
    """The lesson files of one submission: their bytes, or why they were not read.

    ``files`` and ``refused`` go by a lesson's name; ``remarks`` are for the sheet.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


# ------------------------------------------------------------------- the class


def entries(folder: Path, lessons: Iterable[str]) -> list[Entry]:
    """The submissions in a folder, or the one submission that a path is.

    Raises Unusable where there is nothing to read.
    """
    try:
        if not folder.is_dir():
            if folder.suffix.lower() == ".zip" and folder.is_file():
                return _named([folder])
            raise Unusable(f"{folder}: neither a folder nor a zip")
        inside = sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))
    except OSError as error:
        raise Unusable(f"{folder}: {error.strerror}") from None
    if _is_one_submission(inside, lessons):
        return _named([folder.resolve()])
    return _named([path for path in inside if not _is_system_file(path.name)])


def _is_one_submission(inside: list[Path], lessons: Iterable[str]) -> bool:
    names = {path.name for path in inside}
    lesson = _Lessons(lessons)
    return bool(names & {"koans", ".git", "pyproject.toml"}) or any(
        lesson.of(path.name) and not path.is_dir() for path in inside
    )


def _is_system_file(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _named(paths: list[Path]) -> list[Entry]:
    """Entries with ids that no file system confuses, whatever their names are."""
    slugs = [_slug(path) for path in paths]
    folded = [slug.casefold() for slug in slugs]
    return sorted(
        (
            Entry(
                f"{slug}-{_mark(path)}" if folded.count(slug.casefold()) > 1 else slug,
                _readable(path.stem if _is_zip(path) else path.name),
                path,
            )
            for path, slug in zip(paths, slugs, strict=True)
        ),
        key=lambda entry: entry.id,
    )


def _slug(path: Path) -> str:
    name = _readable(path.stem if _is_zip(path) else path.name)
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60]
    return slug if slug == name else f"{slug or 'learner'}-{_mark(path)}"


def _mark(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]


def _readable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


# -------------------------------------------------------------- one submission


class _Lessons:
    """Which lesson a file is, by its name; platforms add -1 or (1) to it."""

    def __init__(self, names: Iterable[str]) -> None:
        either = "|".join(map(re.escape, names))
        self._pattern = re.compile(rf"({either})(?:[-_ ]?\(?\d{{1,3}}\)?)?\.py")

    def of(self, filename: str) -> str | None:
        found = self._pattern.fullmatch(filename)
        return found[1] if found else None


def read(path: Path, lessons: Iterable[str]) -> Submission:
    """Read one submission; raises Unusable."""
    names = _Lessons(lessons)
    try:
        if path.is_symlink():
            raise Unusable("it is a link; links are not followed")
        if path.is_dir():
            folder = _Folder(names)
            return _chosen(list(folder.walk(path)), folder.remarks)
        if _is_zip(path) and path.is_file():
            return _read_zip(path, names)
    except OSError as error:
        raise Unusable(f"it can't be read: {error.strerror}") from None
    raise Unusable("it is neither a folder nor a zip")


@dataclass(frozen=True)
class Found:
    """A lesson file in a submission: where, and its bytes or why it has none."""

    lesson: str
    where: str
    data: bytes = b""
    refused: str = ""


def _chosen(found: Iterable[Found], remarks: Iterable[str] = ()) -> Submission:
    """One file for each lesson; two different ones are nobody's to choose from."""
    submission = Submission(remarks=list(remarks))
    by_lesson: dict[str, list[Found]] = {}
    for file in found:
        by_lesson.setdefault(file.lesson, []).append(file)
    for lesson, files in sorted(by_lesson.items()):
        first = [f for f in files if NOT_FIRST not in PurePosixPath(f.where).parts[:-1]]
        files = first or files
        refused = next((file.refused for file in files if file.refused), "")
        if not refused and len({file.data for file in files}) > 1:
            where = ", ".join(sorted(file.where for file in files)[:4])
            refused = f"there are two different files of this lesson ({where})"
        if refused:
            submission.refused[lesson] = refused
        else:
            submission.files[lesson] = files[0].data
    return submission


class _Folder:
    """Searches a folder; ``remarks`` tells of links that were not followed."""

    def __init__(self, lessons: _Lessons) -> None:
        self.lessons = lessons
        self.remarks: list[str] = []
        self._left = MAX_ENTRIES

    def walk(self, folder: Path, prefix: str = "", depth: int = 0) -> Iterator[Found]:
        if depth > MAX_FOLDERS_DEEP:
            raise Unusable(f"its folders are more than {MAX_FOLDERS_DEEP} deep")
        with os.scandir(folder) as scan:
            inside = []
            for entry in scan:
                self._left -= 1
                if self._left < 0:
                    raise Unusable(f"it has more than {MAX_ENTRIES} files")
                inside.append(entry)
        for entry in sorted(inside, key=lambda entry: os.fsencode(entry.name)):
            yield from self._one(entry, prefix, depth)

    def _one(self, entry: os.DirEntry[str], prefix: str, depth: int) -> Iterator[Found]:
        lesson = self.lessons.of(entry.name)
        where = prefix + _readable(entry.name)
        if entry.is_symlink():
            if lesson or os.path.isdir(entry.path):
                self.remarks.append(f"{where} is a link; links are not followed")
        elif entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith(".") and entry.name not in NOT_SEARCHED:
                yield from self.walk(Path(entry.path), f"{where}/", depth + 1)
        elif lesson:
            yield _from_disk(lesson, where, entry.path)


def _from_disk(lesson: str, where: str, path: str) -> Found:
    """A file that a learner made may be a pipe, or grow: it is opened with care."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return Found(lesson, where, refused="it is no ordinary file")
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        return Found(lesson, where, refused=f"it can't be read ({error.strerror})")
    if len(data) > MAX_FILE:
        return Found(lesson, where, refused=_too_large())
    return Found(lesson, where, data)


def _too_large() -> str:
    return f"it has more than {MAX_FILE // 1024} KB"


# ------------------------------------------------------------------------ zips


def _read_zip(path: Path, lessons: _Lessons) -> Submission:
    _check_zip(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return _chosen(list(_members(archive, lessons)))
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, IndexError) as error:
        raise Unusable(f"it is a broken zip ({error})") from None
    except (NotImplementedError, struct.error, UnicodeError, RuntimeError) as error:
        raise Unusable(f"it is a zip that can't be read ({error})") from None


def _check_zip(path: Path) -> None:
    """Look at the end of a zip, before anything believes what it says."""
    size = path.stat().st_size
    if size > MAX_ZIP:
        raise Unusable(f"it is a zip of more than {MAX_ZIP // 1024**2} MB")
    with path.open("rb") as file:
        file.seek(max(0, size - 65_557))
        end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 22:
        raise Unusable("it is a broken zip (its end is missing)")
    count, directory = struct.unpack("<HL", end[at + 10 : at + 16])
    if b"PK\x06\x07" in end[max(0, at - 20) : at]:
        raise Unusable("it is a zip for huge archives (zip64)")
    if count > MAX_ENTRIES or directory > MAX_DIRECTORY:
        raise Unusable(f"it is a zip with more than {MAX_ENTRIES} files")


def _members(archive: zipfile.ZipFile, lessons: _Lessons) -> Iterator[Found]:
    members = archive.infolist()
    if len(members) > MAX_ENTRIES:
        raise Unusable(f"it is a zip with more than {MAX_ENTRIES} files")
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        raise Unusable(
            f"it is a zip that would unpack to more than {MAX_UNPACKED // 1024**2} MB"
        )
    for member in members:
        where = member.filename.replace("\\", "/")
        parts = PurePosixPath(where).parts
        if where.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", where):
            raise Unusable(f"it is a zip with a path that leads out of it ({where})")
        if _is_hidden(parts[:-1]) or member.is_dir() or not parts:
            continue
        if lesson := lessons.of(parts[-1]):
            yield _from_zip(archive, member, lesson, where)


def _is_hidden(folders: tuple[str, ...]) -> bool:
    return any(name.startswith(".") or name in NOT_SEARCHED for name in folders)


def _from_zip(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, lesson: str, where: str
) -> Found:
    if stat.S_ISLNK(member.external_attr >> 16):
        return Found(lesson, where, refused="it is a link; links are not followed")
    if member.flag_bits & 0x1:
        return Found(lesson, where, refused="it is encrypted")
    if member.file_size > MAX_FILE:
        return Found(lesson, where, refused=_too_large())
    with archive.open(member) as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        return Found(lesson, where, refused=_too_large())
    return Found(lesson, where, data)


def in_memory(files: Mapping[str, bytes]) -> Submission:
    """A submission that is nowhere on disk: the canaries are."""
    return Submission(files=dict(files))
