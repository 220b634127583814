"""What a learner is told of a koan that can't be run: why, and what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from sensei.lesson import Koan, Lesson, NotAsGiven
from sensei.source import Function, Unreadable

SIDES = (ast.List, ast.Tuple, ast.Dict)


def blank(koan: Koan) -> str:
    """What to do about a blank."""
    if koan.note.is_prediction:
        return "put what you expect in place of __"
    return "put your code in place of __"


def not_as_given(change: NotAsGiven, koan: Koan, lesson: Lesson) -> str:
    """The sentence for a koan that was changed, and how to get it back."""
    if not change.in_koan:
        return (
            f"The lesson around its koans is not as it was given: {change.reason}. "
            f"Only blanks are for changing; undo that line (git diff shows it)."
        )
    sentence = f"This koan is not as it was given: {change.reason}."
    if lesson.original is not lesson:  # two koans have this name, and git has one
        return f"{sentence} `sensei reset {lesson.relative}::{koan.name}` puts it back."
    reset = f"`sensei reset {koan.name}` puts it back, and git has it, too."
    return f"{sentence} {reset}"


def unreadable(
    fault: Unreadable, lines: Sequence[str] = (), koan: Koan | None = None
) -> str:
    """The sentence for what Python can't read; ``lines`` are those of its file."""
    at = (fault.line or 0) - 1
    line = lines[at] if 0 <= at < len(lines) else ""
    asked = koan if koan and koan.note.is_prediction else None
    is_check = line.lstrip().startswith(("assert ", *"])}"))  # or the end of one
    slip = _several_behind(line, asked) if asked and is_check else ""
    slip = slip or _given_twice(line)
    where = f" (line {fault.line})" if fault.line else ""
    end = "" if fault.reason.endswith(("?", ".")) else "."
    return slip or f"Python can't read this{where}: {fault.reason}{end}"


def _given_twice(line: str) -> str:
    """For who puts into a blank what stands around it: `if if x:`, `if x::`."""
    first, _, rest = line.strip().partition(" ")
    if first in ("if", "while") and rest.startswith(f"{first} "):
        return f"`{first}` stands there already: write the condition alone."
    if first in ("if", "while") and re.search(r":\s*:\s*(#.*)?$", line):
        return "The colon stands there already: write the condition alone."
    return ""


def doubled_target(function: Function | None) -> str:
    """What to say of `loss = loss = x`: the blank was what comes behind the sign."""
    for node in ast.walk(function) if function else ():
        if isinstance(node, ast.Assign) and len(node.targets) > 1:
            first, second = map(ast.unparse, node.targets[:2])
            if first == second:
                return f"`{first} =` stands there already: write only what comes after."
    return ""


def _several_behind(line: str, koan: Koan) -> str:
    """For values without brackets behind a ==; others may stand before it."""
    parts = line.split(" == ")
    values = (" == ".join(parts[i:]) for i in range(1, len(parts)))
    return next(filter(None, (_several_in(text, koan) for text in values)), "")


def _several_in(text: str, koan: Koan) -> str:
    """For values without brackets round them that Python takes for something else."""
    text = text.partition("  #")[0].strip()
    if text.startswith("approx(") and text.endswith(")"):
        text = text.removeprefix("approx(")[:-1]
    try:
        values = ast.parse(f"[{text}]", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return several(values.elts, koan) if isinstance(values, ast.List) else ""


def forgotten_brackets(function: Function | None, koan: Koan) -> str:
    """What to say of `assert x == 1, 2` and `approx(1, 2)`: the commonest slip."""
    if function is None or not koan.note.is_prediction:
        return ""
    checks = (node for node in ast.walk(function) if isinstance(node, ast.Assert))
    sentences = (several(values, koan) for values in _values(checks))
    return next(filter(None, sentences), "")


def _values(checks: Iterator[ast.Assert]) -> Iterator[list[ast.expr]]:
    """The values that stand, without brackets, where one was asked for."""
    for check in checks:
        match check:
            case ast.Assert(
                test=ast.Compare(
                    comparators=[ast.Call(func=ast.Name("approx"), args=values)]
                )
            ) if len(values) > 1:
                yield values
            case ast.Assert(
                test=ast.Compare(comparators=[first]), msg=ast.expr() as more
            ):
                yield [first, more]


def several(values: list[ast.expr], koan: Koan) -> str:
    """What to say where several values stand in one blank; "" for one value."""
    if len(values) < 2:
        return ""
    right = koan.solution.nodes[0] if koan.solution else None
    if right is not None and not isinstance(right, SIDES):
        point = _with_a_point(*values) if len(values) == 2 else ""
        return (
            f"One value is asked for, and {len(values)} stand here. "
            f"Put one in place of __{point}."
        )
    written = ", ".join(map(ast.unparse, values))
    return f"The blank stands for one thing. Put several in brackets: [{written}]."


def _with_a_point(whole: ast.expr, rest: ast.expr) -> str:
    """For who writes numbers as many languages do: -0,6 is -0.6 here."""
    left, right = ast.unparse(whole), ast.unparse(rest)
    is_number = left.lstrip("-").isdecimal() and right.isdecimal()
    touch = whole.end_col_offset == rest.col_offset - 1
    return (
        f"; a number has a point in it, {left}.{right}" if is_number and touch else ""
    )
