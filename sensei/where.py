"""``sensei``, ``sensei list`` and ``sensei hint``: where a learner is.

Told by what stands in the lessons; nothing is run, so whether a koan that is filled
in holds is for pytest to say.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator

from sensei import reset, screen, text
from sensei.course import Course
from sensei.notes import HINTS, Note
from sensei.progress import Progress, Step, unrun
from sensei.review import PART
from sensei.text import Line, labelled, prose

NEXT = "the next koan"


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``list`` and ``hint`` to the commands of ``sensei``."""
    listing = commands.add_parser("list", help="all koans, and which are filled in")
    listing.add_argument("lesson", nargs="?", help="a lesson, such as 02, or review")
    listing.set_defaults(run=_list)
    hint = commands.add_parser("hint", help="a hint, without a run")
    hint.add_argument(
        "words", nargs="*", metavar="KOAN N", help=f"(default: {NEXT}, 1 hint)"
    )
    hint.set_defaults(run=_hint)


def here(course: Course) -> int:
    """Show how far the main path is filled in, and the next blank."""
    path = unrun(course)
    _show(list(_here(path)))
    return 0


def _here(path: Progress) -> Iterator[Line]:
    yield from screen.lines(path, _request()) if path.next else _all_filled(path)


def _all_filled(path: Progress) -> Iterator[Line]:
    if path.steps:
        yield from screen.board(path, _request())
    yield ()
    said = "Every blank here is filled. Run pytest to see what holds."
    yield from prose("", said, _request().width)


def _list(course: Course, options: argparse.Namespace) -> int:
    is_all = options.lesson in (None, PART)
    target = None if is_all else reset.find(course, options.lesson)
    part = target.lesson.part if target else options.lesson or ""
    path = unrun(course, part)
    for stretch in path.stretches:
        if target is None or stretch.lesson is target.lesson:
            steps = [_listed(step, step is path.next) for step in stretch.steps]
            title = f"{stretch.lesson.number} {stretch.lesson.title}"
            _show([labelled("", title, ("bold",)), *steps, ()])
    return 0


def _listed(step: Step, is_next: bool) -> Line:
    mark = "▒" if step.filled else "░"
    return labelled("", f"  {mark} {step.name}{'  ← next' if is_next else ''}")


def _hint(course: Course, options: argparse.Namespace) -> int:
    numbers = [word for word in options.words if word.isdecimal()]
    names = [word for word in options.words if not word.isdecimal()]
    name, note = _asked(course, names)
    if note is None:
        print("There is no blank left on the path. Name a koan: sensei hint KOAN")
        return 1
    tiers = max(1, min(int(numbers[-1]) if numbers else 1, HINTS))
    lines = [labelled("koan", name, ("bold",))]
    for number, hint in enumerate(note.hints[:tiers], 1):
        lines += prose(f"hint {number}", hint, _request().width, ("cyan",))
    if tiers < HINTS:
        lines += [(), labelled("", f"sensei hint {name} {tiers + 1}   one hint more")]
    _show(lines)
    return 0


def _asked(course: Course, names: list[str]) -> tuple[str, Note | None]:
    """The koan that is named; else the first that is blank."""
    if names:
        target = reset.find(course, names[0])
        koans = target.lesson.notes.koans
        name = target.koan or next(iter(koans))
        return name, koans[name]
    step = unrun(course).next
    return (step.name, step.koan.note) if step and step.koan else ("", None)


def _request() -> screen.Request:
    return screen.Request(columns=shutil.get_terminal_size().columns)


def _show(lines: list[Line]) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        print(text.writable("".join(span.text for span in line).rstrip(), encoding))
