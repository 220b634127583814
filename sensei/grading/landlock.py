"""Landlock: a process gives up its rights to files, for itself and all it starts.

Numbers and structures are those of the kernel's documentation (userspace-api/
landlock). What a kernel is too old for is left out; ``fence`` is the only caller.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on all machines
VERSION = 1 << 0
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ = READ_FILE | READ_DIR
FS = {1: (1 << 13) - 1, 2: 1 << 13, 3: TRUNCATE, 5: IOCTL_DEV}  # from which version
TCP = (1 << 0) | (1 << 1)  # bind, connect
ABSTRACT_SOCKETS, SIGNALS = 1 << 0, 1 << 1
SINCE_TCP, SINCE_SCOPES = 4, 6

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("fs", "net", "scoped")]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def version() -> int:
    """The version of Landlock that this kernel has; 0 where it has none."""
    result: int = _libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION)
    return max(0, result)


def ruleset(
    readable: Iterable[str], writable: Iterable[str] = (), tcp: bool = False
) -> int:
    """No files but these, no TCP (unless asked), no signals out: as an open file.

    What is not there is left out. Raises OSError.
    """
    had = version()
    fs = sum(rights for since, rights in FS.items() if had >= since)
    net = TCP if had >= SINCE_TCP and not tcp else 0
    scoped = ABSTRACT_SOCKETS | SIGNALS if had >= SINCE_SCOPES else 0
    attributes = _Ruleset(fs, net, scoped)
    size = 8 + 8 * (had >= SINCE_TCP) + 8 * (had >= SINCE_SCOPES)
    made = _call(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    for path in readable:
        _allow(made, path, fs & READ)
    for path in writable:
        _allow(made, path, fs & ~EXECUTE)
    return made


def restrict(ruleset: int) -> None:
    """Hold this thread to a ruleset, and close that. Raises OSError.

    It has to have given up new privileges.
    """
    _call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= OF_FILES
        rule = _Beneath(rights, fd)
        _call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(fd)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result
