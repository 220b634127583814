"""Two real processes, for the koans about DistributedDataParallel.

`on_two_ranks(worker, device)` calls worker(0) and worker(1), each in a process
of its own, with a gloo process group between the two, and gives back the list
[worker(0), worker(1)]. A worker may be any function of a koan, also one inside
it; it returns plain numbers or lists of them.

Whatever happens over there ends here: a rank that raises, dies or hangs ends
as RankFailed within the time limit, and one that waits for an exchange that the
other never comes to long before that. No process is left behind, not even when
pytest itself is killed.
"""

import importlib
import io
import marshal
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import types
import warnings
from contextlib import contextmanager
from datetime import timedelta
from importlib.machinery import PathFinder
from multiprocessing import connection

import pytest
import torch
import torch.distributed as dist

RANKS = 2
LIMIT = 30.0  # seconds for one call, the start of the processes included
SLOW_TO_IMPORT = ["torch._dynamo"]  # DistributedDataParallel asks for it: a second
EXCHANGE = 4.0  # seconds for one exchange: both ranks come to it at about once
ENDS_OF_WAITING = ["Timed out waiting", "Connection closed by peer"]  # gloo's words
GRACE = 1.0  # seconds for the other rank to say why, once one has failed


class RankFailed(RuntimeError):
    """A rank raised, died or gave no answer in time; the message says which."""


def on_two_ranks(worker, device, limit=LIMIT):
    """[worker(0), worker(1)], each worked out in its own process on the CPU.

    Skips the koan on any other device, and where two processes can't meet.
    """
    if device != "cpu":
        pytest.skip("its two processes work on the CPU; on a GPU they'd find the same")
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this torch was built without torch.distributed's gloo")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        ranks = []
        try:
            for rank in range(RANKS):
                ranks.append(_start(worker, rank, os.path.join(folder, "meet"), limit))
            said = _listen([report for _, report in ranks], limit)
        finally:
            for process, report in ranks:
                process.kill()  # whatever it is doing: its answer is here, or late
                process.join()
                report.close()
    return _answers(said, [process.exitcode for process, _ in ranks], limit)


def exchanges(model):
    """A list that grows by one each time a small model's ranks exchange slates."""
    from torch.distributed.algorithms.ddp_comm_hooks import default_hooks

    seen = []

    def exchange(_, bucket):
        seen.append(bucket.index())
        return default_hooks.allreduce_hook(None, bucket)

    model.register_comm_hook(None, exchange)
    return seen


# ---- in pytest's process


def _start(worker, rank, meeting_point, limit):
    context = how_to_start()
    file = worker.__code__.co_filename
    if context.get_start_method() != "fork":
        worker = _Packed(worker)
    report, its_end = context.Pipe(duplex=False)
    process = context.Process(
        target=_be_a_rank,
        args=(worker, file, rank, meeting_point, limit, its_end),
        name=f"rank {rank}",
        daemon=True,
    )
    with warnings.catch_warnings():  # Python 3.12 warns of forks beside threads
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    its_end.close()  # the rank alone holds it now: when it dies, report ends
    return process, report


def how_to_start():
    """fork where that is safe (0.1 s); else a process that starts from nothing.

    With an accelerator at hand, autograd has threads that do not survive a fork.
    """
    methods = multiprocessing.get_all_start_methods()
    accelerated = torch.cuda.is_available() or torch.xpu.is_available()
    if sys.platform == "linux" and not accelerated:
        _import_once()
        return multiprocessing.get_context("fork")
    if "forkserver" not in methods:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *SLOW_TO_IMPORT])
    return context


def _import_once():
    """Here, and not in every rank anew."""
    with warnings.catch_warnings():  # torch's about an absent NumPy
        warnings.simplefilter("ignore")
        for module in SLOW_TO_IMPORT:
            importlib.import_module(module)


def _listen(reports, limit):
    """What each rank said: {rank: (kind, value)}, without those that said nothing."""
    said = {}
    deadline = time.monotonic() + limit
    while len(said) < len(reports):
        waiting = [r for rank, r in enumerate(reports) if rank not in said]
        left = max(0.0, deadline - time.monotonic())
        ready = connection.wait(waiting, timeout=left)
        if not ready:
            break
        for report in ready:
            try:
                kind, value = report.recv()
            except (EOFError, OSError):
                kind, value = "died", None
            said[reports.index(report)] = kind, value
            if kind != "answer":
                grace = 0.0 if kind == "waited" else GRACE
                deadline = min(deadline, time.monotonic() + grace)
    return said


def _answers(said, exitcodes, limit):
    kinds = {kind for kind, _ in said.values()}
    if len(said) == RANKS and kinds == {"answer"}:
        return [said[rank][1] for rank in range(RANKS)]
    if kinds == {"not met"}:  # where one worked or died, that is what went wrong
        [(_, value), *_] = said.values()
        pytest.skip(f"two gloo processes could not meet here: {value}")
    if kinds - {"answer"} == {"waited"}:
        raise RankFailed("a rank waited for an exchange that the other never came to")
    sentences = [
        f"rank {rank} died with exit code {exitcodes[rank]}"
        for rank, (kind, _) in said.items()
        if kind == "died"
    ]
    raised = [(r, value) for r, (kind, value) in said.items() if kind == "raised"]
    if len(raised) == RANKS and len({value for _, value in raised}) == 1:
        raised = []
        sentences.append(f"each rank raised {said[0][1]}")
    sentences += [f"rank {rank} raised {value}" for rank, value in sorted(raised)]
    if not sentences:
        silent = " and ".join(f"rank {r}" for r in range(RANKS) if r not in said)
        sentences.append(f"no answer from {silent} within {limit:g} seconds")
    raise RankFailed("; ".join(sentences))


class _Packed:
    """A worker for a process that has imported nothing: it goes there as code.

    What is compiled here is what runs there, be it a fill that stands in no file.
    """

    def __init__(self, worker):
        packed = io.BytesIO()
        _Packer(packed).dump(worker)
        self.bytes = packed.getvalue()

    def __call__(self, rank):
        return pickle.loads(self.bytes)(rank)


class _Packer(pickle.Pickler):
    """Packs the functions of koans by their code, and modules by their name."""

    def reducer_override(self, value):
        if isinstance(value, types.ModuleType):
            return importlib.import_module, (value.__name__,)
        if not isinstance(value, types.FunctionType) or _is_importable(value):
            return NotImplemented
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        given = {
            name: value.__globals__[name]
            for name in _names(value.__code__)
            if name in value.__globals__
        }
        state = cells, given, value.__defaults__, value.__kwdefaults__
        code = marshal.dumps(value.__code__)
        # The state comes after the function, which may call itself.
        return _unpacked, (code, len(cells)), state, None, None, _fill_in


def _is_importable(function):
    """Whether another process finds it by name: no function of a koan file is so."""
    package = (function.__module__ or "").partition(".")[0]
    spec = PathFinder.find_spec(package)
    if not spec or not spec.origin:  # a folder without __init__.py has no origin
        return False
    folder = os.path.join(os.path.dirname(spec.origin), "")
    return function.__code__.co_filename.startswith(folder)


def _names(code):
    inner = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return {*code.co_names, *(name for part in inner for name in _names(part))}


def _unpacked(code, cells):
    code = marshal.loads(code)
    closure = tuple(types.CellType() for _ in range(cells))
    return types.FunctionType(code, {"__builtins__": __builtins__}, None, None, closure)


def _fill_in(function, state):
    cells, given, function.__defaults__, function.__kwdefaults__ = state
    for cell, content in zip(function.__closure__ or (), cells):
        cell.cell_contents = content
    function.__globals__.update(given)


# ---- in a rank's process


def _be_a_rank(worker, file, rank, meeting_point, limit, report):
    """Meet the other rank, work, report; then wait to be ended by pytest's process.

    That it never tears the group down is on purpose: doing so while a DDP module
    is alive, or while the other rank still reads, was seen to hang.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_pytest, args=(limit,), daemon=True).start()
    torch.set_num_threads(1)
    _import_once()
    try:
        _meet(rank, meeting_point, limit)
    except Exception as error:
        report.send(("not met", _sentence(error)))
    else:
        try:
            report.send(("answer", worker(rank)))
        except Exception as error:
            waited = any(end in str(error) for end in ENDS_OF_WAITING)
            kind = "waited" if waited else "raised"
            report.send((kind, _sentence(error) + _place(error, file)))
    threading.Event().wait()


def _end_with_pytest(limit):
    """Also when nobody is left to end it; else pytest's process is the first to."""
    pytests = multiprocessing.parent_process().sentinel
    connection.wait([pytests], timeout=limit + GRACE)
    os._exit(1)


def _meet(rank, meeting_point, limit):
    """The file keeps runs beside each other apart; no port has to be agreed on."""
    for _, name in socket.if_nameindex() if os.name == "posix" else ():
        if name in ("lo", "lo0"):  # no name lookup, no firewall: stay in this machine
            os.environ["GLOO_SOCKET_IFNAME"] = name
    with _silenced():
        store = dist.FileStore(meeting_point, RANKS)
        store.set(f"rank {rank}", "here")
        both = [f"rank {rank}" for rank in range(RANKS)]
        store.wait(both, timedelta(seconds=limit))  # one may be long in starting
        dist.init_process_group(
            "gloo",
            store=store,
            rank=rank,
            world_size=RANKS,
            timeout=timedelta(seconds=min(limit, EXCHANGE)),
        )


@contextmanager
def _silenced():
    """Some releases of gloo print a line on meeting; koans show none of it."""
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        for fd, saved in zip((1, 2), kept):
            os.dup2(saved, fd)
            os.close(saved)
        os.close(nowhere)


def _sentence(error):
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


def _place(error, file):
    """Where in the koan's file it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    return f", at line {lines[-1]}" if lines else ""
