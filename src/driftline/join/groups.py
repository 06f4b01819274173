"""Entries that expire together: the join keeps its books by group, and never walks over ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from driftline.join.entries import EntryKind
from driftline.model import (
    SECOND,
    Micros,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from driftline.eventlog.messages import Ints

GROUPS_PER_HORIZON: Final = 32
GROUPS_PER_MAX_WAITING: Final = 32
NEVER: Final[Micros] = 1 << 62


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


class GroupsState(msgspec.Struct, array_like=True):
    """The groups as they are stored."""

    next_number: int
    groups: dict[int, Group]
    open: dict[Micros, int]


class Groups:
    """The groups of one join, by number: each covers a span of time, and is limited in size."""

    def __init__(self, *, horizon: Micros, max_waiting: int) -> None:
        self._limit(horizon, max_waiting)
        self._groups: dict[int, Group] = {}
        self._open: dict[Micros, int] = {}
        self._next_number = 0
        self.held = 0
        """Entries in all groups."""
        self.deadline: Micros = NEVER
        """When the next group expires."""

    def _limit(self, horizon: Micros, max_waiting: int) -> None:
        self.horizon = horizon
        self._width = max(horizon // GROUPS_PER_HORIZON, SECOND)
        self._max_size = max(max_waiting // GROUPS_PER_MAX_WAITING, 1)

    def redeclare(self, *, horizon: Micros, max_waiting: int) -> None:
        """Change horizon and limit; the groups that exist keep their spans."""
        self._limit(horizon, max_waiting)
        self.restore(self.snapshot())

    def __contains__(self, number: int) -> bool:
        return number in self._groups

    def __getitem__(self, number: int) -> Group:
        return self._groups[number]

    @property
    def numbers(self) -> AbstractSet[int]:
        """The living groups."""
        return self._groups.keys()

    @property
    def next_number(self) -> int:
        """The number that the next group will have."""
        return self._next_number

    @property
    def first_number(self) -> int:
        """The lowest number among the living groups."""
        return next(iter(self._groups), self._next_number)

    def totals(self) -> tuple[int, int, int]:
        """How many entries wait for a label, are early labels, and are joined."""
        living = self._groups.values()
        return (
            sum(group.waiting for group in living),
            sum(group.early for group in living),
            sum(group.joined for group in living),
        )

    def expired_at(self, at: Micros, now: Micros) -> bool:
        """Whether an entry of this event time would belong to a group that has expired already."""
        return self._end_of(at) + self.horizon <= now

    def number_for(self, at: Micros) -> int:
        """The number of the group that an entry of this event time joins; made if need be."""
        ends = self._end_of(at)
        number = self._open.get(ends)
        if number is not None and self._groups[number].size < self._max_size:
            return number
        number = self._open[ends] = self._next_number
        self._groups[number] = Group(ends)
        self._next_number += 1
        self.deadline = min(self.deadline, ends + self.horizon)
        return number

    def place(self, times: Ints, kind: EntryKind | int) -> list[int] | None:
        """As `number_for` for each of these event times, and count the entries of this kind.

        None, and nothing is done, where a group has no room for them all.
        """
        ends = (times // self._width + 1) * self._width
        found, first, places, counts = _distinct(ends)
        for end, count in zip(found, counts, strict=True):
            number = self._open.get(end)
            size = 0 if number is None else self._groups[number].size
            if size + count > self._max_size:
                return None
        numbers = [0] * len(found)
        for one in sorted(range(len(found)), key=first.__getitem__):
            numbers[one] = self.number_for(found[one] - 1)
            group = self._groups[numbers[one]]
            if kind == EntryKind.WAITING:
                group.waiting += counts[one]
            else:
                group.early += counts[one]
        self.held += len(times)
        return numbers * len(times) if places is None else [numbers[place] for place in places]

    def expire(self, now: Micros) -> Iterator[tuple[int, Group]]:
        """Remove and yield the groups whose time is over."""
        due = [n for n, group in self._groups.items() if group.ends + self.horizon <= now]
        yield from self._remove(due)

    def evict_oldest(self) -> Iterator[tuple[int, Group]]:
        """Remove and yield the group that would expire first."""
        oldest = min(self._groups, key=lambda number: (self._groups[number].ends, number))
        yield from self._remove([oldest])

    def _remove(self, numbers: list[int]) -> Iterator[tuple[int, Group]]:
        for number in numbers:
            group = self._groups.pop(number)
            if self._open.get(group.ends) == number:
                del self._open[group.ends]
            self.held -= group.size
            yield number, group
        self.deadline = self.horizon + min(
            (group.ends for group in self._groups.values()), default=NEVER - self.horizon
        )

    def _end_of(self, at: Micros) -> Micros:
        return (at // self._width + 1) * self._width

    def snapshot(self) -> GroupsState:
        """The groups as they are stored."""
        return GroupsState(self._next_number, self._groups, self._open)

    def restore(self, state: GroupsState) -> None:
        """Take over stored groups; horizon and limits stay those of the declaration."""
        self._next_number = state.next_number
        self._groups = state.groups
        self._open = {
            ends: number for ends, number in state.open.items() if ends == self._end_of(ends - 1)
        }
        self.held = sum(group.size for group in self._groups.values())
        self.deadline = self.horizon + min(
            (group.ends for group in self._groups.values()), default=NEVER - self.horizon
        )


def _distinct(ends: Ints) -> tuple[list[int], list[int], list[int] | None, list[int]]:
    """Distinct values, where each is first, which one each row has (None: one), how often each."""
    if ends[0] == ends[-1] and (ends == ends[0]).all():
        return [int(ends[0])], [0], None, [len(ends)]
    found, first, places, counts = np.unique(
        ends, return_index=True, return_inverse=True, return_counts=True
    )
    return found.tolist(), first.tolist(), places.tolist(), counts.tolist()
