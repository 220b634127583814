"""Files of a course and of the engine on their way into a folder or a zip.

The autograder for Gradescope and a handout are both made of these. The same course
makes the same bytes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import sensei
from sensei.course import Course
from sensei.grading.out.files import written

EPOCH = (1980, 1, 1, 0, 0, 0)
Files = Mapping[str, bytes]  # by their paths in a course


def engine() -> dict[str, bytes]:
    """The engine, as it runs here."""
    folder = Path(sensei.__file__).parent
    return {
        f"sensei/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in below(folder)
    }


def brought(course: Course) -> dict[str, bytes]:
    """What [tool.sensei] names beside the lessons: modules, lists, an ending."""
    modules = course.modules
    paths = [course.root / f"{name.replace('.', '/')}.py" for name in modules]
    paths += filter(None, (course.free_path, course.roles_path, course.ending))
    return files_of(course, [path for path in paths if path.exists()])


def files_of(course: Course, paths: list[Path]) -> dict[str, bytes]:
    """What is in files of a course, by their names within it."""
    return {p.relative_to(course.root).as_posix(): p.read_bytes() for p in paths}


def below(folder: Path) -> Iterator[Path]:
    """The files in a folder, but nothing hidden and nothing compiled."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if path.is_file() and not hidden:
            yield path


def write_zip(path: Path, files: Files, executable: tuple[str, ...] = ()) -> None:
    """Write a zip, in one piece; ``executable`` are the scripts in it."""
    with written(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, data in sorted(files.items()):
            member = zipfile.ZipInfo(name, EPOCH)
            mode = 0o755 if name in executable else 0o644
            member.external_attr = (0o100000 | mode) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, data)
