"""The template: the koans as they were given, which a class is graded against.

It is the instructor's own koans/, or those of another folder or of a git
revision. They have to be untouched: a koan that is filled in already would be
graded with the instructor's answer in it.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from sensei import blanks, judge
from sensei.blanks import Fill, Misfit, Unreadable
from sensei.course import Course, LessonFiles
from sensei.lesson import Given, NotAsGiven, Source, check_frame, replaced
from sensei.notes import LessonNotes, Note
from sensei.notes import check as load_notes


class TemplateError(Exception):
    """A template that can't be graded against; the message says what would help."""


@dataclass(frozen=True)
class TemplateLesson:
    """One lesson as it was given: its notes, its text, the solution it came from."""

    files: LessonFiles
    notes: LessonNotes
    given: Given
    source: Source

    @property
    def number(self) -> str:
        return self.files.number


@dataclass(frozen=True)
class TemplateKoan:
    """One koan as it was given; ``index`` is its place among all that are graded."""

    index: int
    lesson: TemplateLesson
    note: Note

    @property
    def name(self) -> str:
        return self.note.name

    @cached_property
    def blank(self) -> Fill:
        function = self.lesson.source.koans[self.name][0]
        fit = blanks.match([self.lesson.given.function(self.name)], [function])
        assert isinstance(fit, blanks.Fit)
        return fit.fills[0]

    @cached_property
    def text(self) -> str:
        """The function and its marks alone, on the lines that they have there."""
        function = self.lesson.source.koans[self.name][0]
        lines = self.lesson.source.decoded.split("\n")
        first = min(node.lineno for node in (function, *function.decorator_list)) - 1
        return "\n" * first + "\n".join(lines[first : function.end_lineno]) + "\n"

    def filled(self, fill: str) -> str:
        """The function with a text in its blank."""
        return replaced(self.text, [(self.blank, fill)])


@dataclass(frozen=True)
class Template:
    """The lessons that are graded, and all their koans in the order of the path."""

    course: Course
    lessons: tuple[TemplateLesson, ...]

    @cached_property
    def koans(self) -> tuple[TemplateKoan, ...]:
        notes = (
            (lesson, n) for lesson in self.lessons for n in lesson.notes.koans.values()
        )
        return tuple(
            TemplateKoan(i, lesson, note) for i, (lesson, note) in enumerate(notes)
        )

    def koans_of(self, lesson: TemplateLesson) -> list[TemplateKoan]:
        return [koan for koan in self.koans if koan.lesson is lesson]


# ---------------------------------------------------------------- which course


def find(course: Course, which: str | None, scratch: Path) -> Course:
    """The course that ``--template`` names: a folder, a git revision, or this one.

    A git revision is unpacked into ``scratch``. Raises TemplateError.
    """
    if which is None:
        return course
    if Path(which).is_dir():
        return _in_folder(course, Path(which).resolve())
    return _at_revision(course, which, scratch)


def _in_folder(course: Course, folder: Path) -> Course:
    if own := Course.load(folder):
        return own
    if list(folder.glob("test_*.toml")):
        return replace(course, root=folder.parent, koans=folder)
    raise TemplateError(f"{folder}: neither a course nor a folder of koans with notes")


def _at_revision(course: Course, revision: str, scratch: Path) -> Course:
    if revision.startswith("-"):
        raise TemplateError(f"{revision}: neither a folder nor a git revision")
    try:
        done = subprocess.run(
            ["git", "archive", "--format=tar", revision, "."],
            cwd=course.root,
            capture_output=True,
        )
    except OSError:
        raise TemplateError(
            f"{revision} is no folder here, and there is no git to ask for a revision"
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise TemplateError(
            f"{revision}: neither a folder nor a git revision ({(said or ['?'])[-1]})"
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(scratch, **safe)  # type: ignore[arg-type]
    found = Course.load(scratch)
    if found is None:
        raise TemplateError(
            f"{revision} has no course: no [tool.sensei] in pyproject.toml"
        )
    return found


# --------------------------------------------------------------- which lessons


def select(course: Course, wanted: str | None) -> list[LessonFiles]:
    """The lessons that ``--lessons`` names, such as ``01-05,07``, or ``all``.

    Without it: the main path. Raises TemplateError.
    """
    if wanted is None:
        chosen = [files for files in course.lessons if not files.part]
    elif wanted == "all":
        chosen = list(course.lessons)
    else:
        chosen = _numbered(course, wanted)
    if not chosen:
        raise TemplateError(f"no lessons (files with notes) in {course.koans}")
    return chosen


def _numbered(course: Course, wanted: str) -> list[LessonFiles]:
    there = [files.number for files in course.lessons]
    spans: list[range] = []
    for part in wanted.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise TemplateError(f"--lessons {wanted}: write it like 01-05,07, or all")
        span = range(int(first), int(last or first) + 1)
        if not any(number.isdecimal() and int(number) in span for number in there):
            raise TemplateError(
                f"--lessons {wanted}: no lesson {part.strip()}; there are "
                f"{', '.join(there)}"
            )
        spans.append(span)
    return [
        files
        for files in course.lessons
        if files.number.isdecimal() and any(int(files.number) in s for s in spans)
    ]


def select_named(course: Course, names: Collection[str]) -> list[LessonFiles]:
    """The lessons of these names, in the order of the path."""
    return [files for files in course.lessons if files.name in names]


# ------------------------------------------------------------------- untouched


def read(course: Course, lessons: Sequence[LessonFiles]) -> Template:
    """Read a template and hold it to be untouched.

    Raises TemplateError, NotesError.
    """
    return Template(course, tuple(_lesson(files) for files in lessons))


def _lesson(files: LessonFiles) -> TemplateLesson:
    loaded = load_notes(files.notes)
    try:
        given = Given(Source.read(files.solution), loaded)
        source = Source.read(files.path)
        lesson = TemplateLesson(files, loaded, given, source)
        _check_untouched(lesson)
    except OSError as error:
        what = "solutions are needed: they show first that grading works here"
        raise TemplateError(
            f"{error.filename}: {error.strerror} ({what})"
            if error.filename == str(files.solution)
            else f"{error.filename}: {error.strerror}"
        ) from None
    except Unreadable as fault:
        raise TemplateError(
            f"{files.relative}:{fault.line or 1}: {judge.unreadable(fault)}"
        ) from None
    except NotAsGiven as change:
        raise TemplateError(
            f"{files.relative}:{change.line}: {change.reason}"
        ) from None
    return lesson


def _check_untouched(lesson: TemplateLesson) -> None:
    for name in lesson.notes.koans:
        found = lesson.source.koans.get(name, [])
        if len(found) != 1:
            raise NotAsGiven(f"{name} should be there once, and is {len(found)} times")
        fit = blanks.match([lesson.given.function(name)], [found[0]])
        if isinstance(fit, Misfit):
            raise NotAsGiven(f"{name} does not fit its solution", fit.line)
        [fill] = fit.fills
        if fill.text != blanks.BLANK:
            raise NotAsGiven(
                f"{name} is filled in already. A template is untouched: put it back "
                f"(sensei reset {name}), or name another with --template DIR|GITREF",
                fill.line,
            )
    check_frame(lesson.given.solution.tree, lesson.source.tree)


def helpers(course: Course) -> Collection[Path]:
    """The modules beside the lessons that koans import: slate.py and the like."""
    return sorted(
        path for path in course.koans.glob("*.py") if not path.name.startswith("test_")
    )
