"""The path: what is next, what was just solved, and what is complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei.course import Course
from sensei.lesson import Lesson
from sensei.progress import Progress, Step, Stretch, progress
from sensei.verdicts import Kind, Verdict, merged


def course_at(root: Path) -> Course:
    return Course(root, root / "koans", root / "koans", root / "solutions")


COURSE = course_at(Path("/c"))
KINDS = {
    "p": Kind.PASSED,
    "s": Kind.SKIPPED,
    "b": Kind.BLANK,
    "r": Kind.REFUSED,
    "w": Kind.WRONG,
    "f": Kind.FAILED,
    "e": Kind.ERROR,
    "t": Kind.TIMEOUT,
    "c": Kind.CRASHED,
    "m": Kind.MISSING,
    "u": Kind.UNGRADED,
}
STOPPING = "brwfetcmu"


def lesson(number: int, codes: str) -> Stretch:
    """A lesson with one koan a letter: a verdict, or one that did not run
    (``.`` is filled in, ``_`` is blank)."""
    files = Lesson(COURSE, f"test_{number:02}_x")
    steps = tuple(
        Step(
            files,
            f"test_{number}{i}",
            None,
            Verdict(KINDS[code]) if code in KINDS else None,
            filled=code not in "_b",
        )
        for i, code in enumerate(codes)
    )
    return Stretch(files, None, steps)


def path(codes: str) -> Progress:
    """Lessons, with a blank between them: "pp pb"."""
    return Progress("", tuple(lesson(i, part) for i, part in enumerate(codes.split())))


def place(path: Progress, step: Step | None) -> int | None:
    return None if step is None else path.steps.index(step)


# --------------------------------------------------------------------------- steps


@pytest.mark.parametrize(
    ("code", "solved", "skipped", "stops"),
    [
        ("p", True, False, False),
        ("s", False, True, False),
        (".", False, False, False),
        ("_", False, False, False),
        *((code, False, False, True) for code in STOPPING),
    ],
)
def test_a_step_is_solved_skipped_or_stops(code, solved, skipped, stops):
    [step] = lesson(1, code).steps
    assert (step.solved, step.skipped, step.stops) == (solved, skipped, stops)


def test_every_kind_of_verdict_has_its_letter_here():
    assert set(KINDS.values()) == set(Kind)


# ----------------------------------------------------------------------- what is next


@pytest.mark.parametrize(
    ("codes", "following"),
    [
        ("pp", None),
        ("ps", None),
        ("s", None),
        ("pb_", 1),
        ("b__", 0),
        ("_pb", 2),  # of those that ran, the first that is not done
        ("pw b", 1),
        ("pp b_", 2),
        ("sb", 1),
        ("ps _", 2),  # with -k: the first blank, when all that ran is done
        ("p. _", 2),
        ("p.", None),  # filled, and not run: nothing is known to be wrong
        ("__", 0),
        ("._", 1),
        ("", None),
        *((f"p{code}_", 1) for code in STOPPING),
    ],
)
def test_the_next_koan(codes, following):
    walked = path(codes)
    assert place(walked, walked.next) == following


@pytest.mark.parametrize(
    ("codes", "solved"),
    [
        ("pp", 1),
        ("pb", 0),
        ("b", None),
        ("ppw_", 1),
        ("psb", 0),  # a skipped koan is passed over
        ("sb", None),
        ("ps", 0),
        ("s", None),
        ("p_b", None),  # the koan just behind did not run
        ("p.b", None),
        ("pp b_", 1),  # in the lesson before
        ("pp s b", 1),
        ("__ pb", 2),
        ("p.", 0),
        ("pp bb p_", 1),  # behind what is next, wherever else something was solved
        ("__ p_", 2),  # a later lesson was taken first
        (".p", 1),
        ("", None),
    ],
)
def test_the_koan_solved_just_before(codes, solved):
    walked = path(codes)
    assert place(walked, walked.last_solved) == solved


@pytest.mark.parametrize(
    ("codes", "done"),
    [
        ("pp b_", 0),
        ("pp", 0),
        ("pp pp", 1),
        ("pp pb", None),  # that lesson is still going on
        ("ps b", 0),
        ("sp b", 0),
        ("s b", None),  # nothing was solved
        ("pp s b", 0),
        ("_p b", None),
        (".p b", None),
        ("pw b", None),
        ("b", None),
        ("__ pp b", 1),
        ("", None),
    ],
)
def test_the_lesson_just_done(codes, done):
    walked = path(codes)
    expected = None if done is None else walked.stretches[done]
    assert walked.just_done == expected


# --------------------------------------------------------------------------- complete


@pytest.mark.parametrize(
    ("codes", "solved", "complete"),
    [
        ("pp", 2, True),
        ("ps", 1, True),
        ("s", 0, True),  # there is nothing here that this machine can run
        ("p.", 1, False),
        ("p_", 1, False),
        ("", 0, False),
        *((f"p{code}", 1, False) for code in STOPPING),
    ],
)
def test_a_lesson_is_complete_when_all_that_can_run_has_passed(codes, solved, complete):
    stretch = lesson(1, codes)
    assert (stretch.solved, stretch.complete) == (solved, complete)


@pytest.mark.parametrize(
    ("codes", "complete"),
    [("pp p", True), ("ps p", True), ("pp _", False), ("b pp", False), ("pp s", True)],
)
def test_the_path_is_complete_when_every_lesson_is(codes, complete):
    assert path(codes).complete is complete


def test_a_step_leads_back_to_its_lesson():
    walked = path("pp p b")
    assert [walked.stretch_of(step) for step in walked.steps] == [
        walked.stretches[0],
        walked.stretches[0],
        walked.stretches[1],
        walked.stretches[2],
    ]


# ----------------------------------------------------------------------------- merged


@pytest.mark.parametrize(
    ("codes", "result"),
    [
        ("", None),
        ("p", 0),
        ("s", 0),
        ("pp", 0),
        ("ps", 0),
        ("sp", 1),  # passed where it can run
        ("ss", 0),
        *((f"p{code}", 1) for code in STOPPING),
        *((f"{code}p", 0) for code in STOPPING),
        *((f"s{code}", 1) for code in STOPPING),
        ("we", 0),
        ("ew", 0),
        ("spw", 2),
    ],
)
def test_the_verdicts_of_several_devices_come_to_one(codes, result):
    verdicts = [Verdict(KINDS[code], str(i)) for i, code in enumerate(codes)]
    assert merged(iter(verdicts)) is (None if result is None else verdicts[result])


# ------------------------------------------------------------------------------- walk

NOTES = """
[lesson]
say = "a"
learned = "b"
caught = "c"
link = "d"
"""
KOAN = """
[{}]
asks = "assert 1 == __"
hints = ["a", "b", "c"]
because = "d"
link = "e"
mistakes = []
"""


@pytest.fixture
def course(tmp_path):
    return course_at(tmp_path)


def write(
    course: Course, name: str, *koans: str, source: str | None = None, part: str = ""
) -> Lesson:
    """A lesson with koans such as "test_a=1": its name and what fills it."""
    folder = course.koans / part
    folder.mkdir(parents=True, exist_ok=True)
    split = [koan.split("=") for koan in koans]
    text = "".join(f"def {n}(device):\n    assert 1 == {fill}\n" for n, fill in split)
    (folder / f"{name}.py").write_text(text if source is None else source)
    notes = NOTES + "".join(KOAN.format(n) for n, _ in split)
    (folder / f"{name}.toml").write_text(notes)
    return Lesson(course, name, part)


PASSED, WRONG, ERROR = (Verdict(k) for k in (Kind.PASSED, Kind.WRONG, Kind.ERROR))


def walk(
    course: Course, results: dict[tuple[Lesson, str], list[Verdict]]
) -> list[Progress]:
    by_id = {(lesson.relative, koan): had for (lesson, koan), had in results.items()}
    return progress(course, by_id)


def told(walked: Progress) -> list[tuple[str, str, bool]]:
    return [
        (s.name, s.verdict.kind if s.verdict else "", s.filled) for s in walked.steps
    ]


def test_a_walk_has_every_koan_of_a_part_in_order(course):
    one = write(course, "test_01_x", "test_b=1", "test_a=__")
    two = write(course, "test_02_x", "test_c=2", "test_d=__")
    [walked] = walk(
        course, {(two, "test_c"): [PASSED, WRONG], (one, "test_b"): [PASSED]}
    )
    assert told(walked) == [
        ("test_b", "passed", True),
        ("test_a", "", False),
        ("test_c", "wrong", True),
        ("test_d", "", False),
    ]
    assert [stretch.lesson.name for stretch in walked.stretches] == [one.name, two.name]
    assert [step.koan.name for step in walked.steps] == [n for n, *_ in told(walked)]


def test_a_walk_has_the_parts_that_were_touched_the_main_path_first(course):
    main = write(course, "test_01_x", "test_a=1")
    on = write(course, "test_10_x", "test_b=1", part="further_on")
    write(course, "test_20_x", "test_c=1", part="elsewhere")
    results = {(on, "test_b"): [PASSED], (main, "test_a"): [PASSED]}
    assert [walked.part for walked in walk(course, results)] == ["", "further_on"]
    only = {(on, "test_b"): [PASSED]}
    assert [walked.part for walked in walk(course, only)] == ["further_on"]
    assert walk(course, {}) == []


def test_a_lesson_whose_notes_cannot_be_used_has_the_koans_that_ran(course):
    lesson = write(course, "test_01_x", "test_a=1")
    lesson.notes_path.write_text("[lesson")
    [walked] = walk(course, {(lesson, "test_01_x"): [ERROR]})
    assert told(walked) == [("test_01_x", "error", False)]
    assert walked.stretches[0].work is None and walked.steps[0].koan is None


def test_a_lesson_that_is_gone_has_the_koans_that_ran(course):
    lesson = write(course, "test_01_x", "test_a=1")
    lesson.path.unlink()
    [walked] = walk(course, {(lesson, "test_a"): [PASSED]})
    assert told(walked) == [("test_a", "passed", False)]


@pytest.mark.parametrize(
    ("source", "a", "b"),
    [
        ("x = (", False, False),
        ("def test_a(device):\n    assert 1 == 1", True, False),
        ("def test_a(device):\n    assert (\ndef test_b(device): pass", False, True),
    ],
)
def test_what_is_gone_or_cannot_be_read_is_not_filled(course, source, a, b):
    lesson = write(course, "test_01_x", "test_a=1", "test_b=1", source=source)
    [walked] = walk(course, {(lesson, "test_a"): [ERROR]})
    assert told(walked) == [("test_a", "error", a), ("test_b", "", b)]
    assert walked.next.name == "test_a"


def test_a_step_was_tried_when_it_is_neither_blank_nor_done():
    untried = "psb._"
    steps = lesson(1, "".join(KINDS) + "._").steps
    tried = {
        code: step.tried for code, step in zip([*KINDS, ".", "_"], steps, strict=True)
    }
    assert {code for code, was in tried.items() if not was} == {*untried}
