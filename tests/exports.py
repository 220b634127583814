"""Exports of a made class, as each platform gives them (docs/grading.md has the forms).

An export is what is in it: bytes by their paths. ``write`` makes a folder of that and
``zipped`` a zip. Whoever calls says what a learner hands in, as ``tiny_work`` does.
"""

from __future__ import annotations

import io
import re
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tiny import HERE

Files = dict[str, bytes]
Work = Callable[[int], Files]  # the lesson files of the so-and-so-many-th learner

# ------------------------------------------------------------------------- people


@dataclass(frozen=True)
class Person:
    """A learner; the numbers are those of each platform, and no two are alike."""

    place: int
    first: str
    last: str
    login: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}".strip()

    @property
    def sortable(self) -> str:
        return f"{self.last}, {self.first}"

    @property
    def email(self) -> str:
        return f"{self.login}@uni.example"

    @property
    def participant(self) -> str:
        return str(4117 + 3 * self.place)

    @property
    def canvas(self) -> str:
        return str(41_175 + 7 * self.place)

    @property
    def student(self) -> str:
        return str(8_801 + self.place)


_PEOPLE = """
Zoë;Müller-Lång;zml
Seán;O'Dwyer;sod3
Sam;Lee, Jr.;sam.lee
Noor;Haddad;noor-h
Noor;Haddad;noor-h2
Ida_May;Lund;im_lund
Nguyễn Thị;Minh Khai;khai
小明;王;wang-x
דנה;לוי;dana
Łukasz;Żółć;lzolc
María José;de la Cruz;mj-delacruz
D'Arcy;N’Diaye;darcy1
Ann;Smith;ann
Anne;Smith;anne
Bob;Smith-Jones;bob-sj
Jean-Luc;Picard;jlp
R2;D2;r2d2
Müge;Çelik;mcelik
Øystein;Åsen;o.asen
Ana (Anka);Novak;anka
Émile;Zola;emile-1
Li;Na;li-na
Late;Comer;late_comer
Test;Lesson;test01
Koan;Koans;koans
Björk;;bjork
Sæmundur;Þórsson;s_th
Ada;Byron;ada-b
Grace;Hopper;hopper-
Emmy;Noether;en
"""


def people() -> list[Person]:
    """Thirty learners, invented, whose names are what platforms trip over."""
    rows = [line.split(";") for line in _PEOPLE.strip().splitlines()]
    return [Person(place, *row) for place, row in enumerate(rows)]


# --------------------------------------------------------------- what is handed in


def tiny_work(place: int) -> Files:
    """The tiny course's two lessons, solved but for a number that is the learner's."""
    names = ("test_01_two_names.py", "test_02_changing_lists.py")
    files = {
        name: (HERE / "tiny_course/solutions" / name).read_bytes() for name in names
    }
    own = files[names[0]].replace(b"7919", str(7000 + place).encode())
    assert own != files[names[0]]
    return {**files, names[0]: own}


def under(folder: str, files: Mapping[str, bytes]) -> Files:
    return {f"{folder}/{name}": data for name, data in files.items()}


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A folder; a path that ends in / is an empty one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(data)
    return folder


def zipped(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def zipped_unflagged(files: Mapping[str, bytes], encoding: str = "utf-8") -> bytes:
    """With names that do not say that they are UTF-8, as several makers write them."""
    plain = {
        f"{n:04}".ljust(len(name.encode(encoding)), "x"): name
        for n, name in enumerate(files)
    }
    data = zipped({short: files[name] for short, name in plain.items()})
    for short, name in plain.items():
        assert len(short) == len(name.encode(encoding)), name
        data = data.replace(short.encode(), name.encode(encoding))
    return data


def tarred(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def as_files(files: Files) -> Files:
    return files


def as_zip(files: Files) -> Files:
    return {"koans.zip": zipped(under("koans", files))}


def as_zip_of_a_zip(files: Files) -> Files:
    return {"my work.zip": zipped({"a/koans.zip": zipped(under("koans", files))})}


def as_tar(files: Files) -> Files:
    return {"koans.tar.gz": tarred(under("./home/koans", files))}


def as_mac_zip(files: Files) -> Files:
    """With the Finder's own files, and a folder's name in pieces (NFD)."""
    folder = unicodedata.normalize("NFD", "Übung é")
    own = {f"__MACOSX/{folder}/._{name}": b"\0\5\x16\7" for name in files}
    own |= {f"{folder}/.DS_Store": b"\0\0\0\1Bud1"}
    return {"Archiv.zip": zipped_unflagged(under(folder, files) | own)}


def as_windows_zip(files: Files) -> Files:
    """With backslashes, and names in the code page of DOS."""
    backslashed = {f"!bung\\koans\\{name}": data for name, data in files.items()}
    data = zipped(backslashed).replace(b"!bung\\", "\u00fcbung\\".encode("cp437"))
    return {"Koans (1).zip": data}


def as_course(files: Files) -> Files:
    """The whole course, cloned, with an environment in it."""
    solutions = {name: b"# the solution\n" + data for name, data in files.items()}
    return {
        "koans.zip": zipped(
            under("gradient-koans-main/koans", files)
            | under("gradient-koans-main/solutions", solutions)
            | under(
                "gradient-koans-main/tests", {"test_x.py": b"def test_a_sum(): 1\n"}
            )
            | under("gradient-koans-main/.git", {"HEAD": b"ref: refs/heads/main\n"})
            | under("gradient-koans-main/my env", {"pyvenv.cfg": b"", "lib/a.py": b"1"})
            | {"gradient-koans-main/pyproject.toml": b""}
        )
    }


def as_renamed(files: Files) -> Files:
    """By all the names that learners give them."""
    ways = ("Copy of {}", "lesson{n}.py", "test_0{n}_final.py", "{}.txt", "{} (1).py")
    named = {}
    for n, (name, data) in enumerate(files.items(), 1):
        way = ways[(len(data) + data[-40] + n) % len(ways)]
        named[way.format(name, n=n)] = data
    return named


def as_deep(files: Files) -> Files:
    return under("Home/Documents/ML 1/week 3/koans", files)


SHAPES = (
    *(as_zip, as_files, as_zip_of_a_zip, as_tar, as_mac_zip, as_windows_zip),
    *(as_course, as_renamed, as_deep),
)


def uploads(place: int, work: Work) -> Files:
    """What a learner hands in: each another shape of it."""
    return SHAPES[place % len(SHAPES)](work(place))


def flat(files: Files) -> Files:
    """As it is where a platform keeps no folders."""
    return {name.rpartition("/")[2]: data for name, data in files.items()}


# ----------------------------------------------------------------------- Moodle


def moodle_name(person: Person) -> str:
    """As Moodle writes a full name in the name of a file."""
    return re.sub(r"[&<>\"':\\/|`]", "", person.name.replace("_", " "))


def moodle(
    class_: Iterable[Person],
    work: Work = tiny_work,
    *,
    in_folders: bool = True,
    end: str = "",
    is_anonymous: bool = False,
) -> Files:
    """``end`` is "_" in 3.1 to 4.0. Each fifth learner typed something in, too."""
    files: Files = {}
    for person in class_:
        name = "Participant" if is_anonymous else moodle_name(person)
        stem = f"{name}_{person.participant}_assignsubmission_"
        given = uploads(person.place, work)
        if in_folders:
            files |= under(f"{stem}file{end}", given)
        else:
            files |= {f"{stem}file_{path}": data for path, data in flat(given).items()}
        if person.place % 5 == 0:
            between = f"{end}/" if in_folders else "_"
            files[f"{stem}onlinetext{between}onlinetext.html"] = b"<p>My answers</p>"
    return files


def moodle_worksheet(class_: Iterable[Person]) -> bytes:
    rows = [
        'Identifier,"Full name","Email address",Status,Grade,"Maximum grade",'
        '"Grade can be changed","Last modified (submission)",'
        '"Last modified (grade)","Feedback comments"'
    ]
    rows += [
        f'"Participant {p.participant}","{p.name}",{p.email},"Submitted for grading",,'
        "62.00,Yes,-,-,"
        for p in class_
    ]
    return ("\ufeff" + "\n".join(rows) + "\n").encode()


# ----------------------------------------------------------------------- Canvas


def canvas_name(person: Person) -> str:
    return "".join(c for c in person.sortable.lower() if c.isalnum() or c == "_")


def canvas(
    class_: Iterable[Person], work: Work = tiny_work, *, is_anonymous: bool = False
) -> Files:
    """Every fourth is late, every fifth typed something in."""
    files: Files = {}
    attachment = 98_700
    for person in class_:
        late = person.place % 4 == 1
        stem = f"{canvas_name(person)}{'_LATE' * late}_{person.canvas}"
        if is_anonymous:
            stem = f"{'LATE_' * late}anon_{person.place:02}Xq{person.canvas[-1]}"
        for name, data in flat(uploads(person.place, work)).items():
            attachment += 1
            files[f"{stem}_{attachment}_{name}"] = data
        if person.place % 5 == 0 and not is_anonymous:
            files[f"{stem}_text.html"] = b"<p>My answers</p>"
    return files


def canvas_gradebook(class_: Iterable[Person]) -> bytes:
    rows = [
        "Student,ID,SIS User ID,SIS Login ID,Section,Koans (98412),Final Score",
        ",,,,,Manual Posting,",
        "    Points Possible,,,,,62.00,(read only)",
    ]
    rows += [f'"{p.sortable}",{p.canvas},u{p.student},{p.login},A,,' for p in class_]
    return "\n".join([*rows, '"Student, Test",99999,,8f3c0a,A,,', ""]).encode()


# ------------------------------------------------------------------- Blackboard

_TXT = """\
{name}: {person.name} ({person.login})
Assignment: Koans: part_1
{date}: Wednesday, November 25, 2026 1:04:11 AM GMT
Current Grade: Needs Grading

Submission Field:
There is no student submission text data for this assignment.

{files}:
"""
_FILE = "\tOriginal filename: {}\n\tFilename: {}\n\n"
ENGLISH = {"name": "Name", "date": "Date Submitted", "files": "Files"}
DUTCH = {"name": "Naam", "date": "Ingediend", "files": "Bestanden"}


def blackboard(
    class_: Iterable[Person], work: Work = tiny_work, *, is_dutch: bool = False
) -> Files:
    """Every sixth has an earlier attempt; what is odd in a file's name is mangled."""
    files: Files = {}
    labels, attempt = (DUTCH, "poging") if is_dutch else (ENGLISH, "attempt")
    for person in class_:
        earlier = {"test_01_two_names.py": b"# an old one\n"}
        given = flat(uploads(person.place, work))
        tries = [(24, earlier)] if person.place % 6 == 0 else []
        for day, these in [*tries, (25, given)]:
            stem = f"Koans part_1_{person.login}_{attempt}_2026-11-{day}-01-04-11"
            text = _TXT.format(person=person, **labels)
            for name, data in these.items():
                mangled = f"{stem}_{re.sub('[^A-Za-z0-9.]', '', name)}"
                files[mangled] = data
                text += _FILE.format(name, mangled)
            files[f"{stem}.txt"] = text.encode()
    return files


# ------------------------------------------- Gradescope, repositories, plain folders


def gradescope(class_: Iterable[Person], work: Work = tiny_work) -> Files:
    """Zips are opened already; the second and the third worked together."""
    files: Files = {}
    about = ""
    class_ = list(class_)
    together = {1: [class_[1], class_[2]]} if len(class_) > 2 else {}
    for person in class_:
        if any(person in group[1:] for group in together.values()):
            continue
        name = f"submission_{7001 + person.place}"
        files |= under(f"assignment_55_export/{name}", work(person.place))
        about += f"{name}:\n  :submitters:\n"
        for one in together.get(person.place, [person]):
            about += f"  - :name: {_quoted(one.name)}\n    :sid: '{one.student}'\n"
            about += f"    :email: {one.email}\n"
        about += "  :created_at: 2026-11-25 01:04:11 Z\n  :score: 3.0\n"
        about += '  :results: {tests: [{output: "a\\nb: c"}]}\n'
    files["assignment_55_export/submission_metadata.yml"] = about.encode()
    return files


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def repositories(
    class_: Iterable[Person], work: Work = tiny_work, *, named: str = "koans-{}"
) -> Files:
    """Clones. ``named`` is ``ml1-koans-{}`` in Classroom 50, ``{}/koans`` of GitLab."""
    files: Files = {}
    for person in class_:
        login = re.sub("[^a-z0-9]+", "-", person.login).strip("-")
        taken = "-1" if person.place % 7 == 2 else ""
        folder = f"koans-submissions/{named.format(login)}{taken}"
        files |= under(folder, as_git(work(person.place)))
    return files


def as_git(files: Files) -> Files:
    own = {".git/HEAD": b"ref: refs/heads/main\n", ".git/objects/ab/cdef": b"x\x01"}
    return own | {"README.md": b"# Koans\n"} | under("koans", files)


def plain(class_: Iterable[Person], work: Work = tiny_work) -> Files:
    """A folder or a zip for each, called by their logins."""
    files: Files = {}
    for person in class_:
        given = uploads(person.place, work)
        if person.place % 2:
            files |= under(person.login, given)
        else:
            files[f"{person.login}.zip"] = zipped(given)
    return files
