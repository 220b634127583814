"""A run of ``sensei watch``: pytest on what was saved, then pytest on the path.

It has a process of its own. On Linux that is a fork of the watch, which has
imported and read beforehand what takes long; elsewhere it is a new Python.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import io
import json
import os
import sys
import warnings
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest
from pytest import Config, Session, TestReport

from sensei import processes
from sensei.course import Course, CourseError
from sensei.verdicts import Kind, Verdict, merged
from sensei.watch import changes

NO_FORK = "SENSEI_NO_FORK"  # set to anything: a new process for each run, on Linux too
GRACE = 10.0  # seconds beyond the limit of a koan, which pytest keeps by itself
MOST = 8 * 1024**2  # bytes that wait to be read
REPORT = "\x1e"  # begins what is not pytest's own
# sugar rewrites lines; logging looks at every logger before and after each phase of
# a koan, for a tenth of a run's time; the cache would write to the disk; a backstop
# behind the time limit of a koan is the watch itself.
QUIET = ["-q", "-p", "no:sugar", "-p", "no:logging", "-p", "no:cacheprovider"]
NO_BACKSTOP = ["-o", "faulthandler_timeout=0"]


def can_fork() -> bool:
    """Whether a run is a fork of the watch, and not a new Python."""
    return sys.platform == "linux" and not os.environ.get(NO_FORK)


def warm_up(course: Course) -> list[str]:
    """Import and read what every run needs; gives a sentence for each fault.

    Nothing here runs a koan or asks for a device: a process that has done so may
    not be able to fork any more.
    """
    faults = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in course.preload:
            try:
                importlib.import_module(name)
            except Exception as error:
                named = f"{name}, which [tool.sensei] preload names"
                faults.append(f"{named}, can't be imported: {error}")
    nothing, here = io.StringIO(), os.path.dirname(__file__)
    with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
        # No conftest.py: the one above the engine in its repository asks for devices.
        # And no look into the folders above this one: they may be large.
        alone = ["-c", os.devnull, "--rootdir", here, "--confcutdir", here]
        alone += ["--noconftest", "--import-mode=importlib", "-o", "minversion=1"]
        pytest.main([__file__, *QUIET, *alone])  # its plugins
    _ = course.free, course.roles
    with contextlib.suppress(CourseError):  # a run says so, too
        _ = course.beliefs
    for work in changes.works(course).values():
        for koan in work.lesson.koans.values():
            work.attempt(koan)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy all of it
    return faults


# ------------------------------------------------------------- in its own process


def run(arguments: Sequence[str], folder: str, saved: Sequence[str]) -> int:
    """Run pytest in a folder; gives its exit code, which is reported last.

    ``saved`` are the paths of koans: "FILE::KOAN".
    """
    os.chdir(folder)
    gc.set_threshold(50_000, 20, 20)  # a run is too short to tidy up often
    code, sink = 0, os.dup(1)  # pytest captures the other
    for koans in [saved, ()] if saved else [()]:
        options = [*QUIET, *NO_BACKSTOP, *arguments]
        options += ["--maxfail=0"] if koans else []
        code = int(pytest.main(options, plugins=[Herald(sink, koans)]))
    _report(sink, end=code)
    return code


def _report(sink: int, **what: object) -> None:
    data = f"{REPORT}{json.dumps(what)}\n".encode()
    while data:
        data = data[os.write(sink, data) :]


class Herald:
    """The pytest plugin of a run: reports each koan when it begins, and its verdict.

    ``words`` is what a koan prints, and what is said beside its verdict.
    """

    def __init__(self, sink: int, koans: Sequence[str]) -> None:
        self.sink = sink
        self.koans = koans  # the path, if none is named
        self.words = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Session) -> None:
        self.config = session.config
        faulthandler.disable()  # the watch tells of a crash, in a sentence
        if self.koans:
            self.config.args = list(self.koans)
            self.config.args_source = Config.ArgsSource.ARGS

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        from sensei.plugin import LIMITS  # pytest wants to import it first

        seconds = self.config.stash[LIMITS].seconds
        _report(self.sink, begins=nodeid.partition("[")[0], seconds=seconds)

    def pytest_warning_recorded(self, warning_message: Any, nodeid: str) -> None:
        warning = warning_message.message
        self.words += f"{type(warning).__name__}: {warning}\n" if nodeid else ""

    def pytest_runtest_logreport(self, report: TestReport) -> None:
        from sensei.plugin import TRACEBACKS

        if report.failed and self.config.stash[TRACEBACKS]:
            self.words += f"{report.longrepr}\n"
        if report.when == "teardown":
            self.words += "".join(text for _, text in report.sections)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        from sensei.plugin import Scribe, told_apart

        scribe = self.config.pluginmanager.getplugin("sensei-scribe")
        assert isinstance(scribe, Scribe)
        koan, words, self.words = nodeid.partition("[")[0], self.words, ""
        file, _, name = koan.partition("::")
        if verdict := merged(told_apart(scribe.results.get((file, name), {}))):
            about = {"words": words, "devices": sorted(scribe.devices)}
            _report(self.sink, koan=koan, verdict=verdict.properties(), **about)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        result = yield
        _report(self.sink, judged=True)
        self.config.pluginmanager.unregister(name="sensei-scribe")  # no screen here
        return result


# ------------------------------------------------------------------- in the watch


class Run:
    """A run that was started, with what it has reported so far.

    ``verdicts`` and ``words`` are by koan, as pytest names it; ``has_judged`` says
    that those of what was saved are there. ``code`` is pytest's exit code, None
    while it goes on; 1 without a proper end, and ``sentence`` says what happened.
    ``output`` is what pytest itself said.
    """

    def __init__(
        self, course: Course, arguments: Sequence[str], folder: str, saved: list[str]
    ) -> None:
        self.seconds = course.seconds  # of a koan
        self.koan = self.sentence = self.output = ""
        self.verdicts: dict[str, Verdict] = {}
        self.words: dict[str, str] = {}
        self.devices: tuple[str, ...] = ()
        self.reveals = "--reveal" in arguments
        self.has_judged = False
        self.code: int | None = None
        self.pipe = processes.Pipe(MOST)
        sink, paths = self.pipe.sink, [f"{course.root}/{koan}" for koan in saved]
        if can_fork():
            run_here = lambda: run(arguments, folder, paths)  # noqa: E731
            self.process = processes.fork(run_here, output=sink)
        else:
            orders = json.dumps([arguments, folder, paths])
            argv, to = ["-m", "sensei.watch.runs"], {"stdout": sink, "stderr": sink}
            self.process = processes.spawn(argv, orders, **to)
        self.pipe.close_sink()
        self.process.extend(self.seconds + GRACE)

    def follow(self) -> None:
        """Take in what was reported by now."""
        status = self.process.ended()
        self.pipe.read()
        *lines, self.pipe.data = self.pipe.data.split(b"\n")
        for line in lines:
            words, is_report, report = line.decode("utf-8", "replace").partition(REPORT)
            self.output += words if is_report else f"{words}\n"
            if is_report:
                self._take(json.loads(report))
        if self.code is None and status is not None:
            self.code, self.sentence = 1, self._what_happened(status)
            if self.koan:
                self.verdicts[self.koan] = Verdict(Kind.ERROR, self.sentence)

    def _take(self, report: Mapping[str, Any]) -> None:
        self.koan = report.get("begins", self.koan)
        self.seconds = report.get("seconds", self.seconds)
        self.has_judged |= "judged" in report
        self.code = report.get("end")
        if verdict := Verdict.from_properties(report.get("verdict", [])):
            self.verdicts[report["koan"]] = verdict
            self.words[report["koan"]] = report["words"]
            self.devices = tuple(report["devices"])
        self.process.extend(self.seconds + GRACE)

    def _what_happened(self, status: int) -> str:
        file, _, name = self.koan.partition("::")
        where = f"{name} in {file}" if name else "Reading the koans"
        ended = processes.describe(status)
        if self.process.is_late:
            ended = f"did not end within {self.seconds:g} s, and was stopped"
        return f"{where} {ended}. Change what you wrote there, and save."

    def cancel(self) -> None:
        """End it, if it has not ended."""
        self.process.kill()
        self.pipe.close()


if __name__ == "__main__":
    os._exit(run(*json.loads(processes.take_orders())))
