"""Rosters: what can be read, and which submission is whose."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from sensei.grading import exports, roster
from sensei.grading.archives import Node
from sensei.grading.handins import HandIn, Platform
from sensei.grading.roster import RosterError

PEOPLE = """\
id,name,email,section
ada,Ada Lovelace,ada@uni.example,A
1815,"Turing, Alan",alan@uni.example,A
nguyen,Nguyễn Thị Minh Khai,khai@uni.example,B
zoe,Zoë Müller-Lüdenscheidt,zoe@uni.example,B
jane1,Jane Doe,doe1@uni.example,B
jane2,Jane Doe,doe2@uni.example,B
"""


@pytest.fixture
def written(tmp_path):
    """Write a roster and read it."""

    def read(text: str | bytes) -> roster.Roster:
        path = tmp_path / "roster.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return roster.read(path)

    return read


def entries(*names: str) -> list[HandIn]:
    """Hand-ins, as they are made of folders that are called so."""
    made = []
    for i, name in enumerate(names):
        folder = Node(name, inside=list)
        read = exports._platform([folder]) or exports._of_folders
        [hand_in] = read([folder])
        made.append(replace(hand_in, key=f"entry-{i}"))
    return made


# ----------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    "text",
    [
        "id,name,group\n7,Ada Lovelace,A\n",
        "\ufeffid,name,group\n7,Ada Lovelace,A\n",
        "id;name;group\n7;Ada Lovelace;A\n",
        "id\tname\tgroup\r\n7\tAda Lovelace\tA\r\n",
        "name|ID|group\nAda Lovelace| 7 |A\n",
        'sep=;\nid;name;group\n7;"Ada Lovelace";A\n',
        "\n\nid,name,group\n\n7,Ada Lovelace,A\n,,\n",
        "name;id;group\nAda Lovelace;7;A",
        "first name,last name,id,group\nAda,Lovelace,7,A\n",
        'id,"student",group\n7,"Ada Lovelace",A',
        "id,name,group\n7,Ada Lovelace,A\n".encode("utf-16"),
    ],
)
def test_rosters_as_programs_write_them(written, text):
    [person] = written(text).people
    assert (person.id, person.name, person.cells[-1]) == ("7", "Ada Lovelace", "A")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (
            "id,name\nada,Ada\nben,Ben\nada,Ada L\n",
            4,
            "ada is on line 2 already",
        ),
        ("id,name\nada,Ada\n\nADA,Ada L\n", 4, "is on line 2 already"),
        ("ada,Ada Lovelace\nben,Ben\n", 1, "no column is called id"),
        ("", 1, "found: nothing"),
        ("id,name\nada,Ada\nben\n", 3, "1 columns, where the header has 2"),
        ("id,name\nada,Lovelace, Ada\n", 2, "3 columns"),
        ("id,name\n,Ada\n", 2, "the id is empty"),
        ("id,name,name\nada,A,B\n", 1, "two columns are called name"),
        (b"id,name\nada,Ada\nzoe,Zo\xeb\n", 3, "not UTF-8"),
        ('id,name\nada,"Ada\n', 2, "not CSV"),
        ('id,name\n"a\nda",Ada\nada,Ada\n,x\n', 5, "empty"),
        ("\x1b[31mno\u202e,b\n", 1, "\\x1b[31mno\\u202e"),
        ("sep=;\nid;name\n;x\n", 3, "the id is empty"),
    ],
)
def test_a_roster_that_can_not_be_used_says_where(written, text, line, says):
    with pytest.raises(RosterError) as caught:
        written(text)
    said = str(caught.value)
    assert f"roster.csv:{line}: " in said
    assert says in said
    assert "\x1b" not in said and "\u202e" not in said


def test_a_roster_that_is_not_there(tmp_path):
    with pytest.raises(RosterError, match=r"no\.csv: No such file"):
        roster.read(tmp_path / "no.csv")


def test_columns_that_a_grade_sheet_has_are_told_apart(written):
    found = written("id,name,total,Lesson_01,section\n1,A,5,6,7\n")
    assert found.columns == ("roster_total", "roster_Lesson_01", "section")


def test_what_canvas_exports_can_be_read(written):
    found = written(
        "Student,ID,SIS User ID,SIS Login ID,Section\n"
        "    Points Possible,,,,\n"
        '"Doe, Jane",4711,s100,jdoe,A\n'
    )
    matched = roster.match(entries("doejane_4711_99_koans"), found)
    assert list(matched.people) == ["4711"]
    assert not matched.remarks


# ---------------------------------------------------------------------- matching


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("ada", "ada"),
        ("ADA", "ada"),
        ("Ada Lovelace", "ada"),
        ("Lovelace, Ada", "ada"),
        ("lovelace_ada", "ada"),
        ("ada@uni.example", "ada"),
        ("lovelaceada_12345_67890_koans", "ada"),
        ("lovelaceada_LATE_12345_67890_my koans-1", "ada"),
        ("turingalan_1815_67890_koans", "1815"),
        ("Ada Lovelace_12345_assignsubmission_file", "ada"),
        ("Ada Lovelace_12345_assignsubmission_file_", "ada"),
        ("Ada Lovelace_12345_assignsubmission_file_koans", "ada"),
        ("Alan Turing_7_assignsubmission_file", "1815"),
        ("Nguyễn Thị Minh Khai_7_assignsubmission_file", "nguyen"),
        ("khainguyễnthịminh_7_8_koans", "nguyen"),
        ("Thị Minh Khai Nguyễn", None),  # in no order that a platform has
        ("mullerludenscheidtzoe_7_8_koans", "zoe"),
        ("Zoe Muller-Ludenscheidt", "zoe"),
        ("jane2", "jane2"),
        ("doejane_LATE_5_6_koans.tar", None),
        ("Jane Doe", None),
        ("Jane Doe_12345_assignsubmission_file", None),
        ("lovelaceada_1815_67890_koans", None),  # name and number disagree
        ("section A", None),
        ("A", None),
        ("Ada", "ada"),
        ("Lovelace", None),
        ("ada2", None),
        ("", None),
        ("___", None),
        ("x" * 10_000, None),
    ],
)
def test_whose_a_submission_is(written, name, id):
    matched = roster.match(entries(name), written(PEOPLE))
    [entry] = matched.entries
    if id is None:
        assert len(matched.absent) == 6
        assert entry.key == "entry-0"
        assert matched.unmatched and matched.remarks[entry.key]
    else:
        assert entry.key == id
        assert id not in [person.id for person in matched.absent]
        assert not matched.unmatched


def test_a_number_alone_is_told(written):
    matched = roster.match(entries("smith_1815_1_koans"), written(PEOPLE))
    assert matched.remarks["1815"] == ["matched by the number 1815 alone: smith"]


def test_moodle_without_names(written):
    found = written("Identifier,Full name\nParticipant 77,Ada\nParticipant 78,Ben\n")
    matched = roster.match(entries("Participant_78_assignsubmission_file"), found)
    assert [entry.name for entry in matched.entries] == ["Ben"]


def test_two_submissions_of_one_learner_are_nobodys(written):
    found = entries("Ada Lovelace", "lovelaceada_1_2_koans", "zoe")
    matched = roster.match(found, written(PEOPLE))
    assert "ada" in [person.id for person in matched.absent]
    assert [entry.name for entry in matched.entries] == [
        "Ada Lovelace",
        "lovelaceada",
        "Zoë Müller-Lüdenscheidt",
    ]
    assert "Ada Lovelace, lovelaceada" in matched.remarks["ada"][0]
    assert "another submission" in matched.remarks["entry-0"][0]


def test_ids_stay_apart(written):
    """An unmatched folder whose file would be that of somebody on the roster."""
    people = written("id,name\nA/B,Ann\nJane-Doe,Jane Doe\nx,Jane Doe\n")
    entry = HandIn("Jane-Doe", "Doe Jane", Platform.PLAIN)
    matched = roster.match([entry], people)
    ids = [entry.key for entry in matched.entries] + list(matched.people)
    assert len({id.casefold() for id in ids}) == len(ids) == 4
    assert "/" not in "".join(ids)


def test_without_a_roster_ids_are_safe_and_their_own():
    names = ["ann", "Ann", "bob", "c d", "=cmd", "x\ny", "<b>", "\u202etxt", "\\xff"]
    found = roster.named([HandIn(name, name, Platform.PLAIN) for name in names])
    ids = [hand_in.key for hand_in in found]
    assert len(ids) == len({id.casefold() for id in ids}) == len(names)
    letters = set("-._abcdefghijklmnopqrstuvwxyzABC0123456789")
    assert all(set(id) <= letters for id in ids)
    assert not any(id.startswith((".", "-")) for id in ids)
    assert ids == sorted(ids)
    assert [h.key for h in found if h.name == "bob"] == ["bob"]


def test_every_submission_and_every_learner_stays(written):
    names = ["ada", "Jane Doe", "nobody", "Alan Turing", "turingalan_1815_1_k"]
    matched = roster.match(entries(*names), written(PEOPLE))
    assert len(matched.entries) == len(names)
    assert len(matched.people) == 6
    assert matched.told()[0] == "roster: 1 of 6 handed in"


# ------------------------------------------------------------------ sensei grade


@pytest.fixture
def desk(tiny, capsys):
    from test_grading_command import Desk

    return Desk(tiny, capsys)


def test_grading_with_a_roster(desk):
    desk.hand_in("Ada Lovelace_1_assignsubmission_file", desk.solved)
    desk.hand_in("Jane Doe", desk.empty)
    path = desk.root / "roster.csv"
    path.write_text(PEOPLE + "=cmd,=1+1,=2,=3\n", "utf-8")
    assert desk.grade("--roster", str(path)) == 0
    rows = list(csv.DictReader((desk.out / "grades.csv").open(encoding="utf-8")))
    by_id = {row["id"]: row for row in rows}
    assert len(rows) == 8
    assert by_id["ada"]["name"] == "Ada Lovelace"
    assert by_id["ada"]["email"] == "ada@uni.example"
    assert by_id["ada"]["total"] == by_id["ada"]["max"] != "0"
    assert by_id["zoe"]["total"] == "0"
    assert "nothing was handed in" in by_id["zoe"]["flags"]
    assert by_id["'=cmd"]["section"] == "'=3"
    assert "fits several" in by_id["Jane-Doe-" + _mark("Jane Doe")]["flags"]
    assert "may be: Jane Doe" in by_id["jane1"]["flags"]
    assert (desk.out / "feedback" / "zoe.md").exists()
    assert "roster: 1 of 7 handed in" in desk.said
    assert "not matched: Jane Doe: fits several" in desk.said


def _mark(name: str) -> str:
    import hashlib

    return hashlib.sha256(name.encode()).hexdigest()[:8]


def test_grading_with_a_roster_that_can_not_be_used(desk):
    desk.hand_in("ann", desk.solved)
    path = desk.root / "roster.csv"
    path.write_text("ada,Ada\n")
    assert desk.grade("--roster", str(path)) == 2
    assert "roster.csv:1: no column is called id" in desk.complained
    assert not desk.out.exists()
