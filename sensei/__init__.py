"""The engine of a suite of koans: blanks, verdicts, notes and the path.

It knows blanks, koans and learners; it knows nothing of gradients. A koan file
imports one thing from here: the blank.
"""

import sys
from fnmatch import fnmatch
from typing import Any

__all__ = ["__"]


class _Blank:
    """What a learner has not filled in yet.

    It has no magic on purpose: an object that refused to be looked at would
    break pytest's collection, and the gate finds blanks in the source anyway.
    """

    def __repr__(self) -> str:
        return "__"


_blank = _Blank()
__: Any  # to a type checker it may be anything

_ALONE = (
    "A lesson is not run by itself: type `pytest` in the folder of the course, or "
    "`pytest {}` for this lesson alone (in a notebook with a ! before it)."
)


def __getattr__(name: str) -> Any:
    """The blank; a lesson that is run or imported by itself gets a sentence."""
    if name != "__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals["__name__"].startswith("importlib."):
        frame = frame.f_back
    asking = frame.f_globals
    file = str(asking.get("__file__"))
    is_lesson = fnmatch(file.replace("\\", "/").rpartition("/")[2], "test_*.py")
    if is_lesson and asking["__name__"] == "__main__":
        sys.exit(_ALONE.format(sys.argv[0]))
    if is_lesson and asking.get("__spec__") and hasattr(sys, "ps1"):
        raise ImportError(_ALONE.format(file))
    return _blank
