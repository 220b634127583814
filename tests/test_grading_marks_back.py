"""Marks go back: every file is held to what its platform would make of it."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import exported_rosters as exported
import importers
import pytest
from importers import Participant

from sensei.grading import matching, roster
from sensei.grading.exports import open_export
from sensei.grading.handins import HandIn, Platform
from sensei.grading.out.marks_back import (
    Asked,
    Mark,
    Sheet,
    grades_csv,
    marks_back,
    safe,
)
from sensei.grading.tables import RosterError


def mark(points: float, out_of: float = 62, **more) -> Mark:
    lessons = {"01": (points / 2, out_of / 2), "02": (points / 2, out_of / 2)}
    return Mark(points, out_of, lessons, **more)


@pytest.fixture
def sheet(tmp_path):
    """Read a roster and write it with these marks, by the ids of people."""

    def back(
        text: str | bytes,
        marks: dict[str, Mark],
        name: str = "roster.csv",
        column: str = "",
        asked: Asked | None = None,
    ) -> Sheet:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        people = roster.read(path, column)
        return marks_back(people, lambda person: marks.get(person.id), asked or Asked())

    return back


def changed_lines(before: str | bytes, after: bytes) -> list[int]:
    data = before.encode() if isinstance(before, str) else before
    pairs = zip(data.split(b"\n"), after.split(b"\n"), strict=True)
    return [line for line, (old, new) in enumerate(pairs, 1) if old != new]


# ----------------------------------------------------------------------- Moodle

COMMENT = '<p>Come and see me,\n"please".</p>'


def class_of_moodle(maximum: float = 62) -> dict[str, Participant]:
    class_ = {str(number): Participant(maximum) for number in range(4117, 4123)}
    class_["4118"].grade, class_["4118"].comment = 12.5, COMMENT
    class_["4121"].grade = 3
    class_["4122"].locked = True
    return class_


def test_moodle_takes_the_marks_of_who_handed_in(sheet):
    marks = {"4117": mark(62), "4118": mark(31), "4119": mark(0), "4120": mark(20.25)}
    marks["4121"] = mark(0, handed_in=False)
    done = sheet(exported.MOODLE, marks)
    taken = importers.moodle(done.data, class_of_moodle())
    assert taken.marks == {
        **{"4117": "62.00", "4118": "31.00", "4119": "0.00", "4120": "20.25"}
    }
    assert taken.skipped == {"4121": "the same", "4122": "empty"}
    assert not taken.comments
    assert changed_lines(exported.MOODLE, done.data) == [2, 3, 5, 6]
    assert done.name == "marks-moodle.csv"
    assert done.notes == ["4 marks of 6 people"]
    [language, before] = done.warnings
    assert "own language" in language and "had a mark already" in before


def test_moodle_in_german_is_scaled_and_has_a_point(sheet):
    done = sheet(exported.MOODLE_GERMAN, {"4117": mark(31), "4118": mark(20)})
    german: dict[str, Any] = {
        "names": importers.GERMAN,
        "word": "Teilnehmer/in",
        "decimal": ",",
    }
    taken = importers.moodle(done.data, class_of_moodle(100), **german)
    assert taken.marks == {"4117": "50.00", "4118": "32.26"}
    assert set(taken.comments) == {"4118"}  # Moodle's, and this file never had it
    assert "scaled from 62 to 100" in done.notes
    with pytest.raises(importers.Refused, match="language"):
        importers.moodle(done.data, class_of_moodle(100))
    assert "(ID, Bewertung)" in done.warnings[0]


def test_moodle_in_a_language_that_is_not_known(sheet):
    done = sheet(exported.MOODLE_SPANISH, {"4118": mark(31)})
    rows = importers.rows_of(done.data)
    assert [row[4] for row in rows] == ["Calificación", "1,50", "31.00"]
    assert changed_lines(exported.MOODLE_SPANISH, done.data) == [3]


def test_moodle_gives_each_member_of_a_group_their_mark(sheet):
    done = sheet(exported.MOODLE_GROUPS, {"55": mark(31), "56": mark(31)})
    class_ = {str(number): Participant(62) for number in range(55, 59)}
    assert set(importers.moodle(done.data, class_).marks) == {"55", "56"}


def test_what_moodle_would_skip_is_said(sheet):
    marks = {"4117": mark(70), "4118": mark(5), "4122": mark(9)}
    done = sheet(exported.MOODLE, marks)
    taken = importers.moodle(done.data, class_of_moodle())
    assert taken.skipped["4117"] == "out of range"
    assert taken.skipped["4122"] == "locked"
    said = "\n".join(done.warnings)
    assert "above the maximum, or below 0: Zoë Müller-Lång; Moodle skips" in said
    assert "locked, so Moodle skips the mark: Ida_May Lund" in said
    assert "some had a mark already" in said
    assert "as many cells" not in said


def test_a_row_that_makes_moodle_refuse_the_file_is_said(sheet):
    text = exported.MOODLE.replace(
        'Yes,"Tuesday, 24 November 2026, 6:41 PM",-,\n', "Yes\n"
    )
    done = sheet(text, {"4117": mark(62)})
    with pytest.raises(importers.Refused, match="number of fields"):
        importers.moodle(done.data, class_of_moodle())
    assert any("line 6 of roster.csv: not as many cells" in w for w in done.warnings)


def test_a_worksheet_that_lost_a_column_is_said(sheet):
    text = exported.MOODLE_ANONYMOUS.replace("(grade)", "(other)")
    with pytest.raises(importers.Refused):
        importers.moodle(sheet(text, {}).data, {})
    assert any("is gone; Moodle needs it" in said for said in sheet(text, {}).warnings)


def test_a_scale_is_no_number(sheet):
    text = exported.MOODLE.replace("Maximum grade", "Scale").replace("62.00", '"a\nb"')
    with pytest.raises(RosterError, match="A scale takes words"):
        sheet(text, {"4117": mark(62)})


# ----------------------------------------------------------------------- Canvas

CANVAS_LINES = exported.CANVAS.splitlines()
ASSIGNMENTS = {"98411": "Essay", "98412": "Koans"}


def class_of_canvas() -> dict[str, dict[str, str]]:
    people = ("41175", "41180", "41191", "41203", "41204", "41211", "41299")
    grades: dict[str, dict[str, str]] = {who: {} for who in people}
    grades["41175"]["98411"] = "7"
    grades["41180"]["98412"] = "EX"
    grades["41191"] = {"98411": "5", "98412": "40"}
    grades["41204"] = {"98411": "9.5", "98412": "31.5"}
    grades["41211"]["98412"] = "N/A"
    return grades


def test_canvas_takes_the_marks_of_who_handed_in(sheet):
    marks = {"41175": mark(62), "41191": mark(31), "41203": mark(20.255)}
    done = sheet(exported.CANVAS, marks)
    taken = importers.canvas(done.data, ASSIGNMENTS, class_of_canvas())
    assert taken.marks == {
        **{"41175 98412": "62.00", "41191 98412": "31.00", "41203 98412": "20.25"}
    }
    assert not taken.new_columns and not taken.strangers
    assert changed_lines(exported.CANVAS, done.data) == [4, 6, 7]
    assert not done.warnings


def test_canvas_keeps_who_is_excused_or_not_assigned(sheet):
    done = sheet(
        exported.CANVAS, {"41180": mark(5), "41211": mark(6), "41299": mark(7)}
    )
    taken = importers.canvas(done.data, ASSIGNMENTS, class_of_canvas())
    assert taken.marks == {"41299 98412": "7.00"}
    [said] = done.warnings
    assert "Seán O'Dwyer (EX), Ida_May =Lund (N/A)" in said


def test_canvas_with_semicolons_is_scaled(sheet):
    done = sheet(exported.CANVAS_SEMICOLONS, {"41175": mark(31), "41180": mark(62)})
    grades = {
        "41175": {"98412": "12.5", "98413": "9"},
        "41180": {"98413": "1.5"},
    }
    titles = {"98412": "Koans", "98413": "Essay, first"}
    taken = importers.canvas(done.data, titles, grades)
    assert taken.marks == {"41175 98412": "50.00", "41180 98412": "100.00"}
    assert done.notes == ["2 marks of 2 people", "scaled from 62 to 100"]


def test_the_column_that_was_asked_for(sheet):
    done = sheet(exported.CANVAS, {"41203": mark(62)}, column="98411")
    taken = importers.canvas(done.data, ASSIGNMENTS, class_of_canvas())
    assert taken.marks == {"41203 98411": "10.00"}
    with pytest.raises(RosterError, match="which column are the marks for"):
        sheet(exported.CANVAS.replace("Koans", "Five"), {"41203": mark(62)})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n".join("1," + line for line in CANVAS_LINES), "Invalid header row"),
        (exported.CANVAS.replace("SIS Login ID", "Phone"), "Invalid header row"),
        (exported.CANVAS.replace(",", "\t"), "Canvas reads UTF-8 with commas"),
        ("\ufeff" + exported.CANVAS_SEMICOLONS, "byte order mark before LastName"),
    ],
)
def test_what_canvas_would_refuse_is_said(sheet, text, says):
    done = sheet(text, {})
    with pytest.raises(importers.Refused):
        importers.canvas(done.data, ASSIGNMENTS, class_of_canvas())
    assert any(says in said for said in done.warnings)


def test_without_a_maximum_marks_are_as_they_are(sheet):
    text = "\n".join(line for line in CANVAS_LINES if "Points" not in line) + "\n"
    done = sheet(text, {"41203": mark(31)})
    taken = importers.canvas(done.data, ASSIGNMENTS, class_of_canvas())
    assert taken.marks == {"41203 98412": "31.00"}
    assert len(done.warnings) == 1
    nothing = sheet(exported.CANVAS, {"41203": mark(0, out_of=0)})
    taken = importers.canvas(nothing.data, ASSIGNMENTS, class_of_canvas())
    assert taken.marks == {"41203 98412": "0.00"}


def test_bonus_points_in_canvas_are_said(sheet):
    [said] = sheet(exported.CANVAS, {"41203": mark(63)}).warnings
    assert said == "above the maximum, or below 0: Noor Haddad"
    assert not sheet(exported.CANVAS_SEMICOLONS, {"41175": mark(62)}).warnings


def test_a_file_that_is_not_utf_8_is_said(sheet):
    for text in (exported.MOODLE, exported.CANVAS):
        wide = text.removeprefix("\ufeff").encode("utf-16")
        assert "UTF-8" in "".join(sheet(wide, {}).warnings)
        assert "UTF-8" not in "".join(sheet(text, {}).warnings)
    tabs = exported.MOODLE_ANONYMOUS.replace(",", "\t")
    assert "UTF-8 with commas" in "".join(sheet(tabs, {}).warnings)


def test_excused_in_small_letters(sheet):
    text = exported.CANVAS.replace("EX", "ex")
    assert sheet(text, {"41180": mark(5)}).data == text.encode()


def test_what_slows_canvas_or_leaves_marks_as_they_are_is_said(sheet):
    many = exported.CANVAS + "".join(f'"A, B",{i},,,A,,,,,,\n' for i in range(300))
    assert any("more than 250" in said for said in sheet(many, {}).warnings)
    without = exported.CANVAS.replace("Points Possible", "Points")
    assert any(
        "Points Possible is gone" in said for said in sheet(without, {}).warnings
    )


# ------------------------------------------------------------------- Blackboard

COLUMNS = {"664616": "Quiz", "664617": "Koans"}


@pytest.mark.parametrize(
    ("data", "name", "points"),
    [
        (exported.BLACKBOARD.encode(), "gc.csv", "31.00"),
        (exported.BLACKBOARD_TABS, "gc.xls", "50.00"),
    ],
)
def test_blackboard_takes_marks_and_feedback(sheet, data, name, points):
    given = mark(31, feedback_text='31 of 62.\n\tLook at "koan" 3\u2026')
    done = sheet(data, {"nh1": given}, name=name)
    taken = importers.blackboard(done.data, {"sod3", "nh1", "nh2"}, COLUMNS)
    assert taken.marks == {
        "nh1 664616": "4.00",
        "nh1 664617": points,
        "nh2 664617": "3.00",
    }
    assert taken.comments == {
        "sod3": "",
        "nh1": 'Old. 31 of 62. Look at "koan" 3\u2026'.removeprefix("Old. "),
        "nh2": "keep",
    }
    assert not taken.new_columns and not taken.strangers
    assert done.name == f"marks-blackboard.{name[3:]}"
    assert done.data.startswith(data[:40])
    assert done.warnings == ["1 had a mark already, which is replaced"]


def test_blackboard_without_a_column_for_feedback(sheet):
    text = exported.BLACKBOARD.replace('"Feedback to Learner"', '"Grading Notes"')
    done = sheet(text, {"sod3": mark(31, feedback_text="well")})
    assert b"well" not in done.data
    taken = importers.blackboard(done.data, {"sod3", "nh1", "nh2"}, COLUMNS)
    assert taken.marks["sod3 664617"] == "31.00"


# --------------------------------------------------------------------- any other


def rows(data: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=delimiter))


def test_other_rosters_get_columns_at_the_end(sheet):
    text = exported.CLASSROOM.replace("\n", "\r\n")
    done = sheet(text, {"8802": mark(31.5, late=True)})
    before, after = text.split("\r\n"), done.data.decode().split("\r\n")
    assert after[0] == before[0] + ",koans_points,koans_out_of,koans_late"
    assert after[1] == before[1] + ",31.5,62,late"
    assert after[2:-1] == [line + ",,," for line in before[2:-1]]
    assert after[-1] == ""


@pytest.mark.parametrize(
    ("asked", "header", "cells"),
    [
        (Asked(), "koans_points koans_out_of", "31 62"),
        (Asked(percent=True), "koans_percent koans_out_of", "50.0 62"),
        (
            Asked(by_lesson=True),
            "koans_points koans_out_of koans_01 koans_02",
            "31 62 15.5 15.5",
        ),
        (
            Asked(percent=True, by_lesson=True),
            "koans_percent koans_out_of koans_01 koans_02",
            "50.0 62 50.0 50.0",
        ),
    ],
)
def test_points_or_percent_and_by_lesson(sheet, asked, header, cells):
    done = sheet("id;name\n1;A\n2\n\n", {"1": mark(31)}, asked=asked)
    first, second, third, empty = rows(done.data, ";")
    assert first == ["id", "name", *header.split(), "koans_late"]
    assert second == ["1", "A", *cells.split(), ""]
    assert third == ["2"] + [""] * (len(first) - 1)
    assert empty == []


def test_the_same_marks_give_the_same_bytes(sheet):
    marks = {"41175": mark(1), "41203": mark(2)}
    first = sheet(exported.CANVAS, marks)
    assert sheet(exported.CANVAS, dict(reversed(marks.items()))) == first
    again = sheet(first.data, marks)
    assert again.data == first.data


def test_lines_for_the_screen(sheet):
    lines = sheet(exported.CANVAS, {"41180": mark(5)}).lines()
    assert lines[0] == "marks-canvas.csv: 0 marks of 6 people"
    assert lines[1].startswith("  ! handed in, but left as the gradebook has it: Seán")


# ------------------------------------------------- from a download to what goes back


@pytest.mark.parametrize(
    ("names", "text", "taken"),
    [
        (
            [
                "Zoë Müller-Lång_4117_assignsubmission_file/koans.zip",
                "Seán ODwyer_4118_assignsubmission_file/test_01_piling_up.py",
                "Seán ODwyer_4118_assignsubmission_onlinetext/onlinetext.html",
                "Sam Lee, Jr._4119_assignsubmission_file/koans/test_01_piling_up.py",
                "Noor Haddad_4121_assignsubmission_file/koans (1).zip",
            ],
            exported.MOODLE,
            {"4117", "4118", "4119", "4121"},
        ),
        (
            [
                "müllerlångzoë_41175_98701_koans-1.zip",
                "leejrsam_LATE_41191_98702_test_01_piling_up.py",
                "leejrsam_LATE_41191_98703_Copy of test_02_who_wipes (1).py",
                "haddadnoor_41203_text.html",
                "haddadnoor_41204_98711_koans.zip",
            ],
            exported.CANVAS,
            {"41175 98412", "41191 98412", "41203 98412", "41204 98412"},
        ),
    ],
)
def test_two_files_down_and_one_up(sheet, tmp_path, names, text, taken):
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as download:
        for name in names:
            download.writestr(name, "x")
    hand_ins = open_export(
        tmp_path / "download.zip", lambda name: name if "test_0" in name else ""
    )
    (tmp_path / "roster.csv").write_text(text, "utf-8")
    matched = matching.match(hand_ins, roster.read(tmp_path / "roster.csv"))
    assert not matched.needs
    of = {m.id: mark(17) for m in matched.matches if m.hand_in and m.person}
    done = sheet(text, of)
    if text is exported.MOODLE:
        result = importers.moodle(done.data, class_of_moodle())
    else:
        result = importers.canvas(done.data, ASSIGNMENTS, class_of_canvas())
    assert set(result.marks) == taken
    assert set(result.marks.values()) == {"17.00"}
    assert [m.late for m in matched.matches].count(True) == 1


# ------------------------------------------------------------------------ grades.csv


def test_grades_csv_has_everybody(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(exported.PEOPLE, "utf-8")
    people = roster.read(path)
    hand_ins = [
        HandIn(name, name, Platform.PLAIN) for name in ("ada", "=1", "Jane Doe")
    ]
    matched = matching.match(hand_ins, people)
    marks = [
        (match, mark(40, late=True, flags=["-x", "y"]) if match.hand_in else None)
        for match in matched.matches
    ]
    data = grades_csv(marks, ["01", "02"], people)
    assert data.startswith(b"\xef\xbb\xbf")
    header, *found = rows(data)
    assert header == [
        *("id", "name", "section", "email", "roster_late", "bonus"),
        *("lesson_01", "lesson_02", "total", "max", "percent"),
        *("handed_in", "late", "flags"),
    ]
    by_id = {row[0]: row for row in found}
    assert len(found) == 8
    assert by_id["ada"][5:] == [
        *("-2", "20", "20", "40", "62", "64.5", "yes", "late", "'-x; y")
    ]
    assert by_id["nguyen"][5] == "'=1+1"
    assert by_id["zoe"][6:] == [""] * 5 + ["no", "", ""]
    assert by_id["jane1"][-1] == "may have handed in: Jane Doe"
    assert by_id["'=1"][6] == "20"


def test_grades_csv_carries_the_ids_of_a_platform_and_no_other_marks(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(exported.CANVAS, "utf-8")
    people = roster.read(path)
    data = grades_csv([], [], people)
    assert rows(data)[0][:5] == ["id", "name", "section", "SIS User ID", "SIS Login ID"]
    assert "Essay" not in data.decode()
    assert rows(grades_csv([], ["01"]))[0][:4] == ["id", "name", "section", "lesson_01"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *(("-2", "-2"), ("+3,5", "+3,5"), ("-85%", "-85%"), ("-2+1", "'-2+1")),
        *(("=1", "'=1"), ("@x", "'@x"), ("-x", "'-x"), ("a\nb", "a\\nb"), ("", "")),
    ],
)
def test_cells_are_no_formulas_and_numbers_stay(text, cell):
    assert safe(text) == cell
