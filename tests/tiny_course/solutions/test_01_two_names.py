"""01  Two names

A list is one thing, whatever it is called.

    >>> a = [1, 2]
    >>> b = a
    >>> b.append(3)
    >>> a
    [1, 2, 3]
"""

from sensei import __


def test_a_sum():
    """Three parts, added up.
    What is their sum?"""
    parts = [7000, 900, 19]

    assert sum(parts) == 7919


def test_who_grew(size):
    """second is first, third is a copy of it. Then second and third grow.
    How long is each?"""
    first = [0] * size
    second = first
    second.append(1)
    third = list(first)
    third.append(2)

    assert [len(first), len(second), len(third)] == [size + 1, size + 1, size + 2]


def test_same_or_equal():
    """The same three lists, before anything grows.
    Which of these hold?"""
    first = [1, 2]
    second = first
    third = list(first)

    assert [first is second, first is third, first == third] == [True, False, True]
