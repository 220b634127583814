"""The engine of a suite of koans: blanks, verdicts, notes and the path.

It knows blanks, koans and learners; it knows nothing of gradients. A koan file
imports one thing from here: the blank.
"""

import sys
from typing import Any

__all__ = ["__"]


class _Blank:
    """What a learner has not filled in yet.

    It has no magic on purpose: an object that refused to be looked at would
    break pytest's collection, and the gate finds blanks in the source anyway.
    """

    def __repr__(self) -> str:
        return "__"


__: Any = _Blank()  # to a type checker it may be anything


def _main_file() -> str:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return (file or "").replace("\\", "/").rpartition("/")[2]


if _main_file().startswith("test_") and _main_file().endswith(".py"):
    sys.exit(
        "A lesson is not run by itself: type `pytest` in the folder of the course, "
        f"or `pytest {sys.argv[0]}` for this lesson alone."
    )
