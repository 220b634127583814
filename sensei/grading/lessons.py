"""The lesson files in a hand-in: known by their names or, where they were renamed, by
the koans that they define.

Only files of Python are opened, each up to a limit; virtual environments and the like
are nobody's answers. ``grader`` calls this, and what matches hand-ins with people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from sensei.grading import trees
from sensei.grading.handins import TYPED, HandIn
from sensei.grading.trees import OTHER_ARCHIVES, Node, Unusable
from sensei.lesson import Lesson
from sensei.work import Work

MAX_FILE = 256 * 1024  # bytes of a lesson; the longest has 15 KB
MAX_OPENED = 2_000  # files of one hand-in that are not called like a lesson
PYTHON = (".py", ".txt", ".pyw")
NOTEBOOK = ".ipynb"
DOCUMENTS = (".doc", ".docx", ".odt", ".rtf", ".pdf", ".html", ".pages")
NOT_FIRST = frozenset(["solutions", "tests", "build", "dist"])  # else there: counts
NAMED = 4  # files that a sentence names
COPIES = 3  # different ones of a lesson: a learner's own, or several learners'?

TOO_LARGE = f"it has more than {MAX_FILE // 1024} KB"
TOO_MANY = f"not looked at, after {MAX_OPENED:,} other Python files"
NO_ARCHIVE = "an archive that can't be opened here; ask for a zip"
NO_NOTEBOOK = "koans are taken from the lessons' .py files; ask for them"
NO_PYTHON = "no Python file; ask for the .py"

_KOAN = re.compile(rb"def[ \t]+(test_\w+)")  # a literal first: 60 times as fast


@dataclass
class Submission:
    """The lesson files of one hand-in: their bytes, or why they were not read.

    ``files`` and ``refused`` go by a lesson's name; ``remarks`` are for the sheet,
    ``troubles`` for a person to look at.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def in_memory(files: Mapping[str, bytes]) -> Submission:
    """A submission that is nowhere on disk: the canaries are."""
    return Submission(files=dict(files))


@dataclass(frozen=True)
class Found:
    """A file that is a lesson's: where, and its bytes or why it has none."""

    where: str
    data: bytes = b""
    refused: str = ""

    @property
    def is_first(self) -> bool:
        folders = PurePosixPath(self.where.lower()).parts[:-1]
        return not NOT_FIRST.intersection(folders)


@dataclass
class _Contents:
    """A hand-in's files: the lessons', those that may be, and why not, and others."""

    lessons: dict[str, list[Found]] = field(default_factory=dict)
    unread: dict[str, list[str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    def add(self, lesson: str, found: Found) -> None:
        self.lessons.setdefault(lesson, []).append(found)


class Finder:
    """Finds the files of these lessons in hand-ins."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self.lessons = {lesson.name: lesson for lesson in lessons}

    @cached_property
    def koans(self) -> Mapping[str, frozenset[str]]:
        """The names of each lesson's koans."""
        found = self.lessons.items()
        return {name: frozenset(lesson.notes.koans) for name, lesson in found}

    def lesson_of(self, name: str) -> str:
        """The lesson that a file is called by, with what platforms add; or ""."""
        name = name.casefold()
        return max(
            (x for x in self.lessons if x.casefold() in name), key=len, default=""
        )

    def find(self, hand_in: HandIn) -> Submission:
        """The lesson files of a hand-in; each lesson has one."""
        submission = Submission(
            remarks=[*hand_in.remarks], troubles=[*hand_in.troubles]
        )
        contents = self._contents(trees.files(_unwrapped(hand_in.nodes)))
        for name, several in sorted(contents.lessons.items()):
            _choose(self.lessons[name], several, submission)
        unread = [f"{_some(w)}: {reason}" for reason, w in contents.unread.items()]
        if len(submission.files) == len(self.lessons):
            submission.remarks += unread
        else:
            submission.troubles += unread
        if not (contents.lessons or unread):
            submission.troubles.append(_why_nothing(contents, hand_in))
        return submission

    # ------------------------------------------------------------------ searching

    def _contents(self, files: Iterable[tuple[str, Node]]) -> _Contents:
        contents = _Contents()
        opened = 0
        for where, node in files:
            called = self.lesson_of(node.name)
            is_python = node.name.lower().endswith(PYTHON)
            opened += is_python and not called
            try:
                if opened > MAX_OPENED and not called and is_python:
                    raise Unusable(TOO_MANY)
                for lesson, found in self._lessons_of(where, node, called, is_python):
                    contents.add(lesson, found)
                    called = lesson
            except Unusable as reason:
                if called and is_python:
                    contents.add(called, Found(where, refused=str(reason)))
                else:
                    contents.unread.setdefault(str(reason), []).append(where)
            if not called:
                contents.others.append(where)
        return contents

    def _lessons_of(
        self, where: str, node: Node, called: str, is_python: bool
    ) -> Iterator[tuple[str, Found]]:
        """The lessons that a file is of; raises Unusable for what may be one."""
        name = node.name.lower()
        if node.read is None:
            raise Unusable(node.refusal)
        if name.endswith(OTHER_ARCHIVES):
            raise Unusable(NO_ARCHIVE)
        if name.endswith(NOTEBOOK):
            raise Unusable(NO_NOTEBOOK)
        if not (called or is_python):
            return
        data = node.read(MAX_FILE + 1)
        lessons = self._by_koans(data, called)
        if not lessons and called and is_python:
            lessons = [called]
        if len(data) > MAX_FILE and (lessons or name.endswith((".py", ".pyw"))):
            raise Unusable(TOO_LARGE)
        if not lessons and name.endswith(DOCUMENTS):
            raise Unusable(NO_PYTHON)
        for lesson in lessons:
            yield lesson, Found(where, data)

    def _by_koans(self, data: bytes, called: str) -> list[str]:
        """The lessons whose koans a file defines: what it is called may be wrong.

        One koan of another lesson, as somebody's notes, is not that lesson, unless it
        is all that there is. Several may have been put into one file.
        """
        names = set(_koans_in(data))
        counts = {name: len(names & koans) for name, koans in self.koans.items()}
        most = max(counts.values(), default=0)
        return [
            name
            for name, count in counts.items()
            if count
            and (name == called or count == most or 2 * count >= len(self.koans[name]))
        ]


def _koans_in(data: bytes) -> Iterator[str]:
    """The names of test functions that are defined at the start of a line."""
    for found in _KOAN.finditer(data):
        at = found.start()
        line = max(data.rfind(end, 0, at) for end in (b"\n", b"\r")) + 1
        if data[line:at].strip() in (b"", b"async"):
            yield found[1].decode("ascii")


def _unwrapped(nodes: Sequence[Node]) -> Sequence[Node]:
    """Without the one folder that all of it lies in: paths are shorter."""
    if len(nodes) == 1 and nodes[0].inside is not None:
        try:
            return nodes[0].inside() or nodes
        except Unusable:  # this is noted where it is searched
            pass
    return nodes


# ----------------------------------------------------------------------- choosing


def _choose(lesson: Lesson, several: list[Found], submission: Submission) -> None:
    """Of different copies the one with more filled in counts, and it is noted."""
    first = [found for found in several if found.is_first]
    several = first or several
    readable = [found for found in several if not found.refused]
    refused = [f"{found.where}: {found.refused}" for found in several if found.refused]
    if not readable:
        submission.refused[lesson.name] = several[0].refused
        submission.troubles += refused
        return
    different = {_plain(found.data): found for found in reversed(readable)}
    ranked = list(different.values())
    if len(ranked) > 1:  # it takes a while
        ranked.sort(key=lambda found: _rank(found, lesson))
    best = ranked.pop()
    submission.files[lesson.name] = best.data
    submission.remarks += refused
    if not best.is_first:
        submission.remarks.append(f"lesson {lesson.number} is only in {best.where}")
    if not ranked:
        return
    filled, second = _filled(lesson, best), _filled(lesson, ranked[-1])
    among = f"{best.where} counts, not {_some([found.where for found in ranked])}"
    if filled == second > 0:
        submission.troubles.append(
            f"lesson {lesson.number} is there twice, with as much filled in: {among}"
        )
    elif len(different) >= COPIES:
        submission.troubles.append(
            f"lesson {lesson.number} is there {len(different)} times: {among}; "
            "is it one learner's?"
        )
    else:
        submission.remarks.append(
            f"lesson {lesson.number} is there twice: {among}, which has less filled in"
        )


def _plain(data: bytes) -> bytes:
    """A text without what editors change in it by themselves."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    return text.rstrip(b"\n")


def _rank(found: Found, lesson: Lesson) -> tuple[int, bool, str]:
    """More filled in; then the one that is called as it was given."""
    as_given = PurePosixPath(found.where).name == lesson.path.name
    return _filled(lesson, found), as_given, found.where


def _filled(lesson: Lesson, found: Found) -> int:
    work = Work(lesson, found.data)
    return sum(work.is_filled(koan) for koan in lesson.koans.values())


def _why_nothing(contents: _Contents, hand_in: HandIn) -> str:
    if contents.others:
        return (
            f"no lesson is in it; there is {_some(contents.others)}: ask for the "
            "lessons' .py files"
        )
    if TYPED in hand_in.remarks:
        return "there are no files, but something was typed in: look there, or ask"
    return "it is empty: ask for it again"


def _some(paths: Sequence[str]) -> str:
    more = len(paths) - NAMED
    return ", ".join(paths[:NAMED]) + (f" and {more} more" if more > 0 else "")
