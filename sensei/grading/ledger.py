"""The ledger: verdicts that were come to, kept for the next run.

A file of JSON lines that is only ever appended to. A run that is killed in the
middle of a line loses that line and no other. The key of a verdict covers all
that it depends on: the koan as given with its notes, the fill, the engine, the
versions of what it runs on, the device and the time limit.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

import sensei
from sensei.grading.book import Entry
from sensei.grading.template import Template, TemplateLesson, helpers
from sensei.verdicts import Kind, Verdict

NOT_KEPT = (Kind.UNGRADED,)


class Keys:
    """The keys of a template's answers."""

    def __init__(self, template: Template, seconds: float) -> None:
        course = template.course
        around = [path.read_text("utf-8") for path in helpers(course)]
        self._all = _digest([engine(), versions(course.preload), around, seconds])
        self._all += _digest({k: list(v) for k, v in course.arguments.items()})
        self._lessons = {
            lesson.files.name: _lesson_digest(lesson) for lesson in template.lessons
        }
        self._names = [(koan.lesson.files.name, koan.name) for koan in template.koans]

    def of(self, entry: Entry) -> str:
        lesson, name = self._names[entry.koan]
        return _digest([self._all, self._lessons[lesson], name, entry.fill])[:40]


def _lesson_digest(lesson: TemplateLesson) -> str:
    return _digest([lesson.source.decoded, lesson.files.notes.read_text("utf-8")])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def engine() -> str:
    """A digest of the engine's own code."""
    folder = Path(sensei.__file__).parent
    sources = sorted([*folder.glob("*.py"), *folder.glob("grading/*.py")])
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def versions(preload: tuple[str, ...]) -> dict[str, str]:
    """What answers run on: Python, the preloaded packages, the machine's kind."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in sorted({module.partition(".")[0] for module in preload}):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "?"
    return found


class Ledger:
    """The verdicts in one file; use it in a ``with``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: dict[str, dict[str, Any]] = {}
        self._fd = -1

    def __enter__(self) -> Ledger:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        self._fd = os.open(self.path, flags, 0o644)
        data = self.path.read_bytes()
        for line in data.split(b"\n"):
            self._learn(line)
        if data and not data.endswith(b"\n"):
            os.write(self._fd, b"\n")  # so that a torn line stays alone
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def _learn(self, line: bytes) -> None:
        try:
            record = json.loads(line)
            Kind(record["kind"])
            self._records[record["key"]] = record
        except (ValueError, KeyError, TypeError):
            pass  # torn, or not ours

    def fill_in(self, key: str, entry: Entry) -> bool:
        """Give an entry the verdict that is kept for it; False where there is none."""
        record = self._records.get(key)
        if record is None:
            return False
        enter(entry, record)
        return True

    def keep(self, key: str, entry: Entry) -> None:
        """Write a verdict down, in one piece, before it counts."""
        if entry.verdict is None or entry.kind in NOT_KEPT:
            return
        record = {
            "key": key,
            "kind": str(entry.kind),
            "sentence": entry.verdict.sentence,
            "line": entry.verdict.line,
            "wrote": entry.verdict.wrote,
            "mistake": entry.mistake,
            "output": entry.output,
        }
        os.write(self._fd, json.dumps(record).encode() + b"\n")


def enter(entry: Entry, record: dict[str, Any], output: str = "") -> None:
    """Put a verdict that was reported, or kept, into an entry."""
    entry.verdict = Verdict(
        Kind(record["kind"]),
        str(record.get("sentence", "")),
        int(record.get("line", 0)),
        str(record.get("wrote", "")),
    )
    entry.mistake = str(record.get("mistake", ""))
    entry.output = output or str(record.get("output", ""))
