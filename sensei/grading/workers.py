"""A handle on the warm process: jobs go in, what became of them comes out."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import sensei
from sensei import processes
from sensei.grading.assignment import Assignment

START = 300.0  # seconds for the imports; they count against nobody
END = 10.0
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "VIRTUAL_ENV")

Message = dict[str, Any]


class GraderError(Exception):
    """The grader itself can't go on; the message says why."""


class Warm:
    """One warm process. It is started at once, and ends with ``close``.

    ``fence`` says which fence its workers are in, ``beliefs`` what answers would be
    right if, each with the koan to look at. Raises GraderError if it can't get
    ready.
    """

    def __init__(self, assignment: Assignment, jobs: int) -> None:
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        source, self._to = os.pipe()
        self._from, sink = os.pipe()
        setup = {
            "root": str(assignment.course.root.resolve()),
            "lessons": [lesson.name for lesson in assignment.lessons],
            "numbers": assignment.numbers and assignment.numbers.as_json(False),
            "jobs": jobs,
            "source": source,
            "sink": sink,
        }
        self._scratch = Scratch()
        self._process = processes.spawn(
            ["-m", "sensei.grading.warm"],
            json.dumps(setup),
            pass_fds=(source, sink),
            cwd=self._scratch.path,
            env=environment(self._scratch.path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(source)
        os.close(sink)
        threading.Thread(target=self._listen, daemon=True).start()
        hello = self.next(START)
        if hello is None or not hello.get("ready"):
            self.close()
            why = (hello or {}).get("what", "it ended")
            raise GraderError(f"the process that runs koans can't get ready: {why}")
        self.fence: str = hello["fence"]
        self.beliefs: dict[str, str] = hello["beliefs"]

    def send(self, message: Message) -> None:
        data = json.dumps(message).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._to, data) :]
        except BrokenPipeError:
            pass  # its end is told by next()

    def next(self, timeout: float | None = None) -> Message | None:
        """What it says next; None when it has ended, or says nothing in time."""
        try:
            return self._messages.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        """End it, and all its workers with it."""
        if self._to >= 0:
            os.close(self._to)
            self._to = -1
        self._process.extend(END)
        while self._process.ended() is None:
            time.sleep(0.005)
        self._scratch.remove()

    def _listen(self) -> None:
        with os.fdopen(self._from, "rb") as lines:
            for line in lines:
                self._messages.put(json.loads(line))
        self._messages.put(None)


class Scratch:
    """A temporary folder that goes when it is removed, or when this process is gone,
    however it ended: then a shell is still there to do it.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="sensei-")).resolve()
        self._broom = subprocess.Popen(
            ["/bin/sh", "-c", 'cat; cd /; exec rm -rf -- "$0"', self.path],
            stdin=subprocess.PIPE,  # it ends with this process
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def remove(self) -> None:
        self._broom.communicate()


def environment(scratch: Path) -> dict[str, str]:
    """As little of the instructor's environment as will do."""
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(Path(sensei.__file__).parent.parent),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
