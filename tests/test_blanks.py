"""The matcher: what is free, what is a fill, and where a change is seen."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei import looking, source
from sensei.blanks import Fill, Fit, Misfit, alike, find_blanks, locate, match

quick = settings(max_examples=20)

KOANS = Path(__file__).parent.parent / "koans"


def parse(text: str) -> ast.Module:
    return source.parse(textwrap.dedent(text))


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
    tree = parse(source)
    place = one_of(data, expressions(tree))
    return tree, put(place, ast.Name("__", ast.Load()))


# ------------------------------------------------------------- free, and not free


@pytest.mark.parametrize(
    ("plain", "noisy"),
    [
        ("x = 1", "x   =  (1)  # one"),
        ("f(a, b)", "f(\n    a,\n    b,\n)"),
        ("x = 'ab'", "x = \"a\" 'b'"),
        ("x = 1000.0", "x = 1e3"),
        ("x = 1\ny = 2", "x = 1; y = 2"),
        ("def f(): return 1", 'def f():\n    """Says."""\n    return 1'),
        ("class A: x = 1", 'class A:\n    """Says."""\n    x = 1'),
        ("x = 1", "print('hello')\nx = 1\nprint(x, p.grad)"),
        ("x = 1", "import pdb; pdb.set_trace()\nx = 1\nbreakpoint()"),
        ("x = 1", "from pprint import pprint\nx = 1\npprint(vars(x))"),
        ("if a: b", "if a:\n    print(a)\n    b\nelse:\n    print(b)"),
        ("with a: b", "with a:\n    b\n    print(i)"),
        ("def f(): a", "def f():\n    a\n    'a note of my own'"),
        ("try: a\nexcept E: b", "try: a\nexcept E:\n    print(1)\n    b\n"),
        ("match a:\n case 1: b", "match a:\n case 1:\n  print(1)\n  b\n"),
        ("print(a)\nx = 1", "x = 1"),
    ],
)
def test_layout_comments_and_what_only_looks_are_free(plain, noisy):
    fitted(plain, noisy)


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
        ("a", "breakpoint(b())\na"),
        ("def f(): a", "def f():\n    print((yield))\n    a"),
        ("async def f(): a", "async def f():\n    print(await b)\n    a"),
        ("with a, b: c", "with a:\n    with b: c"),
    ],
)
def test_everything_else_is_not_free(one, other):
    misfit(one, other)


@pytest.mark.parametrize(
    ("code", "looks"),
    [
        ("print(p.grad.item(), len(x), f'{x!r}')", True),
        ("print(slate(p), sep='')", True),
        ("print(*sorted(x))", True),
        ("print(opt.step())", False),
        ("print(wipe(p))", False),
        ("print(y := 1)", False),
        ("print((lambda: 1)())", False),
    ],
)
def test_a_print_only_looks_if_all_that_it_calls_only_looks(code, looks):
    """As the functions do that a lesson imports from a file beside it."""
    body = parse(f"from slate import slate\n{code}").body
    assert looking.only_looks(body[1], looking.helpers(body, KOANS)) is looks


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("print(a)\na\nprint(a)", "a"),
        ("for i in a:\n    print(i)\n    if b:\n        breakpoint()", None),
        ("try:\n    a\nfinally:\n    print(a)", "try:\n    a\nfinally:\n    pass"),
        ("print(a)", "pass"),
    ],
)
def test_what_only_looks_is_dropped_from_an_answer_however_deep(code, left):
    left = left or "for i in a:\n    if b:\n        pass"
    kept = looking.without_looking(parse(code).body, frozenset())
    assert "\n".join(map(ast.unparse, kept)) == left


def test_an_answer_that_looks_is_left_as_it_was_by_the_dropping():
    body = parse("if a:\n    print(a)").body
    looking.without_looking(body, frozenset())
    assert ast.unparse(body[0]) == "if a:\n    print(a)"


# ---------------------------------------------------------------------- blanks


def test_blanks_are_found_in_the_order_of_the_source():
    tree = parse("def f():\n    if __:\n        x = __\n    g(a, __); __\n")
    found = [(blank.lineno, blank.col_offset) for blank in find_blanks(tree)]
    assert found == [(2, 7), (3, 12), (4, 9), (4, 14)]


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("assert x is not __", 1),
        ("f(set_to_none=__)", 1),
        ("f'{__}'", 1),
        ("x = lambda: __", 1),
        ("with raises(E):\n    __", 1),
        ("'__'; x.__; ___; _; f(__=1); __x__  # __", 0),
    ],
)
def test_a_blank_is_found_wherever_it_hides_and_nowhere_else(code, count):
    assert len(find_blanks(parse(code))) == count


# -------------------------------------------------------------------- matching


@pytest.mark.parametrize(
    ("pattern", "code", "fills"),
    [
        ("assert a == __", "assert a == [1, 2]", ["[1, 2]"]),
        ("assert a == approx(__)", "assert a == approx(0.5 + 1)", ["0.5 + 1"]),
        ("loss = __", "loss = (a +\n    b)", ["a + b"]),
        ("if __:\n    a", "if i % 2 and b:\n    a", ["i % 2 and b"]),
        ("f(x, k=__)", "f(x, k=lambda: 0)", ["lambda: 0"]),
        ("for i in a:\n    __", "for i in a:\n    b\n    c", ["b\nc"]),
        ("a\n__\nb", "a\nif c:\n    d\nb", ["if c:\n    d"]),
        ("__\nb", "b\nb", ["b"]),
        ("a\n__", "a\nprint(1)\nb", ["b"]),
        ("a\n__", "a\nprint(1)", ["print(1)"]),
        ("a = __\n__\nf(__, k=__)", "a = 1\nb\nc\nf(2, k=3)", ["1", "b\nc", "2", "3"]),
        # a linter's autofix writes `is` for a constant
        ("assert a == __", "assert a is None", ["None"]),
        ("assert a == __", "assert a is True", ["True"]),
    ],
)
def test_a_blank_takes_what_stands_there(pattern, code, fills):
    assert texts(pattern, code) == fills


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("x = __", "y = 1"),
        ("a\n...\nb", "a\nx\nb"),  # dots are no wildcard here
        ("assert a == __", "assert a is b"),
        ("assert a == __", "assert a is not None"),
        ("assert a == __", "assert b is None"),
        ("assert a == 1", "assert a is 1"),
        ("assert a is __", "assert a == None"),
    ],
)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_a_blank_takes_nothing_else(pattern, code):
    misfit(pattern, code)


def test_a_fill_knows_its_lines_its_first_decorator_included():
    fit = fitted("a\n__\nd", "a\n\n@once\ndef f():\n    c\n\nd\n\nprint(d)")
    [fill] = fit.fills
    assert (fill.line, fill.end_line, fill.is_expression) == (3, 5, False)
    assert [line for line in range(9) if fill.holds_line(line)] == [3, 4, 5]
    assert (fit.first_line, fit.last_line) == (1, 9)


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
        # what was tried on the way to a stretch that fits is no fault
        (
            "def f():\n    __\n    c",
            "@skip\ndef f():\n    a\n    b\n    c",
            (1, "def f():", "@skip"),
        ),
        (
            "for i in a:\n    __\n    b",
            "for i in a:\n    x\n    y\n    b\nelse:\n    z",
            (6, None, "z"),
        ),
        (
            "a\n__\nc\nwith d:\n    e",
            "a\nx\nc\nwith f:\n    e\n    e",
            (4, "with d:", "with f:"),
        ),
        ("", "a", (1, None, "a")),
    ],
)
def test_a_change_outside_the_blank_is_told_with_its_line(pattern, code, expected):
    found = misfit(pattern, code)
    assert (found.line, found.expected, found.found) == expected


def test_a_block_with_nothing_in_it_is_missed_at_the_line_it_was_asked_for():
    assert match(parse("a").body, []) == Misfit(1, "a", None)
    assert isinstance(match([], []), Fit)


@quick
@given(st.data(), PROGRAMS)
def test_statements_blanked_are_given_back(data, source):
    pattern = parse(source)
    block = one_of(data, blocks(pattern))
    start = data.draw(st.integers(0, len(block) - 1))
    end = data.draw(st.integers(start + 1, len(block)))
    was = block[start:end]
    block[start:end] = parse("__").body
    found = match(pattern.body, parse(source).body)
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
        function: Any = tree.body[0]
        function.body.insert(0, ast.parse("'Says.'").body[0])
    lines = ast.unparse(ast.fix_missing_locations(tree)).split("\n")
    ends = st.sampled_from(["", "   ", "  # why", "\n", "\n# __ == ...\n"])
    return "".join(line + draw(ends) + "\n" for line in lines)


@quick
@given(st.data(), PROGRAMS)
def test_an_expression_blanked_is_given_back_and_noise_changes_no_match(data, source):
    pattern, was = blanked_expression(data, source)
    for text in (source, data.draw(noisy(source))):
        found = match(pattern.body, parse(text).body)
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
    found = match(pattern.body, parse(ast.unparse(code)).body)
    assert isinstance(found, Misfit)
    assert found.line == line


@quick
@given(st.data(), PROGRAMS)
def test_a_deleted_statement_is_a_misfit(data, source):
    code = parse(source)
    block = one_of(data, [b for b in blocks(code) if len(b) > 1] or [code.body])
    at = data.draw(st.integers(0, len(block) - 1))
    del block[at]
    assert isinstance(match(parse(source).body, code.body), Misfit)


@quick
@given(st.data(), PROGRAMS)
def test_an_added_statement_is_a_misfit_at_its_line_or_later(data, source):
    code = ast.parse(source)
    block = one_of(data, blocks(code)[1:])
    at = data.draw(st.integers(0, len(block)))
    block.insert(at, ast.parse("added_here").body[0])
    text = ast.unparse(ast.fix_missing_locations(code))
    found = match(parse(source).body, parse(text).body)
    assert isinstance(found, Misfit)
    added = text.split("\n").index(
        next(t for t in text.split("\n") if "added_here" in t)
    )
    assert found.line == added + 1
    assert found.found == "added_here"


# -------------------------------------------------------------------- locating


@pytest.mark.parametrize(
    ("asks", "code", "found"),
    [
        (
            "x = __",
            "def f():\n  a\n  with b:\n    for i in c:\n      x = 5",
            [(5, "5")],
        ),
        ("x = __", "if a:\n    b\nelse:\n    x = 5", [(4, "5")]),
        ("x = __", "try:\n    b\nexcept E:\n    x = 5", [(4, "5")]),
        ("x = __", "try:\n    b\nfinally:\n    x = 5", [(4, "5")]),
        ("x = __", "match a:\n    case 1:\n        x = 5", [(3, "5")]),
        ("x = __", "class A:\n    def f(self):\n        x = 5", [(3, "5")]),
        # more than once, in the order of the lines; or nowhere
        (
            "x = __",
            "for i in a:\n    x = 1\nif b:\n    x = 2\nx = 3",
            [(2, "1"), (4, "2"), (5, "3")],
        ),
        ("x = __", "y = 1\nx += 1", []),
        # several statements fit only one after the other
        ("b\nx = __", "a\nx = 1\nb\na\nb\nprint(b)\nx = 2", [(5, "2")]),
        # a learner may write the very loop again inside the blank
        (
            "for i in a:\n    __",
            "for i in a:\n    for i in a:\n        b",
            [(1, "for i in a:\n    b")],
        ),
        (
            "for i in a:\n    __",
            "for i in a:\n    b\nfor i in a:\n    c",
            [(1, "b"), (3, "c")],
        ),
        # dots skip statements, any number of them, up to the first place that fits
        ("a\n...\nx = __", "a\nx = 5", [(1, "5")]),
        ("a\n...\nx = __", "a\nb\nc = 1\nwith d:\n    e\nx = 5\nx = 6", [(1, "5")]),
        (
            "for i in a:\n    ...\n    x = __\n    ...",
            "for i in a:\n b\n x = 5\n c",
            [(1, "5")],
        ),
        ("if __:\n    ...", "if i % 2:\n    a\n    b", [(1, "i % 2")]),
        ("if __:\n    a", "if i % 2:\n    a\n    b", []),
        ("x = f(..., __)", "x = f(1, 5)", []),
    ],
)
def test_what_is_asked_is_found_anywhere_in_a_function(asks, code, found):
    assert places(asks, code) == found


@quick
@given(st.data(), PROGRAMS)
def test_a_statement_with_a_blank_is_located_where_it_stands(data, source):
    code = parse(source)
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
    ("pattern", "fill", "is_alike"),
    [
        ("'a'", '"a"', True),
        ("f(2)", "f( 2)  # two", True),
        ("f(2)", "f(2.0)", False),
        ("[1]", "(1,)", False),
        ("None", "0", False),
        ("a + b", "b + a", False),
        ("[..., 4.5]", "[x + 1, 4.5]", True),
        ("...", "anything(at, all)", True),
        ("[..., [..., 2]]", "[1, [3, 2]]", True),
        ("[..., 4.5]", "[4.5]", False),
        ("[..., 4.5]", "[1, 2, 4.5]", False),
        ("f(...)", "f(1, 2)", False),
        ("x = 1", "x", False),
    ],
)
def test_an_expression_is_alike_as_syntax_and_dots_stand_for_one(
    pattern, fill, is_alike
):
    assert alike(pattern, expression(fill)) is is_alike


@pytest.mark.parametrize(
    ("pattern", "fill", "is_alike"),
    [
        ("a.step()\nb = 1", "a.step()\nprint(a)\nb = 1", True),
        ("b = 1\na.step()", "a.step()\nb = 1", False),
        ("a.step()", "a.step()\nb = 1", False),
        # dots stand for one expression, and not for statements
        ("...\nb()", "a()\nb()", True),
        ("...\nb()", "b()", False),
        ("...\nb()", "x = 1\nb()", False),
        ("a", "try:\n    a\nfinally:\n    print(a)", False),
    ],
)
def test_statements_are_alike_whatever_they_print(pattern, fill, is_alike):
    assert alike(pattern, statements(fill)) is is_alike


def test_arguments_handed_over_with_a_star_can_be_compared():
    [fill] = fitted("f(__)", "f(*losses)").fills
    assert alike("*losses", fill) and not alike("losses", fill)


@quick
@given(EXPRESSIONS)
def test_every_expression_is_like_itself_and_like_dots(text):
    assert alike(text, expression(text))
    assert alike("...", expression(text))
    assert not alike(text, expression(f"[{text}]"))
