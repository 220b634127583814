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
fill = "'text'"
says = "That is a text."
"""
GOOD = LESSON + KOAN


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
        Mistake("[..., 2]", "That is the other."),
        Mistake("'text'", "That is a text."),
    )


def test_what_is_left_out_has_a_default():
    note = read(GOOD).koans["test_one"]
    assert (note.points, note.also_right) == (1, ())


def test_points_and_other_right_fills_are_read():
    more = 'points = 3\nalso_right = ["1 + 1", "a.step()\\nb"]\nbecause ='
    note = read(changed("because =", more)).koans["test_one"]
    assert (note.points, note.also_right) == (3, ("1 + 1", "a.step()\nb"))


def test_a_koan_may_be_worth_no_points():
    text = changed("because =", "points = 0\nbecause =")
    assert read(text).koans["test_one"].points == 0


def test_koans_keep_the_order_of_the_file():
    text = LESSON + "".join(KOAN.replace("one", name) for name in ["z", "a", "m"])
    assert list(read(text).koans) == ["test_z", "test_a", "test_m"]


def test_the_lesson_may_come_last():
    first, last = read(GOOD), read(KOAN + LESSON)
    assert (first.say, first.koans) == (last.say, last.koans)


def test_a_file_that_was_changed_is_read_again():
    assert (read(GOOD).say, read(changed("Say it.", "Again.")).say) == (
        "Say it.",
        "Again.",
    )


def test_the_same_text_in_another_file_is_told_with_that_file(tmp_path):
    assert "say is missing" in fault(KOAN)
    other = tmp_path / "other.toml"
    other.write_text(KOAN)
    with pytest.raises(NotesError, match=r"other.toml: \[lesson\]: say is missing"):
        load(other)


def test_a_lesson_may_have_no_koans_yet():
    assert read(LESSON).koans == {}


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


def test_the_pattern_is_what_is_asked_as_statements():
    text = changed("assert a == __", "x = 1\\nif __: ...")
    kinds = [type(node).__name__ for node in read(text).koans["test_one"].pattern]
    assert kinds == ["Assign", "If"]


# ------------------------------------------------------------------------ faults


def test_a_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "gone.toml"
    with pytest.raises(NotesError, match="gone.toml: can't be read: No such file"):
        load(path)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(NotesError, match="can't be read"):
        load(tmp_path)


def test_a_file_that_is_not_utf_8_says_at_which_byte(tmp_path):
    path = tmp_path / "test_01.toml"
    path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(NotesError, match=r"test_01.toml: not UTF-8 at byte 5"):
        load(path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[lesson", "end of document"),
        ("[lesson]\nsay = nothing", "line 2"),
        ('[lesson]\nsay = "open', "end of document"),
        ("[a]\n[a]\n", "line 2"),
        ("a = 1\na = 2\n", "line 2"),
        ("a = 2021-13-45", "line 1"),
        ('a = "\\q"', "line 1"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text, place):
    assert place in fault(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "9" * 10_000, "a number in it is too long"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ],
    ids=["digits", "open", "deep"],
)
def test_what_no_reader_can_bear_is_told_too(text, said):
    assert said in fault(text)


@pytest.mark.parametrize("key", ["say", "learned", "caught", "link"])
@pytest.mark.parametrize("value", ["", '{} = ""', '{} = " "', "{} = 1", '{} = ["a"]'])
def test_a_lesson_has_all_its_texts(key, value):
    lines = [line for line in LESSON.splitlines() if not line.startswith(f"{key} =")]
    text = "\n".join([*lines, value.format(key)]) + KOAN
    assert fault(text) == f"[lesson]: {key} is missing, or not a text"


@pytest.mark.parametrize("key", ["asks", "because", "link"])
@pytest.mark.parametrize("value", ["", '{} = ""', "{} = true", "{} = 1.5"])
def test_a_koan_has_all_its_texts(key, value):
    head, tail = KOAN.split("\n\n", 1)
    lines = [line for line in head.splitlines() if not line.startswith(f"{key} =")]
    text = LESSON + "\n".join([*lines, value.format(key), "", tail])
    assert fault(text) == f"[test_one]: {key} is missing, or not a text"


@pytest.mark.parametrize("key", ["fill", "says"])
@pytest.mark.parametrize("value", ["", '{} = ""', "{} = 1"])
def test_a_mistake_has_both_its_texts_and_is_told_by_its_number(key, value):
    lines = GOOD.splitlines()
    last = max(i for i, line in enumerate(lines) if line.startswith(f"{key} ="))
    lines[last] = value.format(key)
    said = fault("\n".join(lines))
    assert said == f"[test_one] mistakes 2: {key} is missing, or not a text"


def test_a_lesson_table_has_to_be_there():
    assert fault(KOAN) == "[lesson]: say is missing, or not a text"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("lesson = 1", "[lesson]"),
        ("[[lesson]]\nsay = 'a'", "[lesson]"),
        ("points = 3" + GOOD, "[points]"),
        (LESSON + "[[test_one]]\nasks = 'a'", "[test_one]"),
    ],
)
def test_what_should_be_a_table_is_one(text, place):
    assert fault(text) == f"{place}: should be a table"


def test_a_mistake_is_a_table():
    head = LESSON + KOAN.split("\n\n")[0]
    assert (
        fault(head + '\nmistakes = ["a"]') == "[test_one] mistakes 1: should be a table"
    )


@pytest.mark.parametrize(
    "mistakes", ["", "mistakes = 1", "[test_one.mistakes]\nfill = '1'"]
)
def test_mistakes_are_a_list(mistakes):
    head = LESSON + KOAN.split("\n\n")[0]
    assert fault(f"{head}\n{mistakes}") == "[test_one]: mistakes are missing"


@pytest.mark.parametrize(
    ("hints", "count"),
    [("[]", 0), ('["a"]', 1), ('["a", "b"]', 2), ('["a", "b", "c", "d"]', 4)],
)
def test_there_are_three_hints(hints, count):
    text = changed('["where", "what", "a sibling"]', hints)
    assert fault(text) == f"[test_one]: 3 hints, please, not {count}"


@pytest.mark.parametrize("hints", ['"abc"', "3", '["a", "b", 3]', '["a", "b", " "]'])
def test_hints_are_a_list_of_texts(hints):
    text = changed('["where", "what", "a sibling"]', hints)
    assert fault(text) == "[test_one]: hints is missing, or not a list of texts"


def test_hints_may_not_be_left_out():
    text = changed('hints = ["where", "what", "a sibling"]\n', "")
    assert "hints is missing" in fault(text)


@pytest.mark.parametrize("points", ["-1", "1.5", "true", '"2"', "[1]"])
def test_points_are_a_whole_number(points):
    text = changed("because =", f"points = {points}\nbecause =")
    assert fault(text) == "[test_one]: points is not a whole number, 0 or more"


@pytest.mark.parametrize("value", ['"1"', "[1]", '[""]', "1"])
def test_other_right_fills_are_a_list_of_texts(value):
    text = changed("because =", f"also_right = {value}\nbecause =")
    assert fault(text) == "[test_one]: also_right is missing, or not a list of texts"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("say =", 'hint = "a"\nsay =', "[lesson]: does not know hint"),
        ("asks =", 'ask = "a"\nasks =', "[test_one]: does not know ask"),
        (
            "fill = \"'text'\"",
            "fill = '1'\nx = 1\ny = 1",
            "[test_one] mistakes 2: does not know x, y",
        ),
    ],
)
def test_a_key_that_nobody_reads_is_a_slip(old, new, said):
    assert fault(changed(old, new)) == said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("assert a == __", "assert a = __", "[test_one]: asks is not Python"),
        ("assert a == __", "if __:", "[test_one]: asks is not Python"),
        ("[..., 2]", "[..., 2", "[test_one] mistakes 1: fill is not Python"),
        (
            "because =",
            'also_right = ["1", "("]\nbecause =',
            "[test_one]: also_right is not Python",
        ),
    ],
)
def test_what_is_to_be_python_is_python(old, new, said):
    """Or a learner would be told that it is their file that can't be read."""
    assert fault(changed(old, new)).startswith(said)


@pytest.mark.parametrize(
    ("asks", "count"),
    [
        ("assert a == 1", 0),
        ("# __", 0),
        ("'__'", 0),
        ("assert __ == __", 2),
        ("__\\n__", 2),
    ],
)
def test_a_koan_asks_for_one_blank(asks, count):
    text = changed("assert a == __", asks)
    assert fault(text) == f"[test_one]: asks has {count} blanks; there has to be one"


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
