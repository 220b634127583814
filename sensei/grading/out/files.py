"""How every file is written: beside its place, and then moved there, so that a reader
never sees half of one. There is no date in any of them: the same class gives the same
bytes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

TEMPLATES = Path(__file__).parent.parent / "templates"


@contextlib.contextmanager
def written(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """A file to write to that comes to its place when it is done."""
    beside = path.with_name(f".{path.name}.part")
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "")
    try:
        with beside.open(mode, encoding=encoding, newline=newline) as file:
            yield file
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
