"""Waiting for what is to happen: as long as it takes, up to where only a hang gets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 300.0  # seconds; no test measures time
Found = TypeVar("Found")


def wait_until(holds: Callable[[], Found], what: Callable[[], str] = str) -> Found:
    """What it gives once that is true; ``what`` says what is missing till then."""
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        if time.monotonic() > end:
            raise TimeoutError(f"a hang: {what()}")
        time.sleep(0.02)
    return found
