"""Files, folders and archives as one tree; which of them anybody looks at.

``archives`` makes such trees, of what lies on a disk. ``exports`` looks for hand-ins in
one, ``lessons`` for files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

MAX_ENTRIES = 300_000  # of one archive, or hand-in: a virtual environment has 22,000
MAX_ARCHIVES = 200  # in one hand-in

ZIP = (".zip",)
TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
OTHER_ARCHIVES = (".rar", ".7z", ".zipx", ".sit", ".sitx", ".ace", ".arj", ".tar.zst")
MORE_FILES = f"it has more than {MAX_ENTRIES:,} files; not all were looked at"
AGAIN = "ask for it again"
# What is never a learner's own: searched by nobody.
NOT_SEARCHED = frozenset(
    (  # noqa: SIM905 (words read better as words)
        "__MACOSX __pycache__ node_modules site-packages dist-packages Thumbs.db "
        "desktop.ini"
    ).split()
)
ENVIRONMENT = ("pyvenv.cfg", "conda-meta")  # beside these, an environment's folders:
ITS_FOLDERS = frozenset(
    "bin etc include lib lib64 share ssl Include Lib Library Scripts".split()  # noqa: SIM905
)


class Unusable(Exception):
    """Something handed in that can't be read; the message says why."""


def is_hidden(name: str) -> bool:
    """Whether a name is that of something that nobody handed in on purpose."""
    return name.startswith((".", "~$")) or name in NOT_SEARCHED


@dataclass(frozen=True)
class Node:
    """A file, or a folder or archive, which has ``inside``; that raises Unusable.

    ``read`` gives a file's bytes, at most so many; it raises Unusable, too. What has
    neither has a ``refusal``, which says why.
    """

    name: str
    inside: Callable[[], list[Node]] | None = field(default=None, compare=False)
    read: Callable[[int], bytes] | None = field(default=None, compare=False)
    is_archive: bool = False
    refusal: str = ""

    @property
    def stem(self) -> str:
        """Its name without what says which kind of archive it is."""
        if self.inside is not None and not self.is_archive:
            return self.name
        ends = sorted((*ZIP, *TAR, *OTHER_ARCHIVES), key=len, reverse=True)
        end = next((end for end in ends if self.name.lower().endswith(end)), "")
        return self.name[: len(self.name) - len(end)] or self.name


def visible(nodes: Iterable[Node]) -> list[Node]:
    """Without what nobody handed in on purpose."""
    return [node for node in nodes if not is_hidden(node.name)]


def by_stem(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """A zip and the folder that somebody opened it into belong together."""
    holders: dict[str, list[Node]] = {}
    for node in nodes:
        holders.setdefault(node.stem, []).append(node)
    return holders


def children(node: Node) -> list[Node]:
    """What is inside a folder or archive; nothing, where it can't be read."""
    try:
        return node.inside() if node.inside is not None else []
    except Unusable:
        return []


def files(nodes: Iterable[Node]) -> Iterator[tuple[str, Node]]:
    """Every file that a learner may have made, with its path; archives are entered.

    What can't be entered comes as a file that is refused.
    """
    left = {"files": MAX_ENTRIES, "archives": MAX_ARCHIVES}
    return _files(nodes, "", left)


def _files(
    nodes: Iterable[Node], where: str, left: dict[str, int]
) -> Iterator[tuple[str, Node]]:
    for node in _searched(nodes):
        path = where + node.name
        if node.inside is None:
            left["files"] -= 1
            if left["files"] < 0:
                continue
            yield path, node
            if not left["files"]:
                yield path, _refused(node, MORE_FILES)
            continue
        left["archives"] -= node.is_archive
        try:
            if left["archives"] < 0 and node.is_archive:
                raise Unusable(f"it is one of more than {MAX_ARCHIVES} archives")
            inside = node.inside()
            if node.is_archive and not inside:
                raise Unusable(f"it is an empty archive; {AGAIN}")
        except Unusable as reason:
            yield path, _refused(node, str(reason))
        else:
            yield from _files(inside, f"{path}/", left)


def _refused(node: Node, reason: str) -> Node:
    return Node(node.name, refusal=reason)


def _searched(nodes: Iterable[Node]) -> list[Node]:
    """Without what is hidden, and without a virtual environment's own folders."""
    nodes = list(nodes)
    is_environment = any(node.name in ENVIRONMENT for node in nodes)
    left_out = ITS_FOLDERS if is_environment else frozenset()
    return [n for n in nodes if not is_hidden(n.name) and n.name not in left_out]
