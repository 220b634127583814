"""Whose a hand-in may be: the people of a roster who fit it.

They fit by the numbers and ids that both bear, and by names only where they share none.
How hand-ins and people are paired is for ``matching`` to say.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sensei.grading.handins import HandIn, Id, Platform
from sensei.grading.needs import SAY_WHOSE
from sensei.grading.roster import Dialect, Person, Roster, folded
from sensei.grading.tables import shown

BEFORE_NAMES = [kind for kind in Id if kind is not Id.NAME]


def key(text: str) -> str:
    """A name without what platforms change in it: case, accents, punctuation."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())


def name_keys(name: str) -> set[str]:
    """A name from each of its words on: last names stand first or last, and Canvas
    leaves no space between the words.
    """
    words = [word for word in map(key, re.split(r"[\s,_]+", name)) if word]
    return {"".join(words[i:] + words[:i]) for i in range(len(words))}


@dataclass(frozen=True)
class Fit:
    """Who a hand-in may be of; ``together`` if it is of all of them."""

    people: tuple[Person, ...] = ()
    together: bool = False
    reason: str = "nobody on the roster fits"
    what_to_do: str = SAY_WHOSE
    remark: str = ""

    @property
    def is_sure(self) -> bool:
        return len(self.people) == 1 or (self.together and bool(self.people))


ANONYMOUS = Fit(
    reason="handed in anonymously: Canvas says not whose it is",
    what_to_do="Post the grades in Canvas, which shows names again, and download once "
    f"more; or: {SAY_WHOSE}",
)


class People:
    """The people of a roster, to be found by what a hand-in bears."""

    def __init__(self, roster: Roster) -> None:
        self.ids: dict[Id, dict[str, list[Person]]] = defaultdict(_lists)
        self.names, self.any, self.own = _lists(), _lists(), _lists()
        self.groups, self.teams = _lists(), _lists()
        people = roster.people
        is_moodle = roster.dialect is Dialect.MOODLE
        self.has_teams = is_moodle and any(person.group for person in people)
        for person in people:
            for kind, text in person.ids.items():
                self.ids[kind][text.casefold()].append(person)
            as_written = [person.row.cell(0)] if is_moodle else []
            for text in {person.id, *person.ids.values(), *as_written}:
                self.any[text.casefold()].append(person)
            self.own[person.id.casefold()].append(person)
            for name in name_keys(person.name):
                self.names[name].append(person)
            if person.group:
                self.groups[key(person.group)].append(person)
                self.teams[folded(person.group).replace(" ", "-")].append(person)

    def find(self, hand_in: HandIn) -> Fit:
        """Who a hand-in may be of, by what it bears."""
        ids: dict[Id, str] = {
            kind: hand_in.ids[kind] for kind in BEFORE_NAMES if kind in hand_in.ids
        }
        if hand_in.platform is Platform.CANVAS and not ids:
            return ANONYMOUS
        shared = {kind: text for kind, text in ids.items() if self.ids.get(kind)}
        return (
            self._of_group(hand_in)
            or (self._by_ids(hand_in, shared) if shared else None)
            or (self._by_number(hand_in, ids) if ids else self._by_key(hand_in))
            or self._by_name(hand_in)
        )

    def _of_group(self, hand_in: HandIn) -> Fit | None:
        """The number of a group's folder is the group's; it is known by its name."""
        if hand_in.members:
            found = [self._by_ids(hand_in, one) for one in hand_in.members]
            people = [person for fit in found for person in fit.people]
            if all(fit.is_sure for fit in found):
                return Fit(tuple(people), together=True)
            return Fit(reason=next(f.reason for f in found if not f.is_sure))
        members = self.groups.get(key(hand_in.name), [])
        if len({person.group for person in members}) > 1:
            return Fit(reason=f"several groups are called {shown(hand_in.name)}")
        if members:
            said = f"handed in by the group {shown(members[0].group)}"
            return Fit(tuple(members), together=True, remark=said)
        if hand_in.platform is Platform.MOODLE and self.has_teams:
            return Fit(reason=f"no group of the roster is {shown(hand_in.name)}")
        return None

    def _by_ids(self, hand_in: HandIn, ids: Mapping[Id, str]) -> Fit:
        found = [self.ids[kind].get(text.casefold(), []) for kind, text in ids.items()]
        people = _each(person for each in found for person in each)
        if not people:
            said = " or ".join(f"{kind} {shown(text)}" for kind, text in ids.items())
            return Fit(reason=f"nobody on the roster has {said}")
        remark = ""
        is_canvas = hand_in.platform is Platform.CANVAS and len(people) == 1
        if is_canvas and key(hand_in.name) not in name_keys(people[0].name):
            remark = f"handed in as {shown(hand_in.name)}: is it a group's?"
        return Fit(people, remark=remark)

    def _by_number(self, hand_in: HandIn, ids: Mapping[Id, str]) -> Fit | None:
        """A list's column id may be anything: the name has to agree, if it is there."""
        by_name = _each(self.names.get(key(hand_in.name), []))
        for kind, text in ids.items():
            people = _each(self.own.get(text.casefold(), []))
            if not people or (kind is Id.PARTICIPANT and not by_name):
                continue
            both = tuple(person for person in people if person in by_name)
            if both or by_name:
                return Fit(both or people + by_name)
            return Fit(people, remark=f"matched by the number {shown(text)} alone")
        return None

    def _by_key(self, hand_in: HandIn) -> Fit | None:
        """A folder or repository: called by an id, or by something that ends in one."""
        name = hand_in.name.casefold()
        if people := self.any.get(name):
            return Fit(_each(people))
        logins = self.ids.get(Id.GITHUB) or self.ids.get(Id.USERNAME) or {}
        for tail in _tails(name):
            if tail in logins:
                return Fit(_each(logins[tail]))
            if tail in self.teams:
                return Fit(_each(self.teams[tail]), together=True)
        if hand_in.platform is Platform.REPOSITORIES and logins:
            return Fit(reason="its name ends in no login of the roster")
        return None

    def _by_name(self, hand_in: HandIn) -> Fit:
        name = hand_in.ids.get(Id.NAME) or hand_in.name
        return Fit(_each(self.names.get(key(name), [])))

    def by_answer(self, answer: str) -> Fit:
        """Who is meant by what was written under belongs_to; several have ; between."""
        whole = self.any.get(answer.casefold())
        split = [part.strip() for part in answer.split(";") if part.strip()]
        parts = [answer] if whole else split
        found = [_each(self.any.get(part.casefold(), [])) for part in parts]
        for part, people in zip(parts, found, strict=True):
            if len(people) != 1:
                who = "several people's" if people else "nobody's on the roster"
                return Fit(reason=f"belongs_to is {shown(part)}, which is {who}")
        return Fit(_each(people[0] for people in found), together=True)


def _lists() -> dict[str, list[Person]]:
    return defaultdict(list)


def _each(people: Iterable[Person]) -> tuple[Person, ...]:
    return tuple(dict.fromkeys(people))


def _tails(name: str) -> list[str]:
    """What a repository's name may end in, the longest first; GitHub puts a -1 behind
    a name that is taken.
    """
    ways = {name, re.sub(r"-\d+$", "", name)}
    split = [way.split("-") for way in ways]
    tails = {"-".join(words[i:]) for words in split for i in range(len(words))}
    return sorted(tails, key=lambda tail: (-len(tail), tail))
