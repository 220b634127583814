"""One run of ``sensei watch``: pytest with orders, in a process of its own.

What was edited runs first and is told at once; then the path, up to the first
koan that is not solved. Each verdict is reported to the parent, line by line in
a file. Run as a program, it takes its orders from stdin (where there is no fork).
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import textwrap
import threading
from collections.abc import Generator, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from pytest import Config, Item, Session, TerminalReporter, TestReport

from sensei.path import merged
from sensei.verdicts import Kind, Verdict

CLEAR = "\x1b[H\x1b[2J"
MOST_TOLD = 3  # edited koans that get a line each
INDENT = 9


@dataclass(frozen=True)
class Orders:
    """What a run is told.

    ``folder`` is where pytest runs, ``report`` the file for what happens.
    ``edited`` are the koans to begin with, ``before`` the verdicts known so far.
    ``hints`` are for the koan ``hinted`` and no other.
    """

    arguments: tuple[str, ...]
    folder: str
    report: str
    seconds: float = 60.0
    edited: tuple[str, ...] = ()
    before: Mapping[str, str] = field(default_factory=dict)
    hints: int = 0
    hinted: str = ""
    clear: bool = False

    @classmethod
    def from_json(cls, text: str) -> Orders:
        fields = json.loads(text)
        lists = {key: tuple(fields[key]) for key in ("arguments", "edited")}
        return cls(**{**fields, **lists})

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def run(orders: Orders) -> int:
    """Run pytest as ordered; gives its exit code, which is reported last."""
    os.chdir(orders.folder)
    with open(orders.report, "a", encoding="utf-8", buffering=1) as report:
        herald = Herald(orders, report)
        hints = ["--hint"] * orders.hints
        arguments = [*orders.arguments, "--letters", *hints]
        code = int(pytest.main(arguments, plugins=[herald]))
        sys.stdout.flush()
        sys.stderr.flush()
        herald.report(end=code)
    return code


class Herald:
    """The pytest plugin of a run: what first, what is told, where to stop."""

    def __init__(self, orders: Orders, report: Any) -> None:
        self.orders = orders
        self.file = report
        self.reporter: TerminalReporter | None = None
        self.order: dict[str, int] = {}
        self.awaited: set[str] = set()  # edited koans that have not run
        self.verdicts: dict[str, list[Verdict]] = {}
        self.failed: list[str] = []
        self.told: list[str] = []
        self.stops = False

    def report(self, **what: object) -> None:
        self.file.write(json.dumps(what) + "\n")

    # -------------------------------------------------------------- collecting

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Session) -> None:
        config = session.config
        self.reporter = config.pluginmanager.getplugin("terminalreporter")
        faulthandler.disable()  # the parent tells of a crash, in a sentence
        if self.orders.clear:
            print(CLEAR, end="", flush=True)
        asked = getattr(config.option, "koan_seconds", None)
        self.report(seconds=asked or self.orders.seconds)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: Config, items: list[Item]) -> None:
        """Put what was edited first. With -x the path ends the run, in its order."""
        for i, item in enumerate(items):
            self.order.setdefault(koan_of(item.nodeid), i)
        edited = [item for item in items if self._is_edited(item)]
        self.awaited = {item.nodeid for item in edited}
        items[:] = edited + [item for item in items if item not in edited]
        if config.option.maxfail == 1:
            config.option.maxfail = 0
            self.stops = True

    def _is_edited(self, item: Item) -> bool:
        koan = koan_of(item.nodeid)
        return bool({koan, koan.partition("::")[0]} & {*self.orders.edited})

    # ----------------------------------------------------------------- running

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.report(start=koan_of(nodeid))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: TestReport) -> None:
        verdict = _verdict_of(report)
        if verdict is None:
            return
        koan = koan_of(report.nodeid)
        self.verdicts.setdefault(koan, []).append(verdict)
        self.report(koan=koan, kind=self._kind(koan))
        if report.failed:
            self.failed.append(koan)
        if report.nodeid in self.awaited:
            self.awaited.remove(report.nodeid)
            if not self.awaited:
                self._tell(self.verdicts)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: Item, nextitem: Item | None
    ) -> Generator[None, object, object]:
        result = yield
        if self.stops and nextitem and self._is_behind_the_next(nextitem):
            items = item.session.items  # the loop over it ends here
            del items[items.index(nextitem) :]
        return result

    def _is_behind_the_next(self, item: Item) -> bool:
        """A koan that the path has not come to, as things are."""
        if self._is_edited(item) or not self.failed:
            return False
        return self._place(koan_of(item.nodeid)) >= self._place(self.next)

    def _place(self, koan: str) -> float:
        return self.order.get(koan, float("inf"))

    @property
    def next(self) -> str:
        """The first koan in the order of the path that was not passed."""
        return min(self.failed, key=self._place, default="")

    def _kind(self, koan: str) -> Kind:
        verdict = merged(self.verdicts[koan])
        return verdict.kind if verdict else Kind.ERROR

    # ----------------------------------------------------------------- telling

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: TestReport
    ) -> tuple[str, str, str] | None:
        """Spare the learner a FAILURES section that says what the screen says."""
        verdict = Verdict.from_properties(report.user_properties)
        if report.when != "call" or not report.failed or verdict is None:
            return None
        if f"{verdict.kind}: {verdict.sentence}" not in str(report.longrepr):
            return None
        return verdict.kind.value, verdict.kind.value[0], verdict.kind.upper()

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # inside the scribe's
    def pytest_sessionfinish(self, session: Session) -> Generator[None, None, None]:
        yield
        news = [
            k for k in self.verdicts if k in self.orders.before and self._is_news(k)
        ]
        self._tell([koan for koan in news if koan not in self.told])
        for koan in self._off_the_path():
            self._say_verdict(koan)
        if self.next != self.orders.hinted:
            session.config.option.hint = 0
        self.report(next=self.next)

    def _off_the_path(self) -> list[str]:
        """What was told, and is not on the screen: neither next nor just behind."""
        here = self._place(self.next)
        passed = [k for k in self.verdicts if self._kind(k) is Kind.PASSED]
        before = [koan for koan in passed if self._place(koan) < here]
        on_screen = self.next, max(before, key=self._place, default="")
        koans = [koan for koan in self.told if koan not in on_screen]
        return koans if len(koans) <= MOST_TOLD else []

    def _is_news(self, koan: str) -> bool:
        return (self._kind(koan) is Kind.PASSED) != self._was_solved(koan)

    def _was_solved(self, koan: str) -> bool:
        return self.orders.before.get(koan) == Kind.PASSED

    def _tell(self, koans: Iterable[str]) -> None:
        """A line for each koan, or one for all of many."""
        told = list(koans)
        self.told.extend(told)
        solved = [koan for koan in told if self._kind(koan) is Kind.PASSED]
        if len(told) <= MOST_TOLD:
            for koan in told:
                self._say(self._sentence(koan), koan in solved)
        elif solved:
            self._say(f"{len(solved)} of {len(told)} koans: solved", True)

    def _sentence(self, koan: str) -> str:
        kind, before = self._kind(koan), self._was_solved(koan)
        word = "solved" if kind is Kind.PASSED else kind.value
        if before:
            word += ", as before" if kind is Kind.PASSED else "; it was solved before"
        return f"{koan.rpartition('::')[2]}: {word}"

    def _say_verdict(self, koan: str) -> None:
        verdict = merged(self.verdicts[koan])
        if verdict and verdict.sentence:
            good = verdict.kind is Kind.PASSED
            place = "" if good else f", line {verdict.line}"
            text = f"{koan.rpartition('::')[2]}{place}: {verdict.sentence}"
            self._say(text, good, "solved" if good else verdict.kind.value)

    def _say(self, text: str, good: bool, label: str = "saved") -> None:
        if self.reporter is None:
            return
        terminal = self.reporter._tw
        width = max(40, min(terminal.fullwidth - 1, 80)) - INDENT
        if terminal.width_of_current_line:
            terminal.line()
        colour = {"green" if good else "red": True, "bold": True}
        for line in textwrap.wrap(text, width, break_long_words=False):
            terminal.write(f" {label:<{INDENT - 1}}", **colour)
            terminal.line(line)
            label = ""
        terminal.flush()


def koan_of(nodeid: str) -> str:
    """A koan's name, whatever device it runs on."""
    return nodeid.partition("[")[0]


def _verdict_of(report: TestReport) -> Verdict | None:
    """What a report says of its koan; None for one that says nothing yet."""
    if told := Verdict.from_properties(report.user_properties):
        return told if report.when == "call" or report.failed else None
    if report.skipped:
        return Verdict(Kind.SKIPPED)
    return Verdict(Kind.ERROR) if report.failed else None


# ------------------------------------------------------------- without a fork


def main() -> None:
    """Take orders from stdin, run, and end when stdin does: the parent is gone."""
    orders = Orders.from_json(sys.stdin.readline())
    parent = os.dup(0)  # pytest puts something else in the place of stdin
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    os._exit(run(orders))


def _end_with(parent: int) -> None:
    os.read(parent, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
