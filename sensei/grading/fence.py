"""The fence: before a worker runs an answer it gives up all rights that it can spare.

It may read Python, its libraries and the course. It may write nothing, start no
process and no program, open no socket, signal to nobody, and take so much time and
memory; all this for good. A koan that starts processes (as its solution does) gets
a folder of its own, and a network that ends at this machine. Where the kernel
can't do a part, the run goes on, and its summary says so.

``warm`` calls ``close`` in each worker; nobody else does.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import math
import os
import re
import resource
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sensei
from sensei.course import Course
from sensei.grading import landlock, syscalls

FILES, NETWORK, SIGNALS = PARTS = "files", "network", "signals"

MEMORY = 1024**3  # bytes beyond what the warm process has mapped already
FILE_SIZE = 1024**2
FOLDER_SIZE = "8m"
OPEN_FILES = 256
PROCESSES = 64  # beyond those that this user has already
SECONDS_MORE = 3  # of CPU, beyond the wall clock's: a backstop

SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"),
    *("/usr/share/zoneinfo", "/usr/share/locale", "/etc/localtime"),
    *("/etc/ld.so.cache", "/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo"),
    *("/proc/stat", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"),
)
INTERFACES = ("/sys/bus/pci", "/sys/class/net", "/sys/devices")

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS = 1, 8, 38
CAPABILITIES_3 = 0x20080522
CAP_DAC_READ_SEARCH = 1 << 2
NOBODYS = 2_000_000_000  # users from here on: nobody has these numbers
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 16384, 1 << 18
SIOCSIFFLAGS, IFF_UP = 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Fence:
    """What is the same for all workers of a warm process, which makes it.

    ``mapped`` and ``threads`` are the bytes of address space that it has, and the
    threads of its user: what a worker may take is beyond these. ``ruleset`` is an open
    file (-1 where the kernel has no Landlock), which a worker needs, and ``program``
    what filters its system calls. ``apart`` is whether a koan that starts processes
    gets a network of its own.
    """

    readable: tuple[str, ...]
    mapped: int
    threads: int
    parent: int
    ruleset: int
    program: bytes
    apart: bool = True

    @classmethod
    def around(cls, course: Course) -> Fence:
        """The fence around the koans of a course, for forks of this process."""
        readable = (*_readable(course), *SYSTEM)
        taken = _mapped(), _threads()
        ruleset = -1
        if landlock.version():
            ruleset = landlock.ruleset(readable, ["/dev/null"])
        return cls(readable, *taken, os.getpid(), ruleset, syscalls.program())

    def close(self, seconds: float, folder: str | None = None) -> frozenset[str]:
        """Give it all up; says which parts hold from now on.

        ``folder`` is for a koan that starts processes: what it may write to.
        """
        _limit(seconds, self.mapped, self.threads)
        _write("/proc/self/oom_score_adj", b"1000")  # should memory run out: this first
        apart = False
        if folder is not None:
            os.environ["TMPDIR"] = tempfile.tempdir = folder
            apart = self.apart and _be_apart(folder)
        _be_nobody(folder)
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # gone with the user
        if os.getppid() != self.parent:
            os._exit(1)
        _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        ruleset, program = self.ruleset, self.program
        if folder is not None:
            ruleset, program = self._for_processes(folder)
        if ruleset >= 0:
            landlock.restrict(ruleset)
        filtered = syscalls.restrict(program)
        scoped = ruleset >= 0 and landlock.version() >= landlock.SINCE_SCOPES
        holds = {
            FILES: ruleset >= 0 and filtered,
            NETWORK: filtered if folder is None else apart,
            SIGNALS: filtered and (scoped or folder is None),
        }
        return frozenset(part for part in PARTS if holds[part])

    def _for_processes(self, folder: str) -> tuple[int, bytes]:
        """The ruleset and the filter of a koan that starts processes."""
        writable = ["/dev/null", folder]
        readable = (*self.readable, "/proc/self", *INTERFACES, *writable)
        ruleset = -1
        if self.ruleset >= 0:
            ruleset = landlock.ruleset(readable, writable, tcp=True)
        return ruleset, syscalls.program(processes=True)


def _write(path: str, data: bytes) -> None:
    with contextlib.suppress(OSError):
        file = os.open(path, os.O_WRONLY)
        os.write(file, data)
        os.close(file)


def summary(usual: Iterable[str], starting: Iterable[str] | None = None) -> str:
    """Which fence held, for who grades: around koans, and around those that start
    processes, if there are any.
    """
    held = _listed(usual)
    if not held:
        return "none: use the container"
    missing = _listed(set(PARTS) - set(usual))
    text = f"kernel fence: {held}"
    text += f"; not {missing}: use the container" if missing else ""
    if starting is not None and set(starting) != set(usual):
        text += f" (koans that start processes: {_listed(starting) or 'none'})"
    return text


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(part for part in PARTS if part in parts)


# ----------------------------------------------------------------- what may be read


def _readable(course: Course) -> set[str]:
    """Python with its libraries, and of the course what it consists of.

    Not the folder that it stands in: submissions and grades may lie there.
    """
    around = {course.root.resolve(), Path(sensei.__file__).resolve().parent.parent}
    python = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    paths = set(map(os.path.realpath, filter(None, sys.path)))
    paths -= {str(path) for path in around}
    paths |= {str(Path(sensei.__file__).parent), *python, *_libraries()}
    files = [course.free_path, course.roles_path, course.root / "pyproject.toml"]
    folders = [course.koans, course.notes, course.solutions]
    return paths | {str(path) for path in (*files, *folders) if path}


def _libraries() -> set[str]:
    """The folders of the libraries that are loaded."""
    maps = Path("/proc/self/maps").read_text("utf-8", "replace")
    return {os.path.dirname(path) for path in re.findall(r"(/\S+\.so)\b", maps)}


# ------------------------------------------------------------------------- limits


def _mapped() -> int:
    """Bytes of address space that this process has."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    return int(pages) * resource.getpagesize()


def _threads() -> int:
    """What RLIMIT_NPROC counts: the threads of every process of this user."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid():
                count += len(os.listdir(process / "task"))
        except OSError:
            pass  # it has ended meanwhile
    return count


def _limit(seconds: float, address_space: int, threads: int) -> None:
    """Limit this process and all that it starts.

    ``address_space`` and ``threads`` are what is there already.
    """
    _set(resource.RLIMIT_CPU, math.ceil(seconds) + SECONDS_MORE)
    _set(resource.RLIMIT_AS, address_space + MEMORY)
    _set(resource.RLIMIT_FSIZE, FILE_SIZE)
    _set(resource.RLIMIT_NOFILE, OPEN_FILES)
    _set(resource.RLIMIT_CORE, 0)
    # It does not hold root, who becomes a user with nothing else to count.
    _set(resource.RLIMIT_NPROC, (threads if os.getuid() else 0) + PROCESSES)


def _set(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))


# ----------------------------------------------------- who it is, and where it lives


def _be_nobody(folder: str | None) -> None:
    """Root becomes a user that nobody else is, who may read what root may; everyone
    gives up all other capabilities.
    """
    kept = 0
    if os.getuid() == 0:
        number = NOBODYS + os.getpid()
        _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        with contextlib.suppress(OSError):  # a container need not know such numbers
            if folder:
                os.chown(folder, number, number)
            os.setgroups([])
            os.setresgid(number, number, number)
            os.setresuid(number, number, number)
        kept = CAP_DAC_READ_SEARCH if os.getuid() and landlock.version() else 0
    _keep_capabilities(kept)


def _keep_capabilities(kept: int) -> None:
    header = struct.pack("Ii", CAPABILITIES_3, 0)
    if _libc.capset(header, struct.pack("6I", kept, kept, 0, 0, 0, 0)):
        _libc.capset(header, bytes(24))  # it had none to keep


def _be_apart(folder: str) -> bool:
    """Have a network of one's own, and in ``folder`` one that goes with it; or not.

    Where it does not come off the process is of no more use. Ordinary users need user
    namespaces for it.
    """
    user, group = os.getuid(), os.getgid()
    flags = CLONE_NEWNET | CLONE_NEWNS | (CLONE_NEWUSER if user else 0)
    if _libc.unshare(flags):
        return False
    try:
        if user:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            fcntl.ioctl(asking, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    except OSError:
        return False
    kind, options = b"tmpfs", f"size={FOLDER_SIZE},mode=1777".encode()
    no_more = MS_NOSUID | MS_NODEV | MS_NOEXEC
    return not (
        _libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
        or _libc.mount(kind, os.fsencode(folder), kind, no_more, options)
    )
