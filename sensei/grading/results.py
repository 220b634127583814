"""The results of a class, as the report page and JUnit read them.

They are what results.json holds, and come from it or straight from a class
that was graded. Learners are handed out one by one, for there may be many.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensei.grading import sheets
from sensei.grading.marks import Class

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Results:
    """A class as results.schema.json has it; ``learners`` starts anew at each call.

    ``right`` is the right answer to each koan by its name, only where it may be
    shown.
    """

    graded_with: Record
    lessons: list[Record]
    answers: list[Record]
    learners: Callable[[], Iterator[Record]]
    right: Mapping[str, str]

    @classmethod
    def of(cls, graded: Class, how: Record, with_answers: bool = False) -> Results:
        """The results of a class; ``how`` says how it was graded."""
        head, answers, learners = sheets.results(graded, how)
        right = {
            koan.name: koan.lesson.given.fill(koan.name).text
            for koan in graded.template.koans
        }
        return cls(
            head["graded_with"],
            head["lessons"],
            list(answers()),
            learners,
            right if with_answers else {},
        )

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read results.json; raises OSError, and ValueError or KeyError."""
        return cls.parse(json.loads(path.read_text("utf-8")))

    @classmethod
    def parse(cls, told: Record, right: Mapping[str, str] | None = None) -> Results:
        """The results in what results.json holds."""
        return cls(
            told["graded_with"],
            told["lessons"],
            told["answers"],
            lambda: iter(told["learners"]),
            right or {},
        )

    @property
    def koans(self) -> list[tuple[Record, Record]]:
        """Each koan with its lesson, in the order of the path."""
        return [(lesson, koan) for lesson in self.lessons for koan in lesson["koans"]]
