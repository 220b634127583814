"""What every claim keeps to: its ``shape`` takes at least three values."""

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("claim") is None:
        return
    shapes = [
        len(list(mark.args[1]))
        for mark in metafunc.definition.iter_markers("parametrize")
        if "shape" in mark.args[0]
    ]
    if not shapes or min(shapes) < 3:
        name = metafunc.definition.nodeid
        raise pytest.UsageError(f"{name} is a claim that is tried in {shapes} shapes.")
