"""Write down what the engine says of every answer that the course knows.

    python tests/oracle/write.py [FILE]

writes tests/oracle/verdicts.json, or FILE: for each koan of the course, in the order
of the path, the verdict on its solution, on each other right answer and on each named
mistake. A mistake with `...` in it is a pattern, not an answer: it is written down
unjudged. Koans run on the CPU, one after the other in this one process.

It was first written before the engine was built anew, and then with that. Of 706
answers that both knew none changed its kind of verdict. Write it again with another
engine and let compare.py show what that engine says otherwise. What code raises is
quoted in torch's own words, so compare what the same release of torch ran.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch  # noqa: E402

from sensei.lesson import Koan  # noqa: E402
from this_course import KOANS, judged  # noqa: E402

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")


def answers(koan: Koan) -> Iterator[tuple[str, str]]:
    """Each answer that a koan's notes know, as (what it is, fill)."""
    assert koan.solution is not None
    yield "solution", koan.solution.text
    yield from (("also_right", fill) for fill in koan.note.also_right)
    yield from (("mistake", mistake.fill) for mistake in koan.note.mistakes)


def record(koan: Koan, what: str, fill: str) -> dict[str, Any]:
    """An answer with its verdict, as verdicts.json holds it."""
    if what == "mistake" and "..." in fill:
        unjudged = {"kind": None, "sentence": None, "pattern": True}
        return {"what": what, "fill": fill, **unjudged}
    verdict = judged(koan, fill)
    sentence = plain(verdict.sentence)
    return {"what": what, "fill": fill, "kind": str(verdict.kind), "sentence": sentence}


def plain(sentence: str) -> str:
    """A sentence that is the same in every run and in every checkout."""
    text = ADDRESS.sub("0x...", sentence)
    return text.replace(f"{ROOT}/", "")


def main(path: Path) -> None:
    torch.set_num_threads(1)
    koans = []
    for koan in KOANS:
        verdicts = [record(koan, *answer) for answer in answers(koan)]
        names = {"lesson": koan.lesson.name, "koan": koan.name}
        koans.append({**names, "verdicts": verdicts})
    text = json.dumps(koans, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")
    tell(koans)


def tell(koans: list[dict[str, Any]]) -> None:
    """Print how many verdicts there are of each kind."""
    kinds = Counter(
        (one["what"], one["kind"] or "pattern")
        for koan in koans
        for one in koan["verdicts"]
    )
    print(f"{len(koans)} koans, {sum(kinds.values())} answers")
    for (what, kind), count in sorted(kinds.items()):
        print(f"{what:10}  {kind:8}  {count:4}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "verdicts.json")
