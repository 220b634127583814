"""Points, which may be fractions, and how numbers are said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction


def total(points: Iterable[float]) -> Fraction:
    """Their sum, without the noise of binary numbers: three times 0.1 is 0.3."""
    often = Counter(points).items()  # there are few kinds of them
    return sum((n * Fraction(str(each)) for each, n in often), Fraction(0))


def number(points: Fraction) -> int | float:
    """For JSON and tables: whole where it is whole, without what thirds leave over."""
    points = round(points, 6)
    return points.numerator if points.denominator == 1 else float(points)


def shown(points: float | Fraction) -> str:
    """For people: 7, 2.5, 0.33."""
    return f"{float(points):.2f}".rstrip("0").rstrip(".")


def count(things: int, what: str) -> str:
    """1 koan, 7 koans."""
    return f"{things} {what}{'' if things == 1 else 's'}"
