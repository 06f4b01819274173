"""How many requests one may send: a bucket of turns that fills up again as time passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_REMEMBERED: Final = 10_000
"""Callers whose turns are counted at a time; beyond it the one that was not heard of longest is
forgotten."""


@dataclass(slots=True)
class _Bucket:
    turns: float
    at: float


class RateLimit:
    """So many requests a minute for each caller; all of them may come at once.

    In this process's memory: where several serve the API, each counts for itself.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        """`clock` tells seconds and never goes back."""
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, caller: str) -> float:
        """Take a turn: 0, or the seconds to wait until there is one."""
        now = self._clock()
        bucket = self._buckets.pop(caller, None) or _Bucket(self._per_minute, now)
        per_second = self._per_minute / 60
        bucket.turns = min(self._per_minute, bucket.turns + (now - bucket.at) * per_second)
        bucket.at = now
        # Put back at the end: the first one is the one that was not heard of longest.
        self._buckets[caller] = bucket
        if len(self._buckets) > MOST_REMEMBERED:
            del self._buckets[next(iter(self._buckets))]
        if bucket.turns < 1:
            return (1 - bucket.turns) / per_second
        bucket.turns -= 1
        return 0.0
