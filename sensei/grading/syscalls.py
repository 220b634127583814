"""seccomp: a process gives up the system calls by which an answer could do harm.

Landlock holds what opens files. It does not hold who changes their rights or times,
sockets other than TCP's (a desktop's bus starts programs for whoever asks), signals
on kernels before 6.12, or limits that are set for other processes; that is held
here. ``fence`` is the only caller.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable, Iterator

PR_SET_SECCOMP, MODE_FILTER = 22, 2
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000  # the bit of x86-64's second set of numbers
FIRST_UNKNOWN = 470  # what came into Linux after 6.17: nobody here has looked at it

_libc = ctypes.CDLL(None, use_errno=True)

# Refused: the number on x86-64, and on aarch64 (-1: it has none).
REFUSED = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "tkill": (200, 130),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # what stays behind when a process is gone
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # a file's rights, owner, times and length, which take no opening
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "lchown": (94, -1),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "truncate": (76, 45),
    # other programs
    "execve": (59, 221),
    "execveat": (322, 281),
    # the machine
    "acct": (163, 89),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "inotify_init": (253, -1),
    "inotify_init1": (294, 26),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, -1),
    "iopl": (172, -1),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "modify_ldt": (154, -1),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "pivot_root": (155, 41),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
# Held by their arguments; of clone3's nothing can be seen, so it is "not there".
WATCHED = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "fcntl": (72, 25),
    "fork": (57, -1),
    "ioctl": (16, 29),
    "kill": (62, 129),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "socket": (41, 198),
    "tgkill": (234, 131),
    "vfork": (58, -1),
}

CLONE_THREAD = 0x10000
NEW_NAMESPACES = 0x7E020000
PR_SET_PDEATHSIG, SIGKILL = 1, 9
F_SETOWN, F_SETSIG, F_SETOWN_EX = 8, 10, 15  # whom a file's news are signalled to
FIOSETOWN, SIOCSPGRP, TIOCSTI = 0x8901, 0x8902, 0x5412
AF_INET, AF_INET6, AF_NETLINK = 2, 10, 16

# An instruction: code, where to go on if true and if false, value.
Instruction = tuple[int, int, int, int]
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # places in what is asked about
SIZE = 8
FEW = 4
MYSELF = 0x7FFFAA55  # in the place of the number of the process that is held
ALLOW: Instruction = (RETURN, 0, 0, 0x7FFF0000)
REFUSE: Instruction = (RETURN, 0, 0, 0x00050000 | errno.EPERM)
NOT_THERE: Instruction = (RETURN, 0, 0, 0x00050000 | errno.ENOSYS)


def program(processes: bool = False) -> bytes:
    """A filter that refuses these calls; empty where their numbers are not known.

    ``processes``: who is held may start some, signal to them and talk TCP to them.
    """
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        return b""
    steps = instructions(machine, processes)
    return b"".join(struct.pack("HBBI", *instruction) for instruction in steps)


def restrict(program: bytes) -> bool:
    """Hold this thread to a filter, for good; whether this kernel can do that.

    It has to have given up new privileges.
    """
    if not program:
        return False
    code = program.replace(struct.pack("I", MYSELF), struct.pack("I", os.getpid()))
    buffer = ctypes.create_string_buffer(code, len(code))
    filters = struct.pack("HP", len(code) // SIZE, ctypes.addressof(buffer))
    return not _libc.prctl(PR_SET_SECCOMP, MODE_FILTER, filters, 0, 0)


def instructions(machine: str, processes: bool) -> Iterator[Instruction]:
    """The filter, step by step: what becomes of a call is what it ends in."""
    column = list(ARCHITECTURES).index(machine)
    yield (LOAD, 0, 0, ARCHITECTURE)
    yield from ((EQUAL, 1, 0, ARCHITECTURES[machine]), REFUSE)
    yield (LOAD, 0, 0, NUMBER)
    yield from ((AT_LEAST, 0, 1, X32), REFUSE)
    yield from ((AT_LEAST, 0, 1, FIRST_UNKNOWN), NOT_THERE)
    rules = {REFUSED[name][column]: [REFUSE] for name in REFUSED}
    for name, rule in _watched(processes).items():
        rules[WATCHED[name][column]] = rule
    yield from _looked_up(sorted((n, rule) for n, rule in rules.items() if n >= 0))


def _looked_up(rules: list[tuple[int, list[Instruction]]]) -> Iterator[Instruction]:
    """Halving, not one by one: a kernel asks every number when a filter comes."""
    if len(rules) > FEW:
        half = len(rules) // 2
        lower = list(_looked_up(rules[:half]))
        yield (AT_LEAST, len(lower), 0, rules[half][0])
        yield from lower
        yield from _looked_up(rules[half:])
        return
    for number, rule in rules:
        yield (EQUAL, 0, len(rule), number)
        yield from rule
    yield ALLOW


def _watched(processes: bool) -> dict[str, list[Instruction]]:
    mine = [ALLOW] if processes else _only(0, (MYSELF, 0))
    self_alone = _only(0, (0,))
    rules = {
        "clone3": [NOT_THERE],
        "fcntl": _none_of(1, (F_SETOWN, F_SETSIG, F_SETOWN_EX)),
        "ioctl": _none_of(1, (FIOSETOWN, SIOCSPGRP, TIOCSTI)),
        "kill": mine,
        "tgkill": mine,
        "prctl": [
            *((LOAD, 0, 0, FIRST_ARGUMENT), (EQUAL, 1, 0, PR_SET_PDEATHSIG), ALLOW),
            *_only(1, (SIGKILL,)),
        ],
        "prlimit64": self_alone,
        "sched_setaffinity": self_alone,
        "sched_setattr": self_alone,
        "sched_setparam": self_alone,
        "sched_setscheduler": self_alone,
    }
    if processes:
        bits = (ANY_BIT, 0, 1, NEW_NAMESPACES)
        rules["clone"] = [(LOAD, 0, 0, FIRST_ARGUMENT), bits, REFUSE, ALLOW]
        rules["socket"] = _only(0, (AF_INET, AF_INET6, AF_NETLINK))
    else:
        bits = (ANY_BIT, 0, 1, CLONE_THREAD)
        rules["clone"] = [(LOAD, 0, 0, FIRST_ARGUMENT), bits, ALLOW, REFUSE]
        rules |= {name: [REFUSE] for name in ("socket", "fork", "vfork")}
    return rules


def _argument(place: int) -> Instruction:
    return (LOAD, 0, 0, FIRST_ARGUMENT + 8 * place)


def _only(place: int, values: Iterable[int]) -> list[Instruction]:
    """Allow a call with one of these arguments, and no other."""
    tests = [step for value in values for step in ((EQUAL, 0, 1, value), ALLOW)]
    return [_argument(place), *tests, REFUSE]


def _none_of(place: int, values: Iterable[int]) -> list[Instruction]:
    tests = [step for value in values for step in ((EQUAL, 0, 1, value), REFUSE)]
    return [_argument(place), *tests, ALLOW]
