"""What may be said of the entries of a wrong prediction: which of them hold.

Of numbers, which ones; of what can be guessed (truth values, texts) only how
many; of the right values nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Around = Callable[[Any], Any]


def _as_it_is(value: Any) -> Any:
    return value


def which_hold(actual: Any, wrote: Any, around: Around = _as_it_is) -> str:
    """A sentence on the entries that hold; "" where there is only one value.

    ``around`` widens what was written (``pytest.approx``) before it is compared.
    """
    if isinstance(actual, dict):
        return _which_keys(actual, wrote, around)
    if not isinstance(actual, list | tuple):
        return ""
    kind = "list" if isinstance(actual, list) else "tuple"
    if not isinstance(wrote, list | tuple):
        return f"A {kind} is asked for."
    if len(wrote) != len(actual):
        entries = "1 entry" if len(wrote) == 1 else f"{len(wrote)} entries"
        return f"Yours has {entries}; that is not how many there are."
    holds = [_holds(a, w, around) for a, w in zip(actual, wrote, strict=True)]
    if all(holds):
        brackets = "[…]" if kind == "list" else "(…)"
        return f"Every entry holds, but a {kind} is asked for: {brackets}."
    return _of_lists(actual, wrote, around) or _told(
        actual, [str(i) for i in range(1, len(holds) + 1)], holds
    )


def _which_keys(actual: dict[Any, Any], wrote: Any, around: Around) -> str:
    if not isinstance(wrote, dict):
        return "A dict is asked for."
    if actual.keys() != wrote.keys():
        return "The keys are not those that the koan has."
    holds = [_holds(actual[key], wrote[key], around) for key in actual]
    return _told(list(actual.values()), [f'"{key}"' for key in actual], holds)


def _of_lists(actual: Sequence[Any], wrote: Sequence[Any], around: Around) -> str:
    """Of a list of lists, which of the inner entries hold: 2.1 is 1 of list 2."""
    if not all(isinstance(entry, list | tuple) for entry in actual):
        return ""
    for number, (inner, given) in enumerate(zip(actual, wrote, strict=True), 1):
        if not isinstance(given, list | tuple) or len(given) != len(inner):
            return f"Entry {number} should be a list of {len(inner)}."
    values = [value for inner in actual for value in inner]
    given = [value for inner in wrote for value in inner]
    names = [
        f"{i}.{j}" for i, inner in enumerate(actual, 1) for j, _ in enumerate(inner, 1)
    ]
    holds = [_holds(a, w, around) for a, w in zip(values, given, strict=True)]
    said = _told(values, names, holds)
    return f"{said} (2.1 is entry 1 of list 2.)" if "." in said[:-1] else said


def _holds(actual: Any, wrote: Any, around: Around) -> bool:
    try:
        return bool(actual == around(wrote))
    except Exception:  # such as approx of a text
        return False


def _told(actual: Sequence[Any], names: list[str], holds: list[bool]) -> str:
    right = [name for name, held in zip(names, holds, strict=True) if held]
    wrong = [name for name, held in zip(names, holds, strict=True) if not held]
    if all(isinstance(entry, bool | str) for entry in actual):
        return f"{len(right)} of the {len(holds)} entries hold, each in its place."
    if not right:
        return "None of the entries holds." if len(holds) > 1 else ""
    noun, verb = ("Entry", "holds") if len(right) == 1 else ("Entries", "hold")
    does = "does" if len(wrong) == 1 else "do"
    return f"{noun} {_and(right)} {verb}; {_and(wrong)} {does} not."


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
