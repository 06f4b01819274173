"""Summaries of blocks of values: made, merged, and read as samples.

Means and sums of squared deviations are merged by the formula of Chan, Golub and LeVeque (1983),
so that a large offset costs no accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from driftline.alerts.evidence import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"

COUNT: Final = 0
FIRST: Final = 1
LAST: Final = 2
MID: Final = 3
"""The rows of `Blocks.meta`."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Summaries of consecutive blocks of one or more series."""

    means: Floats
    """One row per series, one column per block."""
    squares: Floats
    """Sums of squared deviations from the block's mean, shaped as `means`."""
    meta: Ints
    """Four rows: number of values; least, greatest and mean event time."""

    def __len__(self) -> int:
        return int(self.meta.shape[1])

    def __getitem__(self, part: slice | NDArray[np.bool_]) -> Blocks:
        return Blocks(self.means[:, part], self.squares[:, part], self.meta[:, part])

    def merged(self, row: int) -> Sample:
        """All blocks of one series as one sample.

        Raises:
            ValueError: there is no block.
        """
        if not len(self):
            msg = "a sample needs at least one block"
            raise ValueError(msg)
        counts = self.meta[COUNT]
        total = int(counts.sum())
        origin = float(self.means[row, 0])
        offsets = self.means[row] - origin
        mean_offset = float((counts * offsets).sum()) / total
        squares = float((self.squares[row] + counts * (offsets - mean_offset) ** 2).sum())
        return Sample(
            mean=origin + mean_offset,
            sd=float(np.sqrt(squares / (total - 1))) if total > 1 else 0.0,
            count=total,
            first_at=int(self.meta[FIRST].min()),
            last_at=int(self.meta[LAST].max()),
        )


def summarise(values: Floats, times: Ints, size: int) -> Blocks:
    """Summaries of blocks of `size` values each.

    `values` has a row per series, and a whole number of blocks.
    """
    series, length = values.shape
    cut = values.reshape(series, length // size, size)
    origin = cut[:, :, 0]
    deviations = cut - origin[:, :, None]
    offset = deviations.sum(axis=2) / size
    deviations -= offset[:, :, None]
    deviations *= deviations
    stamps = times.reshape(length // size, size)
    meta = np.empty((4, length // size), np.int64)
    meta[COUNT] = size
    # Times in order, as most are, need no search.
    ordered = bool((times[1:] >= times[:-1]).all())
    first = meta[FIRST] = stamps[:, 0] if ordered else stamps.min(axis=1)
    meta[LAST] = stamps[:, -1] if ordered else stamps.max(axis=1)
    meta[MID] = first + (stamps - first[:, None]).sum(axis=1) // size
    return Blocks(origin + offset, deviations.sum(axis=2), meta)


def merge_pairs(blocks: Blocks) -> Blocks:
    """Neighbours merged in pairs; the last of an odd number stays as it is."""
    even = len(blocks) // 2 * 2
    left, right = blocks[:even:2], blocks[1:even:2]
    count = left.meta[COUNT] + right.meta[COUNT]
    share = right.meta[COUNT] / count
    difference = right.means - left.means
    meta = np.empty((4, even // 2), np.int64)
    meta[COUNT] = count
    np.minimum(left.meta[FIRST], right.meta[FIRST], out=meta[FIRST])
    np.maximum(left.meta[LAST], right.meta[LAST], out=meta[LAST])
    meta[MID] = left.meta[MID] + np.rint((right.meta[MID] - left.meta[MID]) * share)
    between = difference * difference * (left.meta[COUNT] * share)
    merged = Blocks(left.means + difference * share, left.squares + right.squares + between, meta)
    return merged if even == len(blocks) else join(merged, blocks[even:])


def join(first: Blocks, second: Blocks) -> Blocks:
    """One stretch of blocks after another."""
    return Blocks(
        np.concatenate((first.means, second.means), axis=1),
        np.concatenate((first.squares, second.squares), axis=1),
        np.concatenate((first.meta, second.meta), axis=1),
    )
