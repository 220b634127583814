"""sensei reset: the one command that writes to a learner's file."""

from __future__ import annotations

import re

import pytest

from sensei.cli import main


@pytest.fixture
def filled(tiny, monkeypatch):
    """The tiny course, solved."""
    tiny.solve(*tiny.path)
    monkeypatch.chdir(tiny.root)
    return tiny


def first(tiny):
    return tiny.root / "koans" / "test_01_two_names.py"


@pytest.fixture
def given(tiny):
    return first(tiny).read_text("utf-8")


def koans_of(tiny):
    [lesson] = [f for f in tiny.course.lessons if f.name == "test_01_two_names"]
    return list(lesson.notes.koans)


def koan(text, name):
    """A koan's text: from its def to the next one."""
    return text[text.index(f"def {name}(") :].partition("\n\n\n")[0].rstrip()


@pytest.mark.parametrize(
    "spelled", ["{}", "koans/test_01_two_names.py::{}", "test_01_two_names.py::{}[1]"]
)
def test_one_koan_is_put_back_and_no_other(given, filled, spelled, capsys):
    solved = first(filled).read_text("utf-8")
    assert main(["reset", spelled.format("test_who_grew")]) == 0
    after = first(filled).read_text("utf-8")
    assert koan(after, "test_who_grew") == koan(given, "test_who_grew")
    assert koan(after, "test_a_sum") == koan(solved, "test_a_sum")
    assert after != solved
    assert "test_who_grew is as it was given." in capsys.readouterr().out


def test_resetting_each_koan_gives_the_whole_lesson_back(given, filled):
    for name in koans_of(filled):
        assert main(["reset", name]) == 0
    assert first(filled).read_text("utf-8") == given


@pytest.mark.parametrize("place", ["first", "in the middle", "last"])
def test_a_koan_that_was_deleted_comes_back_in_its_place(given, filled, place):
    names = koans_of(filled)
    name = {"first": names[0], "last": names[-1]}.get(place, names[1])
    text = first(filled).read_text("utf-8")
    first(filled).write_text(
        text.replace(koan(text, name), "").rstrip() + "\n", "utf-8"
    )
    assert main(["reset", name]) == 0
    after = first(filled).read_text("utf-8")
    assert koan(after, name) == koan(given, name)
    assert sorted(names, key=lambda n: after.index(f"def {n}(")) == names


def test_a_koan_that_is_there_twice_is_there_once_again(given, filled):
    text = first(filled).read_text("utf-8")
    first(filled).write_text(f"{text}\n\n{koan(text, 'test_a_sum')}\n", "utf-8")
    assert main(["reset", "test_a_sum"]) == 0
    after = first(filled).read_text("utf-8")
    assert after.count("def test_a_sum(") == 1
    assert koan(after, "test_a_sum") == koan(given, "test_a_sum")


@pytest.mark.parametrize("lesson", ["01", "test_01", "test_01_two_names", "two_names"])
@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_a_lesson_is_put_back_after_asking(
    given, filled, lesson, answer, code, monkeypatch, capsys
):
    solved = first(filled).read_text("utf-8")
    asked = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or answer)
    assert main(["reset", lesson]) == code
    assert "koans/test_01_two_names.py" in asked[0]
    assert first(filled).read_text("utf-8") == (solved if code else given)
    assert ("Nothing was changed." in capsys.readouterr().out) == bool(code)


def test_yes_does_not_ask(given, filled, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda text: pytest.fail("it asked"))
    assert main(["reset", "01", "--yes"]) == 0
    assert first(filled).read_text("utf-8") == given


def test_no_answer_is_a_no(filled, monkeypatch):
    def closed(text):
        raise EOFError

    monkeypatch.setattr("builtins.input", closed)
    solved = first(filled).read_text("utf-8")
    assert main(["reset", "01"]) == 1
    assert first(filled).read_text("utf-8") == solved


def test_a_lesson_file_that_is_gone_comes_back(given, filled):
    first(filled).unlink()
    assert main(["reset", "01", "--yes"]) == 0
    assert first(filled).read_text("utf-8") == given


def test_a_file_that_python_cannot_read_is_left_alone(filled, capsys):
    broken = first(filled).read_text("utf-8") + "\n(\n"
    first(filled).write_text(broken, "utf-8")
    assert main(["reset", "test_a_sum"]) == 2
    assert first(filled).read_text("utf-8") == broken
    said = capsys.readouterr().err
    assert f"koans/test_01_two_names.py:{broken.count(chr(10))}: " in said
    assert "sensei reset 01" in said


@pytest.mark.parametrize(
    ("asks", "said"),
    [
        ("assert y == __", "[test_a_sum]: in the solution: expected here: "),
        ("__", "[test_a_sum]: in the solution: `__` is there more than once, at lines"),
    ],
)
def test_notes_that_do_not_fit_the_solution(filled, asks, said, capsys):
    """Whoever writes a course sees this one first, so it is a sentence."""
    solved = first(filled).read_text("utf-8")
    notes = first(filled).with_suffix(".toml")
    text = re.sub("(?<=^asks = ).*", repr(asks), notes.read_text("utf-8"), flags=re.M)
    notes.write_text(text, "utf-8")
    assert main(["reset", "01", "--yes"]) == 2
    assert f"{notes}: {said}" in capsys.readouterr().err
    assert first(filled).read_text("utf-8") == solved


def test_a_solution_that_python_cannot_read(filled, capsys):
    solution = filled.root / "solutions" / first(filled).name
    solution.write_text("def test_a_sum(:\n", "utf-8")
    assert main(["reset", "01", "--yes"]) == 2
    said = f"{solution.relative_to(filled.root)}:1: Python can't read this"
    assert said in capsys.readouterr().err
    assert main(["score"]) == 2  # and so do the others
    assert said in capsys.readouterr().err


def test_a_name_that_is_nobodys(filled, capsys):
    assert main(["reset", "test_nothing"]) == 2
    assert "There is no koan or lesson called test_nothing." in capsys.readouterr().err


def test_without_solutions_git_is_asked(filled, capsys):
    (filled.root / "solutions" / "test_01_two_names.py").unlink()
    assert main(["reset", "test_a_sum"]) == 2
    assert "git restore koans/test_01_two_names.py" in capsys.readouterr().err


def test_it_works_from_a_folder_inside(given, filled, monkeypatch):
    monkeypatch.chdir(filled.root / "koans")
    assert main(["reset", "01", "--yes"]) == 0
    assert first(filled).read_text("utf-8") == given


def test_outside_a_course_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["reset", "01"]) == 2
    assert "no course here" in capsys.readouterr().err


def test_nothing_is_left_beside_the_file(filled):
    before = sorted(path.name for path in (filled.root / "koans").iterdir())
    assert main(["reset", "test_a_sum"]) == 0
    assert sorted(p.name for p in (filled.root / "koans").iterdir()) == before


def test_line_ends_stay_as_the_learner_has_them(filled):
    path = first(filled)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert main(["reset", "test_a_sum"]) == 0
    assert b"\r\n" in path.read_bytes()
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")


# ------------------------------------------------------------- many, and back again


def test_all_and_back_again(given, filled, capsys):
    solved = first(filled).read_text("utf-8")
    assert main(["reset", "all", "--yes"]) == 0
    assert first(filled).read_text("utf-8") == given
    told = capsys.readouterr().out
    assert "What was there is in .sensei/dropped/1; `sensei reset --undo`" in told
    kept = filled.root / ".sensei" / "dropped" / "1" / "koans" / first(filled).name
    assert kept.read_text("utf-8") == solved
    assert main(["reset", "--undo"]) == 0
    assert first(filled).read_text("utf-8") == solved


def test_an_undo_loses_nothing_and_can_be_undone(filled):
    solved = first(filled).read_text("utf-8")
    main(["reset", "01", "--yes"])
    first(filled).write_text(written := first(filled).read_text("utf-8") + "# mine\n")
    main(["reset", "--undo"])
    assert first(filled).read_text("utf-8") == solved
    main(["reset", "--undo"])
    assert first(filled).read_text("utf-8") == written


def test_two_resets_are_undone_the_last_one_first(filled):
    for name in ("test_a_sum", "test_who_grew"):
        main(["reset", name])
    main(["reset", "--undo"])
    text = first(filled).read_text("utf-8")
    assert "sum(parts) == __" in text
    assert "== __" not in koan(text, "test_who_grew")


def test_reviews_alone(filled, capsys):
    """The tiny course has none; one is made of a koan."""
    for name in ("koans", "solutions"):
        for path in (filled.root / name).rglob("test_02*"):
            text = path.read_text("utf-8").replace("test_a_copy", "test_review_a_copy")
            path.write_text(text, "utf-8")
    before = first(filled).read_text("utf-8")
    assert main(["reset", "reviews", "--yes"]) == 0
    assert "test_review_a_copy is as it was given." in capsys.readouterr().out
    second = filled.root / "koans" / "test_02_changing_lists.py"
    assert "__" in koan(second.read_text("utf-8"), "test_review_a_copy")
    assert first(filled).read_text("utf-8") == before


def test_nothing_to_bring_back_and_nothing_named(filled, capsys):
    assert main(["reset", "--undo"]) == 2
    assert "There is nothing to bring back" in capsys.readouterr().err
    assert main(["reset"]) == 2
    assert "Name a koan, a lesson, reviews, or all." in capsys.readouterr().err


def test_where_nothing_can_be_put_aside_nothing_is_changed(filled, capsys):
    """As on a disk that is full, or may only be read: a file is in the way."""
    (filled.root / ".sensei").write_text("")
    before = first(filled).read_text("utf-8")
    assert main(["reset", "test_a_sum"]) == 2
    told = capsys.readouterr().err
    assert "Nothing was changed" in told and "Traceback" not in told
    assert first(filled).read_text("utf-8") == before


def test_half_a_copy_is_none_that_an_undo_brings_back(filled, capsys, monkeypatch):
    """As when the disk fills up while what is there is put aside."""

    def half(source, target):
        target.write_bytes(b"")
        raise OSError(28, "No space left on device")

    before = first(filled).read_text("utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", half)
        assert main(["reset", "test_a_sum"]) == 2
    assert "(No space left on device)" in capsys.readouterr().err
    assert main(["reset", "--undo"]) == 2
    assert "There is nothing to bring back" in capsys.readouterr().err
    assert first(filled).read_text("utf-8") == before


def test_a_lesson_that_cannot_be_written_is_there_to_be_brought_back(
    filled, capsys, monkeypatch
):
    """As when the disk is full after the copy, or the folder may only be read."""

    def fails(source, target):
        raise OSError(30, "Read-only file system")

    before = first(filled).read_text("utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", fails)
        assert main(["reset", "test_a_sum"]) == 2
    said = capsys.readouterr().err
    assert (
        "can't be written (Read-only file system)" in said and "Traceback" not in said
    )
    assert "`sensei reset --undo` brings it back" in said
    assert first(filled).read_text("utf-8") == before
    assert not list((filled.root / "koans").glob(".*"))
