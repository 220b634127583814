"""What each platform makes of hand-ins: whose a file is, by the name that it bears.

``reader_of`` knows a platform by the names in a folder, and gives what reads the
hand-ins that lie there side by side. Forms and their sources: docs/grading.md.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sensei.grading.handins import TYPED, HandIn, Id, Platform, Returned
from sensei.grading.trees import Node, Unusable, by_stem, children, visible

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
NO_HAND_INS = tuple(".csv .tsv .xls .xlsx .ods .json .yml .toml .md .log".split())  # noqa: SIM905
MOST_TEXT = 1 << 20
MOST_METADATA = 1 << 28  # all that an autograder has printed may be in it

Reader = Callable[[Sequence[Node]], Iterator[HandIn]]


def reader_of(nodes: Iterable[Node]) -> Reader | None:
    """What reads these, if a platform has given them their names."""
    nodes = visible(nodes)
    names = [node.name for node in nodes]
    if GRADESCOPE in names:
        return _of_gradescope
    if any(map(MOODLE.fullmatch, names)):
        return _of_moodle
    if any(map(BLACKBOARD.fullmatch, names)):
        return _of_blackboard
    return _of_canvas if _is_canvas(nodes) else None


# ---------------------------------------------- plain folders, archives and files


def of_folders(nodes: Iterable[Node]) -> Iterator[HandIn]:
    """A hand-in a folder, archive or file; a clone's folder is a repository's."""
    holders = by_stem(node for node in nodes if _may_be_a_hand_in(node))
    for stem, holder in holders.items():
        is_clone = any(
            below.name == ".git"
            for node in holder
            if not node.is_archive
            for below in children(node)
        )
        platform = Platform.REPOSITORIES if is_clone else Platform.PLAIN
        yield HandIn(stem, stem, platform, nodes=holder)


def _may_be_a_hand_in(node: Node) -> bool:
    return node.inside is not None or not node.name.lower().endswith(NO_HAND_INS)


def _called(name: str, node: Node) -> Node:
    return Node(name, node.inside, node.read, node.is_archive, node.refusal)


def _text(node: Node, most: int = MOST_TEXT) -> str:
    """A file of the platform's own; "" where it can't be read."""
    try:
        return node.read(most).decode("utf-8-sig", "replace") if node.read else ""
    except Unusable:
        return ""


# ----------------------------------------------------------------------- Moodle


def _of_moodle(nodes: Sequence[Node]) -> Iterator[HandIn]:
    """Folders, or files side by side; what bears one number belongs together."""
    hand_ins: dict[str, HandIn] = {}
    for node in nodes:
        found = MOODLE.fullmatch(node.name)
        if found is None:
            yield from of_folders([node])
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
            yield from of_folders([node])
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
            yield from of_folders([node])
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
    folders = by_stem(node for node in nodes if node.inside is not None)
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
