"""A lesson: what counts as given, where a fill stands, and putting one back."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei import blanks
from sensei.blanks import Fill, Unreadable
from sensei.lesson import Given, Lesson, NotAsGiven, Source, find_fill, replaced
from sensei.notes import LessonNotes, Note

quick = settings(max_examples=60, deadline=None, database=None)

SOLUTION = '''"""01  Adding

1 + 1 is 2.
"""

import math
from math import pi, tau
from sensei import __

WEIGHTS = [1, 2]


def total(items):
    return sum(items)


def test_sum(device):
    """Two numbers — “a” and b.
    What is their sum?"""
    a, b = 1, 2

    assert a + b == 3


def test_loop(device, unit=1):
    """Three rounds."""
    done = []
    for i in range(3):
        done.append(i)
        done.append(math.pi)
    assert len(done) == 6


@staticmethod
def test_condition(device):
    é = 4
    if é > 3:
        total([é])
    assert é
'''
ASKS = {
    "test_sum": "assert a + b == __",
    "test_loop": "for i in range(3):\n    __",
    "test_condition": "if __: ...",
}


def note(name: str, asks: str) -> Note:
    return Note(name, asks, ("a", "b", "c"), "So it is.", (), "https://example.org")


NOTES = LessonNotes("a", "b", "c", "d", {n: note(n, a) for n, a in ASKS.items()})
GIVEN_TEXT = (
    SOLUTION.replace("== 3", "== __")
    .replace("done.append(i)\n        done.append(math.pi)", "__")
    .replace("if é > 3", "if __")
)


def lesson(text: str | bytes, *, with_solution: bool = True) -> Lesson:
    given_ = Given(Source(SOLUTION), NOTES) if with_solution else None
    return Lesson(Path("test_01_adding.py"), NOTES, Source(text), given_)


def edited(*changes: tuple[str, str]) -> str:
    text = SOLUTION
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def line_of(text: str, part: str) -> int:
    return next(i for i, line in enumerate(text.split("\n"), 1) if part in line)


def not_as_given(text: str, name: str, **how: bool) -> NotAsGiven:
    with pytest.raises(NotAsGiven) as caught:
        lesson(text, **how).fill(name)
    return caught.value


# ------------------------------------------------------------------------ a source


def test_the_koans_are_the_test_functions_of_the_file_in_order():
    text = "def test_b(): a\nclass A:\n    def test_c(self): a\n"
    text += "async def test_a(): a\ndef f(): a"
    assert list(Source(text).koans) == ["test_b", "test_a"]


def test_a_koan_that_is_there_twice_is_found_twice():
    found = Source("def test_a(): a\ndef test_a(): b").koans
    assert [node.lineno for node in found["test_a"]] == [1, 2]


def test_the_question_is_the_docstring_of_a_koan():
    source = Source(SOLUTION)
    assert source.question("test_sum") == "Two numbers — “a” and b.\nWhat is their sum?"
    assert source.question("test_condition") == source.question("test_gone") == ""


def test_a_source_is_read_from_bytes_with_or_without_a_byte_order_mark():
    plain, marked = (
        Source(SOLUTION.encode()),
        Source(b"\xef\xbb\xbf" + SOLUTION.encode()),
    )
    assert plain.decoded == marked.decoded == SOLUTION
    assert list(plain.koans) == list(marked.koans) == list(ASKS)


def test_a_file_is_read_as_it_stands(tmp_path):
    path = tmp_path / "test_01.py"
    path.write_bytes("é = 1\r\n".encode())
    assert Source.read(path).decoded == "é = 1\r\n"
    path.write_bytes(b"b = 1")
    assert Source.read(path).decoded == "b = 1"


@pytest.mark.parametrize(
    "text", ["x = (", b"\xff", "x = '\ud800'"], ids=["(", "ff", "d8"]
)
def test_what_cannot_be_read_shows_when_it_is_used(text):
    source = Source(text)
    for use in (
        lambda: source.tree,
        lambda: source.koans,
        lambda: source.question("a"),
    ):
        with pytest.raises(Unreadable):
            use()


# ------------------------------------------------------------------- what was given


def test_the_lesson_as_given_is_the_solution_with_its_fills_blanked():
    assert Given(Source(SOLUTION), NOTES).text() == GIVEN_TEXT


def test_the_lesson_as_given_keeps_the_line_ends_of_windows():
    given_ = Given(Source(SOLUTION.replace("\n", "\r\n").encode()), NOTES)
    assert given_.text() == GIVEN_TEXT.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("name", "fill"),
    [
        ("test_sum", "3"),
        ("test_loop", "done.append(i)\ndone.append(math.pi)"),
        ("test_condition", "é > 3"),
    ],
)
def test_a_koan_as_given_has_one_blank_and_its_fill_is_known(name, fill):
    given_ = Given(Source(SOLUTION), NOTES)
    assert given_.fill(name).text == fill
    assert len(blanks.find_blanks(given_.function(name))) == 1
    assert given_.fill(name).text == fill  # when asked again, too


def test_a_koan_as_given_is_what_stands_in_the_lesson_as_given():
    given_ = Given(Source(SOLUTION), NOTES)
    for name, [function] in Source(GIVEN_TEXT).koans.items():
        assert ast.dump(given_.function(name)) == ast.dump(function)


def test_blanking_leaves_the_solution_of_others_alone():
    solution = Source(SOLUTION)
    Given(solution, NOTES).function("test_sum")
    assert blanks.find_blanks(solution.tree) == []


def test_a_solution_without_the_koan_says_so():
    with pytest.raises(NotAsGiven, match="the solution has no test_sum"):
        Given(Source("import math"), NOTES).fill("test_sum")


# ------------------------------------------------------------------ fills are found


@pytest.mark.parametrize("with_solution", [True, False])
@pytest.mark.parametrize("name", list(ASKS))
def test_the_solution_fills_every_koan(name, with_solution):
    mine = lesson(SOLUTION, with_solution=with_solution)
    assert mine.fill(name).text == Given(Source(SOLUTION), NOTES).fill(name).text


@pytest.mark.parametrize("with_solution", [True, False])
@pytest.mark.parametrize(
    ("name", "old", "new", "fill"),
    [
        ("test_sum", "== 3", "== [1, 2]", "[1, 2]"),
        ("test_sum", "== 3", "== (a <\n        b)", "a < b"),
        ("test_sum", "== 3", "== __", "__"),
        ("test_loop", "done.append(i)\n", "", "done.append(math.pi)"),
        (
            "test_loop",
            "done.append(i)\n",
            "for i in range(3):\n            a\n",
            "for i in range(3):\n    a\ndone.append(math.pi)",
        ),
        ("test_condition", "é > 3", "True and not é", "True and (not é)"),
    ],
)
def test_whatever_fills_the_blank_is_found(name, old, new, fill, with_solution):
    text = edited((old, new))
    if name == "test_loop":
        text = text.replace("        " + "        done", "        done")
    assert lesson(text, with_solution=with_solution).fill(name).text == fill


def test_a_blank_that_is_left_is_found_with_its_line():
    mine = lesson(GIVEN_TEXT)
    assert mine.blank_line("test_sum") == line_of(GIVEN_TEXT, "== __")
    assert mine.blank_line("test_loop") == line_of(GIVEN_TEXT, "        __")
    assert lesson(SOLUTION).blank_line("test_sum") is None
    assert mine.blank_line("test_gone") is None


def test_a_blank_in_the_second_of_two_koans_of_one_name_is_found():
    text = SOLUTION + "\ndef test_sum(device):\n    assert 1 == __\n"
    assert lesson(text).blank_line("test_sum") == len(text.split("\n")) - 1


def test_a_koan_has_a_line_as_long_as_it_is_there():
    mine = lesson(SOLUTION)
    assert mine.line("test_sum") == line_of(SOLUTION, "def test_sum")
    assert mine.line("test_gone") == 1
    assert lesson("x = (").line("test_sum") == 1


def test_a_file_that_cannot_be_read_has_no_readable_koans():
    assert list(lesson(SOLUTION).readable_koans) == list(ASKS)
    assert list(lesson("x = (").readable_koans) == []


@pytest.mark.parametrize("with_solution", [True, False])
def test_asks_that_fit_twice_are_told_with_both_lines(with_solution):
    text = edited(
        ("    assert a + b == 3", "    assert a + b == 3\n    assert a + b == 4")
    )
    first = line_of(text, "== 3")
    change = not_as_given(text, "test_sum", with_solution=with_solution)
    assert change.line == first + 1
    if not with_solution:
        assert (
            f"is there more than once, at lines {first}, {first + 1}" in change.reason
        )


def test_asks_that_fit_nowhere_are_told_with_the_line_of_the_koan():
    text = edited(("a + b == 3", "b + a == 3"))
    change = not_as_given(text, "test_sum", with_solution=False)
    assert change.reason == "expected here: assert a + b == __"
    assert change.line == line_of(text, "def test_sum")


def test_find_fill_needs_no_other_copy_of_the_koan():
    [function] = Source(SOLUTION).koans["test_sum"]
    assert find_fill(note("test_sum", "a, b = __"), function).text == "(1, 2)"


# ----------------------------------------------------------------- free, and not free


@pytest.mark.parametrize(
    "changes",
    [
        [("from sensei import __\n", "")],
        [("import math\n", "")],
        [("from math import pi, tau", "from math import tau, pi")],
        [("from math import pi, tau", "from math import tau")],
        [("from math import pi, tau", "from math import (\n    pi,\n    tau,\n)")],
        [("from math import pi, tau", "from math import pi\nfrom math import tau")],
        [
            (
                "import math\nfrom math import pi, tau\nfrom sensei import __\n",
                "from sensei import __\nfrom math import pi, tau\nimport math\n",
            )
        ],
        [
            ("import math\n", ""),
            ("WEIGHTS = [1, 2]\n", "WEIGHTS = [1, 2]\nimport math\n"),
        ],
        [("WEIGHTS = [1, 2]", "WEIGHTS = [1,\n           2]  # kilos")],
        [('"""01  Adding\n\n1 + 1 is 2.\n"""\n', "")],
        [("01  Adding", "my own head")],
        [("    What is their sum?", "    I don't know.")],
        [("    a, b = 1, 2", "    print('here')\n    a, b = (1, 2)\n    print(a, b)")],
        [("WEIGHTS = ", "print('hello')\nWEIGHTS = ")],
        [
            (
                "def test_loop",
                "def test_of_my_own(device):\n    assert a\n\n\ndef test_loop",
            )
        ],
    ],
    ids=lambda changes: changes[0][1][:30] or changes[0][0][:30] + " gone",
)
def test_what_editors_and_learners_do_by_the_way_is_free(changes):
    mine = lesson(edited(*changes))
    assert [mine.fill(name).text for name in ("test_sum", "test_condition")] == [
        "3",
        "é > 3",
    ]


def test_the_koans_may_come_in_another_order():
    head, first, *rest = SOLUTION.split("\n\n\ndef test_")
    text = "\n\n\ndef test_".join([head, *rest]) + f"\n\n\ndef test_{first}\n"
    assert text.index("test_loop") < text.index("test_sum")
    assert lesson(text).fill("test_sum").text == "3"


def test_line_ends_of_windows_and_tabs_are_free():
    text = SOLUTION.replace("\n", "\r\n").replace("    ", "\t")
    assert lesson(text.encode()).fill("test_condition").text == "é > 3"


@pytest.mark.parametrize(
    ("old", "new", "where", "reason"),
    [
        (
            "a, b = 1, 2",
            "a, b = 1, 3",
            "a, b = 1, 3",
            "expected `a, b = (1, 2)`, found `a, b = (1, 3)`",
        ),
        (
            "    a, b = 1, 2\n",
            "",
            "== 3",
            "expected `a, b = (1, 2)`, found `assert a + b == 3`",
        ),
        (
            "a + b == 3",
            "b + a == 3",
            "b + a",
            "expected `assert a + b == __`, found `assert b + a == 3`",
        ),
        ("a + b == 3", "a + b != 3", "a + b", "expected `assert a + b == __`"),
        (
            "assert a + b == 3",
            "a + b == 3",
            "a + b ==",
            "expected `assert a + b == __`, found `a + b == 3`",
        ),
        ("a + b == 3", "a + b == 3, 4", "a + b ==", "expected `assert a + b == __`"),
        (
            "    assert a + b == 3\n",
            "",
            "a, b = 1, 2",
            "`assert a + b == __` is missing",
        ),
        (
            "test_sum(device)",
            "test_sum()",
            "def test_sum",
            "expected `def test_sum(device):`, found `def test_sum():`",
        ),
        (
            "test_sum(device)",
            "test_sum(device, x=1)",
            "def test_sum",
            "found `def test_sum(device, x=1):`",
        ),
        (
            "test_sum(device)",
            "test_sum(device=1)",
            "def test_sum",
            "found `def test_sum(device=1):`",
        ),
        (
            "test_sum(device)",
            "test_sum(device: str)",
            "def test_sum",
            "found `def test_sum(device: str):`",
        ),
        (
            "test_sum(device):",
            "test_sum(device) -> int:",
            "def test_sum",
            "found `def test_sum(device) -> int:`",
        ),
        (
            "def test_sum",
            "async def test_sum",
            "def test_sum",
            "found `async def test_sum(device):`",
        ),
        (
            "def test_sum",
            "@skip\ndef test_sum",
            "@skip",
            "expected `def test_sum(device):`, found `@skip`",
        ),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_change_outside_the_blank_is_told_with_line_and_reason(
    old, new, where, reason
):
    text = edited((old, new))
    change = not_as_given(text, "test_sum")
    assert reason in change.reason
    assert (change.line, change.in_koan) == (line_of(text, where), True)


def test_an_added_statement_is_told_with_its_line():
    text = edited(("a + b == 3\n", "a + b == 3\n    added\n"))
    change = not_as_given(text, "test_sum")
    assert (change.reason, change.line) == (
        "`added` was not given",
        line_of(text, "added"),
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "@staticmethod\n",
            "",
            "expected `@staticmethod`, found `def test_condition(device):`",
        ),
        ("@staticmethod\n", "@staticmethod\n@skip\n", "something in `@staticmethod`"),
        (
            "@staticmethod\n",
            "@classmethod\n",
            "expected `@staticmethod`, found `@classmethod`",
        ),
        (
            "        total([é])\n    assert é",
            "        total([é])\n    else:\n        a\n    assert é",
            "`a` was not given",
        ),
    ],
)
def test_decorators_and_branches_are_as_given(old, new, said):
    assert said in not_as_given(edited((old, new)), "test_condition").reason


def test_a_changed_default_is_not_as_given():
    text = edited(("unit=1", "unit=2"))
    change = not_as_given(text, "test_loop")
    assert change.reason == (
        "expected `def test_loop(device, unit=1):`, "
        "found `def test_loop(device, unit=2):`"
    )
    assert change.line == line_of(text, "def test_loop")


def test_a_decorator_over_a_koan_with_many_statements_in_its_blank_is_blamed():
    text = edited(("def test_loop", "@skip\ndef test_loop"))
    assert not_as_given(text, "test_loop").line == line_of(text, "@skip")


def test_a_change_in_one_koan_leaves_the_others_alone():
    mine = lesson(edited(("a, b = 1, 2", "a, b = 5, 2"), ("range(3)", "range(4)")))
    assert mine.fill("test_condition").text == "é > 3"


def test_a_koan_that_is_gone_is_told():
    text = SOLUTION[: SOLUTION.index("@staticmethod")]
    change = not_as_given(text, "test_condition")
    assert change.reason == "test_condition is not there any more"
    assert (change.line, change.in_koan) == (1, True)


def test_a_koan_that_was_renamed_is_told_with_what_is_new():
    change = not_as_given(edited(("test_sum", "test_summe")), "test_sum")
    assert change.reason == (
        "test_sum is not there any more (test_summe is new: was it renamed?)"
    )


def test_a_koan_that_is_there_twice_is_told_with_both_lines():
    text = SOLUTION + "\n\ndef test_sum(device):\n    pass\n"
    first, second = line_of(text, "def test_sum"), text.count("\n") - 1
    change = not_as_given(text, "test_sum")
    assert change.reason == f"test_sum is there twice, at lines {first} and {second}"
    assert change.line == second


@pytest.mark.parametrize(
    ("old", "new", "where", "reason"),
    [
        (
            "import math\n",
            "import math\nimport os\n",
            "import os",
            "`import os` was not given",
        ),
        (
            "import math\n",
            "import math as m\n",
            "as m",
            "`import math as m` was not given",
        ),
        ("pi, tau", "pi, e", "pi, e", "`from math import e` was not given"),
        (
            "pi, tau",
            "pi, tau as e",
            "as e",
            "`from math import tau as e` was not given",
        ),
        (
            "from math import",
            "from .math import",
            ".math",
            "`from .math import pi` was not given",
        ),
        (
            "from math import pi, tau",
            "from math import *",
            "*",
            "`from math import *` was not given",
        ),
        (
            "WEIGHTS = [1, 2]",
            "WEIGHTS = [1, 3]",
            "[1, 3]",
            "expected `WEIGHTS = [1, 2]`",
        ),
        (
            "WEIGHTS = [1, 2]\n",
            "",
            "def total",
            "expected `WEIGHTS = [1, 2]`, found `def total(items):`",
        ),
        (
            "sum(items)",
            "0",
            "return 0",
            "expected `return sum(items)`, found `return 0`",
        ),
        ("def total", "def totals", "def totals", "found `def totals(items):`"),
        ("def total", "@cache\ndef total", "@cache", "found `@cache`"),
        ("assert é\n", "assert é\n\nmore = 1\n", "more", "`more = 1` was not given"),
        (
            "assert é\n",
            "assert é\n\ntest_sum = test_loop\n",
            "test_sum =",
            "was not given",
        ),
        (
            "WEIGHTS =",
            "if WEIGHTS:\n    import os\nWEIGHTS =",
            "if WEI",
            "found `if WEIGHTS:`",
        ),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_change_around_the_koans_is_told_for_what_it_is(old, new, where, reason):
    text = edited((old, new))
    change = not_as_given(text, "test_condition")
    assert reason in change.reason
    assert (change.line, change.in_koan) == (line_of(text, where), False)


def test_a_helper_that_is_gone_is_missing_at_the_end_of_what_is_left():
    text = edited(("\n\ndef total(items):\n    return sum(items)\n", ""))
    change = not_as_given(text, "test_sum")
    assert change.reason == "`def total(items):` is missing"
    assert (change.line, change.in_koan) == (line_of(text, "WEIGHTS"), False)


def test_without_the_solution_only_what_is_asked_is_looked_at():
    text = edited(("a, b = 1, 2", "a, b = 1, 3"), ("import math\n", "import os\n"))
    assert lesson(text, with_solution=False).fill("test_sum").text == "3"


def test_a_lesson_is_read_from_its_files(tmp_path):
    table = "\n".join(
        f"[{name}]\nasks = {ascii(asks)[1:-1]!r}".replace("'", '"')
        + '\nhints = ["a", "b", "c"]\nbecause = "d"\nlink = "e"\nmistakes = []\n'
        for name, asks in ASKS.items()
    )
    (tmp_path / "x.toml").write_text(
        '[lesson]\nsay = "a"\nlearned = "b"\ncaught = "c"\nlink = "d"\n'
        + table.replace("\\\\n", "\\n")
    )
    (tmp_path / "x.py").write_text(edited(("== 3", "== 4")), "utf-8")
    (tmp_path / "solution.py").write_text(SOLUTION, "utf-8")
    paths = tmp_path / "x.py", tmp_path / "x.toml"
    mine = Lesson.read(*paths, tmp_path / "solution.py")
    assert (mine.fill("test_sum").text, mine.given.fill("test_sum").text) == ("4", "3")
    assert mine.path == paths[0]
    for solution in (None, tmp_path / "gone.py"):
        assert Lesson.read(*paths, solution).given is None
    with pytest.raises(OSError):
        Lesson.read(tmp_path / "gone.py", paths[1], None)


# ---------------------------------------------------------------------- replacing


def first_fill(source: str, asks: str) -> Fill:
    [fit] = blanks.locate(blanks.parse(asks).body, blanks.parse(source))
    return fit.fills[0]


def put(source: str, asks: str, new: str) -> str:
    return replaced(source, [(first_fill(source, asks), new)])


@pytest.mark.parametrize(
    ("source", "asks", "new", "result"),
    [
        ("x = 1  # one\n", "x = __", "2", "x = 2  # one\n"),
        ("a\nx   =   1;  b\n", "x = __", "[1]", "a\nx   =   [1];  b\n"),
        ("é = 'ü'; x = 'ö' + 'ß'  # …\n", "x = __", "'€'", "é = 'ü'; x = '€'  # …\n"),
        ("x = f(\n    1,\n    2,\n)\n", "x = __", "3", "x = 3\n"),
        ("x = (\n    1 +\n    2\n)\n", "x = __", "3", "x = (\n    3\n)\n"),
        ("f(a, b=2)\n", "f(a, b=__)", "3", "f(a, b=3)\n"),
        ("x = sum(i for i in a)\n", "x = sum(__)", "__", "x = sum(__)\n"),
        ("f(*a)\n", "f(__)", "*b", "f(*b)\n"),
        ("if a:\n    b\nc", "if a:\n    __", "d\ne", "if a:\n    d\n    e\nc"),
        ("if a:\n    b\n    # why\n    c\nd", "if a:\n    __", "e", "if a:\n    e\nd"),
        ("if a:\n\tb\n", "if a:\n    __", "d\ne", "if a:\n\td\n\te\n"),
        (
            "if a:\n    if b:\n        c\n",
            "if b:\n    __",
            "for i in d:\n    e\nf",
            "if a:\n    if b:\n        for i in d:\n            e\n        f\n",
        ),
        (
            "if a:\r\n    b\r\nc\r\n",
            "if a:\n    __",
            "d\ne",
            "if a:\r\n    d\r\n    e\r\nc\r\n",
        ),
        ("a\rx = 1\rb\r", "x = __", "2", "a\rx = 2\rb\r"),
        (
            "if a:\n    @once\n    def f(): b\n",
            "if a:\n    __",
            "__",
            "if a:\n    __\n",
        ),
        ("a\x0c\nx = 1", "x = __", "2", "a\x0c\nx = 2"),
        ("x = '\x0b\u2028'; y = 1\n", "y = __", "2", "x = '\x0b\u2028'; y = 2\n"),
    ],
)
def test_a_fill_is_replaced_exactly_where_it_stands(source, asks, new, result):
    assert put(source, asks, new) == result


@pytest.mark.parametrize(
    "new",
    [
        "a or b",
        "not a",
        "a < b",
        "a if b else c",
        "lambda: a",
        "1, 2",
        "1 +\n2",
        "(a := 1)",
    ],
)
def test_a_fill_stays_the_operand_that_it_was(new):
    """Put in bare, ``x == a or b`` would be another question."""
    found = first_fill(put("assert x == 1\n", "assert x == __", new), "assert x == __")
    wanted = ast.parse(f"({new})", mode="eval").body
    assert ast.dump(found.nodes[0]) == ast.dump(wanted)


@pytest.mark.parametrize(
    "new", ["2", "-2", "a + b", "f(1, 2)", "[1, 2]", "'a'", "a.b", "__"]
)
def test_a_fill_that_binds_tightly_gets_no_parentheses(new):
    assert put("assert x == 1\n", "assert x == __", new) == f"assert x == {new}\n"


def test_a_long_text_in_a_fill_is_not_moved_in():
    new = 'a = """one\n  two\n"""\nb = f"""x\n{a}"""'
    result = put("if a:\n    c\n", "if a:\n    __", new)
    fill = first_fill(result, "if a:\n    __")
    assert fill.text == Fill(tuple(ast.parse(new).body)).text


def test_a_fill_begins_with_the_first_of_its_decorators():
    source = "@once\n@twice\ndef f(): a\nb\n"
    fill = Fill(tuple(blanks.parse(source).body[:1]))
    assert replaced(source, [(fill, "__")]) == "__\nb\n"


def test_many_fills_are_replaced_at_once_in_any_order():
    source = "x = 1\ny = 22\nx; z = 333; w = 4\n"
    fills = [first_fill(source, f"{name} = __") for name in "zxwy"]
    changes = list(zip(fills, ["c", "aaaa", "d", "bbbb"], strict=True))
    expected = "x = aaaa\ny = bbbb\nx; z = c; w = d\n"
    assert replaced(source, changes) == replaced(source, changes[::-1]) == expected


def test_nothing_replaced_is_nothing_changed():
    assert replaced("é = 1\r\n\tx\n", []) == "é = 1\r\n\tx\n"


WORDS = st.text("aé€😀 #\\'", max_size=6)
LINES = WORDS.map(lambda text: f"note = {text!r}  # {text.strip()}")


@quick
@given(
    st.lists(LINES, max_size=3),
    st.lists(LINES, max_size=3),
    WORDS,
    st.lists(
        st.sampled_from(["a = 1", "b('é')", "for i in c:\n    d\n    e"]), min_size=1
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["    ", "  ", "\t"]),
)
def test_what_is_put_in_is_found_again_and_nothing_else_moves(
    before, after, word, new, end, indent
):
    """With any letters around it, any line ends and any indentation."""
    frame = [*before, f"if {word!r}:", indent + "old('€')", *after]
    source = end.join(frame) + end
    asks = f"if {word!r}:\n    __"
    text = "\n".join(new)
    result = put(source, asks, text)
    assert first_fill(result, asks).text == text
    head, tail = end.join(frame[: len(before) + 1]), end.join(["", *after, ""])
    assert result.startswith(head + end + indent) and result.endswith(tail)
    assert put(result, asks, "old('€')") == source


@quick
@given(WORDS, WORDS, st.sampled_from(["1.5", "[1, 'é']", "f(a)", "-2"]))
def test_an_expression_put_in_leaves_its_line_alone(left, right, new):
    source = f"{left!r}; x = [1, {right!r}]; {right!r}\n"
    assert put(source, "x = __", new) == f"{left!r}; x = {new}; {right!r}\n"
