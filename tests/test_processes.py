"""Processes: how they end, with whom, and what they leave behind."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import forks
from sensei import processes
from sensei.processes import Pipe, Process, describe, fork, spawn
from waiting import PATIENCE, wait_until

if sys.platform != "linux":
    pytest.skip("forks are for Linux only", allow_module_level=True)

LONG = 600.0


@pytest.fixture
def started():
    """Takes the processes of a test; ends them, whatever happens."""
    ours: list[Process] = []
    yield ours
    for process in ours:
        process.kill()


def end_of(process) -> int:
    wait_until(lambda: process.ended() is not None)
    return process.ended()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def sleep() -> int:
    time.sleep(LONG)
    return 0


def tell(text: str) -> None:
    """Print past pytest's capture, which has sys.stdout."""
    os.write(1, f"{text}\n".encode())


def kill_myself(number: int) -> int:
    faulthandler.disable()
    os.kill(os.getpid(), number)
    return sleep()


ENDINGS = {
    "nothing": (lambda: 0, 0, "ended Python itself (exit code 0)"),
    "a code": (lambda: 3, 3, "ended Python itself (exit code 3)"),
    "an exception": (lambda: int("x"), 1, "ended Python itself (exit code 1)"),
    "sys.exit": (lambda: sys.exit(4), 1, "ended Python itself (exit code 1)"),
    "os._exit": (lambda: os._exit(5), 5, "ended Python itself (exit code 5)"),
    "a crash": (lambda: kill_myself(11), -11, "made Python itself crash (signal SIG"),
    "killed": (lambda: kill_myself(9), -9, "was killed from outside: the memory may"),
}


@pytest.mark.parametrize(("target", "status", "text"), ENDINGS.values(), ids=ENDINGS)
def test_how_a_fork_ends(started, target, status, text):
    with open(os.devnull, "wb") as nothing:
        started.append(fork(target, output=nothing.fileno()))
    assert end_of(started[0]) == status
    assert describe(status).startswith(text)
    assert not started[0].is_late


def test_signals_without_a_name():
    assert describe(-200) == "made Python itself crash (signal 200)"


@pytest.fixture
def typed():
    """Something is there to read on stdin."""
    before = os.dup(0)
    source, sink = os.pipe()
    os.dup2(source, 0)
    os.write(sink, b"typed")
    yield
    os.dup2(before, 0)
    for fd in (before, source, sink):
        os.close(fd)


def test_a_fork_leads_a_session_and_reads_nothing(started, typed):
    pipe = Pipe(100)

    def target() -> int:
        tell(f"{os.getsid(0) == os.getpid()} {os.read(0, 1)!r}")
        os.write(2, b"beside\n")
        return 0

    started.append(fork(target, output=pipe.sink))
    pipe.close_sink()
    wait_until(lambda: not pipe.read())
    pipe.close()
    assert set(pipe.data.decode().splitlines()) == {"True b''", "beside"}


def test_only_what_is_kept_stays_open(started):
    kept, other, told = Pipe(0), Pipe(0), Pipe(100)

    def target() -> int:
        there = sorted(int(name) for name in os.listdir("/proc/self/fd"))
        tell(f"{kept.sink in there} {other.sink in there}")
        return 0

    started.append(fork(target, output=told.sink, keep=[kept.sink]))
    assert end_of(started[0]) == 0
    told.read()
    assert told.data == b"True False\n"
    for pipe in (kept, other, told):
        pipe.close_sink()
        pipe.close()


def test_a_deadline(started):
    started.append(fork(sleep, seconds=0.05))
    assert end_of(started[0]) == -signal.SIGKILL
    assert started[0].is_late


def test_a_deadline_that_is_put_off(started):
    started.append(fork(sleep, seconds=-1))
    started[0].extend(LONG)
    assert started[0].ended() is None
    started[0].extend(None)
    assert started[0].ended() is None and started[0].deadline is None


def test_a_selector_is_told_of_its_end(started):
    started.append(fork(lambda: 0))
    assert select.select([started[0]], [], [], PATIENCE)[0] == started
    assert started[0].ended() == 0


def test_killed_with_all_that_it_started(started):
    pipe = Pipe(100)

    def target() -> int:
        child = os.fork()
        if child:
            tell(str(child))
        return sleep()

    started.append(fork(target, output=pipe.sink))
    pipe.close_sink()
    wait_until(lambda: pipe.read() and pipe.data.endswith(b"\n"))
    started[0].kill()
    started[0].kill()
    pipe.close()
    wait_until(lambda: not is_alive(int(pipe.data)))


def test_what_it_left_behind_ends_when_it_has_ended(started):
    pipe = Pipe(100)

    def target() -> int:
        child = os.fork()
        if child == 0:
            return sleep()
        tell(str(child))
        return 0

    started.append(fork(target, output=pipe.sink))
    pipe.close_sink()
    assert end_of(started[0]) == 0
    pipe.read()
    pipe.close()
    wait_until(lambda: not is_alive(int(pipe.data)))


APART = """
import os, sys, time
from sensei import processes

def target():
    child = os.fork()
    if child == 0:
        os.setsid()
        time.sleep(600)
    while os.getsid(child) != child:
        time.sleep(0.01)
    print(child, flush=True)
    return 0

processes.adopt_orphans()
one, other = processes.fork(target), processes.fork(lambda: time.sleep(600) or 0)
while one.ended() is None:
    time.sleep(0.01)
processes.bury_orphans([other])
print("there" if other.ended() is None else "gone", flush=True)
other.kill()
"""


def test_who_left_the_session_is_buried():
    ran = python(APART)
    pid, other = ran.stdout.split()
    assert other == "there" and not is_alive(int(pid))


WITH_ITS_PARENT = """
import os, sys, time
from sensei import processes

def sleep():
    print(os.getpid(), flush=True)
    time.sleep(600)
    return 0

if __name__ == "__main__":
    if sys.argv[1:] == ["child"]:
        assert processes.take_orders() == "sleep"
        sleep()
    one = processes.fork(sleep)
    another = processes.spawn([__file__, "child"], "sleep")
    time.sleep(600)
"""


def test_they_end_with_their_parent(tmp_path):
    file = tmp_path / "parent.py"
    file.write_text(WITH_ITS_PARENT, "utf-8")
    command = [sys.executable, str(file)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    children = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(map(is_alive, children))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not any(map(is_alive, children)))


def test_a_spawned_python(started, tmp_path):
    file = tmp_path / "it.py"
    file.write_text(
        "from sensei import processes; import os, sys, time\n"
        "print(processes.take_orders(), os.getsid(0) == os.getpid(), flush=True)\n"
        "time.sleep(600) if len(sys.argv) > 1 else os._exit(7)\n",
        "utf-8",
    )
    pipe = Pipe(100)
    rest: dict[str, Any] = {"stdout": pipe.sink, "env": environment()}
    started.append(spawn([str(file)], "ümlaut", **rest))
    assert end_of(started[0]) == 7
    started.append(spawn([str(file), "long"], **rest))
    wait_until(lambda: pipe.read() and pipe.data.count(b"\n") == 2)
    assert started[1].ended() is None
    started[1].kill()
    assert started[1].status == -signal.SIGKILL
    assert pipe.data.decode() == "ümlaut True\n True\n"
    pipe.close_sink()
    pipe.close()


def test_a_pipe_keeps_so_much_and_no_more():
    pipe = Pipe(5)
    os.write(pipe.sink, b"1234")
    assert pipe.read() and pipe.data == b"1234"
    os.write(pipe.sink, b"5678")
    assert pipe.read() and pipe.data == b"12345"
    pipe.close_sink()
    assert not pipe.read()
    pipe.close()


def environment() -> dict[str, str]:
    root = os.path.dirname(os.path.dirname(processes.__file__))
    return {**os.environ, "PYTHONPATH": root, "PYTHONUTF8": "1"}


def python(code: str) -> subprocess.CompletedProcess[str]:
    ran = forks.python(["-c", code], Path.cwd(), environment(), merged=False)
    assert ran.returncode == 0, ran.stderr
    return ran
