"""Rosters as platforms export them, and whose each hand-in is."""

from __future__ import annotations

import csv
import io

import exported_rosters as exported
import pytest

from sensei.grading import matching, needs, roster, tables
from sensei.grading.handins import HandIn, Id, Platform
from sensei.grading.lessons import Submission
from sensei.grading.needs import Need
from sensei.grading.roster import Dialect, Roster
from sensei.grading.tables import RosterError


@pytest.fixture
def read(tmp_path):
    """Write a roster and read it."""

    def read(text: str | bytes, column: str = "") -> Roster:
        path = tmp_path / "roster.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return roster.read(path, column)

    return read


def moodle(name: str, number: str = "") -> HandIn:
    ids = {Id.PARTICIPANT: number} if number else {}
    key = f"{name}_{number}" if number else name
    return HandIn(key, name, Platform.MOODLE, ids)


def canvas(name: str, user: str) -> HandIn:
    return HandIn(f"{name}_{user}", name, Platform.CANVAS, {Id.CANVAS: user})


def plain(name: str, platform: Platform = Platform.PLAIN) -> HandIn:
    return HandIn(name, name, platform)


def owners(people: Roster, *hand_ins: HandIn, **how) -> list[str]:
    """The ids of those on the roster who own one of these hand-ins."""
    matches = matching.match(hand_ins, people, **how).matches
    return [match.id for match in matches if match.person and match.hand_in]


# ----------------------------------------------------------------------- reading

A = ("7", "Ada Lovelace", "A")


@pytest.mark.parametrize(
    "text",
    [
        "id,name,section\n7,Ada Lovelace,A\n",
        "\ufeffid,name,section\n7,Ada Lovelace,A\n",
        "id;name;section\n7;Ada Lovelace;A\n",
        "id\tname\tsection\r\n7\tAda Lovelace\tA\r\n",
        "name|ID|section\nAda Lovelace| 7 |A\n",
        'sep=;\nid;name;section\n7;"Ada Lovelace";A\n',
        "\n\nid,name,section\n\n7,Ada Lovelace,A\n,,\n",
        "first name,last name,id,section\nAda,Lovelace,7,A\n",
        'id,"student_name",section\r7,"Ada Lovelace",A',
        "id,name,section\n7,Ada Lovelace,A,,\n",
        "id,section,full-name,x\n7,A,Ada Lovelace\n",
        "id,name,section\n7,Ada Lovelace,A\n".encode("utf-16"),
    ],
)
def test_lists_as_programs_write_them(read, text):
    [person] = read(text).people
    assert (person.id, person.name, person.section) == A


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("id,name\nada,Ada\nben,Ben\nada,Ada L\n", 4, "ada is on line 2 already"),
        ("id,name\nada,Ada\n\nADA,Ada L\n", 4, "is on line 2 already"),
        ("ada,Ada Lovelace\nben,Ben\n", 1, "no column is called id"),
        ("", 1, "found: nothing"),
        ("id,name\nada,Lovelace, Ada\n", 2, "3 columns"),
        ("id,x\n,y\n", 2, "the id is empty"),
        (b"id,name\nada,Ada\nzoe,Zo\xeb\n", 3, "not UTF-8"),
        ('id,name\nada,"Ada\n', 2, "not CSV"),
        ('id,x\n"a\nda",Ada\nada,Ada\n,x\n', 5, "empty"),
        ("\x1b[31mno\u202e,b\n", 1, "\\x1b[31mno\\u202e"),
        ("sep=;\nid;x\n;x\n", 3, "the id is empty"),
    ],
)
def test_a_roster_that_can_not_be_used_says_where(read, text, line, says):
    with pytest.raises(RosterError) as caught:
        read(text)
    said = str(caught.value)
    assert f"roster.csv:{line}: " in said
    assert says in said
    assert "\x1b" not in said and "\u202e" not in said


def test_what_is_no_csv(read, tmp_path):
    with pytest.raises(RosterError, match=r"no\.csv: No such file"):
        roster.read(tmp_path / "no.csv")
    with pytest.raises(RosterError, match="a workbook; save it as CSV"):
        read(b"PK\x03\x04...")


@pytest.mark.parametrize(
    ("text", "dialect", "people"),
    [
        (exported.MOODLE, "moodle", ["4117", "4118", "4119", "4120", "4121", "4122"]),
        (exported.MOODLE_GERMAN, "moodle", ["4117", "4118"]),
        (exported.MOODLE_SPANISH, "moodle", ["4117", "4118"]),
        (exported.MOODLE_ANONYMOUS, "moodle", ["4117", "4118"]),
        (
            exported.CANVAS,
            "canvas",
            ["41175", "41180", "41191", "41203", "41204", "41211", "41299"],
        ),
        (exported.CANVAS_SEMICOLONS, "canvas", ["41175", "41180"]),
        (exported.BLACKBOARD, "blackboard", ["sod3", "nh1", "nh2"]),
        (exported.BLACKBOARD_TABS, "blackboard", ["sod3", "nh1", "nh2"]),
        (
            exported.CLASSROOM,
            "classroom",
            ["8802", "8801", "8805", "8804", "Lee, Jr., Sam"],
        ),
        (exported.CLASSROOM_GRADES, "classroom", ["8802", "8801"]),
        (exported.CLASSROOM_50, "classroom50", ["sodwyer", "zoe-ml"]),
        (exported.GRADESCOPE, "gradescope", ["8802", "8804"]),
        (exported.PEOPLE, "plain", ["ada", "1815", "nguyen", "zoe", "jane1", "jane2"]),
        ("id,section\nu1,A\n", "plain", ["u1"]),
        ("sid,email,name\n1,a@x.example,A\n", "plain", ["1"]),
        ("username,name\nada,A\n", "plain", ["ada"]),
        (
            exported.BLACKBOARD.replace("|66", "66"),
            "blackboard",
            ["sod3", "nh1", "nh2"],
        ),
        (exported.MOODLE_SPANISH + ",,,,,,,,\n", "moodle", ["4117", "4118"]),
        (
            exported.MOODLE.replace("Participant", "P"),
            "moodle",
        )
        + ([str(number) for number in range(4117, 4123)],),
        ("id,name,q1,q2,email\nst1,A,1,5,a@x.example\nst2,B,2,5,b@x.example\n",)
        + ("plain", ["st1", "st2"]),
    ],
)
def test_whose_file_it_is(read, text, dialect, people):
    found = read(text)
    assert found.dialect is Dialect(dialect)
    assert [person.id for person in found.people] == people


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (exported.MOODLE, ["Zoë Müller-Lång", "Seán O'Dwyer", "Sam Lee, Jr."]),
        (exported.MOODLE_SPANISH, ["Zoë Müller-Lång", "Seán O'Dwyer"]),
        (exported.MOODLE_ANONYMOUS, ["4117", "4118"]),
        (exported.CANVAS, ["Zoë Müller-Lång", "Seán O'Dwyer", "Sam Lee, Jr."]),
        (exported.CANVAS_SEMICOLONS, ["Zoë Müller-Lång", "Seán O'Dwyer"]),
        (exported.BLACKBOARD, ["Seán O'Dwyer", "Noor Haddad"]),
        (exported.CLASSROOM_50, ["Seán O'Dwyer", "Zoë Müller-Lång"]),
    ],
)
def test_names_as_people_say_them(read, text, names):
    assert [person.name for person in read(text).people][: len(names)] == names


def test_a_name_that_canvas_wraps(read):
    assert read(exported.CANVAS).people[5].name == "Ida_May =Lund"


@pytest.mark.parametrize(
    ("text", "late"),
    [
        (exported.MOODLE, ["4118"]),  # and not who has an extension
        (exported.MOODLE_GERMAN, ["4118"]),
        (exported.MOODLE_SPANISH, ["4118"]),
        (exported.GRADESCOPE, ["8802"]),
        (exported.PEOPLE, ["1815"]),
    ],
)
def test_who_is_late(read, text, late):
    assert [person.id for person in read(text).people if person.late] == late


def test_what_else_a_platform_says_of_people(read):
    people = {person.id: person for person in read(exported.CANVAS).people}
    assert [p.id for p in people.values() if p.is_test_student] == ["41299"]
    assert [p.id for p in people.values() if p.excused] == ["41180"]
    assert people["41175"].section == "A and B"
    assert {p.out_of for p in people.values()} == {62.0}
    assert read(exported.MOODLE_GERMAN).people[0].out_of == 100.0
    real = exported.CANVAS.replace("41299,,", "41299,u9,")
    assert not any(person.is_test_student for person in read(real).people)
    lower = {p.id: p for p in read(exported.CANVAS.replace("EX", "ex")).people}
    assert lower["41180"].excused and not lower["41175"].excused
    assert read(exported.MOODLE_GERMAN).people[0].ids[Id.EMAIL] == "zoe.ml@uni.example"


@pytest.mark.parametrize(
    ("text", "column", "title"),
    [
        (exported.MOODLE, "", "Grade"),
        (exported.MOODLE_GERMAN, "", "Bewertung"),
        (exported.MOODLE_SPANISH, "", "Calificación"),
        (exported.CANVAS, "", "Koans (98412)"),
        (exported.CANVAS, "98411", "Essay (98411)"),
        (exported.CANVAS, "essay", "Essay (98411)"),
        (exported.CANVAS.replace("Koans", "Five"), "98412", "Five (98412)"),
        (exported.BLACKBOARD, "", "Koans [Total Pts: 62 Score] |664617"),
        (exported.BLACKBOARD, "Quiz", "Quiz [Total Pts: 10 Score] |664616"),
        (exported.PEOPLE, "anything", None),
        (exported.CANVAS, " koans (98412) ", "Koans (98412)"),
    ],
)
def test_the_column_of_the_marks(read, text, column, title):
    found = read(text, column)
    assert not found.question
    header = found.table.header.cells
    assert (None if found.column is None else header[found.column]) == title


def test_a_file_without_a_column_for_marks(read):
    text = 'Student,ID,Section,Essay\n"A, B",1,A,\n'
    assert read(text).question.endswith("it has no column for marks")


def test_emails_are_known_by_what_is_there_or_by_their_name(read):
    some = "id,correo,email\n1,x@uni.example,\n2,y@uni.example,b@uni.example\n"
    assert [p.ids.get(Id.EMAIL) for p in read(some).people] == [None, "b@uni.example"]


def test_a_column_that_is_not_clear_is_asked_for(read):
    found = read(exported.CANVAS.replace("Koans", "Five"))
    assert found.column is None
    assert found.question.endswith("there are: Essay (98411); Five (98412)")
    with pytest.raises(RosterError, match="--column 2026 is not one.*which column"):
        read(exported.CANVAS, "2026")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("62", 62), ("62.00", 62), ("12,50", 12.5), ("1,234", 1.234)),
        *(("1.234,5", 1234.5), ("1,234.5", 1234.5), ("-2", -2), (" 3 ", 3)),
        *(("", None), ("EX", None), ("N/A", None), ("3 points", None)),
    ],
)
def test_numbers_with_any_decimal(text, value):
    assert roster.number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *(exported.MOODLE, exported.MOODLE_GERMAN, exported.CANVAS, exported.CLASSROOM),
        *(exported.BLACKBOARD, exported.BLACKBOARD_TABS, exported.CANVAS_SEMICOLONS),
        exported.PEOPLE.replace("\n", "\r\n"),
        exported.PEOPLE.replace("\n", "\r").rstrip(),
        "sep=;\n\nid;name\n\n1;x\n",
    ],
)
def test_a_file_that_nobody_changes_keeps_its_bytes(read, text):
    data = text.encode() if isinstance(text, str) else text
    assert read(data).table.data({}) == data


def test_a_cell_is_changed_and_no_other(read):
    table = read('id,b,c,d\n1,"x ""y""\n,z", w ,"q"\r\n').table
    [row] = table.rows
    assert table.with_cells(row, {2: "5"}) == '1,"x ""y""\n,z",5,"q"\r\n'
    assert table.with_cells(row, {3: "5"}) == '1,"x ""y""\n,z", w ,"5"\r\n'
    assert table.with_cells(row, {5: 'a,"'}).endswith(',"q",,"a,"""\r\n')


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
        ("Nguyễn Thị Minh Khai", "nguyen"),
        ("Khai, Nguyễn Thị Minh", "nguyen"),
        ("Zoe Muller-Ludenscheidt", "zoe"),
        ("Zoe\u0308 Mu\u0308ller-Lu\u0308denscheidt", "zoe"),
        ("jane2", "jane2"),
        ("NGUYEN", "nguyen"),
        ("Jane Doe", None),
        ("section A", None),
        ("Lovelace", None),
        ("ada2", None),
        ("", None),
        ("___", None),
        ("x" * 10_000, None),
    ],
)
def test_whose_a_folder_is(read, name, id):
    assert owners(read(exported.PEOPLE), plain(name)) == ([id] if id else [])


@pytest.mark.parametrize(
    ("hand_in", "id"),
    [
        (canvas("lovelaceada", "12345"), "ada"),  # the list has no such number
        (canvas("turingalan", "1815"), "1815"),
        (canvas("khainguyễnthịminh", "7"), "nguyen"),
        (canvas("smith", "1815"), "1815"),
        (canvas("lovelaceada", "1815"), None),  # name and number disagree
        (canvas("doejane", "7"), None),
        (moodle("Ada Lovelace", "12345"), "ada"),
        (moodle("Participant", "1815"), None),  # no student's number, but Moodle's
        (moodle("Jane Doe", "12345"), None),
    ],
)
def test_a_platforms_names_on_a_list(read, hand_in, id):
    assert owners(read(exported.PEOPLE), hand_in) == ([id] if id else [])


@pytest.mark.parametrize(
    ("text", "hand_in", "id"),
    [
        (exported.MOODLE, moodle("Noor Haddad", "4121"), "4121"),
        (exported.MOODLE, moodle("Participant", "4121"), "4121"),
        (exported.MOODLE, moodle("Zoë Müller-Lång", "9"), None),  # never by the name
        (exported.MOODLE_SPANISH, moodle("Seán ODwyer", "4118"), "4118"),
        (exported.CANVAS, canvas("haddadnoor", "41204"), "41204"),
        (exported.CANVAS, canvas("haddadnoor", "1"), None),
        (exported.CANVAS, moodle("Seán ODwyer", "4118"), "41180"),
        (exported.CANVAS, moodle("Sam Lee, Jr.", "4119"), "41191"),
        (exported.CANVAS, moodle("Noor Haddad", "4120"), None),
        (exported.MOODLE, canvas("leejrsam", "41191"), "4119"),
        (exported.MOODLE, canvas("lundida_may", "41211"), "4122"),
        (
            exported.BLACKBOARD,
            HandIn("x", "Noor", Platform.BLACKBOARD, {Id.USERNAME: "NH2"}),
            "nh2",
        ),
        (
            exported.GRADESCOPE,
            HandIn("submission_1", "?", Platform.GRADESCOPE, {Id.STUDENT: "8804"}),
            "8804",
        ),
        (
            exported.CLASSROOM_50,
            HandIn("s", "?", Platform.PLAIN, {Id.EMAIL: "Sean.OD@uni.example"}),
            "sodwyer",
        ),
    ],
)
def test_numbers_come_before_names(read, text, hand_in, id):
    assert owners(read(text), hand_in) == ([id] if id else [])


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("koans-zoe-ml", "8801"),
        ("koans-sodwyer-1", "8802"),
        ("koans-1-sodwyer", "8802"),
        ("koans-SODWYER", "8802"),
        ("koans-noor-h2", "8805"),  # and not h2
        ("koans-h2", "8804"),
        ("koans-xh2", None),
        ("koans-somebody", None),
    ],
)
def test_a_login_is_the_tail_of_a_repository(read, name, id):
    found = owners(read(exported.CLASSROOM), plain(name, Platform.REPOSITORIES))
    assert found == ([id] if id else [])


def test_a_group_hands_in_for_all_its_members(read):
    people = read(exported.MOODLE_GROUPS)
    # 57 is the group's number, and that of somebody else
    found = matching.match([moodle("Owls", "57"), moodle("Mice two", "55")], people)
    of = {match.id: match.hand_in and match.hand_in.name for match in found.matches}
    assert of == {"55": "Owls", "56": "Owls", "57": "Mice two", "58": None}
    assert not found.needs
    stranger = matching.match([moodle("Zoë Müller-Lång", "55")], people)
    assert "no group of the roster" in stranger.needs[0].reason
    team = plain("koans-owls", Platform.REPOSITORIES)
    assert owners(read(exported.CLASSROOM_GRADES), team) == ["8802", "8801"]


def test_all_whom_gradescope_names(read):
    both = ({Id.STUDENT: "8802"}, {Id.STUDENT: "", Id.EMAIL: "noor.h1@uni.example"})
    hand_in = HandIn("submission_1", "Seán", Platform.GRADESCOPE, both[0])
    hand_in.members = both
    assert owners(read(exported.GRADESCOPE), hand_in) == ["8802", "8804"]
    hand_in.members = (*both, {Id.STUDENT: "1"})
    [need] = matching.match([hand_in], read(exported.GRADESCOPE)).needs
    assert "student id 1" in need.reason


def test_without_a_roster_everybody_is_their_own():
    hand_ins = [moodle("Noor Haddad", "4120"), moodle("Noor Haddad", "4121")]
    hand_ins += [plain("koans"), plain("4120")]
    matched = matching.match(hand_ins)
    ids = [match.id for match in matched.matches]
    assert ids == ["Noor Haddad_4120", "4121", "koans", ids[3]]
    assert len({*ids}) == 4 and ids[3].startswith("4120")
    ids = [match.id for match in matching.match([plain("A"), plain("a")]).matches]
    assert len({id.casefold() for id in ids}) == 2
    assert not matched.needs and not matched.lines()


def test_ids_stay_apart(read):
    people = read("id,name\nJane Doe,A\nx,Jane Doe\ny,Doe Jane\n")
    matched = matching.match([plain("Doe, Jane"), plain("JANE DOE ")], people)
    ids = [match.id.casefold() for match in matched.matches]
    assert len({*ids}) == len(ids) == 5


# ----------------------------------------------------------------- what needs you


def only(matched: matching.Matched) -> Need:
    [need] = matched.open_needs
    return need


def test_each_need_says_why(read):
    people = read(exported.CANVAS)
    anonymous = HandIn("anon_x1", "anon_x1", Platform.CANVAS)
    assert "anonymously" in only(matching.match([anonymous], people)).reason
    assert "Post the grades" in only(matching.match([anonymous], people)).what_to_do
    nobody = only(matching.match([canvas("x", "1")], people))
    assert nobody.reason == "nobody on the roster has canvas 1"
    two = only(matching.match([plain("Noor Haddad")], people))
    assert two.reason == "fits Noor Haddad (41203), Noor Haddad (41204)"
    hand_in = canvas("odwyerseán", "41180")
    hand_in.troubles.append("koans.rar: an archive that can't be opened here")
    assert "koans.rar" in only(matching.match([hand_in], people)).reason
    assert "koans.rar" in only(matching.match([hand_in])).reason


def test_who_may_have_handed_in_is_noted(read):
    matched = matching.match([plain("Jane Doe")], read(exported.PEOPLE))
    remarks = {match.id: match.remarks for match in matched.matches}
    assert remarks["jane1"] == ("may have handed in: Jane Doe",)
    assert remarks["ada"] == ()
    assert matched.matches[-1].id == "Jane Doe"  # and is marked as it is
    assert matched.lines() == [
        "roster: 0 of 6 handed in",
        "missing: Ada Lovelace (ada), Turing, Alan (1815), "
        "Nguyễn Thị Minh Khai (nguyen), Zoë Müller-Lüdenscheidt (zoe), "
        "Jane Doe (jane1), Jane Doe (jane2)",
    ]
    rows = "".join(f"{i},Person {i}\n" for i in range(30))
    said = matching.match([plain("7")], read(f"id,name\n{rows}")).lines()
    assert said[0] == "roster: 1 of 30 handed in"
    assert said[1].endswith("Person 10 (10) and 19 more")


def test_the_test_student_is_missed_by_nobody(read):
    matched = matching.match([], read(exported.CANVAS))
    assert matched.lines()[0] == "roster: 0 of 6 handed in"
    assert "Test" not in matched.lines()[1]


def test_what_a_match_says_of_its_two_sides(read):
    people = read(exported.PEOPLE)
    late = plain("ada")
    late.late = True
    matched = matching.match([late, plain("zoe"), plain("x y")], people)
    by_id = {match.id: match for match in matched.matches}
    assert [id for id, match in by_id.items() if match.late] == ["ada", "1815"]
    assert by_id["zoe"].section == "B" and by_id["x y"].section == ""


def test_an_id_and_a_name_that_two_share(read):
    """The number decides between them."""
    people = read("id,name\n7,Jane Doe\n8,Jane Doe\n")
    assert owners(people, canvas("doejane", "8")) == ["8"]
    assert owners(people, canvas("doejane", "9")) == []
    assert owners(people, moodle("Jane Doe", "8")) == ["8"]
    assert owners(people, moodle("Participant", "8")) == []


def test_a_login_of_classroom_50_is_one_of_github(read):
    team = HandIn("r", "r", Platform.REPOSITORIES, {Id.GITHUB: "zoe-ml"})
    assert owners(read(exported.CLASSROOM_50), team) == ["zoe-ml"]


def test_a_group_in_canvas_is_remarked(read):
    matched = matching.match([canvas("team7", "41175")], read(exported.CANVAS))
    assert matched.matches[0].remarks == ("handed in as team7: is it a group's?",)
    matched = matching.match([canvas("müllerlångzoë", "41175")], read(exported.CANVAS))
    assert matched.matches[0].remarks == ()


TWO = [plain("Ada Lovelace"), plain("ada"), plain("zoe")]


def test_two_hand_ins_of_one_learner_are_left_open(read):
    matched = matching.match(TWO, read(exported.PEOPLE))
    assert [need.hand_in for need in matched.open_needs] == ["Ada Lovelace", "ada"]
    assert [m.id for m in matched.matches if m.hand_in] == ["zoe", *OPEN_ONES]
    assert "handed in twice: Ada Lovelace, ada" in matched.matches[0].remarks


OPEN_ONES = ["Ada Lovelace", f"ada-{matching.digest('ada')}"]


@pytest.mark.parametrize(
    ("answers", "counts"),
    [
        ({"ada": "nobody"}, "Ada Lovelace"),
        ({"ada": "NOBODY"}, "Ada Lovelace"),
        ({"ada": "ada@uni.example"}, "ada"),
        ({"Ada Lovelace": "zoe", "zoe": "nobody"}, "ada"),
    ],
)
def test_and_settled_by_what_belongs_to_says(read, answers, counts):
    matched = matching.match(TWO, read(exported.PEOPLE), answers)
    assert not matched.open_needs
    [ada] = [match for match in matched.matches if match.id == "ada"]
    assert ada.hand_in and ada.hand_in.key == counts
    assert len([match for match in matched.matches if match.hand_in]) == 2


def test_the_same_handed_in_twice_counts_once(read):
    def submission(hand_in: HandIn) -> Submission:
        return Submission({"test_01.py": b"x" if hand_in.name != "other" else b"y"})

    people = read(exported.PEOPLE)
    matched = matching.match(TWO, people, submission_of=submission)
    assert not matched.needs
    assert [m.id for m in matched.matches if m.hand_in] == ["ada", "zoe"]
    assert "set aside: ada" in matched.matches[0].remarks[0]
    two = [
        plain("ada"),
        HandIn("b", "other", Platform.PLAIN, {Id.EMAIL: "ada@uni.example"}),
    ]
    assert len(matching.match(two, people, submission_of=submission).open_needs) == 2


def test_answers_go_round(read, tmp_path):
    """Out, filled in by a spreadsheet with semicolons, in, and kept after that."""
    people = read(exported.PEOPLE)
    names = ["=Jane Doe", "Zoë?", "old team", "nobody knows"]
    hand_ins = [plain(name) for name in names]
    path = tmp_path / "needs-you.csv"
    assert needs.read(path) == {}
    path.write_bytes(needs.as_csv(matching.match(hand_ins, people).needs))
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    assert tuple(rows[0]) == needs.COLUMNS
    assert rows[1][0] == "'=Jane Doe"
    for row, answer in zip(
        rows[1:], ["jane2", "zoe", "ada; 1815", "nobody"], strict=True
    ):
        row[3] = answer
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    path.write_text(text.getvalue(), "utf-8")
    for _ in range(2):
        answers = needs.read(path)
        matched = matching.match(hand_ins, people, answers)
        assert not matched.open_needs
        of = {m.id: m.hand_in.name for m in matched.matches if m.hand_in}
        assert of == {
            **{"ada": "old team", "1815": "old team"},
            **{"jane2": "=Jane Doe", "zoe": "Zoë?"},
        }
        path.write_bytes(needs.as_csv(matched.needs))


@pytest.mark.parametrize(
    ("answer", "id"),
    [
        *(("ADA", "ada"), ("Doe1@Uni.Example", "jane1"), (";zoe;", "zoe")),
        (" nguyen ", "nguyen"),
    ],
)
def test_an_answer_is_any_id_in_any_case(read, answer, id):
    assert owners(read(exported.PEOPLE), plain("x"), answers={"x": answer}) == [id]


def test_an_answer_as_the_roster_writes_it(read):
    people = read(exported.CLASSROOM)
    assert owners(people, plain("x"), answers={"x": "Lee, Jr., Sam"}) == [
        "Lee, Jr., Sam"
    ]
    people = read(exported.MOODLE)
    assert owners(people, plain("x"), answers={"x": "Participant 4118"}) == ["4118"]
    semicolon = read("id,name\na;b,A\na,B\nb,C\n")
    assert owners(semicolon, plain("x"), answers={"x": "a;b"}) == ["a;b"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("ben", "belongs_to is ben, which is nobody's on the roster"),
        ("ada; ben", "belongs_to is ben"),
        ("Jane Doe", "belongs_to is Jane Doe, which is nobody's on the roster"),
    ],
)
def test_an_answer_that_fits_nobody_stays_open(read, answer, says):
    need = only(matching.match([plain("x")], read(exported.PEOPLE), {"x": answer}))
    assert says in need.reason
    assert need.belongs_to == answer


def test_a_trouble_is_settled_by_taking_it_as_it_is(read):
    hand_in = plain("ada")
    hand_in.troubles.append("lesson 3: it is encrypted")
    people = read(exported.PEOPLE)
    assert only(matching.match([hand_in], people)).reason == "lesson 3: it is encrypted"
    matched = matching.match([hand_in], people, {"ada": "ada"})
    assert not matched.open_needs
    assert matched.matches[0].hand_in is hand_in
    matched = matching.match([hand_in], people, {"ada": "nobody"})
    assert not matched.open_needs
    assert not any(match.hand_in for match in matched.matches)


def test_answers_for_other_exports_are_kept(read):
    matched = matching.match([plain("ada")], read(exported.PEOPLE), {"gone": "zoe"})
    assert [(need.hand_in, need.belongs_to) for need in matched.needs] == [
        ("gone", "zoe")
    ]
    assert not matched.open_needs


def test_needs_that_can_not_be_read(tmp_path):
    path = tmp_path / "needs-you.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(RosterError, match=r"needs-you.csv:1: the first line has to be"):
        needs.read(path)


def test_needs_on_the_screen(tmp_path):
    many = [Need(f"hand-in {i}\x1b[1m", "it is empty") for i in range(12)]
    lines = needs.lines(many, tmp_path)
    assert lines[0].startswith("Needs you: 12 ")
    assert lines[-1] == "... and 2 more"
    assert "\x1b" not in "".join(lines)
    closed = [Need("x", "answered", is_open=False)]
    assert needs.lines(closed, tmp_path) == ["Needs you: 0"]


def test_a_large_class(read):
    rows = "".join(f"{i},user-{i},Person {i}\n" for i in range(2_000))
    people = read(f"id,github,name\n{rows}")
    hand_ins = [plain(f"koans-user-{i}", Platform.REPOSITORIES) for i in range(2_000)]
    assert len(owners(people, *hand_ins)) == 2_000


def test_a_table_with_uneven_rows_says_which(read):
    table = read("id,name\n1,a\n2\n3,c,\n").table
    assert [row.line for row in table.uneven] == [3, 4]
    assert tables.read(table.path).data({}) == table.path.read_bytes()
