"""start.ipynb: it finds the course, installs, runs it, and can be run twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Collection
from pathlib import Path

import pytest

import forks
from this_course import LESSONS, ROOT, copy_course
from waiting import PATIENCE

CELLS = {
    cell["id"]: cell
    for cell in json.loads((ROOT / "start.ipynb").read_text("utf-8"))["cells"]
}
FIRST = "koans/test_01_piling_up.py"


def code(name: str) -> str:
    return "".join(CELLS[name]["source"])


def test_it_is_kept_without_what_a_run_left_in_it():
    code_cells = [cell for cell in CELLS.values() if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code_cells] == [[]] * len(code_cells)
    assert {cell["execution_count"] for cell in code_cells} == {None}


def test_it_has_no_answer_and_opens_the_first_lesson():
    assert FIRST in code("edit")
    assert "solutions" not in json.dumps(CELLS)


# ------------------------------------------------------------ where the course is


def get(folder: Path, text: str = "") -> tuple[int, str]:
    """Run the cell that gets the course, in a folder; its exit code and its words."""
    ran = forks.python(["-c", text or code("get")], folder)
    return ran.returncode, ran.stdout.strip()


@pytest.fixture
def parts(tmp_path):
    """As much of the course as a notebook looks for."""
    folder = tmp_path / "made" / "gradient-koans"
    for name in (FIRST, "sensei/plugin.py"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("")
    return folder


@pytest.mark.parametrize("place", [".", "koans", ".."])
def test_a_course_that_is_there_is_found(parts, place):
    assert get(parts / place) == (0, f"The course is in {parts}")


@pytest.mark.parametrize("top", ["", "gradient-koans-main/"], ids=["flat", "folder"])
def test_an_uploaded_zip_is_unpacked(parts, tmp_path, top):
    content = tmp_path / "content"
    content.mkdir()
    with zipfile.ZipFile(content / "koans.zip", "w") as packed:
        for path in parts.rglob("*.py"):
            packed.write(path, top + path.relative_to(parts).as_posix())
    where = (content / "gradient-koans" / top).resolve()
    assert get(content) == get(content) == (0, f"The course is in {where}")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")
def test_an_address_is_cloned_once(parts, tmp_path):
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "course"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *words], cwd=parts, check=True)
    content = tmp_path / "content"
    content.mkdir()
    text = code("get").replace('ADDRESS = ""', f"ADDRESS = {str(parts)!r}")
    for _ in range(2):
        status, said = get(content, text)
        where = (content / "gradient-koans").resolve()
        assert status == 0 and f"The course is in {where}" in said


def test_no_course_gets_a_sentence(tmp_path):
    status, said = get(tmp_path)
    assert status == 1 and said.startswith("No course yet: fill in ADDRESS")


# -------------------------------------------------------------------- in a kernel


class Kernel:
    """One kernel, and what cells that ran in it have printed."""

    def __init__(self, folder: Path) -> None:
        client = pytest.importorskip("nbclient", reason="nbclient is not here")
        pytest.importorskip("ipykernel", reason="ipykernel is not here")
        nbformat = pytest.importorskip("nbformat")
        self.cell = nbformat.v4.new_code_cell
        self.book = nbformat.read(ROOT / "start.ipynb", as_version=4)
        resources = {"metadata": {"path": str(folder)}}
        self.client = client.NotebookClient(
            self.book, timeout=PATIENCE, resources=resources, allow_errors=True
        )

    def run(self, text: str) -> str:
        self.book.cells.append(self.cell(text))
        at = len(self.book.cells) - 1
        [*outputs] = self.client.execute_cell(self.book.cells[at], at).outputs
        return "".join(
            "\n".join(output.traceback)
            if output.output_type == "error"
            else output.get("text", "")
            for output in outputs
        )

    def run_all(self, but: Collection[str] = ()) -> dict[str, str]:
        cells = [cell for cell in self.book.cells if cell.id in {*CELLS} - {*but}]
        return {c.id: self.run(c.source) for c in cells if c.cell_type == "code"}


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return copy_course(tmp_path_factory.mktemp("notebook") / "course")


@pytest.fixture(scope="module")
def kernel(course, patch):
    """A kernel in an untouched copy of the course, which counts as installed."""
    installed = course.parent / "site" / "gradient_koans-0.1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Name: gradient-koans\nVersion: 0.1.0\n")
    path = [str(ROOT), str(installed.parent), os.environ.get("PYTHONPATH", "")]
    patch.setenv("PYTHONPATH", os.pathsep.join(path).rstrip(os.pathsep))
    patch.setenv("IPYTHONDIR", str(course.parent / "ipython"))
    patch.setenv("PYTEST_ADDOPTS", "--color=no")
    patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    kernel = Kernel(course)
    with kernel.client.setup_kernel():
        yield kernel


def test_all_cells_twice_in_one_kernel_with_an_answer_in_between(kernel, course):
    """Of the two that run pytest one is run, once: each run imports torch anew."""
    assert code("stuck") == f"{code('run')} --hint"
    first = kernel.run_all(but=["run", "stuck"])
    assert "gradient-koans 0.1.0 is installed." in first["install"]
    assert "assert slate(p) == __" in first["edit"]
    lesson = course / FIRST
    lesson.write_text(lesson.read_text("utf-8").replace("== __", "is None", 1), "utf-8")
    second = kernel.run_all(but=["run"])
    assert "next    test_one_backward" in second["stuck"]
    koans = sum(len(lesson.koans) for lesson in LESSONS if not lesson.part)
    assert f"1 of {koans} koans solved" in second["stuck"]
    assert "hint 1" in second["stuck"]
    assert "Traceback" not in str([*first.values(), *second.values()])


def test_a_lesson_that_is_run_or_imported_in_a_cell(kernel):
    """Each time, not only the first."""
    kernel.run("import sys; sys.modules['torch'] = sys")  # it takes long, for nothing
    for _ in range(2):
        for cell in (f"%run {FIRST}", "import koans.test_01_piling_up"):
            said = " ".join(
                kernel.run(f"import sys; sys.path[:0] = ['koans']\n{cell}").split()
            )
            assert "A lesson is not run by itself: type `pytest` in" in said, said
            assert "in a notebook with a ! before it" in said
