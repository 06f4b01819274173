"""Bringing an unbounded signal to the scale that detectors assume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLIP: Final = 100.0
"""A standardised value is at most so many deviations from 0.

A single wilder one near a detector's start would silence it for long: ADWIN weighs every difference
against the variance of its whole window.
"""
_WILD: Final = 1e4
"""A value so many interquartile ranges from the median does not count for the scale."""


@dataclass(frozen=True, slots=True)
class Standardiser:
    """A mean and a deviation above 0, fixed once."""

    mean: float
    deviation: float

    @classmethod
    def fit(cls, values: NDArray[np.float64]) -> Standardiser:
        """The values' mean and sample standard deviation; a deviation of 1 if they are all equal.

        Sums are exact before they are rounded once, so the result is the same on every machine.
        A value more than 10,000 interquartile ranges from the median is not counted: one such would
        make all others look the same for ever.
        """
        kept = _without_wild(values)
        mean = math.fsum(kept) / len(kept)
        deviations = kept - mean
        variance = math.fsum(deviations * deviations) / max(len(kept) - 1, 1)
        if kept.min() == kept.max() or variance == 0:
            return cls(float(kept[0]), 1.0)
        return cls(mean, math.sqrt(variance))

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values standardised, in order."""
        with np.errstate(over="ignore"):
            scaled = (values - self.mean) / self.deviation
        return scaled.clip(-CLIP, CLIP)

    def apply_one(self, value: float) -> float:
        """One value standardised: to the last bit what `apply` gives."""
        return min(max((value - self.mean) / self.deviation, -CLIP), CLIP)


def _without_wild(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    if high == low:
        return values
    tame: NDArray[np.float64] = values[np.abs(values - middle) <= _WILD * (high - low)]
    return tame
