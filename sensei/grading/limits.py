"""What a forked worker may use: limits on all it can take."""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path

MEMORY = 1024**3  # bytes beyond what the warm process has mapped already
FILE_SIZE = 1024**2
OPEN_FILES = 256
PROCESSES = 64  # beyond those that this user has already
SECONDS_MORE = 3  # of CPU, beyond the wall clock's: a backstop


def mapped() -> int:
    """Bytes of address space that this process has."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    return int(pages) * resource.getpagesize()


def threads_of_this_user() -> int:
    """What RLIMIT_NPROC counts: the threads of every process of this user."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid():
                count += len(os.listdir(process / "task"))
        except OSError:
            pass  # it has ended meanwhile
    return count


def limit(seconds: float, address_space: int, processes: int) -> None:
    """Limit this process and all that it starts.

    ``address_space`` and ``processes`` are what is there already.
    """
    cpu = math.ceil(seconds) + SECONDS_MORE
    _set(resource.RLIMIT_CPU, cpu)
    _set(resource.RLIMIT_AS, address_space + MEMORY)
    _set(resource.RLIMIT_FSIZE, FILE_SIZE)
    _set(resource.RLIMIT_NOFILE, OPEN_FILES)
    _set(resource.RLIMIT_CORE, 0)
    if os.getuid():  # it does not hold root
        _set(resource.RLIMIT_NPROC, processes + PROCESSES)


def _set(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))
