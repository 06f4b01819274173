"""A group of entries, and the groups as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from driftline.join.fields import EARLY, WAITING
from driftline.model import Micros  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Sequence


class Group(msgspec.Struct, array_like=True):
    """How many entries of each kind a group holds, and the time by which its events end."""

    ends: Micros
    waiting: int = 0
    early: int = 0
    joined: int = 0

    @property
    def size(self) -> int:
        """All entries of the group."""
        return self.waiting + self.early + self.joined

    def count(self, kind: int, more: int) -> None:
        """So many more entries of this kind, or fewer."""
        if kind == WAITING:
            self.waiting += more
        elif kind == EARLY:
            self.early += more
        else:
            self.joined += more


class Spans(NamedTuple):
    """Spans of time that entries fall into, in the order in which they first occur."""

    ends: Sequence[Micros]
    places: Sequence[int] | None
    """Which of the spans each entry is of; None where there is but one."""
    counts: Sequence[int]


class GroupsState(msgspec.Struct, array_like=True):
    """The groups as they are stored."""

    next_number: int
    groups: dict[int, Group]
    open: dict[Micros, int]
