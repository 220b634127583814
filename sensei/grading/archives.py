"""What is in a folder or an archive, as a tree: folders, zips, tars, one in another.

Nothing is unpacked into a folder, and no link is followed. Names are as the learner
saw them, whatever the zip's maker did to them.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import re
import stat
import struct
import tarfile
import tempfile
import unicodedata
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from sensei.grading.trees import AGAIN, MAX_ENTRIES, TAR, ZIP, Node, Unusable, is_hidden

MAX_DIRECTORY = 32 * 1024**2  # bytes of a zip's table of contents
MAX_NESTED = 1024**3  # bytes of an archive in an archive
MAX_UNPACKED = 4 * 1024**3  # bytes of a tar, which has to be read to be searched
MAX_KEPT = 1024**2  # bytes of a file in a tar; no larger one is anybody's lesson
MAX_HEADER = 1024**2  # bytes of a name in a tar
IN_MEMORY = 32 * 1024**2  # bytes of a nested archive; a larger one is put on disk
MAX_DEPTH = 30  # folders in folders
ARCHIVES_DEEP = 4

NO_FILE = "it is no ordinary file"
LINK = "it is a link; links are not followed"


def open_path(path: Path) -> Node:
    """A folder, an archive or a file on disk; raises Unusable.

    The path itself may be a link: whoever grades has named it.
    """
    try:
        real = path.resolve(strict=True)
        return _on_disk(real, real.lstat().st_mode, 0)
    except (OSError, RuntimeError) as error:
        raise Unusable(f"{path}: {_why(error)}") from None


# --------------------------------------------------------------------- on disk


def _on_disk(path: Path, mode: int, depth: int) -> Node:
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    name = unicodedata.normalize("NFC", name)
    if stat.S_ISLNK(mode):
        return Node(name, refusal=LINK)
    if stat.S_ISDIR(mode):
        return Node(name, inside=lambda: _in_folder(path, depth))
    if not stat.S_ISREG(mode):
        return Node(name, refusal=NO_FILE)
    return _file(name, lambda: _open_on_disk(path), 0)


def _in_folder(folder: Path, depth: int) -> list[Node]:
    if depth > MAX_DEPTH:
        raise Unusable(f"its folders are more than {MAX_DEPTH} deep")
    try:
        inside = sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))
        return [_on_disk(path, path.lstat().st_mode, depth + 1) for path in inside]
    except OSError as error:
        raise Unusable(f"it can't be read ({_why(error)})") from None


def _open_on_disk(path: Path) -> IO[bytes]:
    """A file that a learner made may be a pipe by now: it is opened with care."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return open(os.open(path, flags), "rb")


def _file(name: str, opened: Callable[[], IO[bytes]], archives: int) -> Node:
    """A file, by its name an archive or not; it is in so many archives."""
    look = _in_zip if name.lower().endswith(ZIP) else None
    look = _in_tar if name.lower().endswith(TAR) else look
    if look is not None:
        return Node(name, lambda: _in_archive(opened, look, archives), is_archive=True)

    def read(most: int) -> bytes:
        try:
            with opened() as file:
                return file.read(most)
        except _BROKEN as error:
            raise Unusable(f"it can't be read ({_why(error)})") from None

    return Node(name, read=read)


_BROKEN = (
    *(OSError, EOFError, ValueError, IndexError, RuntimeError, OverflowError),
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
)


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


# -------------------------------------------------------------------- archives


def _in_archive(
    opened: Callable[[], IO[bytes]],
    look: Callable[[IO[bytes], int], list[Node]],
    archives: int,
) -> list[Node]:
    """What is in an archive. A zip stays open as long as there is use for it."""
    if archives >= ARCHIVES_DEEP:
        raise Unusable(f"it is one of more than {ARCHIVES_DEEP} archives in another")
    try:
        file = opened() if archives == 0 else _seekable(opened)
        with contextlib.ExitStack() as stack:
            stack.callback(file.close)
            inside = look(file, archives + 1)
            if look is _in_zip:
                stack.pop_all()
            return inside
    except _BROKEN as error:
        raise Unusable(f"it is a broken archive ({_why(error)}); {AGAIN}") from None


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """A copy in memory, or, if it is large, on disk; gone with its last reader."""

    def __init__(self) -> None:
        super().__init__(IN_MEMORY)

    def __del__(self) -> None:
        self.close()


def _seekable(opened: Callable[[], IO[bytes]]) -> IO[bytes]:
    """An archive out of an archive, to be read here and there."""
    copy: Any = _Spool()
    left = MAX_NESTED
    with opened() as file:
        while block := file.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise Unusable(f"it is an archive of more than {MAX_NESTED >> 20} MB")
            copy.write(block)
    copy.seek(0)
    return copy  # type: ignore[no-any-return]


# ------------------------------------------------------------------------ zips


def _in_zip(file: IO[bytes], archives: int) -> list[Node]:
    _check_directory(file)
    archive = zipfile.ZipFile(file)
    weakref.finalize(archive, file.close)
    return _tree(
        (name, _member(archive, one, name.rpartition("/")[2], archives))
        for one in archive.infolist()
        for name in [_name(one)]
    )


def _check_directory(file: IO[bytes]) -> None:
    """Look at the end of a zip, before anything believes what it says."""
    size = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, size - 65_557 - 20))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 22:
        raise Unusable(f"it is a broken zip (its end is missing); {AGAIN}")
    count, directory = struct.unpack("<HL", end[at + 10 : at + 16])
    if end[max(0, at - 20) : at][:4] == b"PK\x06\x07":  # for huge archives: zip64
        [where] = struct.unpack("<Q", end[at - 12 : at - 4])
        file.seek(where if where < start + at else 0)
        count, directory = struct.unpack("<QQ", file.read(56)[32:48])
    if count > MAX_ENTRIES or directory > MAX_DIRECTORY:
        raise Unusable(f"it is a zip with more than {MAX_ENTRIES:,} files")
    file.seek(0)


def _name(member: zipfile.ZipInfo) -> str:
    """A member's path. Many makers write UTF-8 and do not say so."""
    name = member.filename
    if not member.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, archives: int
) -> Node | None:
    if not name:
        return None
    if stat.S_ISLNK(member.external_attr >> 16):
        return Node(name, refusal=LINK)
    if member.flag_bits & 0x1:
        return Node(name, refusal="it is encrypted; ask for it without a password")
    return _file(name, lambda: archive.open(member), archives)


# ------------------------------------------------------------------------ tars

_COMPRESSED: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
)
_ABOUT_THE_NEXT = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)


def _in_tar(file: IO[bytes], archives: int) -> list[Node]:
    """A tar has to be read as a whole to be searched, so what is small is kept."""
    kept: Any = _Spool()
    with _decompressed(file) as stream:
        return _tree(
            (path, _tar_member(path, member, stream, kept, archives))
            for path, member in _tar_headers(stream)
        )


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    magic = file.read(6)
    file.seek(0)
    for start, opened in _COMPRESSED:
        if magic.startswith(start):
            return opened(file)  # type: ignore[no-any-return]
    return file


def _tar_headers(stream: IO[bytes]) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """The members of a tar; who asks for the next has to have read this one's bytes.

    tarfile's own reader takes a header's word for how much memory it needs.
    """
    name, left = "", MAX_UNPACKED
    for _ in range(MAX_ENTRIES):
        header = stream.read(tarfile.BLOCKSIZE)
        if not header.strip(b"\0"):
            return
        member = tarfile.TarInfo.frombuf(header, "utf-8", "backslashreplace")
        left -= member.size
        if member.size < 0 or left < 0:
            raise Unusable(f"it unpacks to more than {MAX_UNPACKED >> 30} GB")
        if member.type in _ABOUT_THE_NEXT:
            name = _long_name(stream, member) or name
        else:
            yield name or member.name, member
            name = ""
    raise Unusable(f"it has more than {MAX_ENTRIES:,} files")


def _long_name(stream: IO[bytes], member: tarfile.TarInfo) -> str:
    """The name that a header has for the next member; "" if it has none."""
    text = io.BytesIO()
    if member.size > MAX_HEADER:
        raise Unusable(f"it has a name of {member.size >> 20} MB")
    _copy(stream, member.size, text)
    data = text.getvalue()
    if member.type == tarfile.XHDTYPE:
        found = re.search(rb"(?:^|\n)\d+ path=([^\n]*)\n", data)
        data = found[1] if found else b""
    elif member.type != tarfile.GNUTYPE_LONGNAME:
        data = b""
    return data.rstrip(b"\0").decode("utf-8", "backslashreplace")


def _tar_member(
    path: str, member: tarfile.TarInfo, stream: IO[bytes], kept: Any, archives: int
) -> Node | None:
    name = unicodedata.normalize("NFC", path.rpartition("/")[2])
    if member.isdir():
        return None
    if member.issym() or member.islnk():
        return Node(name, refusal=LINK)
    if member.isdev():
        return Node(name, refusal=NO_FILE)
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
        raise Unusable(
            f"it has something in it that is no file ({path}); ask for a zip"
        )
    most = MAX_NESTED if name.lower().endswith((*ZIP, *TAR)) else MAX_KEPT
    is_kept = member.size <= most and not any(map(is_hidden, _parts(path)))
    start = kept.seek(0, os.SEEK_END)
    _copy(stream, member.size, kept if is_kept else None)
    if not is_kept:
        return Node(name, refusal=f"it has more than {most >> 20} MB")
    return _file(name, lambda: _Part(kept, start, member.size), archives)


def _copy(stream: IO[bytes], size: int, to: Any) -> None:
    """So many bytes, and what fills up their last block."""
    left = size
    while left > 0:
        block = stream.read(min(left, 1 << 20))
        if not block:
            raise EOFError("it ends too early")
        if to is not None:
            to.write(block)
        left -= len(block)
    stream.read(-size % tarfile.BLOCKSIZE)


class _Part(io.RawIOBase, IO[bytes]):
    """A part of a file, read from its start; closing it leaves the file open."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._at, self._end = file, start, start + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._at)
        data = self._file.read(min(len(buffer), self._end - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


# ------------------------------------------------------------------------ trees


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _tree(members: Iterable[tuple[str, Node | None]]) -> list[Node]:
    """Members by their paths as folders in folders, in the order of names.

    None is a folder, or something of no use. What is in hidden folders is left out.
    """
    top: dict[str, Any] = {}
    for path, node in members:
        parts = _parts(path)
        if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in parts:
            raise Unusable(f"it has a path that leads out of it ({path})")
        folder = top
        for depth, part in enumerate(parts if node is None else parts[:-1]):
            if not isinstance(folder.setdefault(part, {}), dict):
                folder[part] = {}  # a folder that some maker wrote down as a file
            if is_hidden(part):
                break
            if depth >= MAX_DEPTH:
                raise Unusable(f"its folders are more than {MAX_DEPTH} deep")
            folder = folder[part]
        else:
            if node is not None and not isinstance(folder.get(parts[-1]), dict):
                folder[parts[-1]] = node
    return _nodes(top)


def _nodes(folder: dict[str, Any]) -> list[Node]:
    return [
        below if isinstance(below, Node) else Node(name, _inside(below))
        for name, below in sorted(folder.items())
    ]


def _inside(below: dict[str, Any]) -> Callable[[], list[Node]]:
    return lambda: _nodes(below)
