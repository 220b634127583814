"""What may fill a prediction: what it comes to, what is refused, what is too big."""

from __future__ import annotations

import ast
import builtins
import functools
import math
import re
import sys
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei import predictions
from sensei.predictions import Refused, as_text

quick = settings(max_examples=120)


def value(text: str, **names: object) -> object:
    return predictions.evaluate(ast.parse(text, mode="eval").body, names)


def refusal(text: str, **names: object) -> str:
    with pytest.raises(Refused) as caught:
        value(text, **names)
    return str(caught.value)


def module(**content: object) -> ModuleType:
    made = ModuleType("torch")
    vars(made).update(content)
    return made


def same(left: Any, right: Any) -> bool:
    """Equal, of the same types all the way down, and nan is nan."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, set):
        return sorted(map(repr, left)) == sorted(map(repr, right))
    return left == right or left != left and right != right


# ----------------------------------------------------------------- what it comes to


WORKED_OUT = """
    1  -1.5  +2  ~5  None  True  not 0  'text'  b'bytes'  2j  2 * (0.5 - 0.75)
    7 // 2 + 7 % 2 - 7 / 2  2 ** -24  2.0 ** -1074  2 ** 0.5  1 / 3  -0.0  1e999
    [1, [2, 3], ()]  (1,)  {1, 2}  {}  {'a': [1, None]}  [0] * 3 + [1]  3 * 'ab'
    (1,) + (2,)  1 < 2 < 3  1 < 3 < 2  1 == 1.0 != 2  3 > 2 >= 2 <= 2
    1 in [1, 2]  3 not in (1, 2)  None is None  True is not None
    0 or [] or 'last'  1 and 2 and 3  0 and 1  1 or 0  {1, 2} - {2}  True + True
"""


@pytest.mark.parametrize("text", re.split(r"\s{2,}", WORKED_OUT.strip()))
def test_it_comes_to_what_python_makes_of_it(text):
    assert same(value(text), eval(text))


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "+Infinity", " NaN "])
def test_nan_and_infinity_may_be_written_as_floats(word):
    assert same(value(f"float({word!r})"), float(word))
    assert same(value(f"[-float({word!r})]"), [-float(word)])


def test_a_parameter_of_the_koan_may_be_used():
    assert value("[device, 'x']", device="cuda") == ["cuda", "x"]


def test_an_attribute_of_a_module_may_be_used():
    kind = object()
    torch = module(float32=kind, pi=3.0, finfo=module(eps=0.5), on=True, name="x")
    assert value("torch.float32", torch=torch) is kind
    assert value("[torch.pi / 2, torch.on, torch.name]", torch=torch) == [
        1.5,
        True,
        "x",
    ]


def test_an_attribute_of_what_a_module_holds_may_be_used():
    torch = module(limits=SimpleName(eps=0.5))
    assert value("torch.limits.eps", torch=torch) == 0.5


class SimpleName:
    """Compares by identity, as most objects do."""

    def __init__(self, **content: object) -> None:
        vars(self).update(content)


NUMBERS = st.one_of(st.integers(0, 20), st.floats(0, 20, width=16)).map(repr)
LEAVES = st.one_of(
    NUMBERS,
    NUMBERS,
    st.sampled_from(["None", "True", "False", "'a'", "''", "()", "[]"]),
)


def _larger(inner):
    binary = st.sampled_from(["+", "-", "*", "/", "//", "%"])
    compare = st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "in", "not in"])
    return st.one_of(
        st.builds("({} {} {})".format, inner, binary, inner),
        st.builds("({} ** {})".format, inner, st.sampled_from(["2", "-1", "0.5", "0"])),
        st.builds("({} {} {})".format, inner, compare, inner),
        st.builds("({} {} {} {} {})".format, inner, compare, inner, compare, inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("({}{})".format, st.sampled_from(["-", "+", "~", "not "]), inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("({},)".format, inner),
        st.builds("{{{}}}".format, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.just("float('nan')"),
    )


ALLOWED = st.recursive(LEAVES, _larger, max_leaves=6)
NUMERIC = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("(-{})".format, inner),
    ),
    max_leaves=8,
)


@quick
@given(ALLOWED)
def test_it_agrees_with_python_on_all_that_is_allowed(text):
    try:
        expected = eval(text)
    except (ArithmeticError, TypeError, ValueError):
        assert "can't be worked out" in refusal(text) or "formatting" in refusal(text)
        return
    if "% " in text and "'" in text:  # text formatting, which eval may do
        return
    assert same(value(text), expected)


# ------------------------------------------------------------------ what is refused


# What is said, and what it is said of; texts stand apart by two spaces or more.
REFUSED = {
    "calls something": """
        p.grad.item()  slate(p)  int('1')  float('1.5')  float(1)  float('nan', x=1)
        float('nan', 'inf')  float()  float(*['nan'])  str(1)  set()
        __import__('os')  [].append(1)  (lambda: 1)()  [slate(p), 1]  {1: slate(p)}
        {slate(p): 1}  1 + slate(p)  1 < slate(p)  -slate(p)
    """,
    'who means inf writes float("inf")': """
        math.inf  [1.0, np.inf]  -math.inf
    """,
    "Between two factors stands a *": """
        2(0.5-0.8)  (1 + 2)(3)  (-1)(2)
    """,
    "Leave approx out": """
        approx(1.0)
    """,
    "`p` is not a value you can write down": """
        p  [p, 1]  p + 1  p < 1  not p  {'a': p}
    """,
    'writes float("nan")': """
        nan
    """,
    'writes float("inf")': """
        inf  [1, inf]
    """,
    "asks the koan for its answer": """
        p.grad  p.grad.x  (1).real  'a'.join  [1].x  (1 + 2).x  device.x
    """,
    "does not belong into a prediction": """
        [1, 2][0]  device[0]  'abc'[:2]  lambda: 1  [i for i in [1]]
        {i for i in [1]}  {i: i for i in [1]}  (i for i in [1])  f'{1}'  f'text'
        (x := 1)  [*[1, 2]]  (*[1, 2],)  {**{1: 2}}  1 if True else 2  1 << 2
        4 >> 1  1 | 2  1 & 2  1 ^ 2  [1] @ [2]
    """,
    "`...` is not a prediction": """
        ...  [..., 1]
    """,
    "formatting": """
        '%d' % 1  '%999999999d' % 1  b'%d' % 1  'a' % ()
    """,
    "This can't be worked out: ": """
        1 / 0  1 // 0  1 % 0  0 ** -1  1.0 < None  1 + 'a'  1 < 'a'  1 in 2  -'a'
        {[1]}  {[1]: 2}  float('+-inf')
    """,
}


def spread(table):
    """Each text of a table with what is said of it."""
    texts = {said: re.split(r"\s{2,}", texts.strip()) for said, texts in table.items()}
    return [(text, said) for said, several in texts.items() for text in several]


@pytest.mark.parametrize(("text", "said"), spread(REFUSED))
def test_what_is_no_prediction_is_refused_with_the_reason(text, said):
    assert said in refusal(text, device="cpu", torch=module())


def test_a_class_is_no_value_and_python_hides_no_module_behind_it():
    """Asserts that pytest rewrites bring a module of theirs, @py_builtins."""
    said = refusal("[1, TypeError]", **{"@py_builtins": builtins})
    assert "`TypeError` is not a value you can write down" in said and "@" not in said


def test_dots_are_a_value_where_a_mistake_is_written_down():
    node = ast.parse("[..., 1 + 1]", mode="eval").body
    assert predictions.evaluate(node, {}, any_dots=True) == [..., 2]


def test_a_module_alone_is_refused():
    assert "`torch` is not a value" in refusal("torch", torch=module())


@pytest.mark.parametrize(
    "text",
    [
        "torch.gone",
        "torch._private",
        "torch.__dict__",
        "torch.float32.__class__",
        "torch.nn",
        "torch.shape",
        "torch.names",
        "torch.nothing",
        "torch.lazy",
        "torch.gone.deeper",
    ],
)
def test_attributes_that_are_no_plain_value_are_refused(text):
    class Lazy(SimpleName):
        @property
        def trouble(self):
            raise RuntimeError("not built with it")

    torch = module(
        _private=1,
        float32=object(),
        nn=module(),
        shape=(1, 2),
        names=["a"],
        nothing=None,
    )
    assert "can't be used in a prediction" in refusal(text, torch=torch)
    vars(torch)["lazy"] = Lazy()
    assert "can't be used in a prediction" in refusal("torch.lazy.trouble", torch=torch)


class AlwaysEqual:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None


class AlwaysEqualText(str):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class AlwaysEqualKind(type):
    def __eq__(cls, other: object) -> bool:
        return True

    __hash__ = type.__hash__


class Kind(metaclass=AlwaysEqualKind):
    pass


class Inherits(AlwaysEqual):
    pass


@pytest.mark.parametrize(
    "always",
    [
        mock.ANY,
        mock.call,
        mock.MagicMock(),
        AlwaysEqual(),
        Inherits(),
        AlwaysEqualText("a"),
        Kind,
        [mock.ANY],
        (mock.ANY,),
        {1: mock.ANY},
    ],
    ids=lambda always: type(always).__name__,
)
def test_what_might_equal_everything_is_refused(always):
    torch = module(always=always)
    assert "can't be used" in refusal("torch.always", torch=torch)
    assert "can't be used" in refusal("[1, torch.always]", torch=torch)


def test_what_might_equal_everything_is_refused_at_any_depth():
    torch = module(inner=module(always=mock.ANY))
    assert "can't be used" in refusal("torch.inner.always", torch=torch)
    assert "can't be used" in refusal("mock.ANY", mock=mock)


@pytest.mark.parametrize("text", ["(yield)", "(yield from [1])", "(await x)"])
def test_what_only_a_function_may_hold_is_refused(text):
    function: Any = ast.parse(f"async def f(): {text}").body[0]
    with pytest.raises(Refused, match="does not belong"):
        predictions.evaluate(function.body[0].value, {})


def test_a_refusal_quotes_no_more_than_a_line():
    said = refusal(f"f({', '.join('12345' * 9)})")
    assert "..." in said and "\n" not in said and len(said) < 160


@quick
@given(NUMERIC, st.sampled_from(["p", "f(1)", "p.grad", "[1][0]", "f'{1}'"]), st.data())
def test_what_is_refused_is_refused_inside_everything(text, peek, data):
    shape = data.draw(
        st.sampled_from(["{} + {}", "[{}, {}]", "({}, {})", "{{{}: {}}}", "{} == {}"])
    )
    value(text)  # it is the other part that is refused
    refusal(shape.format(text, peek))
    refusal(shape.format(peek, text))


# ------------------------------------------------------------------- what is too big


TOO_BIG = {
    "This number is too big to be worked out.": """
        9 ** 9 ** 9  -9 ** 9 ** 9  (-9) ** 9 ** 9  2 ** 2000  9.0 ** 9 ** 3
        (2 ** 1000) * (2 ** 1000)  10 ** 300 * 10 ** 300  (10 ** 300) ** 10
        10 ** 300 / 1e-300
    """,
    "This is too long for a prediction.": """
        'a' * 10 ** 10  10 ** 10 * 'a'  b'a' * 10 ** 10  [0] * 10 ** 9
        10 ** 9 * [0]  (0,) * 10 ** 9  [''] * 10 ** 9  [[]] * 10 ** 9  [()] * 2000
        ['a' * 999] * 2  [0] * 600 + [0] * 600  'a' * 600 + 'a' * 600
        [[[0] * 1000] * 1000] * 1000  [{1: [0] * 500}] * 3  ((0,) * 1000,) * 1000
    """,
}
HEX = ["0x" + "f" * 1000, "0x" + "f" * 1_000_000, "-0x" + "f" * 1_000_000]
BEARABLE = """
    2 ** 500  2 ** -1074  1 ** 10 ** 10  0 ** 10 ** 10  (-1) ** (10 ** 10)  10 ** 200
    [0] * 1000  'a' * 1000  '' * 10 ** 9  [] * 10 ** 9  [0] * -9  [[0] * 10] * 100
"""
NESTED = ["-" * 200 + "1", "not " * 200 + "1", "[" * 90 + "]" * 90]


@pytest.mark.parametrize(("text", "said"), spread(TOO_BIG))
def test_what_would_be_huge_is_refused_before_it_is_made(text, said):
    assert refusal(text) == said


def test_what_is_written_out_at_length_is_refused():
    assert {refusal(text) for text in HEX} == {
        "This number is too big to be worked out."
    }
    assert refusal("[" + "0," * 600 + "]") == "This is too long for a prediction."


@pytest.mark.parametrize(
    "text",
    [*re.split(r"\s{2,}", BEARABLE.strip()), *NESTED],
    ids=lambda text: text[:24],
)
def test_what_is_large_but_bearable_is_worked_out(text):
    assert same(value(text), eval(text))


@pytest.mark.parametrize(
    "shape", ["[{} * {}] * {}", "({} * {}) * {}", "[[{} * {}]] * {}"]
)
@pytest.mark.parametrize("start", ["[0]", "(0,)", "'a'", "2"])
def test_no_repetition_of_repetitions_makes_something_huge(shape, start):
    for first in (10, 1000, 10**6):
        for second in (10, 1000, 10**6):
            try:
                text = as_text(value(shape.format(start, first, second)))
            except Refused:
                continue
            assert len(text) < 20_000


def test_deep_nesting_is_no_recursion_error():
    for opening, closing in [("[", "]"), ("(1+", ")"), ("-", ""), ("not ", "")]:
        inner = "1" if opening != "[" else ""
        node = functools.reduce(
            lambda inside, _: f"{opening}{inside}{closing}", range(60), inner
        )
        value(node)


# --------------------------------------------------------------------- written down


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (0.5, "0.5"),
        (-0.0, "-0.0"),
        (3, "3"),
        (True, "True"),
        (None, "None"),
        ("é'", '"é\'"'),
        (math.nan, 'float("nan")'),
        (math.inf, 'float("inf")'),
        (-math.inf, 'float("-inf")'),
        ([1, math.nan], '[1, float("nan")]'),
        ((1,), "(1,)"),
        ((), "()"),
        ((1, [2.5]), "(1, [2.5])"),
        ({"a": math.inf}, '{"a": float("inf")}'.replace('"a"', "'a'")),
        ({math.inf}, '{float("inf")}'),
        ({}, "{}"),
        (5e-324, "5e-324"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_a_value_is_written_as_a_learner_would(thing, text):
    assert as_text(thing) == text


def test_a_float_is_written_with_as_many_digits_as_matter():
    assert as_text([0.20000000298023224, 1e-9 / 3], digits=7) == "[0.2, 3.333333e-10]"
    assert as_text({"a": (0.1 + 0.2,)}, digits=7) == "{'a': (0.3,)}"


PLAIN = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**12), 10**12),
        st.floats(),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.sets(st.integers(-9, 9), min_size=1, max_size=3),
    ),
    max_leaves=8,
)


@quick
@given(PLAIN)
def test_what_is_written_down_is_read_back(thing):
    assert same(value(as_text(thing)), thing)


def test_nothing_here_runs_what_a_learner_wrote():
    """Not even by way of a builtin: the names that a fill has are those given."""
    before = set(sys.modules)
    for text in ["__import__('this')", "exec('import this')", "print(1)", "open('x')"]:
        refusal(text)
    assert "this" not in set(sys.modules) - before
