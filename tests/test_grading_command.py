"""``sensei grade`` from end to end, on the tiny course and classes full of trouble."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import exports
import jinja2
import jsonschema
import pytest

import forks
import sensei.grading
from desk import ONE, RIGHT, TWO, Desk
from sensei.grading import shown
from sensei.grading.out.files import written
from tiny import copy_tiny

SCHEMA = json.loads(
    (Path(sensei.grading.__file__).parent / "results.schema.json").read_text()
)
assert jinja2  # imported here, or pytester would have each test import it anew


@pytest.fixture
def desk(tiny, capsys, monkeypatch) -> Desk:
    monkeypatch.chdir(tiny.root)
    return Desk(tiny, capsys)


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> Desk:
    """A desk on which a class was graded, in a process from beginning to end."""
    root = copy_tiny(tmp_path_factory.mktemp("graded"))
    desk = Desk(SimpleNamespace(root=root), capsys=None)
    eleven(desk)
    command = ["-m", "sensei", "grade", "submissions", "--out", "out", "--jobs", "3"]
    ran = forks.python(command, root)
    assert ran.returncode == 0, ran.stdout
    desk.said = ran.stdout
    return desk


def eleven(desk: Desk) -> None:
    """Five whose rows are known, and six with everything between right and rough."""
    desk.hand_in("ann", desk.solved)
    desk.hand_in("bob", desk.answer(sum="7900", copy="original", even="__"))
    desk.hand_in("cid/homework", {ONE: desk.solved[ONE]})
    desk.hand_in("dan", desk.answer(copy="open('x')"))
    # An edited assert, a mark, a conftest, a helper: reported, and that is all.
    files = desk.answer(sum="1")
    files[ONE] = files[ONE].replace("assert sum(parts) == 1", "assert 1 == 1\n    1")
    files[TWO] = files[TWO].replace("def test_a_copy", "@skip\ndef test_a_copy")
    files[TWO] = "import sys; sys.exit()\n" + files[TWO]
    files["conftest.py"] = "raise SystemExit"
    files["sensei.py"] = files["approx.py"] = "raise SystemExit"
    desk.hand_in("eve", files)
    for n in range(6):
        chosen = {koan: some[n % len(some)] for koan, some in FILLS.items()}
        desk.hand_in(f"learner-{n}", desk.answer(**chosen))


FILLS = {
    "sum": ["7919", "7900", "3", "__", "parts", "7000 + 919"],
    "grew": [RIGHT["grew"], "[2, 3, 3]", "[3, 3, 4]", "__", "first"],
    "copy": ["list(original)", "original", "original[:]", "[1, 2]", "open", "__"],
    "even": ["number % 2 == 0", "True", "not number % 2", "number.x", "__"],
    "totals": [RIGHT["totals"], "total += number", "totals[9]", "import os", "__"],
}


# ------------------------------------------------------------------------ the sheet


def test_a_class_from_folder_to_sheet(graded):
    rows = graded.rows
    assert [
        (r["lesson_01"], r["lesson_02"], r["total"], r["max"], r["percent"])
        for r in list(rows.values())[:5]
    ] == [
        ("3", "5", "8", "8", "100.0"),
        ("2", "3", "5", "8", "62.5"),
        ("3", "0", "3", "8", "37.5"),
        ("3", "4", "7", "8", "87.5"),
        ("2", "5", "7", "8", "87.5"),
    ]
    assert rows["cid"]["flags"] == "not handed in: lesson 02"
    assert "11 hand-ins, 8 koans each" in graded.said
    assert graded.said.endswith("Needs you: 0\n")
    jsonschema.validate(graded.results, SCHEMA)


def test_the_feedback_diagnoses_and_does_not_answer(graded):
    said = graded.feedback("bob")
    assert "That leaves the last part out." in said and "7900" in said
    assert "Look at all the parts." in said
    assert "7919" not in said and "% 2 == 0" not in said
    assert "is no name of this koan" in graded.feedback("dan")


def test_results_carry_what_a_report_needs(graded):
    [bob] = [one for one in graded.results["learners"] if one["id"] == "bob"]
    first = bob["koans"][0]
    answer = graded.results["answers"][first["answer"]]
    assert (first["koan"], first["verdict"]) == ("test_a_sum", "wrong")
    assert (first["points"], first["changed"]) == (0, False)
    assert answer["fill"] == "7900"
    assert answer["mistake"] == "That leaves the last part out."
    assert bob["lessons"] == {"01": [2, 3], "02": [3, 5]}


def test_what_is_not_the_blank_has_no_effect(graded):
    assert graded.rows["eve"]["flags"] == (
        "changed outside the blank: test_a_sum, test_a_copy"
    )
    assert "outside the blank" in graded.feedback("eve")


def test_one_submission_and_lessons_that_are_chosen(desk):
    for name, text in desk.solved.items():
        (desk.submissions / name).write_text(text)
    assert desk.grade("--lessons", "02-03") == 0
    assert list(desk.rows) == ["submissions"]
    assert desk.rows["submissions"]["max"] == "7"  # a koan of the future is skipped
    assert "skipped" in {
        koan["verdict"] for koan in desk.results["learners"][0]["koans"]
    }
    jsonschema.validate(desk.results, SCHEMA)


def test_what_a_platform_gave_as_it_came(desk):
    """Every one of thirty has all their points but one: of the koan that is theirs."""
    people = exports.people()
    given = exports.zipped(exports.moodle(people))
    (desk.submissions / "ML1-Koans-88213.zip").write_bytes(given)
    (desk.submissions / "Grades.csv").write_bytes(exports.moodle_worksheet(people))
    assert desk.grade() == 0
    assert {row["total"] for row in desk.rows.values()} == {"7"}
    names = [row["name"] for row in desk.rows.values()]
    assert sorted(names) == sorted(map(exports.moodle_name, people))
    assert "30 hand-ins, 8 koans each" in desk.said


def test_what_needs_a_person_is_told_and_an_answer_stays_for_the_next_run(desk):
    """With files of one's own, and without the pages of who is gone."""
    for who in ("abe", "ann"):
        desk.hand_in(who, desk.solved)
    desk.hand_in("bob", {"koans.ipynb": "{}"})
    desk.hand_in("cid", {ONE: desk.solved[ONE], "more.7z": "7z"})
    for n in range(12):
        desk.hand_in(f"dan-{n:02}", {"essay.pdf": "%PDF"})
    assert desk.grade() == 1
    _fourteen_are_told(desk)

    path = desk.out / "needs-you.csv"
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([*row[:3], row[3] or row[0]] for row in rows)
    (desk.out / "feedback" / "mine.html").write_text("my own notes")
    (desk.out / "feedback" / ".abe.html.part").write_text("of a run that was killed")
    for gone in ("abe", "bob", *(f"dan-{n:02}" for n in range(12))):
        shutil.rmtree(desk.submissions / gone)
    assert desk.grade() == 0 and desk.said.endswith("Needs you: 0\n")
    said = path.read_text("utf-8-sig").splitlines()  # it will be asked for again
    assert "cid,answered,,cid" in said and "bob,it is not in this export,,bob" in said
    pages = {page.name for page in (desk.out / "feedback").iterdir()}
    assert pages == {"ann.html", "cid.html", "mine.html"}


def _fourteen_are_told(desk: Desk) -> None:
    assert "Needs you: 14" in desk.said, desk.said + desk.complained
    last = desk.said[desk.said.index("Needs you: 14") :]
    assert "- bob: koans.ipynb: koans are taken from" in last
    assert "- cid: more.7z: an archive that can't be opened" in last
    assert "- dan-07: no lesson is in it; there is essay.pdf" in last
    assert "dan-08" not in last and last.endswith("... and 4 more\n")
    assert desk.rows["cid"]["total"] == "3"
    assert "no lesson is in it" in desk.rows["dan-11"]["flags"]
    needs = (desk.out / "needs-you.csv").read_text("utf-8-sig")
    assert len(list(csv.DictReader(needs.splitlines()))) == 14
    assert "bob" in (desk.out / "report.html").read_text("utf-8")
    assert {"abe.html", "bob.html"} <= set(os.listdir(desk.out / "feedback"))


def test_points_by_hand_and_a_koan_that_counts_for_nobody(desk, monkeypatch):
    desk.hand_in("bob", desk.answer(sum="7900"))
    desk.out.mkdir()
    text = "learner,koan,points,why\nbob,test_a_sum,0.5,a slip\n"
    (desk.out / "overrides.csv").write_text(text)
    assert desk.grade("--exclude", "test_a_copy") == 0
    row = desk.rows["bob"]
    assert (row["total"], row["max"]) == ("6.5", "7")
    assert "test_a_sum: 0.5 points by hand (a slip)" in row["flags"]
    assert "a slip" in desk.feedback("bob")
    monkeypatch.setattr("sensei.grading.command.Grader", None)  # nothing is graded yet
    (desk.out / "overrides.csv").write_text(text.replace("bob", "bib"))
    assert desk.grade() == 2 and "bib" in desk.complained
    assert desk.grade("--exclude", "test_a_cope") == 2


def test_an_empty_class_ends_at_once(desk, monkeypatch):
    monkeypatch.setattr("sensei.grading.command.Grader", None)
    assert desk.grade() == 2
    assert "submissions: it is empty: nothing was handed in here" in desk.complained


# ------------------------------------------------------------------------ bad input


def trouble(desk: Desk) -> None:
    """Every kind of bad input, an entry each."""
    solved, half = desk.solved, len(desk.solved[ONE]) // 2
    desk.hand_in("syntax", {ONE: "def (:", TWO: solved[TWO]})
    desk.hand_in("latin", {ONE: b"#\n#\n# \xff", TWO: solved[TWO]})
    desk.hand_in("nul", {ONE: "\0", TWO: solved[TWO]})
    desk.hand_in("cut", {ONE: solved[ONE][:half], TWO: solved[TWO]})
    desk.hand_in("deep", desk.answer(sum="(" * 10_000 + ")" * 10_000))
    desk.hand_in("deeper", desk.answer(sum="-" * 10_000 + "1"))
    desk.hand_in("digits", desk.answer(sum="9" * 200_000))
    desk.hand_in("power", desk.answer(sum="9**9**9", copy="list(original) * 9**9"))
    desk.hand_in("twice", {f"a/{ONE}": solved[ONE], f"b/{ONE}": desk.empty[ONE]})
    huge = desk.hand_in("huge", {ONE: "", TWO: solved[TWO]}) / ONE
    with huge.open("wb") as file:
        file.truncate(100 * 1024**2)
    desk.hand_in("nothing", {"README.md": "sorry"})
    link = desk.hand_in("link", {TWO: solved[TWO]})
    (link / ONE).symlink_to(desk.root / "solutions" / ONE)
    (desk.submissions / "linked").symlink_to(desk.root / "solutions")
    os.mkfifo(desk.hand_in("pipe", {TWO: solved[TWO]}) / ONE)
    # It lets the processor be; with the table as it is only a busy one comes that far.
    desk.tiny.allow("exec")
    hang = "exec('import time\\nwhile True: time.sleep(0.01)')"
    desk.hand_in("hang", desk.answer(copy=hang, even="True"))
    desk.hand_in(
        "markup", desk.answer(sum="'</code><script>alert(1)</script> ``` \\x1b[2J'")
    )
    desk.hand_in("escape", desk.answer(copy="'\x1b[31m' + '\u202e'"))
    odd = ("=cmd|'/C calc'!A0", 'a,b\n"c"', "<b>bold</b>", "\x1b[31mred", "*_`#")
    for name in odd:
        desk.hand_in(name, desk.answer(sum="7900"))
    desk.hand_in(b"\xff\xfe", solved)
    (desk.submissions / "essay.pdf").write_bytes(b"%PDF")
    archives(desk.submissions, solved)


def archives(folder: Path, solved: dict[str, str]) -> None:
    def archive(name: str, members: dict[str, str]) -> Path:
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as file:
            for member, text in members.items():
                file.writestr(member, text)
        return folder / name

    archive("fine.zip", {f"koans/{name}": text for name, text in solved.items()})
    archive("out.zip", {f"../../{ONE}": solved[ONE]})
    archive("absolute.zip", {f"/tmp/{ONE}": solved[ONE]})
    archive("bomb.zip", {f"{n}.bin": "\0" * 10**6 for n in range(2)})
    archive("bombed.zip", {"x.bin": "\0" * 10**6, **solved})
    cut = archive("short.zip", solved)
    cut.write_bytes(cut.read_bytes()[:-40])
    locked = archive("locked.zip", {ONE: solved[ONE]})
    data = bytearray(locked.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    locked.write_bytes(data)


EXPECTED = {
    "syntax": ("5", "lesson 01 can't be read"),
    "latin": ("5", "it is not UTF-8"),
    "nul": ("5", "null bytes"),
    "cut": ("6", "missing: test_same_or_equal"),
    "deep": ("7", "test_a_sum can't be read: too many nested parentheses"),
    "deeper": ("7", "test_a_sum can't be read: it is nested too deeply"),
    "digits": ("7", "test_a_sum can't be read: .*(too long|Exceeds the limit)"),
    "power": ("6", "refused: test_a_sum"),
    "twice": ("3", "lesson 01 is there twice: a/"),
    "huge": ("5", "more than 256 KB"),
    "nothing": ("0", "no lesson is in it; there is README.md"),
    "link": ("5", "links are not followed"),
    "linked": ("0", "linked: it is a link"),
    "pipe": ("5", "no ordinary file"),
    "hang": ("6", "timeout: test_a_copy"),
    "markup": ("7", "^$"),
    "escape": ("7", "^$"),
    "essay.pdf": ("0", "no lesson is in it; there is essay.pdf"),
    "fine": ("8", "^$"),
    "out": ("0", "leads out"),
    "absolute": ("0", "leads out"),
    "bomb": ("0", "no lesson is in it"),
    "bombed": ("8", "^$"),
    "short": ("0", "broken zip"),
    "locked": ("0", "it is encrypted"),
}


def test_bad_input_costs_itself_alone(desk):
    trouble(desk)
    desk.hand_in("ann", desk.solved)
    assert desk.grade("--timeout", "0.5") == 1
    rows = desk.rows
    found = {row["name"]: row for row in rows.values()}
    for name, (total, flag) in EXPECTED.items():
        matching = [r for r in rows.values() if _is(r, name)]
        assert any(
            r["total"] == total and re.search(flag, r["flags"]) for r in matching
        ), (name, matching)
    assert found["ann"]["total"] == "8"
    jsonschema.validate(desk.results, SCHEMA)
    for path in (desk.out / "feedback").iterdir():
        said = path.read_text("utf-8")
        assert not set(said) & set("\x1b\u202e\0")
        assert "<script" not in said, path

    _check_cells(desk)


def _check_cells(desk: Desk) -> None:
    """No cell is a formula, and no line is torn."""
    raw = (desk.out / "grades.csv").read_text()
    assert len(raw.splitlines()) == len(desk.rows) + 1
    assert not set(raw) & set("\x1b\u202e\r\0")
    with (desk.out / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
        for row in csv.reader(file):
            assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row), row


def _is(row: dict[str, str], name: str) -> bool:
    return row["name"] == name


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        (" @x", "' @x"),
        ("-1", "'-1"),
        ("a\nb", "a\\nb"),
        ("\tx", "\\tx"),
        ("\x1b[0m", "\\x1b[0m"),
        ("\u202e", "\\u202e"),
        ("\udcff", "\\udcff"),
        ("é中", "é中"),
    ],
)
def test_a_cell(text, cell):
    assert shown.cell(text) == cell


# -------------------------------------------------------------------- the same again


# Kills itself at the so-many-th call of something.
KILLED = """
import os, pkgutil, signal, sys
from sensei.cli import main
owner, name, left = pkgutil.resolve_name(sys.argv[1]), sys.argv[2], int(sys.argv[3])
real = getattr(owner, name)
def counted(*given):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given)
setattr(owner, name, counted)
main(sys.argv[4:])
"""


def test_killed_in_the_middle_and_run_again_one_by_one(desk, graded):
    """The bytes are those of an undisturbed run with several workers: nothing is kept
    of runs that were killed, and nothing of them is in the way.
    """
    eleven(desk)
    command = ["grade", str(desk.submissions), "--out", str(desk.out)]
    for moment in [
        ("sensei.grading.book:Entry", "enter", "9"),
        ("os", "replace", "9"),
    ]:
        # Anew: what a fork of it starts could hold its lock for a moment longer.
        killed = forks.python(["-c", KILLED, *moment, *command], desk.root, anew=True)
        assert killed.returncode == -signal.SIGKILL, killed.stdout
        assert not (desk.out / "grades.csv").exists()
    assert desk.grade("--jobs", "1") == 0
    assert desk.bytes() == graded.bytes()


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(KeyError), written(path) as file:
        file.write("new")
        raise KeyError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# ---------------------------------------------------------------------- refusals


def test_what_the_instructor_has_in_koans_is_no_matter(desk, graded):
    """Filled in, changed, broken or gone: it is graded against the solutions."""
    eleven(desk)
    desk.tiny.solve("test_a_sum")
    desk.tiny.edit("test_who_grew", "second.append(1)", "second.append(2)")
    (desk.root / "koans" / TWO).unlink()
    with (desk.root / "koans" / ONE).open("a") as lesson:
        lesson.write("\n\n1 / 0\n")
    assert desk.grade() == 0, desk.complained
    assert desk.bytes() == graded.bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--lessons", "9"), "no lesson 9; there are 01, 02, 03"),
        (("--timeout", "0"), "--timeout: above 0"),
        (("--jobs", "0"), "--jobs: 1 to 256"),
        (("--out", "submissions/out"), "is inside the submissions"),
        (("--out", "pyproject.toml"), "File exists"),
    ],
)
def test_unusable_arguments(desk, options, said):
    desk.hand_in("ann", desk.solved)
    assert desk.grade(*options) == 2
    assert said in desk.complained
    assert not (desk.out / "grades.csv").exists()


def test_no_submissions_at_all(desk):
    desk.submissions.rmdir()
    assert desk.grade() == 2
    assert "submissions: No such file or directory" in desk.complained


def test_one_run_at_a_time(desk):
    import fcntl

    desk.hand_in("ann", desk.solved)
    desk.out.mkdir()
    with (desk.out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert desk.grade() == 2
    assert "another sensei grade is writing there" in desk.complained


def test_without_the_extra(desk, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert desk.grade() == 2
    assert "needs tqdm" in desk.complained
    assert "gradient-koans[grade]" in desk.complained


def test_elsewhere_than_on_linux(desk, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert desk.grade() == 2
    assert "needs Linux" in desk.complained and "container" in desk.complained


def test_a_canary_that_dies_is_told(desk):
    desk.hand_in("ann", desk.solved)
    path = desk.root / "solutions" / ONE
    path.write_text(path.read_text().replace("7919", "7918"))
    assert desk.grade() == 1
    assert "stopped: the solution of test_a_sum ended as wrong" in desk.complained
    assert not (desk.out / "grades.csv").exists()
