"""Feedback files, held to what the platforms' importers take (FORMATS: 1.4 and 2.4)."""

from __future__ import annotations

import ast
import io
import re
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from made_class import Made, Match, Person, an_assignment, made_class
from sensei.grading.handins import HandIn, Id, Platform, Returned
from sensei.grading.out import packets, pages
from sensei.grading.overrides import Override

pytest.importorskip("jinja2")


def moodle_takes(path: Path) -> dict[str, dict[str, bytes]]:
    """What Moodle makes of a zip: files by the participant's number.

    In each path the first part of the form x_NUMBER_SUBTYPE_PLUGIN decides; what
    begins with . or ~ is passed over.
    """
    taken: dict[str, dict[str, bytes]] = {}
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        for name in file.namelist():
            assert not name.startswith("/") and ".." not in name
            parts = PurePosixPath(name).parts
            forms = [p.split("_", 4) for p in parts if len(p.split("_")) >= 4]
            if parts[-1][0] in ".~" or not forms:
                continue
            _, number, subtype, plugin, *_ = forms[0]
            known = ("assignsubmission", "file"), ("assignfeedback", "file")
            if number.isdecimal() and (subtype, plugin) in known:
                taken.setdefault(number, {})[parts[-1]] = file.read(name)
    return taken


def canvas_takes(path: Path, handed_in: set[tuple[str, str]]) -> dict[str, list]:
    """What Canvas makes of a zip: (extension, bytes) by user, for current files alone.

    Folders are passed over; LATE is dropped; the first two numbers between
    underscores are the user and the attachment.
    """
    taken: dict[str, list] = {}
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        for name in file.namelist():
            base = PurePosixPath(name).name
            parts = [part for part in base.split("_") if part != "LATE"]
            numbers = [part for part in parts if part.isdecimal()][:2]
            if "._" in base or tuple(numbers) not in handed_in:
                continue
            kind = re.sub(r"^.*?feedback", "", base)
            taken.setdefault(numbers[0], []).append((kind, file.read(name)))
    return taken


def written(made: Made, out: Path, **options) -> dict[str, packets.Packet]:
    found = packets.write(made.gradebook(**options), out)
    return {packet.path.name: packet for packet in found}


def on_canvas(
    made: Made, number: str, *files: str, given=None, person=None, **more
) -> HandIn:
    """Somebody who handed these files in on Canvas."""
    returned = tuple(
        Returned(f"name_{number}_9{number}{n}_", file) for n, file in enumerate(files)
    )
    hand_in = HandIn(
        number, f"name {number}", Platform.CANVAS, {Id.CANVAS: number},
        returned=returned, **more,
    )  # fmt: skip
    made.learner(f"n{number}", given, hand_in=hand_in, person=person)
    return hand_in


def handed_in(made: Made) -> set[tuple[str, str]]:
    stems = [
        returned.stem
        for match, _ in made.learners
        if match.hand_in
        for returned in match.hand_in.returned
    ]
    return {(stem.split("_")[-3], stem.split("_")[-2]) for stem in stems}


@pytest.fixture
def made() -> Made:
    return Made(an_assignment("01 one two"))


# ------------------------------------------------------------------------- Moodle


def test_moodle_takes_a_page_for_each_who_handed_in(tmp_path):
    made = made_class(30, platform=Platform.MOODLE)
    packet = written(made, tmp_path)["feedback-moodle.zip"]
    book = made.gradebook()
    expected = {
        record.match.person.ids[Id.PARTICIPANT]: pages.page(book, record).encode()
        for record in book.records
        if record.match.hand_in
    }
    taken = moodle_takes(tmp_path / "feedback-moodle.zip")
    assert len(expected) == 29 == packet.learners and packet.left_out == []
    assert taken == {n: {"feedback.html": page} for n, page in expected.items()}
    assert "In Moodle" in packet.how


def test_in_groups_each_member_has_a_page_under_their_own_number(made, tmp_path):
    """The group's number from the download could be a stranger's."""
    group = HandIn("Reds_77", "Reds", Platform.MOODLE, {Id.PARTICIPANT: "77"})
    for number in ("4117", "4118"):
        person = Person(number, f"p{number}", {Id.PARTICIPANT: number})
        made.learner(f"p{number}", person=person, hand_in=group)
    lone = HandIn(
        "x_78", "Lone", Platform.MOODLE, {Id.PARTICIPANT: "78"}, is_group=True
    )
    made.learner("nobody's", hand_in=lone)
    packet = written(made, tmp_path)["feedback-moodle.zip"]
    taken = moodle_takes(packet.path)
    assert taken.keys() == {"4117", "4118"}
    assert b"p4117" in taken["4117"]["feedback.html"]
    assert [who for who, _ in packet.left_out] == ["nobody's"]
    assert "worksheet" in packet.left_out[0][1]


def test_without_a_worksheet_the_number_is_the_folders(made, tmp_path):
    hand_in = HandIn("Zoë_4117", "Zoë", Platform.MOODLE, {Id.PARTICIPANT: "4117"})
    made.learner("Zoë", hand_in=hand_in)
    assert moodle_takes(written(made, tmp_path)["feedback-moodle.zip"].path).keys() == {
        "4117"
    }


# ------------------------------------------------------------------------- Canvas


def test_canvas_takes_the_kind_that_was_handed_in(made, tmp_path):
    kinds = {
        "1": ["koans.zip"],
        "2": ["test_01.py", "test_02.py"],
        "3": ["test_01.py", "Koans-1.ZIP"],
        "4": ["koans.tar.gz"],
        "5": ["test_01.py.txt"],
        "6": ["koans.rar"],
        "7": [],
    }
    for number, files in kinds.items():
        on_canvas(made, number, *files)
    packet = written(made, tmp_path)["feedback-canvas.zip"]
    taken = canvas_takes(packet.path, handed_in(made))
    assert {number: [kind for kind, _ in files] for number, files in taken.items()} == {
        "1": [".zip"],
        "2": [".py"],
        "3": [".zip"],
        "4": [".tar.gz"],
        "5": [".txt"],
    }
    page = pages.MARKER.encode()
    with zipfile.ZipFile(io.BytesIO(taken["1"][0][1])) as inner:
        assert inner.namelist() == ["feedback.html"]
        assert inner.read("feedback.html").startswith(page)
    assert ast.parse(taken["2"][0][1]).body == []
    with tarfile.open(fileobj=io.BytesIO(taken["4"][0][1]), mode="r:gz") as inner:
        [member] = inner.getmembers()
        assert inner.extractfile(member).read().startswith(page)
    assert b"n5: 2 of 2 points" in taken["5"][0][1]
    assert [who for who, _ in packet.left_out] == ["n6", "n7"]
    assert "Once" in packet.how


def test_canvas_takes_a_whole_class(tmp_path):
    made = made_class(30, platform=Platform.CANVAS)
    packet = written(made, tmp_path)["feedback-canvas.zip"]
    taken = canvas_takes(packet.path, handed_in(made))
    assert len(taken) == 29 == packet.learners
    assert all(len(files) == 1 for files in taken.values())


def test_a_groups_file_is_everybodys_and_says_nothing_of_one(made, tmp_path):
    wrong = made.answer("test_one", "wrong", "7")
    person = Person("a", "ann")
    hand_in = on_canvas(made, "1", "test_01.py", given={"one": wrong}, person=person)
    answers = made.learners[0][1]
    made.learners.append((Match("b", "ben", Person("b", "ben"), hand_in), answers))
    given = [Override("a", "one", 1, "PRIVATE")]
    packet = written(made, tmp_path, given=given)["feedback-canvas.zip"]
    taken = canvas_takes(packet.path, handed_in(made))
    [(kind, text)] = taken["1"]
    assert kind == ".py" and b"name 1: 1 of 2 points" in text
    assert b"PRIVATE" not in text and b"ben" not in text
    by_name = {p.name: p.read_text() for p in (tmp_path / "feedback").iterdir()}
    assert "PRIVATE" in by_name["a.html"] and "PRIVATE" not in by_name["b.html"]


# --------------------------------------------------------------------- the folder


def test_everyone_else_has_a_page_in_the_folder(made, tmp_path):
    made.learner("ann")
    made.learner("a/b")
    made.learner("absent", hand_in=None)
    [packet] = written(made, tmp_path).values()
    assert packet.learners == 2 and packet.how == ""
    names = sorted(path.name for path in packet.path.iterdir())
    assert names[1] == "ann.html" and re.fullmatch(r"a-b-[0-9a-f]{8}\.html", names[0])


def test_old_files_of_ours_go_and_others_stay(tmp_path):
    one, two = Made(an_assignment("01 one")), Made(an_assignment("01 one"))
    on_canvas(one, "1", "test_01.py")
    two.learner("ben")
    (tmp_path / "feedback").mkdir()
    mine = tmp_path / "feedback/notes.html", tmp_path / "feedback/readme.txt"
    for path in mine:
        path.write_text("mine")
    with zipfile.ZipFile(tmp_path / "feedback-moodle.zip", "w") as file:
        file.writestr("mine", "mine")
    written(one, tmp_path)
    assert (tmp_path / "feedback/n1.html").exists()
    assert (tmp_path / "feedback-canvas.zip").exists()
    written(two, tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == [
        "ben.html",
        "feedback-moodle.zip",
        "notes.html",
        "readme.txt",
    ]


@pytest.mark.parametrize("platform", [Platform.MOODLE, Platform.CANVAS])
def test_the_same_class_gives_the_same_bytes(tmp_path, platform):
    def files(name):
        out = tmp_path / name
        out.mkdir()
        written(made_class(12, platform=platform), out)
        paths = [path for path in out.rglob("*") if path.is_file()]
        return {path.relative_to(out): path.read_bytes() for path in paths}

    first = files("a")
    with zipfile.ZipFile(tmp_path / "a" / packets.ZIPS[platform]) as file:
        assert {entry.date_time for entry in file.infolist()} == {packets.EPOCH}
    assert len(first) == 13 and first == files("b")
