"""One run of ``sensei watch``: pytest, in a process of its own.

What was edited runs first and is told at once; then the path, up to the first
koan that is not solved. Run as a program, it takes its orders from stdin (where
there is no fork).
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import sys
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from pytest import Config, Item, Session, TestReport

from sensei import processes, screen, text
from sensei.progress import Progress, Step, progress
from sensei.verdicts import Kind, Verdict, merged

if TYPE_CHECKING:  # pytest wants to be the first to import a plugin
    from sensei.plugin import Scribe

CLEAR = "\x1b[H\x1b[2J"
MOST_TOLD = 3  # koans that get a line each


@dataclass(frozen=True)
class Orders:
    """What a run is told: pytest's arguments, the folder to run it in, the file
    that takes its reports; the edited koans, and the kinds of verdict known before
    (by "FILE::KOAN"). ``hints`` are for the koan ``hinted`` and no other.
    """

    arguments: tuple[str, ...]
    folder: str
    report: str
    edited: tuple[str, ...] = ()
    before: Mapping[str, str] = field(default_factory=dict)
    hints: int = 0
    hinted: str = ""
    clear: bool = False


def run(orders: Orders) -> int:
    """Run pytest as ordered; gives its exit code, which is reported last."""
    os.chdir(orders.folder)
    gc.set_threshold(50_000, 20, 20)  # a run is too short to tidy up often
    with open(orders.report, "a", encoding="utf-8", buffering=1) as reports:
        herald = Herald(orders, reports)
        hints = ["--hint"] * orders.hints
        code = int(pytest.main([*orders.arguments, *hints], plugins=[herald]))
        sys.stdout.flush()
        herald.report(end=True)
    return code


class Herald:
    """The pytest plugin of a run: what first, what is told, where to stop."""

    def __init__(self, orders: Orders, reports: Any) -> None:
        self.orders = orders
        self.reports = reports
        self.order: dict[str, int] = {}  # of the items on the path
        self.awaited: set[str] = set()  # items of edited koans that have not run
        self.failed: list[int] = []  # places on the path
        self.told: list[str] = []
        self.stops = False

    def report(self, **what: object) -> None:
        self.reports.write(json.dumps(what) + "\n")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Session) -> None:
        from sensei.plugin import LIMITS

        self.config = session.config
        faulthandler.disable()  # the parent tells of a crash, in a sentence
        if self.orders.clear:
            print(CLEAR, end="", flush=True)
        if LIMITS in self.config.stash:
            self.report(seconds=self.config.stash[LIMITS].seconds)

    # ----------------------------------------------------------------- running

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: Config, items: list[Item]) -> None:
        """Put what was edited first. With -x the path ends the run, in its order."""
        self.order = {item.nodeid: i for i, item in enumerate(items)}
        edited = {item.nodeid for item in items if koan_of(item) in self.orders.edited}
        self.awaited = edited
        items.sort(key=lambda item: item.nodeid not in edited)
        self.stops = config.option.maxfail == 1
        if self.stops:
            config.option.maxfail = 0

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.report(koan=nodeid.partition("[")[0])

    def pytest_runtest_logreport(self, report: TestReport) -> None:
        if report.failed:
            self.failed.append(self.order.get(report.nodeid, 0))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if nodeid in self.awaited:
            self.awaited.remove(nodeid)
            if not self.awaited:
                self.tell(self.orders.edited)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: Item, nextitem: Item | None
    ) -> Generator[None, object, object]:
        result = yield
        if self.stops and nextitem and self.failed and not self.awaited:
            items = item.session.items  # the loop over it ends where it does
            if self.order[nextitem.nodeid] > min(self.failed):
                del items[items.index(nextitem) :]
        return result

    # ----------------------------------------------------------------- telling

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: TestReport
    ) -> tuple[str, str, str] | None:
        """Spare the learner a FAILURES section that says what the screen says.

        It is there for what the koan printed, and for a traceback asked for.
        """
        verdict = Verdict.from_properties(report.user_properties)
        if report.when != "call" or not report.failed or verdict is None:
            return None
        says_more = not str(report.longrepr).endswith(verdict.sentence)
        if says_more or any(output for _, output in report.sections):
            return None
        return verdict.kind.value, verdict.kind.value[0], verdict.kind.upper()

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # inside the scribe's
    def pytest_sessionfinish(self, session: Session) -> Generator[None, None, None]:
        yield
        if self.scribe is None:
            return
        kinds = {koan: verdict.kind for koan, verdict in self.verdicts.items()}
        before = self.orders.before
        self.tell(
            koan
            for koan, kind in kinds.items()
            if koan in before and koan not in self.told
            if (kind is Kind.PASSED) != (before[koan] == Kind.PASSED)
        )
        parts = progress(self.scribe.course, self.scribe.verdicts)
        on_screen = [_id(step) for part in parts for step in _shown(part)]
        off_screen = [koan for koan in self.told if koan not in on_screen]
        for koan in off_screen if len(off_screen) <= MOST_TOLD else ():
            self.tell_verdict(koan)
        here = next((_id(part.next) for part in parts if part.next), "")
        if here != self.orders.hinted:
            session.config.option.hint = 0
        self.report(next=here, kinds=kinds)

    @property
    def scribe(self) -> Scribe | None:
        scribe: Scribe | None = self.config.pluginmanager.getplugin("sensei-scribe")
        return scribe

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Those of this run, by koan."""
        results = self.scribe.verdicts if self.scribe else {}
        merging = {"::".join(koan): merged(each) for koan, each in results.items()}
        return {koan: verdict for koan, verdict in merging.items() if verdict}

    def tell(self, koans: Iterable[str]) -> None:
        """A line for each koan that ran, or one for all of many."""
        verdicts = self.verdicts
        told = [koan for koan in koans if koan in verdicts]
        self.told += told
        solved = [koan for koan in told if verdicts[koan].kind is Kind.PASSED]
        if len(told) <= MOST_TOLD:
            for koan in told:
                self._say("saved", self._became(koan, verdicts[koan]), koan in solved)
        elif solved:
            self._say("saved", f"{len(solved)} of {len(told)} koans: solved", True)

    def _became(self, koan: str, verdict: Verdict) -> str:
        passed = verdict.kind is Kind.PASSED
        word = "solved" if passed else verdict.kind.value
        if self.orders.before.get(koan) == Kind.PASSED:
            word += ", as before" if passed else "; it was solved before"
        return f"{koan.rpartition('::')[2]}: {word}"

    def tell_verdict(self, koan: str) -> None:
        verdict = self.verdicts[koan]
        good = verdict.kind is Kind.PASSED
        place = "" if good else f", line {verdict.line}"
        says = f"{koan.rpartition('::')[2]}{place}: {verdict.sentence}"
        self._say("solved" if good else verdict.kind.value, says, good)

    def _say(self, label: str, says: str, good: bool) -> None:
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None:
            return
        reporter.ensure_newline()
        width = screen.Request(columns=reporter._tw.fullwidth).width
        colour = ("green" if good else "red", "bold")
        text.show(list(text.prose(label, says, width, colour)), reporter)
        reporter.flush()


def koan_of(item: Item) -> str:
    """A koan as it is named, whatever device it runs on."""
    return item.nodeid.partition("[")[0]


def _id(step: Step) -> str:
    return f"{step.lesson.relative}::{step.name}"


def _shown(part: Progress) -> list[Step]:
    """The koans whose verdicts are on the screen."""
    here, solved = part.next, part.last_solved
    shown = [here, None if here and here.tried else solved]
    return [step for step in shown if step]


if __name__ == "__main__":
    lists = {"arguments": (), "edited": ()}
    fields = json.loads(processes.take_orders())
    orders = Orders(**{**fields, **{key: tuple(fields[key]) for key in lists}})
    os._exit(run(orders))
