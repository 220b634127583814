r"""Text that somebody else wrote, made safe to show: in CSV, a page, a terminal.

Control characters, escape sequences and marks that turn text around become
visible, such as ``\x1b``. Markup stays text.
"""

from __future__ import annotations

import unicodedata

LONGEST = 300
# C: control, format, surrogate, private, unassigned; Zl, Zp: line separators.
_HIDDEN = ("C", "Zl", "Zp")
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
    """A text of at most so many characters."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def cell(text: str) -> str:
    """For a cell of a CSV file: one line, and no formula to a spreadsheet."""
    plain = shortened(clean(text))
    return f"'{plain}" if plain.lstrip().startswith(_FORMULA) else plain
