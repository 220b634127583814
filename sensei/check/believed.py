"""Checks of misconceptions: each can be told, and koans tell them apart.

A course without any has nothing to mend here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from sensei import beliefs, comparing
from sensei.beliefs import Belief, Believed, Sort
from sensei.check.findings import Finding, in_solution
from sensei.check.trials import Trials
from sensei.course import Course
from sensei.notes import NotesError

APART = 2  # beliefs that a prediction of numbers has different answers for


def listed(course: Course) -> Iterator[Finding]:
    """The list of beliefs says of each what it has to say."""
    if not course.misconceptions:
        return
    where = f"{course.misconceptions.replace('.', '/')}.py"
    lessons = _lessons_of(course)
    for belief in course.beliefs:
        for said in _faults(belief, course.beliefs, lessons):
            yield Finding(where, 0, "", belief.name or "a belief", said)


def _lessons_of(course: Course) -> dict[str, str]:
    """The number of the lesson of each koan."""
    found: dict[str, str] = {}
    for lesson in course.lessons:
        try:
            found |= dict.fromkeys(lesson.notes.koans, lesson.number)
        except NotesError:  # a finding of that lesson
            continue
    return found


def _faults(
    belief: Belief, known: Sequence[Belief], lessons: dict[str, str]
) -> Iterator[str]:
    if not belief.name or not belief.says.strip():
        yield "it has no name, or no sentence"
    if belief.says.endswith("."):
        yield "its sentence goes on behind it: leave out the full stop"
    if not belief.worlds and not belief.readings:
        yield "it has neither a world nor a reading"
    if sum(other.name == belief.name for other in known) > 1:
        yield "another one has its name"
    if belief.lesson not in lessons.values():
        yield f"there is no lesson {belief.lesson}"
    if belief.see and lessons.get(belief.see, "~") > belief.lesson:
        yield f"{belief.see} is in no lesson up to {belief.lesson}"


def told_somewhere(course: Course, apart: Collection[str]) -> Iterator[Finding]:
    """Each belief is told apart: in some koan it has an answer of its own."""
    if any(listed(course)):
        return
    where = f"{course.misconceptions.replace('.', '/')}.py"
    for belief in course.beliefs:
        if belief.sort is not Sort.READING and belief.name not in apart:
            said = "no koan has an answer of its own for it"
            yield Finding(where, 0, "", belief.name, said)


def told_apart(koan: Trials) -> set[str]:
    """The names of the beliefs that have an answer of their own in a koan."""
    is_asked = koan.koan.lesson.course.misconceptions and not koan.is_code
    if not is_asked or koan.is_skipped:
        return set()
    if any(verdict.kind.stops for verdict, _ in koan.of_solution):
        return set()
    answers = _by_answer(koan).values()
    return {name for names in answers if len(names) == 1 for name in names}


def apart(koan: Trials) -> Iterator[Finding]:
    """A prediction of numbers on the main path tells two beliefs apart."""
    lesson = koan.koan.lesson
    if koan.is_code or lesson.part or not lesson.course.misconceptions:
        return
    entries = [entry for (entry,) in comparing.entries(koan.value)]
    is_of_numbers = all(one is None or comparing.is_number(one) for one in entries)
    if not is_of_numbers or all(entry is None for entry in entries):
        return
    if len(_by_answer(koan)) < APART:
        said = "it has no different answers for two beliefs: other numbers may have"
        yield in_solution(lesson, said, koan.koan.name)


def _by_answer(koan: Trials) -> dict[str, set[str]]:
    """The wrong answers to a koan that a world brings, and whose they are."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in _of_worlds(koan):
        found[repr(one.value)].add(one.belief.name)
    return found


def _of_worlds(koan: Trials) -> list[Believed]:
    candidates = beliefs.believed(koan.outcome)
    return [one for one in candidates if one.belief.sort is not Sort.READING]
