"""The pytest plugin: thin hooks around the lessons, the judge and the screen."""

from __future__ import annotations

import argparse
import atexit
import gc
import glob
import os
import shlex
import sys
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pytest import (
    Collector,
    Config,
    ExitCode,
    Item,
    Module,
    Session,
    TerminalReporter,
    TestReport,
)

from sensei import judge, screen, text
from sensei.attempt import Attempt
from sensei.collecting import LessonModule, attempt_of, message, tell
from sensei.course import Course, CourseError
from sensei.explain import explained
from sensei.lesson import Lesson
from sensei.listed import ListError
from sensei.notes import HINTS, NotesError
from sensei.progress import progress
from sensei.running import SKIPS
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Limits
from sensei.work import Work, forget_modules, restore_modules

NOT_RUN = "It could not be run."
SUGAR_SIGNS = "✓⨯▏█"
UNSAID = -1  # of --maxfail: what pyproject.toml has, and nobody types
LEFT = "The debugger was left before the koan had come to its end."

COURSE = pytest.StashKey[Course]()
LIMITS = pytest.StashKey[Limits]()
MODULES = pytest.StashKey[dict[Work, ModuleType]]()  # of a run around this one
TRACEBACKS = pytest.StashKey[bool]()  # whether somebody asked for them


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --hint, --reveal and --koan-seconds."""
    group = parser.getgroup("sensei", "the sensei")
    group.addoption(
        *("--hint", "--hints"),
        action="count",
        default=0,
        help="a hint for the next koan; repeat it for one more, or say --hint=2",
    )
    for tier in range(1, HINTS + 1):  # argparse can't count and take a number
        names = f"--hint={tier}", f"--hints={tier}"
        kept = {"action": "store_const", "const": tier, "dest": "hint"}
        group.addoption(*names, **kept, help=argparse.SUPPRESS)
    group.addoption(
        "--reveal",
        action="store_true",
        help="the answer to the next koan, and how it came about, after a guess",
    )
    group.addoption(
        "--koan-seconds",
        type=float,
        metavar="S",
        help="time limit of one koan (default: [tool.sensei] seconds, or 60)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: Config) -> None:
    """Nothing but koans stops at the first that fails, if nobody says how many."""
    if config.option.maxfail == UNSAID:
        config.option.maxfail = int(_asks_for_koans_alone(config))


def _asks_for_koans_alone(config: Config) -> bool:
    with suppress(CourseError):  # which is told later
        if course := Course.load(config.rootpath):
            inside = (
                path == course.root or course.koans in (path, *path.parents)
                for path in _named(config)
            )
            return all(inside)
    return True


def _named(config: Config) -> set[Path]:
    """The files and folders that are asked for."""
    start = config.invocation_params.dir
    return {Path(os.path.abspath(start / a.partition("::")[0])) for a in config.args}


@pytest.hookimpl(trylast=True)
def pytest_configure(config: Config) -> None:
    """Find the course, and be there for its koans; raises UsageError."""
    try:
        course = Course.load(config.rootpath)
        _ = course and (course.free, course.roles)
    except (CourseError, ListError) as error:
        raise pytest.UsageError(str(error)) from None
    if course is None:
        return
    course.find_helpers()
    config.stash[MODULES] = forget_modules()
    _take_all_for_the_path(config)
    asked = config.getoption("koan_seconds")
    seconds = course.seconds if asked is None else asked
    if not seconds > 0:
        raise pytest.UsageError("--koan-seconds: a number above 0")
    # What has been imported by now stays: pytest's own collections of garbage at
    # the end would look through all of it, five times.
    gc.freeze()
    atexit.register(gc.unfreeze)  # or libraries report all of it as leaked
    config.stash[COURSE] = course
    config.stash[LIMITS] = Limits(seconds, os.dup(2))  # capture has not begun yet
    style, full = config.getoption("tbstyle"), config.getoption("fulltrace")
    more = style != "auto" or full or config.getoption("showlocals")
    config.stash[TRACEBACKS] = bool(more)
    if not hasattr(config, "workerinput"):
        _plain_reporter_where_sugar_breaks(config)
        config.pluginmanager.register(Scribe(config, course), "sensei-scribe")


def pytest_unconfigure(config: Config) -> None:
    """Give back what was opened for the time limit."""
    if LIMITS in config.stash:
        os.close(config.stash[LIMITS].stderr)
    if MODULES in config.stash:
        restore_modules(config.stash[MODULES])


def _take_all_for_the_path(config: Config) -> None:
    """``pytest .`` is what editors say who mean the tests of a project."""
    root, paths = config.rootpath, config.getini("testpaths")
    if (
        _named(config) == {root}
        and paths
        and config.args_source is Config.ArgsSource.ARGS
    ):
        found = (sorted(glob.glob(str(root / path))) for path in paths)
        config.args = [path for several in found for path in several]
        config.args_source = Config.ArgsSource.TESTPATHS


def _plain_reporter_where_sugar_breaks(config: Config) -> None:
    """pytest-sugar 1.1.1 under pytest 9.2 ends in an INTERNALERROR with -vv, and
    where its signs can't be written pytest writes its escapes as letters, too.
    """
    sugar: Any = sys.modules.get("pytest_sugar")
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if sugar is None or not isinstance(reporter, sugar.SugarTerminalReporter):
        return
    signs = text.writable(SUGAR_SIGNS, text.encoding(reporter))
    if config.get_verbosity() >= 2 or signs != SUGAR_SIGNS:
        sugar.IS_SUGAR_ENABLED = False
        config.pluginmanager.unregister(reporter)
        plain = TerminalReporter(config, sys.stdout)
        config.pluginmanager.register(plain, "terminalreporter")


# ------------------------------------------------------------------ collecting


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: Collector) -> Module | None:
    """Collect a lesson as the engine reads it; None for other files."""
    course = parent.config.stash.get(COURSE, None)
    lesson = course.lesson_of(module_path) if course else None
    if lesson is None:
        return None
    module: Module = LessonModule.from_parent(parent, path=module_path, lesson=lesson)
    return module


@pytest.hookimpl(tryfirst=True)  # before -k and --lf choose among the items
def pytest_collection_modifyitems(
    session: Session, config: Config, items: list[Item]
) -> None:
    """Put a failing item in the place of each lesson whose file is gone.

    Where nothing but koans is run, pytest's own summary of failures would say what
    the screen says below it.
    """
    course = config.stash.get(COURSE, None)
    if course is None:
        return
    for lesson in course.lessons:
        if not lesson.path.exists() and _is_asked_for(lesson, config):
            module = LessonModule.from_parent(session, path=lesson.path, lesson=lesson)
            behind = course.lessons[course.lessons.index(lesson) :]
            later = {after.path for after in behind}
            place = next((i for i, it in enumerate(items) if it.path in later), None)
            items.insert(len(items) if place is None else place, module.missing())
    koans = {lesson.path for lesson in (*course.lessons, *course.reviews)}
    more = config.stash[TRACEBACKS] or set(config.option.reportchars) & set("AP")
    if not more and {item.path for item in items} <= koans:
        config.option.tbstyle = "no"


def _is_asked_for(lesson: Lesson, config: Config) -> bool:
    """The run is of the whole folder that the lesson was in."""
    folder, named = lesson.path.parent, _named(config)
    if config.args_source is Config.ArgsSource.TESTPATHS:
        named = {path.parent for path in named}
    return folder in named or (not lesson.part and bool(named & {*folder.parents}))


# --------------------------------------------------------------------- running


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: Item) -> None:
    """Solutions withheld, a mark that a learner adds is not known from a given one:
    it can't excuse that a koan fails, nor skip one without a condition.
    """
    attempt = attempt_of(item)
    added = {"skip", "xfail"} & {mark.name for mark in item.iter_markers()}
    module = item.getparent(LessonModule)
    if attempt is not None and module and module.lesson.pristine is None and added:
        marks = " and ".join(sorted(added))
        sentence = f"A koan can't be excused from the path: take out the mark {marks}."
        item.own_markers.clear()  # or pytest would excuse this, too
        tell(item, Verdict(Kind.ERROR, sentence, (item.reportinfo()[1] or 0) + 1))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Judge a koan, and tell the verdict; None for other tests."""
    attempt = attempt_of(pyfuncitem)
    if attempt is None:
        return None
    if isinstance(attempt, Verdict):
        tell(pyfuncitem, attempt)
        return True
    verdict, error = _decide(pyfuncitem, attempt)
    if error is None:
        tell(pyfuncitem, verdict)
        return True
    pyfuncitem.user_properties.extend(verdict.properties())
    raise error


def _decide(
    item: pytest.Function, attempt: Attempt
) -> tuple[Verdict, Exception | None]:
    """The verdict on a koan and, where its code raised, that.

    No outcome leaves this function: a debugger that looks at what pytest was
    told finds no answer.
    """
    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    limits, reveal = item.config.stash[LIMITS], item.config.getoption("reveal")
    reveal = reveal and item.config.stash[COURSE].reveal
    try:
        verdict, outcome = judge.decide(attempt, arguments, limits, item.obj)
        if outcome is None:
            return verdict, None
        verdict = explained(outcome, verdict, reveal)
    except NotesError as fault:
        return Verdict(Kind.ERROR, f"The notes of this koan: {fault}", 1), None
    except CourseError as fault:
        return Verdict(Kind.ERROR, f"This can't be judged: {fault}", 1), None
    raised = outcome.raised.error if outcome.raised else None
    if verdict.kind is not Kind.ERROR or attempt.koan.note.is_prediction:
        return verdict, None
    is_shown = isinstance(raised, Exception) and not isinstance(raised, SKIPS)
    return verdict, raised if is_shown else None  # type: ignore[return-value]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: Item, call: pytest.CallInfo[None]
) -> Generator[None, TestReport, TestReport]:
    """Spare the learner a traceback through the engine; --tb and -l bring it back."""
    report = yield
    verdict = Verdict.from_properties(item.user_properties)
    wants_more = item.config.stash.get(TRACEBACKS, True)
    if verdict and call.when == "call" and report.failed and not wants_more:
        report.longrepr = message(item, verdict)
    return report


# ---------------------------------------------------------------------- telling


class Scribe:
    """Collects the verdicts of a run, and ends it with the learner's screen."""

    def __init__(self, config: Config, course: Course) -> None:
        self.config = config
        self.course = course
        self.results: dict[tuple[str, str], dict[str, Verdict]] = {}
        self.devices: set[str] = set()

    def pytest_runtest_logreport(self, report: TestReport) -> None:
        path, _, koan = report.nodeid.partition("::")
        lesson = self.course.lesson_of(self.config.rootpath / path)
        verdict = _verdict_of(report)
        if report.failed and report.sections and not self.config.stash[TRACEBACKS]:
            self.config.option.tbstyle = "auto"  # it shows what the koan printed
        if lesson and verdict:
            name, bracket, device = koan.rstrip("]").partition("[")
            self.results.setdefault((path, name), {})[device] = verdict
            self.devices |= {device} if bracket else set()

    @property
    def verdicts(self) -> dict[tuple[str, str], list[Verdict]]:
        """Those of each koan that ran, by its lesson and name."""
        return {koan: told_apart(found) for koan, found in self.results.items()}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(
        self, session: Session, exitstatus: int
    ) -> Generator[None, None, None]:
        yield
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None:
            return
        request = screen.Request(
            hints=self.config.getoption("hint"),
            reveal=self.config.getoption("reveal"),
            devices=tuple(sorted(self.devices)),
            columns=reporter._tw.fullwidth,
            command=_command(self.config),
        )
        if exitstatus == ExitCode.NO_TESTS_COLLECTED and not self.results:
            text.show(screen.nothing(request.width), reporter)
        for part in progress(self.course, self.verdicts):
            text.show(screen.lines(part, request), reporter)


def told_apart(by_device: Mapping[str, Verdict]) -> list[Verdict]:
    """The verdicts on a koan; where one device stops it and another does not, so."""
    if len({verdict.kind for verdict in by_device.values()}) < 2:
        return list(by_device.values())
    return [
        replace(verdict, sentence=f"On {device}: {verdict.sentence}")
        if verdict.kind.stops
        else verdict
        for device, verdict in by_device.items()
    ]


def _command(config: Config) -> str:
    """The command for the same koans once more."""
    named = config.args if config.args_source is Config.ArgsSource.ARGS else []
    keyword = config.getoption("keyword")
    return shlex.join(["pytest", *named, *(["-k", keyword] if keyword else [])])


def _verdict_of(report: TestReport) -> Verdict | None:
    """The verdict that a report carries or, where there is none, comes down to."""
    told = Verdict.from_properties(report.user_properties)
    if told and report.when != "teardown":
        return told if report.when == "call" or report.failed else None
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        return Verdict(Kind.SKIPPED, str(reason).removeprefix("Skipped: "))
    if report.failed:  # a fixture, or a koan that ended its process
        last = (str(report.longrepr).strip().splitlines() or [NOT_RUN])[-1]
        return Verdict(Kind.ERROR, LEFT if "BdbQuit" in last else last, 1)
    return None
