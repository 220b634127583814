"""The pytest plugin: thin hooks around the lessons, the judge and the screen."""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import shlex
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from pytest import (
    Collector,
    Config,
    Item,
    Module,
    Session,
    TerminalReporter,
    TestReport,
)

from sensei import judge, screen
from sensei.collecting import Broken, LessonModule, koan_of, tell
from sensei.course import Course, CourseError, LessonFiles
from sensei.lesson import Lesson, NotAsGiven
from sensei.path import walk
from sensei.running import Rules, attempt
from sensei.verdicts import Kind, Verdict

COURSE = pytest.StashKey[Course]()
RULES = pytest.StashKey[Rules]()
EXCUSES = {"skip", "skipif", "xfail"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sensei", "the sensei")
    group.addoption(
        "--hint",
        action="count",
        default=0,
        help="a hint for the next koan; repeat it for one more",
    )
    group.addoption(
        "--reveal",
        action="store_true",
        help="the answer to the next koan, and how it came about, after a guess",
    )
    group.addoption("--letters", action="store_true", help=argparse.SUPPRESS)
    group.addoption(
        "--koan-seconds",
        type=float,
        metavar="S",
        help="time limit of one koan (default: [tool.sensei] seconds, or 60)",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: Config) -> None:
    try:
        course = Course.load(config.rootpath)
    except CourseError as error:
        raise pytest.UsageError(str(error)) from None
    if course is None:
        return
    asked = config.getoption("koan_seconds")
    seconds = course.seconds if asked is None else asked
    if not seconds > 0:
        raise pytest.UsageError("--koan-seconds: a number above 0")
    # What has been imported by now stays: pytest's own collections of garbage at
    # the end would look through all of it, five times.
    gc.freeze()
    atexit.register(gc.unfreeze)  # or libraries report all of it as leaked
    config.stash[COURSE] = course
    config.stash[RULES] = Rules(
        seconds=seconds,
        stderr=os.dup(2),  # capture has not begun yet
        reveal=config.getoption("reveal"),
        story=course.story,
    )
    if not hasattr(config, "workerinput"):
        _plain_reporter_where_sugar_breaks(config)
        config.pluginmanager.register(Scribe(config, course), "sensei-scribe")


def pytest_unconfigure(config: Config) -> None:
    if RULES in config.stash:
        os.close(config.stash[RULES].stderr)


def _plain_reporter_where_sugar_breaks(config: Config) -> None:
    """pytest-sugar 1.1.1 under pytest 9.2 ends in an INTERNALERROR with -vv."""
    sugar: Any = sys.modules.get("pytest_sugar")
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if config.get_verbosity() < 2 or sugar is None:
        return
    if isinstance(reporter, sugar.SugarTerminalReporter):
        sugar.IS_SUGAR_ENABLED = False
        config.pluginmanager.unregister(reporter)
        plain = TerminalReporter(config, sys.stdout)
        config.pluginmanager.register(plain, "terminalreporter")


# ------------------------------------------------------------------ collecting


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: Collector) -> Module | None:
    course = parent.config.stash.get(COURSE, None)
    files = course.lesson_of(module_path) if course else None
    if files is None:
        return None
    module: Module = LessonModule.from_parent(parent, path=module_path, files=files)
    return module


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: Collector, name: str, obj: object
) -> Broken | None:
    return (
        collector.unrunnable(name, obj) if isinstance(collector, LessonModule) else None
    )


@pytest.hookimpl(tryfirst=True)  # before -k and --lf choose among the items
def pytest_collection_modifyitems(
    session: Session, config: Config, items: list[Item]
) -> None:
    """Put a failing item in the place of each lesson whose file is gone."""
    course = config.stash.get(COURSE, None)
    if course is None:
        return
    for files in course.lessons:
        if not files.path.exists() and _is_asked_for(files, config):
            module = LessonModule.from_parent(session, path=files.path, files=files)
            behind = course.lessons[course.lessons.index(files) :]
            later = {after.path for after in behind}
            place = next((i for i, it in enumerate(items) if it.path in later), None)
            items.insert(len(items) if place is None else place, module.missing())


def _is_asked_for(files: LessonFiles, config: Config) -> bool:
    """The run is of the whole folder that the lesson was in."""
    folder, start = files.path.parent, config.invocation_params.dir
    named = {Path(os.path.abspath(start / argument)) for argument in config.args}
    if config.args_source is Config.ArgsSource.TESTPATHS:
        named = {path.parent for path in named}
    return folder in named or (not files.part and bool(named & {*folder.parents}))


# --------------------------------------------------------------------- running


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: Item) -> None:
    """A mark that a learner adds can't skip a koan, nor excuse that it fails."""
    koan = koan_of(item)
    marks = EXCUSES & {mark.name for mark in item.iter_markers()}
    if koan and marks:
        try:
            _hold_as_given(*koan, marks)
        except NotAsGiven as change:
            sentence = judge.not_as_given(change, koan[1])
            tell(item, Verdict(Kind.ERROR, sentence, change.line))


def _hold_as_given(lesson: Lesson, name: str, marks: set[str]) -> None:
    """Raise NotAsGiven; solutions withheld, a skipif may have been given."""
    lesson.fill(name)
    if lesson.given is None and (added := marks - {"skipif"}):
        mark = f"a mark {' and '.join(sorted(added))}"
        raise NotAsGiven(f"{mark} was not given", lesson.line(name))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    koan = koan_of(pyfuncitem)
    if koan is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    rules = pyfuncitem.config.stash[RULES]
    verdict, error = attempt(*koan, pyfuncitem.obj, arguments, rules)
    if error is None:
        tell(pyfuncitem, verdict)
        return True
    pyfuncitem.user_properties.extend(verdict.properties())
    raise error


# ---------------------------------------------------------------------- telling


class Scribe:
    """Collects the verdicts of a run, and ends it with the learner's screen."""

    def __init__(self, config: Config, course: Course) -> None:
        self.config = config
        self.course = course
        self.results: dict[tuple[LessonFiles, str], list[Verdict]] = {}
        self.devices: set[str] = set()

    def pytest_runtest_logreport(self, report: TestReport) -> None:
        path, _, koan = report.nodeid.partition("::")
        files = self.course.lesson_of(self.config.rootpath / path)
        verdict = _verdict_of(report)
        if files and verdict and files.relative == path:  # not of solutions/
            name = koan.partition("[")[0]
            self.results.setdefault((files, name), []).append(verdict)
            self._note_device(koan)

    def _note_device(self, koan: str) -> None:
        _, bracket, device = koan.rstrip("]").partition("[")
        if bracket:
            self.devices.add(device)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: Session) -> Generator[None, None, None]:
        yield
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or not self.results:
            return
        request = screen.Request(
            hints=self.config.getoption("hint"),
            reveal=self.config.getoption("reveal"),
            devices=tuple(sorted(self.devices)),
            columns=reporter._tw.fullwidth,
            command=_command(self.config),
        )
        for path in walk(self.course, self.results):
            screen.show(screen.lines(path, request), reporter)


def _command(config: Config) -> str:
    """The command for the same koans once more; "" in watch, which has letters."""
    if config.getoption("letters"):
        return ""
    named = config.args if config.args_source is Config.ArgsSource.ARGS else []
    keyword = config.getoption("keyword")
    return shlex.join(["pytest", *named, *(["-k", keyword] if keyword else [])])


def _verdict_of(report: TestReport) -> Verdict | None:
    """The verdict that a report carries or, where there is none, comes down to."""
    if told := Verdict.from_properties(report.user_properties):
        return told if report.when == "call" or report.failed else None
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        return Verdict(Kind.SKIPPED, str(reason).removeprefix("Skipped: "))
    if report.failed:  # a fixture, or a koan that ended its process
        said = str(report.longrepr).strip().splitlines()
        return Verdict(Kind.ERROR, said[-1] if said else "It could not be run.", 1)
    return None
