"""Answers held to the numbers of whoever gave them, and to everybody else's.

``settle`` comes before the judging: an answer counts for the koan that its learner was
given, whichever koan it stood in. ``remarks`` come after it: which answers are right
for somebody else's numbers, and who has these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sensei.grading import numbers
from sensei.grading.assignment import Assignment
from sensei.grading.book import UNJUDGED, Book, Entry
from sensei.grading.gradebook import Answers
from sensei.grading.numbers import Numbers, NumbersError
from sensei.grading.tables import some
from sensei.lesson import Koan
from sensei.verdicts import Kind

FEWEST = 3  # koans with numbers of their own, before a secret is said to be wrong
NAMED = 3  # people whose numbers they may be
RIGHT_ELSEWHERE = "right for somebody else's numbers"
NOT_THEIRS = "with somebody else's numbers"
NOBODY = "not on the roster: judged by the numbers that are in the file"


def settle(
    assignment: Assignment, book: Book, answers: Answers, learners: Sequence[str]
) -> Answers:
    """What was taken from a hand-in, as answers to its learners' own koans.

    ``learners`` are the ids of all whose it is; of nobody's, the file decides.
    """
    found = list(answers.numbers)
    foreign: dict[int, int] = {}
    for place, expected in _expected(assignment, learners):
        entry = book.entries[found[place]]
        if entry.kind is Kind.MISSING or entry.koan in expected:
            continue
        if place not in answers.changed:
            foreign[place] = entry.koan
        if entry.fill:
            own = Entry(expected[0], entry.fill)
            if entry.verdict is not UNJUDGED:
                own.verdict, own.rule = entry.verdict, entry.rule
            found[place] = book.fill(own)
    is_nobodys = not learners and _has_own(assignment, book, found)
    remarks = [*answers.remarks, NOBODY] if is_nobodys else answers.remarks
    return replace(answers, numbers=found, remarks=remarks, foreign=foreign)


def _has_own(assignment: Assignment, book: Book, found: Sequence[int]) -> bool:
    common = len(assignment.koans)
    return any(book.entries[number].koan >= common for number in found)


def _expected(
    assignment: Assignment, learners: Sequence[str]
) -> Iterator[tuple[int, list[int]]]:
    """The places of the variants that learners have, by the places of the koans."""
    secret, places = assignment.numbers, assignment.places
    for koan, several in assignment.variants.items() if secret and learners else ():
        assert secret
        chosen = dict.fromkeys(secret.choice(koan, who) for who in learners)
        yield places[koan], [places[several[i]] for i in chosen]


def check(assignment: Assignment, book: Book, taken: Sequence[Answers]) -> None:
    """Raises NumbersError where most koans are not what the secret says."""
    own = foreign = 0
    places = {assignment.places[koan] for koan in assignment.variants}
    for answers in taken:
        there = {
            place
            for place in places
            if book.entries[answers.numbers[place]].kind is not Kind.MISSING
        }
        other = there & {*answers.foreign, *answers.changed}
        foreign += len(other)
        own += len(there - other)
    if foreign >= FEWEST and foreign > own:
        raise NumbersError(
            f"--numbers: {foreign} of {own + foreign} koans that were handed in do not "
            f"have the numbers that this secret gives to their learners. Name the "
            f"secret and the roster that the handout was made with. Nothing was marked"
        )


# ------------------------------------------------------------------ whose they are


def is_copied(remark: str) -> bool:
    """Whether a remark says that something fits other people's numbers."""
    return remark.startswith((RIGHT_ELSEWHERE, NOT_THEIRS))


class Others:
    """Whose numbers an answer may be: the class, by the ids that they have.

    ``names`` are by id; those of the roster.
    """

    def __init__(
        self, assignment: Assignment, book: Book, names: Mapping[str, str]
    ) -> None:
        assert assignment.numbers
        self.assignment = assignment
        self.book = book
        self.names = names
        self.numbers: Numbers = assignment.numbers
        self._right: dict[tuple[int, str], list[int]] = {}

    def remarked(self, answers: Answers, learners: Sequence[str]) -> Answers:
        """Answers with what is to be known of other people's numbers in them."""
        copied = {
            koan: found
            for place, koan in enumerate(self.assignment.koans)
            if (found := self._fits(answers, place, koan)) and learners
        }
        places = {self.assignment.koans.index(koan): koan for koan in copied}
        texts = [k.name for p, k in places.items() if p not in answers.foreign]
        files = [k.name for p, k in places.items() if p in answers.foreign]
        remarks = []
        if texts:
            remarks.append(f"{RIGHT_ELSEWHERE}: {', '.join(texts)}")
        if files:
            remarks.append(f"{NOT_THEIRS}: {', '.join(files)}")
        if copied:
            remarks.append(self._whose(copied, learners))
        common = [
            self.assignment.koans[place].name
            for place, found in answers.foreign.items()
            if found < len(self.assignment.koans)
        ]
        if common:
            remarks.append(f"without numbers of their own: {', '.join(common)}")
        return replace(answers, remarks=[*answers.remarks, *remarks])

    def _fits(self, answers: Answers, place: int, koan: Koan) -> list[int]:
        """The variants that a koan of a hand-in was taken from, as it seems."""
        several = self.assignment.variants.get(koan, ())
        found = answers.foreign.get(place, -1)
        if found >= len(self.assignment.koans):
            return [i for i, v in enumerate(several) if self._place(v) == found]
        entry = self.book.entries[answers.numbers[place]]
        if not several or entry.kind is not Kind.WRONG:
            return []
        key = place, entry.fill
        if key not in self._right:
            self._right[key] = list(self._right_for(koan, entry.fill))
        return self._right[key]

    def _place(self, koan: Koan) -> int:
        return self.assignment.places[koan]

    def _right_for(self, koan: Koan, fill: str) -> Iterator[int]:
        pool = self.numbers.pool(koan)
        for i, answer in enumerate(pool.answers if pool else ()):
            found = numbers.value_of(koan, answer)
            if found is not None and numbers.is_right(koan, fill, found):
                yield i

    def _whose(self, copied: Mapping[Koan, list[int]], learners: Sequence[str]) -> str:
        """Who has the most of these numbers."""
        fits = Counter(
            who
            for koan, found in copied.items()
            for who in self.names
            if who not in learners and self.numbers.choice(koan, who) in found
        )
        if not fits:
            return "nobody on the roster has these numbers"
        most = max(fits.values())
        people = [self.names[who] for who in self.names if fits[who] == most]
        named = some(people) if len(people) <= NAMED else f"{len(people)} people"
        of = f"{most} of {len(copied)}"
        return f"{named} {'has' if len(people) == 1 else 'have'} {of} of these numbers"
