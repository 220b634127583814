"""Feedback for one learner: a page that opens from a download folder, or the same as
comments in a .py, or as plain text.

``packets`` writes them. What was not right comes first, each koan with its question;
no right answer is in it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from sensei.grading import figures, gradebook
from sensei.grading.gradebook import LONGEST_NAME, Cell, Gradebook, Record
from sensei.grading.out.markup import LONGEST_PROSE, code, render
from sensei.grading.shown import clean, shortened
from sensei.lesson import Lesson
from sensei.points import shown
from sensei.verdicts import Kind

MARKER = "<!doctype html>\n<!-- feedback of sensei grade -->\n"  # how ours begin
WIDTH = 78
LINES, LONGEST = 40, 2_000  # of what a learner wrote: it is theirs

MEANS = {
    Kind.WRONG: "does not hold",
    Kind.FAILED: "a check does not hold",
    Kind.REFUSED: "not allowed, and not run",
    Kind.ERROR: "did not work",
    Kind.TIMEOUT: "did not end in time",
    Kind.CRASHED: "ended its process",
}
UNCOUNTED = {
    Kind.UNGRADED: "The grader failed here; it counts neither for nor against you",
    Kind.SKIPPED: "Can't run where it was graded; it counts for nobody",
}


@dataclass(frozen=True)
class Item:
    """A koan that is not right, or several that have one sentence in common."""

    lesson: str
    title: str
    koans: int
    question: str
    asks: str
    means: str
    wrote: str
    says: str
    hint: str


@dataclass(frozen=True)
class Feedback:
    """What a learner is told, in the order of the page."""

    name: str
    points: str
    out_of: str
    share: float
    is_late: bool
    notes: list[str]
    by_hand: list[tuple[str, str, str]]
    wrong: list[Item]
    blank: list[Item]
    absent: list[str]
    aside: list[str]
    right: str
    lessons: list[tuple[str, str, str, float]]


def of(book: Gradebook, record: Record, name: str = "") -> Feedback:
    """The feedback on a record; ``name`` is that of a group."""
    cells, (points, out_of) = record.cells, record.total
    there = [c for c in cells if c.koan.lesson.number not in record.answers.absent]
    return Feedback(
        name=shortened(clean(name), LONGEST_NAME) or book.label(record),
        points=shown(points),
        out_of=shown(out_of),
        share=_share(points, out_of),
        is_late=record.match.late,
        notes=_notes(book, record),
        by_hand=[_by_hand(cell) for cell in cells if cell.override],
        wrong=list(_wrong(cell for cell in there if cell.fell)),
        blank=[_item([cell]) for cell in there if cell.kind is Kind.BLANK],
        absent=[_name(x) for x, _ in book.lessons if x.number in record.answers.absent],
        aside=list(_aside(there)),
        right=_right(cells),
        lessons=[_lesson(x, inside) for x, inside in gradebook.by_lesson(cells)],
    )


def page(book: Gradebook, record: Record, name: str = "") -> str:
    """The feedback as a page of its own."""
    feedback = of(book, record, name)
    styles = "base.css", "feedback.css"
    return MARKER + render("feedback.html.j2", *styles, told=feedback)


# --------------------------------------------------------------------- what is told


def _share(points: float, out_of: float) -> float:
    return round(100 * points / out_of, 2) if out_of else 0


def _name(lesson: Lesson) -> str:
    return f"{lesson.number} {lesson.title}"


def _lesson(lesson: Lesson, cells: list[Cell]) -> tuple[str, str, str, float]:
    points, out_of = gradebook.total(cells)
    share = _share(points, out_of)
    return lesson.number, lesson.title, f"{shown(points)} of {shown(out_of)}", share


def _notes(book: Gradebook, record: Record) -> list[str]:
    problem = record.answers.problem
    notes = [f"It could not be read: {problem}."] if problem else []
    notes += [_sentence(remark) for remark in record.answers.remarks]
    if changed := [cell.title for cell in record.cells if cell.changed]:
        notes.append(f"Changed outside the blank, graded as given: {_list(changed)}.")
    for says, inside in figures.beliefs_of(record).items():
        notes.append(_belief(says, inside, book.beliefs.get(says, "")))
    if book.excluded:
        notes.append(f"Taken out for everyone: {_list(book.excluded)}.")
    return [shortened(clean(note), LONGEST_PROSE) for note in notes]


def _belief(says: str, cells: Sequence[Cell], see: str) -> str:
    """What several wrong answers have in common."""
    which = f"{len(cells)} of your answers ({_list(cell.title for cell in cells)})"
    again = f" Look at {see} again." if see else ""
    return f"{which} would be right if {says}.{again}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _by_hand(cell: Cell) -> tuple[str, str, str]:
    assert cell.override
    points = f"{shown(cell.points)} of {shown(cell.koan.note.points)}"
    return cell.title, points, shortened(clean(cell.override.why), LONGEST_PROSE)


def _wrong(cells: Iterable[Cell]) -> Iterator[Item]:
    """A file that can't be read has one sentence for all its koans: it is said once."""

    def alike(cell: Cell) -> tuple[object, ...]:
        alone = cell.koan.name if cell.entry.fill else ""
        return cell.koan.lesson, cell.entry.sentence, alone

    for _, several in groupby(cells, alike):
        yield _item(list(several))


def _item(cells: list[Cell]) -> Item:
    [first, *more] = cells
    koan, entry = first.asked or first.koan, first.entry
    is_whole = more and len(cells) == len(koan.lesson.koans)
    return Item(
        lesson=_name(koan.lesson),
        title="all of it" if is_whole else _list(cell.title for cell in cells),
        koans=len(cells),
        question="" if more else koan.question,
        asks="" if more else koan.note.asks.strip(),
        means=MEANS.get(first.kind, "left blank"),
        wrote=code(entry.fill, LINES, LONGEST),
        says="" if first.kind is Kind.BLANK else entry.sentence,
        hint=koan.note.hints[0] if first.kind.hinted else "",
    )


def _aside(cells: list[Cell]) -> Iterator[str]:
    """What is not in the file, and what counts for nobody."""
    groups = {Kind.MISSING: "Not in your file", **UNCOUNTED}
    for kind, what in groups.items():
        if names := [cell.title for cell in cells if cell.kind is kind]:
            yield f"{what}: {_list(names)}."


def _right(cells: Iterable[Cell]) -> str:
    """What was right, in one line."""
    whole, parts, count, of_all = [], [], 0, 0
    for lesson, inside in gradebook.by_lesson(cells):
        passed = sum(cell.kind is Kind.PASSED for cell in inside)
        count, of_all = count + passed, of_all + len(inside)
        if passed == len(inside):
            whole.append(lesson.number)
        elif passed:
            parts.append(f"{passed} of {len(inside)} in {lesson.number}")
    named = [f"all of {_list(whole)}"] if whole else []
    where = f": {'; '.join(named + parts)}" if count else ""
    return f"{count} of {of_all} koans are right{where}."


# ------------------------------------------------------------------------ as text


def text(book: Gradebook, record: Record, name: str = "") -> str:
    """The same as plain text: for a gradebook's column, or a file of comments."""
    lines = (line.rstrip() for line in _lines(of(book, record, name)))
    return "\n".join(lines) + "\n"


def comments(book: Gradebook, record: Record, name: str = "") -> str:
    """The same as a .py that does nothing: every line is a comment.

    Its first two lines are ours: Python looks for an encoding there.
    """
    lines = text(book, record, name).splitlines()
    return "".join(f"# {line}".rstrip() + "\n" for line in ["Feedback", "", *lines])


def line(book: Gradebook, record: Record) -> str:
    """The feedback in a line, for a cell of a marks file."""
    told = of(book, record)
    parts = [f"{told.points} of {told.out_of} points."]
    parts += ["Handed in late."] if told.is_late else []
    for what, items in (("Not right", told.wrong), ("Left blank", told.blank)):
        if items:
            parts.append(f"{what}: {_list(item.title for item in items)}.")
    parts += [f"Not handed in: lesson {_list(told.absent)}."] if told.absent else []
    return shortened(clean(" ".join(parts)), LONGEST_PROSE)


def _lines(told: Feedback) -> Iterator[str]:
    late = " Handed in late." if told.is_late else ""
    yield from _folded(f"{told.name}: {told.points} of {told.out_of} points.{late}")
    for note in told.notes:
        yield from _folded(note)
    for title, points, why in told.by_hand:
        yield from _folded(f"By hand: {title}: {points} points. {why}")
    yield from _folded(told.right)
    for heading, items in (("NOT RIGHT", told.wrong), ("LEFT BLANK", told.blank)):
        if items:
            yield from ("", "", f"{heading} ({sum(item.koans for item in items)})")
        for item in items:
            yield from _of_item(item)
    if told.absent or told.aside:
        yield from ("", "")
    if told.absent:
        yield from _folded(f"Not handed in: lesson {_list(told.absent)}.")
    for aside in told.aside:
        yield from _folded(aside)


def _of_item(item: Item) -> Iterator[str]:
    yield from ("", *_folded(f"--- {item.lesson}: {item.title} ({item.means})"))
    parts = [_folded(part) for part in item.question.split("\n\n")]
    parts.append(_indented(item.asks))
    if item.wrote:
        parts += [["You wrote:"], _indented(item.wrote)]
    parts += [_folded(item.says), _folded(item.hint and f"Hint: {item.hint}")]
    for part in filter(None, parts):
        yield from ("", *part)


def _folded(text: str) -> list[str]:
    return textwrap.wrap(clean(text.replace("\n", " ")), WIDTH)


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]
