"""Verdicts: what became of one koan, and how it is told.

They are the same words on the screen, in JUnit and in a grade sheet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What became of a koan."""

    PASSED = "passed"
    BLANK = "blank"
    REFUSED = "refused"  # a fill that peeks
    WRONG = "wrong"  # a prediction that does not hold
    FAILED = "failed"  # a check over the learner's code does not hold
    ERROR = "error"  # it could not be judged
    SKIPPED = "skipped"  # this machine can't run it; never counted as done
    # These come about in grading only.
    TIMEOUT = "timeout"  # it did not end in time, and not when tried again alone
    CRASHED = "crashed"  # its process ended without a word
    MISSING = "missing"  # it was not handed in
    UNGRADED = "ungraded"  # the grader itself failed: nobody's zero


@dataclass(frozen=True)
class Verdict:
    """What became of a koan: the kind, a sentence for the learner, and where.

    ``line`` is in the koan's file. ``wrote`` is the learner's fill. ``answer`` is
    what a wrong prediction should have been, only when the learner asked for it;
    ``story`` tells how the koan's values came about, line by line.
    """

    kind: Kind
    sentence: str = ""
    line: int = 0
    wrote: str = ""
    answer: str = ""
    story: str = ""

    def properties(self) -> list[tuple[str, str]]:
        """As pytest's user_properties, which travel to JUnit and through xdist."""
        named = {f"sensei-{key}": value for key, value in asdict(self).items() if value}
        return [("verdict", str(named.pop("sensei-kind")))] + [
            (key, str(value)) for key, value in named.items()
        ]

    @classmethod
    def from_properties(
        cls, properties: Iterable[tuple[str, object]]
    ) -> Verdict | None:
        """The verdict among a report's user_properties, if there is one."""
        found = {key: str(value) for key, value in properties}
        if "verdict" not in found:
            return None
        fields = {key: found.get(f"sensei-{key}", "") for key in _TEXTS}
        line = int(found.get("sensei-line", 0))
        return cls(kind=Kind(found["verdict"]), line=line, **fields)


_TEXTS = ("sentence", "wrote", "answer", "story")
