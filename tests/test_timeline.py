"""How a story is drawn, and what it says to a wrong number of a prediction."""

from __future__ import annotations

import pytest

from sensei.chart import MOST_ROWS, beside, draw, part
from sensei.timeline import (
    Event,
    Miss,
    misses,
    pack,
    remarks,
    unpack,
    up_to,
    value_text,
)

SOURCE = ["def test_it(device):", "    first()", "    second()", "    wipe()"]
PILE = [
    Event(2, "p", None, -0.5),
    Event(3, "p", -0.5, 0.25),
    Event(4, "p", 0.25, 0.0),
]


def words(rows: list[str]) -> list[list[str]]:
    return [row.split() for row in rows]


def test_a_row_a_change_with_its_line_and_what_it_added():
    assert words(draw(PILE, SOURCE, 40)) == [
        ["2", "first()", "p", "-0.5"],
        ["3", "second()", "p", "0.25", "(+0.75)"],
        ["4", "wipe()", "p", "0"],
    ]


def test_nothing_is_drawn_of_nothing():
    assert draw([], SOURCE, 80) == []


def test_bars_pile_up_where_there_is_room():
    wide = draw(PILE, SOURCE, 60)
    assert [row.count("█") for row in wide] == [6, 3, 0]
    assert wide[0].index("█") < wide[0].index("│") < wide[1].index("█")
    assert not any("█" in row for row in draw(PILE, SOURCE, 40))


def test_words_stand_where_a_bar_would():
    events = [Event(2, "p.grad", None, 2.0), Event(3, "p", 1.0, -1.0, "step found 2")]
    slate, place = draw(events, SOURCE, 70)
    assert slate.index("│") == place.index("step found 2")


@pytest.mark.parametrize("width", range(31, 112))
def test_no_row_is_wider_than_the_room(width):
    events = [
        Event(1, "a_long_name.weight", None, 1234.5678),
        Event(1, "a_long_name.weight", 1234.5678, 1.0, "in place, so " + "g, " * 20),
        Event(1, "a_long_name.weight", 1.0, [1.0, 2.0]),
    ]
    source = ["x" * 200]
    for some in (events, events[:1], events[:2]):
        assert all(len(row) <= width for row in draw(some * 9, source, width))


def test_a_short_list_is_one_value_and_a_long_one_told_by_what_changed():
    short = [Event(2, "p", [40.0, 0.0, 0.0], [10.8, 14.4, 24.0])]
    assert words(draw(short, SOURCE, 60)) == [
        ["2", "first()", "p", "[10.8,", "14.4,", "24]"]
    ]
    before = [1.0001, 2.0002, 3.0003, 4.0004]
    long = [Event(2, "p", before, [1.0001, 5.0002, 3.0003, 4.0004])]
    assert words(draw(long, SOURCE, 40)) == [["2", "first()", "p[1]", "5.0002", "(+3)"]]
    new = [Event(2, "p", None, before, leaf=1)]
    first, *more = words(draw(new, SOURCE, 40))
    assert first[:4] == ["2", "first()", "p[0]", "1.0001"]
    assert [row[0] for row in more] == ["p[1]", "p[2]", "p[3]"]


@pytest.mark.parametrize("most", [1, 2, 5, MOST_ROWS])
def test_of_a_long_story_the_end_is_drawn(most):
    events = [Event(2, "p", float(i), i + 1.0) for i in range(40)]
    rows = draw(events, SOURCE, 44, most)
    assert len(rows) == most
    assert rows[0].strip() == f"… {41 - most} changes before"
    assert most == 1 or rows[-1].split()[3] == "40"


def test_a_story_that_fits_is_whole():
    events = [Event(2, "p", float(i), i + 1.0) for i in range(MOST_ROWS)]
    assert len(draw(events, SOURCE, 44)) == MOST_ROWS
    assert "…" not in draw(events, SOURCE, 44)[0]


def test_what_one_line_does_to_two_things_stands_together():
    both = [
        Event(2, "p", None, 1.0, leaf=1),
        Event(2, "q", None, 2.0, leaf=2),
        Event(2, "p", 1.0, 2.0, leaf=1),
    ]
    rows = draw(both, SOURCE, 44)
    assert [row[:2] for row in words(rows)] == [
        ["2", "first()"],
        ["q", "2"],
        ["2", "first()"],
    ]
    assert rows[0].index("p") == rows[1].index("q")


def test_the_first_row_that_is_kept_has_its_line():
    both = [Event(2, "p", None, 1.0, leaf=1), Event(2, "q", None, 2.0, leaf=2)]
    rows = draw([*both, Event(3, "p", 1.0, 3.0, leaf=1)], SOURCE, 44, 3)
    assert len(rows) == 3
    told, p, q = words(draw(both * 2, SOURCE, 44, 2))
    assert (told[0], p[0], p[2], q[0]) == ("…", "2", "p", "q")  # they stay together


def test_what_is_wiped_what_stays_and_how():
    events = [
        Event(2, "p.grad", 3.0, 0.0),  # it may as well have come about by adding
        Event(3, "p.grad", 0.0, None),
        Event(4, "p", 1.0, 1.0, "step() found None"),
    ]
    rows = draw(events, SOURCE, 70)
    assert ["wiped" in row for row in rows] == [False, True, False]
    assert rows[2].endswith("1  stays  step() found None")


def test_names_that_are_alike_stay_apart():
    for one, other in (
        ("model.encoder.layers[0].weight", "model.encoder.layers[0].bias"),
        ("left_half_of_all.layer.weight", "right_half_of_all.layer.weight"),
    ):
        events = [Event(2, one, None, 1.0), Event(2, other, None, 2.0)]
        first, second = draw(events, SOURCE, 70)
        assert max(len(first), len(second)) <= 70
        names = [first.split()[2], second.split()[0]]
        assert len(set(names)) == 2
        assert all(len(name) <= 20 for name in names)


def test_words_that_do_not_fit_end_between_words():
    events = [Event(2, "model.bias", [1.0, 2.0, 3.0], [0.125, 0.25, 0.5], "step() did")]
    assert [draw(events, SOURCE, room)[0].split()[-1] for room in (60, 54, 50)] == [
        "did",
        "step()…",
        "0.5]",
    ]


# ---------------------------------------------------------------- remarks


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Miss(0.75, 0.25), "0.75 is what line 3 alone added to p."),
        (Miss(-0.5, 0.25), "p was -0.5 after line 2; line 3 changed it after that."),
        (Miss(7.0, 0.25), None),
        (Miss(0.75, 40.0), None),  # 40 was never on p: the question is not about it
    ],
)
def test_where_a_wrong_number_comes_from(wrong, says):
    assert list(remarks(PILE[:2], [wrong])) == ([says] if says else [])


def test_the_last_value_is_no_earlier_one():
    assert list(remarks(PILE[:2], [Miss(0.25, -0.5)])) == []


def test_the_first_value_is_not_called_an_addition():
    assert list(remarks(PILE[:1], [Miss(-0.5, None)])) == []


def test_a_line_that_runs_again_is_counted():
    loop = [Event(2, "p", float(i) or None, i + 1.0, leaf=1) for i in range(3)]
    [once] = remarks(loop, [Miss(1.0, 3.0)])
    assert once == (
        "p was 1 when line 2 had changed it once; that line changed it 3 times in all."
    )
    [twice] = remarks([*loop, Event(2, "p", 3.0, 7.0, leaf=1)], [Miss(2.0, 7.0)])
    assert "had changed it twice; that line changed it 4 times in all." in twice


def test_another_p_is_not_the_same_one_later():
    """What the first p was last is no earlier value of the second."""
    events = [Event(2, "p", 0.0, 5.0, leaf=1), Event(2, "p", 0.0, 6.0, leaf=2)]
    assert list(remarks(events, [Miss(5.0, 6.0)])) == []


def test_a_number_in_a_list_is_remarked_on():
    events = [
        Event(2, "p", None, [1.0, 2.0]),
        Event(3, "p", [1.0, 2.0], [1.0, 5.0]),
    ]
    [remark] = remarks(events, [Miss(3.0, 5.0)])
    assert remark == "3 is what line 3 alone added to p[1]."


@pytest.mark.parametrize(
    ("found", "predicted", "wrong"),
    [
        (1.0, 2.0, [2.0]),
        (1.0, 1.0, []),
        ([1.0, None, 3.0], [1.0, 2.0, 4.0], [2.0, 4.0]),
        ([1.0], [1.0, 5.0], []),  # there is nothing in its place
        ((1.0, 2.0), [1.0, 5.0], [5.0]),
        ({"x": 1.0, "w": 2.0}, {"x": 3.0, "w": 2.0}, [3.0]),
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 9.0], [3.0, 4.0]], [9.0]),
        ([True, False], [True, True], []),
        ([1.0], "text", []),
        (None, 0.5, [0.5]),
    ],
)
def test_the_wrong_numbers_of_a_prediction(found, predicted, wrong):
    assert [miss.wrote for miss in misses(found, predicted)] == wrong


# ------------------------------------------------------------------- values


def test_a_story_travels_as_text():
    events = [
        Event(2, "p", None, float("inf"), "a new tensor, not g", 3),
        Event(3, "q", [1.0], "3 stored: rows 3, 3, 1"),
    ]
    assert unpack(pack(events)) == events


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (0.1 + 0.2, "0.3"),
        (1e-9, "1e-09"),
        (2.0, "2"),
        (-0.5, "-0.5"),
        (16777216.0, "16777216"),
        (1.2345678, "1.2346"),
        (float("nan"), "nan"),
        ([1.0, 0.25], "[1, 0.25]"),
        ("20 numbers, sum 20", "20 numbers, sum 20"),
    ],
)
def test_values_are_written_in_the_digits_that_matter(value, text):
    assert value_text(value) == text


# ------------------------------------------------------------------ up to a turn


@pytest.mark.parametrize(
    ("turns", "entry", "entries", "kept"),
    [
        ([4, 4, 5, 6], 0, 3, 2),
        ([4, 4, 5, 6], 1, 3, 3),
        ([4, 4, 5, 6, 7], 2, 3, 4),  # something came after the last turn
        ([4, 4, 5, 6], 1, 2, 3),
        ([4, 4, 5, 6], 1, 5, 4),  # entries that are not those of the turns
        ([0, 0, 0], 0, 1, 3),
        ([], 0, 1, 0),
    ],
)
def test_a_story_up_to_the_turn_that_brought_an_entry(turns, entry, entries, kept):
    events = [Event(i, "p", 0.0, 1.0, turn=turn) for i, turn in enumerate(turns)]
    assert up_to(events, entry, entries) == events[:kept]


def test_what_stays_again_and_again_is_one_row():
    events = [Event(2, "p", 5.0, 5.0), *[Event(2, "p", 5.0, 5.0)] * 8]
    [row] = draw(events, SOURCE, 80)
    assert "stays 9 times" in row


# ------------------------------------------------------------- two, side by side

OTHER = [
    Event(2, "p", None, -0.5),
    Event(3, "p", -0.5, 0.75),
    Event(4, "p", 0.75, 0.0),
]


def test_two_stories_stand_side_by_side_and_where_they_part_is_marked():
    assert words(beside(PILE, OTHER, SOURCE, 80)) == [
        ["in", "fact", "if", "so"],
        ["2", "first()", "p", "-0.5", "-0.5"],
        ["3", "second()", "p", "0.25", "0.75", "←", "here", "they", "part"],
        ["4", "wipe()", "p", "0", "0"],
    ]


def test_what_happens_in_one_of_two_alone_is_no_change_in_the_other():
    wiped = [PILE[0], Event(3, "p", -0.5, None), Event(3, "p", None, 0.75), OTHER[2]]
    assert words(beside(PILE, wiped, SOURCE, 80))[2:4] == [
        ["3", "second()", "p", "no", "change", "None", "←", "here", "they", "part"],
        ["3", "second()", "p", "0.25", "0.75"],
    ]
    assert words(beside(wiped, PILE, SOURCE, 80))[2][3:6] == ["None", "no", "change"]


def test_of_two_long_stories_the_place_where_they_part_is_shown():
    long = [Event(2, "p", float(i), i + 1.0) for i in range(40)]
    other = [*long[:30], *(Event(2, "p", 0.0, 100.0 + i) for i in range(10))]
    rows = beside(long, other, SOURCE, 80, most_rows=8)
    assert rows[0].strip() == "… 27 changes before"
    assert "here they part" in rows[5] and "31" in rows[5] and "100" in rows[5]
    assert rows[-1].strip() == "… 5 changes more"
    assert len(rows) == 1 + 1 + 8 + 1


def test_two_stories_that_are_alike_do_not_part():
    assert part(PILE, OTHER)
    assert part(PILE, PILE[:2])
    assert not part(PILE, PILE)
    assert beside([], [], SOURCE, 80) == []


@pytest.mark.parametrize("width", range(40, 112, 7))
def test_no_row_of_two_stories_is_wider_than_the_room(width):
    rows = beside(PILE, OTHER, SOURCE, width)
    assert max(map(len, rows)) <= width
