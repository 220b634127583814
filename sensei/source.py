"""Reading Python: from the bytes of a file to a syntax tree, or to what is wrong.

A lesson, the notes' patterns and a submission are all read here. Nothing is run,
and nothing is dropped from a tree.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_DEPTH = 120  # of a syntax tree; a koan has 20, and Python's stack bears 1000
MAX_BITS = 4096  # of an int; Python writes none of more than 4300 digits
Function = ast.FunctionDef | ast.AsyncFunctionDef

_LINE_END = re.compile(r"\r\n|\r|\n")
_BEGINNING = re.compile(r"@|(?:async\s+)?def\b|class\b")
_DOCSTRING = re.compile(r'\s*("""|\'\'\').*?\1', re.DOTALL)
_KOAN = re.compile(r"^(?:async\s+)?def\s+(test_\w*)", re.MULTILINE)
_SURROGATE = re.compile("[\udc80-\udcff]")


class Unreadable(Exception):
    """A source that can't be parsed.

    ``line`` is where (None when unknown), ``reason`` says why in plain words.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


def lines_of(text: str) -> list[str]:
    """The lines of a source as Python counts them (not ``str.splitlines``)."""
    return _LINE_END.split(text)


def span(node: ast.stmt) -> slice:
    """The lines of a statement among those of its file, its decorators included."""
    nodes = (node, *getattr(node, "decorator_list", []))
    return slice(min(one.lineno for one in nodes) - 1, node.end_lineno)


def decode(source: bytes) -> str:
    """The text of a file; bytes that are not UTF-8 stay as lone surrogates.

    Raises Unreadable for another declared encoding: Python would run what that
    makes of it, which is another program.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError:  # not UTF-8 in its first two lines, or an unknown name
        encoding = "utf-8" if b"coding" not in source[:200] else "unknown"
    if encoding not in ("utf-8", "utf-8-sig"):
        raise Unreadable(f"it declares that it is {encoding}, not UTF-8", 1)
    return source.decode("utf-8-sig", "surrogateescape")


def parse(text: str) -> ast.Module:
    """The syntax tree of a source; raises Unreadable."""
    if odd := _SURROGATE.search(text):
        line = len(lines_of(text[: odd.start()]))
        raise Unreadable(f"it is not UTF-8 (byte 0x{ord(odd[0]) - 0xDC00:02x})", line)
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise Unreadable(syntax_reason(error), error.lineno) from None
    except ValueError as error:  # NUL bytes, before Python 3.12
        raise Unreadable(str(error)) from None
    except (RecursionError, MemoryError):
        raise Unreadable("it is nested too deeply") from None
    return tree


def syntax_reason(error: SyntaxError) -> str:
    """Why Python can't read something, in words for a sentence."""
    if isinstance(error, TabError):
        return "tabs and spaces are mixed in its indentation"
    return error.msg or "it is not Python"


def _check_size(tree: ast.AST) -> None:
    """Refuse what no later walk could bear: level by level, without recursion."""
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        below: list[ast.AST] = []
        for node in level:
            if isinstance(node, ast.Constant):
                if isinstance(node.value, int) and node.value.bit_length() > MAX_BITS:
                    raise Unreadable("it has a number that is too long", node.lineno)
                continue
            for field in node._fields:
                value = getattr(node, field, None)
                if isinstance(value, list):
                    below += [item for item in value if isinstance(item, ast.AST)]
                elif isinstance(value, ast.AST) and value._fields:
                    below.append(value)
        if not below:
            return
        level = below
    raise Unreadable("it is nested too deeply")


# ---------------------------------------------------------------- piece by piece


@dataclass(frozen=True)
class Piece:
    """A part of a file: its statements, or the koan that it spoils, and why.

    ``koan`` is "" where the fault is not in a koan.
    """

    body: tuple[ast.stmt, ...] = ()
    koan: str = ""
    fault: Unreadable | None = None


@lru_cache(maxsize=32)
def parse_pieces(text: str) -> tuple[Piece, ...]:
    """A source that may be broken in places: what can be read of it, and what not.

    What is nested too deeply to be looked at, or has a number too long to be
    written, can't be read. The trees are kept for the next who asks: nobody
    changes them.

    A whole source is one piece. A broken one is cut before each line that begins
    with ``def``, ``class`` or ``@``, so that a slip spoils one koan and no other.
    """
    try:
        return (_whole(text),)
    except Unreadable:
        pieces = (_read_piece(line, piece) for line, piece in cut(text))
        return tuple(pieces)


def _whole(text: str) -> Piece:
    tree = parse(text)
    _check_size(tree)
    return Piece(tuple(tree.body))


def _read_piece(above: int, text: str) -> Piece:
    """A piece with so many lines above it."""
    try:
        return _whole("\n" * above + text)
    except Unreadable as fault:
        fault.line = fault.line or above + 1
        names = _KOAN.findall(text)
        return Piece(koan=names[0] if names else "", fault=fault)


def cut(text: str) -> Iterator[tuple[int, str]]:
    """The pieces of a source, each with the number of lines that come before it."""
    lines = lines_of(text)
    starts = [0]
    decorated = False
    docstring = _DOCSTRING.match(text)  # its lines may begin with any word
    head = len(lines_of(docstring[0])) if docstring else 0
    for i, line in enumerate(lines):
        if i >= head and _BEGINNING.match(line):
            if i and not decorated:
                starts.append(i)
            decorated = line.startswith("@")
        elif line.strip() and not line[0].isspace() and line[0] not in "#)]}":
            decorated = False
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield start, "\n".join(lines[start:end]) + "\n"
