"""sensei new: the skeleton of a koan, which is whole, and known as a skeleton."""

from __future__ import annotations

import pytest

from sensei import reset
from sensei.check.lint import check_lesson
from sensei.cli import main

FIRST = "test_01_two_names"


def files(tiny) -> tuple[str, str]:
    """The first lesson's solution and notes."""
    solution = (tiny.root / "solutions" / f"{FIRST}.py").read_text("utf-8")
    return solution, (tiny.root / "koans" / f"{FIRST}.toml").read_text("utf-8")


def missing(tiny, koan: str) -> list[str]:
    """What sensei check still wants of a koan, without the paths."""
    findings = check_lesson(tiny.lesson(koan), [koan]).findings
    return [" ".join([f.place, f.sentence]).strip() for f in findings]


LEFT = [
    "its question is still to be written",
    *(f"hint {tier} still to be written" for tier in (1, 2, 3)),
    "because still to be written",
    "link still to be written",
    "mistakes 1 still to be written",
    "mistakes 2 still to be written",
]


@pytest.mark.parametrize("options", [[], ["--code"]], ids=["prediction", "code"])
def test_a_new_koan_is_whole_and_all_that_is_left_to_write_is_told(
    author, options, capsys
):
    before = files(author)
    assert main(["new", "01", "test_it", *options]) == 0
    for old, new in zip(before, files(author), strict=True):
        assert new.startswith(old.rstrip("\n"))
    koan = author.koan("test_it")
    assert koan.note.is_prediction is not bool(options)
    assert [argument.arg for argument in koan.pristine.args.args] == ["size"]
    assert missing(author, "test_it") == LEFT
    assert capsys.readouterr().out.splitlines()[:2] == [
        "test_it is new in solutions/test_01_two_names.py:45",
        "and in koans/test_01_two_names.toml:61.",
    ]


@pytest.mark.parametrize("options", [[], ["--code"]], ids=["prediction", "code"])
def test_written_out_it_is_a_sound_koan(author, options):
    """The skeleton's own answers are right, and its mistakes are mistakes."""
    assert main(["new", "01", "test_it", *options]) == 0
    for folder, end in (("solutions", "py"), ("koans", "toml")):
        path = author.root / folder / f"{FIRST}.{end}"
        text = path.read_text("utf-8").replace(
            'link = "(to be written)"', 'link = "https://docs.python.org/3/"'
        )
        head, *rest = text.split("(to be written)")
        words = (f"{word}{part}" for word, part in enumerate(rest, 10))
        path.write_text(head + "What is it: " + "What is it: ".join(words))
    assert main(["reset", "01", "--yes"]) == 0
    assert missing(author, "test_it") == []
    assert main(["check", "01"]) == 0


def test_a_new_lesson_is_made_with_its_first_koan(author):
    assert main(["new", "further_on/07_some_more", "test_it"]) == 0
    lesson = author.lesson("test_it")
    assert (lesson.number, lesson.part) == ("07", "further_on")
    assert lesson.pristine.solution.startswith('"""07  Some more\n')
    told = [str(finding) for finding in check_lesson(lesson).findings]
    notes, solution = "koans/further_on/test_07", "solutions/further_on/test_07"
    for said in (
        f"{notes}_some_more.py: it is not there; `sensei reset 07` makes it",
        f"{solution}_some_more.py:1: its head is still to be written",
        f"{notes}_some_more.toml:1: [lesson] caught: still to be written",
    ):
        assert any(line.startswith(said) for line in told), told
    assert main(["reset", "07", "--yes"]) == 0
    assert lesson.path.read_text("utf-8") == lesson.pristine.text


@pytest.mark.parametrize(
    ("lesson", "name", "said"),
    [
        ("01", "test_a_copy", "koans/test_02_changing_lists.py has a koan test_a_copy"),
        ("01", "a_copy", "a_copy: a koan is called test_something"),
        ("01", "test_a copy", "test_a copy: a koan is called test_something"),
        ("09", "test_it", "there is no lesson 09; there are 01, 02, 03. A new one is"),
        ("02_other", "test_it", "02 is koans/test_02_changing_lists.py: take another"),
        ("../07_up", "test_it", "there is no lesson ../07_up"),
    ],
)
def test_what_can_not_be_new_is_told_and_nothing_is_written(
    author, capsys, lesson, name, said
):
    before = author.hashes()
    assert main(["new", lesson, name]) == 2
    assert said in capsys.readouterr().err
    assert author.hashes() == before


def test_a_lesson_that_can_not_be_read_is_to_be_mended_first(author, capsys):
    path = author.root / "solutions" / f"{FIRST}.py"
    path.write_text("def (\n")
    assert main(["new", "01", "test_it"]) == 2
    said = capsys.readouterr().err
    assert "mend this first: solutions/test_01_two_names.py:1: invalid syntax" in said


@pytest.mark.parametrize("lesson", ["01", "07_more"])
def test_a_write_that_fails_half_way_leaves_nothing(
    author, monkeypatch, capsys, lesson
):
    before = author.hashes()
    write = reset.write

    def fails_for_notes(path, data):
        if path.suffix == ".toml":
            raise reset.ResetError(f"{path}: can't be written (no space).")
        write(path, data)

    monkeypatch.setattr("sensei.reset.write", fails_for_notes)
    assert main(["new", lesson, "test_it"]) == 2
    assert "can't be written (no space)" in capsys.readouterr().err
    assert author.hashes() == before


def test_windows_line_ends_stay(author):
    path = author.root / "koans" / f"{FIRST}.toml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert main(["new", "01", "test_it"]) == 0
    data = path.read_bytes()
    assert b"[test_it]\r\n" in data and data.count(b"\n") == data.count(b"\r\n")
