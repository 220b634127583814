"""The warm process: it has imported everything, and forks a worker for each job.

``workers.Warm`` starts it as ``python -m sensei.grading.warm``, with a setup as its
orders, and writes jobs to a pipe, a line of JSON each; what became of each job
comes back on another. It never runs an answer itself, so no answer can hold it up;
it ends, with all its workers, when its pipe is closed.

A pass is evidence: a worker writes its report, behind a token that it was given
for this one job, on a pipe of its own after the koan has returned. How a
process ended proves nothing. What is in the report is read as if an answer had
written it: it can say of its own job what a koan can come to, and no more.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import secrets
import selectors
import shutil
import signal
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sensei import processes
from sensei.course import Course
from sensei.grading import fence
from sensei.grading.assignment import Assignment
from sensei.grading.bench import Bench
from sensei.grading.fence import Fence
from sensei.grading.numbers import parsed
from sensei.processes import Pipe, Process
from sensei.watchdog import Limits

MAX_OUTPUT = 64 * 1024  # bytes that are kept of what a worker prints
MAX_REPORT = 8 * 1024**2
MORE_SECONDS = 0.1  # for each answer of a job
LONGEST = 500  # characters of an exception
LONGEST_SENTENCE = 20_000
GRACE = 2.0  # seconds after a time limit, for a worker to say so itself

Message = dict[str, Any]


# ------------------------------------------------------------------- in a worker


def report(bench: Bench, job: Message) -> Message:
    """What became of a job, in the words of the worker that did it."""
    try:
        koan_limits = Limits(job["seconds"])
        return {"reports": bench.judged(job["koan"], job["fills"], koan_limits)}
    except BaseException as error:  # in the engine: an answer can bring that about
        what = f"{type(error).__name__}: {error}"
        return {"how": "raised", "what": what[:LONGEST]}


def write(sink: int, data: bytes) -> None:
    """Write all of it to a pipe, however much that takes in at once."""
    while data:
        data = data[os.write(sink, data) :]


# ------------------------------------------------------------- in the warm process


@dataclass(eq=False)
class Worker:
    """A forked process at its job, and the pipes out of it."""

    job: Message
    token: str
    process: Process
    report: Pipe
    output: Pipe
    folder: str | None
    kinds: Collection[str]
    beliefs: Collection[str]

    def result(self, status: int) -> Message:
        """What became of the job, going by the worker's own words alone."""
        token, _, rest = bytes(self.report.data).partition(b"\n")
        message: Message = {"how": "crashed", "what": processes.describe(status)}
        if self.process.is_late or status == -signal.SIGXCPU:
            message = {"how": "timeout"}
        elif token == self.token.encode() and rest.endswith(b"\n"):
            message = words(rest, self.kinds, self.beliefs) or message
        output = self.output.data.decode("utf-8", "replace")
        return {"id": self.job["id"], "output": output, **message}


def words(
    data: bytes, kinds: Collection[str], beliefs: Collection[str]
) -> Message | None:
    """What a report says, if it is one: an answer may have written it."""
    try:
        match json.loads(data):
            case {"reports": list(reports), **rest} if not rest:
                reports = [_plain(report, kinds, beliefs) for report in reports]
                return {"how": "done", "reports": reports}
            case {"how": "raised", "what": str(what), **rest} if not rest:
                return {"how": "raised", "what": what[:LONGEST]}
    except (ValueError, RecursionError):
        pass
    return None


def _plain(
    report: object, kinds: Collection[str], beliefs: Collection[str]
) -> dict[str, Any]:
    match report:
        case {
            "kind": str(kind),
            "sentence": str(sentence),
            "mistake": str(mistake),
            "beliefs": list(told),
        } if kind in kinds and all(one in beliefs for one in told):
            return {
                "kind": kind,
                "sentence": sentence[:LONGEST_SENTENCE],
                "mistake": mistake[:LONGEST_SENTENCE],
                "beliefs": list(dict.fromkeys(told)),
            }
    raise ValueError("no verdict that a koan can come to")


class Foreman:
    """Hands jobs to workers, as many at a time as asked for, and ends late ones."""

    def __init__(
        self, bench: Bench, fence: Fence, jobs: int, source: int, sink: int
    ) -> None:
        self.bench = bench
        self.fence = fence
        self.jobs = jobs
        self.source = source
        self.sink = sink
        self.waiting: deque[Message] = deque()
        self.workers: list[Worker] = []
        self.selector = selectors.DefaultSelector()
        self.selector.register(source, selectors.EVENT_READ)
        self._unread = b""

    def run(self) -> None:
        """Until the pipe is closed."""
        while True:
            while self.waiting and len(self.workers) < self.jobs:
                self._begin(self.waiting.popleft())
            for key, _ in self.selector.select(self._until_somebody_is_late()):
                if key.fileobj == self.source and not self._take_jobs():
                    return
                if isinstance(key.fileobj, Pipe) and not key.fileobj.read():
                    self.selector.unregister(key.fileobj)
            for worker in list(self.workers):
                status = worker.process.ended()
                if status is not None:
                    self._finish(worker, status)

    def stop(self) -> None:
        for worker in self.workers:
            worker.process.kill()

    def _take_jobs(self) -> bool:
        data = os.read(self.source, 1 << 20)
        *lines, self._unread = (self._unread + data).split(b"\n")
        self.waiting.extend(json.loads(line) for line in lines)
        return bool(data)

    def _begin(self, job: Message) -> None:
        token = secrets.token_hex(16)
        report_pipe, output = Pipe(MAX_REPORT), Pipe(MAX_OUTPUT)
        place = job["koan"]
        folder = tempfile.mkdtemp() if place in self.bench.starting else None

        def work() -> int:
            gc.disable()  # it would touch, and so copy, all that was frozen
            self.waiting.clear()  # the answers of others
            self.workers.clear()
            self.fence.close(job["seconds"], folder)
            told = json.dumps(report(self.bench, job))
            write(report_pipe.sink, f"{token}\n{told}\n".encode())
            return 0

        seconds = job["seconds"] + MORE_SECONDS * len(job["fills"]) + GRACE
        try:
            process = processes.fork(
                work,
                seconds=seconds,
                output=output.sink,
                keep=[report_pipe.sink, self.fence.ruleset],
            )
        except OSError as error:
            self._tell({"id": job["id"], "how": "fault", "what": f"fork: {error}"})
            for pipe in (report_pipe, output):
                pipe.close_sink()
                pipe.close()
            _remove(folder)
            return
        known = self.bench.kinds(place), self.bench.beliefs
        self.workers.append(
            Worker(job, token, process, report_pipe, output, folder, *known)
        )
        for pipe in (report_pipe, output):
            pipe.close_sink()
            self.selector.register(pipe, selectors.EVENT_READ)
        self.selector.register(process, selectors.EVENT_READ)

    def _finish(self, worker: Worker, status: int) -> None:
        for pipe in (worker.report, worker.output):
            pipe.read()
            with contextlib.suppress(KeyError):  # its end was seen already
                self.selector.unregister(pipe)
            pipe.close()
        self.selector.unregister(worker.process)
        self.workers.remove(worker)
        self._tell(worker.result(status))
        processes.bury_orphans(other.process for other in self.workers)
        _remove(worker.folder)

    def _until_somebody_is_late(self) -> float | None:
        ends = [worker.process.deadline or 0.0 for worker in self.workers]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _tell(self, message: Message) -> None:
        write(self.sink, json.dumps(message).encode() + b"\n")


def _remove(folder: str | None) -> None:
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


# ----------------------------------------------------------------------- beforehand


def fenced(course: Course, bench: Bench) -> tuple[Fence, str]:
    """The fence, and which of it holds here: tried out in forks of this process."""
    around = Fence.around(course)
    usual = _tried(around)
    if not bench.starting:
        return around, fence.summary(usual)
    folder = tempfile.mkdtemp()
    starting = _tried(around, folder)
    if fence.NETWORK not in starting:
        around = replace(around, apart=False)
        starting = _tried(around, folder)
    _remove(folder)
    return around, fence.summary(usual, starting)


def _tried(around: Fence, folder: str | None = None) -> frozenset[str]:
    pipe = Pipe(100)

    def work() -> int:
        write(pipe.sink, " ".join(around.close(GRACE, folder)).encode())
        return 0

    kept = [pipe.sink, around.ruleset]
    process = processes.fork(work, seconds=GRACE, keep=kept)
    pipe.close_sink()
    while process.ended() is None:
        time.sleep(0.001)
    pipe.read()
    pipe.close()
    return frozenset(pipe.data.decode().split())


def get_ready(setup: Message) -> tuple[Bench, Fence, str]:
    """Import all that workers need, run the solutions, and settle down."""
    course = Course.load(Path(setup["root"]))
    assert course is not None
    lessons = [lesson for lesson in course.lessons if lesson.name in setup["lessons"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in course.preload:
            importlib.import_module(module)
        numbers = parsed(setup["numbers"] or "")
        bench = Bench(Assignment(course, tuple(lessons), numbers))
        bench.warm_up(Limits(course.seconds))
    gc.collect()
    gc.freeze()
    return bench, *fenced(course, bench)


def main() -> None:
    """Get ready, say so, and do jobs until the pipe is closed."""
    setup = json.loads(processes.take_orders())
    source, sink = setup["source"], setup["sink"]
    processes.adopt_orphans()
    try:
        bench, around, holds = get_ready(setup)
    except BaseException as error:
        told = {"ready": False, "what": f"{type(error).__name__}: {error}"}
        write(sink, json.dumps(told).encode() + b"\n")
        return
    told = {"ready": True, "fence": holds, "beliefs": bench.beliefs}
    write(sink, json.dumps(told).encode() + b"\n")
    foreman = Foreman(bench, around, setup["jobs"], source, sink)
    try:
        foreman.run()
    finally:
        foreman.stop()


if __name__ == "__main__":
    main()
