"""``sensei check``: what is to be mended in a course, a lesson or a koan."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

from sensei import reset
from sensei.check.findings import Finding
from sensei.check.lint import Checked, check_course, check_lesson
from sensei.course import Course
from sensei.lesson import Lesson
from sensei.notes import Note, NotesError
from sensei.points import count

SOUND, TO_MEND = 0, 1


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``check`` to the commands of ``sensei``."""
    parser = commands.add_parser(
        "check", help="for authors: what is to be mended in koans and notes"
    )
    parser.add_argument(
        "name", nargs="?", default="", help="a lesson (04) or a koan (default: all)"
    )
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    course.need_solutions()
    course.need_modules()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # what koans compute is small
    course.find_helpers()
    target = reset.find(course, options.name) if options.name else None
    lessons = [target.lesson] if target else list(course.lessons)
    only = [target.koan] if target and target.koan else []
    results = []
    for lesson in lessons:
        with _at(lesson):
            results.append(check_lesson(lesson, only))
        _print(results[-1].findings)
    found = [finding for result in results for finding in result.findings]
    if target is None:
        of_course = check_course(course, results)
        _print(of_course)
        found += of_course
    _print_skipped(results)
    print(f"{_size(lessons, only)}: {_sum(found)}.")
    return TO_MEND if found else SOUND


@contextlib.contextmanager
def _at(lesson: Lesson) -> Iterator[None]:
    """Say on a terminal which lesson is being checked."""
    said = f"checking {lesson.name} ..." if sys.stderr.isatty() else ""
    print(said, end="\r", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(" " * len(said), end="\r" if said else "", file=sys.stderr, flush=True)


def _print(findings: Sequence[Finding]) -> None:
    """Findings by file, those of a file in the order of its lines."""
    path = ""
    for finding in sorted(findings):
        if path and finding.path != path:
            print()
        path = finding.path
        print(finding)
    if path:
        print()


def _print_skipped(results: Sequence[Checked]) -> None:
    for result in results:
        for name, reason in result.skipped.items():
            print(f"{name} was not tried, it can't be run here: {reason}")


def _size(lessons: Sequence[Lesson], only: Sequence[str]) -> str:
    """16 lessons, 149 koans, 1,917 mistakes."""
    notes = [note for lesson in lessons for note in _notes(lesson)]
    notes = [note for note in notes if not only or note.name in only]
    mistakes = sum(len(note.mistakes) for note in notes)
    parts = [] if only else [count(len(lessons), "lesson")]
    parts += [count(len(notes), "koan"), f"{mistakes:,} mistakes"]
    return ", ".join(parts)


def _notes(lesson: Lesson) -> list[Note]:
    try:
        return list(lesson.notes.koans.values())
    except NotesError:  # told already
        return []


def _sum(found: Sequence[Finding]) -> str:
    return f"{count(len(found), 'thing')} to mend" if found else "nothing to mend"
