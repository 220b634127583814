"""What a fill of code may use by name: plain Python's list, and a course's free.toml.

``allowed`` asks here. A course's file adds to the engine's lists, and never takes
from them.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from sensei.listed import ListError, names_of, refuse_others, table_of, text_of, words

BUILTINS = words(
    """abs all any ascii bin bool breakpoint bytes callable chr complex dict divmod
    enumerate filter float format frozenset getattr hasattr hash hex id int isinstance
    issubclass iter len list map max min next oct ord pow print range repr reversed
    round set setattr slice sorted str sum tuple type zip
    ArithmeticError AssertionError AttributeError Exception FloatingPointError
    IndexError KeyError LookupError NameError NotImplementedError OverflowError
    RuntimeError StopIteration TypeError UnboundLocalError ValueError
    ZeroDivisionError"""
)
ATTRIBUTES = words(
    """add append bit_length capitalize clear conjugate copy count denominator
    difference discard endswith extend get imag index insert intersection is_integer
    isdigit isdisjoint issubset issuperset items join keys lower lstrip numerator pop
    popitem real remove replace reverse rstrip setdefault sort split splitlines
    startswith strip symmetric_difference title union update upper values"""
)
MODULES = {
    "copy": words("copy deepcopy"),
    "math": words(
        """ceil comb copysign cos dist e exp fabs floor fmod frexp fsum gcd hypot inf
        isclose isfinite isinf isnan isqrt lcm ldexp log log10 log1p log2 modf nan
        nextafter pi pow prod remainder sin sqrt tan tanh tau trunc ulp"""
    ),
}


@dataclass(frozen=True)
class Free:
    """The names on the list: plain Python's, and those that a free.toml adds.

    ``attributes`` are of everything but modules, ``assignable`` those that may be
    given a value, ``modules`` has the names of each module; * ? [ ] as in file names.
    """

    builtins: frozenset[str] = BUILTINS
    attributes: frozenset[str] = ATTRIBUTES
    assignable: frozenset[str] = frozenset()
    modules: Mapping[str, frozenset[str]] = field(default_factory=MODULES.copy)

    @classmethod
    def load(cls, path: Path | None) -> Free:
        """What a free.toml says (None: plain Python alone); raises ListError."""
        if path is None:
            return cls()
        return _parsed(path, text_of(path))

    def lists(self, module: str, name: str) -> bool:
        """Whether a name of a module is on its list."""
        words = self.modules.get(module, frozenset())
        return name in words or (
            not name.startswith("_") and any(fnmatchcase(name, word) for word in words)
        )


@cache
def _parsed(path: Path, text: str) -> Free:
    """Parsed once in a process, however often a course is loaded."""
    table = table_of(path, text)
    keys = ("builtins", "attributes", "assignable")
    own, attributes, assignable = (names_of(path, k, table.pop(k, [])) for k in keys)
    modules = dict(_modules(path, table.pop("modules", {})))
    refuse_others(path, table)
    for name in own:
        if not hasattr(builtins, name):
            raise ListError(f"{path}: builtins: Python has no {name}")
    modules |= {m: names | modules.get(m, words("")) for m, names in MODULES.items()}
    attributes |= ATTRIBUTES | assignable
    return Free(BUILTINS | own, attributes, assignable, modules)


def _modules(path: Path, tables: object) -> Iterator[tuple[str, frozenset[str]]]:
    if not isinstance(tables, dict):
        raise ListError(f"{path}: modules: should be a table")
    for module, names in tables.items():
        if not all(map(str.isidentifier, module.split("."))):
            raise ListError(f"{path}: modules: {module!r} is no name of a module")
        yield module, names_of(path, f"modules: {module}", names, globs="*?[]-")
