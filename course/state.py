"""Torch's global state, put back after each koan whatever a fill did to it.

[tool.sensei] names this module; the engine has ``kept`` around each run.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def kept() -> Iterator[None]:
    """Global settings and the seed are afterwards as they were before."""
    before = [ask() for ask, _ in STATE]
    seed = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(seed)
        for (ask, put_back), value in zip(STATE, before, strict=True):
            if ask() != value:
                put_back(value)


def default_device() -> torch.device:
    try:
        return torch.get_default_device()
    except AttributeError:  # torch 2.3, once the default was put back
        return torch.device("cpu")


def put_back_default_device(device: torch.device) -> None:
    """None is the default of the default: setting "cpu" would slow every call."""
    torch.set_default_device(None if device.type == "cpu" else device)


# What is asked, and what puts it back.
STATE: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (torch.get_default_dtype, torch.set_default_dtype),
    (default_device, put_back_default_device),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
]
