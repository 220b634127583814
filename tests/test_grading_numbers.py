"""Numbers of one's own: a zip for each learner, and each graded by their own."""

from __future__ import annotations

import csv
import json
import re
import shutil
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import forks
from sensei.course import Course
from sensei.grading import numbers
from sensei.grading.grader import Grader
from sensei.grading.numbers import NumbersError, Own, name_of
from slopes import add_slopes
from tiny import copy_tiny, grade_both_sizes, koan_in

CLASS = ["ann", "bob", "cid", "dan", "eve", "fay", "Zoë 1"]
SLOPES, FILE = "test_two_slopes", "test_04_slopes.py"


@dataclass(frozen=True)
class Class:
    """A course, a roster, zips for each learner, and what they hand in."""

    root: Path

    @classmethod
    def begin(cls, root: Path) -> Class:
        """One whose koans are still to be given out."""
        copy_tiny(root)
        grade_both_sizes(root)
        room = cls(root)
        add_slopes(room)
        room.enrol(*CLASS)
        return room

    def copied(self, root: Path) -> Class:
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return Class(root)

    def enrol(self, *people: str) -> None:
        rows = "".join(f"{who},{who.title()} X\n" for who in people)
        self.roster.write_text(f"id,name\n{rows}", "utf-8")

    def run(self, *words: str) -> tuple[int, str]:
        """In a process of its own: none has looked yet for what the koans import."""
        ran = forks.python(["-m", "sensei", *words], self.root)
        return ran.returncode, " ".join(ran.stdout.split())

    def give_out(self) -> tuple[int, str]:
        given = "handout", "koans.zip", "--roster", str(self.roster), "--numbers"
        return self.run(*given)

    def grade(self, *more: str, secret: str = "numbers.secret") -> tuple[int, str]:
        given = "grade", "in", "--roster", str(self.roster), "--numbers", secret
        return self.run(*given, "--out", "out", "--jobs", "2", *more)

    @property
    def roster(self) -> Path:
        return self.root / "roster.csv"

    @property
    def secret(self) -> Path:
        return self.root / "numbers.secret"

    @property
    def zips(self) -> dict[str, bytes]:
        zips = (self.root / "koans-for-each").glob("*.zip")
        return {path.name: path.read_bytes() for path in zips}

    # ------------------------------------------------------------------ learners

    @property
    def course(self) -> Course:
        return Course.load(self.root)

    @property
    def lesson(self):
        return koan_in(self.course, SLOPES).lesson

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
        folder = self.root / "in" / who
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")

    def answered(self, who: str, answer: str) -> dict[str, str]:
        """Solved, but for the answer to the two slopes."""
        files = self.solved(who)
        right = r"assert slate == .*"
        return files | {FILE: re.sub(right, f"assert slate == {answer}", files[FILE])}

    def other(self, who: str) -> str:
        """Who has other slopes, with another answer."""
        return next(one for one in CLASS if self.right(one) != self.right(who))

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        path = self.root / "out" / "grades.csv"
        with path.open(newline="", encoding="utf-8-sig") as file:
            return {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def handout(tmp_path_factory) -> tuple[Class, str]:
    """A class that was given its koans, and what was said of that."""
    room = Class.begin(tmp_path_factory.mktemp("class"))
    code, said = room.give_out()
    assert code == 0, said
    return room, said


@pytest.fixture
def given(handout, tmp_path) -> Class:
    return handout[0].copied(tmp_path)


@pytest.fixture(scope="module")
def graded(handout, tmp_path_factory) -> tuple[Class, str]:
    """Everybody has done another thing, but for fay and Zoë, who are right.

    What dan hands in, with numbers that are nobody's, may fit somebody's by chance.
    """
    room = handout[0].copied(tmp_path_factory.mktemp("graded"))
    files = {who: room.solved(who) for who in CLASS}
    files["ann"] = room.answered("ann", room.right(room.other("ann")))
    files["bob"] = room.solved(room.other("bob"))
    files["cid"] = room.answered("cid", "-1.0")
    files["dan"] |= {FILE: room.lesson.pristine.solution}
    edited = files["eve"][FILE].replace("slate += slope", "slate += slope + 1")
    files["eve"] |= {FILE: edited}
    files["nobody"] = files["fay"]
    for who, lessons in files.items():
        room.hand_in(who, lessons)
    code, said = room.grade()
    assert code == 1 and "Needs you: 1" in said and "nobody" in said, said
    return room, said


def pools(given: Class) -> dict:
    return json.loads(given.secret.read_text())["pools"]


# --------------------------------------------------------------------- given out


def test_each_learner_gets_a_zip_under_a_name_that_every_platform_takes(handout):
    given, said = handout
    names = sorted(given.zips)
    assert len(names) == len(CLASS) and "ann.zip" in names
    assert any(re.fullmatch(r"Zoe-1-[0-9a-f]{8}\.zip", name) for name in names)
    counts = re.search(r"(\d+) koans with numbers of their own, (\d+) common", said)
    assert counts and int(counts[1]) == len(pools(given)) >= 2
    assert int(counts[1]) + int(counts[2]) == 16
    assert "7 zips, a learner each" in said and "numbers.secret" in said


def test_a_handout_is_a_course_with_the_learners_own_numbers(given, tmp_path):
    with zipfile.ZipFile(given.root / "koans-for-each" / "ann.zip") as archive:
        archive.extractall(tmp_path / "ann")
        inside = archive.namelist()
    assert not any("secret" in name for name in inside)
    course = Course.load(tmp_path / "ann" / "koans")
    assert course
    [lesson] = [x for x in course.lessons if x.number == "04"]
    text = lesson.path.read_text()
    assert lesson.pristine and text == lesson.pristine.text
    assert text == given.own("ann").text(given.lesson)
    koan = lesson.koans[SLOPES]
    assert koan.solution_text == given.right("ann") != "8.0"
    assert koan.note.mistakes == ()


def test_the_same_secret_gives_the_same_numbers_and_some_to_who_comes_late(given):
    before, zips = given.secret.read_text(), given.zips
    given.enrol(*CLASS, "gus")
    assert given.give_out()[0] == 0
    assert given.secret.read_text() == before
    after = given.zips
    assert after.keys() - zips.keys() == {"gus.zip"}
    assert {name: after[name] for name in zips} == zips


def test_learners_have_different_numbers_but_few_searches_do_for_all(given):
    pool = pools(given)[name_of(given.lesson.koans[SLOPES])]
    assert 2 <= len(pool["seeds"]) <= numbers.LARGEST_POOL
    assert len(set(pool["answers"])) > 1
    assert len({given.choice(who) for who in CLASS}) > 1


def test_no_numbers_without_a_roster_or_into_a_folder_with_something_else(tmp_path):
    room = Class.begin(tmp_path)
    for folder, roster, why in (
        ("koans.zip", [], "--numbers needs the --roster"),
        ("koans", ["--roster", str(room.roster)], "koans holds other things"),
    ):
        code, said = room.run("handout", folder, *roster, "--numbers")
        assert code == 2 and why in said, said
        assert not room.secret.exists()


# ----------------------------------------------------------------------- graded


def test_each_is_judged_by_their_own_numbers_and_not_by_another_classs(
    given, monkeypatch
):
    for who in CLASS:
        given.hand_in(who, given.solved(who))
    mine = numbers.read(given.secret, [])
    other = replace(mine, key=mine.key[::-1])
    (given.root / "other.secret").write_text(other.as_json())
    with monkeypatch.context() as patch:  # told from the files: nothing has to be run
        patch.setattr(Grader, "check", lambda _: None)
        code, said = given.grade(secret="other.secret")
    assert code == 2 and "Name the secret and the roster" in said
    assert nothing_was_marked(given)

    code, said = given.grade("--lessons", "04")
    assert code == 0, said
    assert {row["percent"] for row in given.rows.values()} == {"100.0"}
    assert not any("numbers" in row["flags"] for row in given.rows.values())
    assert "somebody else's numbers" not in said


def test_what_is_right_for_somebody_elses_numbers_is_wrong_and_said_whose(graded):
    given, said = graded
    row = given.rows["ann"]
    assert float(row["total"]) == float(row["max"]) - 1
    assert f"right for somebody else's numbers: {SLOPES}" in row["flags"]
    assert "1 of 1 of these numbers" in row["flags"]
    told = re.search(r"somebody else's numbers: ([^;]*);", said)
    assert told and set(told[1].split(", ")) - {"Dan X"} == {"Ann X", "Bob X"}
    assert given.rows["fay"]["flags"] == given.rows["Zoë 1"]["flags"] == ""


def test_the_summary_says_how_many_koans_have_numbers_of_their_own(graded):
    counts = re.search(r"numbers of their own: (\d) koans; (\d+) are common", graded[1])
    assert counts and int(counts[1]) >= 2
    assert int(counts[1]) + int(counts[2]) == 13


def test_who_hands_in_somebody_elses_file_is_found(graded):
    given, _ = graded
    row, other = given.rows["bob"], given.other("bob")
    assert "with somebody else's numbers" in row["flags"] and SLOPES in row["flags"]
    assert float(row["total"]) < float(row["max"])
    whose = re.search(r"(\S+) X (has|have) 2 of 2 of these numbers", row["flags"])
    assert whose is None or other.title() in row["flags"]
    assert f"{other.title()} X" in row["flags"] or "people have" in row["flags"]


def test_a_wrong_answer_that_is_nobodys_is_no_copy(graded):
    row = graded[0].rows["cid"]
    assert row["flags"] == "" and float(row["total"]) == float(row["max"]) - 1


def test_a_koan_without_numbers_of_ones_own_is_said_to_be_that(graded):
    flags = graded[0].rows["dan"]["flags"]
    assert "without numbers of their own: test_two_slopes" in flags


def test_a_koan_that_was_edited_is_flagged_as_any_koan(graded):
    row = graded[0].rows["eve"]
    assert f"changed outside the blank: {SLOPES}" in row["flags"]
    assert not any(
        said in row["flags"] for said in ("somebody else", "without numbers")
    )
    assert row["percent"] == "100.0"


def test_who_is_not_on_the_roster_is_judged_by_what_is_in_the_file(graded):
    row = graded[0].rows["nobody"]
    assert "not on the roster: judged by the numbers that are in the file" in str(row)
    assert row["percent"] == "100.0"


def test_the_feedback_asks_with_the_learners_own_numbers(graded):
    given, _ = graded
    page = (given.root / "out" / "feedback" / "cid.html").read_text()
    question = re.search(
        r"The slopes are \d+ and \d+", given.own("cid").text(given.lesson)
    )
    assert question and question[0] in page


# ------------------------------------------------------------------ bad secrets


def nothing_was_marked(given: Class) -> bool:
    return not list((given.root / "out").glob("*.csv"))


def test_a_lost_secret(given):
    given.hand_in("ann", given.solved("ann"))
    given.secret.unlink()
    code, said = given.grade()
    assert code == 2 and "there is no such file" in said
    assert nothing_was_marked(given)


def test_a_secret_that_was_damaged(given):
    given.hand_in("ann", given.solved("ann"))
    text = given.secret.read_text()
    edited = text.replace('"seeds": [', '"seeds": [1,', 1)
    for changed in (text[: len(text) // 2], edited, "", "[1, 2]"):
        given.secret.write_text(changed)
        with pytest.raises(NumbersError, match="is no secret of a handout"):
            numbers.read(given.secret, [given.lesson])
    code, said = given.grade()
    assert code == 2 and "is no secret of a handout" in said
    assert nothing_was_marked(given)


def test_the_secret_of_another_version_of_the_course(given):
    given.hand_in("ann", given.solved("ann"))
    path = given.root / "solutions" / FILE
    text = path.read_text().replace("3 and 5", "3 and 6").replace("8.0", "9.0", 1)
    path.write_text(text.replace("(3.0, 5.0)", "(3.0, 6.0)"))
    code, said = given.grade()
    assert code == 2 and "another version of the course: test_two_slopes" in said
    assert given.give_out()[0] == 2
    assert nothing_was_marked(given)


def test_numbers_need_the_roster(given):
    given.hand_in("ann", given.solved("ann"))
    code, said = given.run("grade", "in", "--numbers", "numbers.secret")
    assert code == 2 and "name the --roster, too" in said
