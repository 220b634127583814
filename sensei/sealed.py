"""What a handout keeps out of sight: its notes and solutions, in one text file.

It is no secret, only nothing that is read by accident: JSON, zlib, base64. A course
reads it where the files themselves are not there; ``sensei handout`` writes it.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from pathlib import Path

NAME = "sealed.txt"  # beside the notes
HEAD = """\
# The notes of this course: hints, diagnoses, reasons. They lie here so that no answer
# is read by accident. It is no secret (JSON, zlib, base64), and running the code of a
# koan tells as much.
"""


class Unsealable(Exception):
    """A sealed file that is not as it was written."""


def seal(files: Mapping[str, str]) -> str:
    """The text of a sealed file; ``files`` go by their paths in the course."""
    packed = zlib.compress(json.dumps(files, sort_keys=True).encode(), 9)
    return HEAD + base64.encodebytes(packed).decode()


def opened(text: str) -> dict[str, str]:
    """The files in a sealed file; raises Unsealable."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    try:
        files = json.loads(
            zlib.decompress(base64.b64decode("".join(lines), validate=True))
        )
    except (ValueError, binascii.Error, zlib.error) as error:
        raise Unsealable(str(error)) from None
    return {str(name): str(content) for name, content in dict(files).items()}


def read(path: Path, root: Path) -> dict[Path, bytes]:
    """The files in a sealed file by where they would be; {} where it is not there."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Unsealable(str(error)) from None
    return {root / name: content.encode() for name, content in opened(text).items()}
