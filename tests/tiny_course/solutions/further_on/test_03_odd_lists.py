"""03  Odd lists

>>> [[]] * 2
[[], []]
"""

import sys

import pytest

from sensei import __


def test_not_with_three(size):
    """A list in a list, twice. One of them grows.
    What is in the outer one?"""
    if size == 3:
        pytest.skip("three is too many here")
    outer = [[]] * size
    outer[0].append(1)

    assert outer == [[1], [1]]


@pytest.mark.skipif(sys.version_info < (99,), reason="needs Python 99 or newer")
def test_lists_of_the_future():
    """A list of the future.
    How long is it?"""
    assert len([1, 2]) == 2


def test_a_default_that_stays():
    """Two calls of a function with a list as a default.
    What does the second give?"""

    def collect(item, into=[]):
        into.append(item)
        return into

    collect(1)

    assert collect(2) == [1, 2]
