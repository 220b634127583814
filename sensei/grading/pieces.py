"""The same answers, faster: a lesson file read koan by koan.

Learners differ in a few koans and agree in the rest, so most koans of a file
were seen before, letter by letter, in somebody else's. A file is cut before
each koan. If every piece can be parsed by itself, the whole file is the pieces
one after the other, and a piece that was seen before need not be parsed again.
Whatever is odd in any way is left to the whole parse in ``answers``.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from typing import TypeVar

from sensei.blanks import Function, Unreadable
from sensei.grading.answers import Reader, Taken
from sensei.grading.book import Book
from sensei.grading.template import Template, TemplateLesson
from sensei.lesson import Lesson, NotAsGiven, Source, check_frame

KOAN = re.compile(r"^(?:@[^\n]*\n)*def test_", re.MULTILINE)
ODD = re.compile(rb"[\r\x00\x0c]")
KEPT_KOANS = 4_000  # of a lesson; a class of a thousand has about sixty
KEPT_HEADS = 50

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Piece:
    """A koan with the number of its answer; or ("") what stands around koans."""

    koan: str
    number: int
    frame: tuple[ast.stmt, ...]


class QuickReader(Reader):
    """A reader that has seen most koans before."""

    def __init__(self, template: Template, lesson: TemplateLesson, book: Book) -> None:
        super().__init__(template, lesson, book)
        self._koans: dict[bytes, Piece | None] = {}
        self._heads: dict[bytes, Piece] = {}
        self._frames: dict[tuple[bytes, ...], bool] = {}

    def take(self, data: bytes) -> Taken:
        return self._by_pieces(data) or super().take(data)

    def _by_pieces(self, data: bytes) -> Taken | None:
        """None where the file has to be read as a whole."""
        data = data.replace(b"\r\n", b"\n")
        if ODD.search(data) or b"coding" in b"".join(data.split(b"\n", 2)[:2]):
            return None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None
        cuts = [0, *(found.start() for found in KOAN.finditer(text)), len(text)]
        numbers: dict[str, int] = {}
        frames: list[tuple[bytes, Piece]] = []
        for start, end in zip(cuts, cuts[1:], strict=False):
            key, piece = self._piece(text[start:end])
            if piece is None or piece.koan in numbers:
                return None
            if piece.koan:
                numbers[piece.koan] = piece.number
            if piece.frame:
                frames.append((key, piece))
        if not self._is_as_given(frames):
            return None
        return Taken(
            tuple(
                numbers[koan.name]
                if koan.name in numbers
                else self.scribe.missing(koan)
                for koan in self.koans
            )
        )

    def _piece(self, text: str) -> tuple[bytes, Piece | None]:
        key = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if key in self._heads:
            return key, self._heads[key]
        if key not in self._koans:
            piece = self._read_piece(text)
            if piece is not None and piece.frame:  # syntax trees: few are kept
                return key, _kept(self._heads, KEPT_HEADS, key, piece)
            _kept(self._koans, KEPT_KOANS, key, piece)
        return key, self._koans[key]

    def _read_piece(self, text: str) -> Piece | None:
        """None for what can't stand by itself, or is not as it was given."""
        source = Source(text)
        try:
            body = source.tree.body
        except (Unreadable, RecursionError, MemoryError):
            return None
        koans = [node for node in body if _is_koan(node)]
        frame = tuple(node for node in body if not _is_koan(node))
        if not koans:
            return Piece("", -1, frame)
        if len(koans) > 1:
            return None
        found = Lesson(
            self.lesson.files.path, self.lesson.notes, source, self.lesson.given
        )
        name = koans[0].name  # type: ignore[attr-defined]
        for koan in self.koans:
            if koan.name == name:
                number, changed = self._koan(found, koan)
                return None if changed else Piece(name, number, frame)
        return None

    def _is_as_given(self, frames: list[tuple[bytes, Piece]]) -> bool:
        key = tuple(key for key, _ in frames)
        if key not in self._frames:
            body = [statement for _, piece in frames for statement in piece.frame]
            _kept(self._frames, KEPT_KOANS, key, self._fits(ast.Module(body, [])))
        return self._frames[key]

    def _fits(self, frame: ast.Module) -> bool:
        try:
            check_frame(self.lesson.given.solution.tree, frame)
        except (NotAsGiven, RecursionError, MemoryError):
            return False
        return True


def _is_koan(node: ast.stmt) -> bool:
    return isinstance(node, Function) and node.name.startswith("test_")


def _kept(memory: dict[K, V], limit: int, key: K, value: V) -> V:
    """Remember something; forget all when it gets too much."""
    if len(memory) >= limit:
        memory.clear()
    memory[key] = value
    return value
