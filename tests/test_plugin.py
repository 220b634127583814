"""The pytest plugin on a tiny course in plain Python: verdicts, the path, marks."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from sensei.verdicts import Kind, Verdict
from tiny import TinyCourse

#: koan, its fill (None: left blank), the verdict, its sentence
VERDICTS = [
    ("test_a_sum", None, "blank", "put what you expect in place of __"),
    ("test_a_sum", "7900", "wrong", "That leaves the last part out."),
    ("test_a_sum", "-1", "wrong", "That does not hold."),
    ("test_a_sum", "sum(parts)", "refused", "`sum(parts)` calls something."),
    ("test_a_sum", "parts", "refused", "`parts` is not a value you can write down."),
    ("test_a_sum", "9 ** 9 ** 9", "refused", "This number is too big"),
    (
        "test_who_grew",
        "[2, 3, size + 2]",
        "wrong",
        "first and second are the same list",
    ),
    ("test_who_grew", "[size + 1, 0, 0]", "wrong", "Entries 2 and 3 do not hold."),
    (
        "test_same_or_equal",
        "[True, True, True]",
        "wrong",
        "2 of the 3 entries hold, each in its place.",
    ),
    ("test_counting_letters", "{'k': 2, 'a': 9, 'y': 1}", "wrong", '"a" does not'),
    ("test_a_tenth_three_times", "3", "wrong", "That is how many there are."),
    ("test_a_copy", None, "blank", "put your code in place of __"),
    ("test_a_copy", "original", "failed", "the same list by a second name"),
    ("test_a_copy", "None", "error", "raises AttributeError"),
    ("test_only_the_even", "number % 2", "failed", "That keeps the odd ones."),
    ("test_running_totals", "total += number", "failed", "Nothing is noted."),
    ("test_running_totals", "totals.append(undefined)", "refused", "is no name of"),
    ("test_running_totals", "totals.append([][1])", "error", "raises IndexError"),
]
BY_KOAN = {
    koan: [told for name, *told in VERDICTS if name == koan] for koan, *_ in VERDICTS
}
#: each verdict in one of them, and of each koan one in a run
ROUNDS = [
    {koan: told[i] for koan, told in BY_KOAN.items() if i < len(told)}
    for i in range(max(map(len, BY_KOAN.values())))
]


def at(tiny: TinyCourse, koan: str, fill: str | None) -> None:
    """Bring the course to a koan, with this in its blank."""
    tiny.solve_before(koan)
    if fill is not None:
        tiny.fill(koan, fill)


# -------------------------------------------------------------------- verdicts


@pytest.mark.parametrize("told", ROUNDS, ids=range(len(ROUNDS)))
def test_a_verdict_is_in_junit_and_the_next_is_on_screen(tiny, told):
    tiny.solve(*(koan for koan in tiny.path if koan not in told))
    for koan, (fill, *_) in told.items():
        tiny.fill(koan, fill or "__")
    ran = tiny.run("--maxfail=0", "--junitxml=junit.xml")
    assert ran.ret == 1 and ran.next == next(iter(told))
    ran.is_sound()
    fill, kind, sentence = told[ran.next]
    ran.says(f"{kind} ", sentence, *([f"you wrote: {fill}"] if fill else []))
    verdicts = {name.partition("[")[0]: one for name, one in tiny.told().items()}
    assert [*verdicts] == tiny.path
    for koan, verdict in verdicts.items():
        fill, kind, sentence = told.get(koan, (verdict.wrote, "passed", ""))
        assert (verdict.kind, verdict.wrote) == (kind, fill or "")
        assert sentence in verdict.sentence


def test_a_skip_keeps_its_reason_and_is_not_done(tiny):
    tiny.solve("test_lists_of_the_future", "test_a_default_that_stays")
    ran = tiny.run("koans/further_on", "--maxfail=0")
    ran.says("1 of 3 koans solved")
    ran.says("not run here: test_lists_of_the_future: needs Python 99 or newer")
    tiny.solve("test_not_with_three")
    ran = tiny.run("koans/further_on", sugar=True)
    ran.says("2 of 3 koans solved", "You have reached the end of the path.")
    assert ran.ret == 0


def test_a_skip_that_was_given_leaves_the_koan_on_the_other_size(tiny):
    tiny.solve("test_not_with_three")
    verdicts = tiny.junit("koans/further_on", "-k", "three")
    assert verdicts == {
        "test_not_with_three[pair]": "passed",
        "test_not_with_three[triple]": "skipped",
    }


# ---------------------------------------------------------------- the path


def test_next_goes_forward_koan_by_koan_to_the_ending(tiny):
    """The koan behind is named before it, and a lesson when it is done."""
    behind = ""
    for koan in tiny.path:
        ran = tiny.run()
        assert ran.ret == 1 and ran.next == koan
        if behind:
            solved = ran.screen.index(f" solved  {behind}")
            assert solved < ran.screen.index(" next ")
            ran.says(f"solved  {behind} {tiny.koan(behind).note.because}")
        if koan == "test_counting_letters":
            ran.says("lesson 01, two names", "own words: When do two names share")
        else:
            assert "In your own words" not in ran.screen
        tiny.solve(koan)
        behind = koan
    ran = tiny.run()
    assert ran.ret == 0 and ran.next == ""
    ran.says(
        "8 of 8 koans solved", "the end of the path", "all there is to this course"
    )


def test_a_solved_path_is_solved_where_solutions_are_withheld(tiny):
    tiny.solve(*tiny.path)
    tiny.withhold_solutions()
    ran = tiny.run()
    assert ran.ret == 0 and ran.next == ""
    ran.says("8 of 8 koans solved")


def test_the_first_that_does_not_pass_is_next(tiny):
    """However far a learner has got elsewhere."""
    tiny.solve(*tiny.path[3:])
    assert tiny.run().next == "test_a_sum"


def test_two_sizes_come_one_after_the_other(tiny):
    tiny.solve(*tiny.path)
    order = list(tiny.junit())
    assert order[1:3] == ["test_who_grew[pair]", "test_who_grew[triple]"]
    assert [name.partition("[")[0] for name in order] == [
        koan for koan in tiny.path for _ in range(1 + (f"{koan}[pair]" in order))
    ]


def test_a_koan_wrong_on_one_size_only_is_wrong(tiny):
    at(tiny, "test_who_grew", "[3, 3, 4]")
    ran = tiny.run()
    assert ran.next == "test_who_grew"
    ran.says("1 of 8 koans solved", "wrong")


# ------------------------------------------------------------------ parts of it


PARTIAL = {
    "-k": (("-k", "changing"), True),
    "node id": (("koans/test_02_changing_lists.py::test_counting_letters",), False),
    "file": (("koans/test_02_changing_lists.py",), True),
}


@pytest.mark.parametrize(("args", "sugar"), PARTIAL.values(), ids=PARTIAL)
def test_a_partial_run_counts_all_and_says_so(tiny, args, sugar):
    tiny.solve(*tiny.path[:4])
    ran = tiny.run(*args, sugar=sugar)
    ran.says("1 of 8 koans solved", "3 more filled in")
    assert ran.next == "test_a_tenth_three_times"


def test_last_failed(tiny):
    tiny.solve_before("test_a_copy")
    tiny.run()
    ran = tiny.run("--lf")
    assert ran.next == "test_a_copy"
    ran.says("0 of 8 koans solved", "5 more filled in")


def test_further_on_is_run_when_it_is_named(tiny):
    tiny.solve(*tiny.path)
    for args in [(), ("koans",)]:
        ran = tiny.run(*args)
        assert ran.ret == 0 and "odd_lists" not in ran.text
    ran = tiny.run("koans/further_on")
    assert ran.next == "test_not_with_three"
    assert "\n further on\n" in ran.screen
    assert "two names" not in ran.screen


@pytest.mark.parametrize(
    ("args", "failures"),
    [
        ((), 1),
        (("koans",), 1),
        (("koans/test_01_two_names.py::test_a_sum", "koans/further_on"), 1),
        (("--maxfail=2",), 2),
        (("--maxfail=0",), 11),
        (("solutions",), 2),
        (("koans", "solutions"), 13),
        (("-x", "solutions"), 1),
        pytest.param(("-n2", "koans", "solutions"), 13, marks=pytest.mark.slow),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_koans_alone_stop_at_the_first_that_fails(tiny, args, failures):
    """If nobody says otherwise; what is for developers goes on."""
    for koan, right, wrong in [
        ("test_a_sum", "7919", "7000"),
        ("test_a_copy", "list(original)", "original"),
    ]:
        path = tiny.lesson(koan).solution_path
        text = path.read_text("utf-8")
        assert text.count(right) == 1
        path.write_text(text.replace(right, wrong), "utf-8")
    ran = tiny.run(*args)
    assert f" {failures} failed" in ran.text
    assert "koans" not in args or ran.next == "test_a_sum"


def test_a_run_inside_a_test_leaves_the_koans_of_the_run_around_it_alone(tiny):
    tiny.solve(*tiny.path)
    text = "import pytest\n\n\ndef test_it():\n    assert pytest.main(['koans']) == 0\n"
    (tiny.root / "test_a_run.py").write_text(text)
    ran = tiny.run("test_a_run.py", "koans")
    assert "12 passed" in ran.text and ran.ret == 0


def test_no_screen_for_solutions(tiny):
    ran = tiny.run("solutions", "solutions/further_on")
    assert ran.ret == 0 and "the path" not in ran.text
    both = tiny.run("koans", "solutions", "--maxfail=0")
    both.says("0 of 8 koans solved")


# ------------------------------------------------------------- a blank never passes

BLANKS = {
    "unused": ("waste = __", "waste = __"),
    "is not": ("assert parts is not __", "assert parts is not __"),
    "or": ("assert True or __", "assert True or __"),
    "in raises": (
        "with pytest.raises(Exception):\n        raise ValueError(__)",
        "with pytest.raises(Exception):\n    raise ValueError(__)",
    ),
    "argument": ("parts.sort(reverse=__)", "parts.sort(reverse=__)"),
    "after return": ("return\n    __", "return\n__"),
    "in a function": ("def never():\n        __", "def never():\n    __"),
}


@pytest.mark.parametrize(("body", "asks"), BLANKS.values(), ids=BLANKS)
def test_a_blank_never_passes(tiny, body, asks):
    """With solutions and, where they are withheld, by what the notes say."""
    lesson = tiny.lesson("test_a_sum")
    checked = f"{body}\n    assert sum(parts) == 7919"
    tiny.edit("test_a_sum", "assert sum(parts) == __", checked)
    tiny.edit("test_a_sum", "from sensei", "import pytest\nfrom sensei")
    notes = lesson.notes_path.read_text("utf-8")
    old = 'asks = "assert sum(parts) == __"'
    assert notes.count(old) == 1
    lesson.notes_path.write_text(notes.replace(old, f'asks = """{asks}"""'), "utf-8")
    new = lesson.path.read_text("utf-8").replace(body, body.replace("__", "1"))
    lesson.solution_path.write_text(new, "utf-8")
    ran = tiny.run()
    assert ran.ret == 1 and ran.next == "test_a_sum"
    ran.says("blank ", "in place of __")
    tiny.withhold_solutions()
    withheld = tiny.work("test_a_sum").attempt(tiny.koan("test_a_sum"))
    assert isinstance(withheld, Verdict) and withheld.kind is Kind.BLANK


# ------------------------------------------------------------ marks excuse nothing

MARKS = {
    "skip": "@pytest.mark.skip",
    "skip because": '@pytest.mark.skip(reason="hard")',
    "skipif": '@pytest.mark.skipif(True, reason="hard")',
    "xfail": "@pytest.mark.xfail",
    "xfail unrun": "@pytest.mark.xfail(run=False)",
    "xfail strict": "@pytest.mark.xfail(strict=True)",
}
IMPORT = "from sensei import __\n"


def test_a_mark_of_the_learner_excuses_nothing(tiny):
    """Each on a koan of its own. Nor where solutions are withheld; there a given
    condition can't be told from one of the learner's, and counts.
    """
    for koan, mark in zip(tiny.path, MARKS.values(), strict=False):
        tiny.edit(koan, f"def {koan}(", f"{mark}\ndef {koan}(")
    for koan in ("test_a_sum", "test_a_copy"):
        tiny.edit(koan, IMPORT, f"import pytest\n{IMPORT}")
    blank = {path: path.read_text("utf-8") for path in tiny.main.glob("*.py")}
    assert counted(tiny) == ("11 failed", ["blank"] * 8)
    tiny.solve(*tiny.path)
    changed, others = ["error"] * 6, ["passed"] * 2
    assert counted(tiny) == ("7 failed, 4 passed", changed + others)
    tiny.withhold_solutions()
    assert counted(tiny) == ("4 passed, 1 skipped, 6 errors", changed[1:] + others)
    for path, text in blank.items():
        path.write_text(text, "utf-8")
    left = ["blank"] * 2
    assert counted(tiny) == ("4 failed, 1 skipped, 6 errors", changed[1:] + left)


def counted(tiny: TinyCourse) -> tuple[str, list[str]]:
    """What pytest counts in a run of the whole board, and each koan's verdict."""
    ran = tiny.run("--maxfail=0", "--junitxml=junit.xml")
    assert ran.ret == 1 and ran.next == "test_a_sum"
    kinds = {name.partition("[")[0]: kind for name, kind in tiny.verdicts().items()}
    [said] = re.findall(r"= (.*) in \S+s =", ran.text)
    return said, [*kinds.values()]


def test_a_mark_on_the_whole_file_has_no_effect(tiny):
    """One on the first lesson, and the others on the second."""
    first, *rest = (mark.removeprefix("@") for mark in MARKS.values())
    marks = {"test_a_sum": first, "test_a_copy": f"[{', '.join(rest)}]"}
    for koan, mark in marks.items():
        tiny.edit(koan, IMPORT, f"import pytest\npytestmark = {mark}\n{IMPORT}")
    assert counted(tiny) == ("11 failed", ["blank"] * 8)
    tiny.solve(*tiny.path)
    ran = tiny.run()
    ran.says("8 of 8 koans solved")
    assert " 11 passed in " in ran.text


# ------------------------------------------------------------------- the engine


def test_the_engine_knows_nothing_of_gradients():
    code = "import sys, sensei.plugin; print('torch' in sys.modules)"
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said.strip() == "False"


def test_a_file_is_never_written_to(tiny):
    at(tiny, "test_a_copy", "original")
    before = tiny.hashes()
    assert len(before) == 15
    for args in [("--maxfail=0",), ("--hint", "--reveal")]:
        tiny.run(*args)
    assert tiny.hashes() == before


def test_a_test_that_is_no_koan_is_left_alone(tiny):
    """In a file of its own, it runs as pytest runs it."""
    (tiny.root / "test_other.py").write_text("def test_two():\n    assert 1 == 2\n")
    ran = tiny.run("test_other.py")
    assert ran.ret == 1 and "assert 1 == 2" in ran.text
    assert "the path" not in ran.text


BAD_SETTINGS = {
    "seconds = 0": "seconds: a number above 0",
    "second = 1": "does not know second",
    "seconds = ": "pyproject.toml: Invalid value",
    "preload = 'json'": "preload: a list of modules",
    "notes = 3": "notes: a text",
    "state = 'course.no_such'": "names course.no_such, and there is no",
}


@pytest.mark.parametrize(("line", "says"), BAD_SETTINGS.items(), ids=BAD_SETTINGS)
def test_settings_that_cannot_be_used(tiny, line, says):
    settings = tiny.root / "pyproject.toml"
    settings.write_text(f"{settings.read_text('utf-8')}\n{line}\n", "utf-8")
    ran = tiny.run()
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    assert says in ran.text and "Traceback" not in ran.text


@pytest.mark.parametrize("name", ["free.toml", "roles.toml"])
def test_a_list_that_cannot_be_used(tiny, name):
    (tiny.root / name).write_text("no_such = []\n")
    ran = tiny.run()
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    assert f"{name}: does not know no_such" in ran.text


def test_a_time_limit_that_is_none(tiny):
    for value in ("0", "-1", "nan"):
        ran = tiny.run(f"--koan-seconds={value}")
        assert ran.ret == pytest.ExitCode.USAGE_ERROR
        assert "--koan-seconds: a number above 0" in ran.text
