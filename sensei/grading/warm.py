"""The warm process: it has imported everything, and forks a worker for each job.

``workers.Warm`` starts it as ``python -m sensei.grading.warm FROM TO`` with the
file descriptors of two pipes. It reads a setup and then jobs, a line of JSON
each, and writes what became of each job. It never runs an answer itself, so no
answer can hold it up; it ends, with all its workers, when its pipe is closed.

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
import sys
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensei.course import Course
from sensei.grading import limits
from sensei.grading.template import read, select_named
from sensei.grading.trial import Bench, NoSubject

MAX_OUTPUT = 64 * 1024  # bytes that are kept of what a worker prints
MAX_REPORT = 8 * 1024**2
GRACE = 2.0  # seconds after a time limit, for a worker to say so itself

Message = dict[str, Any]


# ------------------------------------------------------------------- in a worker


def work(bench: Bench, job: Message) -> Message:
    """Do a job: judge one answer, or many predictions of one koan."""
    if not job["together"]:
        report = bench.try_one(job["koan"], job["fills"][0], job["seconds"])
        return {"reports": [report]}
    try:
        return {"reports": bench.try_predictions(job["koan"], job["fills"])}
    except NoSubject:
        return {"how": "apart"}


def be_a_worker(
    bench: Bench,
    job: Message,
    token: str,
    report: int,
    output: int,
    confine: Callable[[], None],
) -> None:
    """What happens in the forked process; it never returns."""
    try:
        _rewire(report, output)
        told = _told(bench, job, confine)
        data = f"{token}\n{json.dumps(told)}\n".encode()
        while data:
            data = data[os.write(report, data) :]
    finally:
        os._exit(0)


def _told(bench: Bench, job: Message, confine: Callable[[], None]) -> Message:
    gc.disable()  # it would touch, and so copy, all that was frozen
    try:
        confine()
        return work(bench, job)
    except (MemoryError, RecursionError) as error:  # an answer can bring that about
        return {"how": "crashed", "what": type(error).__name__}
    except BaseException as error:
        return {"how": "fault", "what": _where(error)}


def _where(error: BaseException) -> str:
    """An exception of the grader's own, in a line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return f"{type(error).__name__} at {place}: {error}"[:500]


def _rewire(report: int, output: int) -> None:
    """Nothing to read, one place to print to, and no other open file."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, fd)
    os.set_inheritable(report, False)
    os.closerange(3, report)
    os.closerange(report + 1, limits.OPEN_FILES)


# ------------------------------------------------------------- in the warm process


@dataclass
class Worker:
    """A forked process at its job, and what it has said so far."""

    job: Message
    token: str
    pid: int
    handle: int  # a file descriptor that can be read when the process has ended
    report: int
    output: int
    ends_at: float
    is_late: bool = False
    said: dict[int, bytearray] = field(default_factory=dict)

    def read(self, fd: int) -> bool:
        """Take in what there is to read; False at the end of the pipe."""
        try:
            data = os.read(fd, 65_536)
        except BlockingIOError:
            return True
        kept = self.said[fd]
        kept += data[: (MAX_REPORT if fd == self.report else MAX_OUTPUT) - len(kept)]
        return bool(data)

    def result(self, status: int) -> Message:
        """What became of the job, going by the worker's own words alone."""
        output = bytes(self.said[self.output]).decode("utf-8", "replace")
        token, _, rest = bytes(self.said[self.report]).partition(b"\n")
        told: Message = {"how": "crashed", "what": _ending(status)}
        if self.is_late or (
            os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
        ):
            told = {"how": "timeout"}
        elif token == self.token.encode() and rest.endswith(b"\n"):
            told = {"how": "done", **json.loads(rest)}
        return {"id": self.job["id"], "output": output, **told}


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        try:
            return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
        except ValueError:
            return f"signal {os.WTERMSIG(status)}"
    return f"exit code {os.waitstatus_to_exitcode(status)}"


class Foreman:
    """Hands jobs to workers, as many at a time as asked for, and ends late ones."""

    def __init__(self, bench: Bench, jobs: int, source: int, sink: int) -> None:
        self.bench = bench
        self.jobs = jobs
        self.source = source
        self.sink = sink
        self.waiting: deque[Message] = deque()
        self.workers: dict[int, Worker] = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(source, selectors.EVENT_READ)
        self._unread = b""
        self._mapped = limits.mapped()
        self._processes = limits.threads_of_this_user()

    def run(self) -> None:
        """Until the pipe is closed."""
        while True:
            while self.waiting and len(self.workers) < self.jobs:
                self._fork(self.waiting.popleft())
            for key, _ in self.selector.select(self._until_somebody_is_late()):
                if key.fd == self.source:
                    if not self._take_jobs():
                        return
                elif key.fd in self.selector.get_map():
                    self._listen(key.fd, key.data)
            self._end_late_ones()

    def stop(self) -> None:
        for worker in self.workers.values():
            _kill(worker.pid)

    def _take_jobs(self) -> bool:
        data = os.read(self.source, 1 << 20)
        *lines, self._unread = (self._unread + data).split(b"\n")
        self.waiting.extend(json.loads(line) for line in lines)
        return bool(data)

    def _fork(self, job: Message) -> None:
        token = secrets.token_hex(16)
        report, its_report = os.pipe()
        output, its_output = os.pipe()
        parent = os.getpid()

        def confine() -> None:
            limits.on_my_own(parent)
            limits.limit(job["seconds"], self._mapped, self._processes)

        try:
            pid = os.fork()
        except OSError as error:
            for fd in (report, its_report, output, its_output):
                os.close(fd)
            self._tell({"id": job["id"], "how": "fault", "what": f"fork: {error}"})
            return
        if not pid:
            be_a_worker(self.bench, job, token, its_report, its_output, confine)
        os.close(its_report)
        os.close(its_output)
        ends_at = time.monotonic() + job["seconds"] + GRACE
        worker = Worker(job, token, pid, os.pidfd_open(pid), report, output, ends_at)
        self.workers[pid] = worker
        for fd in (report, output):
            os.set_blocking(fd, False)
            worker.said[fd] = bytearray()
        for fd in (worker.handle, report, output):
            self.selector.register(fd, selectors.EVENT_READ, worker)

    def _listen(self, fd: int, worker: Worker) -> None:
        if fd == worker.handle:
            self._finish(worker)
        elif not worker.read(fd):
            self.selector.unregister(fd)

    def _finish(self, worker: Worker) -> None:
        _kill(worker.pid)  # what it may have left behind, in its session
        _, status = os.waitpid(worker.pid, 0)
        for fd in (worker.report, worker.output):
            while worker.read(fd):
                if not _has_more(fd):
                    break
        for fd in (worker.handle, worker.report, worker.output):
            if fd in self.selector.get_map():
                self.selector.unregister(fd)
            os.close(fd)
        del self.workers[worker.pid]
        self._tell(worker.result(status))
        _bury_orphans(set(self.workers))

    def _until_somebody_is_late(self) -> float | None:
        ends = [
            worker.ends_at for worker in self.workers.values() if not worker.is_late
        ]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _end_late_ones(self) -> None:
        now = time.monotonic()
        for worker in self.workers.values():
            if now >= worker.ends_at and not worker.is_late:
                worker.is_late = True
                _kill(worker.pid)

    def _tell(self, message: Message) -> None:
        tell(self.sink, message)


def _has_more(fd: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        return bool(selector.select(0))


def _kill(session: int) -> None:
    with contextlib.suppress(OSError):  # it has ended
        os.kill(session, signal.SIGKILL)
    with contextlib.suppress(OSError):  # it has not yet come to lead its session
        os.killpg(session, signal.SIGKILL)


def _bury_orphans(workers: set[int]) -> None:
    """Wait for processes that lost their parent, and not for a worker."""
    for name in os.listdir(f"/proc/{os.getpid()}/task"):
        children = Path(f"/proc/{os.getpid()}/task/{name}/children")
        try:
            orphans = {
                int(pid) for pid in children.read_text("ascii").split()
            } - workers
        except OSError:
            return
        for pid in orphans:
            _kill(pid)
            with contextlib.suppress(OSError):
                os.waitpid(pid, 0)


def tell(sink: int, message: Message) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(sink, data) :]


def get_ready(setup: Message) -> Bench:
    """Import all that workers need, run a few koans, and settle down."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in setup["preload"]:
            importlib.import_module(module)
        course = Course(
            root=Path(setup["root"]),
            koans=Path(setup["koans"]),
            solutions=Path(setup["solutions"]),
            arguments={name: tuple(v) for name, v in setup["arguments"].items()},
        )
        bench = Bench(read(course, select_named(course, setup["lessons"])))
        bench.warm_up()
    gc.collect()
    gc.freeze()
    return bench


def main(source: int, sink: int) -> None:
    with os.fdopen(os.dup(source), "rb", buffering=0) as first:
        setup = json.loads(first.readline())
    limits.adopt_orphans()
    try:
        bench = get_ready(setup)
    except BaseException as error:
        tell(sink, {"ready": False, "what": f"{type(error).__name__}: {error}"})
        return
    tell(sink, {"ready": True})
    foreman = Foreman(bench, setup["jobs"], source, sink)
    try:
        foreman.run()
    finally:
        foreman.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
