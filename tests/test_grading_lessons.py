"""The lesson files in a hand-in, whatever they are called and packed into."""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from pathlib import Path

import exports as made
import pytest
from exports import Files, tarred, tiny_work, under, write, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei.course import Course
from sensei.grading import archives, lessons, trees
from sensei.grading.archives import open_path
from sensei.grading.handins import HandIn, Platform
from sensei.grading.lessons import Finder, Submission
from tiny import HERE

FILES = tiny_work(0)
ONE, TWO = FILES
NAMES = [name.removesuffix(".py") for name in FILES]
COURSE = Course.load(HERE / "tiny_course")
assert COURSE is not None
FINDER = Finder(COURSE.lessons[:2])
BLANK = {name: (HERE / "tiny_course/koans" / name).read_bytes() for name in FILES}


def find(path: Path) -> Submission:
    hand_in = HandIn("ann", "ann", Platform.PLAIN, nodes=[open_path(path)])
    return FINDER.find(hand_in)


@pytest.fixture
def found(tmp_path):
    """What is found in a folder of these files, or in a file of such bytes."""

    def find_(given: Files | bytes, name: str = "ann.zip") -> Submission:
        if isinstance(given, bytes):
            (tmp_path / name).write_bytes(given)
            return find(tmp_path / name)
        return find(write(tmp_path / "ann", given))

    return find_


def is_whole(submission: Submission) -> bool:
    return submission.files == {name[:-3]: data for name, data in FILES.items()}


# ------------------------------------------------------------- names and packing


@pytest.mark.parametrize("shape", made.SHAPES, ids=lambda shape: shape.__name__)
def test_every_shape_of_a_hand_in(found, shape):
    submission = found(shape(FILES))
    assert is_whole(submission)
    assert submission.troubles == []


@pytest.mark.parametrize(
    "name",
    [
        *("{}-1.py", "{} (2).py", "{}(3).py", "{}_4.py", "{}.py.txt", "{}.txt"),
        *("Copy of {}.py", "Kopie von {}.py", "{} - Copy.py", "{}_final.py", "{}.PY"),
        *("lee_{}.py", "lee_41175_98765_{}.py", "lesson1.py", "test_01_final.py"),
        *("test_01.py", "a.pyw", "Übung 1.py", "{}", "{}.py.bak", "test_02_x.py"),
        *("test_02_changing_lists.py", "notes/{}.py/x.py"),
    ],
)
@pytest.mark.parametrize("is_zip", [False, True])
def test_a_lesson_is_known_by_its_name_or_by_its_koans(found, name, is_zip):
    files = {name.format(NAMES[0]): FILES[ONE]}
    submission = found(zipped(files) if is_zip else files)
    assert submission.files == {NAMES[0]: FILES[ONE]}
    assert not submission.troubles


def test_a_lesson_is_known_by_its_name_where_nothing_in_it_can_be_read(found):
    for data in (b"", "a = 1".encode("utf-16"), b"def (:", b"\0\xff"):
        assert found({ONE: data}).files == {NAMES[0]: data}


def test_lessons_pasted_together_into_one_file(found):
    both = FILES[ONE] + b"\n\n" + FILES[TWO]
    for name in ("all.py", ONE, "answers.txt"):
        path_files = {name: both}
        submission = found(zipped(path_files))
        assert submission.files == {NAMES[0]: both, NAMES[1]: both}


def test_one_koan_among_notes_is_not_the_lesson_where_that_is(found):
    start = FILES[TWO].index(b"def test_")
    note = FILES[ONE] + FILES[TWO][start : FILES[TWO].index(b"def test_", start + 9)]
    submission = found({"mine.py": note, TWO: FILES[TWO]})
    assert submission.files[NAMES[1]] == FILES[TWO]
    assert submission.troubles == []


@pytest.mark.parametrize(
    "end",
    ["tar", "tar.gz", "tgz", "tar.bz2", "tbz2", "tar.xz", "txz", "TAR.GZ"],
)
def test_tars(found, end):
    mode = {"b": "w:bz2", "x": "w:xz", "g": "w:gz"}.get(
        end.lower().removeprefix("tar.").removeprefix("t")[0], "w"
    )
    mode = "w" if end == "tar" else mode
    data = tarred(under("x" * 120 + "/./koans", FILES), mode)
    submission = found(data, f"ann.{end}")
    assert is_whole(submission) and submission.troubles == []
    inner = found(zipped({f"a/ann.{end}": data}))
    assert is_whole(inner)
    assert is_whole(found(tarred({f"a/ann.{end}": data}), "x.tar.gz"))
    assert is_whole(found(tarred({"a/ann.zip": zipped(FILES)}), "x.tar"))


# ----------------------------------------------------------------- several copies


def test_two_copies_of_one_file_are_one(found):
    crlf = FILES[ONE].replace(b"\n", b"\r\n")
    submission = found(under("a", FILES) | {f"b/{ONE}": crlf, f"c/{TWO}": FILES[TWO]})
    assert is_whole(submission)
    assert submission.remarks == submission.troubles == []


def test_of_two_the_one_with_more_in_it_counts(found):
    half = FILES[ONE].replace(b"7000", b"__")
    for mine, other in (("koans", "koans backup"), ("koans old", "koans")):
        submission = found(
            zipped(under(mine, FILES) | under(other, BLANK | {ONE: half}))
        )
        assert is_whole(submission)
        assert submission.remarks == [
            f"lesson 01 is there twice: {mine}/{ONE} counts, not {other}/{ONE}, "
            "which has less filled in",
            f"lesson 02 is there twice: {mine}/{TWO} counts, not {other}/{TWO}, "
            "which has less filled in",
        ]
        assert submission.troubles == []


def test_two_with_as_much_in_them_need_a_person(found):
    other = FILES[ONE].replace(b"7000", b"7001")
    submission = found({ONE: FILES[ONE], f"Copy of {ONE}": other, TWO: FILES[TWO]})
    assert submission.files[NAMES[0]] == FILES[ONE]
    [trouble] = submission.troubles
    assert trouble == (
        f"lesson 01 is there twice, with as much filled in: {ONE} counts, "
        f"not Copy of {ONE}"
    )


def test_two_with_nothing_in_them_need_nobody(found):
    other = BLANK[ONE].replace(b"\n\n\n", b"\n\n\n# mine\n", 1)
    submission = found({ONE: BLANK[ONE], f"old/{ONE}": other})
    assert submission.files == {NAMES[0]: BLANK[ONE]}
    assert submission.troubles == []


def test_many_copies_may_be_of_many_learners(found):
    """Such as a folder with learners in it, which was taken for one of them."""
    files: Files = {}
    for n in range(5):
        files |= under(f"learner {n}", {ONE: FILES[ONE] + b"# %d" % n, TWO: b""})
    submission = found(files | {f"mine/{ONE}": FILES[ONE].replace(b"7000", b"__")})
    assert "lesson 01 is there twice, with as much" in submission.troubles[0]
    files = {f"learner 1/{ONE}": FILES[ONE], f"learner 2/{ONE}": BLANK[ONE]}
    files[f"learner 3/{ONE}"] = FILES[ONE].replace(b"7000", b"__")
    assert found(zipped(files)).troubles == [
        f"lesson 01 is there 3 times: learner 1/{ONE} counts, not learner 2/{ONE}, "
        f"learner 3/{ONE}; is it one learner's?"
    ]


def test_a_checkout_has_solutions_and_tests_that_are_not_the_answers(found):
    members = under("koans", BLANK) | under("solutions", FILES) | under("tests", FILES)
    submission = found(zipped(under("course-main", members)))
    assert submission.files == {name[:-3]: data for name, data in BLANK.items()}
    assert submission.remarks == submission.troubles == []


def test_what_is_called_like_a_lesson_and_is_none_is_no_matter(found):
    files = {f"{NAMES[0]}.{end}": b"[lesson]" for end in ("toml", "pyc", "csv", "png")}
    files |= {f"{NAMES[0]}.gif": bytes(300_000), "data.txt": bytes(300_000)}
    submission = found(files | FILES)
    assert is_whole(submission)
    assert submission.remarks == submission.troubles == []


def test_where_there_are_only_solutions_it_is_said(found):
    submission = found(under("solutions", FILES))
    assert is_whole(submission)
    assert submission.remarks[0] == f"lesson 01 is only in solutions/{ONE}"


def test_a_solution_does_not_stand_in_for_a_file_that_was_refused(found):
    huge = b"#" * 300_000
    submission = found({f"koans/{ONE}": huge, f"solutions/{ONE}": FILES[ONE]})
    assert submission.files == {}
    assert submission.refused == {NAMES[0]: "it has more than 256 KB"}


# ---------------------------------------------------------- what can't be read


TROUBLES = {
    "a notebook": ({"koans.ipynb": b"{}"}, "koans are taken from the lessons' .py"),
    "a named notebook": ({f"{NAMES[0]}.ipynb": b"{}"}, "ask for them"),
    "a 7z": ({"koans.7z": b"7z\xbc\xaf"}, "can't be opened here; ask for a zip"),
    "a rar": ({"x/Koans.RAR": b"Rar!"}, "x/Koans.RAR: an archive"),
    "a broken zip": ({"koans.zip": b"PK\3\4"}, "koans.zip: it is a broken zip"),
    "an empty zip": ({"koans.zip": zipped({})}, "koans.zip: it is an empty archive"),
    "an empty file": ({"koans.zip": b""}, "koans.zip: it is a broken zip"),
    "no tar": ({"koans.tar.gz": b"\x1f\x8b"}, "koans.tar.gz: it is a broken archive"),
    "a tar of text": ({"k.tar": b"hello" * 200}, "k.tar: it is a broken archive"),
    "an empty tar": ({"k.tar": b""}, "k.tar: it is an empty archive"),
    "a Word file": ({f"{NAMES[0]}.docx": b"PK"}, "no Python file; ask for the .py"),
    "something else": ({"essay.pdf": b"%PDF"}, "essay.pdf: ask for the"),
    "other Python": ({"main.py": b"print(1)"}, "main.py: ask for the lessons'"),
    "nothing": ({"x/": b""}, "it is empty: ask for it again"),
    "hidden files": ({".git/HEAD": b"", "__MACOSX/._x": b""}, "it is empty"),
    "a huge file": ({"lesson1.py": b"#" * 300_000}, "lesson1.py: it has more than"),
}


@pytest.mark.parametrize("kind", TROUBLES)
@pytest.mark.parametrize("is_zip", [False, True])
def test_nobody_gets_nothing_in_silence(found, kind, is_zip):
    files, said = TROUBLES[kind]
    submission = found(zipped(under("ann", files)) if is_zip else files)
    assert submission.files == {}
    assert len(submission.troubles) == 1
    assert said in submission.troubles[0]


@pytest.mark.parametrize("kind", TROUBLES)
def test_what_is_beside_all_the_lessons_troubles_nobody(found, kind):
    submission = found(TROUBLES[kind][0] | under("koans", FILES))
    assert is_whole(submission)
    assert submission.troubles == []


@pytest.mark.parametrize("kind", ["a notebook", "a 7z", "a broken zip", "a huge file"])
def test_what_may_be_a_lesson_that_is_missing_is_said(found, kind):
    files, said = TROUBLES[kind]
    submission = found(files | {ONE: FILES[ONE]})
    assert list(submission.files) == NAMES[:1]
    assert said in submission.troubles[0]


def test_links_are_not_followed(tmp_path):
    secret = write(tmp_path / "elsewhere", FILES)
    path = write(tmp_path / "ann", {"x": b""})
    (path / ONE).symlink_to(secret / ONE)
    (path / "more").symlink_to(secret)
    (path / "loop").symlink_to(path)
    submission = find(path)
    said = "it is a link; links are not followed"
    assert submission.files == {}
    assert submission.refused == {NAMES[0]: said}
    assert sorted(submission.troubles) == [f"loop, more: {said}", f"{ONE}: {said}"]
    links = {ONE: b"/etc/passwd"}
    data = zipped(links)
    (tmp_path / "z.zip").write_bytes(_as_link(data))
    assert find(tmp_path / "z.zip").refused == {NAMES[0]: said}


def _as_link(data: bytes) -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(file, "w") as archive,
    ):
        for member in old.infolist():
            linked = zipfile.ZipInfo(member.filename)
            linked.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(linked, old.read(member))
    return file.getvalue()


def test_links_and_devices_in_a_tar(tmp_path):
    import tarfile

    path = tmp_path / "ann.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, kind in ((ONE, tarfile.SYMTYPE), (TWO, tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    assert find(path).refused == {
        NAMES[0]: "it is a link; links are not followed",
        NAMES[1]: "it is no ordinary file",
    }


def test_a_pipe_and_a_huge_file_are_not_read(tmp_path):
    path = write(tmp_path / "ann", {"x": b""})
    os.mkfifo(path / ONE)
    with (path / TWO).open("wb") as file:
        file.truncate(100 * 1024**2)
    assert find(path).refused == {
        NAMES[0]: "it is no ordinary file",
        NAMES[1]: "it has more than 256 KB",
    }


def test_an_unreadable_folder_is_a_reason(tmp_path, monkeypatch):
    path = write(tmp_path / "ann", {f"koans/{ONE}": b"1"})

    def denied(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(archives.Path, "iterdir", denied)
    assert find(path).troubles == ["ann: it can't be read (Permission denied)"]


# -------------------------------------------------------------- limits and attacks


MANY = lessons.MAX_OPENED + 1  # more of them than are looked at where they may be ours


def test_an_environment_does_not_hinder(found):
    """Beside a few lessons, or around them; with a dot or without."""
    inside = {f"lib/python3/site-packages/a/f{n}.py": b"" for n in range(MANY)}
    for folder in (".venv", "venv", "my env"):
        files = under(folder, inside | {"pyvenv.cfg": b"", f"bin/{ONE}": b"no"})
        submission = found(zipped(files | under("koans", FILES)))
        assert is_whole(submission)
        assert submission.remarks == submission.troubles == []
    around = inside | {"pyvenv.cfg": b"", f"lib/{ONE}": b"1", "bin/x.py": b""}
    assert is_whole(found(zipped(around | under("koans", FILES))))
    assert trees.MAX_ENTRIES > 10 * 22_000  # files has one with torch


def test_ordinary_folders_are_searched_whatever_they_are_called(found):
    for folder in ("env", "venv", "build", "lib", "bin", "dist"):
        assert is_whole(found(zipped(under(folder, FILES))))


def test_thousands_of_files_do_not_hinder(found):
    files = {f"data/{n}.csv": b"" for n in range(MANY)}
    mine = {"zzz/a.py": FILES[ONE], "zzz/b.py": FILES[TWO]}
    assert is_whole(found(zipped(files | mine)))


def test_too_many_files_and_folders_too_deep(found, monkeypatch):
    deep = found({"d/" * 32 + ONE: b"1"})
    assert "more than 30 deep" in deep.troubles[0]
    assert "more than 30 deep" in found(zipped({"d/" * 32 + ONE: b"1"})).troubles[0]
    for room in (archives, trees):
        monkeypatch.setattr(room, "MAX_ENTRIES", 5)
    for data, name in (
        (zipped({str(n): b"" for n in range(6)}), "z.zip"),
        (tarred({str(n): b"" for n in range(6)}), "z.tar"),
    ):
        assert "more than 5 files" in found(data, name).troubles[0]
    many = found({f"{n}.txt": b"" for n in range(6)} | {ONE: FILES[ONE]})
    assert many.files == {}
    assert "not all were looked at" in many.troubles[0]


def test_too_many_python_files_are_said(found, monkeypatch):
    monkeypatch.setattr(lessons, "MAX_OPENED", 3)
    files = {f"{n}.py": b"" for n in range(5)} | {"lesson1.py": FILES[ONE]}
    submission = found(files | {TWO: FILES[TWO]})
    assert list(submission.files) == NAMES[1:]
    assert submission.troubles == [
        f"3.py, 4.py, lesson1.py: {lessons.TOO_MANY}",
    ]


@pytest.mark.parametrize(
    "name", [f"../{ONE}", f"/etc/{ONE}", f"a/../../{ONE}", f"C:/{ONE}", f"..\\{ONE}"]
)
def test_a_path_that_leads_out(found, name):
    for data, kind in (
        (zipped({name: b"1"}), "z.zip"),
        (tarred({name: b"1"}), "z.tar"),
    ):
        submission = found(data, kind)
        if "\\" in name and kind == "z.tar":  # in a tar that is a letter like any other
            continue
        assert submission.files == {}
        assert "leads out" in submission.troubles[0]


def test_an_encrypted_zip(found):
    for name in (ONE, "lesson1.py"):
        data = bytearray(zipped({name: b"1"}))
        data[data.index(b"PK\x01\x02") + 8] |= 1
        submission = found(bytes(data))
        assert submission.files == {}
        assert "encrypted; ask for it without a password" in submission.troubles[0]
        assert list(submission.refused) == (NAMES[:1] if name == ONE else [])


@pytest.mark.parametrize("keep", [0, 10, 0.3, 0.6, 0.9, -1])
def test_a_truncated_archive(found, keep):
    members = {ONE: os.urandom(5000), TWO: b"2"}
    for data, name in ((zipped(members), "z.zip"), (tarred(members), "z.tar.gz")):
        end = keep if isinstance(keep, int) else int(len(data) * keep)
        submission = found(data[:end], name)
        if keep == -1 and name == "z.tar.gz":  # all that it lacks is a checksum
            assert len(submission.files) == 2
            continue
        assert submission.files == {}
        assert ("it is a broken" if data[:end] else "it is") in submission.troubles[0]


def test_a_broken_member_costs_itself_alone(found):
    data = bytearray(zipped({ONE: b"abc" * 1000, TWO: FILES[TWO]}))
    data[60] ^= 0xFF
    submission = found(bytes(data))
    assert list(submission.files) == NAMES[1:]
    assert "it can't be read" in submission.refused[NAMES[0]]
    assert submission.troubles


def test_a_zip_bomb_does_not_hinder(found):
    """What is not a lesson is not unpacked."""
    bomb = {f"{n}.txt": bytes(20 * 1024**2) for n in range(3)}
    assert is_whole(found(zipped(bomb | FILES)))
    submission = found(zipped(FILES | {ONE: bytes(20 * 1024**2)}))
    assert submission.refused == {NAMES[0]: "it has more than 256 KB"}


def test_a_zip_that_lies_about_a_bomb(found):
    data = zipped({ONE: bytes(10 * 1024**2)})
    size = (10 * 1024**2).to_bytes(4, "little")
    submission = found(data.replace(size, (100).to_bytes(4, "little")))
    assert submission.refused or len(submission.files[NAMES[0]]) <= 256 * 1024


def test_archives_in_archives_have_an_end(found, monkeypatch):
    data = zipped(FILES)
    for _ in range(3):
        data = zipped({"x.zip": data})
    assert is_whole(found(data))
    assert "more than 4 archives" in found(zipped({"x.zip": data})).troubles[0]
    monkeypatch.setattr(trees, "MAX_ARCHIVES", 3)
    many = found(zipped({f"{n}.zip": zipped({"x": b""}) for n in range(9)} | FILES))
    assert is_whole(many)
    assert "more than 3 archives" in many.remarks[0]
    monkeypatch.setattr(archives, "MAX_NESTED", 1 << 20)
    large = found(zipped({"x.zip": zipped(FILES) + bytes(2 << 20)}))
    assert "an archive of more than 1 MB" in large.troubles[0]


@pytest.mark.parametrize("kind", [b"L", b"x", b"K", b"g"])
def test_a_tar_does_not_say_how_much_memory_is_taken(found, kind):
    """A name of a gigabyte, a file of a terabyte."""
    for size, said in ((1 << 30, "a name of 1024 MB"), (1 << 40, "unpacks to more")):
        header = bytearray(tarred({"x": b""}, "w")[:512])
        header[124:136] = b"\x80" + size.to_bytes(11, "big")
        header[156:157] = kind
        header[148:156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:]))
        assert said in found(bytes(header) + bytes(9000), "z.tar").troubles[0]


def test_files_in_a_tar_that_are_too_large_are_not_kept(found, monkeypatch):
    monkeypatch.setattr(archives, "MAX_KEPT", 100_000)
    submission = found(tarred({"data.bin": bytes(200_000), **FILES}), "z.tar.gz")
    assert is_whole(submission)


def test_a_zip_for_huge_archives(found, tmp_path):
    """zip64: by its own program, and by one who lies."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in FILES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    assert is_whole(found(file.getvalue()))
    data = zipped(FILES)
    at = data.rindex(b"PK\x05\x06")
    directory = (1 << 40).to_bytes(8, "little")
    end = b"PK\x06\x06" + bytes(28) + directory + directory + bytes(8)
    locator = b"PK\x06\x07" + bytes(4) + at.to_bytes(8, "little") + bytes(4)
    assert len(end) == 56 and len(locator) == 20
    huge = found(data[:at] + end + locator + data[at:])
    assert "more than 300,000 files" in huge.troubles[0]


def test_a_folder_that_some_maker_wrote_down_as_a_file(found):
    assert is_whole(found(zipped({"koans": b""} | under("koans", FILES))))
    assert is_whole(found(zipped(under("koans", FILES) | {"koans": b""})))


def test_names_that_no_encoding_has(tmp_path):
    folder = write(tmp_path / "ann", {"x": b""})
    os.mkdir(os.fsencode(folder) + b"/\xff\xfe")
    with open(os.fsencode(folder) + b"/\xff\xfe/" + ONE.encode(), "wb") as file:
        file.write(FILES[ONE])
    assert find(folder).files == {NAMES[0]: FILES[ONE]}


@settings(max_examples=100)
@given(st.data())
@pytest.mark.parametrize("end", ["zip", "tar", "tar.gz"])
def test_a_damaged_archive_is_never_more_than_trouble(tmp_path_factory, end, data):
    path = tmp_path_factory.mktemp("x") / f"z.{end}"
    files = {ONE: b"import torch\n" * 50, "a/b.zip": zipped(FILES)}
    raw = bytearray(zipped(files) if end == "zip" else tarred(files, "w"))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(zlib.compress(raw, wbits=31) if end == "tar.gz" else raw)
    submission = find(path)
    assert submission.files or submission.troubles
