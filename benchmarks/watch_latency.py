"""How long a learner waits after a save: `sensei watch` beside a cold `pytest`.

    python benchmarks/watch_latency.py [--saves 20] [--cold-every 4] [--memory 200]
                                       [--python PATH]

Both run at a pseudo-terminal and are measured in turn. A save puts another fill in
a koan's blank, in one write; the verdict is there when it was read from the
terminal, "all" when the path was confirmed. Beside the median is the best, and what
the processors were busy with it, user and system: these two say something on a
machine that has other things to do. Two places on the path:

- the first koan, the rest of the path untouched;
- the last koan of the main path, the rest solved: in the watch its verdict comes
  first, and then the rest is confirmed.

Then the memory of the parent process is printed over many saves.

The course is copied to a temporary folder. Linux only; needs pexpect here, while
--python may name the Python of an environment that has only what learners have.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pexpect

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sensei import edit  # noqa: E402
from sensei.course import Course  # noqa: E402
from sensei.lesson import Koan, Lesson  # noqa: E402
from sensei.work import Work  # noqa: E402

SENSEI = "import sys; from sensei.cli import main; sys.exit(main())"
WATCH = ["-P", "-c", SENSEI, "watch"]
READY = re.escape("? help")  # the last that the watch prints after a run
TIMEOUT = 180
WRONG = ("123", "124")


@dataclass(frozen=True)
class Place:
    """A koan that is edited, and the fills that it gets in turn."""

    python: str
    koan: Koan
    fills: tuple[str, str]

    def save(self, number: int) -> None:
        """Write the file with the next fill, as an editor does."""
        path = self.koan.lesson.path
        work = Work(self.koan.lesson, path.read_bytes())
        here, fill = work.fill(self.koan), self.fills[number % 2]
        path.write_text(edit.replaced(work.text, [(here, fill)]), "utf-8")


@dataclass(frozen=True)
class Wait:
    """Seconds from a save (or the start of pytest) to the verdict, and to the end.

    ``busy`` are those of processors.
    """

    verdict: float
    all: float
    busy: float


def copy_course(folder: Path, solved: bool) -> Course:
    for name in ("koans", "solutions", "course", "sensei"):
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=without)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    if solved:
        for path in (ROOT / "solutions").glob("test_*.py"):
            shutil.copy(path, folder / "koans")
    course = Course.load(folder)
    assert course
    return course


def spawn(python: str, folder: Path, arguments: list[str]) -> pexpect.spawn[bytes]:
    env = {**os.environ, "PYTHONPATH": str(folder), "TERM": "xterm"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # a learner has their bytecode
    return pexpect.spawn(
        python,
        arguments,
        cwd=str(folder),
        env=env,
        dimensions=(50, 80),
        timeout=TIMEOUT,
        maxread=65536,
    )


# -------------------------------------------------------------------- measuring


def warm(watch: pexpect.spawn[bytes], place: Place, number: int) -> Wait:
    busy, start = _busy(watch.pid), time.perf_counter()
    place.save(number)
    watch.expect(rf"saved +\S*{place.koan.name}: \w+")
    verdict = time.perf_counter()
    watch.expect(READY)
    end = time.perf_counter()
    time.sleep(0.1)  # what was started has ended by then
    return Wait(verdict - start, end - start, _busy(watch.pid) - busy)


def _busy(pid: int) -> float:
    """Seconds of processors that a process and those it waited for have had."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, numbers[11:15])) / os.sysconf("SC_CLK_TCK")


def cold(place: Place, number: int) -> Wait:
    place.save(number)
    before, start = os.times(), time.perf_counter()
    run = spawn(place.python, place.koan.lesson.course.root, ["-m", "pytest"])
    run.expect(r"you wrote|end of the path")
    verdict = time.perf_counter()
    run.expect(pexpect.EOF)
    end = time.perf_counter()
    run.close()
    now = os.times()
    busy = now.children_user + now.children_system
    busy -= before.children_user + before.children_system
    return Wait(verdict - start, end - start, busy)


def in_turn(
    watch: pexpect.spawn[bytes], place: Place, saves: int, every: int
) -> tuple[list[Wait], list[Wait]]:
    """Waits of the watch, and in between, of pytest started anew."""
    warms, colds = [], []
    for number in range(saves):
        if number % every == 0:
            colds.append(cold(place, number + 1))
            watch.expect(READY)  # it has seen that save, too
        warms.append(warm(watch, place, number))
    return warms, colds


def report(name: str, warms: list[Wait], colds: list[Wait]) -> None:
    print(f"{name}: {len(warms)} saves, {len(colds)} cold runs; median, best, in s")
    ratio = median(c.verdict for c in colds) / median(w.verdict for w in warms)
    for label, waits in (
        ("verdict on the edited koan", [w.verdict for w in warms]),
        ("all", [w.all for w in warms]),
        ("  processors busy with it", [w.busy for w in warms]),
        ("verdict of a cold pytest", [c.verdict for c in colds]),
        ("  processors busy with it", [c.busy for c in colds]),
    ):
        print(f"  {label:<27} {median(waits):6.3f} {min(waits):6.3f}")
    print(f"  a cold pytest takes {ratio:.0f} times as long", flush=True)


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def memory(pid: int) -> float:
    """What a process holds, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def measure(name: str, solved: bool, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        course = copy_course(Path(temporary).resolve() / "course", solved)
        main = [lesson for lesson in course.lessons if not lesson.part]
        of_path = last_koan(main[-1]) if solved else first_koan(main[0])
        place = Place(options.python, *of_path)
        watch = spawn(options.python, course.root, WATCH)
        watch.expect(READY)
        report(name, *in_turn(watch, place, options.saves, options.cold_every))
        if not solved:
            report_memory(watch, place, options.memory)
        watch.sendline("q")
        watch.expect(pexpect.EOF)


def first_koan(lesson: Lesson) -> tuple[Koan, tuple[str, str]]:
    return next(iter(lesson.koans.values())), WRONG


def last_koan(lesson: Lesson) -> tuple[Koan, tuple[str, str]]:
    koan = list(lesson.koans.values())[-1]
    assert lesson.pristine and koan.solution
    return koan, (WRONG[0], edit.text_of(lesson.pristine.solution, koan.solution))


def report_memory(watch: pexpect.spawn[bytes], place: Place, saves: int) -> None:
    held = [memory(watch.pid)]
    for number in range(saves):
        warm(watch, place, number)
        if (number + 1) % max(1, saves // 4) == 0:
            held.append(memory(watch.pid))
    told = ", ".join(f"{mib:.1f}" for mib in held)
    print(f"  memory of the parent over {saves} saves: {told} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--saves", type=int, default=20)
    parser.add_argument("--cold-every", type=int, default=4)
    parser.add_argument("--memory", type=int, default=200, metavar="SAVES")
    parser.add_argument("--python", default=sys.executable, metavar="PATH")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    measure("first koan", False, options)
    measure("last koan, the path solved", True, options)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
