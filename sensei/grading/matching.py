"""Whose each hand-in is, and what needs a person to say.

``match`` pairs hand-ins with the people of a roster who fit them (``candidates``), and
never where two people fit. What is left open is a ``Need`` (``needs``), and what a
person answered to one comes first.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sensei.grading.candidates import BEFORE_NAMES, Fit, People
from sensei.grading.handins import HandIn
from sensei.grading.lessons import Submission
from sensei.grading.needs import AS_IT_IS, NOBODY, SAY_WHICH, Need, written
from sensei.grading.roster import Person, Roster
from sensei.grading.tables import some


@dataclass(frozen=True, eq=False)
class Match:
    """A learner: a person of the roster, a hand-in, or both. ``id`` is theirs alone.

    A group's hand-in has a match for each member.
    """

    id: str
    name: str
    person: Person | None = None
    hand_in: HandIn | None = None
    remarks: tuple[str, ...] = ()

    @property
    def late(self) -> bool:
        on_roster = self.person is not None and self.person.late
        return on_roster or (self.hand_in is not None and self.hand_in.late)

    @property
    def section(self) -> str:
        return self.person.section if self.person else ""


@dataclass(frozen=True)
class Matched:
    """A class: its learners, those of the roster first and in its order, and what needs
    a person to say, with what was said already.
    """

    matches: list[Match]
    needs: list[Need]
    roster: Roster | None = None

    @property
    def open_needs(self) -> list[Need]:
        return [need for need in self.needs if need.is_open]

    def lines(self) -> list[str]:
        """For the screen: who is missing."""
        if self.roster is None:
            return []
        people = [m for m in self.matches if m.person and not m.person.is_test_student]
        absent = [match for match in people if match.hand_in is None]
        here = len(people) - len(absent)
        lines = [f"roster: {here} of {len(people)} handed in"]
        if absent:
            names = [_who(match.person) for match in absent if match.person]
            lines.append(f"missing: {some(names)}")
        return lines


def _who(person: Person) -> str:
    return person.id if person.name == person.id else f"{person.name} ({person.id})"


def match(
    hand_ins: Sequence[HandIn],
    roster: Roster | None = None,
    answers: Mapping[str, str] | None = None,
    submission_of: Callable[[HandIn], Submission] | None = None,
) -> Matched:
    """The learners of a class. ``answers`` is what ``needs.read`` gave.

    ``submission_of`` says what is in a hand-in, and what troubles there are with it.
    """
    pairing = _Pairing(hand_ins, roster, answers or {}, submission_of)
    pairing.settle_twice()
    matches = pairing.of_roster() + pairing.of_nobody()
    return Matched(matches, pairing.needs(), roster)


class _Pairing:
    """The hand-ins of a class on their way to their people."""

    def __init__(
        self,
        hand_ins: Sequence[HandIn],
        roster: Roster | None,
        answers: Mapping[str, str],
        submission_of: Callable[[HandIn], Submission] | None,
    ) -> None:
        self.roster = roster
        self.people = People(roster) if roster else None
        self.hand_ins = {hand_in.key: hand_in for hand_in in hand_ins}
        names = {written(name): name for name in self.hand_ins}
        self.answers = {names.get(k, k): a.strip() for k, a in answers.items() if a}
        self.submission_of = submission_of
        self.aside = {k for k, a in self.answers.items() if a.casefold() == NOBODY}
        self.fits = {name: self._fit(one) for name, one in self.hand_ins.items()}
        self.twice: dict[str, str] = {}
        self.remarks: dict[str, list[str]] = defaultdict(list)  # by a person's id

    def _fit(self, hand_in: HandIn) -> Fit:
        answer = self.answers.get(hand_in.key, "")
        if self.people is None or hand_in.key in self.aside:
            return Fit()
        return self.people.by_answer(answer) if answer else self.people.find(hand_in)

    def _claims(self) -> dict[Person, list[str]]:
        claims: dict[Person, list[str]] = defaultdict(list)
        for name, fit in self.fits.items():
            for person in fit.people if fit.is_sure else ():
                if name not in self.aside:
                    claims[person].append(name)
        return claims

    def settle_twice(self) -> None:
        """Of two hand-ins of one learner the one counts that belongs_to says; or
        either, where they are the same; or else neither.
        """
        for person, names in self._claims().items():
            if len(names) > 1:
                counts = self._of_several(names)
                rest = [name for name in names if name != counts]
                listed = some(rest)
                said = "also handed in, and set aside" if counts else "handed in twice"
                self.remarks[person.id].append(f"{said}: {listed}")
                for name in rest:
                    self._take_from(person, name, "" if counts else listed)

    def _of_several(self, names: Sequence[str]) -> str:
        answered = [name for name in names if name in self.answers]
        if len(answered) == 1:
            return answered[0]
        return names[0] if self._are_same(names) else ""

    def _take_from(self, person: Person, name: str, undecided: str) -> None:
        """This hand-in does not count for this person; in a group, for the others."""
        fit = self.fits[name]
        people = tuple(other for other in fit.people if other is not person)
        self.fits[name] = replace(fit, people=people)
        if undecided:
            self.twice[name] = f"{_who(person)} handed in twice: {undecided}"
        elif not people:
            self.aside.add(name)

    def _are_same(self, names: Sequence[str]) -> bool:
        if self.submission_of is None:
            return False
        files = [self.submission_of(self.hand_ins[name]).files for name in names]
        return bool(files[0]) and all(each == files[0] for each in files)

    # -------------------------------------------------------------- the learners

    def of_roster(self) -> list[Match]:
        claims = self._claims()
        return [
            self._of(person, claims.get(person, []))
            for person in (self.roster.people if self.roster else ())
        ]

    def _of(self, person: Person, names: Sequence[str]) -> Match:
        """Who has one hand-in, or none: those who had two were settled."""
        remarks = self.remarks[person.id]
        remarks += [self.fits[name].remark for name in names if self.fits[name].remark]
        may_be = [
            name
            for name, fit in self.fits.items()
            if not names and person in fit.people and name not in self.aside
        ]
        if may_be:
            remarks.append(f"may have handed in: {some(may_be)}")
        hand_in = self.hand_ins[names[0]] if names else None
        return Match(person.id, person.name, person, hand_in, tuple(remarks))

    def of_nobody(self) -> list[Match]:
        """Hand-ins that are nobody's yet: each counts as a learner."""
        owned = {name for names in self._claims().values() for name in names}
        left = [h for k, h in self.hand_ins.items() if k not in owned | self.aside]
        people = self.roster.people if self.roster else ()
        taken = Counter(person.id.casefold() for person in people)
        taken.update(_shortest(hand_in).casefold() for hand_in in left)
        matches = []
        for hand_in in left:
            id = _shortest(hand_in)
            if taken[id.casefold()] > 1:  # its key is no other hand-in's
                id = hand_in.key
                id += f"-{digest(id)}" if taken[id.casefold()] else ""
            matches.append(Match(id, hand_in.name, None, hand_in))
        return matches

    # ------------------------------------------------------------------ the needs

    def needs(self) -> list[Need]:
        """What is open, then what was answered: the next run needs that again."""
        needs = [*filter(None, map(self._need, self.hand_ins.values()))]
        needs += [
            Need(name, "it is not in this export", "", answer, is_open=False)
            for name, answer in self.answers.items()
            if name not in self.hand_ins
        ]
        return sorted(needs, key=lambda need: not need.is_open)

    def _need(self, hand_in: HandIn) -> Need | None:
        name, answer = hand_in.key, self.answers.get(hand_in.key, "")
        reasons, to_do = self._whose(hand_in)
        is_settled = bool(answer) and not reasons
        if name not in self.aside and not is_settled:
            troubles = hand_in.troubles
            if self.submission_of is not None:
                troubles = self.submission_of(hand_in).troubles
            reasons += troubles
            if troubles and not to_do:
                to_do = AS_IT_IS
        if reasons:
            return Need(name, "; ".join(reasons), to_do, answer)
        return Need(name, "answered", "", answer, is_open=False) if answer else None

    def _whose(self, hand_in: HandIn) -> tuple[list[str], str]:
        name = hand_in.key
        if self.people is None or name in self.aside:
            return [], ""
        if name in self.twice:
            return [self.twice[name]], SAY_WHICH
        fit = self.fits[name]
        if fit.is_sure:
            return [], ""
        if fit.people:
            return [f"fits {some([*map(_who, fit.people)])}"], fit.what_to_do
        return [fit.reason], fit.what_to_do


def _shortest(hand_in: HandIn) -> str:
    """What tells two people of one name apart: the number, if there is one."""
    ids = [hand_in.ids[kind] for kind in BEFORE_NAMES if kind in hand_in.ids]
    return ids[0] if ids else hand_in.key


def digest(text: str) -> str:
    """A short name for a text, the same in each run."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
