"""Lines of text for a terminal: prose that is folded, code that is not, labels.

The learner's screen and watch both write with these.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest import TerminalReporter

MARGIN = 9  # where text begins, behind its label
FEWER = str.maketrans("█▒░─→←…·│", "#+.-><.-|")


@dataclass(frozen=True)
class Span:
    """A piece of a line, and its colours (pytest's names for them)."""

    text: str
    markup: tuple[str, ...] = ()


Line = tuple[Span, ...]


def labelled(label: str, text: str, markup: tuple[str, ...] = ()) -> Line:
    """A line behind a label, which has the colour; without one the text has it."""
    return Span(f" {label:<{MARGIN - 1}}", markup), Span(
        text, markup if not label else ()
    )


def prose(
    label: str, text: str, width: int, markup: tuple[str, ...] = ()
) -> Iterator[Line]:
    """Prose, wrapped behind its label."""
    for line in folded(text, width - MARGIN):
        yield labelled(label, line, markup)
        label = ""


def folded(text: str, width: int, indent: str = "", further: str = "") -> list[str]:
    """Text in lines; no word is broken, whatever its length."""
    return textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=indent,
        subsequent_indent=indent + further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def code(line: str, width: int) -> Iterator[Line]:
    """A line of code, folded only where the terminal is too narrow for it."""
    indent = " " * (4 + len(line) - len(line.lstrip()))
    for part in folded(line, width - MARGIN, indent, further="    "):
        yield labelled("", part, ("cyan",))


def show(lines: list[Line], reporter: TerminalReporter) -> None:
    """Write lines to pytest's terminal, in ASCII where it has no more than that."""
    for line in lines:
        for span in line:
            text = writable(span.text, encoding(reporter))
            reporter.write(text, **dict.fromkeys(span.markup, True))
        reporter.write("\n")


def encoding(reporter: TerminalReporter) -> str:
    """That of pytest's terminal."""
    return getattr(reporter._tw._file, "encoding", None) or "utf-8"


def writable(text: str, encoding: str) -> str:
    """A text as a terminal with this encoding can have it."""
    try:
        text.encode(encoding)
    except UnicodeError:
        text = text.translate(FEWER).encode(encoding, "replace").decode(encoding)
    return text
