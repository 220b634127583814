"""Judging answers: in processes that nothing they do gets out of, as under pytest."""

from __future__ import annotations

import os
import random
import signal
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from sensei.course import Course
from sensei.grading import workers
from sensei.grading.assignment import Assignment, read, select
from sensei.grading.book import Entry
from sensei.grading.grader import Grader, Options
from sensei.grading.workers import GraderError, Warm
from sensei.verdicts import Kind
from sensei.watchdog import Limits
from tiny import HERE, copy_tiny, grade_both_sizes
from waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Assignment:
    return tiny_assignment(tmp_path_factory.mktemp("tiny"))


def tiny_assignment(folder: Path) -> Assignment:
    """The tiny course, graded with both its sizes."""
    copy_tiny(folder)
    grade_both_sizes(folder)
    course = Course.load(folder)
    assert course is not None
    return read(course, select(course, "all"))


@contextmanager
def grading(given: Assignment, seconds: float = 5.0, jobs: int = 2) -> Iterator[Grader]:
    with closing(Grader(given, Options(jobs, seconds))) as grader:
        yield grader


@pytest.fixture(scope="module")
def grader(given) -> Iterator[Grader]:
    with grading(given, jobs=4) as grader:
        yield grader


def place(given: Assignment, name: str) -> int:
    return [koan.name for koan in given.koans].index(name)


# ------------------------------------------------------------------- rough answers


OS = "__import__('os')"
LOOP = "[__import__('time').sleep(0.01) for n in iter(int, 1)]"
REPORT = '{"kind": "passed", "sentence": "", "mistake": "", "beliefs": []}'
FORGED = f'x\\n{{"reports": [{REPORT}]}}\\n'
ROUGH = {
    "right": ("list(original)", Kind.PASSED),
    "also right": ("original[:]", Kind.PASSED),
    "wrong": ("original", Kind.FAILED),
    # Both leave the processor to others; the second keeps Python's lock meanwhile, as
    # sum(iter(int, 1)) does.
    "loops": (LOOP, Kind.TIMEOUT),
    "hangs in C": ("__import__('ctypes').PyDLL(None).sleep(60)", Kind.TIMEOUT),
    "leaves": (f"{OS}._exit(0)", Kind.CRASHED),
    "exits": ("exit()", Kind.ERROR),
    "is killed": (f"{OS}.kill({OS}.getpid(), 9)", Kind.CRASHED),
    "crashes": ("__import__('ctypes').string_at(1)", Kind.CRASHED),
    "forges": (
        f"[{OS}.write(fd, b'{FORGED}') for fd in range(3, 64)"
        f" if {OS}.path.exists(f'/proc/self/fd/{{fd}}')] and {OS}._exit(0)",
        Kind.CRASHED,
    ),
    "fills memory": ("[0] * 10**10", Kind.ERROR),
    "fills memory slowly": ("[bytes(10**8) for n in iter(int, 1)]", Kind.ERROR),
    "writes a file": ("open('big', 'wb').write(bytes(2 * 10**6))", Kind.ERROR),
    "prints": ("__import__('sys').stdout.write('x' * 10**6) and original", Kind.FAILED),
    "reads": ("list(original) + list(__import__('sys').stdin.read())", Kind.PASSED),
    "looks for secrets": (f"list(original) + [{OS}.environ['SECRET']]", Kind.ERROR),
    "leaves one behind": (
        f"{OS}.fork() or __import__('time').sleep(50)",
        Kind.ERROR,
    ),
    "kills its own group": (f"{OS}.killpg(0, 9)", Kind.CRASHED),
    "asks for threads": (
        "[__import__('threading').Thread(target=__import__('time').sleep, args=(99,),"
        " daemon=True).start() for n in range(500)]",
        None,
    ),
}


SECONDS = 0.5  # for an answer, some of which take them all, twice


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    """What is worked in."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def rough(given, scratch) -> dict[str, Entry]:
    """All of them at once, side by side, as fills that the rules did not see."""
    koan = place(given, "test_a_copy")
    entries = {name: Entry(koan, fill) for name, (fill, _) in ROUGH.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "of the instructor")
        patch.setattr(tempfile, "tempdir", str(scratch))
        with grading(given, seconds=SECONDS) as grader:
            grader.judge(list(entries.values()))
    return entries


@pytest.mark.parametrize("name", ROUGH)
def test_a_rough_answer_costs_itself_alone(rough, name):
    expected = ROUGH[name][1]
    if expected is not None:
        assert rough[name].kind is expected, rough[name]
    assert rough[name].kind is not Kind.UNGRADED


def test_a_pass_is_not_to_be_forged(rough):
    assert "passed" not in {rough[n].kind for n in ("forges", "leaves", "exits")}


def test_output_is_capped_and_kept_for_the_instructor(rough):
    most = Limits(SECONDS).characters
    assert most < len(rough["prints"].output) < most + 200
    assert "x" * 100 not in rough["prints"].sentence


def test_a_hang_is_told_with_its_place(rough):
    assert rough["loops"].sentence == (
        f"It did not end within 0.5 s; it was at `copy = {LOOP}`."
    )
    assert rough["hangs in C"].sentence == "It did not end within 0.5 s."


def test_nothing_is_left_running(rough, scratch):
    """In the folder of the process that runs koans, which has gone with it."""
    wait_until(lambda: not [place for place in _places() if str(scratch) in place])


def _places() -> Iterator[str]:
    """The folders that processes are in."""
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            yield os.readlink(path)


def test_a_verdict_does_not_depend_on_the_company(given, grader):
    """In any order, one or four at a time."""
    fills = {
        "test_a_sum": ["7919", "7900", "3", "9**9**9", "parts", "7000 + 919", "nan"],
        "test_who_grew": ["[size + 1, size + 1, size + 2]", "[3, 3, 4]", "[4, 4, 5]"],
        "test_a_copy": ["list(original)", "original", f"{OS}._exit(0)", "[1, 2]"],
        "test_running_totals": ["total += number\ntotals.append(total)", "totals[9]"],
        "test_counting_letters": ['{"k": 2, "a": 2, "y": 1}', "{}", "[1]"],
    }
    found = []
    with grading(given, jobs=1) as one_by_one:
        for seed, judge in ((1, grader), (2, one_by_one)):
            pairs = [(name, fill) for name, all in fills.items() for fill in all]
            random.Random(seed).shuffle(pairs)
            entries = [Entry(place(given, name), fill) for name, fill in pairs]
            judge.judge(entries)
            found.append({(e.koan, e.fill): (e.verdict, e.mistake) for e in entries})
    assert found[0] == found[1]
    assert {v.kind for v, _ in found[0].values() if v} >= {
        Kind.PASSED,
        Kind.WRONG,
        Kind.REFUSED,
        Kind.FAILED,
        Kind.ERROR,
        Kind.CRASHED,
    }


def test_every_argument_has_to_pass(given, grader):
    """[3, 3, 4] is right for the size 2, and not for 3."""
    koan = place(given, "test_who_grew")
    entries = [Entry(koan, "[3, 3, 4]"), Entry(koan, "[size + 1, size + 1, size + 2]")]
    grader.judge(entries)
    assert [entry.kind for entry in entries] == [Kind.WRONG, Kind.PASSED]


ODD = {
    "test_a_copy": [
        *("[10**5000]", "[Exception(10**5000)]", "original.append(original)"),
        *("[1, float('nan')]", "(1).conjugate"),
        f"{OS}._exit(0)",
    ],
    "test_a_sum": ["10**4000", "((1, 2), (3,))", "{1: (2,)}", "1e999", "1 / 0", "x"],
    "test_same_or_equal": ["((True, False), (True,))", "[[]]", "(True, False, 1)"],
}


def test_nothing_an_answer_does_makes_the_maximum_smaller(given, grader):
    entries = [
        Entry(place(given, n), fill) for n, fills in ODD.items() for fill in fills
    ]
    grader.judge(entries)
    assert [entry for entry in entries if not entry.kind.counts] == []


def test_skips_count_for_nobody(given, grader):
    grader.check()
    assert grader.skipped == {place(given, "test_lists_of_the_future")}


def test_the_grader_starts_again_and_blames_nobody(given, monkeypatch):
    """What is on its way when the warm process dies, twice, is not judged."""
    koan = place(given, "test_a_copy")
    killer = Entry(koan, "'bad luck'")
    send = Warm.send

    def sent(self, message):
        send(self, message)
        if killer.fill in message["fills"]:
            os.kill(self._process.pid, signal.SIGKILL)

    monkeypatch.setattr(Warm, "send", sent)
    others = [Entry(koan, f"list(original) + [{n}][1:]") for n in range(5)]
    with grading(given) as grader:
        grader.judge([others[0], killer, *others[1:]])
    assert killer.kind is Kind.UNGRADED
    assert "The grader failed" in killer.sentence
    assert {other.kind for other in others} == {Kind.PASSED}


def test_a_course_that_can_not_be_imported(tmp_path):
    broken = tiny_assignment(tmp_path / "tiny")
    path = broken.lessons[0].solution_path
    path.write_text(path.read_text().replace("\n\n\ndef", "\n\n1 / 0\n\n\ndef", 1))
    again = read(broken.course, broken.lessons)
    with (
        grading(again) as grader,
        pytest.raises(GraderError, match="ready: .*ZeroDivision"),
    ):
        grader.check()


def test_an_unknown_parameter():
    course = Course.load(HERE / "tiny_course")
    assert course is not None
    with (
        grading(read(course, select(course, None))) as grader,
        pytest.raises(GraderError, match="parameter size"),
    ):
        grader.check()


def test_the_environment_of_a_worker_is_small(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    assert "SECRET" not in workers.environment(tmp_path)
    assert workers.environment(tmp_path)["CUDA_VISIBLE_DEVICES"] == ""
