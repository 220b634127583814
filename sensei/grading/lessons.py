"""The lesson files in a hand-in: known by their names or, where they were renamed, by
the koans that they define.

Only files of Python are opened, each up to a limit; virtual environments and the like
are nobody's answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sensei.grading import archives
from sensei.grading.archives import OTHER_ARCHIVES, TAR, ZIP, Unusable
from sensei.grading.handins import HandIn
from sensei.lesson import Lesson
from sensei.work import Work

MAX_FILE = 256 * 1024  # bytes of a lesson; the longest has 15 KB
MAX_OPENED = 2_000  # files of one hand-in
PYTHON = (".py", ".py.txt", ".txt", ".pyw")
NOTEBOOK = ".ipynb"
NOT_FIRST = frozenset(["solutions", "tests"])  # of a checkout: where nothing else is
NAMED = 4  # files that a sentence names

_KOAN = re.compile(rb"^[ \t]*(?:async[ \t]+)?def[ \t]+(test_\w+)", re.MULTILINE)


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
        return not NOT_FIRST & {*PurePosixPath(self.where).parts[:-1]}


class Finder:
    """Finds the files of these lessons in hand-ins."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self.lessons = {lesson.name: lesson for lesson in lessons}

    def by_name(self, name: str) -> str:
        """The lesson that a file is called by, with what platforms add; or ""."""
        return next((lesson for lesson in self.lessons if lesson in name), "")

    def find(self, hand_in: HandIn) -> Submission:
        """The lesson files of a hand-in; each lesson has one."""
        submission = Submission(
            remarks=[*hand_in.remarks], troubles=[*hand_in.troubles]
        )
        files = list(archives.files(hand_in.nodes))
        by_lesson: dict[str, list[Found]] = {}
        for lesson, found in self._lesson_files(files, submission):
            by_lesson.setdefault(lesson, []).append(found)
        for name, several in sorted(by_lesson.items()):
            self._choose(self.lessons[name], several, submission)
        self._say_what_is_missing(files, hand_in, submission)
        return submission

    def _lesson_files(
        self, files: Iterable[tuple[str, archives.Node]], submission: Submission
    ) -> Iterator[tuple[str, Found]]:
        left = MAX_OPENED
        for where, node in files:
            assert node.read is not None
            name = node.name.lower()
            called = self.by_name(node.name)
            if name.endswith((*ZIP, *TAR)):  # those that can be read were entered
                submission.troubles.append(f"{where}: {_reason(node)}")
            elif name.endswith(OTHER_ARCHIVES):
                said = "an archive that can't be opened here; ask for a zip"
                submission.troubles.append(f"{where}: {said}")
            elif (called and NOTEBOOK not in name) or name.endswith(PYTHON):
                left -= 1
                if left < 0 and not called:
                    continue
                yield from self._lessons_of(where, node, called)

    def _lessons_of(
        self, where: str, node: archives.Node, called: str
    ) -> Iterator[tuple[str, Found]]:
        """The lessons that a file is of: going by its koans, else by its name."""
        assert node.read is not None
        try:
            data = node.read(MAX_FILE + 1)
        except Unusable as reason:
            if called:
                yield called, Found(where, refused=str(reason))
            return
        if len(data) > MAX_FILE:
            if called:
                said = f"it has more than {MAX_FILE // 1024} KB"
                yield called, Found(where, refused=said)
            return
        names = {name.decode("ascii", "replace") for name in _KOAN.findall(data)}
        for lesson in self._by_koans(names, called):
            yield lesson, Found(where, data)

    def _by_koans(self, names: set[str], called: str) -> list[str]:
        koans = {name: {*lesson.koans} for name, lesson in self.lessons.items()}
        counts = {name: len(names & mine) for name, mine in koans.items()}
        if called and (counts[called] or not any(counts.values())):
            return [called]
        most = max(counts.values(), default=0)
        return [
            name
            for name, count in counts.items()
            if count and (count == most or 2 * count >= len(koans[name]))
        ]

    # ------------------------------------------------------------------ choosing

    def _choose(
        self, lesson: Lesson, several: list[Found], submission: Submission
    ) -> None:
        """Of two copies the one with more filled in counts, and it is said."""
        several = [found for found in several if found.is_first] or several
        readable = [found for found in several if not found.refused]
        if not readable:
            submission.refused[lesson.name] = several[0].refused
            submission.troubles.append(f"{several[0].where}: {several[0].refused}")
            return
        different = {found.data: found for found in reversed(readable)}
        filled = {found.where: _filled(lesson, d) for d, found in different.items()}
        best = max(different.values(), key=lambda one: _preferred(one, lesson, filled))
        submission.files[lesson.name] = best.data
        others = sorted(where for where in filled if where != best.where)
        if not others:
            return
        among = f"lesson {lesson.number} is there more than once"
        tied = [where for where in others if filled[where] == filled[best.where]]
        if tied and filled[best.where]:
            submission.troubles.append(
                f"{among}, with as many koans filled in: {best.where} counts, "
                f"{_some(tied)} does not"
            )
        else:
            submission.remarks.append(
                f"{among}: {best.where} counts, it has more in it"
            )

    # ------------------------------------------------------------------- missing

    def _say_what_is_missing(
        self,
        files: list[tuple[str, archives.Node]],
        hand_in: HandIn,
        submission: Submission,
    ) -> None:
        where = [path for path, _ in files]
        notebooks = [path for path in where if path.lower().endswith(NOTEBOOK)]
        if notebooks and len(submission.files) < len(self.lessons):
            said = (
                "a notebook; koans are taken from the lessons' .py files: ask for them"
            )
            submission.troubles.append(f"{_some(notebooks)}: {said}")
        elif submission.files or submission.refused or submission.troubles:
            return
        elif where:
            submission.troubles.append(f"no lesson is in it; there is {_some(where)}")
        elif hand_in.remarks:
            submission.troubles.append("nothing but what was typed into the platform")
        else:
            submission.troubles.append("it is empty")


def _reason(node: archives.Node) -> str:
    assert node.read is not None
    try:
        node.read(1)
    except Unusable as reason:
        return str(reason)
    return "it can't be opened"


def _filled(lesson: Lesson, data: bytes) -> int:
    work = Work(lesson, data)
    return sum(work.is_filled(koan) for koan in lesson.koans.values())


def _preferred(
    found: Found, lesson: Lesson, filled: Mapping[str, int]
) -> tuple[int, bool, str]:
    """More filled in; then the one that is called as it was given."""
    as_given = PurePosixPath(found.where).name == lesson.path.name
    return filled[found.where], as_given, found.where


def _some(paths: Sequence[str]) -> str:
    more = len(paths) - NAMED
    return ", ".join(paths[:NAMED]) + (f" and {more} more" if more > 0 else "")
