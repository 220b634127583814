"""Programs in forks of this process: a new Python, without the seconds of its imports.

``python`` runs what a command line would run, and ``at_a_terminal`` gives it a
terminal. A fork begins with what is imported by now, but for what stands beside the
engine in this repository; its folder, environment, streams and path of modules are as
in a process of its own. Where there is no fork, or torch may hold a device that does
not survive one, a new Python is started. With ``take_over``, so is what the engine
starts.
"""

from __future__ import annotations

import faulthandler
import gc
import io
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

from sensei import processes
from waiting import PATIENCE

ROOT = Path(__file__).parent.parent
INSTALLED = (sys.prefix, sys.base_prefix)
BESIDE_THE_ENGINE = ("koans", "solutions", "course", "tests", "conftest.py")


def can_fork() -> bool:
    """Whether a fork is a new Python for all that is run in it."""
    torch = sys.modules.get("torch")
    return sys.platform == "linux" and not (torch and torch.cuda.is_available())


def python(
    arguments: Sequence[str],
    folder: Path,
    env: Mapping[str, str] | None = None,
    *,
    typed: str = "",
    merged: bool = True,
    anew: bool = False,
) -> subprocess.CompletedProcess[str]:
    """What ``python ARGUMENTS`` does in a folder: "-m", "MODULE" or "-c", "CODE", a
    "-P" before it, and what follows. ``merged``: what it says as an error is in stdout,
    too. ``anew``: in a new Python, for what depends on its beginning.
    """
    env = dict(os.environ if env is None else env)
    if not can_fork() or anew or arguments[0] not in ("-P", "-m", "-c"):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=env,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with tempfile.TemporaryFile() as keyboard:
            keyboard.write(typed.encode())
            keyboard.seek(0)
            streams = keyboard, out, out if merged else err

            def connect() -> None:
                for number, stream in enumerate(streams):
                    os.dup2(stream.fileno(), number)

            process = start(arguments, folder, env, connect, seconds=PATIENCE)
        while process.ended() is None:
            select.select([process], [], [], 1.0)
        assert not process.is_late, f"it hangs: {arguments}"
        status = process.status
        assert status is not None
        said = [_text(stream) for stream in (out, err)]
    return subprocess.CompletedProcess([*arguments], status, *said)


def start(
    arguments: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    prepare: Callable[[], None] = lambda: None,
    **how: Any,
) -> processes.Process:
    """A fork that becomes ``python ARGUMENTS``; ``how`` is for processes.fork.

    pytest's timer for a test that hangs is taken back: it is a thread, and a fork would
    wait for it in vain when it takes back its own.
    """

    beside = beside_the_engine()

    def target() -> int:
        prepare()
        return become(arguments, folder, env, beside)

    faulthandler.cancel_dump_traceback_later()
    return processes.fork(target, **how)


def _text(stream: Any) -> str:
    stream.seek(0)
    text: str = stream.read().decode("utf-8", "replace")
    return text.replace("\r\n", "\n")


def at_a_terminal(
    arguments: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    anew: bool = False,
    **rest: Any,
) -> Any:
    """``python ARGUMENTS`` at a pseudo-terminal, as pexpect has it."""
    import pexpect  # type: ignore[import-untyped]

    beside = beside_the_engine()

    def prepare() -> None:
        heed_ctrl_c()
        if can_fork() and not anew:
            _leave(become(arguments, folder, env, beside, closing=True))

    faulthandler.cancel_dump_traceback_later()
    rest["preexec_fn"] = prepare
    return pexpect.spawn(
        sys.executable, [*arguments], cwd=str(folder), env=dict(env), **rest
    )


# ------------------------------------------------ what the engine itself starts


def take_over(patch: pytest.MonkeyPatch) -> None:
    """From now on what ``sensei score``, ``handout`` and ``grade`` start is a fork."""
    for name in ("score", "grading.handout"):
        patch.setattr(f"sensei.{name}.subprocess", _Instead(subprocess, run=_run_fork))
    other = _Instead(processes, spawn=_spawn_fork)
    patch.setattr("sensei.grading.workers.processes", other)


class _Instead:
    """A module, but for what it has otherwise."""

    def __init__(self, module: ModuleType, **other: object) -> None:
        vars(self).update(vars(module), **other)


def _run_fork(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], **how: Any
) -> subprocess.CompletedProcess[Any]:
    """subprocess.run, as it is called there."""
    merged = how.get("stderr") is subprocess.STDOUT
    ran = python(command[1:], cwd, env, merged=merged)
    if not how.get("text"):
        stdout, stderr = ran.stdout.encode(), ran.stderr.encode()
        return subprocess.CompletedProcess(command, ran.returncode, stdout, stderr)
    return ran


def _spawn_fork(
    argv: Sequence[str],
    orders: str,
    *,
    pass_fds: Sequence[int],
    cwd: Path,
    env: Mapping[str, str],
    **how: Any,
) -> processes.Process:
    """processes.spawn, as it is called there."""
    if not can_fork():
        more = {"pass_fds": pass_fds, "cwd": cwd, "env": env, **how}
        return processes.spawn(argv, orders, **more)
    source, sink = os.pipe()
    os.write(sink, f"{orders}\n".encode())

    with open(os.devnull, "wb") as nothing:
        process = start(
            ["-P", *argv],
            cwd,
            env,
            lambda: _read_from(source),
            output=nothing.fileno(),
            keep=[source, *pass_fds],
        )
    os.close(source)
    weakref.finalize(process, _close_here, os.getpid(), sink)  # its end is the other's
    return process


def _close_here(pid: int, number: int) -> None:
    """In a fork the number may be another file's by the time that this is called."""
    if os.getpid() == pid:
        os.close(number)


def heed_ctrl_c() -> None:
    """A shell lets what it starts in the background ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(status: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status & 0xFF)


def beside_the_engine() -> list[str]:
    """The tests' own modules, which a fork has to forget.

    A fork would copy the page of every module that it looks at.
    """
    beside = tuple(str(ROOT / name) for name in BESIDE_THE_ENGINE)
    modules = sys.modules.copy().items()  # a finalizer may import
    files = ((name, str(getattr(m, "__file__", None) or "")) for name, m in modules)
    return [name for name, file in files if file.startswith(beside)]


# ------------------------------------------------------------------- in the fork


def become(
    arguments: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    beside: Sequence[str],
    closing: bool = False,
) -> int:
    """Become the process of a command; gives its exit code."""
    gc.freeze()  # to look for garbage among all that is here would copy it
    if closing:  # pexpect waits until what it listens to is closed
        os.closerange(3, 1024)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    _open_streams()
    without_folder = arguments[0] == "-P"
    flag, program, *rest = arguments[without_folder:]
    _forget_this_run(beside, [] if without_folder else [str(folder)])
    sys.argv = [program if flag == "-m" else flag, *rest]
    return _status_of(lambda: _run(flag, program))


def _read_from(source: int) -> None:
    os.dup2(source, 0)


def _open_streams() -> None:
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    how: dict[str, Any] = {
        "encoding": encoding or "utf-8",
        "errors": errors or "strict",
        "line_buffering": os.isatty(1),
    }
    sys.stdin = sys.__stdin__ = _stream(0, "rb", **how)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "wb", **how)  # type: ignore[misc]
    how |= {"errors": "backslashreplace", "line_buffering": True}
    sys.stderr = sys.__stderr__ = _stream(2, "wb", **how)  # type: ignore[misc]


def _stream(number: int, mode: str, **how: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(os.fdopen(number, mode, closefd=False), **how)


def _forget_this_run(beside: Sequence[str], first: Sequence[str]) -> None:
    """The tests' own modules, and where they are found; what pytest has put in."""
    for name in beside:
        sys.modules.pop(name, None)
    given = [path for path in sys.path if path and path.startswith(INSTALLED)]
    asked = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [*first, *filter(None, asked), *given]
    sys.meta_path[:] = [
        finder
        for finder in sys.meta_path
        if not type(finder).__module__.startswith("_pytest")
    ]


def _run(flag: str, program: str) -> None:
    if flag == "-c":
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


def _status_of(run: Callable[[], object]) -> int:
    """The exit code that Python would have."""
    try:
        run()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return int(end.code or 0)
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0
