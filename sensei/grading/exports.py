"""What a platform gave: which hand-ins are in a download, and whose numbers they bear.

``open_export`` takes a folder or an archive, as it was downloaded or opened, and knows
each platform by the names that it gives to files. Forms and their sources:
docs/grading.md.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from sensei.grading import archives
from sensei.grading.archives import Node, Unusable, is_hidden
from sensei.grading.handins import HandIn, Id, Platform, Returned

MOODLE = re.compile(
    r"(?P<name>.*?)_?(?P<number>\d*)_?assignsubmission_(?P<kind>file|onlinetext)"
    r"_?(?P<file>.*)"
)
CANVAS = re.compile(
    r"(?P<late>LATE_)?(?P<name>.+?)(?P<late_too>_LATE)?_(?P<user>\d+)_"
    r"(?:(?P<attachment>\d+)_(?P<file>.+)|(?P<typed>text|link)\.html)"
)
CANVAS_ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?anon_(?P<code>[A-Za-z0-9]+)_(?P<attachment>\d+)_(?P<file>.+)"
)
BLACKBOARD = re.compile(
    r"(?P<who>.+)_[^\W\d_]+_(?P<when>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)"
)
GRADESCOPE = "submission_metadata.yml"
ONE_LEARNERS = ("koans", "pyproject.toml", ".git")  # what lies in a learner's folder
NO_HAND_INS = (".csv", ".xls", ".xlsx", ".ods", ".json", ".md", ".log")
MOST_TEXT = 1 << 20
TYPED = "typed into the platform; koans are taken from files only"


def open_export(path: Path, is_lesson: Callable[[str], bool]) -> list[HandIn]:
    """The hand-ins of a download, in the order of their names.

    ``is_lesson`` says of a file's name whether it is a lesson's. Raises Unusable for
    what is no folder or archive, and where there is nothing in it.
    """
    top = archives.open_path(path)
    if top.inside is None:
        if is_lesson(top.name):
            return [_plain(top)]
        raise Unusable(f"{path}: neither a folder nor an archive that can be read here")
    found = _hand_ins(_unwrapped(top, is_lesson), is_lesson)
    if not found:
        raise Unusable(f"{path}: nothing was handed in here")
    return _told_apart(found)


def _hand_ins(top: Node, is_lesson: Callable[[str], bool]) -> list[HandIn]:
    nodes = [node for node in _inside(top) if not is_hidden(node.name)]
    names = [node.name for node in nodes]
    if any(name == GRADESCOPE for name in names):
        return list(_of_gradescope(nodes))
    for is_theirs, read in (
        (_is_moodle, _of_moodle),
        (_is_blackboard, _of_blackboard),
        (_is_canvas, _of_canvas),
    ):
        if is_theirs(names):
            return list(read(nodes))
    if _is_one_learners(top, is_lesson):
        return [_plain(top)]
    return list(_of_folders(nodes))


def _inside(node: Node) -> list[Node]:
    assert node.inside is not None
    return node.inside()


def _unwrapped(top: Node, is_lesson: Callable[[str], bool]) -> Node:
    """Where the hand-ins are: behind a folder in a folder, a zip in a folder.

    What several downloads of one platform hold, such as one for each group, is put
    together.
    """
    while not _is_one_learners(top, is_lesson):
        nodes = [node for node in _inside(top) if not is_hidden(node.name)]
        if any(map(_is_a_platforms, [[node.name for node in nodes]])):
            break
        holders = [node for node in nodes if node.inside is not None]
        looked = [(node, _names_in(node)) for node in holders]
        exports = [node for node, names in looked if _is_a_platforms(names)]
        if exports:
            rest = [node for node in nodes if node not in exports]
            inside = [node for export in exports for node in _inside(export)]
            top = Node(top.name, lambda found=[*rest, *inside]: found)  # type: ignore[misc]
            break
        if len(holders) != 1 or any(is_lesson(node.name) for node in nodes):
            break
        top = holders[0]
    return top


def _names_in(node: Node) -> list[str]:
    try:
        return [below.name for below in _inside(node) if not is_hidden(below.name)]
    except Unusable:
        return []


def _is_a_platforms(names: Sequence[str]) -> bool:
    theirs = _is_moodle(names) or _is_blackboard(names) or _is_canvas(names)
    return theirs or GRADESCOPE in names


def _is_one_learners(top: Node, is_lesson: Callable[[str], bool]) -> bool:
    names = {node.name for node in _inside(top)} if top.inside else set()
    here = any(name in names for name in ONE_LEARNERS)
    return here or (any(map(is_lesson, names)) and not _is_a_platforms(sorted(names)))


def _told_apart(hand_ins: Iterable[HandIn]) -> list[HandIn]:
    """Each with a key of its own: two zips may hold folders of one name."""
    seen: Counter[str] = Counter()
    ordered = sorted(hand_ins, key=lambda hand_in: hand_in.key)
    for hand_in in ordered:
        seen[hand_in.key] += 1
        if seen[hand_in.key] > 1:
            hand_in.key += f" ({seen[hand_in.key]})"
    return ordered


def _called(name: str, node: Node) -> Node:
    return Node(name, node.inside, node.read, node.is_archive)


def _plain(node: Node, platform: Platform = Platform.PLAIN) -> HandIn:
    return HandIn(node.stem, node.stem, platform, nodes=[node])


def _of_folders(nodes: Sequence[Node]) -> Iterator[HandIn]:
    """A hand-in a folder, archive or file; a clone's folder is a repository's."""
    for node in nodes:
        if node.inside is None and node.name.lower().endswith(NO_HAND_INS):
            continue
        names = [] if node.is_archive or node.inside is None else _all_names(node)
        is_clone = ".git" in names
        yield _plain(node, Platform.REPOSITORIES if is_clone else Platform.PLAIN)


def _all_names(node: Node) -> list[str]:
    try:
        return [below.name for below in _inside(node)]
    except Unusable:
        return []


# ----------------------------------------------------------------------- Moodle


def _is_moodle(names: Sequence[str]) -> bool:
    return any(MOODLE.fullmatch(name) for name in names)


def _of_moodle(nodes: Sequence[Node]) -> Iterator[HandIn]:
    """Folders, or files side by side; what bears one number belongs together."""
    groups: dict[tuple[str, str], list[tuple[re.Match[str], Node]]] = defaultdict(list)
    for node in nodes:
        if found := MOODLE.fullmatch(node.name):
            groups[found["name"], found["number"]].append((found, node))
        else:
            yield from _of_folders([node])
    for (name, number), members in groups.items():
        key = f"{name}_{number}" if number else name
        hand_in = HandIn(key, name, Platform.MOODLE)
        if number:
            hand_in.ids = {Id.PARTICIPANT: number}
        else:
            hand_in.troubles.append(
                "of learners who are in no group; Moodle says not who"
            )
        for found, node in members:
            if found["kind"] == "onlinetext":
                hand_in.remarks.append(TYPED)
            else:
                hand_in.nodes.append(_called(found["file"] or node.name, node))
        yield hand_in


# ----------------------------------------------------------------------- Canvas


def _is_canvas(names: Sequence[str]) -> bool:
    """All of them, with attachments of their own and one name for each user.

    So ``lee_2024_01_koans.zip``, which somebody called so, is none of them.
    """
    found = [(CANVAS_ANONYMOUS.fullmatch(n) or CANVAS.fullmatch(n), n) for n in names]
    theirs = [match for match, _ in found if match]
    if not theirs or any(
        match is None and not name.lower().endswith(NO_HAND_INS)
        for match, name in found
    ):
        return False
    attachments = [m["attachment"] for m in theirs if m["attachment"]]
    users = {(m["user"], m["name"]) for m in theirs if "user" in m.groupdict()}
    once = len(set(attachments)) == len(attachments)
    return once and len({user for user, _ in users}) == len(users)


def _of_canvas(nodes: Sequence[Node]) -> Iterator[HandIn]:
    groups: dict[str, list[tuple[re.Match[str], Node]]] = defaultdict(list)
    for node in nodes:
        anonymous = CANVAS_ANONYMOUS.fullmatch(node.name)
        found = anonymous or CANVAS.fullmatch(node.name)
        if found:
            who = f"anon_{found['code']}" if anonymous else found["user"]
            groups[who].append((found, node))
    for who, members in groups.items():
        is_anonymous = who.startswith("anon_")
        name = who if is_anonymous else members[0][0]["name"]
        hand_in = HandIn(f"{name}_{who}", name, Platform.CANVAS)
        hand_in.ids = {} if is_anonymous else {Id.CANVAS: who}
        for found, node in members:
            _add_canvas(hand_in, found, node)
        yield hand_in


def _add_canvas(hand_in: HandIn, found: re.Match[str], node: Node) -> None:
    parts = found.groupdict()
    hand_in.late |= bool(parts["late"] or parts.get("late_too"))
    if parts.get("typed"):
        hand_in.remarks.append(TYPED)
        return
    stem = node.name[: -len(parts["file"])]
    hand_in.returned += (Returned(stem, parts["file"]),)
    hand_in.nodes.append(_called(parts["file"], node))


# ------------------------------------------------------------------- Blackboard


def _is_blackboard(names: Sequence[str]) -> bool:
    found = [BLACKBOARD.fullmatch(name) for name in names]
    return any(match and not match["file"] for match in found)


def _of_blackboard(nodes: Sequence[Node]) -> Iterator[HandIn]:
    """The newest attempt of each; its .txt says whose, and what files were called."""
    attempts: dict[str, dict[str, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for node in nodes:
        if found := BLACKBOARD.fullmatch(node.name):
            attempts[found["who"]][found["when"]].append(node)
        elif node.inside is not None:
            yield from _of_folders([node])
    for who, by_date in attempts.items():
        newest = max(by_date)
        hand_in = HandIn(who, who, Platform.BLACKBOARD)
        _read_blackboard(hand_in, by_date[newest])
        if len(by_date) > 1:
            hand_in.remarks.append(
                f"{len(by_date)} attempts; the newest counts, of {newest[:10]}"
            )
        yield hand_in


def _read_blackboard(hand_in: HandIn, nodes: Sequence[Node]) -> None:
    called: dict[str, str] = {}
    for node in nodes:
        found = BLACKBOARD.fullmatch(node.name)
        assert found
        if not found["file"] and node.read:
            text = node.read(MOST_TEXT).decode("utf-8-sig", "replace")
            _identify(hand_in, text)
            called |= dict(_original_names(text))
    for node in nodes:
        found = BLACKBOARD.fullmatch(node.name)
        if found and found["file"]:
            name = called.get(node.name, found["file"])
            hand_in.nodes.append(_called(name, node))


def _identify(hand_in: HandIn, text: str) -> None:
    """The first line is the learner: ``Name: Seán O'Dwyer (sod3)``, in any language."""
    if found := re.match(
        r"\s*[^:\n]+:\s*(.*?)\s*\(([^()\s]+)\)\s*$", text, re.MULTILINE
    ):
        hand_in.name = found[1]
        hand_in.ids = {Id.USERNAME: found[2]}


def _original_names(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of indented lines: what the learner called a file, and its name here."""
    lines = [
        line.partition(":")[2].strip() for line in text.splitlines() if ":" in line
    ]
    for before, after in zip(lines, lines[1:], strict=False):
        if BLACKBOARD.fullmatch(after) and not BLACKBOARD.fullmatch(before) and before:
            yield after, before


# ------------------------------------------------------------------- Gradescope


def _of_gradescope(nodes: Sequence[Node]) -> Iterator[HandIn]:
    import yaml  # only who brings such a file needs it

    about = next(node for node in nodes if node.name == GRADESCOPE)
    assert about.read is not None
    try:
        table = yaml.safe_load(about.read(MOST_TEXT * 16).decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Unusable(f"{GRADESCOPE} can't be read: {error}") from None
    known = table if isinstance(table, dict) else {}
    for node in nodes:
        if node.inside is None:
            continue
        hand_in = _plain(node, Platform.GRADESCOPE)
        people = (known.get(node.name) or {}).get(":submitters") or []
        for person in people[:1]:
            hand_in.name = str(person.get(":name") or node.name)
            ids = {Id.STUDENT: person.get(":sid"), Id.EMAIL: person.get(":email")}
            hand_in.ids = {kind: str(one) for kind, one in ids.items() if one}
        if len(people) > 1:
            hand_in.is_group = True
            names = ", ".join(str(person.get(":name")) for person in people[1:])
            hand_in.remarks.append(f"handed in together with {names}")
        yield hand_in
