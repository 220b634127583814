"""What needs a person to say: on the screen, and in needs-you.csv, out and in again.

``matching`` finds the needs of a class; ``command`` writes them, and reads what was
filled in when it runs again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensei.grading import tables
from sensei.grading.roster import folded, index
from sensei.grading.shown import cell, clean, shortened
from sensei.grading.tables import RosterError

COLUMNS = ("hand_in", "reason", "what_to_do", "belongs_to")
LISTED = 10  # of them on the screen
NOBODY = "nobody"
SAY_WHOSE = (
    "Write under belongs_to whose it is: an id or e-mail of the roster (of a group, "
    f"several with ; between), or {NOBODY}."
)
SAY_WHICH = (
    "Write under belongs_to, beside the one that counts, whose it is; or "
    f"{NOBODY} beside the others."
)
AS_IT_IS = (
    "Look at it, or ask for it again. To take it as it is, write under belongs_to "
    f"whose it is; to leave it out, {NOBODY}."
)


@dataclass(frozen=True)
class Need:
    """A hand-in that needs a person: why, and what to do.

    ``belongs_to`` is what was filled in; ``is_open`` until that settles it.
    """

    hand_in: str
    reason: str
    what_to_do: str = ""
    belongs_to: str = ""
    is_open: bool = True


def written(name: str) -> str:
    """A hand-in's name as it stands in needs-you.csv."""
    return cell(name).strip()


def as_csv(needs: Iterable[Need]) -> bytes:
    """needs-you.csv: with a byte order mark, so that Excel reads the names."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for need in needs:
        words = (need.reason, need.what_to_do, need.belongs_to)
        rows.writerow([written(need.hand_in), *map(cell, words)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def read(path: Path) -> dict[str, str]:
    """What was filled in: a hand-in's name and whose it is. Raises RosterError."""
    if not path.exists():
        return {}
    table = tables.read(path)
    names = [folded(name) for name in table.header.cells]
    hand_in, whose = index(names, "hand in"), index(names, "belongs to")
    if hand_in is None or whose is None:
        wanted = f"the first line has to be {','.join(COLUMNS)}"
        raise RosterError.at(path, table.header.line, wanted)
    return {r.cell(hand_in): r.cell(whose) for r in table.rows if r.cell(whose)}


def lines(needs: Sequence[Need], where: Path) -> list[str]:
    """For the screen: how many are open, and the first of them."""
    left = [need for need in needs if need.is_open]
    if not left:
        return ["Needs you: 0"]
    named = [clean(f"- {need.hand_in}: {need.reason}") for need in left[:LISTED]]
    more = [f"... and {len(left) - LISTED} more"] if len(left) > LISTED else []
    head = f"Needs you: {len(left)} (all, and what to do: {where})"
    return [head, *(shortened(line, 100) for line in named), *more]
