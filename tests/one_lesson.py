"""A lesson of one koan in plain Python, in memory, and what becomes of a text of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensei import judge
from sensei.attempt import Attempt
from sensei.course import Course
from sensei.lesson import Koan, Lesson, Pristine
from sensei.notes import LessonNotes, Mistake, Note
from sensei.running import Outcome, run
from sensei.verdicts import Verdict
from sensei.watchdog import Limits
from sensei.work import Work
from this_course import filled

ROOT = Path("/a_course")
COURSE = Course(
    *(ROOT, ROOT / "koans", ROOT / "notes", ROOT / "solutions"),
    roles_path=Path(__file__).parent / "tiny_course" / "roles.toml",
)
FILE = str(ROOT / "koans" / "test_01_x.py")
LIMITS = Limits(20.0)


def note(asks: str, name: str = "test_it", **more: Any) -> Note:
    fields = {"because": "So it is.", "mistakes": (), "link": "https://x.org", **more}
    return Note(name, asks, ("a", "b", "c"), **fields)


def named(mistakes: Mapping[str, str]) -> tuple[Mistake, ...]:
    """Mistakes from fills and what is said of them; a fill after "=" is spelled."""
    return tuple(
        Mistake((fill.removeprefix("="),), says, fill.startswith("="))
        for fill, says in mistakes.items()
    )


def lesson_of(solution: str, notes: Sequence[Note], with_solution=True) -> Lesson:
    lesson = Lesson(COURSE, "test_01_x")
    koans = {note.name: note for note in notes}
    texts = LessonNotes("say", "learned", "caught", "https://x.org", koans)
    given = Pristine(solution.encode(), texts, COURSE.koans) if with_solution else None
    vars(lesson).update(notes=texts, pristine=given)  # instead of reading files
    return lesson


def koan_of(
    solution: str, asks: str, mistakes: Mapping[str, str] | None = None, **more: Any
) -> Koan:
    """The koan test_it of a lesson that has no other."""
    one = note(asks, mistakes=named(mistakes or {}), **more)
    return lesson_of(solution, [one]).koans["test_it"]


def attempted(koan: Koan, text: str, path: str = FILE) -> Attempt | Verdict:
    return Work(koan.lesson, text.encode(), path).attempt(koan)


def attempt_of(koan: Koan, fill: str, path: str = FILE) -> Attempt:
    attempt = attempted(koan, filled(koan, fill), path)
    assert isinstance(attempt, Attempt), attempt
    return attempt


def outcome_of(koan: Koan, fill: str, limits: Limits = LIMITS, **names: Any) -> Outcome:
    """What a koan does with a fill; ``names`` are put into its module."""
    attempt = attempt_of(koan, fill)
    vars(attempt.work.module).update(names)
    return run(attempt, {}, limits)


def decided(koan: Koan, text: str, limits: Limits = LIMITS, **names: Any) -> Verdict:
    """The verdict on a text of the lesson."""
    attempt = attempted(koan, text)
    if isinstance(attempt, Verdict):
        return attempt
    vars(attempt.work.module).update(names)
    return judge.decide(attempt, {}, limits)[0]


def judged(koan: Koan, fill: str, limits: Limits = LIMITS, **names: Any) -> Verdict:
    return decided(koan, filled(koan, fill), limits, **names)


def line_of(text: str, part: str) -> int:
    return next(i for i, line in enumerate(text.split("\n"), 1) if part in line)
