"""``sensei grade``: from a folder of submissions to a grade sheet."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sensei.course import Course, CourseError
from sensei.grading import assignment, gradescope, marks, roster, sheets
from sensei.grading.archives import Unusable
from sensei.grading.assignment import Assignment
from sensei.grading.exports import open_export
from sensei.grading.grader import Grader, Options, Progress
from sensei.grading.handins import HandIn
from sensei.grading.lessons import Finder, in_memory
from sensei.grading.marks import Class
from sensei.grading.roster import Matched
from sensei.grading.shown import clean, shortened
from sensei.grading.workers import GraderError
from sensei.verdicts import Kind

DONE, INCOMPLETE = 0, 1
SECONDS = 10.0


class Usage(CourseError):
    """Arguments, or a machine, that can't be used; the message says what to do."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``grade`` to the commands of ``sensei``."""
    parser = commands.add_parser(
        "grade", help="grade a folder of submissions, without running what is in it"
    )
    parser.add_argument(
        "submissions",
        type=Path,
        help="what a platform gave, as downloaded or opened; or a folder of hand-ins",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("grades"),
        help="where to write (default: grades)",
    )
    parser.add_argument(
        "--lessons", help="such as 01-05,07, or all (default: the main path)"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=SECONDS,
        metavar="S",
        help=f"seconds for one koan (default: {SECONDS:g})",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=_cores(),
        metavar="N",
        help="workers at a time (default: one per core)",
    )
    parser.add_argument(
        "--roster",
        type=Path,
        metavar="CSV",
        help="who is in the class: a column id, and any others",
    )
    parser.add_argument(
        "--with-answers",
        action="store_true",
        help="show the right answers in report.html",
    )
    parser.add_argument(
        "--format",
        choices=("sheets", "gradescope"),
        default="sheets",
        help="gradescope: one submission in, its results.json out",
    )
    parser.set_defaults(run=_run)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run(course: Course, options: argparse.Namespace) -> int:
    _check_machine()
    if options.format == "gradescope":
        return _grade_for_gradescope(course, options)
    _check_packages()
    if not 0 < options.timeout <= 3600 or not 1 <= options.jobs <= 256:
        raise Usage("--timeout: above 0, at most 3600; --jobs: 1 to 256")
    given = assignment.read(course, assignment.select(course, options.lessons))
    try:
        found = open_export(options.submissions, Finder(course.lessons).lesson_of)
    except Unusable as error:
        raise Usage(clean(str(error))) from None
    entries = roster.named(found)
    known = None
    if options.roster:
        known = roster.match(entries, roster.read(options.roster))
        entries = known.entries
    with _out(options.out, options.submissions):
        try:
            return _grade(options, given, entries, known)
        except GraderError as error:
            print(f"sensei: stopped: {clean(str(error))}", file=sys.stderr)
        except OSError as error:
            print(f"sensei: can't write: {clean(str(error))}", file=sys.stderr)
        return INCOMPLETE


def _check_machine() -> None:
    if sys.platform != "linux":
        raise Usage(
            "grading needs Linux, for its limits and its forks. Elsewhere, run it in "
            "the container that README describes."
        )


def _check_packages() -> None:
    for package in ("tqdm", "jinja2"):
        if find_spec(package) is None:
            raise Usage(
                f"grading needs {package}, which is not installed: python -m pip "
                'install "gradient-koans[grade]" (in a checkout: ".[grade]")'
            )


def _grade_for_gradescope(course: Course, options: argparse.Namespace) -> int:
    try:
        return gradescope.guarded(
            options.out, lambda: gradescope.grade_one(course, options)
        )
    except OSError as error:
        raise Usage(f"--out {options.out}: {error.strerror}") from None


@contextmanager
def _out(out: Path, submitted: Path) -> Iterator[None]:
    """The output folder, for this run alone."""
    import fcntl  # not everywhere there is

    if out.resolve().is_relative_to(submitted.resolve()):
        raise Usage(f"--out {out} is inside the submissions; name a folder beside them")
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / ".lock").open("w")
    except OSError as error:
        raise Usage(f"--out {out}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Usage(f"--out {out}: another sensei grade is writing there") from None
        for scrap in out.glob("**/.*.part"):
            scrap.unlink(missing_ok=True)
        yield


def _grade(
    options: argparse.Namespace,
    given: Assignment,
    entries: list[HandIn],
    known: Matched | None,
) -> int:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sensei-") as scratch, _Bars() as bars:
        how = Options(options.jobs, options.timeout, Path(scratch))
        with closing(Grader(given, how, bars)) as grader:
            graded = grader.grade(entries)
        if known:
            nothing = grader.learner("", "", in_memory({}))
            known.enter(graded, nothing)
        bars.begin("writing", len(graded.learners))
        _write(graded, options, known, bars)
    _print_summary(graded, grader, time.monotonic() - started)
    print(f"written to {options.out}: grades.csv, report.html, feedback/, results.json")
    for line in known.told() if known else ():
        print(line)
    return INCOMPLETE if graded.is_incomplete else DONE


def _write(
    graded: Class, options: argparse.Namespace, known: Matched | None, bars: Progress
) -> None:
    from sensei.grading import report  # it needs jinja2

    out = options.out
    how = sheets.graded_with(graded.assignment.course, options.timeout)
    sheets.write_feedback(graded, out / "feedback", bars.step)
    sheets.write_grades(graded, out / "grades.csv", known)
    results = sheets.results(graded, how)
    sheets.write_results(results, out / "results.json")
    right = graded.assignment.right if options.with_answers else {}
    report.write(results, right, out / "report.html")


class _Bars(Progress):
    """One progress bar after the other, on standard error."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, what: str, total: int) -> None:
        from tqdm import tqdm

        self.__exit__()
        off = None if sys.stderr.isatty() else True
        self._bar = tqdm(total=total, desc=what, disable=off, leave=False)

    def step(self) -> None:
        self._bar.update()


# ------------------------------------------------------------------ on the screen


def _print_summary(graded: Class, grader: Grader, seconds: float) -> None:
    learners = graded.learners
    cells = [graded.cells(learner) for learner in learners]
    kinds = Counter(cell.kind for row in cells for cell in row)
    koans = _count(len(graded.assignment.koans), "koan")
    answers = sum(bool(entry.fill) for entry in grader.book.entries)
    print(
        f"{_count(len(learners), 'submission')}, {koans} each: "
        f"{answers} distinct answers, in {seconds:.1f} s"
    )
    if learners:
        totals = sorted(map(marks.total, cells))
        median, best = totals[len(totals) // 2][0], totals[-1][0]
        out_of = max(most for _, most in totals)
        print(f"points: median {median}, best {best}, of {out_of}")
        print("koans: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()))
    troubles = [(who.name, said) for who in learners for said in who.troubles]
    for name, said in troubles[:10]:
        print(shortened(clean(f"look at {name}: {said}"), 100))
    if len(troubles) > 10:
        print(f"... and {len(troubles) - 10} more to look at: see grades.csv")
    if kinds[Kind.UNGRADED]:
        print(f"{kinds[Kind.UNGRADED]} koans are ungraded: the grader failed there.")
        print("Run the same command again.")
    if grader.trouble:
        print(f"the grader: {clean(grader.trouble)}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
