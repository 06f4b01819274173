"""What an alert shows for itself: a level before and after, the moment between, and by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from driftline.model import Direction, Micros  # noqa: TC001 - read at run time by msgspec

REAL: Final = 20.0
"""A split whose squared standardised difference is above this is no accident: the largest over all
boundaries of a ring of independent values without any change passes it less than once in a thousand
times (Hawkins, 1977)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of one signal that belong together, in the signal's own unit."""

    mean: float
    sd: float
    """Sample standard deviation (n - 1); 0 for a single value."""
    count: int
    first_at: Micros
    """The least event time among them: values need not come in the order of their times."""
    last_at: Micros
    """The greatest event time among them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Before and after one change of one signal."""

    before: Sample
    """The reference: the level before the first alarm; it stays fixed while the alert lives."""
    after: Sample
    """The level that the alert is about: the furthest from the reference that was seen."""
    change_at: Micros
    """The estimated moment at which the level left the reference, as event time."""
    direction: Direction
    """The way the level went: up or down."""
    now: Sample | None = None
    """The level since the latest real shift, where that is no longer `after`: part of the way back,
    or recovered."""
    after_at: Micros | None = None
    """The estimated moment at which `after` began, if later shifts led there; else `change_at`."""
    now_at: Micros | None = None
    """The estimated moment at which `now` began; None if there is none, or it was not noted."""

    @property
    def present(self) -> Sample:
        """Where the level stands: `now`, or still `after`."""
        return self.now or self.after

    @property
    def absolute_change(self) -> float:
        """`after` less `before`, in the signal's unit."""
        return self.after.mean - self.before.mean

    @property
    def relative_change(self) -> float | None:
        """The change as a share of the reference's magnitude; None where the reference is 0."""
        if self.before.mean == 0:
            return None
        ratio = self.absolute_change / abs(self.before.mean)
        return ratio if math.isfinite(ratio) else None

    @property
    def effect_size(self) -> float | None:
        """The change in pooled standard deviations (Cohen's d); None where there is no spread."""
        return effect_size(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Shift:
    """How much a signal differs across a moment of event time."""

    signal: str
    indicator: str
    """For a categorical feature the value whose share moved most; else empty."""
    before: Sample
    after: Sample

    @property
    def effect_size(self) -> float | None:
        """The difference in pooled standard deviations (Cohen's d); None without any spread."""
        return effect_size(self.before, self.after)

    @property
    def p_value(self) -> float:
        """Two-sided, of equal means, by the normal approximation for independent values."""
        return math.erfc(math.sqrt(statistic(self.before, self.after) / 2))


def pooled_variance(before: Sample, after: Sample) -> float:
    """The variance within the two samples, taken together."""
    inner = max(before.count - 1, 0) * before.sd * before.sd
    inner += max(after.count - 1, 0) * after.sd * after.sd
    return inner / max(before.count + after.count - 2, 1)


def effect_size(before: Sample, after: Sample) -> float | None:
    """Cohen's d of the second sample against the first; None where there is no spread."""
    difference = after.mean - before.mean
    if difference == 0:
        return 0.0
    sd = math.sqrt(pooled_variance(before, after))
    ratio = difference / sd if sd > 0 else math.inf
    return ratio if math.isfinite(ratio) else None


def statistic(before: Sample, after: Sample) -> float:
    """The squared standardised difference of two means; infinite without any spread."""
    difference = after.mean - before.mean
    if difference == 0:
        return 0.0
    variance = pooled_variance(before, after)
    if variance == 0:
        return math.inf
    weight = before.count * after.count / (before.count + after.count)
    return weight * difference * difference / variance


def rank_shifts(shifts: list[Shift], *, limit: int = 5, level: float = 1e-4) -> list[Shift]:
    """What really moved, most first by effect size, at most `limit` of it.

    Only shifts that chance does not explain are named.
    `level` is the chance, over all `shifts` together (Bonferroni), of naming one that did not move.
    """
    real = [shift for shift in shifts if shift.p_value * len(shifts) < level]
    return sorted(real, key=_strength, reverse=True)[:limit]


def _strength(shift: Shift) -> float:
    size = shift.effect_size
    return math.inf if size is None else abs(size)
