"""Fills replaced in a text, and written down, exactly where they stand."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei import blanks
from sensei.blanks import Fill
from sensei.edit import replaced, text_of
from sensei.source import parse

quick = settings(max_examples=60)


def first_fill(source: str, asks: str) -> Fill:
    [fit] = blanks.locate(parse(asks).body, parse(source))
    return fit.fills[0]


def put(source: str, asks: str, new: str) -> str:
    return replaced(source, [(first_fill(source, asks), new)])


@pytest.mark.parametrize(
    ("source", "asks", "new", "result"),
    [
        ("x = 1  # one\n", "x = __", "2", "x = 2  # one\n"),
        ("a\nx   =   1;  b\n", "x = __", "[1]", "a\nx   =   [1];  b\n"),
        ("é = 'ü'; x = 'ö' + 'ß'  # …\n", "x = __", "'€'", "é = 'ü'; x = '€'  # …\n"),
        ("x = f(\n    1,\n    2,\n)\n", "x = __", "3", "x = 3\n"),
        ("x = (\n    1 +\n    2\n)\n", "x = __", "3", "x = (\n    3\n)\n"),
        ("f(a, b=2)\n", "f(a, b=__)", "3", "f(a, b=3)\n"),
        ("x = sum(i for i in a)\n", "x = sum(__)", "__", "x = sum(__)\n"),
        ("f(*a)\n", "f(__)", "*b", "f(*b)\n"),
        ("if a:\n    b\nc", "if a:\n    __", "d\ne", "if a:\n    d\n    e\nc"),
        ("if a:\n    b\n    # why\n    c\nd", "if a:\n    __", "e", "if a:\n    e\nd"),
        ("if a:\n\tb\n", "if a:\n    __", "d\ne", "if a:\n\td\n\te\n"),
        (
            "if a:\n    if b:\n        c\n",
            "if b:\n    __",
            "for i in d:\n    e\nf",
            "if a:\n    if b:\n        for i in d:\n            e\n        f\n",
        ),
        (
            "if a:\r\n    b\r\nc\r\n",
            "if a:\n    __",
            "d\ne",
            "if a:\r\n    d\r\n    e\r\nc\r\n",
        ),
        (
            "if a:\n\tb; c\n",
            "if a:\n    b\n    __",
            "for x in d:\n    e",
            "if a:\n\tb; \n\tfor x in d:\n\t    e\n",
        ),
        ("a\rx = 1\rb\r", "x = __", "2", "a\rx = 2\rb\r"),
        (
            "if a:\n    @once\n    def f(): b\n",
            "if a:\n    __",
            "__",
            "if a:\n    __\n",
        ),
        ("a\x0c\nx = 1", "x = __", "2", "a\x0c\nx = 2"),
        ("x = '\x0b\u2028'; y = 1\n", "y = __", "2", "x = '\x0b\u2028'; y = 2\n"),
    ],
)
def test_a_fill_is_replaced_exactly_where_it_stands(source, asks, new, result):
    assert put(source, asks, new) == result


@pytest.mark.parametrize(
    "new",
    [
        "a or b",
        "not a",
        "a < b",
        "a if b else c",
        "lambda: a",
        "1, 2",
        "1 +\n2",
        "(a := 1)",
    ],
)
def test_a_fill_stays_the_operand_that_it_was(new):
    """Put in bare, ``x == a or b`` would be another question."""
    found = first_fill(put("assert x == 1\n", "assert x == __", new), "assert x == __")
    wanted = ast.parse(f"({new})", mode="eval").body
    assert ast.dump(found.nodes[0]) == ast.dump(wanted)


@pytest.mark.parametrize(
    "new", ["2", "-2", "a + b", "f(1, 2)", "[1, 2]", "'a'", "a.b", "__"]
)
def test_a_fill_that_binds_tightly_gets_no_parentheses(new):
    assert put("assert x == 1\n", "assert x == __", new) == f"assert x == {new}\n"


def test_a_long_text_in_a_fill_is_not_moved_in():
    new = 'a = """one\n  two\n"""\nb = f"""x\n{a}"""'
    result = put("if a:\n    c\n", "if a:\n    __", new)
    fill = first_fill(result, "if a:\n    __")
    assert fill.text == Fill(tuple(ast.parse(new).body)).text


def test_a_fill_begins_with_the_first_of_its_decorators():
    source = "@once\n@twice\ndef f(): a\nb\n"
    fill = Fill(tuple(parse(source).body[:1]))
    assert replaced(source, [(fill, "__")]) == "__\nb\n"


@pytest.mark.parametrize(
    ("text", "asks", "written"),
    [
        ("x = (1 +\n     2)  # three\n", "x = __", "1 +\n     2"),
        ("if a:\n    b\n\n    # why\n    c  # so\n", "if a:\n    __", "b\n\n# why\nc"),
        ("if a:\r\n\té = 'ü'; d\r\n", "if a:\n    __", "é = 'ü'; d"),
        ("if a: b; c\n", "if a:\n    __", "b; c"),
        ("if a:\n    @once\n    def f(): b\n", "if a:\n    __", "@once\ndef f(): b"),
    ],
)
def test_a_fill_is_told_as_it_was_written(text, asks, written):
    assert text_of(text, first_fill(text, asks)) == written


def test_many_fills_are_replaced_at_once_in_any_order():
    source = "x = 1\ny = 22\nx; z = 333; w = 4\n"
    fills = [first_fill(source, f"{name} = __") for name in "zxwy"]
    changes = list(zip(fills, ["c", "aaaa", "d", "bbbb"], strict=True))
    expected = "x = aaaa\ny = bbbb\nx; z = c; w = d\n"
    assert replaced(source, changes) == replaced(source, changes[::-1]) == expected


def test_nothing_replaced_is_nothing_changed():
    assert replaced("é = 1\r\n\tx\n", []) == "é = 1\r\n\tx\n"


WORDS = st.text("aé€😀 #\\'", max_size=6)
LINES = WORDS.map(lambda text: f"note = {text!r}  # {text.strip()}")


@quick
@given(
    st.lists(LINES, max_size=3),
    st.lists(LINES, max_size=3),
    WORDS,
    st.lists(
        st.sampled_from(["a = 1", "b('é')", "for i in c:\n    d\n    e"]), min_size=1
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["    ", "  ", "\t"]),
)
def test_what_is_put_in_is_found_again_and_nothing_else_moves(
    before, after, word, new, end, indent
):
    """With any letters around it, any line ends and any indentation."""
    frame = [*before, f"if {word!r}:", indent + "old('€')", *after]
    source = end.join(frame) + end
    asks = f"if {word!r}:\n    __"
    text = "\n".join(new)
    result = put(source, asks, text)
    assert first_fill(result, asks).text == text
    head, tail = end.join(frame[: len(before) + 1]), end.join(["", *after, ""])
    assert result.startswith(head + end + indent) and result.endswith(tail)
    assert put(result, asks, "old('€')") == source


@quick
@given(WORDS, WORDS, st.sampled_from(["1.5", "[1, 'é']", "f(a)", "-2"]))
def test_an_expression_put_in_leaves_its_line_alone(left, right, new):
    source = f"{left!r}; x = [1, {right!r}]; {right!r}\n"
    assert put(source, "x = __", new) == f"{left!r}; x = {new}; {right!r}\n"
