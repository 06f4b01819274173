"""When a signal is back at its reference: a sequential decision between two levels.

A cumulative sum, reflected at 0 (Page, 1954), of the log-likelihood ratio (Wald, 1945) of two
normal means with one variance: "at the reference" against "half of the shift away from it". Half,
because the level just after an alarm is over-estimated: tested against the whole shift, a signal
that stays bad recovers falsely. For the same reason the shift is estimated again while the first
2,000 values after the change come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

THRESHOLD: Final = 9.0
"""The evidence needed, in nats: e^9 to 1 for the reference."""
SETTLING: Final = 2_000
"""Values after the change by which the shift is estimated."""
LEAST_SHARE: Final = 0.25
"""The shift is never taken as less than this share of the first estimate: a false alarm's level
falls back by itself, and with a shift that vanished along with it nothing could be decided any
more."""


@dataclass(slots=True)
class Recovery:
    """The test of one alert; fed with every completed block."""

    reference: float
    variance: float
    """Of the values around their level: the mean of before and after, as the alternative tested
    lies half-way."""
    shift: float
    """The first estimate: the level after less the reference; not 0."""
    count: int
    """Values in `level` so far; 0 if `level` is only a first guess."""
    level: float
    score: float = 0.0
    back: int = 0
    """Values since the score was last 0: if it now decides, since the return (Page's estimate)."""

    @property
    def half(self) -> float:
        """How far from the reference the alternative lies: half of the shift as now estimated."""
        share = max((self.level - self.reference) / self.shift, LEAST_SHARE)
        return self.shift * share / 2

    def update(self, count: int, mean: float) -> bool:
        """Learn from the next block; True if the signal is back at the reference."""
        if self.count < SETTLING:
            self.level = (self.level * self.count + mean * count) / (self.count + count)
            self.count += count
        half = self.half or 5e-324
        # All in units of half the shift, so that no scale overflows. A spread of nothing would make
        # any one block decide alone; a thousandth of the shift is as good as nothing.
        variance = max(self.variance / half / half, 1e-6)
        self.score += count * (0.5 - (mean - self.reference) / half) / variance
        self.score = max(self.score, 0.0)
        self.back = self.back + count if self.score > 0 else 0
        return self.recovered

    @property
    def recovered(self) -> bool:
        """Whether the signal is back at the reference."""
        return self.score > THRESHOLD
