"""Classes made up for tests of what is written: a gradebook without any grading."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from sensei.grading import gradebook, overrides
from sensei.grading.assignment import Assignment
from sensei.grading.book import Book, Entry
from sensei.grading.gradebook import Answers, Gradebook
from sensei.grading.handins import HandIn, Id, Platform, Returned
from sensei.grading.overrides import Override
from sensei.lesson import Koan
from sensei.notes import Note
from sensei.verdicts import Kind, Verdict
from this_course import COURSE, LESSONS

HOSTILE = (
    "<script>window.pwned=1</script>",
    "</script><img src=x onerror='window.pwned=1'>",
    '"><svg onload="window.pwned=1">',
    "<link rel=stylesheet href=https://example.org/x.css>",
    "{{ 7 * 191 }} {% raw %}",
    "\x1b[31mred\x1b[0m \x07 \x00",
    "\u202egnp.exe\u202c \u2066a\u2069",
    "=cmd|' /C calc'!A0, \"quoted\"\nnext line\rreturn\x0cfeed",
    "x" * 10_000,
    "\u2028\ud800 \U0001f600 אבג",
    "<!-- ]]> --> &amp; javascript:window.pwned=1",
)
MAIN = tuple(lesson for lesson in LESSONS if not lesson.part)


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody on a roster, as ``roster`` makes them."""

    id: str
    name: str
    ids: Mapping[Id, str] = field(default_factory=dict)
    section: str = ""
    late: bool = False
    excused: bool = False
    is_test_student: bool = False


@dataclass(frozen=True, eq=False)
class Match:
    """A person, a hand-in or both, as ``matching`` pairs them."""

    id: str
    name: str
    person: Person | None = None
    hand_in: HandIn | None = None
    remarks: tuple[str, ...] = ()

    @property
    def late(self) -> bool:
        return bool(self.person and self.person.late) or bool(
            self.hand_in and self.hand_in.late
        )

    @property
    def section(self) -> str:
        return self.person.section if self.person else ""


def an_assignment(*lessons: str, points: Mapping[str, float] | None = None) -> Any:
    """Lessons of a few koans, such as "01 one two": predictions, the answer 42."""
    made = []
    for text in lessons:
        number, *names = text.split()
        lesson: Any = SimpleNamespace(number=number, title=f"l{number}")
        lesson.relative, lesson.koans = f"koans/test_{number}.py", {}
        for name in names:
            worth: Any = (points or {}).get(name, 1)
            asks, hints = f"assert {name} == __", (f"Hint of {name}.", "b", "c")
            note = Note(f"test_{name}", asks, hints, "", (), "", points=worth)
            solution: Any = SimpleNamespace(text="42")
            lesson.koans[note.name] = Koan(lesson, note, None, solution)
        made.append(lesson)
    koans = tuple(koan for lesson in made for koan in lesson.koans.values())
    right = {koan.name: "42" for koan in koans}
    return SimpleNamespace(lessons=tuple(made), koans=koans, right=right)


class Made:
    """A class under construction: a learner at a time."""

    def __init__(self, assignment: Any = None) -> None:
        self.assignment = assignment or Assignment(COURSE, MAIN)  # type: ignore[arg-type]
        self.book = Book()
        self.learners: list[tuple[Any, Answers]] = []
        self.places = {k.name: p for p, k in enumerate(self.assignment.koans)}

    def answer(
        self,
        koan: str,
        kind: str,
        fill: str = "",
        sentence: str = "",
        named: str = "",
    ) -> int:
        """The number of an answer."""
        verdict = Verdict(Kind(kind), sentence or f"It is {kind}.")
        if not fill:
            return self.book.settled(self.places[koan], verdict)
        return self.book.fill(Entry(self.places[koan], fill, verdict, named))

    def right(self, koan: str) -> int:
        return self.answer(koan, "passed", "right()")

    def learner(
        self,
        name: str,
        given: Mapping[str, int] | None = None,
        absent: Sequence[str] = (),
        *,
        person: Person | None = None,
        hand_in: HandIn | None | bool = True,
        id: str = "",
        **more: Any,
    ) -> Any:
        """Add a learner: all that is not given is right, or missing if absent."""
        given = {name.removeprefix("test_"): n for name, n in (given or {}).items()}
        numbers = [
            self.answer(koan.name, "missing")
            if koan.lesson.number in absent or hand_in is None
            else given.get(koan.name.removeprefix("test_"), self.right(koan.name))
            for koan in self.assignment.koans
        ]
        id = id or (person.id if person else name)
        if hand_in is True:
            hand_in = HandIn(id, name, Platform.PLAIN)
        match = Match(id, name, person, hand_in or None)
        self.learners.append((match, Answers(numbers, absent=absent, **more)))
        return match

    def gradebook(
        self,
        exclude: Iterable[str] = (),
        given: Iterable[Override] = (),
        **options: Any,
    ) -> Gradebook:
        """With what is decided by hand as ``sensei grade`` takes it."""
        koans, matches = self.assignment.koans, [match for match, _ in self.learners]
        excluded = {overrides.koan_of(koans, name) for name in exclude}
        by_hand = overrides.by_learner(given, matches, koans, excluded)
        decided = {"excluded": excluded, "by_hand": by_hand, **options}
        return gradebook.make(self.assignment, self.book, self.learners, **decided)


NAMES = [
    "Ada Loveday",
    "Alan Toring",
    "Grace Hooper",
    "Emmi Nother",
    "Seán O'Dwyer",
    "Sam Lee, Jr.",
    "Mary Jaxon",
    "Zoë Müller-Lüdenscheidt",
    "Nguyễn Thị Minh",
    "דנה לוי",
    "王小明",
    "Jean-Baptiste Ida_May Lund",
]


def made_class(
    count: int,
    seed: int = 6,
    hostile: bool = False,
    platform: Platform = Platform.PLAIN,
) -> Made:
    """A class as it could be: koans of differing difficulty, learners who stop."""
    rng = random.Random(seed)
    made = Made()
    koans = made.assignment.koans
    hardness = [rng.random() ** 2 * 0.6 for _ in koans]
    pools = [_pool(made, koan) for koan in koans]
    for place in range(count):
        skill, stop = rng.random(), rng.random()
        absent = [x.number for x in MAIN if stop < 0.1 and x.number > "06"]
        given: dict[str, int] = {}
        for i, koan in enumerate(koans):
            if stop < 0.3 and i > stop * 4 * len(koans):
                given[koan.name] = made.answer(koan.name, "blank")
            elif rng.random() < hardness[i] * (1.6 - skill):
                given[koan.name] = rng.choice(pools[i])
        name = NAMES[place % len(NAMES)]
        if hostile and place < len(HOSTILE):
            name = HOSTILE[place]
        _hand_in(made, place, name, given, absent, platform)
    if hostile:
        _give_hostile_answers(made)
    return made


def _hand_in(
    made: Made,
    place: int,
    name: str,
    given: dict[str, int],
    absent: list[str],
    platform: Platform,
) -> None:
    number = str(4100 + place)
    kind = Id.PARTICIPANT if platform is Platform.MOODLE else Id.CANVAS
    person = Person(f"u{number}", name, {kind: number}, "AB"[place % 2])
    back = (Returned(f"x_{number}_9{number}_", "koans.zip"),)
    hand_in = HandIn(
        f"{name}_{number}",
        name,
        platform,
        {kind: number},
        late=place % 9 == 4,
        returned=back if platform is Platform.CANVAS else (),
    )
    is_there = place % 23 != 22
    made.learner(
        name, given, absent, person=person, hand_in=hand_in if is_there else None
    )


def _pool(made: Made, koan: Koan) -> list[int]:
    """Wrong answers to draw from; what people give most stands there most."""
    name, is_code = koan.name, not koan.note.is_prediction
    kind = "failed" if is_code else "wrong"
    named = [
        made.answer(name, kind, mistake.fill, mistake.says, mistake.says)
        for mistake in koan.note.mistakes
    ]
    odd = [made.answer(name, kind, f"{n}.0625") for n in range(3, 6)]
    rare = [made.answer(name, "refused", "p.grad.item()", "No peeking.")]
    if is_code:
        rare.append(made.answer(name, "timeout", "while True: pass"))
        rare.append(made.answer(name, "crashed", "ctypes.string_at(0)"))
        rare.append(made.answer(name, "error", "loss = = 1", "Not Python."))
    return named[:1] * 6 + named * 3 + odd[:1] * 2 + odd + rare


def _give_hostile_answers(made: Made) -> None:
    koan = made.assignment.koans[0].name
    for place, text in enumerate(HOSTILE):
        number = made.answer(koan, "wrong", text, text)
        second = made.answer(koan, "error", text[::-1], text)
        for n in range(4):
            made.learner(
                f"{text} {place}", {koan: number}, id=f"{text}{n}", remarks=[text]
            )
        made.learner("", {koan: second}, id=f"{text}!", problem=text)
