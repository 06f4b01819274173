"""What a window remembers of its values: moments, extremes, distribution, in bounded space."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.windows import blob
from driftline.windows.histogram import Histogram
from driftline.windows.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.eventlog.messages import Floats

SUMMED_UP_TO: Final = 1e140
"""A larger magnitude enters mean and variance as this one, so that no sum of squares overflows."""

# Below this many values the fixed cost of numpy's calls exceeds that of a loop; both give the same
# bits.
_FEW: Final = 12


class Aggregate:
    """Finite values, summarised: a function of the values and their order, never of their cuts.

    Sums are taken strictly in order and relative to the first value, so that a small spread around
    a large level keeps its digits. `merge` agrees with adding all values in turn: exactly in
    counts, extremes and quantiles, to rounding in mean and variance.
    """

    __slots__ = ("_max", "_min", "_origin", "_sketch", "_squares", "_sum", "count")

    def __init__(self) -> None:
        self.count = 0
        self._origin = 0.0
        self._sum = 0.0
        self._squares = 0.0
        self._min = math.inf
        self._max = -math.inf
        self._sketch = Sketch()

    @property
    def mean(self) -> float:
        """The arithmetic mean; NaN without values."""
        return self._origin + self._sum / self.count if self.count else math.nan

    @property
    def variance(self) -> float:
        """The sample variance (n - 1 in the denominator); NaN below two values."""
        if self.count < 2:  # noqa: PLR2004 - a spread needs two values
            return math.nan
        return max(0.0, self._squares - self._sum * self._sum / self.count) / (self.count - 1)

    @property
    def min(self) -> float:
        """The smallest value ever added, even if taken back since; NaN without values."""
        return self._min if self.count else math.nan

    @property
    def max(self) -> float:
        """The largest value ever added, even if taken back since; NaN without values."""
        return self._max if self.count else math.nan

    def add(self, values: Floats) -> None:
        """Take in a column of finite values."""
        if len(values) <= _FEW:
            for value in values.tolist():
                self.add_one(value)
            return
        low, high = float(np.minimum.reduce(values)), float(np.maximum.reduce(values))
        if not self.count:
            self._begin(float(values[0]))
        extreme = low < -SUMMED_UP_TO or high > SUMMED_UP_TO
        deviations = np.clip(values, -SUMMED_UP_TO, SUMMED_UP_TO) if extreme else values
        # np.add.accumulate adds strictly from left to right, where np.sum adds in pairs that depend
        # on the length.
        running = np.empty((2, len(values) + 1))
        running[0, 0], running[1, 0] = self._sum, self._squares
        np.subtract(deviations, self._origin, out=running[0, 1:])
        np.multiply(running[0, 1:], running[0, 1:], out=running[1, 1:])
        np.add.accumulate(running, axis=1, out=running)
        self._sum, self._squares = running[:, -1].tolist()
        self.count += len(values)
        self._stretch(low, high)
        self._sketch.add(values, low, high)

    def add_ones(self, count: int) -> None:
        """Take in so many ones: what `add` does, without a column of them."""
        if not self.count:
            self._begin(1.0)
        if self._origin != 1.0:
            self.add(np.ones(count))
            return
        # Each is where the sums are taken from: they stay as they are.
        self.count += count
        self._stretch(1.0, 1.0)
        self._sketch.add_alike(1.0, count)

    def add_one(self, value: float) -> None:
        """Take in one finite value."""
        if not self.count:
            self._begin(value)
        deviation = _bounded(value) - self._origin
        self._sum += deviation
        self._squares += deviation * deviation
        self.count += 1
        # As `_stretch`, which asks for more.
        if value < self._min:
            self._min = value + 0.0
        if value > self._max:
            self._max = value + 0.0
        self._sketch.add_alike(value, 1)

    def replace(self, old: float | None, new: float | None) -> bool:
        """Put a corrected value in the place of another; None: there was, or is now, no value.

        False, and nothing changed, if `old` is not among the values. `min` and `max` do not shrink.
        """
        if old is not None:
            if not self._sketch.has(old):
                return False
            self._sketch.remove_one(old)
            self.count -= 1
            deviation = _bounded(old) - self._origin
            self._sum -= deviation
            self._squares -= deviation * deviation
        if new is not None:
            self.add_one(new)
        return True

    def merge(self, other: Aggregate) -> None:
        """Take in all that the other one holds; the other stays as it is."""
        if not other.count:
            return
        if not self.count:
            self._begin(other._origin)
        shift = other._origin - self._origin
        self._squares += other._squares + shift * (2.0 * other._sum + other.count * shift)
        self._sum += other._sum + other.count * shift
        self.count += other.count
        self._stretch(other._min, other._max)
        self._sketch.merge(other._sketch)

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """Per share q in [0, 1] the value of rank floor(q (n - 1)), to 1 %; NaN without values."""
        found = self._sketch.quantiles(shares)
        return [min(max(value, self._min), self._max) for value in found]

    def histogram(self, bins: int = 20) -> Histogram:
        """The values in bins of equal width from `min` to `max`.

        A value within 1 % of an edge may be counted on its other side.
        """
        if not self.count:
            return Histogram(np.zeros(bins + 1), np.zeros(bins, np.int64))
        values, counts = self._sketch.points()
        # Halves and a share of each end, not a difference that could overflow.
        share = np.linspace(0.0, 1.0, bins + 1)
        edges = (1.0 - share) * self._min + share * self._max
        at = np.searchsorted(edges, np.clip(values, self._min, self._max), side="right") - 1
        counted = np.zeros(bins, np.int64)
        np.add.at(counted, np.clip(at, 0, bins - 1), counts)
        return Histogram(edges, counted)

    def snapshot(self) -> bytes:
        """The whole state, versioned and compact."""
        return blob.encode(
            blob.Summary(
                self.count,
                self._origin,
                self._sum,
                self._squares,
                self._min,
                self._max,
                blob.pack(self._sketch),
            )
        )

    @classmethod
    def restore(cls, stored: bytes) -> Aggregate:
        """What `snapshot` gave, to the last bit.

        Raises:
            StateError: the bytes are not a summary of this version, or contradict themselves.
        """
        summary = blob.decode(stored)
        aggregate = cls()
        aggregate.count = summary.count
        aggregate._origin = summary.origin
        aggregate._sum = summary.sum
        aggregate._squares = summary.squares
        aggregate._min, aggregate._max = summary.min, summary.max
        aggregate._sketch = blob.unpack(summary.sketch)
        return aggregate

    def _begin(self, value: float) -> None:
        self._origin, self._sum, self._squares = _bounded(value), 0.0, 0.0

    def _stretch(self, low: float, high: float) -> None:
        # Adding 0.0 makes -0.0 into 0.0, of which a column's minimum gives either.
        self._min, self._max = min(self._min, low + 0.0), max(self._max, high + 0.0)


def _bounded(value: float) -> float:
    if -SUMMED_UP_TO <= value <= SUMMED_UP_TO:
        return value
    return math.copysign(SUMMED_UP_TO, value)
