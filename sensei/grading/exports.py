"""A download, as a folder or an archive: where in it the hand-ins lie side by side.

What they are called there, and so whose they are, is for ``platforms`` to say.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from sensei.grading import archives, trees
from sensei.grading.handins import HandIn
from sensei.grading.platforms import Reader, of_folders, reader_of
from sensei.grading.trees import (
    OTHER_ARCHIVES,
    Node,
    Unusable,
    by_stem,
    children,
    visible,
)

# What lies in a learner's folder, and what other folders with lessons may lie there.
ONE_LEARNERS = frozenset(["koans", "pyproject.toml", ".git"])
BESIDE_KOANS = re.compile(
    r"(?:copy of |kopie von )?"
    r"(?:koans?|solutions?|tests?|further_on|old|backup|copy|course|src|build|dist)\b.*"
)
WORK = (".py", ".ipynb", *OTHER_ARCHIVES)
MOST_GROUPS = 100  # that have a download each

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


class _Opening:
    """Goes from what was given to where the hand-ins lie side by side: behind a folder
    in a folder, a zip in a folder, a zip for each group.
    """

    def __init__(self, lesson_of: LessonOf) -> None:
        self.lesson_of = lesson_of

    def hand_ins(self, top: Node) -> list[HandIn]:
        if top.inside is None:
            return list(of_folders([top]))
        # An archive of one learner bears their name; in a folder, what is in it does.
        nodes = top.inside()
        if not visible(nodes):
            return []
        return self._look(nodes, [top], is_learner=top.is_archive)

    def _look(
        self, nodes: list[Node], whose: Sequence[Node], is_learner: bool
    ) -> list[HandIn]:
        """The hand-ins among these; ``whose`` all is, if it is one learner's."""
        if read := reader_of(nodes):
            return list(read(visible(nodes)))
        if self._is_one_learners(nodes):
            return list(of_folders(whose))
        nodes = visible(nodes)
        holders = by_stem(node for node in nodes if node.inside is not None)
        loose = [n for n in nodes if n.inside is None and n.name.lower().endswith(WORK)]
        looked = holders if len(holders) <= MOST_GROUPS else ()
        exports = [key for key in looked if reader_of(_together(holders[key]))]
        if 2 * len(exports) > len(holders):
            theirs = list(_of_exports(_together(holders[key]) for key in exports))
            rest = [n for key in holders if key not in exports for n in holders[key]]
            return [*theirs, *of_folders([*rest, *loose])]
        [holder] = holders.values() if len(holders) == 1 else [[]]
        if inside := visible(_together(holder)):
            if is_learner:
                return self._look(inside, whose, True)
            return [*self._look(inside, holder, True), *of_folders(loose)]
        if is_learner and len(holders) < 2:
            return list(of_folders(whose))
        if self._are_sections(list(holders.values())):
            nodes = [n for h in holders.values() for n in visible(_together(h))]
            nodes += loose
        return list(of_folders(nodes))

    def _is_one_learners(self, nodes: Sequence[Node]) -> bool:
        """Whether this is the inside of one hand-in, and not a class in which somebody
        handed in a single file, or a folder called koans.
        """
        has_files = any(n.inside is None and self.lesson_of(n.name) for n in nodes)
        if not has_files and not ONE_LEARNERS & {node.name.lower() for node in nodes}:
            return False
        others = [
            node
            for node in visible(nodes)
            if node.inside is not None and not self._is_beside_koans(node.name)
        ]
        return sum(bool(self._lessons_in(node)) for node in others) < 1 + has_files

    def _is_beside_koans(self, name: str) -> bool:
        return bool(BESIDE_KOANS.fullmatch(name.lower()) or self.lesson_of(name))

    def _lessons_in(self, node: Node) -> set[str]:
        files = trees.files([node])
        return {self.lesson_of(file.name) for _, file in files} - {""}

    def _are_sections(self, holders: Sequence[list[Node]]) -> bool:
        """Whether these are no learners, but folders that learners lie in.

        So in each of them a lesson is there more than once, and no name is in two.
        """
        if len(holders) < 2 or not all(self._is_section(_together(h)) for h in holders):
            return False
        stems = Counter(n.stem for h in holders for n in visible(_together(h)))
        return max(stems.values()) == 1

    def _is_section(self, nodes: list[Node]) -> bool:
        if self._is_one_learners(nodes):
            return False
        holders = [node for node in visible(nodes) if node.inside is not None]
        lessons = Counter(one for node in holders for one in self._lessons_in(node))
        return max(lessons.values(), default=0) > 1


def _of_exports(exports: Iterable[list[Node]]) -> Iterator[HandIn]:
    """Several downloads, such as one for each group; those of a platform together."""
    by_platform: dict[Reader, list[Node]] = defaultdict(list)
    for nodes in exports:
        if read := reader_of(nodes):
            by_platform[read] += visible(nodes)
    for read, nodes in by_platform.items():
        yield from read(nodes)


def _together(holder: Iterable[Node]) -> list[Node]:
    """All that is inside; what can't be read will be seen when it is searched."""
    return [below for node in holder for below in children(node)]
