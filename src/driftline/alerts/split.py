"""Where a level changed: between the two blocks where the means of before and after differ most.

Hawkins, D. M. (1977), Testing a Sequence of Observations for a Shift in Location, JASA 72; the
statistic here is the square of his, with the variance within the two parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.alerts.blocks import COUNT
from driftline.alerts.evidence import REAL, Sample
from driftline.model import Direction

if TYPE_CHECKING:
    from driftline.alerts.blocks import Blocks, Floats, Ints
    from driftline.alerts.ring import Ring
    from driftline.model import Micros

MIN_BEFORE: Final = 64
MIN_AFTER: Final = 16


@dataclass(frozen=True, slots=True)
class Split:
    """The best place to cut a stretch of values in two."""

    boundary: int
    """The first block of the later part."""
    row: int
    """The series in which the difference was largest."""
    statistic: float
    """The squared standardised difference of the two means."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A change of level as the ring shows it."""

    row: int
    """The series that shows it."""
    boundary: int
    """The first block of the later level."""
    real: bool
    """Whether the boundary is one that chance hardly gives."""
    before: Sample
    after: Sample
    change_at: Micros

    @property
    def direction(self) -> Direction:
        """Up or down; both if the two means are equal, so that there is nothing to show."""
        difference = self.after.mean - self.before.mean
        if difference == 0:
            return Direction.BOTH
        return Direction.UP if difference > 0 else Direction.DOWN


def find_change(ring: Ring, row: int) -> Finding:
    """The change that an alarm at the latest value speaks of. The ring holds at least one value.

    After a handful of values, in a single block, it is the latest value of series `row` against all
    before it.
    """
    split = find_split(ring)
    if split is None:
        return _latest_against_all(ring, row)
    blocks = ring.all_blocks()
    return Finding(
        row=split.row,
        boundary=split.boundary,
        real=split.statistic >= REAL,
        before=blocks[ring.mark : split.boundary].merged(split.row),
        after=blocks[split.boundary :].merged(split.row),
        change_at=ring.boundary_at(split.boundary),
    )


def _latest_against_all(ring: Ring, row: int) -> Finding:
    latest = Sample(float(ring.last[row]), 0.0, 1, ring.last_at, ring.last_at)
    everything = ring.sample(row, ring.mark) or ring.sample(row, 0) or latest
    return Finding(
        row=row,
        boundary=len(ring),
        real=False,
        before=_without(everything, latest),
        after=latest,
        change_at=ring.last_at,
    )


def _without(sample: Sample, value: Sample) -> Sample:
    """The sample less one of its values; itself if that is all it has."""
    count = sample.count - 1
    if count == 0:
        return sample
    mean = sample.mean - (value.mean - sample.mean) / count
    squares = sample.sd * sample.sd * count - (value.mean - sample.mean) * (value.mean - mean)
    sd = math.sqrt(max(squares, 0.0) / (count - 1)) if count > 1 else 0.0
    return Sample(mean, sd, count, sample.first_at, sample.last_at)


def find_split(ring: Ring, *, row: int | None = None) -> Split | None:
    """The best split since the ring's mark, over all series or in one of them.

    None where there is one block or none.

    The earlier part has at least 64 values and the later one 16; where no boundary allows that, any
    will do.
    """
    blocks = ring.all_blocks()[ring.mark :]
    if len(blocks) < 2:  # noqa: PLR2004 - two parts
        return None
    scores = _statistics(blocks)
    if row is not None:
        scores = scores[row : row + 1]
    if scores.max() < REAL:
        scores = _with_long_reference(scores, blocks.meta[COUNT])
    best = int(scores.argmax())
    series, column = divmod(best, scores.shape[1])
    return Split(
        boundary=ring.mark + column + 1,
        row=series if row is None else row,
        statistic=float(scores[series, column]),
    )


def _statistics(blocks: Blocks) -> Floats:
    counts = blocks.meta[COUNT]
    total = int(counts.sum())
    # Around the overall mean no sum is large beside the differences that it is to show; taking the
    # first mean off before keeps a constant series exactly constant.
    offsets = blocks.means - blocks.means[:, :1]
    offsets -= (offsets * counts).sum(axis=1, keepdims=True) / total
    sums = (offsets * counts).cumsum(axis=1)
    squares = (blocks.squares + counts * offsets**2).sum(axis=1, keepdims=True)
    before = counts.cumsum()[:-1]
    after = total - before
    mean_before = sums[:, :-1] / before
    mean_after = (sums[:, -1:] - sums[:, :-1]) / after
    between = before * after / total * (mean_before - mean_after) ** 2
    within = np.maximum(squares - between, 0) / max(total - 2, 1)
    # Without spread within, any difference between is beyond doubt; the floor keeps it finite, and
    # 0 without any.
    scores = between / np.maximum(within, squares * 1e-15 + np.finfo(float).tiny)
    allowed = (before >= MIN_BEFORE) & (after >= MIN_AFTER)
    return np.where(allowed, scores, -1.0) if allowed.any() else scores


def _with_long_reference(scores: Floats, counts: Ints) -> Floats:
    """Where no split is real, only those with a quarter of the values before them.

    A few early values would make a reference to which the signal never returns.
    """
    long = counts.cumsum()[:-1] * 4 >= counts.sum()
    return np.where(long, scores, -1.0) if long.any() else scores
