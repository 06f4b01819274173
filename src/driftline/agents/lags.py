"""How long ago the end of a partition was where its reader is now.

Records' own times say nothing of it: data of years ago is read in time too. So it is measured by
when the log came to be longer than what has been read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MOST: Final = 256


@dataclass(slots=True)
class LagClock:
    """The lag of one partition, in seconds of a monotonic clock."""

    _ends: list[tuple[float, int]] = field(default_factory=list)
    """When the log was seen to end where; those ends that have not been read up to."""

    def look(self, now: float, *, done: int, end: int) -> float:
        """All below `done` is dealt with, and the log ends at `end`: how far behind that is."""
        if not self._ends or end > self._ends[-1][1]:
            self._ends.append((now, end))
        self._ends = [one for one in self._ends if one[1] > done]
        if len(self._ends) > MOST:
            # The earlier moment with the later end: rather too late than too early.
            pairs = zip(self._ends[::2], self._ends[1::2], strict=False)
            self._ends = [(first[0], second[1]) for first, second in pairs]
        return now - self._ends[0][0] if self._ends else 0.0


@dataclass(slots=True)
class Lasting:
    """Whether something has been so for long enough."""

    seconds: float
    _since: float | None = None

    def look(self, now: float, *, so: bool) -> bool:
        """It is so now, or not: whether it has been for long enough."""
        if not so:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= self.seconds
