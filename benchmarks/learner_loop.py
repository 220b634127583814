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
import importlib.util
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "koans")]

from sensei import notes  # noqa: E402
from sensei.course import Course, LessonFiles  # noqa: E402
from sensei.lesson import Given, Lesson, Source  # noqa: E402
from sensei.running import Rules, attempt  # noqa: E402

IMPORTS = "import torch, pytest"
FLOOR = IMPORTS + "; torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)"
FIRST_LESSONS = [f"koans/test_0{number}_*.py" for number in (1, 2, 3, 4)]


def copy_course(folder: Path, solved: bool) -> Path:
    folder.mkdir()
    for name in ("koans", "solutions", "sensei", "conftest.py", "pyproject.toml"):
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


def engine_share(
    rounds: int, folder: Path, read: Callable[[LessonFiles], Lesson]
) -> float:
    """Milliseconds a koan that the engine adds to calling it, over the solved path."""
    course = Course.load(folder)
    assert course is not None
    plain, judged, count = [], [], 0
    lessons = [files for files in course.lessons if not files.part][:4]
    functions = [_functions(files.path) for files in lessons]
    for _ in range(rounds + 1):
        plain_now = judged_now = 0.0
        count = 0
        for files, koans in zip(lessons, functions, strict=True):
            start = time.perf_counter()
            for koan in koans.values():
                koan("cpu")
            middle = time.perf_counter()
            lesson = read(files)
            for name, koan in koans.items():
                attempt(lesson, name, koan, {"device": "cpu"}, Rules(60.0))
            judged_now += time.perf_counter() - middle
            plain_now += middle - start
            count += len(koans)
        plain.append(plain_now)
        judged.append(judged_now)
    difference = statistics.median(judged[1:]) - statistics.median(plain[1:])
    return 1000 * difference / count


def read_anew(files: LessonFiles) -> Lesson:
    """A lesson as each run of pytest reads it: no cache is warm."""
    notes._parsed.cache_clear()
    loaded = notes.load(files.notes)
    given = Given(Source(files.solution.read_bytes()), loaded)
    return Lesson(files.path, loaded, Source(files.path.read_bytes()), given)


def _functions(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {n: f for n, f in vars(module).items() if n.startswith("test_")}


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
            ("first run, first blank", [], fresh, IMPORTS, 1.35),
            ("lessons 01 to 04 solved", first, solved, FLOOR, 1.25),
            ("main path solved", [], solved, FLOOR, 1.35),
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
        share = engine_share(rounds, solved, LessonFiles.read)
        print(f"{'engine, warm':<26} {share:6.2f} ms a koan           (under 1 ms)")
        share = engine_share(rounds, solved, read_anew)
        print(f"{'engine, files parsed anew':<26} {share:6.2f} ms a koan")


if __name__ == "__main__":
    main()
