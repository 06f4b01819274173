"""Entries that expire together: the join keeps its books by group, and never walks over ids."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.join.group import Group, GroupsState, Spans
from driftline.model import SECOND, Micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from driftline.eventlog.messages import Ints

GROUPS_PER_HORIZON: Final = 32
GROUPS_PER_MAX_WAITING: Final = 32
FEW: Final = 12
"""So few event times are looked at one by one: numpy takes longer to begin."""
NEVER: Final[Micros] = 1 << 62


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

    @property
    def waiting(self) -> int:
        """How many entries wait for a label."""
        return sum([group.waiting for group in self._groups.values()])

    @property
    def early(self) -> int:
        """How many entries are early labels."""
        return sum([group.early for group in self._groups.values()])

    def expired_at(self, at: Micros, now: Micros) -> bool:
        """Whether an entry of this event time would belong to a group that has expired already."""
        return self._end_of(at) + self.horizon <= now

    def spans(self, times: Ints) -> Spans:
        """The spans of time that these event times fall into."""
        count = len(times)
        if count > FEW:
            end = self._end_of(int(times.min()))
            if times.max() < end:
                return Spans([end], None, [count])
            return _distinct((times // self._width + 1) * self._width)
        if count == 1:
            return Spans((self._end_of(times.item()),), None, (1,))
        ends = list(map(self._end_of, times.tolist()))
        if ends.count(ends[0]) == count:
            return Spans(ends[:1], None, [count])
        found = list(dict.fromkeys(ends))
        return Spans(found, list(map(found.index, ends)), list(map(ends.count, found)))

    def expired(self, spans: Spans, now: Micros) -> bool:
        """Whether any of the spans is over."""
        return min(spans.ends) + self.horizon <= now

    def have_room(self, spans: Spans) -> bool:
        """Whether entries of these spans need not be spread over several groups each."""
        for end, count in zip(spans.ends, spans.counts, strict=True):
            number = self._open.get(end)
            size = 0 if number is None else self._groups[number].size
            if size + count > self._max_size:
                return False
        return True

    def place(self, spans: Spans, kind: int) -> list[int]:
        """The group of each of these entries, made if need be; they are counted as of this kind.

        There is room for all.
        """
        numbers = []
        for end, count in zip(spans.ends, spans.counts, strict=True):
            number = self._number_for(end)
            self._groups[number].count(kind, count)
            self.held += count
            numbers.append(number)
        if spans.places is None:
            return numbers * count
        return [numbers[place] for place in spans.places]

    def count_one(self, number: int, kind: int, more: int) -> None:
        """One entry of this kind more, or less, in this group."""
        self._groups[number].count(kind, more)
        self.held += more

    def join_one(self, number: int) -> None:
        """As `join`, for one."""
        group = self._groups[number]
        group.waiting -= 1
        group.joined += 1

    def place_one(self, at: Micros, kind: int) -> int:
        """The group of an entry of this event time, made if need be; it is counted."""
        number = self._number_for(self._end_of(at))
        self._groups[number].count(kind, 1)
        self.held += 1
        return number

    def _number_for(self, ends: Micros) -> int:
        number = self._open.get(ends)
        if number is not None and self._groups[number].size < self._max_size:
            return number
        number = self._open[ends] = self._next_number
        self._groups[number] = Group(ends)
        self._next_number += 1
        self.deadline = min(self.deadline, ends + self.horizon)
        return number

    def take_out(self, numbers: Sequence[int], kind: int) -> None:
        """One entry of this kind less in each of these groups."""
        for number, count in counted(numbers):
            self._groups[number].count(kind, -count)
        self.held -= len(numbers)

    def put_in(self, numbers: Sequence[int], kind: int) -> None:
        """One entry of this kind more in each of these groups."""
        for number, count in counted(numbers):
            self._groups[number].count(kind, count)
        self.held += len(numbers)

    def join(self, numbers: Sequence[int]) -> None:
        """In each of these groups one entry that waited for its label is a joined one now."""
        for number, count in counted(numbers):
            group = self._groups[number]
            group.waiting -= count
            group.joined += count

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


def _distinct(ends: Ints) -> Spans:
    found, first, places, counts = np.unique(
        ends, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    ranks = np.argsort(order)
    return Spans(found[order].tolist(), ranks[places].tolist(), counts[order].tolist())


def counted(numbers: Sequence[int]) -> Iterable[tuple[int, int]]:
    """How often each number is there."""
    if numbers and numbers.count(numbers[0]) == len(numbers):
        return ((numbers[0], len(numbers)),)
    return Counter(numbers).items()
