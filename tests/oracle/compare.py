"""Compare what two engines say of the same answers.

    python tests/oracle/compare.py OLD NEW

prints where two files of write.py differ: first the answers whose kind of verdict
changed, then those where only the sentence did, then those that one file alone has.
The last line counts them; the exit code is 1 where there are any.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

Verdict = tuple[str | None, str | None]  # its kind and its sentence


@dataclass(frozen=True)
class Answer:
    """An answer to a koan; ``what`` is solution, also_right or mistake."""

    koan: str
    what: str
    fill: str


Verdicts = dict[Answer, Verdict]


def read(path: Path) -> Verdicts:
    return {
        Answer(koan["koan"], one["what"], one["fill"]): (one["kind"], one["sentence"])
        for koan in json.loads(path.read_text("utf-8"))
        for one in koan["verdicts"]
    }


def compare(old: Verdicts, new: Verdicts) -> int:
    """Print the differences; gives how many there are."""
    both = [answer for answer in old if answer in new]
    kind = [a for a in both if old[a][0] != new[a][0]]
    sentence = [a for a in both if old[a][0] == new[a][0] and old[a][1] != new[a][1]]
    gone = [answer for answer in old if answer not in new]
    added = [answer for answer in new if answer not in old]

    def change(answer: Answer) -> str:
        return f"{shown('old', old[answer])}\n{shown('new', new[answer])}"

    tell("kind changed", kind, change)
    tell("only the sentence changed", sentence, change)
    tell("only in OLD", gone, lambda answer: shown("old", old[answer]))
    tell("only in NEW", added, lambda answer: shown("new", new[answer]))
    print(
        f"{len(both)} answers compared: {len(kind)} changed in kind, "
        f"{len(sentence)} in the sentence only; "
        f"{len(gone)} only in OLD, {len(added)} only in NEW"
    )
    return len(kind) + len(sentence) + len(gone) + len(added)


def tell(
    title: str, answers: Iterable[Answer], detail: Callable[[Answer], str]
) -> None:
    """Print one group of differences, and nothing where it is empty."""
    answers = list(answers)
    if not answers:
        return
    print(f"{title} ({len(answers)})\n")
    for answer in answers:
        fill = answer.fill.strip().replace("\n", "\n        ")
        print(f"  {answer.koan}, {answer.what}\n    fill  {fill}\n{detail(answer)}\n")


def shown(which: str, verdict: Verdict) -> str:
    kind, sentence = verdict
    return f"    {which}   {kind or 'a pattern'}: {sentence or ''}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(bool(compare(*(read(Path(name)) for name in sys.argv[1:]))))
