"""Entry by entry: which of a prediction don't hold, and what a check of code found."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei.partial import ABSENT, Row, Table, shortest, table, which_hold

quick = settings(max_examples=80)


@pytest.mark.parametrize(
    ("found", "wrote", "said"),
    [
        # numbers: which of them are wrong
        ([1, 2, 3], [1, 2, 4], "Entry 3 does not hold."),
        ([1, 2, 3], (1, 5, 4), "Entries 2 and 3 do not hold."),
        (
            [1, 2, 3],
            [1, 3, 2],
            "Entries 2 and 3 do not hold. Each is where the other belongs.",
        ),
        (
            {"w": [1, 2, 3], "x": [4]},
            {"w": [0, 2, 4], "x": [5]},
            'Entries 1 and 3 of "w" and 1 of "x" do not hold.',
        ),
        ([1, 2, 3, 4], [9, 2, 9, 9], "Entries 1, 3 and 4 do not hold."),
        ([1, 2], [2, 1], "Each of the two is where the other belongs."),
        ([1, None], [1, 0], "Entry 2 does not hold."),
        (
            [[1, 2], [3, 4]],
            [(1, 2), (3, 9)],
            "Entry 2.2 does not hold. (2.2 is entry 2 of list 2.)",
        ),
        ([1, [2, 3]], [5, (2, 3)], "Entry 1 does not hold."),
        ([[1], [2]], [[3], [4]], "None of the entries holds."),
        # what can be guessed: only how many
        (
            [True, False, True],
            [True] * 3,
            "2 of the 3 entries hold, each in its place.",
        ),
        ([True, False], [0, 1], "None of the 2 entries holds."),
        (["a", True], ("a", False), "1 of the 2 entries holds, in its place."),
        # rows for columns
        (
            [[1, 2], [3, 4]],
            [[1, 3], [2, 4]],
            "Turned round it would hold: what are your rows has to be its columns.",
        ),
        (
            [[1, 2, 3], [4, 5, 6]],
            [[1, 4], [2, 5], [3, 6]],
            "Turned round it would hold: what are your rows has to be its columns.",
        ),
        (
            [[1, 2], [2, 1]],
            [[1, 2], [2, 0]],
            "Entry 2.2 does not hold. (2.2 is entry 2 of list 2.)",
        ),
        # a text for something else
        (True, "True", "True is written without quotes."),
        (None, "None", "None is written without quotes."),
        (0.5, "0.5", "A number is written without quotes."),
        (None, "-1e3", "A number is written without quotes."),
        (1, "one", ""),
        ([1, "B"], [1, "b"], "Entry 2 does not hold. The letters here are capitals."),
        (
            [1, None],
            [1, "None"],
            "Entry 2 does not hold. None is written without quotes.",
        ),
        ("B", "a", "The letters here are capitals."),
        ("b", "A", "The letters here are small ones."),
        ("b", "a", ""),
        (
            ["B", "A"],
            ["b", "a"],
            "None of the 2 entries holds. The letters here are capitals.",
        ),
        (
            [1, 2],
            ["1", "2"],
            "None of the entries holds. A number is written without quotes.",
        ),
        # another shape
        ([1, 2], 1, "A list is asked for."),
        ([1, 2], {1: 2}, "A list is asked for."),
        ((1, 2), None, "A list is asked for."),
        (1, [1], "One value is asked for, not a list."),
        (None, (None,), "One value is asked for, not a list."),
        (1, {"a": 1}, "One value is asked for, not a dict."),
        ({"a": 1}, [1], "A dict is asked for."),
        ([1, 2], [1], "Yours has 1 entry; that is not how many there are."),
        ([1, 2], [], "Yours has 0 entries; that is not how many there are."),
        ([1, 2], (1, 2, 3), "Yours has 3 entries; that is not how many there are."),
        ([[1, 2], 3], [1, 3], "In place of entry 1, a list of 2 is asked for."),
        (
            [[1, 2], [3, 4]],
            [(1, 2), [3]],
            "In place of entry 2, a list of 2 is asked for.",
        ),
        # that a list is empty would be the answer
        (
            [[1, 2], []],
            [[1, 2], [3]],
            "In place of entry 2, a list of another length is asked for.",
        ),
        ([[1, 2], []], [[1, 2], 3], "In place of entry 2, a list is asked for."),
        ([1, 2], [1, [2]], "In place of entry 2, one value is asked for, not a list."),
        # a dict is told by its keys
        ({"a": 1, "b": 2}, {"b": 2, "a": 3}, 'Entry "a" does not hold.'),
        ({"p": [1, 2]}, {"p": (1, 3)}, 'Entry 2 of "p" does not hold.'),
        ({"P": {"a": 1}}, {"P": 1}, 'In place of entry "P", a dict is asked for.'),
        ({"a": 1, "b": 2}, {"a": 1}, "The keys are not those that the koan has."),
        # a single value says nothing more
        (1, 2, ""),
        ([1], [2], ""),
        ("ab", "b", ""),
        (True, False, ""),
    ],
)
def test_which_entries_hold(found, wrote, said):
    assert which_hold(found, wrote) == said


def test_entries_are_compared_as_the_check_compares():
    assert which_hold([0.3, 1], [0.1 + 0.2, 2], {}) == "Entry 2 does not hold."
    assert which_hold([0.3, 1], [0.1 + 0.2, 2]) == "None of the entries holds."


def test_an_entry_that_cannot_be_compared_does_not_hold():
    class Stubborn:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    assert which_hold([1, Stubborn()], [1, 2]) == "Entry 2 does not hold."


PAIRS = st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), max_size=3)
NESTED = st.lists(PAIRS, min_size=1, max_size=4).filter(
    lambda rows: any(a != b for row in rows for a, b in row)
)


@quick
@given(NESTED)
def test_exactly_the_wrong_entries_are_named(rows):
    found = [[a for a, _ in row] for row in rows]
    said = which_hold(found, tuple(tuple(b for _, b in row) for row in rows))
    names = {
        f"{i}.{j}": a == b
        for i, row in enumerate(rows, 1)
        for j, (a, b) in enumerate(row, 1)
    }
    wrong = [name for name, holds in names.items() if not holds]
    if len(names) < 2:
        assert said == ""
    elif len(wrong) == len(names):
        (a, b), (c, d), *more = (pair for row in rows for pair in row)
        is_swapped = not more and (a, b) == (d, c)
        one = "Each of the two is where the other belongs."
        assert said == (one if is_swapped else "None of the entries holds.")
    else:
        assert re.findall(r"\d\.\d", said.partition(" (")[0]) == wrong


@quick
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=6))
def test_truth_values_are_never_told_one_by_one(pairs):
    """The sentence is the same wherever the wrong ones stand."""
    sentences = {
        which_hold([found for found, _ in order], [guess for _, guess in order])
        for order in (pairs, pairs[::-1], sorted(pairs))
    }
    right = sum(a == b for a, b in pairs)
    hold = "holds, in its place" if right == 1 else "hold, each in its place"
    some = f"{right} of the {len(pairs)} entries {hold}."
    none = f"None of the {len(pairs)} entries holds."
    assert sentences == {some if right else none}


@pytest.mark.parametrize(
    ("found", "tolerance", "told"),
    [
        (0.9999990463256836, {}, 1.0),
        ([0.30000001192, {"a": -0.6000000238}], {}, [0.3, {"a": -0.6}]),
        (1 / 3, {"abs": 1e-3}, 0.333),
        (0.123456789, {}, 0.123456789),
        (0.1 + 0.2, None, 0.1 + 0.2),
        ([True, None, "a", 3, float("inf")], {}, [True, None, "a", 3, float("inf")]),
    ],
)
def test_an_answer_is_told_in_the_digits_that_its_check_takes(found, tolerance, told):
    assert shortest(found, tolerance) == told


# ------------------------------------------------------------- found and expected


def entry(number: int, found: str, expected: str, differs: bool) -> Row:
    return Row(f"entry {number}", found, expected, differs)


@pytest.mark.parametrize(
    ("found", "expected", "tolerance", "rows"),
    [
        (1, 2, None, [Row("", "1", "2", True)]),
        ([1], [2], None, [Row("", "[1]", "[2]", True)]),
        (
            [1, (2, 3)],
            [1, [2, 4]],
            None,
            [entry(1, "1", "1", False), entry(2, "(2, 3)", "[2, 4]", True)],
        ),
        (
            [0.1 + 0.2, 1],
            [0.3],
            {},
            [entry(1, "0.3", "0.3", False), entry(2, "1", ABSENT, True)],
        ),
        (
            [],
            [None, 1],
            None,
            [entry(1, ABSENT, "None", True), entry(2, ABSENT, "1", True)],
        ),
        # what float32 left over beside larger numbers is told as zero
        (
            [1.0, 3e-9],
            [1.0, 1.0],
            {},
            [entry(1, "1.0", "1.0", False), entry(2, "0.0", "1.0", True)],
        ),
        ([1, 2], 3, None, [Row("", "[1, 2]", "3", True)]),
    ],
)
def test_what_was_found_stands_beside_what_was_expected(
    found, expected, tolerance, rows
):
    made = table("x", found, expected, tolerance)
    assert made == Table("x", (), tuple(rows))
    assert Table.unpack(made.pack()) == made


def test_rows_and_columns_are_called_as_the_notes_call_them():
    made = table("x", [[1, 2], [3, 4]], [[1, 2], [3, 5]], None, "step", ("slate", "p"))
    assert [row.name for row in made.rows] == ["step 1", "step 2"]
    assert made.columns == ("slate", "p")


@quick
@given(st.lists(st.floats(), max_size=4), st.lists(st.floats(), max_size=4))
def test_no_entry_is_cut(found, expected):
    made = table("x", found, expected, {})
    for row in made.rows:
        assert "..." not in row.found + row.expected
    assert len(made.rows) == max(1, len(found), len(expected))


def test_what_was_expected_of_a_check_that_does_not_ask_for_the_same():
    [row] = table("x", 5, 2, None).with_sign("<=").rows
    assert row == Row("", "5", "<= 2", True)
