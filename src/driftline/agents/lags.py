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
    _every: float = 0.0
    """Seconds between two of them, at least: what is said is too small by so much at most."""

    def look(self, now: float, *, done: int, end: int) -> float:
        """All below `done` is dealt with, and the log ends at `end`: how far behind that is."""
        self._ends = [one for one in self._ends if one[1] > done]
        if not self._ends:
            self._every = 0.0
        if end > done and (not self._ends or self._is_news(now, end)):
            self._ends.append((now, end))
        if len(self._ends) > MOST:
            self._ends = self._ends[::2]
            self._every = 2 * (now - self._ends[0][0]) / MOST
        return now - self._ends[0][0] if self._ends else 0.0

    def _is_news(self, now: float, end: int) -> bool:
        before, ended = self._ends[-1]
        return end > ended and now - before >= self._every


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
