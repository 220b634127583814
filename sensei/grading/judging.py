"""Judging: which answers go to which worker, and what is tried again.

The predictions of a koan go together, code one by one. What does not come to a
verdict is tried once more by itself, with nothing beside it, before it counts:
a busy machine is nobody's mistake. What then fails with nobody's answer to
blame stays ungraded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from sensei.grading.book import Entry
from sensei.grading.template import Template
from sensei.grading.trial import plain
from sensei.grading.workers import GraderError, Warm
from sensei.verdicts import Kind, Verdict

TOGETHER = 40  # predictions in one worker
MORE_SECONDS = 0.1  # for each of them
AHEAD = 3  # jobs that wait for each worker, so that none stands idle
RESTARTS = 3

Message = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """Answers to one koan that are judged by one worker."""

    entries: tuple[Entry, ...]
    together: bool

    @property
    def koan(self) -> int:
        return self.entries[0].koan


class Judge:
    """Judges the entries of a book; it keeps its warm process until ``close``."""

    def __init__(
        self,
        template: Template,
        start: Callable[[], Warm],
        jobs: int,
        seconds: float,
        tell: Callable[[Entry], None],
    ) -> None:
        self.template = template
        self.start = start
        self.jobs = jobs
        self.seconds = seconds
        self.tell = tell
        self._warm: Warm | None = None
        self._restarts = 0

    def close(self) -> None:
        if self._warm:
            self._warm.close()
            self._warm = None

    def judge(self, entries: Iterable[Entry]) -> None:
        """Bring every entry to a verdict; ``tell`` hears of each that has one.

        Raises GraderError where that can't be gone on with.
        """
        failed = self._round(self._tasks(entries), self.jobs)
        apart = [entry for task, _ in failed if task.together for entry in task.entries]
        alone = [task for task, _ in failed if not task.together]
        failed = self._round(map(_by_itself, apart), self.jobs)
        alone += [task for task, _ in failed]
        for task, message in self._round(alone, at_once=1):
            self._give_up(task.entries[0], message)

    def _tasks(self, entries: Iterable[Entry]) -> Iterator[Task]:
        for number, group in groupby(entries, key=lambda entry: entry.koan):
            if self.template.koans[number].note.is_prediction:
                yield from (Task(batch, True) for batch in _batches(group, TOGETHER))
            else:
                yield from map(_by_itself, group)

    # ------------------------------------------------------------------- a round

    def _round(self, tasks: Iterable[Task], at_once: int) -> list[tuple[Task, Message]]:
        """Have tasks done; gives those that came to no verdict, with the reason."""
        waiting = iter(tasks)
        out: dict[int, Task] = {}
        failed: list[tuple[Task, Message]] = []
        ahead = 1 if at_once == 1 else at_once * AHEAD
        count = 0
        while True:
            while len(out) < ahead and (task := next(waiting, None)):
                out[count] = task
                self._send(count, task)
                count += 1
            if not out:
                return failed
            message = self._running().next()
            if message is None:
                failed += [(task, self._death()) for task in out.values()]
                out.clear()
                continue
            task = out.pop(message["id"])
            if not self._accept(task, message):
                failed.append((task, message))

    def _send(self, number: int, task: Task) -> None:
        more = MORE_SECONDS * len(task.entries) if task.together else 0.0
        self._running().send(
            {
                "id": number,
                "koan": task.koan,
                "fills": [entry.fill for entry in task.entries],
                "together": task.together,
                "seconds": self.seconds + more,
            }
        )

    def _running(self) -> Warm:
        if self._warm is None:
            self._warm = self.start()
        return self._warm

    def _death(self) -> Message:
        """The warm process has ended: start another, a few times."""
        if self._warm is not None:
            self.close()
            self._restarts += 1
        if self._restarts > RESTARTS:
            raise GraderError("the process that runs koans ended again and again")
        return {"how": "fault", "what": "the process that runs koans ended"}

    def _accept(self, task: Task, message: Message) -> bool:
        """Enter the verdicts that a message brings; False where it brings none."""
        reports = message.get("reports", [])
        if message["how"] != "done" or len(reports) != len(task.entries):
            return False
        blameless = self.template.koans[task.koan].note.is_prediction
        for report in reports:
            kind = Kind(report["kind"])
            if kind is Kind.TIMEOUT or (blameless and kind is Kind.ERROR):
                message.update(how="reported", what=report["sentence"])
                return False
        for entry, report in zip(task.entries, reports, strict=True):
            entry.enter(report, "" if task.together else plain(message["output"]))
            self.tell(entry)
        return True

    # ---------------------------------------------------------------- at the last

    def _give_up(self, entry: Entry, message: Message) -> None:
        """The verdict on an answer that came to none, twice."""
        entry.output = plain(message.get("output", ""))
        entry.verdict = self._last_word(entry, message)
        self.tell(entry)

    def _last_word(self, entry: Entry, message: Message) -> Verdict:
        how, what = message["how"], message.get("what", "")
        line = self.template.koans[entry.koan].blank.line
        if self.template.koans[entry.koan].note.is_prediction or how == "fault":
            said = f"The grader failed here: {what or how}."
            return Verdict(Kind.UNGRADED, plain(said), line, entry.fill[:200])
        if how == "reported":
            [report] = message["reports"]
            entry.enter(report)
            assert entry.verdict is not None
            return entry.verdict
        if how == "timeout":
            said = f"It did not end within {self.seconds:g} s."
            return Verdict(Kind.TIMEOUT, said, line, entry.fill[:200])
        said = f"It ended the process that it ran in ({what})."
        return Verdict(Kind.CRASHED, said, line, entry.fill[:200])


def _by_itself(entry: Entry) -> Task:
    return Task((entry,), together=False)


def _batches(entries: Iterable[Entry], size: int) -> Iterator[tuple[Entry, ...]]:
    waiting = iter(entries)
    while batch := tuple(islice(waiting, size)):
        yield batch
