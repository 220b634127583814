"""``sensei review``: koans once more, with other numbers, in a folder of their own."""

from __future__ import annotations

import re

import pytest

from sensei import drawing
from sensei.cli import main
from slopes import add_slopes


@pytest.fixture
def course(tiny, monkeypatch):
    """The tiny course with a lesson whose numbers can be others."""
    add_slopes(tiny)
    monkeypatch.chdir(tiny.root)
    return tiny


@pytest.fixture
def file(course):
    return course.root / "koans" / "review" / "test_04_slopes.py"


def answered(file, name: str, answer: str) -> None:
    """Fill the blank of a koan there."""
    text = file.read_text()
    start = text.index(f"def {name}(")
    end = text.index("__\n", start)
    file.write_text(text[:start] + text[start:end] + answer + text[end + 2 :])


def slopes(file) -> list[str]:
    found = re.search(r"in \((.*), (.*)\):", file.read_text())
    assert found
    return [found[1], found[2]]


def sum_of(file) -> str:
    return str(sum(map(float, slopes(file))))


def test_a_review_has_the_reviews_with_other_numbers(course, file, capsys):
    assert main(["review"]) == 0
    said = capsys.readouterr().out
    assert "2 koans in koans/review/test_04_slopes.py, 1 of them with other" in said
    assert "1 as in the lesson, for want of numbers" in said
    assert "Next: pytest koans/review/test_04_slopes.py" in said
    text = file.read_text()
    assert "def test_two_slopes" not in text and "def twice" in text
    assert "p is 6." not in text
    assert 'sorted(["b", "a"]) == __' in text


def test_a_lesson_brings_every_koan_with_other_numbers_and_its_reviews(course, file):
    assert main(["review", "04"]) == 0
    text = file.read_text()
    assert re.findall(r"^def (test_\w+)", text, re.MULTILINE) == [
        "test_two_slopes",
        "test_review_of_both",
        "test_review_of_all",
    ]
    assert "test_review_of_both: as in the lesson" in text
    assert sum_of(file) != "8.0"
    assert "The slopes are {} and {}.".format(*[s[:-2] for s in slopes(file)]) in text


def test_each_call_brings_other_numbers_and_writes_nothing_else(course, file):
    before = course.hashes()
    seen = set()
    for _ in range(6):
        assert main(["review", "04"]) == 0
        seen.add(file.read_text())
    assert len(seen) > 3
    after = course.hashes()
    after = {k: v for k, v in after.items() if not k.startswith((".sensei", "koans/r"))}
    assert after == before


def test_the_answers_that_were_there_are_put_aside_and_come_back(course, file, capsys):
    main(["review", "04"])
    answered(file, "test_two_slopes", "1.25")
    mine = file.read_text()
    main(["review", "04"])
    assert "`sensei reset --undo` brings it back" in capsys.readouterr().out
    assert "1.25" not in file.read_text()
    assert main(["reset", "--undo"]) == 0
    assert file.read_text() == mine


def test_only_lessons_that_were_met_are_reviewed(course, file, capsys):
    course.fill("test_a_sum", "7919")
    assert main(["review"]) == 1
    assert "no review is there" in capsys.readouterr().out
    course.fill("test_two_slopes", "8.0")
    assert main(["review"]) == 0 and file.exists()


def test_pytest_judges_a_review_by_its_own_numbers(course, file):
    main(["review", "04"])
    ran = course.run("koans/review")
    assert ran.is_red and ran.next == "test_two_slopes"
    assert re.search(r"^ review\n +04 slopes +░░░ +0/3", ran.screen, re.MULTILINE)
    answered(file, "test_two_slopes", "8.0")
    ran = course.run("koans/review")
    ran.is_sound()
    assert ran.next == "test_two_slopes"
    ran.says("That does not hold.")
    ran = course.run("koans/review", "--reveal")
    ran.says(f"answer {sum_of(file)}")


def test_a_review_that_is_solved_ends_with_other_words(course, file):
    main(["review"])
    answered(file, "test_review_of_both", '["a", "b"]')
    text = file.read_text()
    numbers = re.search(r"p = (\S+)\n    assert twice\(p\) \+ (\S+) == __", text)
    assert numbers
    total = 2 * float(numbers[1]) + float(numbers[2])
    answered(file, "test_review_of_all", str(total))
    ran = course.run("koans/review")
    assert ran.ret == 0, ran.text
    ran.says("You have done them all. `sensei review` brings other numbers.")


def test_a_hint_there_is_one_that_quotes_no_other_numbers(course, file):
    main(["review", "04"])
    course.run("koans/review", "--hint").says("hint 1 Add.")
    ran = course.run("koans/review", "--hint=2")
    if "3.0" not in slopes(file):
        assert "Add 3" not in ran.screen
        ran.says("This hint is about the koan as it is in lesson 04.")


def test_the_path_knows_nothing_of_reviews(course, file):
    plain = course.run("--maxfail=0").screen
    main(["review", "04"])
    assert course.run("--maxfail=0").screen == plain
    ran = course.run("koans", "--maxfail=0")
    assert "review" not in ran.screen and ran.next == "test_a_sum"


def test_what_was_edited_outside_its_blank_is_as_in_any_koan(course, file):
    main(["review", "04"])
    answered(file, "test_two_slopes", "8.0")
    file.write_text(file.read_text().replace(f"({slopes(file)[0]}, ", "(77.0, "))
    ran = course.run("koans/review")
    ran.is_sound()
    ran.says("expected", "77.0", "test_two_slopes")
    where = "koans/review/test_04_slopes.py::test_two_slopes"
    ran.says(f"`sensei reset {where}` puts it back.")
    assert "git has it" not in ran.screen
    assert main(["reset", where]) == 0
    assert course.run("koans/review").next == "test_two_slopes"


@pytest.mark.parametrize("change", ["head", "line", "seed", "all"])
def test_a_head_that_was_damaged_says_what_helps(course, file, change, capsys):
    main(["review", "04"])
    text = file.read_text()
    if change == "head":
        file.write_text(re.sub(r"^    test_\w+: .*\n", "", text, flags=re.MULTILINE))
    elif change == "line":
        file.write_text(re.sub(r"^    test_two_slopes: .*\n", "", text, flags=re.M))
    elif change == "seed":
        file.write_text(re.sub(r"slopes: \d+", "slopes: 4", text))
    else:
        file.write_bytes(b"")
    ran = course.run("koans/review")
    ran.is_sound()
    assert ran.is_red
    ran.says("sensei review 04" if change != "seed" else "test_two_slopes")
    assert main(["reset", "test_a_sum"]) == 0
    assert main(["review", "04"]) == 0
    assert course.run("koans/review").next == "test_two_slopes"


def test_reset_and_list_and_hint_find_what_is_there(course, file, capsys):
    main(["review", "04"])
    before = file.read_text()
    answered(file, "test_two_slopes", "1.0")
    assert main(["reset", f"{file}::test_two_slopes"]) == 0
    said = capsys.readouterr().out
    assert "`sensei review` brings them with other numbers." in said
    assert file.read_text() == before
    assert main(["list", "review"]) == 0
    assert "04 slopes" in capsys.readouterr().out
    assert main(["hint", "koans/review/test_04_slopes.py::test_two_slopes"]) == 0
    assert "Add." in capsys.readouterr().out
    assert main(["reset", "test_two_slopes"]) == 0  # the one on the path
    assert "koans/test_04" in str(course.lesson("test_two_slopes").path)


def test_watch_sees_a_review_that_is_saved(course, file):
    from sensei.watch import changes

    main(["review", "04"])
    before = changes.works(course.course)
    answered(file, "test_two_slopes", "1.0")
    place = "koans/review/test_04_slopes.py::test_two_slopes"
    assert changes.edited(before, changes.works(course.course)) == [place]


def test_without_solutions_there_is_nothing_to_make_them_from(course, capsys):
    course.withhold_solutions()
    assert main(["review"]) == 2
    assert "nothing to make new numbers from" in capsys.readouterr().err
    assert main(["review", "nothing"]) == 2


def test_a_lesson_in_which_nothing_can_be_other(course, capsys):
    assert main(["review", "01"]) == 1
    assert "No koan there can have other numbers" in capsys.readouterr().out


def test_the_seeds_in_the_head_give_the_file_again(course, file):
    main(["review", "04"])
    [review] = course.course.reviews
    assert review.pristine.text == file.read_text()
    koan = course.koan("test_two_slopes")
    seed = review.seeds["test_two_slopes"]
    assert drawing.draw(koan, seed).rstrip() in file.read_text()
