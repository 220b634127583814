"""The engine's own comparison: a tuple is as good as a list, and nothing raises."""

from __future__ import annotations

import copy
import math
import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei.comparing import equal, holds, kept, predicted, same

quick = settings(max_examples=100)
NAN = float("nan")

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-2, 2, width=16),
    st.sampled_from(["a", "b", ""]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from("pq"), inner, max_size=2),
    ),
    max_leaves=6,
)


@st.composite
def with_tuples(draw, value):
    """The same value with tuples for some of its lists, however deep."""
    if isinstance(value, list):
        items = [draw(with_tuples(item)) for item in value]
        return tuple(items) if draw(st.booleans()) else items
    if isinstance(value, dict):
        return {key: draw(with_tuples(item)) for key, item in value.items()}
    return value


@st.composite
def shaken(draw, value):
    """The same value, each of its numbers a little off."""
    if isinstance(value, list):
        return [draw(shaken(item)) for item in value]
    if isinstance(value, dict):
        return {key: draw(shaken(item)) for key, item in value.items()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value + draw(st.floats(-9e-10, 9e-10))
    return value


def test_what_was_found_is_no_approx():
    """An answer can make one that equals everything, and leave it in a list."""
    everything = pytest.approx(0.0, abs=math.inf)
    assert everything == 5.0
    for found, expected in ((everything, 5.0), ([everything, 1], [5.0, 1])):
        assert not equal(found, expected)
        assert not equal(found, expected, {"rel": 1.0})
        assert not predicted(found, expected, None)
    assert not equal(pytest.approx({"p": 1.0}), {"p": 1.0})


@quick
@given(st.data(), VALUES, VALUES)
def test_values_are_equal_as_in_python_with_tuples_for_lists(data, one, other):
    """With and without a tolerance; those in it only differ by it."""
    left, right = data.draw(with_tuples(one)), data.draw(with_tuples(other))
    assert equal(left, right) is (one == other)
    for tolerance in (None, {}, {"rel": 1e-3}):
        assert equal(left, data.draw(with_tuples(one)), tolerance)
    assert equal(left, data.draw(shaken(one)), {"abs": 1e-6})


@quick
@given(VALUES)
def test_a_value_that_is_kept_is_equal_and_a_copy_all_the_way_down(value):
    before = copy.deepcopy(value)
    mine = kept(value)
    spoil(value)
    assert equal(mine, before)


def spoil(value):
    if isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            spoil(item)
    if isinstance(value, list):
        value.append("spoilt")
    if isinstance(value, dict):
        value["spoilt"] = 1


@pytest.mark.parametrize(
    ("found", "wrote", "tolerance", "is_equal"),
    [
        # exact, unless a tolerance is given, and that is for numbers only
        (0.3, 0.1 + 0.2, None, False),
        (0.3, 0.1 + 0.2, {}, True),
        ([[0.3]], ((0.1 + 0.2,),), {}, True),
        ({"p": [0.3]}, {"p": (0.1 + 0.2,)}, {}, True),
        (100.0, 101.0, {"rel": 0.02}, True),
        (100.0, 101.0, {"abs": 0.5}, False),
        (None, 0, {}, False),
        (True, 1, {}, True),
        (0.0, None, {}, False),
        ("a", "a", {}, True),
        # another shape
        ([1, 2], [1], {}, False),
        ([1], 1, {}, False),
        (1, [1], {}, False),
        ([1, 2], {1, 2}, None, False),
        ({"a": 1}, {"a": 1, "b": 1}, {}, False),
        ({"a": 1}, [("a", 1)], None, False),
        ("ab", ["a", "b"], None, False),
        ([[1, 2], [3, 4]], [1, 2], {}, False),
        (NAN, NAN, {}, False),
        (NAN, NAN, {"nan_ok": True}, True),
        (math.inf, math.inf, {}, True),
    ],
)
def test_a_prediction_holds_or_not_and_never_raises(found, wrote, tolerance, is_equal):
    assert predicted(found, wrote, tolerance) is is_equal
    assert predicted([found], (wrote,), tolerance) is is_equal


class Stubborn:
    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None


def test_what_cannot_be_compared_is_a_wrong_prediction_and_an_error_of_code():
    for value in (Stubborn(), [Stubborn()], {"a": Stubborn()}):
        assert predicted(value, copy.copy(value), {}) is False
        with pytest.raises(RuntimeError):
            holds(value, "==", copy.copy(value), None)


@pytest.mark.parametrize(
    ("op", "function"),
    [
        *{"!=": operator.ne, "<": operator.lt, "<=": operator.le}.items(),
        *{">": operator.gt, ">=": operator.ge, "is": operator.is_}.items(),
        *{"is not": operator.is_not, "==": operator.eq}.items(),
    ],
)
def test_a_check_of_code_compares_as_it_is_written(op, function):
    for left, right in [(1, 1), (1, 2), (2, 1), (None, None)]:
        if left is not None or op not in ("<", "<=", ">", ">="):
            assert holds(left, op, right, None) is bool(function(left, right))
    assert holds(1, "in", [1, 2], None) and not holds(3, "in", [1, 2], None)
    assert holds([0], "", None, None) and not holds([], "", None, None)


# ------------------------------------------------------------- outcomes of two runs


@quick
@given(st.data(), VALUES, VALUES)
def test_two_outcomes_are_the_same_when_nobody_could_tell_them_apart(data, one, other):
    assert same(one, data.draw(with_tuples(one)))
    assert same(one, data.draw(shaken(one)))
    if same(one, other):
        assert equal(one, other, {"rel": 1e-4, "abs": 1e-4})
        assert same(other, one)


@pytest.mark.parametrize(
    ("left", "right", "is_same"),
    [
        (NAN, NAN, True),
        ([1, NAN], (1, NAN), True),
        (NAN, 1.0, False),
        (2**1090, 1.0, False),
        (2**1090, 2**1090, True),
        (1.0, 1.000001, True),
        (1.0, 1.001, False),
        (1, True, False),
        (0, None, False),
        (0, False, False),
        (1, "1", False),
        (int, int, True),
        (int, float, False),
        ({"a": 1}, {"b": 1}, False),
        ([1], [1, 1], False),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_what_is_the_same_of_two_outcomes(left, right, is_same):
    assert same(left, right) is is_same and same(right, left) is is_same
