"""What a wrong prediction costs more than a right one: the worlds it is run in.

    python benchmarks/beliefs.py [--runs 5]

Each prediction of the course is judged with its right answer and, in turn, with one
that nobody gives, so that every world is tried. Prints, over all koans, how many
milliseconds the second takes more, the median, one in ten and the most, beside what
a right one takes, and the koans that take longest. The times are those of this
process, so that other work on the machine changes them little.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sensei import beliefs, judge  # noqa: E402
from sensei.attempt import Attempt  # noqa: E402
from sensei.course import Course  # noqa: E402
from sensei.lesson import Koan  # noqa: E402
from sensei.verdicts import Kind  # noqa: E402
from sensei.watchdog import Limits  # noqa: E402
from sensei.work import Work  # noqa: E402

LIMITS = Limits(60.0)
NOBODYS = '"nobody gives this answer"'
LONGEST = 6  # koans that are named


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one koan: judged right, judged wrong; how many worlds."""

    name: str
    right: float
    wrong: float
    worlds: int

    @property
    def more(self) -> float:
        return self.wrong - self.right


def costs(course: Course, runs: int) -> Iterator[Cost]:
    """Of each prediction that can be run here."""
    for lesson in course.lessons:
        work = Work(lesson, lesson.solution_path.read_bytes())
        for koan in lesson.koans.values():
            if koan.note.is_prediction and (cost := cost_of(koan, work, runs)):
                yield cost


def cost_of(koan: Koan, work: Work, runs: int) -> Cost | None:
    assert koan.solution
    right = work.example(koan, koan.solution.text)
    wrong = work.example(koan, NOBODYS)
    if judged(right) is not Kind.PASSED:
        return None
    judged(wrong)  # the first time is another matter
    times: dict[Attempt, list[float]] = {right: [], wrong: []}
    for _ in range(runs):
        for attempt, taken in times.items():
            work.outcomes.clear()
            started = time.process_time()
            judged(attempt)
            taken.append(1000 * (time.process_time() - started))
    found = beliefs.eligible(koan, None)
    count = sum(len(belief.worlds) for belief in found)
    best = (min(taken) for taken in times.values())
    return Cost(koan.name, *best, count)


def judged(attempt: Attempt) -> Kind:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return judge.decide(attempt, {"device": "cpu"}, LIMITS)[0].kind


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    course = Course.load(ROOT)
    assert course is not None
    course.find_helpers()
    found = sorted(costs(course, options.runs), key=lambda cost: cost.more)
    more = [cost.more for cost in found]
    tenth = more[int(0.9 * len(more))]
    right = statistics.median(cost.right for cost in found)
    print(f"{len(found)} predictions, {len(course.beliefs)} beliefs")
    print(f"right      {right:6.1f} ms in the median")
    print(f"wrong    + {statistics.median(more):6.1f} ms in the median")
    print(f"         + {tenth:6.1f} ms in one of ten, {more[-1]:.1f} ms at most")
    print(f"           {statistics.median(more) / right:6.1f} x a right one")
    for cost in reversed(found[-LONGEST:]):
        print(f"  {cost.name}: + {cost.more:.1f} ms, {cost.worlds} worlds")


if __name__ == "__main__":
    main()
