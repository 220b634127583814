"""The time limit: one thread for all koans, and whatever hangs ends."""

from __future__ import annotations

import os
import subprocess
import textwrap
import threading
import time

import pytest

import forks
from one_lesson import attempt_of, judged, koan_of, line_of, outcome_of
from sensei import watchdog
from sensei.running import run
from sensei.verdicts import Kind
from sensei.watchdog import Hang, Limits
from this_course import ROOT
from waiting import PATIENCE

SHORT = Limits(0.1)
CODE = """
def test_it():
    items = []
    for i in range(2):
        items.append(i)

    assert items == [0, 1]
"""
KOAN = koan_of(CODE, "for i in range(2):\n    __")
LOOP = "while True:\n    items"


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "watchdog" in thread.name]


def test_a_hang_ends_in_the_line_of_the_koan_that_it_was_at():
    outcome = outcome_of(KOAN, f"items.append(i)\n{LOOP}", SHORT)
    assert isinstance(outcome.raised.error, Hang)
    first = line_of(CODE, "append")
    assert first + 1 <= outcome.raised.line <= first + 2
    verdict = judged(KOAN, LOOP, SHORT)
    assert verdict.kind is Kind.ERROR
    assert verdict.sentence.startswith("It did not end within 0.1 s; it was at `")


def test_the_line_of_a_hang_in_a_library_is_that_of_the_koan_that_called_it():
    def library():
        while True:
            pass

    text = CODE.replace("    items = []", "    items = []\n    library()")
    koan = koan_of(text, "for i in range(2):\n    __")
    outcome = outcome_of(koan, "pass", SHORT, library=library)
    assert outcome.raised.line == line_of(text, "library()")


def test_koans_before_between_and_behind_hangs_are_watched_by_one_thread():
    fills = ["items.append(i)", LOOP, LOOP, "items.append(i)", LOOP, "items.append(i)"]
    limits = {LOOP: SHORT, "items.append(i)": Limits(PATIENCE)}
    outcomes = [run(attempt_of(KOAN, fill), {}, limits[fill]) for fill in fills]
    hung = [bool(o.raised and isinstance(o.raised.error, Hang)) for o in outcomes]
    assert hung == [fill == LOOP for fill in fills]
    assert len(watchers()) == 1


def test_a_later_koan_with_less_time_is_not_kept_waiting():
    """The thread has looked at the first one, and sleeps for an hour."""
    text = CODE.replace("    items = []", "    items = []\n    wait(0.1)")
    koan = koan_of(text, "for i in range(2):\n    __")
    outcome = outcome_of(koan, "items.append(i)", Limits(3600.0), wait=time.sleep)
    assert outcome.raised is None
    assert isinstance(outcome_of(KOAN, LOOP, SHORT).raised.error, Hang)


def test_a_koan_that_ends_in_time_is_left_alone_however_close_it_is():
    for seconds in (0.001, 0.002, 0.003) * 20:
        outcome = outcome_of(KOAN, "items.append(i)", Limits(seconds))
        assert outcome.raised is None or isinstance(outcome.raised.error, Hang)
    assert sum(range(100_000)) == 4999950000  # no Hang arrives here


def test_a_hang_in_another_thread_is_raised_there():
    ended = []

    def watched():
        ended.append(outcome_of(KOAN, LOOP, SHORT).raised.error)

    thread = threading.Thread(target=watched)
    thread.start()
    thread.join(PATIENCE)
    assert isinstance(ended[0], Hang)


# ------------------------------------------------------------ in processes of their own


def script(body: str) -> subprocess.CompletedProcess[str]:
    """Run some lines in a process of its own, the grace period cut short."""
    head = f"""
    import os, sys, time
    sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
    from sensei import watchdog
    from test_watchdog import *
    watchdog.GRACE = 0.3
    """
    code = textwrap.dedent(head) + textwrap.dedent(body)
    return forks.python(["-c", code], ROOT, merged=False)


@pytest.mark.parametrize(
    "body",
    [
        """
        while True:
            try:
                while True:
                    time.sleep(0.01)
            except:
                pass
        """,
        "time.sleep(3600)",
    ],
    ids=["swallowed by a bare except", "asleep in C"],
)
def test_what_can_not_be_stopped_ends_the_process_with_a_sentence(body):
    name = "test_it"
    ran = script(
        "def hangs():\n"
        + textwrap.indent(textwrap.dedent(body), "    ")
        + f"""
text = CODE.replace("    items = []", "    items = []\\n    hangs()")
koan = koan_of(text, "for i in range(2):\\n    __")
print("before", flush=True)
outcome_of(koan, "pass", SHORT, hangs=hangs)
print("never {name}")
"""
    )
    assert ran.returncode == 1 and ran.stdout == "before\n"
    line = line_of(CODE, "items = []") + 1
    assert ran.stderr.strip() == (
        f"/a_course/koans/test_01_x.py:{line}: test_it did not end within 0.1 s, "
        f"and can't be stopped. This run ends here."
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_process_that_was_forked_has_a_thread_of_its_own():
    """Threads don't survive a fork; the parent had one before."""
    ran = script(
        """
        assert outcome_of(KOAN, "items.append(i)").raised is None
        child = os.fork()
        hung = isinstance(outcome_of(KOAN, LOOP, SHORT).raised.error, Hang)
        if not child:
            os._exit(7 if hung else 1)
        print(hung, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    )
    assert ran.stdout == "True 7\n", ran.stderr


def test_a_process_ends_though_a_koan_is_watched_for_an_hour():
    ran = script('outcome_of(KOAN, "items.append(i)", Limits(3600.0)); print("done")')
    assert (ran.returncode, ran.stdout) == (0, "done\n")


def test_a_trace_function_survives_a_hang():
    """Coverage, or a debugger: Python 3.11 never got on where a Hang was taken back."""
    ran = script(
        """
        seen = []
        sys.settrace(lambda *event: seen.append(event[1]))
        outcome = outcome_of(KOAN, LOOP, SHORT)
        before = len(seen)
        (lambda: 0)()
        print(isinstance(outcome.raised.error, Hang), len(seen) > before)
        """
    )
    assert ran.stdout == "True True\n", ran.stderr


def test_the_grace_period_is_there_outside_of_these_tests():
    assert watchdog.GRACE >= 1
