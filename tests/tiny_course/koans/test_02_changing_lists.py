"""02  Changing lists

>>> [1] + [2]
[1, 2]
"""

from pytest import approx

from sensei import __


def test_counting_letters():
    """Every letter of a word is counted.
    What is in counts?"""
    counts = {}
    for letter in "kayak":
        counts[letter] = counts.get(letter, 0) + 1

    assert counts == __


def test_a_tenth_three_times():
    """Three tenths, added up.
    What do they come to?"""
    tenths = [0.1] * 3

    assert sum(tenths) == approx(__)


def test_a_copy():
    """original stays as it is while copy grows.
    What is copy?"""
    original = [1, 2]
    copy = __
    copy.append(3)

    assert copy == [1, 2, 3]
    assert original == [1, 2]


def test_only_the_even(size):
    """The even numbers are kept.
    When is a number kept?"""
    kept = []
    for number in range(2 * size):
        if __:
            kept.append(number)

    assert kept == list(range(0, 2 * size, 2))


def test_running_totals(size):
    """After each number, totals has what came in so far.
    What happens with each number?"""
    total = 0
    totals = []
    for number in [1, 20, 300][:size]:
        __

    assert totals == [1, 21, 321][:size]
