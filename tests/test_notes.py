"""The notes: read as they stand, and every fault told with its file and place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei.notes import LessonNotes, Mistake, NotesError, check, load

quick = settings(max_examples=60, deadline=None, database=None)
FILE = Path("to be put in a folder of its own")

LESSON = """
[lesson]
say = "Say it."
learned = "It was learned."
caught = "It caught some."
link = "https://example.org/lesson"
"""
KOAN = """
[test_one]
asks = "assert a == __"
hints = ["where", "what", "a sibling"]
because = "So it is."
link = "https://example.org/koan"

[[test_one.mistakes]]
fill = "[..., 2]"
says = "That is the other."

[[test_one.mistakes]]
fills = ["'text'", "'x'"]
says = "That is a text."
spelled = true
"""
GOOD = LESSON + KOAN
HINTS = 'hints = ["where", "what", "a sibling"]'
MISTAKES = KOAN[KOAN.index("[[") :]


@pytest.fixture(scope="module", autouse=True)
def file(tmp_path_factory):
    global FILE
    FILE = tmp_path_factory.mktemp("koans") / "test_01_x.toml"


def read(text: str) -> LessonNotes:
    FILE.write_text(text, "utf-8", newline="")
    return check(FILE)


def fault(text: str) -> str:
    with pytest.raises(NotesError) as caught:
        read(text)
    said = str(caught.value)
    assert said.startswith(f"{FILE}: "), said
    return said.removeprefix(f"{FILE}: ")


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


# ------------------------------------------------------------------- good notes


def test_what_is_written_is_what_is_read():
    notes = read(GOOD)
    assert (notes.say, notes.learned) == ("Say it.", "It was learned.")
    assert (notes.caught, notes.link) == (
        "It caught some.",
        "https://example.org/lesson",
    )
    note = notes.koans["test_one"]
    assert (note.name, note.asks) == ("test_one", "assert a == __")
    assert note.hints == ("where", "what", "a sibling")
    assert (note.because, note.link) == ("So it is.", "https://example.org/koan")
    assert note.mistakes == (
        Mistake(("[..., 2]",), "That is the other."),
        Mistake(("'text'", "'x'"), "That is a text.", spelled=True),
    )
    assert note.mistakes[1].fill == "'text'"


def test_what_may_be_left_out_has_a_default_and_is_read():
    note = read(GOOD).koans["test_one"]
    assert (note.points, note.also_right, note.row, note.columns) == (1, (), "", ())
    more = 'points = 0\nalso_right = ["1 + 1", "a.step()\\nb"]\nrow = "step"\n'
    assert (note.numbers, note.pins) == (True, ())
    more += 'columns = ["slate", "p"]\nnumbers = false\npins = [0.5, 3]\nbecause ='
    note = read(changed("because =", more)).koans["test_one"]
    assert (note.points, note.also_right) == (0, ("1 + 1", "a.step()\nb"))
    assert (note.row, note.columns) == ("step", ("slate", "p"))
    assert (note.numbers, note.pins) == (False, (0.5, 3.0))


def test_koans_keep_the_order_of_the_file_and_the_lesson_may_come_last():
    text = "".join(KOAN.replace("one", name) for name in ["z", "a", "m"]) + LESSON
    notes = read(text)
    assert list(notes.koans) == ["test_z", "test_a", "test_m"]
    assert notes.say == "Say it."
    assert read(LESSON).koans == {}


def test_a_file_that_was_changed_is_read_again():
    says = [read(text).say for text in (GOOD, changed("Say it.", "Again."), GOOD)]
    assert says == ["Say it.", "Again.", "Say it."]


def test_the_same_text_in_another_file_is_told_with_that_file(tmp_path):
    assert "say is missing" in fault(KOAN)
    other = tmp_path / "other.toml"
    other.write_text(KOAN)
    with pytest.raises(NotesError, match=r"other.toml: \[lesson\]: say is missing"):
        load(other)


def test_a_file_is_read_as_utf_8_whatever_its_line_ends(tmp_path):
    path = tmp_path / "test_01.toml"
    path.write_bytes(changed("Say it.", "Säg's …").replace("\n", "\r\n").encode())
    assert load(path).say == "Säg's …"


@pytest.mark.parametrize(
    ("asks", "is_prediction"),
    [
        ("assert a == __", True),
        ("assert a == approx(__)", True),
        ("if a:\\n    assert b == __", True),
        ("a\\nassert b == __", True),
        ("a = __", False),
        ("if __: ...", False),
        ("a = __\\nassert b == 1", False),
        ("for i in a:\\n    __", False),
    ],
)
def test_a_blank_inside_an_assert_is_a_prediction(asks, is_prediction):
    note = read(changed("assert a == __", asks)).koans["test_one"]
    assert note.is_prediction is is_prediction


# ------------------------------------------------------------------------ faults


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path in (tmp_path / "gone.toml", tmp_path):
        with pytest.raises(NotesError, match=f"^{path}: can't be read: "):
            load(path)
    latin = tmp_path / "test_01.toml"
    latin.write_bytes(b"# caf\xe9\n")
    with pytest.raises(NotesError, match=r"test_01.toml: not UTF-8 at byte 5"):
        load(latin)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[lesson", "end of document"),
        ("[lesson]\nsay = nothing", "line 2"),
        ("a = 1\na = 2\n", "line 2"),
        ('a = "\\q"', "line 1"),
        ("a = " + "9" * 10_000, "a number in it is too long"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_toml_or_more_than_a_reader_can_bear_is_told(text, said):
    assert said in fault(text)


def without(text: str, key: str, instead: str) -> str:
    """The first line of a key replaced."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"{key} ="))
    return "\n".join([*lines[:at], instead, *lines[at + 1 :]])


@pytest.mark.parametrize("value", ["", '{} = ""', '{} = " "', "{} = 1", '{} = ["a"]'])
@pytest.mark.parametrize(
    ("table", "key"),
    [
        *(("[lesson]", key) for key in ("say", "learned", "caught", "link")),
        *(("[test_one]", key) for key in ("asks", "because", "link")),
        *(("[test_one] mistakes 1", key) for key in ("says",)),
    ],
)
def test_every_text_is_there_and_a_text(table, key, value):
    parts = [LESSON, KOAN] if table == "[lesson]" else [KOAN, LESSON]
    text = without("".join(parts), key, value.format(key))
    assert fault(text) == f"{table}: {key} is missing, or not a text"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # what has to be a table, or a list of them
        (LESSON, "lesson = 1", "[lesson]: should be a table"),
        (LESSON, "points = 3" + LESSON, "[points]: should be a table"),
        (MISTAKES, 'mistakes = ["a"]', "[test_one] mistakes 1: should be a table"),
        (MISTAKES, "", "[test_one]: mistakes are missing"),
        (MISTAKES, "mistakes = 1", "[test_one]: mistakes are missing"),
        # three hints
        (HINTS, "hints = []", "[test_one]: 3 hints, please, not 0"),
        (HINTS, 'hints = ["a", "b"]', "[test_one]: 3 hints, please, not 2"),
        (HINTS, 'hints = ["a", "b", "c", "d"]', "[test_one]: 3 hints, please, not 4"),
        *(
            (HINTS, hints, "[test_one]: hints is missing, or not a list of texts")
            for hints in ("", 'hints = "abc"', 'hints = ["a", "b", 3]', "hints = [' ']")
        ),
        # what fills the blank, or is called so
        ("fill = ", "fil = ", "mistakes 1: fills is missing, or not a list of"),
        (
            "fills = [\"'text'\", \"'x'\"]",
            "fills = [1]",
            "mistakes 2: fills is missing",
        ),
        ("spelled = true", "spelled = 1", "mistakes 2: spelled is neither true nor"),
        *(
            (
                "because =",
                f"points = {points}\nbecause =",
                "points is not a number",
            )
            for points in ("-1", "nan", "inf", "true", '"2"')
        ),
        ("because =", "numbers = 1\nbecause =", "numbers is neither true nor false"),
        *(
            ("because =", f"pins = {pins}\nbecause =", "pins is not a list of numbers")
            for pins in ("3", "[-1]", "[nan]", "[true]", '["2"]')
        ),
        *(
            (
                "because =",
                f"{key} = {value}\nbecause =",
                f"{key} is missing, or not a l",
            )
            for key in ("also_right", "columns")
            for value in ('"1"', "[1]", '[""]')
        ),
        # a key that nobody reads is a slip
        ("say =", 'hint = "a"\nsay =', "[lesson]: does not know hint"),
        ("asks =", 'ask = "a"\nasks =', "[test_one]: does not know ask"),
        ("spelled =", "x = 1\ny = 1\nspelled =", "mistakes 2: does not know x, y"),
        # what is to be Python: or a learner would be told that it is their file
        ("assert a == __", "assert a = __", "[test_one]: asks is not Python"),
        ("[..., 2]", "[..., 2", "[test_one] mistakes 1: fill is not Python"),
        ("'x'\"", 'x("', "[test_one] mistakes 2: fill is not Python"),
        ("because =", 'also_right = ["1", "("]\nbecause =', "also_right is not Python"),
        # one blank
        *(
            ("assert a == __", asks, f"asks has {count} blanks; there has to be one")
            for asks, count in [("a == 1", 0), ("'__'", 0), ("__ == __", 2)]
        ),
    ],
)
def test_every_fault_of_the_notes_is_told_with_its_place(old, new, said):
    assert said in fault(changed(old, new))


VALUES = st.recursive(
    st.sampled_from(
        ['"a"', '"__"', '"if"', '""', "1", "-1", "true", "1.5", "2024-01-01"]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        inner.map("{{ fill = {} }}".format),
    ),
    max_leaves=5,
)
KEYS = ["asks", "hints", "because", "mistakes", "link", "points", "also_right", "fill"]


@quick
@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_table_is_read_or_is_a_fault_of_its_koan(table):
    lines = "\n".join(f"{key} = {value}" for key, value in table.items())
    assert fault(f"{LESSON}\n[test_one]\n{lines}").startswith("[test_one]")


@quick
@given(
    st.integers(0, len(GOOD) - 1),
    st.sampled_from(["", '"', "[", "]", "=", "\n", "\\", "é"]),
)
def test_any_slip_of_the_pen_is_read_or_is_a_fault(at, character):
    text = GOOD[:at] + character + GOOD[at + 1 :]
    try:
        notes = read(text)
    except NotesError as error:
        assert str(error).startswith(f"{FILE}: ")
    else:
        assert all(len(note.pattern) for note in notes.koans.values())
