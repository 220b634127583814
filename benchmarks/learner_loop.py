"""What a learner waits for: ratios of medians, measured in turn in one run.

    python benchmarks/learner_loop.py [--rounds 7]

1. A first run that stops at the first blank, to `import torch, pytest`.
2. Lessons 01 to 04 solved, to a process that imports torch and pytest and builds
   one optimizer (that pulls in torch._dynamo: the floor of any lesson).
3. The whole main path solved, to the same floor.
4. The engine's own share of a warm run in one process: milliseconds a koan, by
   which a run with the engine is longer than calling the solved koans; and once
   more with every file parsed anew, as a cold run has to.

The course is copied to a temporary folder; nothing here is timed by pytest.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "koans")]

from sensei import judge, lesson, notes  # noqa: E402
from sensei.attempt import Attempt, compiled  # noqa: E402
from sensei.course import Course  # noqa: E402
from sensei.watchdog import Limits  # noqa: E402
from sensei.work import Work  # noqa: E402

IMPORTS = "import torch, pytest"
FLOOR = IMPORTS + "; torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)"
FIRST_LESSONS = [f"koans/test_0{number}_*.py" for number in (1, 2, 3, 4)]


def copy_course(folder: Path, solved: bool) -> Path:
    folder.mkdir()
    for name in (
        "koans",
        "course",
        "solutions",
        "sensei",
        "conftest.py",
        "pyproject.toml",
    ):
        source = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    if solved:
        for path in (ROOT / "solutions").glob("test_*.py"):
            shutil.copy(path, folder / "koans")
    return folder


def seconds(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return time.perf_counter() - start


def ratio(
    rounds: int, measured: Callable[[], float], floor: Callable[[], float]
) -> tuple[float, float, float]:
    """Medians of both, taken in turn, and their ratio."""
    measured(), floor()  # once for the caches of the disk and of bytecode
    pairs = [(measured(), floor()) for _ in range(rounds)]
    above, below = (statistics.median(column) for column in zip(*pairs, strict=True))
    return above, below, above / below


def engine_share(rounds: int, folder: Path, anew: bool) -> float:
    """Milliseconds a koan that the engine adds to calling it, lessons 01 to 04 solved.

    ``anew``: with each file read, matched and compiled, as a run of pytest has to.
    """
    plain, judged, count = [], [], 0
    attempts = list(_attempts(folder))
    for _ in range(rounds + 1):
        calls = [_plain(attempt) for attempt in attempts]
        start = time.perf_counter()
        for call in calls:
            call("cpu")
        middle = time.perf_counter()
        for attempt in list(_attempts(folder)) if anew else attempts:
            judge.decide(attempt, {"device": "cpu"}, Limits(60.0))
        judged.append(time.perf_counter() - middle)
        plain.append(middle - start)
        count = len(attempts)
    difference = statistics.median(judged[1:]) - statistics.median(plain[1:])
    return 1000 * difference / count


def _plain(attempt: Attempt) -> Callable[[str], object]:
    """A koan as it is written, its checks raising as ever."""
    names = dict(vars(attempt.work.module))
    exec(compiled([attempt.function], attempt.filename), names)
    call: Callable[[str], object] = names[attempt.koan.name]
    return call


def _attempts(folder: Path) -> Iterator[Attempt]:
    """The koans of the first four lessons, read from their files: no cache is warm."""
    notes._parsed.cache_clear()
    lesson._pristine.cache_clear()
    course = Course.load(folder)
    assert course is not None
    course.find_helpers()
    for each in [one for one in course.lessons if not one.part][:4]:
        work = Work(each, each.path.read_bytes())
        for koan in each.koans.values():
            attempt = work.attempt(koan)
            assert isinstance(attempt, Attempt), attempt
            yield attempt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    python = sys.executable
    with tempfile.TemporaryDirectory() as temporary:
        fresh = copy_course(Path(temporary, "fresh"), solved=False)
        solved = copy_course(Path(temporary, "solved"), solved=True)
        found = [path for lesson in FIRST_LESSONS for path in solved.glob(lesson)]
        first = [str(path.relative_to(solved)) for path in found]
        rows = [
            ("first run, first blank", [], fresh, IMPORTS, 1.3),
            ("lessons 01 to 04 solved", first, solved, FLOOR, 1.25),
            ("main path solved", [], solved, FLOOR, 1.25),
        ]
        for title, arguments, folder, floor, goal in rows:
            above, below, times = ratio(
                rounds,
                lambda f=folder, a=arguments: seconds([python, "-m", "pytest", *a], f),
                lambda f=folder, code=floor: seconds([python, "-c", code], f),
            )
            print(
                f"{title:<26} {above:6.2f} s / {below:5.2f} s = {times:5.2f} ×"
                f"   (at most {goal} ×)"
            )
        share = engine_share(rounds, solved, anew=False)
        print(f"{'engine, warm':<26} {share:6.2f} ms a koan    (at most 0.5 ms)")
        share = engine_share(rounds, solved, anew=True)
        print(f"{'engine, files parsed anew':<26} {share:6.2f} ms a koan")


if __name__ == "__main__":
    main()
