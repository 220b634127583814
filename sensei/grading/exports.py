"""What a platform gave: which hand-ins are in a download, and whose numbers they bear.

``open_export`` takes a folder or an archive, as it was downloaded or opened, and knows
each platform by the names that it gives to files. Forms and their sources:
docs/grading.md.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sensei.grading import archives
from sensei.grading.archives import OTHER_ARCHIVES, Node, Unusable, is_hidden
from sensei.grading.handins import TYPED, HandIn, Id, Platform, Returned

MOODLE = re.compile(
    r"(?P<name>.*?)(?:_(?P<number>\d+))?_assignsubmission_(?P<kind>file|onlinetext)"
    r"(?:_(?P<file>.*))?"
)
CANVAS = re.compile(
    r"(?P<late>LATE_)?(?P<name>.+?)(?P<late_too>_LATE)?_(?P<user>[1-9]\d*)_"
    r"(?:(?P<attachment>[1-9]\d*)_(?P<file>.+)|(?P<typed>text|link)\.html)"
)
CANVAS_ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?(?P<name>anon_[A-Za-z0-9]+)_"
    r"(?:(?P<attachment>[1-9]\d*)_(?P<file>.+)|(?P<typed>text|link)\.html)"
)
BLACKBOARD = re.compile(
    r"(?P<who>.+?)_[^\W\d_]+_(?P<when>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)"
)
GRADESCOPE = "submission_metadata.yml"
# What lies in a learner's folder, and what other folders with lessons may lie there.
ONE_LEARNERS = frozenset(["koans", "pyproject.toml", ".git"])
BESIDE_KOANS = re.compile(
    r"(?:copy of |kopie von )?"
    r"(?:koans?|solutions?|tests?|further_on|old|backup|copy|course|src|build|dist)\b.*"
)
NO_HAND_INS = tuple(".csv .tsv .xls .xlsx .ods .json .yml .toml .md .log".split())  # noqa: SIM905
WORK = (".py", ".ipynb", *OTHER_ARCHIVES)
MOST_GROUPS = 100  # that have a download each
MOST_TEXT = 1 << 20
MOST_METADATA = 1 << 28  # all that an autograder has printed may be in it

LessonOf = Callable[[str], str]  # the lesson that a file's name means, or ""


def open_export(path: Path, lesson_of: LessonOf) -> list[HandIn]:
    """The hand-ins of a download, in the order of their names.

    Raises Unusable for what is no folder or archive, and where there is nothing in it.
    """
    top = archives.open_path(path)
    if top.inside is None and (top.read is None or not lesson_of(top.name)):
        raise Unusable(f"{path}: no folder, and no archive that can be read here (zip)")
    try:
        hand_ins = _Opening(lesson_of).hand_ins(top)
    except Unusable as reason:
        raise Unusable(f"{path}: {reason}") from None
    if not hand_ins:
        raise Unusable(f"{path}: it is empty: nothing was handed in here")
    return _told_apart(hand_ins)


def _told_apart(hand_ins: Iterable[HandIn]) -> list[HandIn]:
    """Each with a key of its own: two zips may hold folders of one name."""
    ordered = sorted(hand_ins, key=lambda hand_in: hand_in.key)
    taken = {hand_in.key for hand_in in ordered}
    seen: set[str] = set()
    for hand_in in ordered:
        if hand_in.key in seen:
            keys = (f"{hand_in.key} ({n})" for n in itertools.count(2))
            hand_in.key = next(key for key in keys if key not in taken)
        seen.add(hand_in.key)
        taken.add(hand_in.key)
    return ordered


# ------------------------------------------------------- where the hand-ins are


class _Opening:
    """Goes from what was given to where the hand-ins lie side by side: behind a folder
    in a folder, a zip in a folder, a zip for each group.
    """

    def __init__(self, lesson_of: LessonOf) -> None:
        self.lesson_of = lesson_of

    def hand_ins(self, top: Node) -> list[HandIn]:
        if top.inside is None:
            return list(_of_folders([top]))
        # An archive of one learner bears their name; in a folder, what is in it does.
        nodes = top.inside()
        if not _visible(nodes):
            return []
        return self._look(nodes, [top], is_learner=top.is_archive)

    def _look(
        self, nodes: list[Node], whose: Sequence[Node], is_learner: bool
    ) -> list[HandIn]:
        """The hand-ins among these; ``whose`` all is, if it is one learner's."""
        if read := _platform(nodes):
            return list(read(_visible(nodes)))
        if self._is_one_learners(nodes):
            return list(_of_folders(whose))
        nodes = _visible(nodes)
        holders = _by_stem(node for node in nodes if node.inside is not None)
        loose = [n for n in nodes if n.inside is None and n.name.lower().endswith(WORK)]
        looked = holders if len(holders) <= MOST_GROUPS else ()
        exports = [key for key in looked if _platform(_together(holders[key]))]
        if 2 * len(exports) > len(holders):
            theirs = list(_of_exports(_together(holders[key]) for key in exports))
            rest = [n for key in holders if key not in exports for n in holders[key]]
            return [*theirs, *_of_folders([*rest, *loose])]
        [holder] = holders.values() if len(holders) == 1 else [[]]
        if inside := _visible(_together(holder)):
            if is_learner:
                return self._look(inside, whose, True)
            return [*self._look(inside, holder, True), *_of_folders(loose)]
        if is_learner and len(holders) < 2:
            return list(_of_folders(whose))
        if self._are_sections(list(holders.values())):
            nodes = [n for h in holders.values() for n in _visible(_together(h))]
            nodes += loose
        return list(_of_folders(nodes))

    def _is_one_learners(self, nodes: Sequence[Node]) -> bool:
        """Whether this is the inside of one hand-in, and not a class in which somebody
        handed in a single file, or a folder called koans.
        """
        has_files = any(n.inside is None and self.lesson_of(n.name) for n in nodes)
        if not has_files and not ONE_LEARNERS & {node.name.lower() for node in nodes}:
            return False
        others = [
            node
            for node in _visible(nodes)
            if node.inside is not None and not self._is_beside_koans(node.name)
        ]
        return sum(bool(self._lessons_in(node)) for node in others) < 1 + has_files

    def _is_beside_koans(self, name: str) -> bool:
        return bool(BESIDE_KOANS.fullmatch(name.lower()) or self.lesson_of(name))

    def _lessons_in(self, node: Node) -> set[str]:
        files = archives.files([node])
        return {self.lesson_of(file.name) for _, file in files} - {""}

    def _are_sections(self, holders: Sequence[list[Node]]) -> bool:
        """Whether these are no learners, but folders that learners lie in.

        So in each of them a lesson is there more than once, and no name is in two.
        """
        if len(holders) < 2 or not all(self._is_section(_together(h)) for h in holders):
            return False
        stems = Counter(n.stem for h in holders for n in _visible(_together(h)))
        return max(stems.values()) == 1

    def _is_section(self, nodes: list[Node]) -> bool:
        if self._is_one_learners(nodes):
            return False
        holders = [node for node in _visible(nodes) if node.inside is not None]
        lessons = Counter(one for node in holders for one in self._lessons_in(node))
        return max(lessons.values(), default=0) > 1


def _visible(nodes: Iterable[Node]) -> list[Node]:
    return [node for node in nodes if not is_hidden(node.name)]


def _by_stem(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """A zip and the folder that somebody opened it into belong together."""
    holders: dict[str, list[Node]] = {}
    for node in nodes:
        holders.setdefault(node.stem, []).append(node)
    return holders


def _together(holder: Iterable[Node]) -> list[Node]:
    """All that is inside; what can't be read will be seen when it is searched."""
    return [below for node in holder for below in _children(node)]


def _children(node: Node) -> list[Node]:
    try:
        return node.inside() if node.inside is not None else []
    except Unusable:
        return []


# -------------------------------------------------------------------- platforms

Reader = Callable[[Sequence[Node]], Iterator[HandIn]]


def _platform(nodes: Iterable[Node]) -> Reader | None:
    """What reads these, if a platform has given them their names."""
    nodes = _visible(nodes)
    names = [node.name for node in nodes]
    if GRADESCOPE in names:
        return _of_gradescope
    if any(map(MOODLE.fullmatch, names)):
        return _of_moodle
    if any(map(BLACKBOARD.fullmatch, names)):
        return _of_blackboard
    return _of_canvas if _is_canvas(nodes) else None


def _of_exports(exports: Iterable[list[Node]]) -> Iterator[HandIn]:
    """Several downloads, such as one for each group; those of a platform together."""
    by_platform: dict[Reader, list[Node]] = defaultdict(list)
    for nodes in exports:
        if read := _platform(nodes):
            by_platform[read] += _visible(nodes)
    for read, nodes in by_platform.items():
        yield from read(nodes)


def _of_folders(nodes: Iterable[Node]) -> Iterator[HandIn]:
    """A hand-in a folder, archive or file; a clone's folder is a repository's."""
    holders = _by_stem(node for node in nodes if _may_be_a_hand_in(node))
    for stem, holder in holders.items():
        is_clone = any(
            below.name == ".git"
            for node in holder
            if not node.is_archive
            for below in _children(node)
        )
        platform = Platform.REPOSITORIES if is_clone else Platform.PLAIN
        yield HandIn(stem, stem, platform, nodes=holder)


def _may_be_a_hand_in(node: Node) -> bool:
    return node.inside is not None or not node.name.lower().endswith(NO_HAND_INS)


def _called(name: str, node: Node) -> Node:
    return Node(name, node.inside, node.read, node.is_archive, node.refusal)


# ----------------------------------------------------------------------- Moodle


def _of_moodle(nodes: Sequence[Node]) -> Iterator[HandIn]:
    """Folders, or files side by side; what bears one number belongs together."""
    hand_ins: dict[str, HandIn] = {}
    for node in nodes:
        found = MOODLE.fullmatch(node.name)
        if found is None:
            yield from _of_folders([node])
            continue
        name, number = found["name"], found["number"]
        key = f"{name}_{number}" if number else name
        hand_in = hand_ins.setdefault(key, HandIn(key, name, Platform.MOODLE))
        if number:
            hand_in.ids = {Id.PARTICIPANT: number}
        elif not hand_in.troubles:
            hand_in.troubles.append(
                "of learners who are in no group; Moodle says not who: ask them"
            )
        if found["kind"] == "file":
            hand_in.nodes.append(_called(found["file"] or node.name, node))
        elif TYPED not in hand_in.remarks:
            hand_in.remarks.append(TYPED)
    yield from hand_ins.values()


# ----------------------------------------------------------------------- Canvas


def _canvas(name: str) -> re.Match[str] | None:
    return CANVAS_ANONYMOUS.fullmatch(name) or CANVAS.fullmatch(name)


def _is_canvas(nodes: Sequence[Node]) -> bool:
    """Most of them, with attachments of their own and one name for each user.

    So ``lee_2024_01_koans.zip``, which somebody called so, is none of them.
    """
    stems = {node.stem for node in nodes if _may_be_a_hand_in(node)}
    found = {stem: match for stem in stems if (match := _canvas(stem))}
    others = stems - {*found}
    matches = list(found.values())
    attachments = [match["attachment"] for match in matches if match["attachment"]]
    people = {(m["user"], m["name"]) for m in matches if "user" in m.re.groupindex}
    return (
        len(found) > len(others)
        and len(set(attachments)) == len(attachments)
        and len({user for user, _ in people}) == len(people)
    )


def _of_canvas(nodes: Sequence[Node]) -> Iterator[HandIn]:
    hand_ins: dict[str, HandIn] = {}
    for node in nodes:
        found = _canvas(node.name)
        if found is None:
            yield from _of_folders([node])
            continue
        parts = found.groupdict()
        ids = {Id.CANVAS: parts["user"]} if "user" in parts else {}
        key = "_".join([parts["name"], *ids.values()])
        new = HandIn(key, parts["name"], Platform.CANVAS, ids)
        hand_in = hand_ins.setdefault(parts.get("user") or key, new)
        hand_in.late |= bool(parts["late"] or parts.get("late_too"))
        if parts["typed"]:
            hand_in.remarks.append(TYPED)
            continue
        returned = Returned(node.name[: -len(parts["file"])], parts["file"])
        is_file = node.inside is None or node.is_archive
        if is_file and returned not in hand_in.returned:
            hand_in.returned += (returned,)
        hand_in.nodes.append(_called(parts["file"], node))
    yield from hand_ins.values()


# ------------------------------------------------------------------- Blackboard


def _of_blackboard(nodes: Sequence[Node]) -> Iterator[HandIn]:
    """The newest attempt of each; its .txt says whose, and what files were called."""
    attempts: dict[str, dict[str, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for node in nodes:
        if found := BLACKBOARD.fullmatch(node.name):
            attempts[found["who"]][found["when"]].append(node)
        else:
            yield from _of_folders([node])
    for who, by_date in attempts.items():
        newest = max(by_date)
        hand_in = HandIn(who, who, Platform.BLACKBOARD)
        if len(by_date) > 1:
            said = f"{len(by_date)} attempts; the newest counts, of {newest[:10]}"
            hand_in.remarks.append(said)
        _read_blackboard(hand_in, by_date[newest])
        yield hand_in


def _read_blackboard(hand_in: HandIn, nodes: Sequence[Node]) -> None:
    called: dict[str, str] = {}
    for node in nodes:
        found = BLACKBOARD.fullmatch(node.name)
        if found and not found["file"] and node.read:
            text = _text(node)
            _identify(hand_in, text)
            called |= dict(_original_names(text))
    for node in nodes:
        found = BLACKBOARD.fullmatch(node.name)
        if found and found["file"]:
            name = called.get(node.name, found["file"])
            hand_in.nodes.append(_called(name, node))
    if not hand_in.nodes:
        hand_in.remarks.append(TYPED)
    if not hand_in.ids:
        hand_in.troubles.append("no .txt beside it says whose it is")


def _text(node: Node, most: int = MOST_TEXT) -> str:
    """A file of the platform's own; "" where it can't be read."""
    try:
        return node.read(most).decode("utf-8-sig", "replace") if node.read else ""
    except Unusable:
        return ""


def _identify(hand_in: HandIn, text: str) -> None:
    """The first line is the learner: ``Name: Seán O'Dwyer (sod3)``, in any language."""
    first = text.lstrip().partition("\n")[0].strip()
    if found := re.fullmatch(r"[^:\uff1a]+[:\uff1a]\s*(.*?)\s*\(([^()\s]+)\)", first):
        hand_in.name = found[1] or found[2]
        hand_in.ids = {Id.USERNAME: found[2]}


def _original_names(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of indented lines: what the learner called a file, and its name here."""
    cells = [re.split("[:\uff1a]", line, maxsplit=1) for line in text.splitlines()]
    names = [cell[1].strip() for cell in cells if len(cell) == 2]
    for before, after in zip(names, names[1:], strict=False):
        if before and BLACKBOARD.fullmatch(after):
            yield after, before


# ------------------------------------------------------------------- Gradescope


def _of_gradescope(nodes: Sequence[Node]) -> Iterator[HandIn]:
    """A folder for each submission; a file beside them says whose they are."""
    about: dict[str, Any] = {}
    for node in nodes:
        if node.name == GRADESCOPE:
            about |= _metadata(node)
    folders = _by_stem(node for node in nodes if node.inside is not None)
    for name in {**folders, **about}:
        hand_in = HandIn(name, name, Platform.GRADESCOPE, nodes=folders.get(name, []))
        entry = about.get(name)
        people = entry.get(":submitters") if isinstance(entry, dict) else None
        people = [p for p in people or () if isinstance(p, dict)]
        if people:
            ids = [*map(_gradescope_ids, people)]
            hand_in.name, hand_in.ids = str(people[0].get(":name") or name), ids[0]
        else:
            hand_in.troubles.append(f"{GRADESCOPE} does not say whose it is")
        if len(people) > 1:
            hand_in.is_group, hand_in.members = True, tuple(ids)
            names = ", ".join(str(person.get(":name")) for person in people[1:])
            hand_in.remarks.append(f"handed in together with {names}")
        yield hand_in


def _metadata(node: Node) -> Mapping[str, Any]:
    """What it holds, by the folders' names; every value is text."""
    try:
        import yaml  # only who brings such a file needs it
    except ImportError:
        raise Unusable(
            f"{GRADESCOPE} needs PyYAML: python -m pip install pyyaml"
        ) from None
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        table = yaml.load(
            _text(node, MOST_METADATA), Loader=loader
        )  # it makes text of everything
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise Unusable(f"{GRADESCOPE} can't be read: {said}") from None
    return table if isinstance(table, dict) else {}


def _gradescope_ids(person: Mapping[str, Any]) -> dict[Id, str]:
    ids = {Id.STUDENT: person.get(":sid"), Id.EMAIL: person.get(":email")}
    return {kind: str(one) for kind, one in ids.items() if one}
