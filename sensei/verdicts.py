"""Verdicts: what became of one koan, and how it is told.

They are the same words on the screen, in a report and in a grade sheet. What a
kind of verdict means is said here, and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What became of a koan.

    ``colour`` is pytest's name for it; ``stops`` says whether the path goes no
    further, ``counts`` whether its points were to be had, ``hinted`` whether a
    hint helps. The last three kinds come about in grading only.
    """

    colour: str
    stops: bool
    counts: bool
    hinted: bool

    def __new__(
        cls,
        value: str,
        colour: str = "red",
        stops: bool = True,
        counts: bool = True,
        hinted: bool = False,
    ) -> Kind:
        member = str.__new__(cls, value)
        member._value_ = value
        member.colour, member.stops = colour, stops
        member.counts, member.hinted = counts, hinted
        return member

    PASSED = "passed", "green", False
    BLANK = "blank", "yellow", True, True, True
    REFUSED = "refused"  # a prediction that peeks, code that uses what it may not
    WRONG = "wrong", "red", True, True, True  # a prediction that does not hold
    FAILED = "failed", "red", True, True, True  # a check of code does not hold
    ERROR = "error"  # it raised, or is not the koan that was given
    SKIPPED = "skipped", "yellow", False, False  # this machine can't run it
    TIMEOUT = "timeout", "red", True, True, True
    CRASHED = "crashed"  # its process ended without a word
    MISSING = "missing"  # it was not handed in
    UNGRADED = "ungraded", "red", True, False  # the grader failed: nobody's zero


PROPERTY = "sensei"


@dataclass(frozen=True)
class Verdict:
    """What became of a koan: the kind, a sentence for the learner, and where.

    ``line`` is in the koan's file, ``wrote`` the learner's fill, ``mistake`` the
    diagnosis of a named mistake, ``beliefs`` what a prediction would be right if (see
    ``sensei.beliefs``), the one that is told first. The others are "" unless they may
    be told: ``answer`` is what a wrong prediction should have
    been; ``table`` sets what a check found beside what it expected (see
    ``partial``), ``story`` says how that came about (see ``timeline``), ``believed``
    how it would have by that belief, ``remarks`` where in the story a wrong number
    was, a line each.
    """

    kind: Kind
    sentence: str = ""
    line: int = 0
    wrote: str = ""
    mistake: str = ""
    beliefs: tuple[str, ...] = ()
    answer: str = ""
    table: str = ""
    story: str = ""
    believed: str = ""
    remarks: str = ""

    def properties(self) -> list[tuple[str, str]]:
        """As pytest's user_properties, which travel to JUnit and through xdist."""
        fields = {key: value for key, value in asdict(self).items() if value}
        return [("verdict", str(self.kind)), (PROPERTY, json.dumps(fields))]

    @classmethod
    def from_properties(
        cls, properties: Iterable[tuple[str, object]]
    ) -> Verdict | None:
        """The verdict among a report's user_properties, if there is one."""
        for key, value in properties:
            if key == PROPERTY:
                fields = json.loads(str(value))
                beliefs = tuple(fields.pop("beliefs", ()))
                return cls(Kind(fields.pop("kind")), beliefs=beliefs, **fields)
        return None


def merged(verdicts: Iterable[Verdict]) -> Verdict | None:
    """One verdict out of those for each device: the first that stops.

    A koan that passed on one device and can't run on another is passed.
    """
    all_of_them = list(verdicts)
    stopping = [verdict for verdict in all_of_them if verdict.kind.stops]
    passed = [verdict for verdict in all_of_them if verdict.kind is Kind.PASSED]
    return next(iter(stopping or passed or all_of_them), None)
