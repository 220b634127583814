"""Reading Python: what can't be read says why, and a slip spoils one koan only."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei import source
from sensei.lesson import Lesson
from sensei.source import Function, Unreadable, decode, lines_of, parse_pieces
from sensei.work import Work
from this_course import LESSONS

quick = settings(max_examples=60)


def read(data: bytes | str) -> ast.Module:
    text = decode(data if isinstance(data, bytes) else data.encode())
    pieces = parse_pieces(text)
    for fault in (piece.fault for piece in pieces if piece.fault):
        raise fault
    return ast.Module([node for piece in pieces for node in piece.body], [])


# --------------------------------------------------------------------- one source


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfif a:\n  b", b"if a:\r\n    b\r\n"])
def test_a_byte_order_mark_and_line_ends_of_windows_are_free(data):
    assert ast.dump(read(data)) == ast.dump(ast.parse("if a:\n b"))


@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        ("x = 1\ny = (", "never closed", 2),
        ("if a:\nb", "expected an indented block", 2),
        ("if a:\n        b\n\tc", "tabs and spaces are mixed", 3),
        (b"x = 1\n# caf\xe9", "not UTF-8 (byte 0xe9)", 2),
        (b"a\n\n\nx\x0c = 1\n'\xff'", "not UTF-8 (byte 0xff)", 5),
        (b"# coding: latin-1\nx = '\xe9'", "declares that it is iso-8859-1", 1),
        (b"# coding: utf-7\nx = 1", "declares that it is utf-7", 1),
        (b"# coding: klingon\nx = 1", "not UTF-8", 1),
        ("x = 1\0", "null byte", None),
        ("x = " + "(" * 5000 + ")" * 5000, "too many nested", 1),
        ("x = " + "-" * 50_000 + "1", "nested too deeply", None),
        ("x = " + "+".join("1" * 50_000), "nested too deeply", None),
        ("x" + ".a" * 5000, "nested too deeply", None),
        ("x = " + "9" * 1_000_000, "4300 digits", 1),
        ("a\nx = 0x" + "f" * 1_000_000, "a number that is too long", 2),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_read_says_why_and_where(data, reason, line):
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert reason in caught.value.reason
    assert line is None or caught.value.line == line


@quick
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_bytes_are_read_whole_and_in_pieces_or_are_unreadable(data):
    try:
        text = decode(data)
    except Unreadable as fault:
        assert fault.reason
        return
    for piece in parse_pieces(text):
        assert not piece.fault or piece.fault.reason
        ast.unparse(ast.Module(list(piece.body), []))


@pytest.mark.parametrize("depth", [20, 60])
def test_what_is_nested_like_a_koan_or_three_times_deeper_is_read(depth):
    assert read("x = " + "-" * depth + "1").body


@quick
@given(st.lists(st.sampled_from(["a", "\x0c", "'\u2028'", "#\x1c", "\n", "\r\n"])))
def test_lines_are_counted_as_python_counts_them(parts):
    """Not as str.splitlines does, which splits at more."""
    text = "\n".join([*parts, "the_last"])
    last = ast.parse(text).body[-1].lineno
    assert (last, lines_of(text)[last - 1]) == (len(lines_of(text)), "the_last")


# ------------------------------------------------------------------ piece by piece

KOANS = [
    'def test_{}(device):\n    """What?"""\n    x = [1, (2)]\n\n    assert x == 3\n',
    "@mark.skipif(\n    1 > 0, reason='it'\n)\ndef test_{}():\n    a = f(x)\n    b\n",
    "async def test_{}():\n    for i in [1]:\n        a = {{i: '}}'}}\n",
    "def test_{}(\n    device,\n):\n    def inner():\n        return ')'\n    b\n",
    "# why\n@once\n@twice\ndef test_{}(): a\n",
]
FRAME = [
    '"""Head.\n\n1 + 1\n"""\n',
    "import a\nW = [1, 2]\n",
    "class A:\n    x = 1\n\n    def test_z(self): a\n",
    "",
]
# What replaces a character, and may well break everything around it.
SLIPS = ["", "(", ")", "'", '"', '"""', ":", "\t", "\n", "[", "}", "é", "$"]


@quick
@given(
    st.sampled_from(FRAME),
    st.lists(st.sampled_from(KOANS), min_size=2, max_size=5),
    st.data(),
)
def test_a_slip_spoils_one_koan_and_leaves_the_others_in_their_lines(head, koans, data):
    texts = [text.format(i) for i, text in enumerate(koans)]
    hit = data.draw(st.integers(0, len(texts) - 1))
    broken = texts[hit]
    body = broken.index("def test")  # what stands above belongs to it as well
    at = data.draw(st.integers(broken.index(")", body), len(broken) - 2))
    slip = data.draw(st.sampled_from(SLIPS))
    texts[hit] = broken[:at] + slip + broken[at + 1 :]
    text = "\n\n".join([head, *texts])
    pieces = parse_pieces(text)
    if len(pieces) == 1 and not pieces[0].fault:
        return  # no slip after all
    # A line break can put the rest of a koan, from a `def` in it on, at the margin.
    spoiled = [piece.koan for piece in pieces if piece.fault]
    assert [koan for koan in spoiled if koan] == [f"test_{hit}"]
    assert len(spoiled) == 1 or slip == "\n"
    read = {n.name: n for p in pieces for n in p.body if isinstance(n, source.Function)}
    assert list(read) == [f"test_{i}" for i in range(len(texts)) if i != hit]
    for name, function in read.items():
        assert f"def {name}(" in lines_of(text)[function.lineno - 1]
        whole = ast.parse(koans[int(name[5:])].format(name[5:])).body[0]
        assert ast.dump(function) == ast.dump(whole)


def test_a_source_without_a_fault_is_one_piece_with_its_lines():
    text = "\n\n".join([FRAME[0], *(k.format(i) for i, k in enumerate(KOANS))])
    [piece] = parse_pieces(text)
    assert ast.dump(ast.Module(list(piece.body), []), include_attributes=True) == (
        ast.dump(ast.parse(text), include_attributes=True)
    )


def test_a_fault_beside_the_koans_is_nobodys_koan():
    pieces = parse_pieces("x = (\n\ndef test_a(): a\n\nclass B:\n    x = )\n")
    assert [piece.koan for piece in pieces] == ["", "", ""]
    assert [bool(piece.fault) for piece in pieces] == [True, False, True]
    assert [p.fault.line for p in pieces if p.fault] == [1, 6]


# ------------------------------------------------- koans of the course, slipped

EVERY_OTHER = LESSONS[::2]
each_lesson = pytest.mark.parametrize("lesson", EVERY_OTHER, ids=lambda one: one.name)


def slips(lines: list[str]) -> Iterator[list[str]]:
    """A koan's lines with one slip: a sign is lost, or one too many."""
    text = "\n".join(lines)
    for sign in ("(", ")", "[", "]", '"', '"""', ":", "    "):
        for at in {text.find(sign), text.rfind(sign)} - {-1}:
            yield (text[:at] + text[at + len(sign) :]).split("\n")
    last = len(lines) - 1
    for sign in (")", '"', " :", '"""'):
        yield [*lines[:last], lines[last] + sign]
    yield [*lines[:last], "\t" + lines[last]]
    yield [*lines[:last], lines[last] + " # caf\udce9"]


def lost(lesson: Lesson, text: str) -> list[str]:
    """The koans that nothing can be made of."""
    work = Work(lesson, text.encode("utf-8", "surrogateescape"))
    return [name for name in lesson.koans if work.fault or name not in work.found]


@pytest.mark.slow
@each_lesson
def test_a_single_slip_in_a_koan_loses_that_koan_and_no_other(lesson: Lesson):
    assert lesson.pristine
    lines = lines_of(lesson.pristine.solution)
    [whole] = parse_pieces(lesson.pristine.solution)
    koans = [
        n for n in whole.body if isinstance(n, Function) and n.name in lesson.koans
    ]
    chance, count = random.Random(lesson.name), 0
    for function in koans:
        first, last = function.lineno - 1, function.end_lineno
        for slipped in chance.sample([*slips(lines[first:last])], 2):
            text = "\n".join([*lines[:first], *slipped, *lines[last:]])
            if gone := lost(lesson, text):  # else it is Python all the same
                count += 1
                assert gone == [function.name], "\n".join(slipped)
    assert count >= len(lesson.koans)
