"""A hand-in: what one learner gave in, as a platform's export has it.

``platforms`` makes them from what was downloaded, ``lessons`` finds the lesson files in
one, ``matching`` whose it is; what is written goes back under the names that are
noted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sensei.grading.trees import Node

# A remark.
TYPED = "what was typed into the platform is not graded: koans are taken from files"


class Platform(StrEnum):
    """Where an export comes from; ``PLAIN`` is a folder that somebody made."""

    MOODLE = "moodle"
    CANVAS = "canvas"
    BLACKBOARD = "blackboard"
    GRADESCOPE = "gradescope"
    REPOSITORIES = "repositories"
    PLAIN = "plain"


class Id(StrEnum):
    """What a number or a name in an export, or in a roster, stands for."""

    PARTICIPANT = "participant"  # Moodle's, of one assignment
    CANVAS = "canvas"  # Canvas' user id
    USERNAME = "username"  # Blackboard's; a login anywhere else
    GITHUB = "github"
    STUDENT = "student id"  # SIS, matriculation
    EMAIL = "email"
    NAME = "name"  # a person's: the last resort, and never where an id is at hand


@dataclass(frozen=True)
class Returned:
    """A file that the platform will take feedback for, and under which name.

    ``stem`` is what the name has to begin with (Canvas: ``x_<user>_<attachment>_``),
    ``name`` what the learner called the file.
    """

    stem: str
    name: str


@dataclass
class HandIn:
    """What one learner, or one group, handed in.

    ``key`` is its name in the export, and no other's; ``name`` what it shows of a
    person; ``ids`` what it is matched by. ``nodes`` are its files and folders, which
    nobody has looked into yet. ``troubles`` are what needs a person, ``remarks`` what
    the sheet should say; ``returned`` is for the way back. ``members`` are the ids of
    each, where a platform names all who handed in together.
    """

    key: str
    name: str
    platform: Platform
    ids: Mapping[Id, str] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    late: bool = False
    is_group: bool = False
    returned: tuple[Returned, ...] = ()
    members: tuple[Mapping[Id, str], ...] = ()
