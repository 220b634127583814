"""The devices that every koan runs on, and nothing else.

A koan runs on the CPU and, where there is one, on CUDA. ``--device NAME`` (as
often as you like) chooses others.
"""

import pytest
import torch

pytest_plugins = ["sensei.plugin"]

if not hasattr(torch, "device"):
    raise pytest.UsageError(f"{torch.__file__} hides PyTorch: give it another name.")

DEVICES = pytest.StashKey[tuple[str, ...]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        action="append",
        metavar="NAME",
        help="run the koans on this device (cpu, cuda, cuda:1, mps, ...); repeatable",
    )


def pytest_configure(config: pytest.Config) -> None:
    there = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    asked = tuple(dict.fromkeys(config.getoption("device") or there))
    for name in asked:
        if fault := _fault(name):
            raise pytest.UsageError(
                f"--device {name}: {fault}. There is: {', '.join(there)}."
            )
    config.stash[DEVICES] = asked
    torch.set_num_threads(1)  # for so small tensors more would wait for each other


def _fault(name: str) -> str | None:
    """Why a device can't be used here; None if it can."""
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError) as error:
        return str(error).strip().splitlines()[0].rstrip(".")
    return None


def pytest_report_header(config: pytest.Config) -> str:
    devices = config.stash[DEVICES]
    return f"devices: {', '.join(devices)}{_why_no_cuda()} (torch {torch.__version__})"


def _why_no_cuda() -> str:
    if torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        return "; no CUDA: this torch was built without it"
    return "; no CUDA: torch finds no such device, or no driver for it"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``device`` varies fastest, so that a koan's devices stay side by side."""
    if "device" in metafunc.fixturenames:
        devices = metafunc.config.stash[DEVICES]
        metafunc.parametrize("device", devices)
