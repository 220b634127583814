"""Other people's plugins, runners and terminals: the path is the path beside them.

What is not installed is skipped; pytest-randomly and teamcity-messages (which is what
PyCharm runs tests with) come with the dev extra. VS Code's own plugin is tried where
its folder is on PYTHONPATH, and a stand-in that reads the same is, always.
"""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest

import forks
from this_course import ROOT, copy_course, run_pytest
from tiny import TinyCourse

#: what is loaded, and the options with which it does most; all of these at once
NEIGHBOURS = {
    "pytest-timeout": ("pytest_timeout", "--timeout=30"),
    "pytest-rerunfailures": ("pytest_rerunfailures", "--reruns=2"),
    "pytest-instafail": ("pytest_instafail", "--instafail"),
    "pytest-html": ("pytest_html.plugin", "--html=report.html"),
    "pytest-metadata": ("pytest_metadata.plugin", "--metadata key value"),
    "pytest-clarity": ("pytest_clarity.plugin", ""),
    "teamcity-messages": ("teamcity.pytest_plugin", "--teamcity"),
    "anyio": ("anyio.pytest_plugin", ""),
    "hypothesis": ("_hypothesis_pytestplugin", ""),
}
ONE_BY_ONE = {
    "pytest-sugar": ("pytest_sugar", "--force-sugar"),
    "pytest-cov": ("pytest_cov.plugin", "--cov=koans --cov-report="),
    "pytest-asyncio": ("pytest_asyncio.plugin", "--asyncio-mode=auto"),
    "pytest-xdist": ("xdist.plugin", "-n1"),
}
FAR_OFF = "[7, 7]"
BOARDS: list[tuple[list[str], str]] = []
FAULT = re.compile(
    r"INTERNALERROR|Traceback|sensei/\w+\.py|\w+Warning\b.*(sensei|koan)"
)


def is_here(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def board(tiny: TinyCourse, *arguments: str) -> tuple[list[str], str]:
    """The koans in the order in which they ran, and the learner's screen."""
    tiny.patch.setenv("TERM", "dumb")
    command = ["-m", "pytest", "--maxfail=0", "--junitxml=junit.xml", *arguments]
    ran = forks.python(command, tiny.root)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", ran.stdout)
    assert ran.returncode == 1 and not FAULT.search(text), text
    verdicts = [f"{name}: {kind}" for name, kind in tiny.verdicts().items()]
    return verdicts, text[text.rindex("\n solved ") :]


@pytest.fixture
def alone(tiny):
    """A course with right, wrong and blank koans; what it comes to without anybody."""
    tiny.patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    tiny.solve("test_a_sum", "test_a_copy")
    tiny.fill("test_counting_letters", FAR_OFF)
    tiny.fill("test_only_the_even", "number % 2")
    if not BOARDS:  # it is the same each time
        BOARDS.append(board(tiny))
    return BOARDS[0]


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_beside_one_neighbour(tiny, alone, name):
    module, options = ONE_BY_ONE[name]
    if not is_here(module):
        pytest.skip(f"{module} is not installed")
    assert board(tiny, "-p", module, *options.split()) == alone


def test_beside_all_neighbours_that_are_here(tiny, alone):
    """As they come; pytest-randomly is one of them."""
    tiny.patch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    here = [options for module, options in NEIGHBOURS.values() if is_here(module)]
    assert board(tiny, *" ".join(here).split()) == alone


def test_this_course_beside_all_of_them(tmp_path):
    """As VS Code runs it: the path, and nothing else."""
    folder = copy_course(tmp_path / "course")
    options = "-v", "--maxfail=3", "--color=no", f"--rootdir={folder}"
    status, output = run_pytest(folder, *options, *vs_code())
    assert status == 1
    ran = re.findall(r"^\S*(?:::| )(test_\w+)\S* .*F", output, re.MULTILINE)
    texts = [path.read_text("utf-8") for path in sorted(folder.glob("koans/test_*.py"))]
    koans = re.findall(r"^def (test_\w+)", "\n".join(texts), re.MULTILINE)
    assert ran[:3] == koans[:3], output
    assert f"collected {len(koans)} items" in output
    assert "Warning" not in output


def vs_code() -> list[str]:
    """What VS Code calls pytest with, by the settings that come with the course."""
    text = (ROOT / ".vscode" / "settings.json").read_text("utf-8")
    settings = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert settings["python.testing.pytestEnabled"] is True
    arguments: list[str] = settings["python.testing.pytestArgs"]
    return arguments


# ------------------------------------------------------------------- runners

#: a koan, its fill, what the runner says of it, and what it may not say
RUNS = [
    ("test_a_sum", "7900", "wrong: That leaves the last part out.", "7919"),
    ("test_a_sum", None, "blank: put what you expect in place of __", "7919"),
    ("test_counting_letters", "{'k': 2, 'a': 9, 'y': 1}", 'wrong: Entry "a"', "'a': 2"),
    ("test_a_tenth_three_times", "3", "wrong: That is how many there are.", "0.3"),
    ("test_a_copy", "original", "failed: ", "[1, 2, 3]"),
    ("test_a_copy", "None", "error: `copy.append(3)` raises AttributeError", "list("),
    ("test_running_totals", "total += number", "failed: Nothing is noted.", "[1, 21"),
]
each_run = pytest.mark.parametrize(
    ("koan", "fill", "says", "answer"),
    RUNS,
    ids=[f"{koan.removeprefix('test_')}-{fill}" for koan, fill, *_ in RUNS],
)


def at(tiny: TinyCourse, koan: str, fill: str | None) -> str:
    """Bring the course to a koan; its node id, as runners say it."""
    tiny.solve_before(koan)
    if fill is not None:
        tiny.fill(koan, fill)
    path = tiny.lesson(koan).path
    size = "[pair]" if "(size)" in path.read_text().split(koan)[1][:9] else ""
    return f"{path}::{koan}{size}"


@each_run
def test_pycharm(tiny, koan, fill, says, answer):
    """Its runner calls pytest like so, from the folder of the lesson."""
    pytest.importorskip("teamcity", reason="teamcity-messages is not installed")
    node = at(tiny, koan, fill)
    tiny.patch.setenv("TEAMCITY_VERSION", "LOCAL")
    tiny.patch.chdir(tiny.main)
    plugin = "-p", "teamcity.pytest_plugin"
    ran = tiny.run(*plugin, node, "--no-header", "--no-summary", "-q")
    ran.is_sound()
    [failed] = re.findall(r"##teamcity\[testFailed .*", ran.text)
    details = re.search(r"details='((?:[^'|]|\|.)*)'", failed)
    assert details, failed
    message = re.sub(r"\|(.)", r"\1", details[1])
    assert says in message and message.startswith("koans/test_0"), failed
    assert answer not in message
    assert "actual=" not in failed and "expected=" not in failed
    assert ran.next == koan  # and the screen is below, as ever


READER = """
import pytest, json, os

def told(**what):
    with open(os.environ["TEST_RUN_PIPE"], "a") as pipe:
        print(json.dumps(what), file=pipe)

def pytest_exception_interact(node, call, report):
    told(raised=call.excinfo.exconly(), message=report.longreprtext)

@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_report_teststatus(report):
    if report.when == "call":
        told(message=report.longreprtext)
    return (yield)
"""


@pytest.fixture(params=["stand-in", "vscode_pytest"])
def editor(request, tiny):
    """Loads a plugin that reads as VS Code's does; what it sent is in the file."""
    pipe = tiny.root / "pipe"
    pipe.touch()
    tiny.patch.setenv("TEST_RUN_PIPE", str(pipe))
    if request.param == "stand-in":
        (tiny.root / "reader.py").write_text(READER)
        tiny.patch.syspath_prepend(tiny.root)
        return "reader", pipe
    if not is_here("vscode_pytest"):
        pytest.skip("VS Code's plugin is not on PYTHONPATH")
    folder = Path(importlib.util.find_spec("vscode_pytest").origin).parent.parent
    tiny.patch.syspath_prepend(folder)
    return "vscode_pytest", pipe


@each_run
def test_vs_code_runs_one_koan(tiny, editor, koan, fill, says, answer):
    """The short message comes first, and there is no answer in what it is sent."""
    plugin, pipe = editor
    node = at(tiny, koan, fill)
    ran = tiny.run("-p", plugin, f"--rootdir={tiny.root}", node)
    ran.is_sound()
    sent = pipe.read_text("utf-8")
    message, *_ = map(json.loads, re.findall(r'"message": ("(?:[^"\\]|\\.)*")', sent))
    assert message.startswith("koans/test_0") and says in message
    assert answer not in sent
    assert ran.next == koan


def test_vs_code_shows_the_path_and_nothing_else(tiny):
    ran = tiny.run("--collect-only", "-q", f"--rootdir={tiny.root}", *vs_code())
    files = dict.fromkeys(re.findall(r"^(\S+)::test_", ran.text, re.MULTILINE))
    assert ran.ret == 0
    assert [*files] == ["koans/test_01_two_names.py", "koans/test_02_changing_lists.py"]


# ------------------------------------------------------- where pytest is called


@pytest.mark.parametrize(
    ("folder", "arguments", "first"),
    [
        ("koans", (), "test_a_sum"),
        ("koans", ("test_02_changing_lists.py",), "test_counting_letters"),
        ("koans/further_on", (), "test_not_with_three"),
        (".", ("koans/test_01_two_names.py::test_who_grew",), "test_who_grew"),
        (".", ("koans/test_01_two_names.py::test_who_grew[pair]",), "test_who_grew"),
        ("koans", ("{root}/koans/test_02_changing_lists.py",), "test_counting_letters"),
        ("..", ("{root}",), "test_a_sum"),
        ("..", ("{root}/koans",), "test_a_sum"),
    ],
)
def test_from_any_folder_and_by_any_name(tiny, folder, arguments, first):
    tiny.patch.chdir(tiny.root / folder)
    ran = tiny.run(*(each.format(root=tiny.root) for each in arguments))
    ran.is_sound()
    assert ran.is_red and ran.next == first


WITHOUT_SENSEI = """
import sys
import pytest

for name in [name for name in sys.modules if name.partition(".")[0] == "sensei"]:
    del sys.modules[name]
status = pytest.main(["-p", "no:sugar", "-p", "no:hypothesispytest"])
print(sys.modules["sensei"].__file__)
sys.exit(status)
"""


def test_without_an_installation_it_runs_from_any_folder(tmp_path, monkeypatch):
    folder = copy_course(tmp_path / "course")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    inside = folder / "koans" / "further_on"
    ran = forks.python(["-P", "-c", WITHOUT_SENSEI], inside)
    assert ran.returncode == 1 and " next    test_three_ways_to_keep_it" in ran.stdout
    assert str(folder / "sensei" / "__init__.py") in ran.stdout


@pytest.mark.parametrize("arguments", [["-k", "test_99"], ["koans", "-k", "x"]])
def test_a_run_without_a_koan_says_so(tiny, arguments):
    ran = tiny.run(*arguments)
    assert ran.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "There is no koan in what you ran." in " ".join(ran.text.split())


def test_lines_that_end_as_on_windows(tiny):
    tiny.solve("test_a_sum")
    tiny.fill("test_who_grew", "[size + 1, 0, 0]")
    for path in tiny.main.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    ran = tiny.run()
    ran.is_sound()
    assert ran.next == "test_who_grew"
    ran.says("you wrote: [size + 1, 0, 0]", "Entries 2 and 3 do not hold.")


# ------------------------------------------------------------------ terminals


def test_40_columns_without_colours(tiny):
    tiny.patch.setenv("NO_COLOR", "1")
    tiny.patch.setenv("TERM", "dumb")
    ran = tiny.run_on_a_terminal("--hint", columns=40)
    ran.is_sound()
    lines = [line for line in ran.screen.splitlines() if "https:" not in line]
    assert max(map(len, lines)) <= 40
    assert "\x1b" not in ran.raw
    assert re.search(r"^  01 two n +░░░ +0/3 ←$", ran.screen, re.MULTILINE)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_sugar_where_its_signs_cannot_be_written(tiny, encoding):
    """pytest would write its line with letters in the place of escapes."""
    tiny.patch.setenv("PYTHONIOENCODING", encoding)
    tiny.patch.setenv("PYTHONUTF8", "0")
    ran = tiny.run_on_a_terminal()
    ran.is_sound()
    assert "\\x1b" not in ran.raw and "\\r" not in ran.raw
    assert "collected 11 items" in ran.text and ran.screen.isascii()


# ------------------------------------------------------------------- settings


def test_neither_order_nor_noise_comes_from_a_neighbour():
    for root in (ROOT, ROOT / "tests" / "tiny_course"):
        settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
        options = " ".join(settings["tool"]["pytest"]["ini_options"]["addopts"])
        assert "-p no:randomly" in options and "-p no:asyncio" in options
