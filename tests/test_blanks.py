"""The matcher: what is free, what is a fill, and where a change is seen."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei import blanks
from sensei.blanks import (
    Fill,
    Fit,
    Misfit,
    Unreadable,
    alike,
    find_blanks,
    locate,
    match,
)

quick = settings(max_examples=20, deadline=None, database=None)


def parse(source: str) -> ast.Module:
    return blanks.parse(textwrap.dedent(source))


def fitted(pattern: str, code: str) -> Fit:
    found = match(parse(pattern).body, parse(code).body)
    assert isinstance(found, Fit), found
    return found


def misfit(pattern: str, code: str) -> Misfit:
    found = match(parse(pattern).body, parse(code).body)
    assert isinstance(found, Misfit), found
    return found


def texts(pattern: str, code: str) -> list[str]:
    return [fill.text for fill in fitted(pattern, code).fills]


def places(asks: str, code: str) -> list[tuple[int, str]]:
    """The first line and the fill of every fit."""
    found = locate(parse(asks).body, parse(code))
    return [(fit.first_line, fit.fills[0].text) for fit in found]


def expression(text: str) -> Fill:
    return Fill((ast.parse(text, mode="eval").body,))


def statements(text: str) -> Fill:
    return Fill(tuple(parse(text).body))


# --------------------------------------------------------------- random programs

NAMES = st.sampled_from(["a", "b", "loss", "p"])
LEAVES = st.one_of(
    NAMES,
    st.integers(0, 99).map(str),
    st.floats(0, 9, allow_nan=False).map(repr),
    st.sampled_from(["None", "True", "'text'", "'é # no comment'"]),
)


def _larger(inner):
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds(
            "({} {} {})".format, inner, st.sampled_from(["<", "==", "and"]), inner
        ),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("({},)".format, inner),
        st.builds("{}({}, k={})".format, NAMES, inner, inner),
        st.builds("{}.grad".format, NAMES),
        st.builds("(-{})".format, inner),
        st.builds("(lambda x: {})".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
    )


EXPRESSIONS = st.recursive(LEAVES, _larger, max_leaves=6)
SIMPLE = st.one_of(
    st.builds("{} = {}".format, NAMES, EXPRESSIONS),
    st.builds("{} += {}".format, NAMES, EXPRESSIONS),
    st.builds("f({})".format, EXPRESSIONS),
    st.builds("assert {}".format, EXPRESSIONS),
)


def _block(lines: list[str]) -> str:
    return textwrap.indent("\n".join(lines), "    ")


def _compound(inner):
    some = st.lists(inner, min_size=1, max_size=3).map(_block)
    return st.one_of(
        st.builds("for i in {}:\n{}".format, EXPRESSIONS, some),
        st.builds("while {}:\n{}".format, EXPRESSIONS, some),
        st.builds("if {}:\n{}\nelse:\n{}".format, EXPRESSIONS, some, some),
        st.builds("with {} as w:\n{}".format, EXPRESSIONS, some),
        st.builds("try:\n{}\nfinally:\n{}".format, some, some),
    )


STATEMENTS = st.recursive(SIMPLE, _compound, max_leaves=4)
PROGRAMS = st.lists(STATEMENTS, min_size=1, max_size=4).map(
    lambda lines: "def test_it(device):\n" + _block(lines)
)


def blocks(tree: ast.AST) -> list[list[ast.stmt]]:
    fields = ("body", "orelse", "finalbody")
    found = [getattr(n, f, None) for n in ast.walk(tree) for f in fields]
    return [block for block in found if isinstance(block, list) and block]


def expressions(tree: ast.AST) -> list[tuple[ast.AST, str, int | None]]:
    """Where an expression stands: its owner, the field, the index in a list."""
    found: list[tuple[ast.AST, str, int | None]] = []
    for owner in ast.walk(tree):
        if isinstance(owner, ast.Expr):  # blanked, it would be a statement's blank
            continue
        for field, value in ast.iter_fields(owner):
            items = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, item in items:
                stored = isinstance(getattr(item, "ctx", None), ast.Store)
                if isinstance(item, ast.expr) and not stored:
                    found.append((owner, field, index))
    return found


def one_of(data, items):
    """Like sampled_from, without writing down all there is to choose from."""
    return items[data.draw(st.integers(0, len(items) - 1))]


def put(place: tuple[ast.AST, str, int | None], node: ast.AST) -> ast.AST:
    """Put a node in a place, and give the one that was there."""
    owner, field, index = place
    if index is None:
        was = getattr(owner, field)
        setattr(owner, field, node)
    else:
        was = getattr(owner, field)[index]
        getattr(owner, field)[index] = node
    return was


def blanked_expression(data, source: str) -> tuple[ast.Module, ast.AST]:
    """A pattern with one expression blanked, and what stood there."""
    tree = blanks.parse(source)
    place = one_of(data, expressions(tree))
    return tree, put(place, ast.Name("__", ast.Load()))


# --------------------------------------------------------------------- parsing


@pytest.mark.parametrize(
    ("plain", "noisy"),
    [
        ("x = 1", "x   =  (1)  # one"),
        ("f(a, b)", "f(\n    a,\n    b,\n)"),
        ("x = 'a'", 'x = "a"'),
        ("x = 'ab'", "x = 'a' 'b'"),
        ("x = 16", "x = 0x10"),
        ("x = 1000.0", "x = 1e3"),
        ("x = 1\ny = 2", "x = 1; y = 2"),
        ("if a: b", "if a:\n\n    # why\n    b"),
        ("def f(): return 1", 'def f():\n    """Says."""\n    return 1'),
        ("class A: x = 1", 'class A:\n    """Says."""\n    x = 1'),
        ("x = 1", "print('hello')\nx = 1\nprint(x, p.grad)"),
        ("if a: b", "if a:\n    print(a)\n    b\nelse:\n    print(b)"),
        ("for i in a: b", "for i in a:\n    b\n    print(i)"),
        ("with a: b", "with a:\n    b\n    print(i)"),
        ("def f(): pass", "def f():\n    print(1)"),
        ("def f(): pass", "def f():\n    'Says.'"),
        ("try: a\nexcept E: b", "try: a\nexcept E:\n    print(1)\n    b\n"),
        ("match a:\n case 1: b", "match a:\n case 1:\n  print(1)\n  b\n"),
    ],
)
def test_layout_comments_prints_and_docstrings_are_free(plain, noisy):
    assert ast.dump(blanks.parse(plain)) == ast.dump(blanks.parse(noisy))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = -1", "x = 1"),
        ("f(a, b)", "f(b, a)"),
        ("f(a=1, b=2)", "f(b=2, a=1)"),
        ("f(a)", "f((a,))"),
        ("x = 1", "x: int = 1"),
        ("f(a)", "g.f(a)"),
        ("f(a)", "print(a)"),
        ("a", "self.print(a)\na"),
        ("a", "print(b := 1)\na"),
        ("def f(): a", "def f():\n    print((yield))\n    a"),
        ("async def f(): a", "async def f():\n    print(await b)\n    a"),
        ("def f(): a", "def f():\n    a\n    'not a docstring'"),
        ("with a, b: c", "with a:\n    with b: c"),
    ],
)
def test_everything_else_is_not_free(one, other):
    misfit(one, other)


def test_a_print_alone_in_a_finally_leaves_a_tree_that_can_be_written():
    """Or what a learner wrote could not be read again."""
    text = ast.unparse(parse("try:\n    a\nfinally:\n    print(a)"))
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse("try: a\nfinally: pass"))


def test_bytes_may_begin_with_a_byte_order_mark():
    assert ast.dump(blanks.parse(b"\xef\xbb\xbfx = 1")) == ast.dump(parse("x = 1"))


def test_line_ends_of_windows_are_free():
    assert ast.dump(blanks.parse(b"if a:\r\n    b\r\n")) == ast.dump(parse("if a:\n b"))


@pytest.mark.parametrize(
    ("source", "reason", "line"),
    [
        ("x = 1\ny = (", "never closed", 2),
        ("if a:\nb", "expected an indented block", 2),
        ("x = 1\n  y = 2", "unexpected indent", 2),
        ("if a:\n        b\n\tc", "tabs and spaces are mixed", 3),
        (b"x = 1\n# caf\xe9", "not UTF-8 (byte 0xe9)", 2),
        (b"# coding: latin-1\nx = '\xe9'", "declares that it is iso-8859-1", 1),
        (b"# coding: utf-7\nx = 1", "declares that it is utf-7", 1),
        (b"# coding: klingon\nx = 1", "klingon", None),
        ("x = 1\0", "null byte", None),
        ("x = '\ud800'", "surrogates", None),
        ("x = " + "(" * 5000 + ")" * 5000, "too many nested", 1),
        ("x = " + "-" * 50_000 + "1", "nested too deeply", None),
        ("x = " + "+".join("1" * 50_000), "nested too deeply", None),
        ("x" + ".a" * 5000, "nested too deeply", None),
        ("x = " + "9" * 1_000_000, "4300 digits", 1),
        ("a\nx = 0x" + "f" * 1_000_000, "a number that is too long", 2),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_read_says_why_and_where(source, reason, line):
    with pytest.raises(Unreadable) as caught:
        blanks.parse(source)
    assert reason in caught.value.reason
    if line is not None:
        assert caught.value.line == line


@quick
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_any_bytes_and_any_text_are_read_or_unreadable(source):
    try:
        tree = blanks.parse(source)
    except Unreadable as fault:
        assert fault.reason
    else:
        ast.unparse(tree)


@pytest.mark.parametrize("depth", [20, 60])
def test_what_is_nested_like_a_koan_or_three_times_deeper_is_read(depth):
    assert blanks.parse("x = " + "-" * depth + "1").body


def test_a_number_of_a_thousand_digits_can_still_be_written():
    [fill] = fitted("x = __", "x = " + "9" * 1000).fills
    assert fill.text == "9" * 1000


# ---------------------------------------------------------------------- blanks


def test_blanks_are_found_in_the_order_of_the_source():
    tree = parse("def f():\n    if __:\n        x = __\n    g(a, __); __\n")
    found = [(blank.lineno, blank.col_offset) for blank in find_blanks(tree)]
    assert found == [(2, 7), (3, 12), (4, 9), (4, 14)]


@pytest.mark.parametrize(
    "code",
    [
        "assert x is not __",
        "f(set_to_none=__)",
        "True or __",
        "f'{__}'",
        "x = lambda: __",
        "with raises(E):\n    __",
        "del __",
    ],
)
def test_a_blank_is_found_wherever_it_hides(code):
    assert len(find_blanks(parse(code))) == 1


@pytest.mark.parametrize(
    "code", ["'__'", "# __", "x.__", "___", "_", "f(__=1)", "__x__"]
)
def test_what_only_looks_like_a_blank_is_none(code):
    assert find_blanks(parse(code)) == []


# -------------------------------------------------------------------- matching


@pytest.mark.parametrize(
    ("pattern", "code", "fill"),
    [
        ("assert a == __", "assert a == [1, 2]", "[1, 2]"),
        ("assert a == approx(__)", "assert a == approx(0.5 + 1)", "0.5 + 1"),
        ("loss = __", "loss = (a +\n    b)", "a + b"),
        ("if __:\n    a", "if i % 2 and b:\n    a", "i % 2 and b"),
        ("f(x, k=__)", "f(x, k=lambda: 0)", "lambda: 0"),
        ("for i in a:\n    __", "for i in a:\n    b\n    c", "b\nc"),
        ("a\n__\nb", "a\nif c:\n    d\nb", "if c:\n    d"),
        ("__\nb", "b\nb", "b"),
        ("a\n__", "a\nprint(1)\nb", "b"),
    ],
)
def test_a_blank_takes_what_stands_there(pattern, code, fill):
    assert texts(pattern, code) == [fill]


def test_several_blanks_are_given_back_in_order():
    code = "a = 1\nb\nc\nf(2, k=3)"
    assert texts("a = __\n__\nf(__, k=__)", code) == ["1", "b\nc", "2", "3"]


def test_a_fill_knows_its_lines():
    [fill] = fitted("a\n__\nd", "a\n\nif b:\n    c\n\nd").fills
    assert (fill.line, fill.end_line, fill.is_expression) == (3, 4, False)
    assert [fill.holds_line(line) for line in (2, 3, 4, 5)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_fill_begins_with_its_decorator():
    [fill] = fitted("__", "@once\ndef f():\n    a").fills
    assert (fill.line, fill.end_line) == (1, 3)


def test_a_fit_knows_its_lines():
    found = fitted("a\n__", "a\n\nif b:\n    c")
    assert (found.first_line, found.last_line) == (1, 4)


@pytest.mark.parametrize(
    ("pattern", "code", "expected"),
    [
        # the pattern, the code, and (line, what was wanted, what is there)
        ("a\nb", "a\nc", (2, "b", "c")),
        ("a\nb", "a", (1, "b", None)),
        ("a", "a\nb", (2, None, "b")),
        ("a\n__", "a", (1, "__", None)),
        ("x = __\ny = 1", "x = 5\ny = 2", (2, "y = 1", "y = 2")),
        ("if a:\n    b", "if a:\n    c", (2, "b", "c")),
        ("if a:\n    b", "if c:\n    b", (1, "if a:", "if c:")),
        ("if a:\n    b", "if a:\n    b\nelse:\n    c", (4, None, "c")),
        ("if a:\n    b\nelse:\n    c", "if a:\n    b", (1, "if a:", "if a:")),
        ("try:\n a\nfinally:\n b", "try:\n a\nfinally:\n c", (4, "b", "c")),
        (
            "for i in a:\n    __",
            "for i in b:\n    c",
            (1, "for i in a:", "for i in b:"),
        ),
        ("with a:\n    b\nc", "with a:\n    b\n    b", (3, None, "b")),
        ("with a:\n    b\nc", "with a:\n    b", (2, "c", None)),
        ("a\n__\nc\nd", "a\nb\nc\ne", (4, "d", "e")),
        ("a\n__\nc\nd", "a\nb\nb\nd", (4, "c", "d")),
        ("__\nc", "a\nb", (2, "c", "b")),
    ],
)
def test_a_change_outside_the_blank_is_told_with_its_line(pattern, code, expected):
    found = misfit(pattern, code)
    assert (found.line, found.expected, found.found) == expected


def test_a_change_behind_a_fill_is_not_blamed_on_the_fill():
    """What was tried on the way to a stretch that fits is no fault."""
    given_ = "def f():\n    __\n    c"
    found = misfit(given_, "@skip\ndef f():\n    a\n    b\n    c")
    assert (found.line, found.expected, found.found) == (1, "def f():", "@skip")


def test_an_else_behind_a_fill_is_not_blamed_on_the_fill():
    code = "for i in a:\n    x\n    y\n    b\nelse:\n    z"
    assert misfit("for i in a:\n    __\n    b", code) == Misfit(6, None, "z")


def test_a_changed_block_behind_a_fill_is_told_by_its_own_line():
    found = misfit("a\n__\nc\nwith d:\n    e", "a\nx\nc\nwith f:\n    e\n    e")
    assert found == Misfit(4, "with d:", "with f:")


def test_a_block_with_nothing_in_it_is_missed_at_the_line_it_was_asked_for():
    assert match(parse("a").body, [], 7) == Misfit(7, "a", None)


def test_an_empty_pattern_fits_nothing_but_nothing():
    assert isinstance(match([], []), Fit)
    assert match([], parse("a").body) == Misfit(1, None, "a")


def test_an_expression_blank_takes_no_statement():
    misfit("x = __", "y = 1")


def test_dots_are_no_wildcard_here():
    misfit("a\n...\nb", "a\nx\nb")
    fitted("a\n...\nb", "a\n...\nb")


@quick
@given(st.data(), PROGRAMS)
def test_an_expression_blanked_is_given_back(data, source):
    pattern, was = blanked_expression(data, source)
    found = match(pattern.body, blanks.parse(source).body)
    assert isinstance(found, Fit)
    assert [ast.dump(fill.nodes[0]) for fill in found.fills] == [ast.dump(was)]


@quick
@given(st.data(), PROGRAMS)
def test_statements_blanked_are_given_back(data, source):
    pattern = blanks.parse(source)
    block = one_of(data, blocks(pattern))
    start = data.draw(st.integers(0, len(block) - 1))
    end = data.draw(st.integers(start + 1, len(block)))
    was = block[start:end]
    block[start:end] = parse("__").body
    found = match(pattern.body, blanks.parse(source).body)
    assert isinstance(found, Fit)
    assert found.fills[0].text == "\n".join(map(ast.unparse, was))


@st.composite
def noisy(draw, source: str) -> str:
    """The same program with prints, comments, empty lines and a docstring."""
    tree = ast.parse(source)
    for _ in range(draw(st.integers(0, 3))):
        block = draw(st.sampled_from(blocks(tree)[1:]))
        at = draw(st.integers(0, len(block)))
        block.insert(
            at, ast.parse(draw(st.sampled_from(["print()", "print(a, 1)"]))).body[0]
        )
    if draw(st.booleans()):
        tree.body[0].body.insert(0, ast.parse("'Says.'").body[0])
    lines = ast.unparse(ast.fix_missing_locations(tree)).split("\n")
    ends = st.sampled_from(["", "   ", "  # why", "\n", "\n# __ == ...\n"])
    return "".join(line + draw(ends) + "\n" for line in lines)


@quick
@given(st.data(), PROGRAMS)
def test_noise_never_changes_a_match(data, source):
    pattern, was = blanked_expression(data, source)
    found = match(pattern.body, blanks.parse(data.draw(noisy(source))).body)
    assert isinstance(found, Fit)
    assert [ast.dump(fill.nodes[0]) for fill in found.fills] == [ast.dump(was)]


def leaves(tree: ast.AST) -> list[ast.Name | ast.Constant]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.Name | ast.Constant)]


def statement_lines(tree: ast.AST) -> dict[int, int]:
    """For each leaf, the line of the innermost statement that it stands in."""
    lines: dict[int, int] = {}
    for statement in ast.walk(tree):  # from the outside in
        if isinstance(statement, ast.stmt):
            lines |= {id(leaf): statement.lineno for leaf in leaves(statement)}
    return lines


@quick
@given(st.data(), PROGRAMS)
def test_any_change_outside_the_blank_is_a_misfit_at_its_line(data, source):
    pattern, was = blanked_expression(data, source)
    code = ast.parse(ast.unparse(ast.parse(source)))
    twin = ast.dump(was)
    # A leaf may be changed where its twin in the pattern was not blanked away.
    kept = [ast.dump(leaf) for leaf in leaves(was)]
    choices = [leaf for leaf in leaves(code) if ast.dump(leaf) not in kept]
    if not choices:
        return
    leaf = one_of(data, choices)
    line = statement_lines(code)[id(leaf)]
    if isinstance(leaf, ast.Name):
        leaf.id = "changed"
    else:
        leaf.value = "changed"
    assert twin != ast.dump(leaf)
    found = match(pattern.body, blanks.parse(ast.unparse(code)).body)
    assert isinstance(found, Misfit)
    assert found.line == line


@quick
@given(st.data(), PROGRAMS)
def test_a_deleted_statement_is_a_misfit(data, source):
    code = blanks.parse(source)
    block = one_of(data, [b for b in blocks(code) if len(b) > 1] or [code.body])
    at = data.draw(st.integers(0, len(block) - 1))
    del block[at]
    assert isinstance(match(blanks.parse(source).body, code.body), Misfit)


@quick
@given(st.data(), PROGRAMS)
def test_an_added_statement_is_a_misfit_at_its_line_or_later(data, source):
    code = ast.parse(source)
    block = one_of(data, blocks(code)[1:])
    at = data.draw(st.integers(0, len(block)))
    block.insert(at, ast.parse("added_here").body[0])
    text = ast.unparse(ast.fix_missing_locations(code))
    found = match(blanks.parse(source).body, blanks.parse(text).body)
    assert isinstance(found, Misfit)
    added = text.split("\n").index(
        next(t for t in text.split("\n") if "added_here" in t)
    )
    assert found.line == added + 1
    assert found.found == "added_here"


# -------------------------------------------------------------------- locating


def test_what_is_asked_is_found_anywhere_in_a_function():
    code = "def f():\n    a\n    with b:\n        for i in c:\n            x = 5\n"
    assert places("x = __", code) == [(5, "5")]


@pytest.mark.parametrize(
    "code",
    [
        "if a:\n    b\nelse:\n    x = 5",
        "try:\n    b\nexcept E:\n    x = 5",
        "try:\n    b\nfinally:\n    x = 5",
        "match a:\n    case 1:\n        x = 5",
        "class A:\n    def f(self):\n        x = 5",
    ],
)
def test_every_kind_of_block_is_searched(code):
    assert [fill for _, fill in places("x = __", code)] == ["5"]


def test_ambiguous_asks_give_two_fits_in_the_order_of_the_lines():
    code = "for i in a:\n    x = 1\nif b:\n    x = 2\nx = 3"
    assert places("x = __", code) == [(2, "1"), (4, "2"), (5, "3")]


def test_asks_that_fit_nowhere_give_none():
    assert places("x = __", "y = 1\nx += 1") == []


def test_several_statements_fit_only_one_after_the_other():
    code = "a\nx = 1\nb\na\nb\nx = 2"
    assert places("b\nx = __", code) == [(5, "2")]


def test_text_inside_a_statement_fill_is_no_second_fit():
    """A learner may write the very loop again inside the blank."""
    code = "for i in a:\n    for i in a:\n        b"
    assert places("for i in a:\n    __", code) == [(1, "for i in a:\n    b")]


def test_the_same_loop_beside_a_fit_is_a_second_fit():
    code = "for i in a:\n    b\nfor i in a:\n    c"
    assert places("for i in a:\n    __", code) == [(1, "b"), (3, "c")]


@pytest.mark.parametrize("skipped", ["", "b\n", "b\nc = 1\nwith d:\n    e\n"])
def test_dots_skip_any_number_of_statements(skipped):
    assert [fill for _, fill in places("a\n...\nx = __", f"a\n{skipped}x = 5")] == ["5"]


def test_dots_stop_at_the_first_place_that_fits():
    [fit] = locate(parse("a\n...\nx = __").body, parse("a\nb\nx = 1\nx = 2"))
    assert (fit.fills[0].text, fit.first_line, fit.last_line) == ("1", 1, 3)


def test_dots_skip_inside_a_compound_statement():
    code = "for i in a:\n    b\n    x = 5\n    c"
    assert places("for i in a:\n    ...\n    x = __\n    ...", code) == [(1, "5")]


def test_dots_alone_as_a_body_stand_for_all_of_it():
    assert places("if __:\n    ...", "if i % 2:\n    a\n    b") == [(1, "i % 2")]


def test_a_body_that_is_listed_is_no_dots():
    assert places("if __:\n    a", "if i % 2:\n    a\n    b") == []


def test_dots_skip_nothing_in_an_expression():
    assert places("x = f(..., __)", "x = f(1, 5)") == []


@quick
@given(st.data(), PROGRAMS)
def test_a_statement_with_a_blank_is_located_where_it_stands(data, source):
    code = blanks.parse(source)
    block = one_of(data, blocks(code)[1:])
    at = data.draw(st.integers(0, len(block) - 1))
    asks = ast.parse(ast.unparse(block[at]))
    was = put(one_of(data, expressions(asks)), ast.Name("__", ast.Load()))
    found = locate(asks.body, code)
    lines = [fit.first_line for fit in found]
    assert block[at].lineno in lines
    assert lines == sorted(lines)
    assert ast.dump(was) in [ast.dump(fit.fills[0].nodes[0]) for fit in found]


# ----------------------------------------------------------------------- alike


@pytest.mark.parametrize(
    ("pattern", "fill"),
    [
        ("1", "1.0"),
        ("1.5", "3 / 2"),
        ("0.3", "0.1 + 0.2"),
        ("-0.5", "-(1 / 2)"),
        ("+2", "2"),
        ("2 ** -2", "0.25"),
        ("4", "2 * (5 - 3)"),
        ("1e-30", "0"),
        ("[1, 2]", "[1.0, 4 / 2]"),
        ("{'a': 1}", "{'a': 1.0}"),
        ("None", "None"),
        ("True", "True"),
        ("f(2.0)", "f(1 + 1)"),
        ("'a'", '"a"'),
        ("[..., 4.5]", "[x + 1, 4.5]"),
        ("...", "anything(at, all)"),
        ("[..., [..., 2]]", "[1, [3, 2]]"),
        ("1 + 2j", "2j + 1"),
        ("(1, 2)", "1, 2"),
        ("float('nan')", "float('nan')"),
    ],
)
def test_alike_compares_syntax_and_numbers_by_value(pattern, fill):
    assert alike(pattern, expression(fill))


@pytest.mark.parametrize(
    ("pattern", "fill"),
    [
        ("1", "True"),
        ("True", "1"),
        ("0", "False"),
        ("None", "0"),
        ("0", "None"),
        ("1.5", "1.501"),
        ("-1", "1"),
        ("1", "'1'"),
        ("'a'", "'b'"),
        ("'a'", "b'a'"),
        ("[1, 2]", "(1, 2)"),
        ("[1, 2]", "[2, 1]"),
        ("[..., 4.5]", "[4.5]"),
        ("[..., 4.5]", "[1, 2, 4.5]"),
        ("[..., 4.5]", "[1, 4]"),
        ("[1]", "1"),
        ("a + b", "b + a"),
        ("1 / 0", "2 / 0"),
        ("2 ** 3000", "2 ** 3001"),
        ("1", "10 ** 400"),
        ("1j", "1"),
        ("f(...)", "f(1, 2)"),
    ],
)
def test_alike_tells_apart_what_is_not_the_same(pattern, fill):
    assert not alike(pattern, expression(fill))


def test_statements_are_alike_whatever_they_print():
    fill = statements("a.step()\nprint(a)\nb = 0.5 + 0.5")
    assert alike("a.step()\nb = 1", fill)
    assert not alike("b = 1\na.step()", fill)
    assert not alike("a.step()", fill)


def test_dots_on_a_line_stand_for_one_expression_and_not_for_statements():
    assert alike("...\nb()", statements("a()\nb()"))
    assert not alike("...\nb()", statements("b()"))
    assert not alike("...\nb()", statements("x = 1\nb()"))


def test_a_fill_that_only_prints_in_its_finally_can_be_compared():
    fill = statements("try:\n    a\nfinally:\n    print(a)")
    assert alike("try:\n    a\nfinally:\n    pass", fill)
    assert not alike("a", fill)


def test_arguments_handed_over_with_a_star_can_be_compared():
    [fill] = fitted("f(__)", "f(*losses)").fills
    assert alike("*losses", fill)
    assert not alike("losses", fill)


@quick
@given(EXPRESSIONS)
def test_every_expression_is_like_itself_and_like_dots(text):
    assert alike(text, expression(text))
    assert alike("...", expression(text))
    assert not alike(text, expression(f"[{text}]"))


@quick
@given(st.integers(-999, 999), st.integers(1, 99))
def test_numbers_are_alike_however_they_are_written(left, right):
    fill = expression(f"{left} / {right}")
    assert alike(repr(left / right), fill)
    assert not alike(repr(left / right + 0.01), fill)


@quick
@given(st.text(max_size=5), st.text(max_size=5))
def test_texts_are_alike_when_they_are_the_same(one, other):
    assert alike(repr(one), expression(repr(other))) is (one == other)


@pytest.mark.parametrize(
    "looks",
    [
        "print(p.grad)",
        "print(p.grad.item(), len(x), f'{x!r}')",
        "print(slate(p), sep='')",
        "print(*sorted(x))",
    ],
)
def test_a_print_that_only_looks_is_free(looks):
    assert blanks.parse(f"from slate import slate\n{looks}").body[1:] == []


@pytest.mark.parametrize(
    "does",
    ["print(opt.step())", "print(wipe(p))", "print(y := 1)", "print((lambda: 1)())"],
)
def test_a_print_that_does_something_is_code(does):
    [statement] = blanks.parse(does).body
    assert ast.unparse(statement)[:6] == "print("
