"""Which hand-ins are in what a platform gave; the forms are those of FORMATS."""

from __future__ import annotations

import gc
import os
import unicodedata
from pathlib import Path

import exports as made
import pytest
from exports import Files, tiny_work, under, write, zipped

from sensei.course import Course
from sensei.grading.exports import open_export
from sensei.grading.handins import HandIn, Id, Platform
from sensei.grading.lessons import Finder
from sensei.grading.trees import Unusable
from tiny import HERE

CLASS = made.people()
ONE, TWO = tiny_work(0)


@pytest.fixture(scope="module")
def finder() -> Finder:
    course = Course.load(HERE / "tiny_course")
    assert course is not None
    return Finder(course.lessons[:2])


@pytest.fixture
def opened(finder, tmp_path):
    """Opens an export: of bytes by paths, or of a path."""

    def open_(files: Files | Path) -> dict[str, HandIn]:
        path = files if isinstance(files, Path) else write(tmp_path / "given", files)
        found = open_export(path, finder.lesson_of)
        assert len({hand_in.key for hand_in in found}) == len(found)
        return {hand_in.key: hand_in for hand_in in found}

    return open_


def files_of(finder: Finder, hand_in: HandIn) -> Files:
    return {f"{name}.py": data for name, data in finder.find(hand_in).files.items()}


# What an export may be given as: by its name, from what is in it.
FORMS = {
    "opened": lambda folder, files, sheet: write(folder / "x", files),
    "opened, a sheet in it": lambda folder, files, sheet: write(
        folder / "x", files | {"Grades-ML1.csv": sheet}
    ),
    "the zip": lambda folder, files, sheet: (
        write(folder, {"export.zip": zipped(files)}) / "export.zip"
    ),
    "the zip, unflagged": lambda folder, files, sheet: (
        write(folder, {"export.zip": made.zipped_unflagged(files)}) / "export.zip"
    ),
    "the zip and the sheet": lambda folder, files, sheet: write(
        folder / "x", {"export.zip": zipped(files), "Grades-ML1.csv": sheet}
    ),
    "the zip and what was opened": lambda folder, files, sheet: write(
        folder / "x", {"export.zip": zipped(files)} | under("export", files)
    ),
    "folders around it": lambda folder, files, sheet: write(
        folder / "x", under("Downloads/ML1 (2)", files) | {"Downloads/.DS_Store": b""}
    ),
    "in pieces": lambda folder, files, sheet: write(
        folder / "x",
        {f"group {n}.zip": zipped(part) for n, part in enumerate(_halves(files))},
    ),
}


def _halves(files: Files) -> list[Files]:
    """Two downloads, of the odd numbers and of the even ones."""
    odd = {path for path in files if int(path.partition("_assign")[0][-1]) % 2}
    return [
        {path: data for path, data in files.items() if (path in odd) == is_odd}
        for is_odd in (False, True)
    ]


EXPORTS = {
    "moodle": (made.moodle(CLASS), Id.PARTICIPANT),
    "moodle of 3.9": (made.moodle(CLASS, end="_"), Id.PARTICIPANT),
    "moodle, flat": (made.moodle(CLASS, in_folders=False), Id.PARTICIPANT),
    "moodle, anonymous": (made.moodle(CLASS, is_anonymous=True), Id.PARTICIPANT),
    "canvas": (made.canvas(CLASS), Id.CANVAS),
    "blackboard": (made.blackboard(CLASS), Id.USERNAME),
    "blackboard, dutch": (made.blackboard(CLASS, is_dutch=True), Id.USERNAME),
}
IDS = {
    Id.PARTICIPANT: lambda person: person.participant,
    Id.CANVAS: lambda person: person.canvas,
    Id.USERNAME: lambda person: person.login,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("export", EXPORTS)
def test_everybody_is_there_with_what_they_handed_in(
    finder, opened, tmp_path, export, form
):
    files, kind = EXPORTS[export]
    if form == "in pieces" and kind is not Id.PARTICIPANT:
        pytest.skip("only Moodle gives a download for each group")
    found = opened(FORMS[form](tmp_path, files, made.moodle_worksheet(CLASS)))
    by_id = {hand_in.ids[kind]: hand_in for hand_in in found.values()}
    assert [*sorted(by_id)] == sorted(map(IDS[kind], CLASS))
    assert len(found) == len(CLASS)
    for person in CLASS:
        hand_in = by_id[IDS[kind](person)]
        assert files_of(finder, hand_in) == tiny_work(person.place), person
        assert not finder.find(hand_in).troubles, person


def test_a_name_is_what_the_platform_shows(opened, tmp_path):
    for make, name in (
        (made.moodle, made.moodle_name),
        (made.canvas, made.canvas_name),
        (made.blackboard, lambda person: person.name),
        (made.gradescope, lambda person: person.name),
    ):
        found = opened(write(tmp_path / make.__name__, make(CLASS)))
        names = {hand_in.name for hand_in in found.values()}
        left = {CLASS[2].name} if make is made.gradescope else set()
        assert names == set(map(name, CLASS)) - left


# ------------------------------------------------------------------- one by one


def test_moodle_has_text_beside_files_and_text_alone(finder, opened):
    files = made.moodle(CLASS[:1])
    files["Bo_77_assignsubmission_onlinetext/onlinetext.html"] = b"<p>sorry</p>"
    found = opened(files)
    zoe, bo = found["Zoë Müller-Lång_4117"], found["Bo_77"]
    assert "typed into the platform" in zoe.remarks[0]
    assert finder.find(zoe).troubles == []
    assert finder.find(bo).troubles == [
        "there are no files, but something was typed in: look there, or ask"
    ]


def test_moodle_has_groups_and_those_who_are_in_none(finder, opened):
    files = under("Group 7_88_assignsubmission_file", tiny_work(3))
    files |= under("Default group_assignsubmission_file", tiny_work(4))
    files |= under("Gruppe 0_assignsubmission_file", tiny_work(5))
    found = opened(files)
    assert found["Group 7_88"].ids == {Id.PARTICIPANT: "88"}
    assert found["Default group"].ids == found["Gruppe 0"].ids == {}
    [trouble] = finder.find(found["Default group"]).troubles
    assert "in no group" in trouble
    assert files_of(finder, found["Default group"]) == tiny_work(4)


def test_two_of_one_name_stay_two(opened):
    found = opened(made.moodle(CLASS))
    assert {key for key in found if key.startswith("Noor")} == {
        "Noor Haddad_4126",
        "Noor Haddad_4129",
    }


def test_canvas_says_who_is_late_and_takes_files_back_by_name(opened):
    found = opened(made.canvas(CLASS[:9]))
    assert {h.name for h in found.values() if h.late} == {"odwyerseán", "lundida_may"}
    zml = found["müllerlångzoë_41175"]
    [returned] = zml.returned
    assert (returned.stem, returned.name) == (
        "müllerlångzoë_41175_98701_",
        "koans.zip",
    )
    assert [r.name for r in found["odwyerseán_41182"].returned] == [ONE, TWO]


def test_canvas_zips_that_somebody_opened_in_their_place(finder, opened):
    files = {f"ann_11_50{n}_koans.zip": zipped(tiny_work(1)) for n in (1, 2)}
    files |= {"bob_12_503_koans.zip": zipped(tiny_work(2))}
    files |= under("bob_12_503_koans", tiny_work(2))
    found = opened(files)
    assert sorted(found) == ["ann_11", "bob_12"]
    assert files_of(finder, found["bob_12"]) == tiny_work(2)
    assert [r.name for r in found["bob_12"].returned] == ["koans.zip"]


def test_names_in_pieces_are_put_together(opened, tmp_path):
    """As macOS has them in folders, and in the zips that it makes."""
    nfd = {unicodedata.normalize("NFD", k): v for k, v in made.moodle(CLASS).items()}
    assert nfd.keys() != made.moodle(CLASS).keys()
    again = write(tmp_path, {"again.zip": zipped(nfd)}) / "again.zip"
    for path in (write(tmp_path / "a", nfd), again):
        names = {hand_in.name for hand_in in opened(path).values()}
        assert names == set(map(made.moodle_name, CLASS))


def test_canvas_has_no_ids_where_it_is_anonymous(finder, opened):
    found = opened(made.canvas(CLASS, is_anonymous=True))
    assert len(found) == 30
    assert not any(hand_in.ids for hand_in in found.values())
    assert {h.platform for h in found.values()} == {Platform.CANVAS}
    assert sum(hand_in.late for hand_in in found.values()) == 8
    all_files = [files_of(finder, hand_in) for hand_in in found.values()]
    assert sorted(f[ONE] for f in all_files) == sorted(
        tiny_work(person.place)[ONE] for person in CLASS
    )


def test_canvas_koans_1_beside_koans(finder, opened):
    """It makes names unique in a learner's own store: both were handed in."""
    one, two = ({name: data} for name, data in tiny_work(1).items())
    files = {
        "ann_11_501_koans.zip": zipped(one),
        "ann_11_502_koans-1.zip": zipped(two),
        "bob_12_503_koans-3.zip": zipped(tiny_work(2)),
        "cid_LATE_13_504_test_01_two_names-1.py": tiny_work(3)[ONE],
        "cid_LATE_13_text.html": b"",
        "dan_14_link.html": b"",
    }
    found = opened(files)
    assert files_of(finder, found["ann_11"]) == tiny_work(1)
    assert files_of(finder, found["bob_12"]) == tiny_work(2)
    assert list(files_of(finder, found["cid_13"])) == [ONE]
    assert "something was typed in" in finder.find(found["dan_14"]).troubles[0]


def test_a_stray_file_in_a_canvas_export_is_a_hand_in_of_its_own(finder, opened):
    files = made.canvas(CLASS) | {"Seating plan.pdf": b"%PDF", "notes.md": b""}
    found = opened(files)
    assert len(found) == 31
    assert "no lesson is in it" in finder.find(found["Seating plan.pdf"]).troubles[0]


def test_blackboard_takes_the_newest_attempt(finder, opened):
    found = opened(made.blackboard(CLASS[:2]))
    zml = next(h for h in found.values() if h.ids[Id.USERNAME] == "zml")
    assert zml.remarks == ["2 attempts; the newest counts, of 2026-11-25"]
    assert zml.name == "Zoë Müller-Lång"
    assert files_of(finder, zml) == tiny_work(0)


def test_blackboard_without_the_txt_and_without_files(finder, opened):
    stem = "Koans_{}_attempt_2026-11-25-01-04-1{}"
    files = {
        stem.format("ann", 1) + f"_{ONE}": tiny_work(1)[ONE],
        stem.format("bob", 2) + ".txt": "姓名\uff1a王 (bob)\n".encode(),
        stem.format("cid", 3) + ".txt": b"\xff\xfe\0",
    }
    found = opened(files)
    assert "says whose it is" in finder.find(found["Koans_ann"]).troubles[0]
    assert found["Koans_bob"].ids == {Id.USERNAME: "bob"}
    assert "something was typed in" in finder.find(found["Koans_bob"]).troubles[0]
    assert len(finder.find(found["Koans_cid"]).troubles) == 2


def test_gradescope_says_who_worked_together(finder, opened, tmp_path):
    files = made.gradescope(CLASS)
    files["assignment_55_export/submission_9/x/"] = b""
    files["assignment_55_export/submission_metadata.yml"] += (
        b"submission_8:\n  :submitters:\n  - :name: Bo\n    :sid: 77\n"
        b"  :created_at: 0000-00-00 99:99:99\n  :history: !ruby/object:X {}\n"
    )
    for path in (
        write(tmp_path / "x", files),
        write(tmp_path, {"e.zip": zipped(files)}) / "e.zip",
    ):
        found = opened(path)
        assert len(found) == 31
        for person in CLASS[3:]:
            hand_in = found[f"submission_{7001 + person.place}"]
            assert hand_in.ids == {Id.STUDENT: person.student, Id.EMAIL: person.email}
            assert hand_in.name == person.name
            assert files_of(finder, hand_in) == tiny_work(person.place)
        group = found["submission_7002"]
        assert group.is_group and len(group.members) == 2
        assert group.remarks == ["handed in together with Sam Lee, Jr."]
        assert "does not say whose" in finder.find(found["submission_9"]).troubles[0]
        assert finder.find(found["submission_8"]).troubles == [
            "it is empty: ask for it again"
        ]


def test_gradescope_with_a_file_that_is_no_yaml(opened):
    with pytest.raises(Unusable, match="submission_metadata.yml can't be read"):
        opened({"submission_metadata.yml": b"a: [", f"submission_1/{ONE}": b""})


@pytest.mark.parametrize("named", ["koans-{}", "ml1-koans-{}", "koans-1-{}"])
def test_repositories(finder, opened, named):
    found = opened(made.repositories(CLASS, named=named))
    assert {hand_in.platform for hand_in in found.values()} == {Platform.REPOSITORIES}
    assert len(found) == 30
    assert named.format("sod3") in found
    assert named.format("sam-lee-1").removesuffix("-1") + "-1" in found
    assert files_of(finder, found[named.format("zml")]) == tiny_work(0)


def test_a_folder_for_each_with_a_clone_in_it(finder, opened):
    found = opened(made.repositories(CLASS, named="{}/koans"))
    assert len(found) == 30
    assert files_of(finder, found["zml"]) == tiny_work(0)


# ----------------------------------------------------------------- plain folders


def test_a_plain_class(finder, opened, tmp_path):
    files = made.plain(CLASS)
    for path in (
        write(tmp_path / "a", files | {"roster.csv": b"id\n"}),
        write(tmp_path / "b", under("class/class", files)),
        write(tmp_path, {"class.zip": zipped(files)}) / "class.zip",
        write(tmp_path / "c", {"class.zip": zipped(files)} | under("class", files)),
    ):
        found = opened(path)
        assert sorted(found) == sorted(person.login for person in CLASS)
        for person in CLASS:
            files_ = files_of(finder, found[person.login])
            assert files_ == tiny_work(person.place), (path, person)
            assert not finder.find(found[person.login]).troubles


def test_a_folder_for_each_section(finder, opened):
    files = under("A", made.plain(CLASS[:15])) | under("B", made.plain(CLASS[15:]))
    assert sorted(opened(files)) == sorted(person.login for person in CLASS)


def test_two_attempts_of_each_are_no_sections(opened):
    files: Files = {}
    for name in ("ann", "bob"):
        files |= under(f"{name}/first", tiny_work(1)) | under(
            f"{name}/2nd", {ONE: b"1"}
        )
    assert sorted(opened(files)) == ["ann", "bob"]


@pytest.mark.parametrize(
    "name",
    [
        *("koans", "Koans", "build", "dist", "env", "venv", "tests", "solutions"),
        *("test_01_two_names", "lee_2024_01_koans", "lee_2024_7_koans"),
        *("Lee_5_assignsubmission_file_x", "K_lee_attempt_2026-11-25-01-04-11_x"),
        *("anon_x_5_koans", "submission_7001", "old", "LATE_lee", "lee_LATE_7_8_k"),
    ],
)
@pytest.mark.parametrize("is_zip", [False, True])
def test_somebody_in_a_plain_class_is_called_like_something_else(
    finder, opened, name, is_zip
):
    files: Files = {}
    for place, person in enumerate(["ann", name, "zed"]):
        if is_zip:
            files[f"{person}.zip"] = zipped(tiny_work(place))
        else:
            files |= under(f"{person}/koans", tiny_work(place))
    found = opened(files)
    assert len(found) == 3
    got = sorted(files_of(finder, hand_in)[ONE] for hand_in in found.values())
    assert got == sorted(tiny_work(place)[ONE] for place in range(3))
    assert {"ann", "zed"} < set(found)


def test_a_class_in_which_all_are_called_like_canvas(opened):
    files = {
        f"{who}_2024_0{n}_koans.zip": zipped(tiny_work(n))
        for n, who in enumerate(["lee", "kim", "ann"])
    }
    found = opened(files)
    assert {hand_in.platform for hand_in in found.values()} == {Platform.PLAIN}
    assert "lee_2024_00_koans" in found


def test_a_class_with_a_loose_file_and_a_loose_seven_zip(finder, opened):
    files = under("ann", tiny_work(1)) | under("bob/koans", tiny_work(2))
    found = opened(files | {ONE: tiny_work(3)[ONE], "cid.7z": b"7z", "dan.rar": b"R"})
    assert sorted(found) == ["ann", "bob", "cid", "dan", ONE]
    assert "ask for a zip" in finder.find(found["cid"]).troubles[0]
    assert "ask for a zip" in finder.find(found["dan"]).troubles[0]


def test_class_folders_under_version_control(opened):
    """The instructor's own .git and pyproject.toml make no learner of the class."""
    files = under("ann", tiny_work(1)) | under("bob/koans", tiny_work(2))
    assert sorted(opened(files | {".git/HEAD": b"", "pyproject.toml": b""})) == [
        "ann",
        "bob",
    ]


# ---------------------------------------------------------------- a class of one


@pytest.mark.parametrize(
    ("files", "key"),
    [
        (tiny_work(7), "given"),
        (under("koans", tiny_work(7)), "given"),
        (under("koans", tiny_work(7)) | {"koans backup/x/" + ONE: b"1"}, "given"),
        (under("ann", tiny_work(7)), "ann"),
        (under("ann/homework/koans", tiny_work(7)), "ann"),
        (under("ann/homework/deep", tiny_work(7)), "ann"),
        ({"ann.zip": zipped(tiny_work(7))}, "ann"),
        ({"ann.zip": zipped(under("x/y", tiny_work(7)))}, "ann"),
        ({"Ann.ZIP": zipped(under("x/y", tiny_work(7)))}, "Ann"),
        ({"ann.zip": zipped({"koans.zip": zipped(tiny_work(7))})}, "ann"),
        (under("ann", made.as_git(tiny_work(7))), "ann"),
        (made.as_git(tiny_work(7)), "given"),
        (tiny_work(7) | under("old", {ONE: b"1"}), "given"),
    ],
)
def test_one_learner_is_a_class_of_one(finder, opened, files, key):
    found = opened(files)
    assert list(found) == [key]
    assert files_of(finder, found[key]) == tiny_work(7)


@pytest.mark.parametrize("inside", ["", "koans/", "ann/koans/", "a/b/"])
def test_one_zip_of_one_learner(finder, opened, tmp_path, inside):
    files = {inside + name: data for name, data in tiny_work(7).items()}
    path = write(tmp_path, {"ann.zip": zipped(files)}) / "ann.zip"
    found = opened(path)
    assert list(found) == ["ann"]
    assert files_of(finder, found["ann"]) == tiny_work(7)
    assert list(opened(write(tmp_path, tiny_work(7)) / ONE)) == [ONE]


# -------------------------------------------------------------- nothing to be had


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "it is empty: nothing was handed in here"),
        ({".DS_Store": b"", "__MACOSX/x": b""}, "it is empty"),
        ({"a/b/c/": b""}, None),
        ({"roster.csv": b"id\n"}, "it is empty"),
        ({"e.zip": zipped({})}, None),
    ],
)
def test_an_empty_folder_ends_with_a_sentence(finder, opened, files, said):
    if said:
        with pytest.raises(Unusable, match=f"given: {said}"):
            opened(files)
    else:
        [hand_in] = opened(files).values()
        assert (
            finder.find(hand_in)
            .troubles[0]
            .endswith(
                (
                    "it is empty: ask for it again",
                    "it is an empty archive; ask for it again",
                )
            )
        )


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.zip", zipped({}), "x.zip: it is empty"),
        ("x.zip", b"PK", "x.zip: it is a broken zip"),
        ("x.tar.gz", b"\x1f\x8b", "x.tar.gz: it is a broken archive"),
        ("x.7z", b"7z", "x.7z: no folder, and no archive that can be read here"),
        ("x.pdf", b"%PDF", "no folder, and no archive"),
        ("", b"", "nowhere: No such file or directory"),
    ],
)
def test_what_is_no_export(opened, tmp_path, name, data, said):
    path = tmp_path / (name or "nowhere")
    if name:
        path.write_bytes(data)
    with pytest.raises(Unusable, match=said):
        opened(path)


def test_an_empty_folder_of_a_learner_is_a_hand_in_with_trouble(
    finder, opened, tmp_path
):
    files = under("ann", tiny_work(1)) | {"bob/": b""}
    for given in (
        write(tmp_path / "a", files),
        write(tmp_path / "b", {"class.zip": zipped(files)}),
    ):
        found = opened(given)
        assert sorted(found) == ["ann", "bob"]
        assert finder.find(found["bob"]).troubles == ["it is empty: ask for it again"]


def test_one_learner_without_a_lesson(finder, opened):
    found = opened({"ann/essay.docx": b"PK", "ann/plot.png": b"PNG"})
    assert list(found) == ["ann"]
    assert finder.find(found["ann"]).troubles == [
        "no lesson is in it; there is essay.docx, plot.png: ask for the lessons' "
        ".py files"
    ]


def test_no_two_have_one_key(opened):
    """A hand-in of a platform and folders beside the download, of one name."""
    files = {
        "e.zip": zipped(made.moodle(CLASS[:2])),
        "f.zip": zipped(made.canvas(CLASS)),
    }
    files |= under("Zoë Müller-Lång_4117", tiny_work(1))
    files |= under("Zoë Müller-Lång_4117 (2)", tiny_work(2))
    blackboard = made.blackboard(CLASS[:1])
    files |= {"g.zip": zipped(blackboard), "Zoë Müller-Lång_4117.7z": b"7z"}
    assert {key for key in opened(files) if key.startswith("Zoë")} == {
        "Zoë Müller-Lång_4117",
        "Zoë Müller-Lång_4117 (2)",
        "Zoë Müller-Lång_4117 (3)",
    }


def test_a_path_that_is_a_link_or_a_dot(opened, tmp_path, monkeypatch):
    folder = write(tmp_path / "ann", tiny_work(1))
    (tmp_path / "link").symlink_to(folder)
    assert list(opened(tmp_path / "link")) == ["ann"]
    monkeypatch.chdir(folder)
    assert list(opened(Path("."))) == ["ann"]


# ------------------------------------------------------------------ many learners


def test_no_file_stays_open(finder, opened, tmp_path):
    files = {f"learner-{n:03}.zip": zipped(tiny_work(n)) for n in range(150)}
    files |= {f"tarred-{n:03}.tar.gz": made.tarred(tiny_work(n)) for n in range(20)}
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    found = opened(files)
    assert len(found) == 170
    assert len(os.listdir("/proc/self/fd")) == before
    for hand_in in found.values():
        assert finder.find(hand_in).files
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_class_in_a_zip_is_one_open_file(finder, opened, tmp_path):
    files = made.moodle(CLASS)
    path = write(tmp_path, {"export.zip": zipped(files)}) / "export.zip"
    before = len(os.listdir("/proc/self/fd"))
    found = opened(path)
    for hand_in in found.values():
        assert finder.find(hand_in).files
        assert len(os.listdir("/proc/self/fd")) == before + 1


def test_made_people_are_as_odd_as_is_said():
    names = [person.name for person in CLASS]
    assert len(CLASS) == 30 and len({*names}) == 29
    for odd in ("'", ",", "_", "(", "’"):
        assert any(odd in name for name in names), odd
    assert len({person.login for person in CLASS}) == 30
