"""How fast a class is graded, beside one cold ``pytest`` for each submission.

    python benchmarks/grading.py [--learners 1000] [--distinct 100]

Makes classes with a seed: learners are right on 80 % of the blanks and otherwise
give one of six wrong answers or leave it blank; in the second class no answer is
like another. Prints submissions per second, the ratio to the cold rate measured in
the same run, and how much longer it takes than without the worlds of
``sensei.beliefs``, in CPU time, one after the other.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sensei import edit, source
from sensei.course import Course
from sensei.grading import assignment
from sensei.lesson import Koan, Lesson

ROOT = Path(__file__).parent.parent
SEED = 20
RIGHT = 0.8
GRADE = "import sys; from sensei.cli import main; sys.exit(main(sys.argv[1:]))"


# ---------------------------------------------------------------- making a class


class Variants:
    """What learners write into one koan, each as the text of the whole koan.

    ``piece`` is its text in the solved lesson, ``above`` the lines that are above it.
    """

    def __init__(self, koan: Koan, above: int, piece: str) -> None:
        assert koan.solution is not None
        self.koan, self.above, self.solved = koan, above, piece
        self.solution = koan.solution
        self.wrong = [self.text(fill) for fill in [*self._wrong_fills(), "__"]]

    def text(self, fill: str) -> str:
        change = self.solution, textwrap.dedent(fill).strip("\n")
        return edit.replaced("\n" * self.above + self.solved, [change])[self.above :]

    def _wrong_fills(self) -> list[str]:
        named = [m.fill.replace("...", "77.125") for m in self.koan.note.mistakes]
        more = (
            [f"{n}.0625" for n in range(3, 9)] if self.koan.note.is_prediction else []
        )
        return (named + more)[:6]

    def one(self, rng: random.Random) -> str:
        return self.solved if rng.random() < RIGHT else rng.choice(self.wrong)

    def unlike_any(self, number: int) -> str:
        """An answer that nobody else gives, right where that can be."""
        right = self.solution.text
        if self.koan.note.is_prediction:
            return self.text(_another_way(right, number))
        if self.solution.is_expression:
            return self.text(f"({right}, {number})[0]")
        return self.text(f"{right}\n{number}")


def _another_way(right: str, number: int) -> str:
    if right.startswith("["):
        return f"{right} + [{number}] * 0"
    if right in ("None", "False"):
        return f"{right} and {number}"
    return f"{number}.125" if right.startswith("{") else f"{right} + 0 * {number}"


class Maker:
    """Makes lesson files out of koans."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self.lessons = [(lesson, list(_parts(lesson))) for lesson in lessons]

    def submission(self, number: int, distinct: bool = False) -> dict[str, bytes]:
        """The lesson files of one learner, by name; the same for the same number."""
        rng = random.Random(SEED * 1_000_003 + number)
        return {
            lesson.name: "".join(
                part
                if isinstance(part, str)
                else part.unlike_any(number)
                if distinct
                else part.one(rng)
                for part in parts
            ).encode()
            for lesson, parts in self.lessons
        }


def _parts(lesson: Lesson) -> Iterator[str | Variants]:
    """A lesson's koans, and what stands around them, in order."""
    assert lesson.pristine is not None
    for above, piece in source.cut(lesson.pristine.solution):
        names = [koan for name, koan in lesson.koans.items() if f"def {name}(" in piece]
        yield Variants(names[0], above, piece) if names else piece


def write_class(maker: Maker, folder: Path, count: int, distinct: bool = False) -> None:
    for number in range(count):
        inside = folder / f"learner-{number:05}"
        inside.mkdir(parents=True)
        for name, data in maker.submission(number, distinct).items():
            (inside / f"{name}.py").write_bytes(data)


# --------------------------------------------------------------------- measuring


def cold(maker: Maker, course: Course, folder: Path, rounds: int) -> float:
    """Seconds of one cold pytest for one submission; the median of some."""
    times = []
    for number in range(rounds):
        copy = folder / f"cold-{number}"
        skip = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(course.koans, copy / "koans", ignore=skip)
        for name in ("solutions", "course"):
            shutil.copytree(course.root / name, copy / name, ignore=skip)
        for name in ("conftest.py", "pyproject.toml"):
            shutil.copy(course.root / name, copy / name)
        for name, data in maker.submission(number).items():
            next(copy.glob(f"koans/**/{name}.py")).write_bytes(data)
        files = [
            str(p.relative_to(copy)) for p in sorted(copy.glob("koans/**/test_*.py"))
        ]
        named = [f for f in files if Path(f).stem in maker.submission(0)]
        started = time.perf_counter()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "--maxfail=0",
                "--device",
                "cpu",
                *named,
            ],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,  # it ends red
        )
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2]


def without_beliefs(folder: Path) -> Path:
    """A copy of the course that knows no misconceptions."""
    skip = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("koans", "solutions", "course"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    shutil.copy(ROOT / "conftest.py", folder)
    lines = (ROOT / "pyproject.toml").read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("misconceptions =")]
    assert len(kept) == len(lines) - 1
    (folder / "pyproject.toml").write_text("".join(kept))
    return folder


def graded(
    submissions: Path, out: Path, jobs: int, lessons: str, course: Path = ROOT
) -> float:
    """Seconds of one ``sensei grade``, from the start of Python to its end."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", GRADE, "grade", str(submissions), "--out", str(out)]
        + ["--jobs", str(jobs), "--lessons", lessons],
        cwd=course,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(
            f"sensei grade ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    print("   ", done.stdout.splitlines()[0])
    return seconds


# ----------------------------------------------------------------------- the parts


def main() -> None:
    options = _options()
    course = Course.load(ROOT)
    assert course is not None
    maker = Maker(assignment.select(course, options.lessons))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _speed(options, course, maker, folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", type=int, default=1000)
    parser.add_argument("--distinct", type=int, default=100)
    parser.add_argument("--lessons", default="01-09")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cold", type=int, default=3, help="rounds of pytest")
    return parser.parse_args()


def _speed(
    options: argparse.Namespace, course: Course, maker: Maker, folder: Path
) -> None:
    """The machine may be busy: pytest is timed before and after each class."""
    classes = [("a class", options.learners, False)]
    classes.append(("all different", options.distinct, True))
    before = cold(maker, course, folder / "first", options.cold)
    plain = without_beliefs(folder / "plain")
    for what, count, distinct in classes:
        if not count:
            continue
        submissions, out = folder / f"class-{distinct}", folder / f"out-{distinct}"
        write_class(maker, submissions, count, distinct)
        used = _cpu()
        seconds = graded(submissions, out, options.jobs, options.lessons)
        used = _cpu() - used
        bare = _cpu()
        graded(submissions, out / "bare", options.jobs, options.lessons, plain)
        bare = _cpu() - bare
        after = cold(maker, course, folder / f"after-{distinct}", options.cold)
        one, rate = (before + after) / 2, count / seconds
        print(f"cold pytest: {before:.2f} s before, {after:.2f} s after")
        print(
            f"{what}: {count} in {seconds:.1f} s, {rate:.1f}/s, {rate * one:.0f} x cold"
        )
        print(f"    {used / count * 1000:.0f} ms of CPU each")
        print(f"    {used / bare:.2f} x what it takes without beliefs")
        before = after


def _cpu() -> float:
    """CPU seconds of all the processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
