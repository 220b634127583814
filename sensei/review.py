"""``sensei review``: koans once more, with other numbers, in ``koans/review/``.

A file there is a part of the course like any other: pytest, watch, hints and reveal
work on it. Its head names the seed of each koan, and from these and the lesson it is
known how the file was given. Each call brings new seeds; what was there is put aside
as ``sensei reset`` does.
"""

from __future__ import annotations

import argparse
import ast
import re
import secrets
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sensei import drawing, source
from sensei.lesson import Koan, Lesson, Pristine
from sensei.notes import LessonNotes, NotesError

if TYPE_CHECKING:
    from sensei.course import Course

PART = "review"  # a folder in that of the koans
PREFIX = "test_review"  # the koans at the end of a lesson that are for this
AS_IT_WAS = "as in the lesson"
ENTRY = re.compile(rf"^    (test_\w+): (\d{{1,9}}|{AS_IT_WAS})$", re.MULTILINE)
DEFINED = re.compile(r"^def (test_\w+)\(", re.MULTILINE)
SEEDS = 10**6

Seeds = Mapping[str, int | None]  # by koan; None: with the numbers of the lesson


@dataclass(frozen=True, eq=False)
class Review(Lesson):
    """Some koans of a lesson once more; ``of`` is that lesson."""

    of: Lesson | None = None

    @property
    def original(self) -> Lesson:
        return self.of or self

    @cached_property
    def seeds(self) -> Seeds:
        """What the head of the file says of its koans; raises NotesError, OSError."""
        try:
            text = source.decode(self.path.read_bytes())
        except source.Unreadable:
            text = ""
        entries = {
            name: int(seed) if seed.isdecimal() else None
            for name, seed in ENTRY.findall(text)
            if name in self.original.koans
        }
        if not entries:
            raise self._unknown("its head does not say which")
        for name in DEFINED.findall(text):
            if name in self.original.koans and name not in entries:
                raise self._unknown(f"its head has no line for {name}")
        return entries

    def _unknown(self, reason: str) -> NotesError:
        return NotesError(
            f"{self.relative}: it can't be said which numbers its koans were given "
            f"({reason}). `sensei review {self.number}` brings new ones."
        )

    @cached_property
    def notes(self) -> LessonNotes:
        notes = self.original.notes
        koans = {name: koan.note for name, koan in self._drawn.items()}
        return LessonNotes(notes.say, notes.learned, notes.caught, notes.link, koans)

    @cached_property
    def pristine(self) -> Pristine | None:
        if self.original.pristine is None:
            return None
        text = given(self.original, self.seeds)
        return Pristine(text.encode(), self.notes, self.course.koans)

    @cached_property
    def _drawn(self) -> Mapping[str, Koan]:
        """The lesson's koans with the numbers that they have here."""
        found = {}
        for name, seed in self.seeds.items():
            koan = self.original.koans[name]
            text = None if seed is None else drawing.draw(koan, seed)
            if text is None and seed is not None:
                raise self._unknown(f"{name} has no other numbers now")
            found[name] = drawing.variant(koan, text) if text else koan
        return found


def reviews(course: Course) -> Iterator[Review]:
    """The lessons that a learner has in the folder of reviews."""
    folder = course.koans / PART
    for lesson in course.lessons:
        if (folder / f"{lesson.name}.py").exists():
            yield Review(course, lesson.name, PART, of=lesson)


# ------------------------------------------------------------------ a file of them


def given(lesson: Lesson, seeds: Seeds) -> str:
    """The whole file as it is given: what the koans need, and the koans."""
    texts = []
    for name, seed in seeds.items():
        koan = lesson.koans[name]
        drawn = None if seed is None else drawing.draw(koan, seed)
        texts.append((drawn or drawing.text_of(koan)).rstrip())
    parts = [_head(lesson, seeds), *_frame(lesson)]
    return "\n\n\n".join(["\n\n".join(parts), *texts]) + "\n"


def _head(lesson: Lesson, seeds: Seeds) -> str:
    entries = "\n".join(
        f"    {name}: {AS_IT_WAS if seed is None else seed}"
        for name, seed in seeds.items()
    )
    return (
        f'"""{_title(lesson)}: once more\n\n'
        f"What is needed here is explained in {lesson.relative}.\n"
        f"Other numbers: sensei review {lesson.number}\n\n"
        f"Leave these lines as they are: by them the sensei knows what was given.\n"
        f'{entries}\n"""'
    )


def _title(lesson: Lesson) -> str:
    """The first line of what a lesson explains."""
    assert lesson.pristine is not None
    explained = ast.get_docstring(lesson.pristine.tree) or ""
    return explained.partition("\n")[0] or f"{lesson.number}  {lesson.title}"


def _frame(lesson: Lesson) -> Iterator[str]:
    """What stands around the koans of a lesson, without what it explains."""
    assert lesson.pristine is not None
    text = lesson.pristine.text
    lines, body = source.lines_of(text), source.parse(text).body
    if ast.get_docstring(lesson.pristine.tree) is not None:
        body = body[1:]
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    yield "\n".join(_lines_of(node, lines) for node in imports)
    for node in body:
        is_koan = getattr(node, "name", "") in lesson.notes.koans
        if node not in imports and not is_koan:
            yield f"\n{_lines_of(node, lines)}"


def _lines_of(node: ast.stmt, lines: Sequence[str]) -> str:
    return "\n".join(lines[source.span(node)])


# -------------------------------------------------------------------- the command


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``review`` to the commands of ``sensei``."""
    parser = commands.add_parser(
        "review", help="koans once more, with other numbers, in a folder of their own"
    )
    parser.add_argument(
        "lesson",
        nargs="?",
        help="all that can be had of a lesson, such as 02 (default: the reviews of "
        "the lessons that you have met)",
    )
    parser.set_defaults(run=_run)


def _run(course: Course, options: argparse.Namespace) -> int:
    from sensei import reset  # it knows this module

    wanted = list(_wanted(course, options.lesson))
    found = {lesson: _seeds(lesson, koans) for lesson, koans in wanted}
    found = {lesson: seeds for lesson, seeds in found.items() if seeds}
    if not found:
        print("No koan there can have other numbers, and no review is there.")
        return 1
    folder = course.koans / PART
    paths = {lesson: folder / f"{lesson.name}.py" for lesson in found}
    kept = reset.keep(course, list(paths.values()))
    for lesson, seeds in found.items():
        reset.write(paths[lesson], given(lesson, seeds).encode())
    seeds_of_all = [seed for seeds in found.values() for seed in seeds.values()]
    where = [*paths.values()][0] if len(paths) == 1 else folder
    place = where.relative_to(course.root).as_posix()
    for line in _summary(course, seeds_of_all, place, kept):
        print(line)
    return 0


def _summary(
    course: Course, seeds: Sequence[int | None], where: str, kept: Path | None
) -> Iterator[str]:
    new = sum(seed is not None for seed in seeds)
    yield f"{_koans(len(seeds))} in {where}, {new} of them with other numbers."
    if as_given := len(seeds) - new:
        yield f"{as_given} as in the lesson, for want of numbers that could change."
    if kept:
        place = kept.relative_to(course.root).as_posix()
        yield f"What was there is in {place}; `sensei reset --undo` brings it back."
    yield f"Next: pytest {where}"


def _koans(count: int) -> str:
    return f"{count} koan{'' if count == 1 else 's'}"


def _wanted(course: Course, name: str | None) -> Iterator[tuple[Lesson, list[Koan]]]:
    """The koans that are asked for, by lesson; raises ResetError."""
    from sensei import reset

    if name is not None:
        lesson = reset.find(course, name).lesson.original
        yield lesson, _predictions(lesson)
        return
    met = [lesson for lesson in course.lessons if _is_met(lesson)]
    for lesson in met or course.lessons:
        reviews = [koan for koan in _predictions(lesson) if is_review(koan)]
        if reviews:
            yield lesson, reviews


def is_review(koan: Koan) -> bool:
    """Whether a koan is one of those at the end of a lesson."""
    return koan.name.startswith(PREFIX)


def _predictions(lesson: Lesson) -> list[Koan]:
    if lesson.pristine is None:
        from sensei.reset import ResetError

        path = lesson.solution_path.relative_to(lesson.course.root).as_posix()
        raise ResetError(f"Without {path} there is nothing to make new numbers from.")
    return [koan for koan in lesson.koans.values() if koan.note.is_prediction]


def _is_met(lesson: Lesson) -> bool:
    """Whether a learner has filled in anything there."""
    from sensei.work import read

    try:
        work = read(lesson, lesson.path)
    except (OSError, source.Unreadable):
        return False
    return any(work.is_filled(koan) for koan in lesson.koans.values())


def _seeds(lesson: Lesson, koans: Iterable[Koan]) -> Seeds:
    """A seed for each koan that has other numbers; a review comes in any case."""
    from sensei import variants  # it runs koans
    from sensei.watchdog import Limits

    course = lesson.course
    course.find_helpers()
    arguments = {name: values[0] for name, values in course.arguments.items()}
    found: dict[str, int | None] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a library says to its importer
        for koan in koans:
            start = secrets.randbelow(SEEDS)
            seed = variants.find(koan, start, arguments, Limits(course.seconds))
            if seed is not None or is_review(koan):
                found[koan.name] = seed
    return found
