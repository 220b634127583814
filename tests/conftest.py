"""What the tests share: a tiny course in plain Python, and a mark for each room."""

import faulthandler
import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import forks
from tiny import ARGUMENTS, TinyCourse
from waiting import PATIENCE

pytest_plugins = ["pytester"]
collect_ignore = ["tiny_course"]  # it is a course, not a test
HERE = Path(__file__).parent

#: by the second word of a file's name; of what is not named here the room is "unit"
ROOMS = {
    "plugin": ["plugin", "screen", "where", "reset", "update"],
    "cases": ["cases", "bad"],
    "watch": ["watch"],
    "grading": ["grading", "handout", "score"],
    "fence": ["fence", "processes", "watchdog", "workers", "neighbours"],
    "story": ["story", "timeline"],
    "course": [
        "course",
        "misconceptions",
        "spellings",
        "no",
        "whole",
        "same",
        "devices",
    ],
    "docs": ["readme", "notebook", "docs", "second"],
}
ROOM_OF = {word: room for room, words in ROOMS.items() for word in words}
QUICK = ("unit", "plugin")
#: these come first: at the end all others would wait for them
LONGEST = ["test_course.py", "test_watch.py"]
HANG = 3 * PATIENCE  # seconds
STDERR = pytest.StashKey[int]()
# How long an example takes depends on what else the machine does.
settings.register_profile(
    "no hurry",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.load_profile("no hurry")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STDERR] = os.dup(2)  # capture has not begun yet
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # xdist's: many short tests come first


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test of a busy machine may take longer than a koan: pytest's backstop waits."""
    if HERE in item.path.parents:
        stderr = item.config.stash[STDERR]
        faulthandler.dump_traceback_later(HANG, exit=True, file=stderr)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            in_claims = item.path.parent.name == "claims"
            word = item.path.stem.split("_")[1]
            room = "claims" if in_claims else ROOM_OF.get(word, "unit")
            item.add_marker(room)
            if room not in QUICK:
                item.add_marker("slow")
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Many tests fork: a collection of garbage in a fork would copy all of it.

    And nothing is logged here: to look for it at each of torch's loggers, in each phase
    of each test, takes longer than most tests.
    """
    gc.collect()
    gc.freeze()
    plugins = session.config.pluginmanager
    if plugins.has_plugin("logging-plugin"):
        plugins.unregister(name="logging-plugin")


@pytest.fixture(scope="session", autouse=True)
def new_pythons_are_forks():
    with pytest.MonkeyPatch.context() as patch:
        forks.take_over(patch)
        yield


@pytest.fixture
def tiny(pytester, monkeypatch):
    """The tiny course, untouched, in a folder of its own."""
    return TinyCourse.unpack(pytester, monkeypatch)


@pytest.fixture
def author(tiny, monkeypatch):
    """The tiny course, in the hands of somebody who writes koans."""
    with (tiny.root / "pyproject.toml").open("a") as file:
        file.write(ARGUMENTS)
    monkeypatch.chdir(tiny.root)
    return tiny
