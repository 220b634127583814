"""The gradebook: points, what is decided by hand, figures, similar wrong answers."""

from __future__ import annotations

import random
from itertools import combinations
from math import fsum

import pytest

from made_class import Made, Match, Person, an_assignment, made_class
from sensei import points
from sensei.grading import figures, gradebook, overrides
from sensei.grading.gradebook import file_ids
from sensei.grading.handins import HandIn, Id, Platform
from sensei.grading.overrides import Override, OverrideError
from sensei.verdicts import Kind


@pytest.fixture
def made() -> Made:
    """Three koans in two lessons; koan two is worth a fraction."""
    return Made(an_assignment("01 one two", "02 three", points={"two": 0.1}))


def by_name(book):
    return {record.name: record for record in book.records}


# ------------------------------------------------------------------------- points


def test_points_are_added_up_and_fractions_leave_no_dust():
    made = Made(an_assignment("01 a b c", points=dict.fromkeys("abc", 0.1)))
    made.learner("ann")
    [ann] = made.gradebook().records
    assert fsum([0.1] * 3) != 0.3, "else this shows nothing"
    assert ann.total == (0.3, 0.3)
    assert isinstance(points.number(points.total([0.1] * 10)), int)


def test_points_by_lesson(made):
    made.learner("ann", {"two": made.answer("test_two", "wrong", "7")})
    [ann] = made.gradebook().records
    assert ann.total == (2, 2.1)
    assert ann.by_lesson == {"01": (1, 1.1), "02": (1, 1)}
    assert points.shown(1 / 3) == "0.33" and points.shown(20) == "20"


@pytest.mark.parametrize("kind", list(Kind))
def test_only_what_is_skipped_or_ungraded_lowers_the_maximum(made, kind):
    made.learner("ann", {"three": made.answer("test_three", kind, "1")})
    [ann] = made.gradebook().records
    lowers = kind in (Kind.SKIPPED, Kind.UNGRADED)
    assert ann.total == (1.1 + (kind is Kind.PASSED), 1.1 + (not lowers))


def test_what_is_skipped_here_counts_for_nobody(made):
    made.learner("ann")
    [ann] = made.gradebook(skipped={0}).records
    assert ann.total == (1.1, 1.1) and ann.cells[0].kind is Kind.SKIPPED


def test_a_mark_for_a_platform(made):
    made.learner("ann", {"one": made.answer("test_one", "refused", "f()")}, ["02"])
    [ann] = made.gradebook().records
    mark = ann.mark("text")
    assert (mark.points, mark.out_of, mark.feedback_text) == (0.1, 2.1, "text")
    assert mark.by_lesson == {"01": (0.1, 1.1), "02": (0, 1)}
    assert mark.handed_in and not mark.late
    assert mark.flags == ["not handed in: lesson 02", "refused: test_one"]


def test_a_hand_in_that_can_not_be_read_is_no_mark(made):
    made.learner("ann", absent=["01", "02"])
    made.learner("ben", problem="an empty zip")
    made.learner("cem", hand_in=None)
    book = made.gradebook()
    assert [record.mark().handed_in for record in book.records] == [False] * 3
    assert [r.name for r in book.unread] == ["ann", "ben"]
    assert [r.name for r in book.absent] == ["cem"] and book.is_incomplete


def test_late_is_carried_from_the_platform_and_from_the_roster(made):
    late = HandIn("k", "ann", Platform.CANVAS, late=True)
    made.learner("ann", hand_in=late)
    made.learner("ben", person=Person("b", "ben", late=True))
    made.learner("cem")
    flags = [record.flags for record in made.gradebook().records]
    assert flags == [["late"], ["late"], []]


# ---------------------------------------------------------------------- overrides


def read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "overrides.csv"
    path.write_bytes(text.encode(encoding))
    return overrides.read(path)


def test_points_by_hand_count_and_are_flagged(made, tmp_path):
    made.learner("ann", {"two": made.answer("test_two", "wrong", "7")})
    made.learner("ben")
    given = read(tmp_path, "learner,koan,points,why\nann,test_two,0.05,see mail\n")
    ann, ben = made.gradebook(given=given).records
    assert ann.total == (2.05, 2.1) and ben.total == (2.1, 2.1)
    assert ann.flags == ["test_two: 0.05 points by hand (see mail)"] and not ben.flags


def test_what_excel_makes_of_the_file_is_read(tmp_path):
    text = "\ufeffWhy;Learner;Koan;Points\r\n;ann;one;0,5\r\n;;;\r\n"
    [given] = read(tmp_path, text)
    assert (given.learner, given.koan, given.points, given.why) == (
        "ann",
        "one",
        0.5,
        "",
    )
    assert given.place.endswith("overrides.csv:2")


def test_points_by_hand_for_what_the_grader_failed_at_count(made):
    made.learner("ann", {"one": made.answer("test_one", "ungraded")})
    given = [Override("ann", "test_one", 1, "")]
    [ann] = made.gradebook(given=given).records
    assert ann.total == (2.1, 2.1)


def test_any_id_names_a_learner(made):
    person = Person("u1", "Ann", {Id.PARTICIPANT: "4117", Id.EMAIL: "A@x.example"})
    made.learner("Ann", person=person, id="u1")
    for who in ("u1", "4117", "a@X.example"):
        [ann] = made.gradebook(given=[Override(who, "one", 0, "")]).records
        assert ann.total == (1.1, 2.1)


def test_there_may_be_no_overrides(tmp_path):
    assert overrides.read(tmp_path / "overrides.csv") == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ann,one,much,", "csv:2: points “much”: a number from 0 up"),
        ("ann,one,-1,", "csv:2: points “-1”: a number"),
        ("ann,one,nan,", "csv:2: points “nan”: a number"),
        ("ann,,1,", "csv:2: learner or koan is empty"),
        ("ann,one,2,", "csv:2: 2 points, and test_one has 1"),
        ("ann,on,1,", "csv:2: there is no koan “on” .* test_one"),
        ("Ann Lee,one,1,", "csv:2: there is no learner “Ann Lee”"),
        ("both,one,1,", "csv:2: “both” may be any of ann, ben"),
        ("ann,three,1,", "csv:2: test_three is excluded"),
        ("ann,one,1,\nann,test_one,0,", r"csv:3: test_one stands at .*csv:2 already"),
    ],
)
def test_an_override_that_can_not_be_used_is_named(made, tmp_path, line, message):
    ids = {Id.STUDENT: "both"}
    made.learner("Ann Lee", person=Person("ann", "Ann Lee", ids), id="ann")
    made.learner("Ben", person=Person("ben", "Ben", ids), id="ben")
    with pytest.raises(OverrideError, match=message):
        given = read(tmp_path, f"learner,koan,points,why\n{line}\n")
        made.gradebook(given=given, exclude=["three"])


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("", "utf-8", "first line has to name learner, koan, points, why"),
        ("learner,koan,points\n", "utf-8", "there is no why"),
        ("learner,koan,points,why\nZoë,a,1,\n", "latin-1", "not UTF-8"),
        ('learner,koan,points,why\n"a"b,one,1,\n', "utf-8", "not CSV"),
    ],
)
def test_a_file_that_can_not_be_read_is_named(tmp_path, text, encoding, message):
    with pytest.raises(OverrideError, match=message):
        read(tmp_path, text, encoding)


# --------------------------------------------------------------------- exclusions


def test_an_excluded_koan_is_out_for_everyone(made):
    made.learner("ann", {"one": made.answer("test_one", "wrong", "7")})
    made.learner("ben")
    book = made.gradebook(exclude=["one", "test_one"])
    assert [record.total for record in book.records] == [(1.1, 1.1)] * 2
    assert book.excluded == ("test_one",)
    assert [[k.name for k in koans] for _, koans in book.lessons] == [
        ["test_two"],
        ["test_three"],
    ]


def test_a_lesson_without_koans_that_count_is_not_missed(made):
    made.learner("ann", absent=["02"])
    book = made.gradebook(exclude=["three"])
    assert book.records[0].handed_in
    assert [lesson.number for lesson, _ in book.lessons] == ["01"]


def test_a_koan_to_exclude_that_there_is_not(made):
    with pytest.raises(OverrideError, match="no koan “thre” .* test_three"):
        made.gradebook(exclude=["thre"])


# ------------------------------------------------------------------------ figures


def test_statistics_are_of_those_who_handed_in(made):
    wrong = made.answer("test_one", "wrong", "7")
    for n in range(3):
        made.learner(f"a{n}", person=Person(f"a{n}", f"a{n}", section="A"))
    for n in range(2):
        person = Person(f"b{n}", f"b{n}", section="B")
        made.learner(f"b{n}", {"one": wrong}, ["02"], person=person)
    test = Person("t", "Student, Test", is_test_student=True)
    made.learner("test", {"one": wrong}, person=test)
    made.learner("absent", hand_in=None)
    made.learner("unreadable", problem="an empty zip")
    book = made.gradebook()
    of = book.statistics
    assert of and (of.learners, of.best, of.out_of) == (5, 2.1, 2.1)
    assert of.mean == pytest.approx((3 * 2.1 + 2 * 0.1) / 5)
    assert of.quartiles == pytest.approx((0.1, 2.1, 2.1))
    by_lesson = [
        (lesson.number, of.learners) for lesson, of in book.statistics_by_lesson
    ]
    assert by_lesson == [("01", 5), ("02", 3)], "02 was handed in by three"
    sections = [(name, of.learners) for name, of in book.statistics_by_section]
    assert sections == [("A", 3), ("B", 2)]
    assert [r.name for r in book.test_students] == ["test"]


def test_statistics_of_one_and_of_nobody(made):
    assert made.gradebook().statistics is None
    made.learner("ann")
    of = made.gradebook().statistics
    assert of and of.quartiles == (2.1, 2.1, 2.1)
    assert made.gradebook().statistics_by_section == []


def test_quartiles_against_a_slow_count():
    scores = [(float(n * n % 17), 20.0) for n in range(9)]
    of = figures.statistics_of(scores)
    ordered = sorted(got for got, _ in scores)
    assert of and of.quartiles == (ordered[2], ordered[4], ordered[6])


def test_two_of_one_name_are_told_apart(made):
    for id in ("41203", "41204"):
        made.learner("Noor Haddad", person=Person(id, "Noor Haddad"), id=id)
    made.learner("Ida Lund", id="5")
    book = made.gradebook()
    assert list(map(book.label, book.records)) == [
        "Noor Haddad (41203)",
        "Noor Haddad (41204)",
        "Ida Lund",
    ]


# ----------------------------------------------------------------- similar answers


def copied(made: Made, count: int, name: str = "copy") -> None:
    """Two more learners who share wrong answers that nobody else gave."""
    koans = made.assignment.koans[:count]
    given = {
        k.name: made.answer(k.name, "wrong", f"{i}.777") for i, k in enumerate(koans)
    }
    made.learner(f"{name} a", given)
    made.learner(f"{name} b", given)


def pairs(made: Made) -> list[tuple[str, str, int]]:
    found = made.gradebook().similar
    return [(one.left.name, one.right.name, len(one.cells)) for one in found]


def test_who_shares_many_wrong_answers_that_few_gave_is_listed():
    made = made_class(60)
    before = pairs(made)
    copied(made, figures.SHARED)
    assert before == [] and pairs(made) == [("copy a", "copy b", figures.SHARED)]
    cells = made.gradebook().similar[0].cells
    assert [cell.entry.fill for cell in cells] == [f"{i}.777" for i in range(5)]


def test_who_shares_fewer_is_not():
    made = made_class(60)
    copied(made, figures.SHARED - 1)
    assert pairs(made) == []


def test_wrong_answers_that_many_gave_list_nobody():
    made = made_class(60)
    for n in range(2):
        copied(made, 20, f"copy {n}")  # four of 64 gave each of them
    assert pairs(made) == []
    assert figures.few(64) == 3


def test_who_has_many_others_is_not_listed():
    made = Made()
    koans = made.assignment.koans
    for who in ("a", "b"):
        given = {
            k.name: made.answer(k.name, "wrong", f"{i}.7" if i < 5 else f"{i}.{who!r}")
            for i, k in enumerate(koans[:11])
        }
        made.learner(who, given)
    assert pairs(made) == [], "five of eleven are less than half"
    copied(made, 5)
    assert len(pairs(made)) == 1


def test_blanks_and_what_has_no_answer_are_not_similar():
    made = Made()
    names = [koan.name for koan in made.assignment.koans[:20]]
    kinds = ["blank", "missing", "error"]
    given = {name: made.answer(name, kinds[i % 3]) for i, name in enumerate(names)}
    made.learner("a", given)
    made.learner("b", given)
    assert pairs(made) == []


def test_a_group_is_one():
    made = made_class(30)
    copied(made, 12)
    (left, answers), (right, _) = made.learners[-2:]
    made.learners[-1] = Match(right.id, right.name, hand_in=left.hand_in), answers
    assert pairs(made) == []


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [12, 60, 180])
def test_an_honest_class_lists_nobody(count, seed):
    """Everybody errs alone, most in the ways in which most people do."""
    assert pairs(made_class(count, seed)) == []


@pytest.mark.parametrize("seed", range(4))
def test_an_honest_class_of_few_mistakes_lists_nobody(seed):
    """The narrowest: three wrong answers to a koan, and nobody knows much."""
    rng, made = random.Random(seed), Made()
    koans = made.assignment.koans
    pools = [[made.answer(k.name, "wrong", str(n)) for n in range(3)] for k in koans]
    for n in range(40):
        given = {
            koan.name: rng.choices(pool, [6, 2, 1])[0]
            for koan, pool in zip(koans, pools, strict=True)
            if rng.random() < 0.6
        }
        made.learner(f"{n:02}", given)
    assert pairs(made) == []


def test_similar_pairs_against_a_slow_count():
    rng, made = random.Random(1), Made()
    koans = made.assignment.koans[:14]
    for n in range(12):
        made.learner(
            f"{n:02}",
            {
                k.name: made.answer(k.name, "wrong", str(rng.randrange(4)))
                for k in koans
                if rng.random() < 0.7
            },
        )
    book = made.gradebook()
    wrong = {r.name: {c.number for c in r.cells if c.fell} for r in book.records}
    given = [number for numbers in wrong.values() for number in numbers]
    expected = set()
    for left, right in combinations(wrong, 2):
        rare = {n for n in wrong[left] & wrong[right] if given.count(n) <= 3}
        fewest = min(len(wrong[left]), len(wrong[right]))
        if len(rare) >= 5 and 2 * len(rare) >= fewest:
            expected.add((left, right, len(rare)))
    assert set(pairs(made)) == expected


# ------------------------------------------------------------------ names of files


def test_names_of_files_are_told_apart_by_every_file_system():
    ids = ["ann", "Ann", "ANN", "Zoë", "Zoe\u0308", "Zoe", "con", "nul.txt", "4117"]
    ids += ["a/b", "a:b", "", "..", "a.", "~a", "-rf", "王小明", "王小红"]
    ids += ["x" * 300, "x" * 301]
    names = file_ids(ids)
    assert len({name.casefold() for name in names}) == len(ids)
    for name in names:
        assert name.isascii() and len(name) < 80 and name[0].isalnum(), name
        assert not name.endswith(".") and "/" not in name
        assert not gradebook.RESERVED.fullmatch(name)
    assert names[ids.index("4117")] == "4117"


def test_a_name_of_a_file_does_not_depend_on_the_order():
    ids = ["ann", "Ann", "Zoë", "b"]
    forwards = dict(zip(ids, file_ids(ids), strict=True))
    assert forwards == dict(zip(ids[::-1], file_ids(ids[::-1]), strict=True))
