"""The warm process: it has imported everything, and forks a worker for each job.

``workers.Warm`` starts it as ``python -m sensei.grading.warm``, with a setup as its
orders, and writes jobs to a pipe, a line of JSON each; what became of each job
comes back on another. It never runs an answer itself, so no answer can hold it up;
it ends, with all its workers, when its pipe is closed.

A pass is evidence: a worker writes its report, behind a token that it was given
for this one job, on a pipe of its own after the koan has returned. How a
process ended proves nothing.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import secrets
import selectors
import signal
import time
import warnings
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensei import processes
from sensei.course import Course
from sensei.grading import limits
from sensei.grading.assignment import Assignment
from sensei.grading.bench import Bench
from sensei.processes import Pipe, Process
from sensei.watchdog import Limits

MAX_OUTPUT = 64 * 1024  # bytes that are kept of what a worker prints
MAX_REPORT = 8 * 1024**2
MORE_SECONDS = 0.1  # for each answer of a job
LONGEST = 500  # characters of an exception
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

    def result(self, status: int) -> Message:
        """What became of the job, going by the worker's own words alone."""
        token, _, rest = bytes(self.report.data).partition(b"\n")
        message: Message = {"how": "crashed", "what": processes.describe(status)}
        if self.process.is_late or status == -signal.SIGXCPU:
            message = {"how": "timeout"}
        elif token == self.token.encode() and rest.endswith(b"\n"):
            message = {"how": "done", **json.loads(rest)}
        output = self.output.data.decode("utf-8", "replace")
        return {"id": self.job["id"], "output": output, **message}


class Foreman:
    """Hands jobs to workers, as many at a time as asked for, and ends late ones."""

    def __init__(self, bench: Bench, jobs: int, source: int, sink: int) -> None:
        self.bench = bench
        self.jobs = jobs
        self.source = source
        self.sink = sink
        self.waiting: deque[Message] = deque()
        self.workers: list[Worker] = []
        self.selector = selectors.DefaultSelector()
        self.selector.register(source, selectors.EVENT_READ)
        self._unread = b""
        self._mapped = limits.mapped()
        self._threads = limits.threads_of_this_user()

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

        def work() -> int:
            gc.disable()  # it would touch, and so copy, all that was frozen
            limits.limit(job["seconds"], self._mapped, self._threads)
            words = json.dumps(report(self.bench, job))
            write(report_pipe.sink, f"{token}\n{words}\n".encode())
            return 0

        seconds = job["seconds"] + MORE_SECONDS * len(job["fills"]) + GRACE
        try:
            process = processes.fork(
                work, seconds=seconds, output=output.sink, keep=[report_pipe.sink]
            )
        except OSError as error:
            self._tell({"id": job["id"], "how": "fault", "what": f"fork: {error}"})
            for pipe in (report_pipe, output):
                pipe.close_sink()
                pipe.close()
            return
        self.workers.append(Worker(job, token, process, report_pipe, output))
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

    def _until_somebody_is_late(self) -> float | None:
        ends = [worker.process.deadline or 0.0 for worker in self.workers]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _tell(self, message: Message) -> None:
        write(self.sink, json.dumps(message).encode() + b"\n")


def get_ready(setup: Message) -> Bench:
    """Import all that workers need, run the solutions, and settle down."""
    course = Course.load(Path(setup["root"]))
    assert course is not None
    lessons = [lesson for lesson in course.lessons if lesson.name in setup["lessons"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in course.preload:
            importlib.import_module(module)
        bench = Bench(Assignment(course, tuple(lessons)))
        bench.warm_up(Limits(course.seconds))
    gc.collect()
    gc.freeze()
    return bench


def main() -> None:
    setup = json.loads(processes.take_orders())
    source, sink = setup["source"], setup["sink"]
    processes.adopt_orphans()
    try:
        bench = get_ready(setup)
    except BaseException as error:
        words = {"ready": False, "what": f"{type(error).__name__}: {error}"}
        write(sink, json.dumps(words).encode() + b"\n")
        return
    write(sink, b'{"ready": true}\n')
    foreman = Foreman(bench, setup["jobs"], source, sink)
    try:
        foreman.run()
    finally:
        foreman.stop()


if __name__ == "__main__":
    main()
