"""The devices that every koan runs on, and nothing else."""

import pytest
import torch

pytest_plugins = ["sensei.plugin"]


def pytest_addoption(parser):
    parser.addoption("--device", action="append", help="run on this device only")


def pytest_generate_tests(metafunc):
    if "device" in metafunc.fixturenames:
        devices = metafunc.config.getoption("device") or (
            ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
        )
        metafunc.parametrize("device", devices)
