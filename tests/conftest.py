"""What the tests of the plugin run on: a tiny course in plain Python."""

import pytest

from tiny import TinyCourse

pytest_plugins = ["pytester"]
collect_ignore = ["tiny_course"]  # it is a course, not a test


@pytest.fixture
def tiny(pytester, monkeypatch):
    """The tiny course, untouched, in a folder of its own."""
    return TinyCourse.unpack(pytester, monkeypatch)
