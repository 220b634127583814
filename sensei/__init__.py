"""The engine of a suite of koans: blanks, verdicts, notes and the path.

It knows blanks, koans and learners; it knows nothing of gradients. A koan file
imports one thing from here: the blank.
"""

__all__ = ["__"]


class _Blank:
    """What a learner has not filled in yet.

    It has no magic on purpose: an object that refused to be looked at would
    break pytest's collection, and the gate finds blanks in the source anyway.
    """

    def __repr__(self) -> str:
        return "__"


__ = _Blank()
