"""What is in a folder or an archive, as one tree: folders, zips, tars, one in another.

Nothing is unpacked into a folder, and no link is followed. Names are as the learner
saw them, whatever the zip's maker did to them.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

MAX_ENTRIES = 300_000  # of one archive: a virtual environment has 22,000
MAX_DIRECTORY = 64 * 1024**2  # bytes of a zip's table of contents
MAX_NESTED = 1024**3  # bytes of an archive in an archive
MAX_UNPACKED = 2 * 1024**3  # bytes of a tar, which has to be read to be searched
IN_MEMORY = 32 * 1024**2  # bytes of a nested archive; a larger one is put on disk
MAX_DEPTH = 30  # folders in folders
ARCHIVES_DEEP = 4

ZIP = (".zip",)
TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
LINK = "it is a link; links are not followed"
OTHER_ARCHIVES = (".rar", ".7z", ".gz", ".bz2", ".xz", ".zipx", ".sit", ".ace", ".arj")
# What is never a learner's own: searched by nobody.
NOT_SEARCHED = frozenset(
    (  # noqa: SIM905 (words read better as words)
        "__MACOSX __pycache__ node_modules site-packages dist-packages venv env build "
        "dist Thumbs.db desktop.ini"
    ).split()
)


class Unusable(Exception):
    """Something handed in that can't be read; the message says why."""


def is_hidden(name: str) -> bool:
    return name.startswith((".", "~$")) or name in NOT_SEARCHED


@dataclass(frozen=True)
class Node:
    """A file, or a folder or archive, which has ``inside``; that raises Unusable.

    ``read`` gives a file's bytes, at most so many.
    """

    name: str
    inside: Callable[[], list[Node]] | None = field(default=None, compare=False)
    read: Callable[[int], bytes] | None = field(default=None, compare=False)
    is_archive: bool = False

    @property
    def stem(self) -> str:
        """Its name without what says which kind of archive it is."""
        return stem(self.name) if self.is_archive else self.name


def stem(name: str) -> str:
    ends = sorted((*ZIP, *TAR), key=len, reverse=True)
    end = next((end for end in ends if name.lower().endswith(end)), "")
    return name[: len(name) - len(end)] or name


def open_path(path: Path) -> Node:
    """A folder, an archive or a file on disk; raises Unusable."""
    try:
        return _on_disk(path, path.lstat().st_mode, 0)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from None


# --------------------------------------------------------------------- on disk


def _on_disk(path: Path, mode: int, depth: int) -> Node:
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    if stat.S_ISLNK(mode):
        return Node(name, read=_refusing(LINK))
    if stat.S_ISDIR(mode):
        return Node(name, inside=lambda: _in_folder(path, depth))
    if not stat.S_ISREG(mode):
        return Node(name, read=_refusing("it is no ordinary file"))
    return _file(name, lambda: _open_on_disk(path), 0)


def _in_folder(folder: Path, depth: int) -> list[Node]:
    if depth > MAX_DEPTH:
        raise Unusable(f"its folders are more than {MAX_DEPTH} deep")
    try:
        inside = sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))
        return [_on_disk(path, path.lstat().st_mode, depth + 1) for path in inside]
    except OSError as error:
        raise Unusable(f"{folder.name} can't be read: {error.strerror}") from None


def _open_on_disk(path: Path) -> IO[bytes]:
    """A file that a learner made may be a pipe by now: it is opened with care."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return open(os.open(path, flags), "rb")


def _refusing(reason: str) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        raise Unusable(reason)

    return read


def _file(name: str, opened: Callable[[], IO[bytes]], archives: int) -> Node:
    """A file, by its name an archive or not."""

    def read(most: int) -> bytes:
        try:
            with opened() as file:
                return file.read(most)
        except _BROKEN as error:
            raise Unusable(f"it can't be read ({_why(error)})") from None

    look = _in_zip if name.lower().endswith(ZIP) else None
    look = _in_tar if name.lower().endswith(TAR) else look
    if look is None:
        return Node(name, read=read)
    return Node(name, lambda: _nested(opened, look, archives), read, True)


_BROKEN = (
    *(OSError, EOFError, ValueError, IndexError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error),
)


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _nested(
    opened: Callable[[], IO[bytes]],
    look: Callable[[IO[bytes], int], list[Node]],
    archives: int,
) -> list[Node]:
    if archives >= ARCHIVES_DEEP:
        raise Unusable(f"it has more than {ARCHIVES_DEEP} archives in one another")
    try:
        file = opened()
        return look(file if archives == 0 else _seekable(file), archives + 1)
    except _BROKEN as error:
        raise Unusable(f"it is a broken archive ({_why(error)})") from None


def _seekable(file: IO[bytes]) -> IO[bytes]:
    """An archive out of an archive, to be read here and there."""
    copy: Any = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (it is kept)
    left = MAX_NESTED
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
    members = [(_name(one), one) for one in archive.infolist()]
    return _tree(
        (name, _member(archive, one, name.rpartition("/")[2], archives))
        for name, one in members
        if not one.is_dir() and not name.endswith("/")
    )


def _check_directory(file: IO[bytes]) -> None:
    """Look at the end of a zip, before anything believes what it says."""
    size = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, size - 65_557 - 20))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 22:
        raise Unusable("it is a broken zip (its end is missing)")
    count, directory = struct.unpack("<HL", end[at + 10 : at + 16])
    if end[max(0, at - 20) : at][:4] == b"PK\x06\x07":
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
    return name.replace("\\", "/")


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, archives: int
) -> Node:
    if stat.S_ISLNK(member.external_attr >> 16):
        return Node(name, read=_refusing(LINK))
    if member.flag_bits & 0x1:
        return Node(name, read=_refusing("it is encrypted"))
    return _file(name, lambda: archive.open(member), archives)


# ------------------------------------------------------------------------ tars


def _in_tar(file: IO[bytes], archives: int) -> list[Node]:
    """A tar has to be read as a whole to be searched, so what is small is kept."""
    found: list[tuple[str, Node]] = []
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for member in archive:
            if member.offset_data + member.size > MAX_UNPACKED:
                raise Unusable(f"it unpacks to more than {MAX_UNPACKED >> 20} MB")
            if len(found) > MAX_ENTRIES:
                raise Unusable(f"it has more than {MAX_ENTRIES:,} files")
            name = member.name.rpartition("/")[2]
            hidden = any(map(is_hidden, member.name.removeprefix("./").split("/")))
            if member.issym() or member.islnk():
                found.append((member.name, Node(name, read=_refusing(LINK))))
            elif member.isfile() and not hidden:
                copy = archive.extractfile(member)
                assert copy is not None
                kept = _seekable(copy)
                found.append((member.name, _file(name, _again(kept), archives)))
    return _tree(found)


def _again(kept: IO[bytes]) -> Callable[[], IO[bytes]]:
    class Kept:
        """The same file once more, from its start; it stays open."""

        def __enter__(self) -> IO[bytes]:
            kept.seek(0)
            return kept

        def __exit__(self, *_: object) -> None: ...

        def read(self, most: int = -1) -> bytes:
            return kept.read(most)

    def opened() -> Any:
        kept.seek(0)
        return Kept()

    return opened


# ------------------------------------------------------------------------ trees


def _tree(members: Iterable[tuple[str, Node]]) -> list[Node]:
    """Members by their paths as folders in folders, in the order of names."""
    top: dict[str, Any] = {}
    for path, node in members:
        if path.startswith("/") or re.match(r"[A-Za-z]:", path):
            raise Unusable(f"it has a path that leads out of it ({path})")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise Unusable(f"it has a path that leads out of it ({path})")
        if not parts or len(parts) > MAX_DEPTH:
            raise Unusable(f"its folders are more than {MAX_DEPTH} deep")
        folder = top
        for part in parts[:-1]:
            below = folder.setdefault(part, {})
            folder = below if isinstance(below, dict) else {}
        folder[parts[-1]] = node
    return _nodes(top)


def _nodes(folder: dict[str, Any]) -> list[Node]:
    return [
        below if isinstance(below, Node) else Node(name, _inside(below))
        for name, below in sorted(folder.items())
    ]


def _inside(below: dict[str, Any]) -> Callable[[], list[Node]]:
    return lambda: _nodes(below)


def files(nodes: Iterable[Node], where: str = "") -> Iterator[tuple[str, Node]]:
    """Every file that a learner may have made, with its path; archives are entered.

    What can't be entered or is of no use comes as a file that raises when it is read.
    """
    nodes = list(nodes)
    if any(node.name == "pyvenv.cfg" for node in nodes):
        return
    for node in nodes:
        path = where + node.name
        if is_hidden(node.name):
            continue
        if node.inside is None:
            yield path, node
            continue
        try:
            inside = node.inside()
        except Unusable as reason:
            yield path, Node(node.name, read=_refusing(str(reason)))
            continue
        if node.is_archive and not inside:
            yield path, Node(node.name, read=_refusing("it is an empty archive"))
        yield from files(inside, f"{path}/")
