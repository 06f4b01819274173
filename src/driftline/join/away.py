"""Which ids may have an entry in the store alone: those that were let go of, told from all others.

Most rows are of ids that nobody has heard of. Where labels come days late nearly all entries are in
the store alone, and without these books each new prediction would be looked for there.

A Bloom filter (Bloom, Communications of the ACM 13, 1970), blocked to one word an id (Putze,
Sanders and Singler, WEA 2007): who was let go of is always found, of others one in a hundred. As
entries expire by group, there is a filter for each stretch of what was let go of; it goes when the
last group of its entries does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

LEAST: Final = 256
"""Ids that the first filter has room for."""
IDS_PER_WORD: Final = 2
"""Of 64 bits: four bytes an id."""
FEW: Final = 12
"""Up to so many ids are asked for one by one: columns begin to cost less behind it."""
_ALL: Final = (1 << 64) - 1
_ONE: Final = np.uint64(1)
_PLACE: Final = np.uint64(63)
_SHIFTS: Final = (np.uint64(0), np.uint64(6), np.uint64(12))
"""Where in a hash the places of an id's three bits stand."""
_WORD: Final = 18
"""And its word, in all that is above."""


class Filter:
    """The ids of one stretch, and the groups that their entries belong to."""

    def __init__(self, room: int) -> None:
        """For so many ids, a power of two."""
        self._words = np.zeros(room // IDS_PER_WORD, np.uint64)
        self._mask = len(self._words) - 1
        self.room = room
        """How many more ids it takes."""
        self.groups: set[int] = set()

    @property
    def size(self) -> int:
        """What it takes, in bytes."""
        return self._words.nbytes

    def add(self, hashes: NDArray[np.uint64], groups: Collection[int]) -> None:
        """Take in ids whose entries are of these groups."""
        self.room -= len(hashes)
        self.groups.update(groups)
        np.bitwise_or.at(self._words, self._places(hashes), _bits(hashes))

    def among(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """For each id whether it may have been taken in."""
        bits = _bits(hashes)
        held: NDArray[np.bool_] = self._words[self._places(hashes)] & bits == bits
        return held

    def may_hold(self, word: int, bits: int) -> bool:
        """The same of one id, by what its hash says of its word and its bits."""
        return self._words.item(word & self._mask) & bits == bits

    def _places(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return (hashes >> np.uint64(_WORD)) & np.uint64(self._mask)


class Away:
    """The ids of one join that were let go of while this process had it."""

    def __init__(self) -> None:
        self._filters: list[Filter] = []

    @property
    def size(self) -> int:
        """What they take, in bytes."""
        return sum(one.size for one in self._filters)

    def add(self, ids: Sequence[str], groups: Collection[int], *, held: int) -> None:
        """Entries of these groups are in the store alone from here on; of so many that are held."""
        if not self._filters or self._filters[-1].room < len(ids):
            # As many as live, so that there are few of them, and little that is over in each.
            room = max(LEAST, len(ids), held)
            self._filters.append(Filter(1 << (room - 1).bit_length()))
        self._filters[-1].add(_hashes(ids), groups)

    def forget(self, living: AbstractSet[int]) -> None:
        """Other groups are no more."""
        self._filters = [one for one in self._filters if not one.groups.isdisjoint(living)]

    def among(self, ids: Sequence[str]) -> list[str]:
        """The ids that may have been let go of: all that were, and few others."""
        if not self._filters:
            return []
        if len(ids) <= FEW:
            return [id_ for id_ in ids if self._may_hold(id_)]
        hashes = _hashes(ids)
        found = np.logical_or.reduce([one.among(hashes) for one in self._filters])
        return [ids[row] for row in np.flatnonzero(found).tolist()]

    def _may_hold(self, id_: str) -> bool:
        hashed = hash(id_) & _ALL
        bits = 1 << (hashed & 63) | 1 << ((hashed >> 6) & 63) | 1 << ((hashed >> 12) & 63)
        word = hashed >> _WORD
        return any(one.may_hold(word, bits) for one in self._filters)


def _hashes(ids: Sequence[str]) -> NDArray[np.uint64]:
    """Python's own, which differ between processes: nobody can make ids that are all alike."""
    return np.fromiter(map(hash, ids), np.int64, len(ids)).view(np.uint64)


def _bits(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The three bits of each id in its word."""
    bits = np.zeros(len(hashes), np.uint64)
    for shift in _SHIFTS:
        bits |= _ONE << ((hashes >> shift) & _PLACE)
    return bits
