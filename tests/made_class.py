"""Classes made up for tests of what is written: results without any grading."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from sensei.lesson import Lesson
from this_course import LESSONS

HOSTILE = (
    "<script>window.pwned=1</script>",
    "</script><img src=x onerror='window.pwned=1'>",
    '"><svg onload="window.pwned=1">',
    "<link rel=stylesheet href=https://example.org/x.css>",
    "{{ 7 * 191 }} {% raw %}",
    "\x1b[31mred\x1b[0m \x07 \x00",
    "\u202egnp.exe\u202c \u2066a\u2069",
    "=cmd|' /C calc'!A0, \"quoted\"\nnext line",
    "x" * 10_000,
    "\u2028\ud800 \U0001f600 אבג",
    "<!-- ]]> --> &amp; javascript:window.pwned=1",
)


@cache
def _lessons() -> list[dict[str, Any]]:
    return [_lesson(lesson) for lesson in LESSONS if not lesson.part]


def _lesson(lesson: Lesson) -> dict[str, Any]:
    koans = [
        {
            "koan": note.name,
            "points": note.points,
            "is_prediction": note.is_prediction,
            "asks": note.asks,
            "mistakes": [{"fill": m.fill, "says": m.says} for m in note.mistakes],
            "skipped": False,
        }
        for note in lesson.notes.koans.values()
    ]
    return {
        "lesson": lesson.number,
        "file": lesson.relative,
        "title": lesson.title,
        "koans": koans,
    }


class Made:
    """Results under construction: a learner at a time."""

    def __init__(self, lessons: list[dict[str, Any]] | None = None) -> None:
        self.lessons = _lessons() if lessons is None else lessons
        self.answers: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.learners: list[dict[str, Any]] = []

    @property
    def koans(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [(lesson, koan) for lesson in self.lessons for koan in lesson["koans"]]

    def answer(self, koan: str, verdict: str, fill: str = "", **more: Any) -> int:
        """The number of an answer."""
        key = (koan, verdict, fill)
        plain = {"sentence": f"{verdict}.", "mistake": None, "rule": None, "output": ""}
        told = {"koan": koan, "fill": fill or None, "verdict": verdict, **plain, **more}
        self.answers.setdefault(key, told)
        return list(self.answers).index(key)

    def learner(self, name: str, given: dict[str, int], **more: Any) -> None:
        """Add a learner, with the number of an answer to each koan."""
        answers = list(self.answers.values())
        cells = []
        for _, koan in self.koans:
            number = given[koan["koan"]]
            verdict = answers[number]["verdict"]
            points = koan["points"] if verdict == "passed" else 0
            cells.append(
                {
                    "koan": koan["koan"],
                    "verdict": verdict,
                    "points": points,
                    "answer": number,
                    "changed": False,
                }
            )
        self.learners.append(self._record(name, cells) | more)

    def _record(self, name: str, cells: list[dict[str, Any]]) -> dict[str, Any]:
        by_name = {cell["koan"]: cell for cell in cells}
        lessons, absent = {}, []
        for lesson in self.lessons:
            inside = [by_name[koan["koan"]] for koan in lesson["koans"]]
            got = sum(cell["points"] for cell in inside)
            out_of = sum(
                koan["points"]
                for koan in lesson["koans"]
                if by_name[koan["koan"]]["verdict"] not in ("skipped", "ungraded")
            )
            lessons[lesson["lesson"]] = [got, out_of]
            if all(cell["verdict"] == "missing" for cell in inside):
                absent.append(lesson["lesson"])
        return {
            "id": f"learner-{len(self.learners):04}",
            "name": name,
            "problem": None,
            "flags": [],
            "missing_lessons": absent,
            "total": sum(got for got, _ in lessons.values()),
            "max": sum(out_of for _, out_of in lessons.values()),
            "lessons": lessons,
            "koans": cells,
        }

    def told(self) -> dict[str, Any]:
        """As results.json holds it."""
        return {
            "version": 1,
            "graded_with": {
                "versions": {"python": "3.12.0", "torch": "2.9.0"},
                "arguments": {"device": ["cpu"]},
                "seconds": 10.0,
                "fence": "kernel fence: files, network, signals",
            },
            "lessons": self.lessons,
            "answers": list(self.answers.values()),
            "learners": self.learners,
        }


NAMES = [
    "Ada Lovelace",
    "Alan Turing",
    "Grace Hopper",
    "Emmy Noether",
    "Katherine Johnson",
    "Srinivasa Ramanujan",
    "Mary Jackson",
    "Zoë Müller-Lüdenscheidt",
    "Nguyễn Thị Minh Khai",
    "דנה לוי",
    "王小明",
    "Jean-Baptiste Joseph Fourier",
]


def made_class(count: int, seed: int = 6, hostile: bool = False) -> dict[str, Any]:
    """A class as it could be: koans of differing difficulty, learners who stop."""
    rng = random.Random(seed)
    made = Made()
    hardness = [rng.random() ** 2 * 0.6 for _ in made.koans]
    pools = [_pool(made, koan) for _, koan in made.koans]
    missing = [made.answer(koan["koan"], "missing") for _, koan in made.koans]
    blank = [made.answer(koan["koan"], "blank") for _, koan in made.koans]
    right = [made.answer(k["koan"], "passed", "right()") for _, k in made.koans]
    for place in range(count):
        skill, stop = rng.random(), rng.random()
        given: dict[str, int] = {}
        for i, (lesson, koan) in enumerate(made.koans):
            is_late = stop < 0.3 and i > stop * 4 * len(right)
            if stop < 0.02 or (stop < 0.1 and lesson["lesson"] > "06"):
                given[koan["koan"]] = missing[i]
            elif is_late:
                given[koan["koan"]] = blank[i]
            elif rng.random() < hardness[i] * (1.6 - skill):
                given[koan["koan"]] = rng.choice(pools[i])
            else:
                given[koan["koan"]] = right[i]
        name = NAMES[place % len(NAMES)]
        name += f" {place // len(NAMES) + 1}" if place >= len(NAMES) else ""
        if hostile and place < len(HOSTILE):
            name = HOSTILE[place]
        made.learner(name, given)
    if hostile:
        _give_hostile_answers(made)
    return made.told()


def _pool(made: Made, koan: dict[str, Any]) -> list[int]:
    """Wrong answers to draw from; what people give most stands there most."""
    name = koan["koan"]
    kind = "wrong" if koan["is_prediction"] else "failed"
    named = [
        made.answer(name, kind, mistake["fill"], mistake=mistake["says"])
        for mistake in koan["mistakes"]
    ]
    odd = [made.answer(name, kind, f"{n}.0625") for n in range(3, 6)]
    rare = [made.answer(name, "refused", "p.grad.item()", sentence="No peeking.")]
    if not koan["is_prediction"]:
        rare.append(made.answer(name, "timeout", "while True: pass"))
        rare.append(made.answer(name, "crashed", "ctypes.string_at(0)"))
        rare.append(made.answer(name, "error", "loss = =", sentence="Not Python."))
    return named[:1] * 6 + named * 3 + odd[:1] * 2 + odd + rare


def _give_hostile_answers(made: Made) -> None:
    koan = made.koans[0][1]["koan"]
    rest = {cell["koan"]: cell["answer"] for cell in made.learners[-1]["koans"]}
    for place, text in enumerate(HOSTILE):
        number = made.answer(koan, "wrong", text, sentence=text)
        second = made.answer(koan, "error", text[::-1], sentence=text, output=text)
        for _ in range(4):
            made.learner(f"{text} {place}", {**rest, koan: number}, flags=[text])
        made.learner("", {**rest, koan: second}, problem=text)
