"""The fence: attacks from inside an answer, each in a class with an honest learner.

The table of what code may use has a hole here, made on purpose: ``exec`` is on it.
So what holds is the fence alone. Each attack ends with a wrong answer: a point for
it would be one that was got by force. None of them, and nothing else in here, may
signal to "everybody" or start processes without end: with the fence taken out they
do what they say.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sensei.course import Course
from sensei.processes import Pipe, fork
from this_course import ROOT
from tiny import HERE, copy_tiny, grade_both_sizes
from waiting import PATIENCE, wait_until

if sys.platform != "linux":
    pytest.skip("grading is for Linux only", allow_module_level=True)

from sensei.grading import fence, landlock, syscalls

ONE, TWO = "test_01_two_names.py", "test_02_changing_lists.py"
GRADE = "import sys; from sensei.cli import main; sys.exit(main(sys.argv[1:]))"
NOBODY = 65534
OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/shm")
ORDINARY = [
    # An ordinary user who may read everything: this Python may be root's alone.
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"),
    "--bounding-set=-all,+dac_read_search",
]
USERS = {
    "me": pytest.param([], id="root" if os.getuid() == 0 else "ordinary"),
    "ordinary": pytest.param(
        ORDINARY,
        id="ordinary-too",
        marks=pytest.mark.skipif(
            os.getuid() != 0 or not shutil.which("setpriv"),
            reason="only root can become somebody else, with util-linux' setpriv",
        ),
    ),
}
needs_the_kernel = pytest.mark.skipif(
    not landlock.version() or not syscalls.program(),
    reason="this kernel has no Landlock, so it has no fence around files",
)

# What every attack begins with; {...} is filled in.
ARMS = """
import ctypes, fcntl, json, os, resource, signal, socket, struct, subprocess
import sys, tempfile, threading, time
room, bystander = {room!r}, {bystander}
libc = ctypes.CDLL(None, use_errno=True)
boss = os.getppid()
def attempt(do, *arguments, **more):
    try:
        result = do(*arguments, **more)
        print(do, result)
        return result
    except BaseException as error:
        print(do, error)
def show(path):
    print(open(path, "rb").read())
def worker():
    frame = sys._getframe()
    while frame.f_code.co_name != "work":
        frame = frame.f_back
    return frame.f_locals
def forge(words):
    mine = worker()
    os.write(mine["report_pipe"].sink, (mine["token"] + "\\n" + words + "\\n").encode())
    os._exit(0)
def verdicts(kind, **more):
    report = dict(kind=kind, sentence="So there.", mistake="", beliefs=[])
    return json.dumps(dict(reports=[report], **more))
"""

ATTACKS = {
    "a shell": """
        attempt(os.system, f"touch {room}/shell")
        attempt(subprocess.run, ["/bin/sh", "-c", f"touch {room}/run"], timeout=1)
        attempt(os.posix_spawn, "/usr/bin/touch", ["touch", f"{room}/spawn"], {})
        program = os.memfd_create("program")
        os.write(program, f"#!/bin/sh\\ntouch {room}/memory\\n".encode())
        attempt(os.execve, f"/proc/self/fd/{program}", ["x"], {})
        attempt(os.execv, "/usr/bin/touch", ["touch", f"{room}/exec"])
    """,
    "files written": """
        attempt(lambda: open(f"{room}/written", "w").write("x"))
        attempt(lambda: open(f"{room}/secret", "a").write("x"))
        attempt(os.mkdir, f"{room}/folder")
        attempt(os.symlink, "/", f"{room}/link")
        attempt(os.link, f"{room}/secret", f"{room}/hard")
        attempt(os.mkfifo, f"{room}/fifo")
        attempt(os.rename, f"{room}/secret", f"{room}/renamed")
        attempt(os.truncate, f"{room}/secret", 1)
        attempt(os.remove, f"{room}/secret")
        attempt(libc.creat, f"{room}/creat".encode(), 0o600)
        s = socket.socketpair()[0]
        attempt(s.bind, f"{room}/socket")
    """,
    "files to find later": """
        folders = tempfile.gettempdir(), os.getcwd(), os.environ["HOME"]
        for folder in (*folders, *OPEN_TO_ALL):
            name = os.path.join(folder, os.path.basename(room))
            attempt(lambda: open(name, "w").write("x"))
    """,
    "rights and times": """
        attempt(os.chmod, f"{room}/secret", 0o777)
        attempt(os.utime, f"{room}/secret", (0, 0))
        attempt(os.chown, f"{room}/secret", os.getuid(), 12345)
        attempt(os.setxattr, f"{room}/secret", "user.x", b"x")
        attempt(os.chmod, room, 0o700)
    """,
    "files read": """
        attempt(show, f"{room}/secret")
        attempt(show, f"/proc/self/root{room}/secret")
        attempt(show, f"/proc/{boss}/root{room}/secret")
        attempt(show, f"/proc/{boss}/cwd/../../{room}/secret")
        attempt(os.listdir, room)
        copy = attempt(os.open, room, os.O_PATH)
        attempt(lambda: print(os.read(os.open("secret", 0, dir_fd=copy), 99)))
        attempt(show, f"/proc/{boss}/environ")
        attempt(show, f"/proc/{bystander}/cmdline")
    """,
    "submissions read": """
        attempt(show, "SUBMISSIONS/honest/test_01_two_names.py")
        attempt(os.listdir, "SUBMISSIONS")
        attempt(show, f"SUBMISSIONS/../roster.csv")
    """,
    "sockets": """
        def send(family, kind, address):
            s = socket.socket(family, kind)
            s.settimeout(1)
            s.connect(address)
            s.send(room.encode())
        inet, unix = socket.AF_INET, socket.AF_UNIX
        attempt(send, inet, socket.SOCK_STREAM, ("127.0.0.1", PORT))
        attempt(send, inet, socket.SOCK_DGRAM, ("127.0.0.1", PORT))
        attempt(send, unix, socket.SOCK_STREAM, "DESK/bus")
        attempt(send, unix, socket.SOCK_STREAM, "\\x00ABSTRACT")
        s = attempt(socket.socket, inet, socket.SOCK_STREAM)
        attempt(lambda: s.bind(("127.0.0.1", 0)) or print("BOUND"))
        attempt(socket.socket, inet, socket.SOCK_RAW, 1)
        attempt(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 0)
        attempt(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0)
        attempt(socket.socketpair()[0].connect, "DESK/bus")
    """,
    "signals": """
        for pid in (boss, bystander):
            attempt(os.kill, pid, signal.SIGKILL)
            attempt(os.killpg, pid, signal.SIGKILL)
            attempt(lambda: signal.pidfd_send_signal(os.pidfd_open(pid), 9))
            attempt(libc.syscall, 234, pid, pid, 9)
            attempt(libc.syscall, 200, pid, 9)
            info = struct.pack("iiiiii104x", 9, 0, -1, 0, os.getpid(), os.getuid())
            attempt(libc.syscall, 129, pid, 9, info)
    """,
    "signals by other ways": """
        a, b = socket.socketpair()
        for pid in (boss, bystander):
            attempt(fcntl.fcntl, a, 10, signal.SIGKILL)
            attempt(fcntl.fcntl, a, fcntl.F_SETOWN, pid)
            attempt(fcntl.ioctl, a, 0x8901, struct.pack("i", pid))
            attempt(fcntl.fcntl, a, fcntl.F_SETFL, os.O_ASYNC)
            b.send(b"x")
    """,
    "the parent's memory": """
        for pid in (boss, bystander):
            attempt(lambda: open(f"/proc/{pid}/mem", "r+b").read(1) and print("MEM"))
            if libc.ptrace(16, pid, 0, 0) == 0:
                print("TRACED")
            place = ctypes.create_string_buffer(8)
            vector = (ctypes.c_void_p * 2)(ctypes.addressof(place), 8)
            if libc.process_vm_readv(pid, vector, 1, vector, 1, 0) > 0:
                print("VM")
            got = attempt(lambda: libc.syscall(438, os.pidfd_open(pid), 1, 0))
            if got is not None and got >= 0:
                print("GETFD")
    """,
    "limits of others": """
        for pid in (boss, bystander):
            attempt(resource.prlimit, pid, resource.RLIMIT_NOFILE, (3, 3))
            attempt(resource.prlimit, pid, resource.RLIMIT_CPU, (1, 1))
            attempt(os.setpriority, os.PRIO_PROCESS, pid, 19)
            attempt(os.sched_setaffinity, pid, [0])
            attempt(os.sched_setscheduler, pid, os.SCHED_IDLE, os.sched_param(0))
    """,
    "its own limits": """
        most = resource.RLIM_INFINITY
        for what in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NPROC,
                     resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
            if attempt(resource.setrlimit, what, (most, most)) is None:
                if resource.getrlimit(what)[1] == most:
                    print("UNLIMITED")
    """,
    "a fork flood": """
        plain = libc.syscall, 57, -1  # the system's own fork, without clone
        for n in range(200):
            child = attempt(*(plain if n % 2 else (os.fork,)))
            if child is not None and child >= 0:
                print("FORKED")
            if child == 0:
                os.setsid()
                open(f"{room}/forked", "w").close()
                time.sleep(30)
                os._exit(0)
    """,
    "a fork left behind": """
        libc.prctl(1, 0, 0, 0, 0)
        if attempt(os.fork) == 0:
            if os.fork() == 0:
                os.setsid()
                time.sleep(30)
            os._exit(0)
    """,
    "a thread flood": """
        threading.stack_size(64 * 1024)
        def flood():
            for _ in range(300):
                threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
            print("FLOODED")
        attempt(flood)
        time.sleep(1)
    """,
    "threads left behind": """
        def later():
            while True:
                attempt(lambda: open(f"{room}/later", "w"))
                time.sleep(0.01)
        threading.Thread(target=later).start()
    """,
    "the machine": """
        def call(number, *arguments):
            libc.syscall(number, *arguments)
            if ctypes.get_errno() not in (1, 38):
                print("CALLED", number, ctypes.get_errno())
        for flags in (0x10000000, 0x10020000, 0x50000000, 0x20000000):
            call(272, flags)
        call(165, b"none", b"/nowhere", b"tmpfs", 0, None)
        call(161, b"/nowhere")
        call(170, None, 1)
        call(169, 1, 2, 3, None)
        call(227, 99, None)
        for number in (425, 321, 298):
            call(number, 1, None, 0, 0, 0)
        call(304, 3, ctypes.create_string_buffer(64), 0)
    """,
    "root again": """
        attempt(os.setuid, 0)
        attempt(os.setresuid, 0, 0, 0)
        data = (ctypes.c_uint32 * 6)(*[0xffffffff] * 6)
        head = (ctypes.c_uint32 * 2)(0x20080522, 0)
        if libc.capset(head, data) == 0:
            print("CAPABLE")
    """,
    "memory left behind": """
        found = libc.shmget(0, 4096, 0o1600)
        if found >= 0:
            print("SHARED")
            libc.shmctl(found, 0, None)
        if libc.syscall(64, 0x5e45e1, 1, 0o1600) >= 0:
            print("SHARED")
        if libc.syscall(240, b"sensei-koans", 0o102, 0o600, None) >= 0:
            print("SHARED")
            libc.syscall(241, b"sensei-koans")
    """,
    "its group killed": "os.killpg(0, 9)",
}
# What a user's rights make no difference to: it is tried once, whoever grades.
RIGHTLESS = {
    "memory": """
        kept = []
        while True:
            kept.append(bytes(10**7))
    """,
    "memory in files": """
        for _ in range(5):
            fd = attempt(os.memfd_create, "x")
            if attempt(os.write, fd, bytes(2**24)) > 2**20:
                print("FILLED")
    """,
    "an output flood": """
        for _ in range(40):
            os.write(1, b"x" * 2**20)
    """,
    "a hang that hears nothing": """
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        os._exit = print  # by which the watchdog would end it
        while True:  # asleep: where it only ran it would hear the first Hang
            try: time.sleep(0.1)
            except BaseException: pass
    """,
    "files closed": "os.closerange(0, 256)",
    "files closed, and out": "os.closerange(0, 256)\nos._exit(0)",
    "out at once": "os._exit(0)",
    "atexit": """
        import atexit
        atexit.register(lambda: open(f"{room}/atexit", "w"))
        atexit.register(os._exit, 0)
        raise SystemExit(0)
    """,
    "killed by itself": "os.kill(os.getpid(), 9)",
    "a crash": "ctypes.string_at(1)",
    "a report without a token": """
        for fd in range(3, 64):
            attempt(os.write, fd, ("x\\n" + verdicts("passed") + "\\n").encode())
        os._exit(0)
    """,
    "a report of another job": """
        for other in range(40):
            attempt(os.write, worker()["report_pipe"].sink, b"")
        forge(verdicts("passed", id=0, how="done"))
    """,
    "a report of no verdict": """forge(verdicts("excellent"))""",
    "a report of a skip": """forge(verdicts("skipped"))""",
    "a report that is ungraded": """forge(verdicts("ungraded"))""",
    "a report of a fault": """forge(json.dumps(dict(how="fault", what="bad luck")))""",
    "a report of two": """forge(json.dumps(dict(reports=[dict(kind="passed",
        sentence="", mistake="", beliefs=[])] * 2)))""",
    "a report that is no JSON": """forge("{")""",
    "a report too deep": """forge("[" * 100_000)""",
    "a report too long": """
        forge(json.dumps(dict(reports=[dict(kind="failed", sentence="x" * 7 * 2**20,
                                            mistake="y" * 100, beliefs=[])])))""",
    "a report in no characters": """
        forge(json.dumps(dict(reports=[dict(kind="failed", mistake="",
            beliefs=[], sentence="\\ud800 \\x00 \\x1b[2J")])))""",
    "no report of this kind": """forge(json.dumps(dict(reports=[dict(kind=["passed"],
        sentence=0, mistake=None, beliefs=[])])))""",
    "a report of a belief that no course has": """forge(json.dumps(dict(reports=[
        dict(kind="failed", sentence="", mistake="", beliefs=["<b>Buy now"])])))""",
    "the engine turned": """
        from sensei import comparing, judge, verdicts as v
        comparing.holds = lambda *_: True
        print(worker()["job"])
        for name in ("os", "sys", "json"):
            sys.modules.pop(name)
        worker()["job"]["fills"].append("x")
        comparing.holds = lambda *_: False
    """,
}
# What an attack prints when it got what it must not have.
LOOT = re.compile(
    r"MEM|TRACED|VM|GETFD|CALLED|CAPABLE|SHARED|UNLIMITED|BOUND|FORKED|FLOODED|FILLED"
)


def arms(room: str = "", bystander: int = 0) -> str:
    """What an attack begins with."""
    text = ARMS.replace("{room!r}", repr(room))
    return text.replace("{bystander}", str(bystander))


def called(name: str) -> str:
    """The learner who tries this."""
    return re.sub("[^a-z]+", "-", name.lower())


@dataclass
class Desk:
    """An instructor's desk, and beside it what attacks are after."""

    folder: Path
    prefix: list[str]
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    heard: list[str] = field(default_factory=list)
    bystanders: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    before: dict[str, object] = field(default_factory=dict)
    code: int = -1
    said: str = ""

    def __post_init__(self) -> None:
        copy_tiny(self.folder)
        grade_both_sizes(self.folder)
        (self.folder / "free.toml").write_text('builtins = ["exec"]\n')
        (self.folder / "roster.csv").write_text(f"id,name\nx,{self.secret}\n")
        self.hand_in("honest", "list(original)")
        self.make("out").chmod(0o777)
        self.marker = f"/nowhere/{self.secret[::-1]}"  # in the environment alone

    def make(self, name: str) -> Path:
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        return self.folder / name

    def hand_in(self, who: str, fill: str) -> None:
        folder = self.make(f"submissions/{who}")
        for name in (ONE, TWO):
            text = (HERE / "tiny_course" / "solutions" / name).read_text()
            if who.startswith("honest"):
                text = f"# {self.secret}\n{text}"
            (folder / name).write_text(text.replace("list(original)", fill))

    def room(self, name: str) -> Path:
        """What one attack is after: a folder of the same user, a secret in it."""
        room = self.room_of(name)
        room.mkdir(parents=True)
        (room / "secret").write_text(self.secret)
        for path in (room, room / "secret"):
            path.chmod(0o755 if path.is_dir() else 0o600)
            if self.prefix:
                os.chown(path, NOBODY, NOBODY)
        return room

    def attack(self, name: str, source: str) -> None:
        self.bystanders[name] = subprocess.Popen([*self.prefix, "sleep", "1000"])
        pid = self.bystanders[name].pid
        text = arms(str(self.room(name)), pid) + textwrap.dedent(source)
        for word, value in self.listeners.items():
            text = text.replace(word, value)
        number = 100 + len(self.bystanders)  # answers are judged in the order of text
        self.hand_in(called(name), f"{number} and exec({text!r}, {{}})")
        self.hand_in(f"honest-{number}", f"{number} and list(original)")

    @property
    def listeners(self) -> dict[str, str]:
        return {
            "SUBMISSIONS": str(self.folder / "submissions"),
            "OPEN_TO_ALL": repr(OPEN_TO_ALL),
            "PORT": str(self.port),
            "DESK": self.bus,
            "ABSTRACT": self.secret[:8],
        }

    @contextlib.contextmanager
    def listening(self):
        """Somebody who hears what comes out, by every kind of socket."""
        with contextlib.ExitStack() as open_:
            self.bus = open_.enter_context(tempfile.TemporaryDirectory(dir="/tmp"))
            os.chmod(self.bus, 0o777)
            inet, unix = socket.AF_INET, socket.AF_UNIX
            tcp = open_.enter_context(socket.socket(inet, socket.SOCK_STREAM))
            udp = open_.enter_context(socket.socket(inet, socket.SOCK_DGRAM))
            tcp.bind(("127.0.0.1", 0))
            self.port = tcp.getsockname()[1]
            udp.bind(("127.0.0.1", self.port))
            bus = open_.enter_context(socket.socket(unix, socket.SOCK_STREAM))
            bus.bind(f"{self.bus}/bus")
            os.chmod(f"{self.bus}/bus", 0o777)
            abstract = open_.enter_context(socket.socket(unix, socket.SOCK_STREAM))
            abstract.bind(f"\0{self.secret[:8]}")
            for listener in (tcp, bus, abstract):
                listener.listen()
                listener.settimeout(0.05)
            udp.settimeout(0.05)
            over = threading.Event()
            every = {"tcp": tcp, "bus": bus, "abstract": abstract, "udp": udp}
            thread = threading.Thread(target=self._listen, args=(every, over))
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()

    def _listen(self, every, over) -> None:
        while not over.is_set():
            for name, listener in every.items():
                with contextlib.suppress(OSError):
                    if name == "udp":
                        listener.recv(1)
                    else:
                        listener.accept()[0].close()
                    self.heard.append(name)

    def command(self, *options: str) -> list[str]:
        submitted, out = self.folder / "submissions", self.folder / "out"
        rest = ["grade", str(submitted), "--out", str(out), *options]
        return [*self.prefix, sys.executable, "-P", "-c", GRADE, *rest]

    @property
    def environment(self) -> dict[str, str]:
        path = f"{os.environ['PATH']}:{self.marker}"
        return {**os.environ, "PYTHONPATH": str(HERE.parent), "PATH": path}

    def grade(self) -> None:
        self.before = {name: self.state(name) for name in self.bystanders}
        ran = subprocess.run(
            self.command("--timeout", "1", "--jobs", "2"),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
        self.code, self.said = ran.returncode, ran.stdout.decode("utf-8", "replace")

    def state(self, name: str) -> object:
        """Of a bystander and a room: what an attack would change."""
        pid = self.bystanders[name].pid
        if self.bystanders[name].poll() is not None:
            return "killed"
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        room = self.room_of(name)
        files = {path.name: self._of_file(path) for path in [room, *room.iterdir()]}
        limits = Path(f"/proc/{pid}/limits").read_text()
        affinity = os.sched_getaffinity(pid), os.sched_getscheduler(pid)
        scraps = [(Path(folder) / room.name).exists() for folder in OPEN_TO_ALL]
        return status[0] in "TtZX", status[16], limits, affinity, files, scraps

    def _of_file(self, path: Path) -> object:
        stat = path.lstat()
        what = path.read_bytes() if path.name == "secret" else b""
        return what, stat.st_mode, stat.st_uid, stat.st_gid, stat.st_mtime

    def room_of(self, name: str) -> Path:
        return self.folder / "rooms" / f"{self.secret[:8]}-{called(name)}"

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        with (self.folder / "out" / "grades.csv").open(
            newline="", encoding="utf-8-sig"
        ) as file:
            return {row["id"]: row for row in csv.DictReader(file)}

    @property
    def results(self) -> dict:
        return json.loads((self.folder / "out" / "results.json").read_text())

    def answer(self, name: str) -> dict:
        """What became of an attack's answer."""
        results = self.results
        [learner] = [one for one in results["learners"] if one["id"] == called(name)]
        [koan] = [k for k in learner["koans"] if k["koan"] == "test_a_copy"]
        return results["answers"][koan["answer"]]

    def left(self) -> list[str]:
        """Processes with the marker in their environment."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                state = (path / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX" and self.marker.encode() in (
                    path / "environ"
                ).read_bytes().replace(b"\0", b"\n"):
                    found.append(path.name)
        return found

    def clear(self) -> None:
        for process in self.bystanders.values():
            process.kill()
            process.wait()


def folders() -> set[str]:
    """What grading leaves in the temporary folder."""
    return {path.name for path in Path(tempfile.gettempdir()).glob("sensei-*")}


@pytest.fixture(scope="module", params=USERS.values())
def desk(request, tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("desk"), request.param)
    forged = arms() + "forge(verdicts('passed'))"
    desk.hand_in("forger", f"exec({forged!r}, {{}})")
    desk.hand_in("wrong", "original")
    desk.hand_in("right", "original[:]")
    once = {} if desk.prefix else RIGHTLESS
    try:
        with desk.listening():
            for name, source in {**ATTACKS, **once}.items():
                desk.attack(name, source)
            desk.grade()
        yield desk
    finally:
        desk.clear()


@needs_the_kernel
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gains_no_point_and_does_no_harm(desk, name):
    is_in_vain(desk, name)


@needs_the_kernel
@pytest.mark.parametrize("desk", [USERS["me"]], indirect=True)
@pytest.mark.parametrize("name", RIGHTLESS)
def test_nor_does_one_that_is_the_same_whoever_grades(desk, name):
    is_in_vain(desk, name)


def is_in_vain(desk: Desk, name: str) -> None:
    assert desk.code == 0, desk.said
    row, answer = desk.rows[called(name)], desk.answer(name)
    assert (row["total"], row["max"]) == ("7", "8"), answer
    assert answer["verdict"] not in ("passed", "skipped", "ungraded"), answer
    assert desk.state(name) == desk.before[name]
    told = answer["output"] + answer["sentence"]
    assert desk.secret not in told
    assert not LOOT.search(answer["output"]), answer["output"]


@needs_the_kernel
def test_the_honest_keep_their_marks(desk):
    honest = [row for id, row in desk.rows.items() if id.startswith("honest")]
    assert len(honest) == len(desk.bystanders) + 1
    assert {(row["total"], row["max"], row["flags"]) for row in honest} == {
        ("8", "8", "")
    }


@needs_the_kernel
def test_nobody_heard_anything(desk):
    assert desk.heard == []


@needs_the_kernel
def test_no_process_is_left(desk):
    assert desk.left() == []


@needs_the_kernel
def test_what_is_written_says_which_fence_held(desk):
    said = "kernel fence: files, network, signals"
    assert said in desk.said.splitlines()
    assert desk.results["graded_with"]["fence"] == said


@needs_the_kernel
def test_a_verdict_forged_for_the_own_koan_is_all_that_is_to_be_had(desk):
    """Python can't hide a worker's own words from code that runs in it."""
    totals = {who: desk.rows[who]["total"] for who in ("forger", "right", "wrong")}
    assert totals == {"forger": "8", "right": "8", "wrong": "7"}


# ------------------------------------------------------------- killed in the middle


@needs_the_kernel
@pytest.mark.parametrize("prefix", USERS.values())
def test_a_grader_that_is_killed_leaves_no_process_and_no_folder(prefix, tmp_path):
    """Not even an answer that has asked to outlive it."""
    desk = Desk(tmp_path / "desk", prefix)
    sleeper = "libc.prctl(1, 0, 0, 0, 0)\ntime.sleep(600)"
    text = arms() + sleeper
    desk.hand_in("sleeper", f"exec({text!r}, {{}})")
    temporary = desk.make("temporary")
    temporary.chmod(0o777)
    grader = subprocess.Popen(
        desk.command("--timeout", "600"),
        cwd=desk.folder,
        env={**desk.environment, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: any(map(is_at_it, below(grader.pid))))
        assert list(temporary.iterdir())
    finally:
        grader.kill()
        grader.wait()
    wait_until(lambda: not desk.left())
    wait_until(lambda: not list(temporary.iterdir()))


def below(pid: str | int) -> Iterator[str]:
    """The processes that one has started, and those that these have."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                yield child
                yield from below(child)


def is_at_it(pid: str) -> bool:
    """A worker in the answer: it sleeps, in a session that is its own."""
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        parent = int(stat.rpartition(")")[2].split()[1])
        waits = Path(f"/proc/{pid}/syscall").read_text().split()[0] in ("230", "115")
        line = Path(f"/proc/{parent}/cmdline").read_bytes()
        return waits and b"sensei.grading.warm" in line
    return False


# -------------------------------------------------------------------- piece by piece


def inside(target: Callable[[], object], folder: str | None = None, **more) -> str:
    """What a function gives in a fork that is fenced in."""
    course = Course.load(ROOT)
    assert course is not None
    around = dataclasses.replace(fence.Fence.around(course), **more)
    pipe, printed = Pipe(10_000), Pipe(10_000)

    def work() -> int:
        held = around.close(20.0, folder)
        try:
            result = target()
        except BaseException as error:
            result = type(error).__name__
        os.write(pipe.sink, f"{sorted(held)} {result}".encode())
        return 0

    process = fork(
        work, seconds=PATIENCE, output=printed.sink, keep=[pipe.sink, around.ruleset]
    )
    for one in (pipe, printed):
        one.close_sink()
    wait_until(lambda: process.ended() is not None)
    printed.read()
    pipe.read()
    assert pipe.data, printed.data.decode()
    return pipe.data.decode()


def test_what_an_answer_needs_is_there():
    def target():
        import this_is_nowhere_else  # type: ignore[import-not-found]  # noqa: F401

    def imports():
        import colorsys

        assert colorsys.__file__
        [path, *_] = (ROOT / "koans").glob("test_*.py")
        path.read_text()
        os.urandom(1)
        Path(os.devnull).write_text("x")
        threading.Thread(target=print).start()
        return "well"

    assert inside(imports).endswith("well")
    assert inside(target).endswith("ModuleNotFoundError")


def meets_itself() -> str:
    """A process beside this one, over TCP, and a file in the temporary folder."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        if (pid := os.fork()) == 0:
            try:
                with socket.create_connection(server.getsockname()) as other:
                    other.send(b"hello")
            finally:
                os._exit(0)
        said = server.accept()[0].recv(5).decode()
        os.waitpid(pid, 0)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "note").write_text(said)
        return Path(folder, "note").read_text()


@needs_the_kernel
@pytest.mark.parametrize("apart", [True, False])
def test_a_koan_that_starts_processes_gets_what_it_needs(tmp_path, apart):
    answer = inside(meets_itself, str(tmp_path), apart=apart)
    assert answer.endswith("hello")
    if "network" in answer:  # then the folder was its own as well
        assert apart and list(tmp_path.iterdir()) == []


@needs_the_kernel
def test_and_no_more(tmp_path):
    def target():
        told = []
        for attempt in (
            lambda: Path(tmp_path, "..", "outside").resolve().write_text("x"),
            lambda: os.listdir(tmp_path.parent),
            lambda: os.execv("/bin/true", ["true"]),
            lambda: socket.socket(socket.AF_UNIX),
            lambda: os.kill(os.getppid(), 0),
        ):
            try:
                attempt()
                told.append("done")
            except PermissionError:
                told.append("no")
        return told

    assert "done" not in inside(target, str(tmp_path), apart=False)


@needs_the_kernel
def test_a_network_of_its_own_ends_at_this_machine(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as outside:
        address = outside.getsockname()
        answer = inside(lambda: socket.create_connection(address), str(tmp_path))
    if "network" not in answer:
        pytest.skip("this machine lends no network of its own to this user")
    assert answer.endswith("ConnectionRefusedError")


def test_the_run_goes_on_without_landlock(monkeypatch):
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert inside(lambda: len(os.listdir("/"))).startswith("['network', 'signals'] ")


def test_the_run_goes_on_without_any(monkeypatch):
    monkeypatch.setattr(landlock, "version", lambda: 0)
    monkeypatch.setattr(syscalls, "program", lambda processes=False: b"")
    assert inside(lambda: len(os.listdir("/"))).startswith("[] ")


@needs_the_kernel
@pytest.mark.parametrize("version", range(1, 8))
def test_every_version_of_landlock_holds_files(monkeypatch, version, tmp_path):
    if version > landlock.version():
        pytest.skip(f"this kernel's Landlock has version {landlock.version()}")
    monkeypatch.setattr(landlock, "version", lambda: version)
    held, _, answer = inside(lambda: os.listdir(tmp_path)).rpartition(" ")
    assert (held, answer) == ("['files', 'network', 'signals']", "PermissionError")


@pytest.mark.parametrize(
    ("usual", "starting", "text"),
    [
        (fence.PARTS, None, "kernel fence: files, network, signals"),
        (fence.PARTS, fence.PARTS, "kernel fence: files, network, signals"),
        (
            fence.PARTS,
            ["files"],
            "kernel fence: files, network, signals (koans that start processes: files)",
        ),
        (
            ["signals", "network"],
            None,
            "kernel fence: network, signals; not files: use the container",
        ),
        ([], [], "none: use the container"),
    ],
)
def test_which_fence_held_is_said_in_a_line(usual, starting, text):
    assert fence.summary(usual, starting) == text


HEADERS = (
    Path(f"/usr/include/{os.uname().machine}-linux-gnu/asm/unistd_64.h"),
    Path("/usr/include/asm-generic/unistd.h"),
)


@pytest.mark.parametrize("column", [0, 1])
def test_system_calls_have_the_numbers_of_the_headers(column):
    path = HEADERS[column]
    if not path.exists() or (column == 0 and os.uname().machine != "x86_64"):
        pytest.skip(f"no {path} here")
    pattern = r"#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$"
    numbers = dict(re.findall(pattern, path.read_text(), re.MULTILINE))
    calls = syscalls.REFUSED | syscalls.WATCHED
    for name, both in calls.items():
        if name in numbers and both[column] >= 0:
            assert both[column] == int(numbers[name]), name
    assert len(calls.keys() & numbers.keys()) > 70


def test_every_system_call_has_its_own_rule_in_the_filter():
    """Refused, watched or allowed, as the tables say, for both kinds of machine."""
    for column, machine in enumerate(syscalls.ARCHITECTURES):
        for processes in (True, False):
            steps = list(syscalls.instructions(machine, processes))
            refused = {both[column] for both in syscalls.REFUSED.values()}
            watched = {both[column] for both in syscalls.WATCHED.values()}
            for number in set(range(syscalls.FIRST_UNKNOWN)) - watched:
                end = syscalls.REFUSE if number in refused else syscalls.ALLOW
                assert answer_to(steps, machine, number) == end, number
            for number in (syscalls.FIRST_UNKNOWN, 600):
                assert answer_to(steps, machine, number) == syscalls.NOT_THERE
            assert answer_to(steps, "another", 0) == syscalls.REFUSE
            assert max(max(step[1:3]) for step in steps) < 256


def answer_to(steps, machine: str, number: int):
    """What the filter says of a call, run as the kernel would."""
    place, loaded = 0, 0
    while True:
        code, yes, no, value = steps[place]
        if code == syscalls.RETURN:
            return steps[place]
        if code == syscalls.LOAD:
            architecture = syscalls.ARCHITECTURES.get(machine, 0)
            loaded = {0: number, 4: architecture}.get(value, 0)
            place += 1
            continue
        holds = loaded == value if code == syscalls.EQUAL else loaded >= value
        place += 1 + (yes if holds else no)
