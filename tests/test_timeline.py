"""How a story is drawn, and what it says to a wrong entry."""

from __future__ import annotations

import pytest

from sensei.timeline import Event, Miss, draw, misses, pack, remarks, told, unpack

SOURCE = ["def test_it(device):", "    first()", "    second()", "    wipe()"]
PILE = [
    Event(2, "p", None, -0.5),
    Event(3, "p", -0.5, 0.25),
    Event(4, "p", 0.25, 0.0),
]


def test_a_row_a_change_with_its_line_and_what_it_added():
    rows = draw(PILE, SOURCE, 44)
    assert [row.split() for row in rows] == [
        ["2", "first()", "p", "-0.5"],
        ["3", "second()", "p", "0.25", "(+0.75)"],
        ["4", "wipe()", "p", "0"],
    ]


def test_bars_pile_up_where_there_is_room():
    wide = draw(PILE, SOURCE, 80)
    assert [row.count("█") for row in wide] == [8, 4, 0]
    assert wide[0].index("█") < wide[0].index("│") < wide[1].index("█")
    assert not any("█" in row for row in draw(PILE, SOURCE, 44))


def test_no_row_is_wider_than_the_room():
    events = [Event(1, "a_long_name.weight", None, 1234.5678)] * 3
    for width in (48, 64, 70, 90, 111):
        assert all(len(row) <= width for row in draw(events, ["x" * 200], width))


def test_several_numbers_are_told_one_by_one():
    rows = draw([Event(2, "p", [1.0, 2.0], [1.0, 5.0])], SOURCE, 44)
    assert [row.split() for row in rows] == [["2", "first()", "p[1]", "5", "(+3)"]]


def test_a_long_story_is_cut():
    rows = draw([Event(2, "p", float(i), i + 1.0) for i in range(40)], SOURCE, 44)
    assert len(rows) == 15
    assert rows[-1].strip() == "… and 26 changes more"


def test_that_nothing_changed_is_said():
    [row] = draw([], SOURCE, 44)
    assert "Nothing" in row


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Miss(0.75, 0.25), "0.75 is what line 3 alone added to p."),
        (Miss(-0.5, 0.25), "-0.5 was on p after line 2; line 3 came later."),
        (Miss(7.0, 0.25), None),
        (Miss(0.75, 40.0), None),  # 40 was never on p: the question is not about it
    ],
)
def test_where_a_wrong_entry_comes_from(wrong, says):
    assert list(remarks(PILE[:2], [wrong])) == ([says] if says else [])


def test_the_last_value_is_no_earlier_one():
    assert list(remarks(PILE[:2], [Miss(0.25, -0.5)])) == []


def test_the_first_value_is_not_called_an_addition():
    assert list(remarks(PILE[:1], [Miss(-0.5, None)])) == []


@pytest.mark.parametrize(
    ("actual", "predicted", "wrong"),
    [
        (1.0, 2.0, [2.0]),
        (1.0, 1.0, []),
        ([1.0, None, 3.0], [1.0, 2.0, 4.0], [2.0, 4.0]),
        ([1.0], [1.0, 5.0], []),  # there is nothing in its place
        ({"x": 1.0, "w": 2.0}, {"x": 3.0, "w": 2.0}, [3.0]),
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 9.0], [3.0, 4.0]], [9.0]),
        ([True, False], [True, True], []),
        ([1.0], "text", []),
        (None, 0.5, [0.5]),
    ],
)
def test_the_wrong_numbers_of_a_prediction(actual, predicted, wrong):
    assert [miss.wrote for miss in misses(actual, predicted)] == wrong


def test_a_story_travels_as_text():
    events = [
        Event(2, "p", None, float("inf")),
        Event(3, "q", [1.0], "a sparse tensor"),
    ]
    missed = [Miss(0.5, None), Miss(1.0, 2.0)]
    assert unpack(pack(events, missed)) == (events, missed)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "None"), (0.1 + 0.2, "0.3"), (1e-9, "1e-09"), (2.0, "2")]
)
def test_numbers_are_told_in_the_digits_that_matter(value, text):
    assert told(value) == text


def test_only_a_slate_that_is_gone_is_called_wiped():
    """0.0 may as well have come about by adding 3 and -3."""
    rows = draw([Event(2, "p", 3.0, 0.0), Event(4, "p", 0.0, None)], SOURCE, 44)
    assert ["wiped" in row for row in rows] == [False, True]


def test_the_next_time_round_is_no_later_line():
    loop = [Event(2, "p", None, 1.0), Event(2, "p", 1.0, 2.0)]
    [remark] = remarks(loop, [Miss(1.0, 2.0)])
    assert remark == "1 was on p after line 2; line 2 came the next time round."
