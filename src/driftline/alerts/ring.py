"""What is remembered of a signal: summaries of blocks of values, finer for the recent ones.

A ring holds `CAPACITY` blocks. Each begins as `BLOCK` values; whenever the ring is full, the older
half is merged in pairs, so that it reaches back over the whole signal with a resolution in
proportion to age.

The state is a function of the values in order: a block is summed when it is whole, always over the
same values in the same order, however they were cut into calls. A ring may hold several series of
equal length (the indicators of one categorical feature), which share counts and times.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.alerts.blocks import COUNT, FIRST, LAST, MID, Blocks, join, merge_pairs, summarise
from driftline.alerts.ring_state import RingState
from driftline.errors import StateError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.alerts.blocks import Floats, Ints
    from driftline.alerts.evidence import Sample
    from driftline.model import Micros

BLOCK: Final = 32
CAPACITY: Final = 256
HALF: Final = CAPACITY // 2
LIMIT: Final = 1e100
"""Larger magnitudes count as this one, so that no square overflows."""
_LITTLE_ENDIAN: Final = sys.byteorder == "little"


class Ring:
    """Block summaries of one or more series, and where the present level began."""

    def __init__(self, series: int) -> None:
        self._means = np.empty((series, CAPACITY))
        self._squares = np.empty((series, CAPACITY))
        self._meta = np.empty((4, CAPACITY), np.int64)
        self._size = 0
        self._unfinished = np.empty((series, BLOCK))
        self._unfinished_times = np.empty(BLOCK, np.int64)
        self.unfinished = 0
        """The number of values in the unfinished block."""
        self.last = np.zeros(series)
        """The latest value of each series."""
        self.last_at: Micros = 0
        self.mark = 0
        """The first block since the latest known change: what lies before it is another level."""

    def __len__(self) -> int:
        """The number of whole blocks."""
        return self._size

    @property
    def _rest(self) -> Floats:
        return self._unfinished[:, : self.unfinished]

    @property
    def _rest_times(self) -> Ints:
        return self._unfinished_times[: self.unfinished]

    @property
    def count(self) -> int:
        """The number of values it has been given."""
        return int(self.blocks.meta[COUNT].sum()) + self.unfinished

    @property
    def blocks(self) -> Blocks:
        """The whole blocks, oldest first."""
        return Blocks(self._means, self._squares, self._meta)[: self._size]

    def cut(self, values: Floats, times: Ints) -> tuple[Blocks, Floats, Ints]:
        """The blocks that these values complete, and what is then left over; changes nothing."""
        values = np.clip(values, -LIMIT, LIMIT)
        if self.unfinished:
            values = np.concatenate((self._rest, values), axis=1)
            times = np.concatenate((self._rest_times, times))
        whole = times.size - times.size % BLOCK
        blocks = summarise(np.ascontiguousarray(values[:, :whole]), times[:whole], BLOCK)
        return blocks, values[:, whole:], times[whole:]

    def add(self, blocks: Blocks, rest: Floats, rest_times: Ints) -> None:
        """Take in blocks that `cut` gave, in order, and the values that are now left over."""
        done = 0
        while done < len(blocks):
            part = blocks[done : done + CAPACITY - self._size]
            end = self._size + len(part)
            self._means[:, self._size : end] = part.means
            self._squares[:, self._size : end] = part.squares
            self._meta[:, self._size : end] = part.meta
            self._size = end
            done += len(part)
            if self._size == CAPACITY:
                self._thin()
        self._leave_over(rest, rest_times)

    def _leave_over(self, rest: Floats, rest_times: Ints) -> None:
        self.unfinished = rest_times.size
        self._unfinished[:, : self.unfinished] = rest
        self._unfinished_times[: self.unfinished] = rest_times

    def extend(self, values: Floats, times: Ints) -> None:
        """Take in finite values (a row per series) and their event times."""
        self.add(*self.cut(values, times))
        self.remember_last(values, times)

    def append(self, value: float, at: Micros) -> None:
        """Take in one finite value of the only series: what `extend` does, without its columns."""
        if not -LIMIT <= value <= LIMIT:
            value = math.copysign(LIMIT, value)
        self._unfinished[0, self.unfinished] = self.last[0] = value
        self._unfinished_times[self.unfinished] = self.last_at = at
        self.unfinished += 1
        if self.unfinished == BLOCK:
            whole = summarise(self._unfinished, self._unfinished_times, BLOCK)
            self.add(whole, self._unfinished[:, :0], self._unfinished_times[:0])

    def remember_last(self, values: Floats, times: Ints) -> None:
        """Keep the latest values: all there is to show of a change after a handful of values."""
        if times.size:
            self.last = np.clip(values[:, -1], -LIMIT, LIMIT)
            self.last_at = int(times[-1])

    def _thin(self) -> None:
        # Two levels are never merged into one block.
        wall = self.mark if self.mark < HALF else 0
        older = merge_pairs(self.blocks[wall:HALF])
        if wall:
            older = join(merge_pairs(self.blocks[:wall]), older)
        kept = len(older)
        for target, merged in (
            (self._means, older.means),
            (self._squares, older.squares),
            (self._meta, older.meta),
        ):
            target[:, kept : kept + HALF] = target[:, HALF:].copy()
            target[:, :kept] = merged
        self.mark = (self.mark + 1) // 2 if self.mark < HALF else self.mark - HALF + kept
        self._size = kept + HALF

    def all_blocks(self) -> Blocks:
        """The whole blocks and the unfinished one as the last, if it has any value."""
        whole = self.blocks
        if not self.unfinished:
            return whole
        last = summarise(np.ascontiguousarray(self._rest), self._rest_times, self.unfinished)
        return join(whole, last)

    def sample(self, row: int, start: int, stop: int | None = None) -> Sample | None:
        """The values from block `start` to before `stop` (else all); None if there are none."""
        part = self.all_blocks()[start:stop]
        return part.merged(row) if len(part) else None

    def boundary_back(self, values: int) -> int:
        """The boundary before the last so many values in whole blocks, not before the mark."""
        from_the_end = self.blocks.meta[COUNT][::-1].cumsum()
        blocks = max(int(np.searchsorted(from_the_end, values, side="right")), 1)
        return max(self._size - blocks, self.mark)

    def boundary_at(self, boundary: int) -> Micros:
        """The event time at the boundary before a block: the first of what follows it.

        Where the times on both sides overlap (outcomes come in the order of their labels), half-way
        between the mean times of the two blocks that meet there.
        """
        meta = self.all_blocks().meta
        last = meta.shape[1] - 1
        after = min(boundary, last)
        if after == 0 or meta[LAST, after - 1] <= meta[FIRST, after]:
            return int(meta[FIRST, after])
        return int(meta[MID, after - 1] + meta[MID, after]) // 2

    def snapshot(self) -> RingState:
        """All of the ring."""
        size = self._size
        return RingState(
            mark=self.mark,
            means=_pack(self._means[:, :size]),
            squares=_pack(self._squares[:, :size]),
            meta=_pack(self._meta[:, :size]),
            rest=_pack(self._rest),
            rest_times=_pack(self._rest_times),
            last=_pack(self.last),
            last_at=self.last_at,
        )

    @classmethod
    def restore(cls, state: RingState, series: int) -> Ring:
        """The ring that was stored.

        Raises:
            StateError: its parts do not fit together.
        """
        ring = cls(series)
        meta = _unpack(state.meta, 4, np.dtype("<i8")).astype(np.int64)
        size = meta.shape[1]
        means = _unpack(state.means, series, np.dtype("<f8")).astype(np.float64)
        squares = _unpack(state.squares, series, np.dtype("<f8")).astype(np.float64)
        rest = _unpack(state.rest, series, np.dtype("<f8")).astype(np.float64)
        rest_times = _unpack(state.rest_times, 1, np.dtype("<i8")).astype(np.int64)[0]
        last = _unpack(state.last, series, np.dtype("<f8")).astype(np.float64)
        _require(means.shape[1] == squares.shape[1] == size < CAPACITY, "blocks")
        _require(series == 0 or rest.shape[1] == rest_times.size < BLOCK, "unfinished block")
        _require(last.shape[1] == min(series, 1), "latest value")
        _require(0 <= state.mark <= size, "mark")
        _require(bool((meta[COUNT] > 0).all()), "counts")
        _require(bool((meta[FIRST] <= meta[LAST]).all()), "times")
        finite = all(bool(np.isfinite(part).all()) for part in (means, squares, rest, last))
        _require(finite and bool((squares >= 0).all()), "numbers")
        ring._means[:, :size] = means
        ring._squares[:, :size] = squares
        ring._meta[:, :size] = meta
        ring._size = size
        ring._leave_over(rest, rest_times)
        ring.mark, ring.last, ring.last_at = (
            state.mark,
            last[:, 0] if series else last[0:0, 0:0].ravel(),
            state.last_at,
        )
        return ring


def _pack(array: Floats | Ints) -> bytes:
    return array.tobytes() if _LITTLE_ENDIAN else array.byteswap().tobytes()


def _unpack(blob: bytes, rows: int, kind: np.dtype[np.generic]) -> NDArray[np.generic]:
    try:
        flat = np.frombuffer(blob, kind)
        return flat.reshape(rows, flat.size // rows) if rows else flat.reshape(0, 0)
    except ValueError as error:
        msg = f"stored ring: {error}"
        raise StateError(msg) from None


def _require(condition: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not condition:
        msg = f"stored ring: {what} do not fit together"
        raise StateError(msg)
