"""Taking the answers out of a lesson file that was handed in.

``Work`` reads it, as under pytest: reformatting, comments and prints are free, and
what it says of a koan that can't be run, it says here, too. Where more was changed
than the blank, the fill is looked for by what the koan asks; it is graded in the
koan as it was given, and marked: as an earlier version of it, where the course keeps
that, or else as changed. Nothing here runs.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sensei import allowed, blanks, faults, looking, source
from sensei.attempt import Attempt
from sensei.blanks import Fill, Fit
from sensei.grading.assignment import Assignment
from sensei.grading.book import Book, Entry
from sensei.lesson import Koan, Lesson, NotAsGiven, find_fill, functions
from sensei.source import Function, Unreadable
from sensei.verdicts import Kind, Verdict
from sensei.work import Work

MAX_PARTS = 3  # of one piece
MAX_LENGTH = 50_000  # characters of one koan; the longest has 2,000
MAX_STATEMENTS = 300  # of one koan that is searched for its blank
MISSING = "It was not handed in."
EARLIER = "In the version that was handed in, this koan asked something else."
NOT_TAKEN = Verdict(
    Kind.REFUSED, "This answer can't be taken out of its file. Write it simpler."
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What was in one lesson file.

    ``numbers`` are those of the answers in the book, a koan each. ``changed`` are the
    places of koans that were changed outside the blank; ``remarks`` say what was
    changed around the koans, and what can't be read.
    """

    numbers: tuple[int, ...]
    changed: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The number of an answer, and whether more than the blank is not as given.

    ``is_earlier``: it is so, for it is as it was given before.
    """

    number: int
    is_changed: bool = False
    is_earlier: bool = False


class Submitted(Work):
    """A learner's text of a lesson, or a piece of it.

    Its koans are taken to stand in the lesson as it was given.
    """

    def __init__(self, base: Work, text: str) -> None:
        self.base = base
        super().__init__(base.lesson, text.encode("utf-8", "surrogateescape"))

    @cached_property
    def frame(self) -> list[ast.stmt] | NotAsGiven | Unreadable:
        return self.fault or self.base.frame


@dataclass(frozen=True, slots=True)
class Piece:
    """What was read in a piece of a file: answers by their koans, and the rest."""

    answers: dict[int, Answer]
    around: str


class Reader:
    """Reads the files of one lesson.

    Learners agree in most koans, letter by letter: a piece that was read once is known
    by its text. A file with a piece that can't be read is read as a whole.
    """

    def __init__(self, assignment: Assignment, lesson: Lesson, book: Book) -> None:
        self.assignment = assignment
        self.lesson = lesson
        self.base = assignment.bases[lesson]
        self.book = book
        places = {koan: place for place, koan in enumerate(assignment.koans)}
        self.places = {koan.name: places[koan] for koan in lesson.koans.values()}
        self._pieces: dict[str, Piece | None] = {}
        self._frames: dict[tuple[str, ...], str] = {}

    def read(self, data: bytes) -> Taken:
        """Take the answers out of a file."""
        try:
            text = source.decode(data)
        except Unreadable as fault:
            return self._unreadable(fault)
        pieces = self._cut(text)
        if pieces is None:
            return self._read_whole(text)
        answers = {k: answer for piece in pieces for k, answer in piece.answers.items()}
        if len(answers) < sum(len(piece.answers) for piece in pieces):  # one is twice
            return self._read_whole(text)
        around = tuple(piece.around for piece in pieces if piece.around)
        if around not in self._frames:
            self._frames[around] = self._changed_around(text)
        return self._taken(answers, [self._frames[around]])

    @cached_property
    def nothing(self) -> Taken:
        """What is taken from a lesson that was not handed in."""
        return self._taken({}, [])

    def refused(self, reason: str) -> Taken:
        """What is taken from a file that is not to be read."""
        return self._none_of(f"This file was not read: {reason}.", reason)

    # ---------------------------------------------------------------------- files

    def _cut(self, text: str) -> list[Piece] | None:
        """A file in pieces, each readable by itself; None if there is no such cut.

        A cut may be amid a long string: then what stands behind it belongs to it.
        """
        pieces: list[Piece] = []
        parts: list[str] = []
        for _, part in source.cut(text):
            parts.append(part)
            if piece := self._piece("".join(parts)):
                pieces.append(piece)
                parts.clear()
            elif len(parts) == MAX_PARTS:
                break
        return None if parts else pieces

    def _piece(self, text: str) -> Piece | None:
        """What is in a piece of a file; None for one that can't be read by itself."""
        if text not in self._pieces:
            self._pieces[text] = self._read_piece(text)
        return self._pieces[text]

    def _read_piece(self, text: str) -> Piece | None:
        work = Submitted(self.base, text)
        twice = any(len(functions) > 1 for functions in work.found.values())
        if work.fault or work.faults or twice:
            return None
        answers = {self.places[name]: self._take(work, name) for name in work.found}
        return Piece(answers, "\n".join(map(ast.dump, work.around)))

    def _read_whole(self, text: str) -> Taken:
        work = Submitted(self.base, text)
        there = {*work.found, *work.faults, *(self.places if work.fault else ())}
        answers = {self.places[name]: self._take(work, name) for name in there}
        remarks = [f"{name} {_why(work.faults[name])}" for name in work.faults]
        if work.fault:
            remarks.append(f"lesson {self.lesson.number} {_why(work.fault)}")
        else:
            remarks.append(self._changed_around(text))
        return self._taken(answers, remarks)

    def _changed_around(self, text: str) -> str:
        data = text.encode("utf-8", "surrogateescape")
        frame = Work(self.lesson, data).frame
        if not isinstance(frame, NotAsGiven):
            return ""
        if any(isinstance(Work(old, data).frame, list) for old in self.lesson.earlier):
            return f"lesson {self.lesson.number} is an earlier version"
        return f"lesson {self.lesson.number} changed around its koans: {frame.reason}"

    def _taken(self, answers: dict[int, Answer], remarks: list[str]) -> Taken:
        places = self.places.values()
        earlier = [
            name
            for name, k in self.places.items()
            if k in answers and answers[k].is_earlier
        ]
        if earlier:
            remarks = [*remarks, f"in an earlier version: {', '.join(earlier)}"]
        return Taken(
            tuple(
                answers[k].number if k in answers else self._missing(k) for k in places
            ),
            tuple(k for k in places if k in answers and answers[k].is_changed),
            tuple(filter(None, remarks)),
        )

    def _missing(self, place: int) -> int:
        return self.book.settled(place, Verdict(Kind.MISSING, MISSING))

    def _unreadable(self, fault: Unreadable) -> Taken:
        return self._none_of(faults.unreadable(fault), fault.reason)

    def _none_of(self, sentence: str, reason: str) -> Taken:
        verdict = Verdict(Kind.ERROR, sentence)
        numbers = [self.book.settled(place, verdict) for place in self.places.values()]
        remark = f"lesson {self.lesson.number} can't be read: {reason}"
        return Taken(tuple(numbers), remarks=(remark,))

    # ---------------------------------------------------------------------- koans

    def _take(self, work: Submitted, name: str) -> Answer:
        """Enter a koan's answer into the book, if it is not there already."""
        koan = self.lesson.koans[name]
        try:
            if any(
                _length(work, function) > MAX_LENGTH
                for function in work.found.get(name, [])
            ):
                return self._too_long(koan)
            return self._answer(work, koan)
        except (RecursionError, MemoryError, ValueError):
            return self._refused(koan)

    def _with_its_numbers(self, work: Submitted, koan: Koan) -> Koan:
        """The variant of a koan that stands in a file; the koan itself for none."""
        several = self.assignment.variants.get(koan, ())
        found = work.found.get(koan.name, [])
        for one in (koan, *several) if several and len(found) == 1 else ():
            assert one.pristine
            if isinstance(blanks.match([one.pristine], found, work.helpers), Fit):
                return one
        return koan

    def _answer(self, work: Submitted, koan: Koan) -> Answer:
        koan = self._with_its_numbers(work, koan)
        attempt = work.attempt(koan)
        if isinstance(attempt, Attempt):
            return self._enter(koan, attempt.fill, attempt)
        if attempt.wrote:
            return self._enter(koan, work.fill(koan), attempt)
        if attempt.kind is Kind.BLANK:
            return Answer(self.book.settled(self._place(koan), attempt))
        if work.fault:
            return self._settled(koan, attempt.sentence)
        is_earlier = False
        try:
            function = work.function(koan)
            if _statements(function) > MAX_STATEMENTS:
                return self._too_long(koan)
            is_earlier = self._was_given(koan, function, work)
            fill = find_fill(koan.note, function, work.helpers)
        except NotAsGiven:
            sentence = EARLIER if is_earlier else attempt.sentence
            return self._settled(koan, sentence, not is_earlier, is_earlier)
        except Unreadable:
            return self._settled(koan, attempt.sentence)
        number = self._enter(koan, fill, None).number
        return Answer(number, not is_earlier, is_earlier)

    def _was_given(self, koan: Koan, function: Function, work: Submitted) -> bool:
        """Whether a koan that is not as today's is as one that was given before."""
        given = (_koan_of(lesson, koan.name) for lesson in self.lesson.earlier)
        return any(
            isinstance(blanks.match([old], [function], work.helpers), Fit)
            for old in given
            if old is not None
        )

    def _settled(
        self,
        koan: Koan,
        sentence: str,
        is_changed: bool = False,
        is_earlier: bool = False,
    ) -> Answer:
        verdict = Verdict(Kind.ERROR, sentence)
        number = self.book.settled(self._place(koan), verdict)
        return Answer(number, is_changed, is_earlier)

    def _too_long(self, koan: Koan) -> Answer:
        change = NotAsGiven("it is far longer than it was")
        return self._settled(koan, faults.not_as_given(change, koan, koan.lesson), True)

    def _refused(self, koan: Koan) -> Answer:
        return Answer(self.book.settled(self._place(koan), NOT_TAKEN))

    def _place(self, koan: Koan) -> int:
        return self.assignment.places[koan]

    def _enter(
        self, koan: Koan, fill: Fill, attempt: Attempt | Verdict | None
    ) -> Answer:
        """Enter a fill, without what only looks; the same answer is entered once.

        ``attempt`` is None for a fill that did not stand in the koan as given.
        """
        place = self._place(koan)
        try:
            text = _text(fill, self.base.helpers)
        except (SyntaxError, ValueError):  # some f-strings can't be written down
            return self._refused(koan)
        number = self.book.number_of(place, text)
        if number is None:
            if attempt is None or _is_delicate(fill):
                attempt = self._put(koan, fill, text)
            entry = Entry(place, text)
            if isinstance(attempt, Verdict):
                entry.verdict, entry.rule = attempt, self._rule(koan, fill, attempt)
            number = self.book.fill(entry)
        return Answer(number)

    def _rule(self, koan: Koan, fill: Fill, verdict: Verdict) -> str:
        """The rule that a refused fill breaks."""
        if verdict.kind is not Kind.REFUSED:
            return ""
        free, scope = self.lesson.course.free, self.base.scope(koan, fill)
        refusal = allowed.refusal(fill, scope, free)
        return refusal.rule if refusal else ""

    def _put(self, koan: Koan, fill: Fill, text: str) -> Attempt | Verdict:
        """An answer in the koan as it was given, if it is the same there.

        Python writes some f-strings and texts of several lines in another way.
        """
        try:
            base = self.assignment.base(koan)
            example = base.example(koan, text)
            same = text != fill.text or _dumps(example.fill.nodes) == _dumps(fill.nodes)
        except (Unreadable, NotAsGiven, ValueError):
            same = False
        if not same:
            return NOT_TAKEN
        return Submitted(base, "\n".join(example.lines)).attempt(koan)


def _koan_of(lesson: Lesson, name: str) -> Function | None:
    """A koan of an earlier lesson, with its blank in it; None where it has none."""
    assert lesson.pristine is not None
    try:
        return lesson.pristine.koan(name)[0]
    except NotAsGiven:  # it is new since then, or asked something else
        return next(iter(functions(lesson.pristine.tree.body).get(name, [])), None)


def _text(fill: Fill, helpers: frozenset[str]) -> str:
    """A fill as Python would write it: the same for every layout."""
    if fill.is_expression:
        return fill.text
    return "\n".join(map(ast.unparse, looking.without_looking(fill.nodes, helpers)))


def _why(fault: Unreadable) -> str:
    where = f" (line {fault.line})" if fault.line else ""
    return f"can't be read: {fault.reason}{where}"


def _length(work: Work, function: Function) -> int:
    return sum(map(len, work.lines[function.lineno - 1 : function.end_lineno]))


def _statements(function: Function) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(function))


def _is_delicate(fill: Fill) -> bool:
    return any(
        isinstance(node, ast.JoinedStr)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
        for root in fill.nodes
        for node in ast.walk(root)
    )


def _dumps(nodes: Sequence[ast.AST]) -> list[str]:
    return [ast.dump(node) for node in nodes]
