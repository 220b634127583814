"""conftest.py: the devices, and torch's global state put back."""

from __future__ import annotations

import operator
import re

import pytest
import torch

from course.state import STATE
from this_course import COURSE, ROOT, copy_course, run_pytest

# For collecting only: a torch that says it has CUDA, and where a tensor can be made.
FAKE_CUDA = """
import torch

zeros = torch.zeros
torch.cuda.is_available = lambda: True
torch.zeros = lambda *size, device=None, **rest: zeros(*size, **rest)
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = copy_course(tmp_path_factory.mktemp("devices") / "course", solved=True)
    (folder / "faked.py").write_text(FAKE_CUDA)
    return folder


def collected(folder, *arguments):
    """The exit code, the koans of a lesson with their devices, and the header."""
    lesson = "koans/test_01_piling_up.py"
    code, output = run_pytest(folder, "--collect-only", lesson, *arguments)
    koans = re.findall(r"<Function (\w+)\[(\w+)\]>", output)
    [header] = re.findall(r"^devices: .*", output, re.MULTILINE)
    return code, koans, header


def test_cpu_alone_where_there_is_no_cuda(course):
    """The header says so, and why."""
    _, koans, header = collected(course, "--device", "cpu")
    assert koans and {device for _, device in koans} == {"cpu"}
    assert re.match(r"devices: cpu(; no CUDA: \w.*)? \(torch ", header)
    assert ("no CUDA" in header) is not torch.cuda.is_available()


def test_cuda_directly_follows_cpu(course):
    """Collected with a torch that says it has CUDA: nothing runs on it."""
    code, koans, header = collected(course, "-p", "faked")
    assert code == 0 and header.startswith("devices: cpu, cuda (")
    names, devices = [name for name, _ in koans], [device for _, device in koans]
    assert koans and devices == ["cpu", "cuda"] * (len(koans) // 2)
    assert names[::2] == names[1::2]


@pytest.mark.parametrize("name", ["banana", "meta", "cuda:99"])
def test_a_device_that_is_not_there_is_a_usage_error(course, name):
    code, output = run_pytest(course, "--device", name)
    assert code == pytest.ExitCode.USAGE_ERROR
    [line] = [line for line in output.splitlines() if line.startswith("ERROR:")]
    assert line.startswith(f"ERROR: --device {name}: ")
    assert "There is: cpu" in line


def state() -> list[object]:
    asked = [ask() for ask, _ in STATE]
    return [*asked, torch.get_rng_state().tolist(), torch.zeros(1).dtype]


def test_torch_is_put_back_after_each_koan_whatever_it_did():
    """The engine has this around each run."""
    before = state()
    with pytest.raises(KeyError), COURSE.kept():
        torch.manual_seed(7)
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.set_grad_enabled(False)
        torch.set_num_threads(torch.get_num_threads() + 1)
        torch.autograd.set_detect_anomaly(True)
        torch.use_deterministic_algorithms(True)
        assert not any(map(operator.eq, state(), before))
        raise KeyError
    assert state() == before


def test_conftest_is_short_enough_to_be_read():
    assert len((ROOT / "conftest.py").read_text("utf-8").splitlines()) <= 110
