"""A quantile sketch of logarithmic buckets: DDSketch (Masson, Rim, Lee, VLDB 2019).

A magnitude's bucket comes from the cubic interpolation of its base-2 logarithm between powers of
two, a handful of IEEE additions and multiplications: unlike a library's logarithm it gives the same
bucket on every machine, for a value alone and for a value in a column. Buckets span `SPAN` indices
below that of the largest magnitude seen; what is smaller collapses into the lowest of them. So the
sketch depends on the values alone, not on their order or cuts.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.eventlog.messages import Floats, Ints

ACCURACY: Final = 0.01
"""A quantile differs from the value of its rank by at most this share of it."""

SPAN: Final = 1024
"""Buckets per sign: a factor of 2**29 between the largest magnitude and the smallest that is told
apart."""

# P(s) = ((A s + B) s + C) s runs from 0 to 1 as the mantissa 1 + s runs from 1 to 2, and e + P(s)
# rises by at least C per unit of the natural logarithm. C x 35 buckets per unit make a bucket's
# ends differ by at most a factor of exp(1 / 50), below (1 + ACCURACY) / (1 - ACCURACY).
_A: Final = 6 / 35
_B: Final = -3 / 5
_C: Final = 10 / 7
_PER_OCTAVE: Final = 35.0


def bucket_of(magnitude: float) -> int:
    """The bucket of one finite number above 0."""
    mantissa, exponent = math.frexp(magnitude)
    s = 2.0 * mantissa - 1.0
    return math.floor((((_A * s + _B) * s + _C) * s + (exponent - 1)) * _PER_OCTAVE)


_BUCKET_OF_ONE: Final = bucket_of(1.0)
"""Most values that come alone are errors and counts."""


def buckets_of(magnitudes: Floats) -> Ints:
    """The bucket of each of a column of finite numbers above 0: what `bucket_of` gives."""
    mantissas, exponents = np.frexp(magnitudes)
    s = 2.0 * mantissas - 1.0
    place = (((_A * s + _B) * s + _C) * s + (exponents - 1)) * _PER_OCTAVE
    buckets: Ints = np.floor(place).astype(np.int64)
    return buckets


def lower_bound(bucket: int) -> float:
    """The smallest magnitude in a bucket, to a few parts in 10**15; may be infinite."""
    octave, rest = divmod(bucket / _PER_OCTAVE, 1.0)
    s = rest
    # Newton's steps on P(s) = rest: P rises steadily and is nearly straight, five reach the last
    # digit.
    for _ in range(6):
        s -= (((_A * s + _B) * s + _C) * s - rest) / ((3 * _A * s + 2 * _B) * s + _C)
    try:
        return math.ldexp(1.0 + s, int(octave))
    except OverflowError:
        return math.inf


def middle_of(bucket: int) -> float:
    """The magnitude that is within `ACCURACY` of every magnitude in the bucket."""
    low, high = (min(lower_bound(at), sys.float_info.max) for at in (bucket, bucket + 1))
    return low + (high - low) / (1.0 + high / low)


class Side:
    """The buckets of one sign, densely counted from the lowest to the highest that occurs."""

    __slots__ = ("counts", "low")

    def __init__(self) -> None:
        self.low = 0
        self.counts: Ints = np.zeros(0, np.int64)

    def add(self, buckets: Ints, low: int, high: int) -> None:
        """Count a column of buckets, of which these are the extremes."""
        self._reach(low, high)
        counted = np.bincount(buckets - low)
        at = low - self.low
        self.counts[at : at + len(counted)] += counted

    def add_one(self, bucket: int, times: int = 1) -> None:
        """Count one bucket."""
        at = bucket - self.low
        if not 0 <= at < len(self.counts):
            self._reach(bucket, bucket)
            at = bucket - self.low
        self.counts[at] += times

    def has(self, bucket: int) -> bool:
        """Whether anything was counted in this bucket."""
        place = bucket - self.low
        return 0 <= place < len(self.counts) and bool(self.counts[place] > 0)

    def collapse(self, floor: int) -> None:
        """Move what lies below `floor` into it."""
        below = min(floor - self.low, len(self.counts))
        if below <= 0:
            return
        moved = int(self.counts[:below].sum())
        self.low, self.counts = self.low + below, self.counts[below:].copy()
        if moved:
            self.add_one(floor, moved)

    def sparse(self) -> tuple[Ints, Ints]:
        """The buckets that occur, ascending, and how often."""
        at = np.flatnonzero(self.counts)
        return at + self.low, self.counts[at]

    def _reach(self, low: int, high: int) -> None:
        if not len(self.counts):
            self.low, self.counts = low, np.zeros(high - low + 1, np.int64)
            return
        new_low, new_high = min(low, self.low), max(high, self.low + len(self.counts) - 1)
        if new_high - new_low + 1 == len(self.counts):
            return
        grown = np.zeros(new_high - new_low + 1, np.int64)
        at = self.low - new_low
        grown[at : at + len(self.counts)] = self.counts
        self.low, self.counts = new_low, grown


class Sketch:
    """How values are distributed: zeros, and buckets of the positive and of the negative ones."""

    __slots__ = ("negative", "positive", "top", "zeros")

    def __init__(self) -> None:
        self.zeros = 0
        self.top: int | None = None
        """The bucket of the largest magnitude ever added; removing a value does not lower it."""
        self.positive = Side()
        self.negative = Side()

    def add(self, values: Floats, low: float, high: float) -> None:
        """Count a column of finite values, of which these are the extremes."""
        present = int(np.count_nonzero(values))
        self.zeros += len(values) - present
        if not present:
            return
        if low >= 0.0 and np.count_nonzero(values == high) == present:
            # Errors, classes, what is missing: zeros and ones.
            self.add_alike(high, present)
            return
        if present < len(values):
            values = values[values != 0.0]
        if low < 0.0:
            self._add_signed(values, max(-low, high))
        else:
            self._add_positive(values, low or float(np.minimum.reduce(values)), high)

    def _add_positive(self, values: Floats, low: float, high: float) -> None:
        # A larger magnitude is never in a lower bucket.
        first, last = bucket_of(low), bucket_of(high)
        floor = self._raise_top(last)
        buckets = buckets_of(values)
        if first < floor:
            buckets, first, last = np.maximum(buckets, floor), floor, max(last, floor)
        self.positive.add(buckets, first, last)

    def _add_signed(self, values: Floats, largest: float) -> None:
        floor = self._raise_top(bucket_of(largest))
        buckets = np.maximum(buckets_of(np.abs(values)), floor)
        below = values < 0.0
        for side, ours in ((self.negative, buckets[below]), (self.positive, buckets[~below])):
            if len(ours):
                side.add(ours, int(np.minimum.reduce(ours)), int(np.maximum.reduce(ours)))

    def add_alike(self, value: float, count: int) -> None:
        """Count one finite value, which came so many times."""
        if value == 0.0:
            self.zeros += count
            return
        bucket = _BUCKET_OF_ONE if value == 1.0 else bucket_of(abs(value))
        if bucket != self.top:
            bucket = max(bucket, self._raise_top(bucket))
        self._side(value).add_one(bucket, count)

    def has(self, value: float) -> bool:
        """Whether a value of this bucket was counted."""
        if value == 0.0:
            return self.zeros > 0
        return self.top is not None and self._side(value).has(self._place(value))

    def remove_one(self, value: float) -> None:
        """Take back one value that `has` confirms."""
        if value == 0.0:
            self.zeros -= 1
        else:
            self._side(value).add_one(self._place(value), -1)

    def merge(self, other: Sketch) -> None:
        """Count all that the other one counted."""
        self.zeros += other.zeros
        if other.top is None:
            return
        floor = self._raise_top(other.top)
        for mine, theirs in ((self.positive, other.positive), (self.negative, other.negative)):
            for bucket, count in zip(*(part.tolist() for part in theirs.sparse()), strict=True):
                mine.add_one(max(bucket, floor), count)

    def points(self) -> tuple[Floats, Ints]:
        """A value for each bucket that occurs, ascending, and how often it does."""
        below, below_counts = self.negative.sparse()
        above, above_counts = self.positive.sparse()
        values = [
            *(-middle_of(bucket) for bucket in below[::-1].tolist()),
            *([0.0] if self.zeros else []),
            *(middle_of(bucket) for bucket in above.tolist()),
        ]
        zeros = np.full(1 if self.zeros else 0, self.zeros, np.int64)
        return np.array(values), np.concatenate((below_counts[::-1], zeros, above_counts))

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """Per share q the value of rank floor(q (n - 1)) of the n values; NaN without values."""
        values, counts = self.points()
        if not len(values):
            return [math.nan] * len(shares)
        up_to = np.cumsum(counts)
        ranks = np.floor(np.asarray(shares) * (int(up_to[-1]) - 1))
        at = np.searchsorted(up_to, ranks, side="right")
        found: list[float] = values[np.minimum(at, len(values) - 1)].tolist()
        return found

    def _side(self, value: float) -> Side:
        return self.positive if value > 0.0 else self.negative

    def _place(self, value: float) -> int:
        floor = -math.inf if self.top is None else self.top - SPAN + 1
        return int(max(bucket_of(abs(value)), floor))

    def _raise_top(self, bucket: int) -> int:
        """Make room for a bucket; the lowest bucket that is kept apart from now on."""
        if self.top is None or bucket > self.top:
            self.top = bucket
            self.positive.collapse(bucket - SPAN + 1)
            self.negative.collapse(bucket - SPAN + 1)
        return self.top - SPAN + 1
