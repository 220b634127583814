"""Text that somebody else wrote, made safe to show: in CSV, Markdown, a terminal.

Control characters, escape sequences and marks that turn text around become
visible, such as ``\\x1b``. Markup stays text.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 300
# C: control, format, surrogate, private, unassigned; Zl, Zp: line separators.
_HIDDEN = ("C", "Zl", "Zp")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$@:])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def clean(text: str, keep: str = "") -> str:
    """Every character that does something, other than to be seen, spelled out."""
    return "".join(
        c
        if c in keep or not unicodedata.category(c).startswith(_HIDDEN)
        else _spelled(c)
        for c in text
    )


def _spelled(character: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    code = ord(character)
    if character in named:
        return named[character]
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def shortened(text: str, limit: int = LONGEST) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def cell(text: str) -> str:
    """For a cell of a CSV file: one line, and no formula to a spreadsheet."""
    plain = shortened(clean(text))
    return f"'{plain}" if plain.lstrip().startswith(_FORMULA) else plain


def markdown(text: str) -> str:
    """A sentence as Markdown; what stands in `backquotes` stays code."""
    pieces = shortened(clean(text), 1_000).split("`")
    if len(pieces) % 2 == 0 or "" in pieces[1::2]:
        return _MARKUP.sub(r"\\\1", "`".join(pieces))
    return "".join(
        f"`{piece}`" if i % 2 else _MARKUP.sub(r"\\\1", piece)
        for i, piece in enumerate(pieces)
    )


def code_block(text: str) -> str:
    """A block of code as Markdown; nothing in it can end it."""
    body = shortened(clean(text, keep="\n"), 2_000)
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{body}\n{fence}"
