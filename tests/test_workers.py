"""koans/workers.py: two real processes that always end, whatever a worker does."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import textwrap
from fractions import Fraction
from typing import Any

import pytest
import torch

import forks
import workers
from this_course import ROOT
from waiting import wait_until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="looks for processes in Linux' way"
)

HEAD = """
import os
import signal
import time
import torch.distributed as dist
from workers import RankFailed, on_two_ranks

def note(rank):
    with open(os.path.join({folder!r}, f"rank-{{rank}}"), "w") as file:
        file.write(str(os.getpid()))

"""


def load(path):
    """Import a lesson from a file, afresh."""
    spec = importlib.util.spec_from_file_location(f"lesson_of_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a spawned worker's pickle looks
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ranks(tmp_path):
    """Runs a worker with this body on two ranks; notes their processes."""

    def run(body: str, limit: float = 20.0):
        worker = f"def worker(rank):\n    note(rank)\n{textwrap.indent(body, '    ')}\n"
        path = tmp_path / "lesson.py"
        path.write_text(HEAD.format(folder=str(tmp_path)) + worker)
        lesson = load(path)
        try:
            return lesson.on_two_ranks(lesson.worker, "cpu", limit)
        except lesson.RankFailed as failed:
            return failed

    return run


def are_gone(folder) -> bool:
    """Wait for the end of the noted processes."""
    pids = [int(path.read_text()) for path in folder.glob("rank-*")]
    assert pids
    return wait_until(lambda: not any(map(_is_alive, pids)))


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_both_answers_in_the_order_of_the_ranks(ranks, tmp_path):
    assert ranks("return [rank, dist.get_world_size()]") == [[0, 2], [1, 2]]
    assert are_gone(tmp_path)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('no')", "each rank raised ValueError: no, at line 14"),
        ("if rank == 1: raise ValueError('no')", "rank 1 raised ValueError: no, at"),
        ("os._exit(3)", "died with exit code 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "died with exit code -9"),
        ("if rank == 1: os._exit(3)\ndist.barrier()", "rank 1 died with exit code 3"),
    ],
)
def test_a_worker_that_crashes_is_told(ranks, tmp_path, body, said):
    assert said in str(ranks(body))
    assert are_gone(tmp_path)


INSIDE = """
def run(base, *, step=1):
    def count_down(n, more=step):
        return [] if n == 0 else [base + n * more, *count_down(n - 1)]

    def worker(rank):
        return [count_down(rank + 1), torch.tensor([base]).tolist(), own(rank)]

    return on_two_ranks(worker, "cpu")
"""


def own_of(rank):
    return Fraction(rank, 2).denominator


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_a_worker_may_be_any_function(monkeypatch, method):
    """What it needs goes with it: what stands around it, itself, and functions that
    stand in no file, as those of an example do.
    """
    accelerated = method == "forkserver"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: accelerated)
    assert workers.how_to_start().get_start_method() == method
    names: dict[str, Any] = {
        "torch": torch,
        "own": own_of,
        "on_two_ranks": workers.on_two_ranks,
    }
    exec(compile(INSIDE, "<an example>", "exec"), names)
    assert names["run"](5, step=2) == [[[7], [5], 1], [[9, 7], [5], 2]]


def test_exchanges_are_counted(ranks, tmp_path):
    body = """
import torch
from workers import exchanges
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 2))
seen = exchanges(model)
counts = []
for quiet in (True, False, True, False):
    model.require_backward_grad_sync = not quiet
    model(torch.ones(2)).sum().backward()
    counts.append(len(seen))
return counts
"""
    assert ranks(body.strip()) == [[0, 1, 1, 2]] * 2


def test_a_worker_that_hangs_ends_in_time(ranks, tmp_path):
    failed = ranks("time.sleep(600)", limit=1.5)
    assert "no answer from rank 0 and rank 1 within 1.5 seconds" in str(failed)
    assert are_gone(tmp_path)


def test_nothing_outlives_the_process_that_asked(tmp_path):
    path = tmp_path / "lesson.py"
    worker = "def worker(rank):\n    note(rank)\n    time.sleep(600)\n"
    call = "if __name__ == '__main__':\n    on_two_ranks(worker, 'cpu')\n"
    path.write_text(HEAD.format(folder=str(tmp_path)) + worker + call)
    workers.how_to_start()  # imports what is slow to import
    code = f"import runpy; runpy.run_path({str(path)!r}, run_name='__main__')"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "koans")}
    asking = forks.start(["-c", code], tmp_path, env)
    wait_until(lambda: len(list(tmp_path.glob("rank-*"))) == 2)
    os.kill(asking.pid, signal.SIGKILL)  # Process.kill() would end its session, too
    os.waitid(os.P_PID, asking.pid, os.WEXITED | os.WNOWAIT)
    try:
        assert are_gone(tmp_path)
    finally:
        asking.kill()
