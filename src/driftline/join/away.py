"""Which ids may have an entry in the store alone: those that were let go of, told from all others.

Most rows are of ids that nobody has heard of. Where labels come days late nearly all entries are in
the store alone, and without these books each new prediction would be looked for there.

Bloom filters (Bloom, Communications of the ACM 13, 1970), blocked to one word an id (Putze, Sanders
and Singler, WEA 2007): who was let go of is always found, of others some two in a thousand for each
filter. As entries expire by group, there are filters for each span of their groups' times; they go
when the last of these groups does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from driftline.join.entries import group_mark, group_of
from driftline.model import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from driftline.join.entries import Entry
    from driftline.join.groups import Groups
    from driftline.model import Micros

    Unsigned: TypeAlias = NDArray[np.uint64]

LEAST: Final = 256
"""Ids that a filter has room for at least."""
GROWTH: Final = 2
"""A span that needs another filter gets one for so many times what it has: so it has few."""
SPANS_PER_HORIZON: Final = 2
AHEAD: Final = 4
"""Spans ahead of now from which on all share one: few rows are of such times, but of any."""
IDS_PER_WORD: Final = 2
"""Of 64 bits: four bytes an id."""
FEW: Final = 12
"""Up to so many ids are asked for one by one: columns begin to cost less behind it."""
_LATER: Final = 1 << 62
_ALL: Final = (1 << 64) - 1
_ONE: Final = np.uint64(1)
_PLACE: Final = np.uint64(63)
_SHIFTS: Final = (np.uint64(0), np.uint64(6), np.uint64(12))
"""Where in a hash the places of an id's three bits stand."""
_WORD: Final = 18
"""And its word, in all that is above."""


class Filter:
    """Ids of one span."""

    def __init__(self, room: int) -> None:
        """For so many ids, a power of two."""
        self._words = np.zeros(room // IDS_PER_WORD, np.uint64)
        self._mask = len(self._words) - 1
        self.room = room
        """How many more ids it takes."""

    @property
    def size(self) -> int:
        """What it takes, in bytes."""
        return self._words.nbytes

    def add(self, words: Unsigned, bits: Unsigned) -> None:
        """Take in ids, by what their hashes say of their words and their bits."""
        self.room -= len(words)
        np.bitwise_or.at(self._words, words & np.uint64(self._mask), bits)

    def among(self, words: Unsigned, bits: Unsigned) -> NDArray[np.bool_]:
        """For each id whether it may have been taken in."""
        held: NDArray[np.bool_] = self._words[words & np.uint64(self._mask)] & bits == bits
        return held

    def may_hold(self, word: int, bits: int) -> bool:
        """The same of one id."""
        return self._words.item(word & self._mask) & bits == bits


class Span:
    """The ids whose entries belong to groups of one span of time."""

    def __init__(self) -> None:
        self.filters: list[Filter] = []
        self.groups: set[int] = set()
        self._count = 0

    def add(self, ids: Sequence[str], expected: int) -> None:
        """Take in ids; so many are to be expected where these are the first ones."""
        words, bits = _hashed(ids)
        if self.filters:
            # What is fetched and let go of once more is here: bits stay as long as its group.
            new = ~_among(self.filters, words, bits)
            words, bits = words[new], bits[new]
        if not self.filters or self.filters[-1].room < len(words):
            wanted = GROWTH * self._count if self.filters else expected
            room = max(LEAST, len(words), wanted)
            self.filters.append(Filter(1 << (room - 1).bit_length()))
        self._count += len(words)
        self.filters[-1].add(words, bits)


class Away:
    """The ids of one join that were let go of while this process had it."""

    def __init__(self, horizon: Micros) -> None:
        """For groups that live so long."""
        self._width = max(horizon // SPANS_PER_HORIZON, SECOND)
        self._spans: dict[int, Span] = {}
        self._filters: list[Filter] = []

    @property
    def size(self) -> int:
        """What they take, in bytes."""
        return sum(one.size for one in self._filters)

    def add(self, entries: Mapping[str, Entry], groups: Groups, now: Micros) -> None:
        """These entries are in the store alone from here on; `groups` are all that live."""
        ids_of: dict[bytes, list[str]] = {}
        for id_, entry in entries.items():
            ids_of.setdefault(group_mark(entry), []).append(id_)
        coming: dict[int, list[str]] = {}
        for mark, ids in ids_of.items():
            number = group_of(mark)
            if number in groups:
                place = self._place(groups[number].ends, now)
                self._spans.setdefault(place, Span()).groups.add(number)
                coming.setdefault(place, []).extend(ids)
        for place, ids in coming.items():
            # Its part of what lives, were all of it let go of as these were.
            share = groups.held * len(ids) // (SPANS_PER_HORIZON * len(entries))
            self._spans[place].add(ids, share)
        self._collect()

    def forget(self, living: AbstractSet[int]) -> None:
        """Other groups are no more."""
        over = [place for place, one in self._spans.items() if one.groups.isdisjoint(living)]
        for place in over:
            del self._spans[place]
        if over:
            self._collect()

    def among(self, ids: Sequence[str]) -> list[str]:
        """The ids that may have been let go of: all that were, and few others."""
        if not self._filters:
            return []
        if len(ids) <= FEW:
            return [id_ for id_ in ids if self._may_hold(id_)]
        found = _among(self._filters, *_hashed(ids))
        return [ids[row] for row in np.flatnonzero(found).tolist()]

    def _may_hold(self, id_: str) -> bool:
        hashed = hash(id_) & _ALL
        bits = 1 << (hashed & 63) | 1 << ((hashed >> 6) & 63) | 1 << ((hashed >> 12) & 63)
        word = hashed >> _WORD
        return any(one.may_hold(word, bits) for one in self._filters)

    def _place(self, ends: Micros, now: Micros) -> int:
        return ends // self._width if ends < now + AHEAD * self._width else _LATER

    def _collect(self) -> None:
        self._filters = [one for span in self._spans.values() for one in span.filters]


def _among(filters: Sequence[Filter], words: Unsigned, bits: Unsigned) -> NDArray[np.bool_]:
    """For each id whether any of these filters may have taken it in."""
    found = filters[0].among(words, bits)
    for one in filters[1:]:
        found |= one.among(words, bits)
    return found


def _hashed(ids: Sequence[str]) -> tuple[Unsigned, Unsigned]:
    """What the hashes of ids say of their words, and the three bits of each in its word.

    The hashes are Python's own, which differ between processes: nobody can make ids that are all
    alike.
    """
    hashes = np.fromiter(map(hash, ids), np.int64, len(ids)).view(np.uint64)
    bits = np.zeros(len(hashes), np.uint64)
    for shift in _SHIFTS:
        bits |= _ONE << ((hashes >> shift) & _PLACE)
    return hashes >> np.uint64(_WORD), bits
