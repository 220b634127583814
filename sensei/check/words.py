"""Checks of what is said of a koan: all of it is written, and links are links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from sensei.check.findings import Finding
from sensei.check.trials import Trials

UNWRITTEN = "(to be written)"  # what `sensei new` puts where an author has to write
LINK = re.compile(r"https://[\w-]+(\.[\w-]+)+(:\d+)?(/[^\s<>\"]*)?")


def is_unwritten(text: str) -> bool:
    return UNWRITTEN in text


def is_link(text: str) -> bool:
    return LINK.fullmatch(text) is not None


def unwritten(koan: Trials) -> Iterator[Finding]:
    """What is left of the skeleton of a new koan."""
    note = koan.note
    texts = {
        "asks": note.asks,
        **{f"hint {i}": hint for i, hint in enumerate(note.hints, 1)},
        "because": note.because,
        "link": note.link,
    }
    for i, mistake in enumerate(note.mistakes, 1):
        texts[f"mistakes {i}"] = "\n".join([*mistake.fills, mistake.says])
    if is_unwritten(koan.koan.question):
        yield koan.in_solution("its question is still to be written")
    for place, text in texts.items():
        if is_unwritten(text):
            yield koan.in_notes(place, "still to be written")


def complete(koan: Trials) -> Iterator[Finding]:
    """Three hints, two mistakes or more, a sentence for each, a link."""
    note = koan.note
    for hint, count in Counter(note.hints).items():
        if count > 1:
            yield koan.in_notes("hints", f"this one is there twice: {hint}")
    if len(note.mistakes) < 2:
        yield koan.in_notes("mistakes", "there are fewer than two")
    if not is_link(note.link):
        yield koan.in_notes("link", f"no https link: {note.link}")
    yield from _told_twice(koan)


def _told_twice(koan: Trials) -> Iterator[Finding]:
    """Of code, one sentence may be told to an outcome, and besides to a spelling."""
    mistakes = koan.note.mistakes
    for says, count in Counter(mistake.says for mistake in mistakes).items():
        examples = [m for m in mistakes if m.says == says and not m.spelled]
        if count > max(1, len(examples) if koan.is_code else 1):
            said = f"{count} of them have one sentence; put them in fills: {says}"
            yield koan.in_notes("mistakes", said)
