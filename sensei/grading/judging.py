"""Judging: which answers go to which worker, and what is tried again.

The predictions of a koan go together, code one by one. What does not come to a
verdict, or to an error, is tried once more by itself, with nothing beside it, before
it counts: a busy machine is nobody's mistake. What then fails with nobody's answer to
blame stays ungraded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from sensei.grading.assignment import Assignment
from sensei.grading.bench import plain
from sensei.grading.book import Entry
from sensei.grading.workers import GraderError, Warm
from sensei.verdicts import Kind, Verdict

TOGETHER = 40  # predictions in one worker
AHEAD = 3  # jobs that wait for each worker, so that none stands idle
RESTARTS = 3

Message = dict[str, Any]
Task = list[Entry]  # answers to one koan that are judged by one worker


class Judge:
    """Judges the entries of a book; it keeps its warm process until ``close``."""

    def __init__(
        self,
        assignment: Assignment,
        start: Callable[[], Warm],
        jobs: int,
        seconds: float,
        step: Callable[[], None],
    ) -> None:
        self.assignment = assignment
        self.start = start
        self.jobs = jobs
        self.seconds = seconds
        self.step = step
        self.fence = "none: nothing was run"
        self.beliefs: dict[str, str] = {}
        self._warm: Warm | None = None
        self._restarts = 0

    def close(self) -> None:
        if self._warm:
            self._warm.close()
            self._warm = None

    def judge(self, entries: Iterable[Entry]) -> None:
        """Bring every entry to a verdict; ``step`` is called for each that has one.

        Raises GraderError where that can't be gone on with.
        """
        failed = self._round(self._tasks(entries), self.jobs * AHEAD)
        alone = ([entry] for task, _ in failed for entry in task)
        for [entry], message in self._round(alone, 1):
            entry.output = plain(message.get("output", ""))
            entry.verdict = self._last_word(entry, message)
            self.step()

    def _tasks(self, entries: Iterable[Entry]) -> Iterator[Task]:
        for place, group in groupby(entries, key=lambda entry: entry.koan):
            waiting = list(group)
            size = TOGETHER if self._is_prediction(place) else 1
            for first in range(0, len(waiting), size):
                yield waiting[first : first + size]

    def _is_prediction(self, place: int) -> bool:
        return self.assignment.all_koans[place].note.is_prediction

    # ------------------------------------------------------------------- a round

    def _round(self, tasks: Iterable[Task], ahead: int) -> list[tuple[Task, Message]]:
        """Have tasks done, so many at a time; gives those that came to no verdict."""
        waiting = enumerate(tasks)
        out: dict[int, Task] = {}
        failed: list[tuple[Task, Message]] = []
        while True:
            while len(out) < ahead and (one := next(waiting, None)):
                out[one[0]] = one[1]
                self._send(*one)
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
        fills = [entry.fill for entry in task]
        job = {"id": number, "koan": task[0].koan, "fills": fills}
        self._running().send({**job, "seconds": self.seconds})

    def _running(self) -> Warm:
        if self._warm is None:
            self._warm = self.start()
            self.fence, self.beliefs = self._warm.fence, self._warm.beliefs
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
        if message["how"] != "done" or len(reports) != len(task):
            return False
        is_prediction = self._is_prediction(task[0].koan)
        kinds = {report["kind"] for report in reports}
        if kinds & {Kind.TIMEOUT, Kind.ERROR}:  # a neighbour may have taken it all
            message.update(how="reported", what=reports[0]["sentence"])
            return False
        for entry, report in zip(task, reports, strict=True):
            entry.enter(report, "" if is_prediction else plain(message["output"]))
            self.step()
        return True

    # ---------------------------------------------------------------- at the last

    def _last_word(self, entry: Entry, message: Message) -> Verdict:
        """The verdict on an answer that came to none, twice."""
        how, what = message["how"], message.get("what", "")
        if how == "raised":
            return Verdict(Kind.ERROR, plain(f"This can't be judged: {what}."))
        if self._is_prediction(entry.koan) or how == "fault":
            sentence = plain(f"The grader failed here: {what or how}.")
            return Verdict(Kind.UNGRADED, sentence)
        if how == "reported":
            [report] = message["reports"]
            entry.mistake, entry.beliefs = report["mistake"], tuple(report["beliefs"])
            return Verdict(Kind(report["kind"]), report["sentence"])
        if how == "timeout":
            sentence = f"It did not end within {self.seconds:g} s."
            return Verdict(Kind.TIMEOUT, sentence)
        return Verdict(Kind.CRASHED, f"It {what}.")
