"""Numbers of one's own: a zip for each learner, and each graded by their own."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
import zipfile

import jinja2
import pytest

from sensei import cli
from sensei.course import Course
from sensei.grading import numbers
from sensei.grading.numbers import Own, name_of
from sensei.work import forget_modules, restore_modules
from slopes import add_slopes
from tiny import TinyCourse, grade_both_sizes

assert jinja2  # imported here, or pytester would have each test import it anew
CLASS = ["ann", "bob", "cid", "dan", "eve", "fay", "Zoë 1"]
SLOPES = "test_two_slopes"


class Class:
    """A course, a roster, zips for each learner, and what they hand in."""

    def __init__(self, tiny: TinyCourse, capsys) -> None:
        self.tiny, self.root, self.capsys = tiny, tiny.root, capsys
        grade_both_sizes(self.root)
        add_slopes(tiny)
        self.roster = self.root / "roster.csv"
        self.enrol(*CLASS)
        self.secret = self.root / "numbers.secret"
        self.submissions, self.out = self.root / "in", self.root / "out"

    def enrol(self, *people: str) -> None:
        rows = "".join(f"{who},{who.title()} X\n" for who in people)
        self.roster.write_text(f"id,name\n{rows}", "utf-8")

    def run(self, *words: str) -> tuple[int, str]:
        code = cli.main([*words])
        said = self.capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    def give_out(self) -> tuple[int, str]:
        given = "handout", "koans.zip", "--roster", str(self.roster), "--numbers"
        return self.run(*given)

    def grade(self, *more: str) -> tuple[int, str]:
        words = ["grade", str(self.submissions), "--out", str(self.out), *more]
        return self.run(*words, "--roster", str(self.roster), "--jobs", "2")

    def grade_by_numbers(self, secret: str = "numbers.secret") -> tuple[int, str]:
        return self.grade("--numbers", secret)

    # ------------------------------------------------------------------ learners

    @property
    def course(self) -> Course:
        return self.tiny.course

    @property
    def lesson(self):
        return self.tiny.lesson(SLOPES)

    def own(self, who: str) -> Own:
        return Own(numbers.read(self.secret, [self.lesson]), who)

    def choice(self, who: str, koan: str = SLOPES) -> int:
        return self.own(who).numbers.choice(self.lesson.koans[koan], who)

    def right(self, who: str, koan: str = SLOPES) -> str:
        pools = self.own(who).numbers.pools
        return pools[name_of(self.lesson.koans[koan])].answers[self.choice(who, koan)]

    def solved(self, who: str) -> dict[str, str]:
        """All lessons as a learner may hand them in."""
        files = {
            lesson.path.name: self.own(who).solution(lesson)
            for lesson in self.course.lessons
            if not lesson.part
        }
        assert "__" not in re.sub(r"import __", "", "".join(files.values()))
        return files

    def hand_in(self, who: str, files: dict[str, str]) -> None:
        folder = self.submissions / who
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")

    def answered(self, who: str, answer: str) -> dict[str, str]:
        """Solved, but for the answer to the two slopes."""
        files = self.solved(who)
        text, name = files["test_04_slopes.py"], "test_04_slopes.py"
        files[name] = re.sub(r"assert slate == .*", f"assert slate == {answer}", text)
        return files

    def others(self, who: str) -> list[str]:
        """Who has other slopes, with another answer."""
        people = [one for one in CLASS if self.right(one) != self.right(who)]
        assert people
        return people

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        with (self.out / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
            return {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture
def room(tiny, capsys, monkeypatch) -> Class:
    monkeypatch.chdir(tiny.root)
    return Class(tiny, capsys)


@pytest.fixture
def given(room) -> Class:
    """A class that was given its koans."""
    assert room.give_out()[0] == 0
    return room


def pools(given: Class) -> dict:
    return json.loads(given.secret.read_text())["pools"]


# --------------------------------------------------------------------- given out


def test_each_learner_gets_a_zip_under_a_name_that_every_platform_takes(room):
    code, said = room.give_out()
    assert code == 0
    names = sorted(path.name for path in (room.root / "koans-for-each").glob("*.zip"))
    assert len(names) == len(CLASS) and "ann.zip" in names
    assert any(re.fullmatch(r"Zoe-1-[0-9a-f]{8}\.zip", name) for name in names)
    counts = re.search(r"(\d+) koans with numbers of their own, (\d+) common", said)
    assert counts and int(counts[1]) == len(pools(room)) >= 2
    assert int(counts[1]) + int(counts[2]) == 16
    assert "7 zips, a learner each" in said and "numbers.secret" in said


def test_a_handout_is_a_course_with_the_learners_own_numbers(given, tmp_path):
    with zipfile.ZipFile(given.root / "koans-for-each" / "ann.zip") as archive:
        archive.extractall(tmp_path)
        inside = archive.namelist()
    assert not any("secret" in name for name in inside)
    course = Course.load(tmp_path / "koans")
    assert course
    [lesson] = [x for x in course.lessons if x.number == "04"]
    text = lesson.path.read_text()
    assert lesson.pristine and text == lesson.pristine.text
    assert text == given.own("ann").text(given.lesson)
    koan = lesson.koans[SLOPES]
    assert koan.solution_text == given.right("ann") != "8.0"
    assert koan.note.mistakes == ()


def test_the_same_secret_gives_the_same_numbers_and_some_to_who_comes_late(given):
    before = given.secret.read_text()
    zips = {
        p.name: p.read_bytes() for p in (given.root / "koans-for-each").glob("*.zip")
    }
    given.enrol(*CLASS, "gus")
    assert given.give_out()[0] == 0
    assert given.secret.read_text() == before
    after = {
        p.name: p.read_bytes() for p in (given.root / "koans-for-each").glob("*.zip")
    }
    assert after.keys() - zips.keys() == {"gus.zip"}
    assert {name: after[name] for name in zips} == zips


def test_learners_have_different_numbers_but_few_searches_do_for_all(given):
    pool = pools(given)[f"test_04_slopes::{SLOPES}"]
    assert 2 <= len(pool["seeds"]) <= numbers.LARGEST_POOL
    assert len(set(pool["answers"])) > 1
    assert len({given.choice(who) for who in CLASS}) > 1


def test_zips_come_into_no_folder_that_holds_something_else(room):
    words = "handout", "koans", "--roster", str(room.roster), "--numbers"
    code, said = room.run(*words)
    assert code == 2 and "koans holds other things" in said
    assert not room.secret.exists()


def test_a_handout_with_numbers_needs_a_roster(room):
    assert room.run("handout", "koans.zip", "--numbers")[0] == 2
    assert not room.secret.exists()


# ----------------------------------------------------------------------- graded


def test_each_is_judged_by_their_own_numbers(given):
    for who in CLASS:
        given.hand_in(who, given.solved(who))
    code, said = given.grade_by_numbers()
    assert code == 0, said
    assert {row["percent"] for row in given.rows.values()} == {"100.0"}
    assert not any("numbers" in row["flags"] for row in given.rows.values())
    counts = re.search(r"numbers of their own: (\d) koans; (\d+) are common", said)
    assert counts and int(counts[1]) >= 2
    assert int(counts[1]) + int(counts[2]) == 13


def test_what_is_right_for_somebody_elses_numbers_is_wrong_and_said_whose(given):
    bob = given.others("ann")[0]
    given.hand_in("ann", given.answered("ann", given.right(bob)))
    given.hand_in(bob, given.solved(bob))
    code, said = given.grade_by_numbers()
    row = given.rows["ann"]
    assert float(row["total"]) == float(row["max"]) - 1
    assert f"right for somebody else's numbers: {SLOPES}" in row["flags"]
    assert "1 of 1 of these numbers" in row["flags"]
    assert "somebody else's numbers: Ann X" in said
    assert "numbers" not in given.rows[bob]["flags"]


def test_who_hands_in_somebody_elses_file_is_found(given):
    bob = given.others("ann")[0]
    for who in CLASS:
        given.hand_in(who, given.solved(bob if who == "ann" else who))
    given.grade_by_numbers()
    row = given.rows["ann"]
    assert "with somebody else's numbers" in row["flags"] and SLOPES in row["flags"]
    assert float(row["total"]) < float(row["max"])
    whose = re.search(r"(\S+) X (has|have) 2 of 2 of these numbers", row["flags"])
    assert whose is None or bob.title() in row["flags"]
    assert f"{bob.title()} X" in row["flags"] or "people have" in row["flags"]


def test_it_does_not_matter_that_another_process_gave_them_out(given, monkeypatch):
    """Nothing there has looked yet for what the koans import."""
    monkeypatch.setattr("sys.path", [p for p in sys.path if p != str(given.tiny.main)])
    monkeypatch.delitem(sys.modules, "doubled")
    others = forget_modules()  # those of the run that this test is in
    copied = given.right(given.others("ann")[0])
    given.hand_in("ann", given.answered("ann", copied))
    try:
        assert given.grade_by_numbers()[0] == 0
    finally:
        restore_modules(others)


def test_a_wrong_answer_that_is_nobodys_is_no_copy(given):
    given.hand_in("ann", given.answered("ann", "-1.0"))
    _, said = given.grade_by_numbers()
    assert given.rows["ann"]["flags"] == ""
    assert "somebody else's numbers" not in said


def test_a_koan_without_numbers_of_ones_own_is_said_to_be_that(given):
    files = given.solved("ann")
    files["test_04_slopes.py"] = given.lesson.pristine.solution
    given.hand_in("ann", files)
    given.hand_in("bob", given.solved("bob"))
    given.grade_by_numbers()
    assert "without numbers of their own: test_two_slopes" in given.rows["ann"]["flags"]


def test_a_koan_that_was_edited_is_flagged_as_any_koan(given):
    files = given.solved("ann")
    name = "test_04_slopes.py"
    files[name] = files[name].replace("slate += slope", "slate += slope + 1")
    given.hand_in("ann", files)
    given.grade_by_numbers()
    flags = given.rows["ann"]["flags"]
    assert f"changed outside the blank: {SLOPES}" in flags
    assert "somebody else" not in flags


def test_who_is_not_on_the_roster_is_judged_by_what_is_in_the_file(given):
    given.hand_in("nobody", given.solved("ann"))
    for who in CLASS[:3]:
        given.hand_in(who, given.solved(who))
    code, said = given.grade_by_numbers()
    assert code == 1 and "nobody" in said
    row = given.rows["nobody"]
    assert "not on the roster: judged by the numbers that are in the file" in str(row)
    assert row["percent"] == "100.0"


def test_the_feedback_asks_with_the_learners_own_numbers(given):
    given.hand_in("ann", given.answered("ann", "-1.0"))
    given.grade_by_numbers()
    page = (given.out / "feedback" / "ann.html").read_text()
    question = re.search(
        r"The slopes are \d+ and \d+", given.own("ann").text(given.lesson)
    )
    assert question and question[0] in page


# ------------------------------------------------------------------- bad secrets


def nothing_was_marked(given: Class) -> bool:
    return not given.out.exists() or not list(given.out.glob("*.csv"))


def test_a_lost_secret(given):
    given.hand_in("ann", given.solved("ann"))
    given.secret.unlink()
    code, said = given.grade_by_numbers()
    assert code == 2 and "there is no such file" in said
    assert nothing_was_marked(given)


@pytest.mark.parametrize("damage", ["cut", "edited", "empty", "other"])
def test_a_secret_that_was_damaged(given, damage):
    given.hand_in("ann", given.solved("ann"))
    text = given.secret.read_text()
    changed = {
        "cut": text[: len(text) // 2],
        "edited": text.replace('"seeds": [', '"seeds": [1,', 1),
        "empty": "",
        "other": "[1, 2]",
    }
    given.secret.write_text(changed[damage])
    code, said = given.grade_by_numbers()
    assert code == 2 and "is no secret of a handout" in said
    assert nothing_was_marked(given)


def test_the_secret_of_another_version_of_the_course(given):
    given.hand_in("ann", given.solved("ann"))
    path = given.root / "solutions" / "test_04_slopes.py"
    path.write_text(path.read_text().replace("(3.0, 5.0)", "(3.0, 6.0)"))
    code, said = given.grade_by_numbers()
    assert code == 2 and "another version of the course: test_two_slopes" in said
    assert given.give_out()[0] == 2
    assert nothing_was_marked(given)


def test_the_secret_of_another_class(given):
    for who in CLASS:
        given.hand_in(who, given.solved(who))
    shutil.move(given.secret, given.root / "mine.secret")
    given.give_out()
    code, said = given.grade_by_numbers()
    assert code == 2 and "Name the secret and the roster" in said
    assert nothing_was_marked(given)
    code, said = given.grade_by_numbers("mine.secret")
    assert code == 0, said


def test_numbers_need_the_roster(given):
    given.hand_in("ann", given.solved("ann"))
    words = ["grade", str(given.submissions), "--numbers", str(given.secret)]
    code, said = given.run(*words)
    assert code == 2 and "name the --roster, too" in said
