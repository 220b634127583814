"""``sensei grade``: a platform's export in; its gradebook, feedback, a report out."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sensei import points
from sensei.course import Course, CourseError
from sensei.grading import (
    assignment,
    gradebook,
    matching,
    needs,
    numbers,
    overrides,
    own,
    roster,
)
from sensei.grading.assignment import Assignment
from sensei.grading.exports import open_export
from sensei.grading.gradebook import Answers, Gradebook
from sensei.grading.grader import Grader, Options, Progress
from sensei.grading.handins import HandIn
from sensei.grading.lessons import Finder, in_memory
from sensei.grading.matching import Matched
from sensei.grading.out import gradescope
from sensei.grading.out.files import written
from sensei.grading.out.marks_back import Asked, grades_csv, marks_back
from sensei.grading.overrides import ByHand
from sensei.grading.roster import Roster
from sensei.grading.shown import clean, shortened
from sensei.grading.tables import some
from sensei.grading.trees import Unusable
from sensei.grading.workers import GraderError
from sensei.lesson import Koan
from sensei.verdicts import Kind

DONE, INCOMPLETE = 0, 1
SECONDS = 10.0
NEEDS, BY_HAND, GRADES = "needs-you.csv", "overrides.csv", "grades.csv"


class Usage(CourseError):
    """Arguments, or a machine, that can't be used; the message says what to do."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``grade`` to the commands of ``sensei``."""
    parser = commands.add_parser(
        "grade", help="grade what was handed in, without running what is in it"
    )
    add = parser.add_argument
    what = "what a platform gave, as downloaded or opened; or a folder of hand-ins"
    add("submissions", type=Path, metavar="EXPORT", help=what)
    what = "the platform's gradebook or worksheet, or any CSV with a column id"
    add("--roster", type=Path, metavar="FILE", help=what)
    what = "the secret of a handout in which each learner has numbers of their own"
    add("--numbers", type=Path, metavar="SECRET", help=what)
    what = "which column of the gradebook is ours: its title or number"
    add("--column", metavar="TITLE", help=what)
    what = "where to write (default: grades)"
    add("--out", type=Path, default=Path("grades"), help=what)
    add("--lessons", help="such as 01-05,07, or all (default: the main path)")
    what = "a koan that counts for nobody; repeatable"
    add("--exclude", action="append", default=[], metavar="KOAN", help=what)
    what = "percent in columns of our own, in the place of points"
    add("--percent", action="store_true", help=what)
    what = "a column for each lesson, where the columns are our own"
    add("--by-lesson", action="store_true", help=what)
    what = "show the right answers in report.html"
    add("--with-answers", action="store_true", help=what)
    what = f"seconds for one koan (default: {SECONDS:g})"
    add("--timeout", type=float, default=SECONDS, metavar="S", help=what)
    what = "workers at a time (default: one per core)"
    add("--jobs", type=int, default=_cores(), metavar="N", help=what)
    what = "gradescope: one submission in, its results.json out"
    formats = ("sheets", "gradescope")
    add("--format", choices=formats, default="sheets", help=what)
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
    excluded = {overrides.koan_of(given.koans, name) for name in options.exclude}
    people = _roster(options)
    if options.numbers is not None:
        if people is None:
            raise Usage("--numbers goes by the learners' ids: name the --roster, too")
        given = replace(given, numbers=numbers.read(options.numbers, given.lessons))
    try:
        hand_ins = open_export(options.submissions, Finder(course.lessons).lesson_of)
    except Unusable as error:
        raise Usage(clean(str(error))) from None
    with _out(options.out, options.submissions):
        try:
            return _grade(options, given, hand_ins, people, excluded)
        except GraderError as error:
            print(f"sensei: stopped: {clean(str(error))}", file=sys.stderr)
        except OSError as error:
            print(f"sensei: can't write: {clean(str(error))}", file=sys.stderr)
        return INCOMPLETE


def _check_machine() -> None:
    if sys.platform != "linux":
        raise Usage(
            "grading needs Linux, for its limits and its forks. Elsewhere, run it in "
            "the container that docs/grading.md describes."
        )


def _check_packages() -> None:
    for package in ("tqdm", "jinja2"):
        if find_spec(package) is None:
            raise Usage(
                f"grading needs {package}, which is not installed: python -m pip "
                'install "gradient-koans[grade]" (in a checkout: ".[grade]")'
            )


def _roster(options: argparse.Namespace) -> Roster | None:
    if options.roster is None:
        return None
    people = roster.read(options.roster, options.column or "")
    if people.question:  # asked now, and not after all is graded
        raise Usage(people.question)
    return people


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


# ---------------------------------------------------------------------- a class


def _grade(
    options: argparse.Namespace,
    given: Assignment,
    hand_ins: list[HandIn],
    people: Roster | None,
    excluded: set[Koan],
) -> int:
    started = time.monotonic()
    answered = needs.read(options.out / NEEDS)
    points_given = overrides.read(options.out / BY_HAND)
    with _Bars() as bars:
        finder = Finder(given.lessons)
        matched = matching.match(hand_ins, people, answered, finder.find)
        by_hand = overrides.by_learner(
            points_given, matched.matches, given.koans, excluded
        )
        how = Options(options.jobs, options.timeout)
        with closing(Grader(given, how, bars)) as grader:
            submissions = map(
                finder.find, hand_ins
            )  # one after the other: they are big
            ids = [_learners(matched, one) for one in hand_ins] if given.numbers else []
            answers = grader.grade(submissions, len(hand_ins), ids)
            if given.numbers and people:
                names = {person.id: person.name for person in people.people}
                others = own.Others(given, grader.book, names)
                pairs = zip(answers, ids, strict=True)
                answers = [others.remarked(one, mine) for one, mine in pairs]
            keyed = dict(zip((one.key for one in hand_ins), answers, strict=True))
            book = _gradebook(grader, keyed, matched, excluded, by_hand)
        bars.begin("writing", len(book.records))
        told, left_out = _write(options, grader, book, matched, people, bars)
    print("\n".join([*_summary(book, grader, time.monotonic() - started), *told]))
    print("\n".join(needs.lines(matched.needs, options.out / NEEDS)))
    is_whole = not (matched.open_needs or left_out or book.is_incomplete)
    return DONE if is_whole and not grader.trouble else INCOMPLETE


def _learners(matched: Matched, hand_in: HandIn) -> list[str]:
    """The ids on the roster of those whose a hand-in is."""
    matches = (match for match in matched.matches if match.hand_in is hand_in)
    return [match.person.id for match in matches if match.person]


def _gradebook(
    grader: Grader,
    answers: Mapping[str, Answers],
    matched: Matched,
    excluded: set[Koan],
    by_hand: ByHand,
) -> Gradebook:
    nothing = grader.take(in_memory({}))
    learners = [
        (match, answers[match.hand_in.key] if match.hand_in else nothing)
        for match in matched.matches
    ]
    decided = grader.skipped, excluded, by_hand, grader.beliefs
    return gradebook.make(grader.assignment, grader.book, learners, *decided)


def _write(
    options: argparse.Namespace,
    grader: Grader,
    book: Gradebook,
    matched: Matched,
    people: Roster | None,
    bars: Progress,
) -> tuple[list[str], bool]:
    """Write everything; gives what is to be told, and whether somebody is left out."""
    from sensei.grading.out import packets, pages, report, results  # they need jinja2

    out, course = options.out, grader.assignment.course
    sent = packets.write(book, out, bars.step)
    how = results.graded_with(course, options.timeout, grader.fence)
    results.write(book, how, out / "results.json")
    left = [(need.hand_in, need.reason, need.what_to_do) for need in matched.open_needs]
    report.write(book, how, out / "report.html", left, options.with_answers)
    _keep(out / NEEDS, needs.as_csv(matched.needs))
    numbers = [lesson.number for lesson, _ in book.lessons]
    rows = [(record.match, record.mark()) for record in book.records]
    _keep(out / GRADES, grades_csv(rows, numbers, people))
    lines = matched.lines()
    if people:
        marks = {r.match.person: r.mark(pages.line(book, r)) for r in book.records}
        sheet = marks_back(people, marks.get, Asked(options.percent, options.by_lesson))
        _keep(out / sheet.name, sheet.data)
        lines += sheet.lines()
    for packet in sent:
        said = f"{packet.path.name}: {points.count(packet.learners, 'learner')}"
        lines.append("; ".join(filter(None, [said, packet.how])))
        for who, why in packet.left_out:
            lines.append(f"  ! no feedback goes back to {who}: {why}")
    lines.append(f"written to {out}: report.html, {GRADES}, results.json and the above")
    return lines, any(packet.left_out for packet in sent)


def _keep(path: Path, data: bytes) -> None:
    with written(path, "wb") as file:
        file.write(data)


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


def _of_numbers(book: Gradebook) -> Iterator[str]:
    """What numbers of their own have shown, and what they can't show."""
    given = book.assignment
    if given.numbers is None:
        return
    common = len(given.koans) - len(given.variants)
    yield (
        f"numbers of their own: {points.count(len(given.variants), 'koan')}; "
        f"{common} are common to all, where copying does not show"
    )
    copied = [r for r in book.people if any(map(own.is_copied, r.answers.remarks))]
    if copied:
        names = some([book.label(record) for record in copied])
        yield f"somebody else's numbers: {names}; the flags in {GRADES} say whose"


def _summary(book: Gradebook, grader: Grader, seconds: float) -> Iterator[str]:
    """Of those who handed in; the absent and test students are told apart."""
    kinds = Counter(cell.kind for record in book.counted for cell in record.cells)
    koans = points.count(len(grader.assignment.koans) - len(book.excluded), "koan")
    answers = sum(bool(entry.fill) for entry in grader.book.entries)
    yield (
        f"{points.count(len(book.counted), 'hand-in')}, {koans} each: "
        f"{answers} distinct answers, in {seconds:.1f} s"
    )
    if of := book.statistics:
        lower, median, upper = of.quartiles
        yield (
            f"points: mean {of.mean:.1f}, median {median:g} (half of the class between "
            f"{lower:g} and {upper:g}), best {of.best:g}, of {of.out_of:g}"
        )
        yield "koans: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    apart = [f"{len(book.absent)} handed in nothing"] if book.absent else []
    apart += [f"{len(book.unread)} could not be read"] if book.unread else []
    tests, pairs = len(book.test_students), len(book.similar)
    apart += [points.count(tests, "test student")] if tests else []
    if apart:
        yield f"apart from these: {', '.join(apart)}"
    if pairs:
        pairs_ = points.count(pairs, "pair")
        yield f"similar wrong answers: {pairs_} of learners, see report.html"
    yield from _of_numbers(book)
    yield grader.fence
    if kinds[Kind.UNGRADED]:
        yield f"{kinds[Kind.UNGRADED]} koans are ungraded: the grader failed there."
        yield "Run the same command again."
    if grader.trouble:
        yield f"the grader: {shortened(clean(grader.trouble), 300)}"
