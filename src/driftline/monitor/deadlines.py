"""Who has something to do next, found without asking thousands of instances."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftline.model import InstanceKey, Micros


class Deadlines:
    """The instances of a stream by when they are to be asked next.

    That is never later than there is something to do; it may be earlier.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[Micros, int, InstanceKey]] = []
        self._noted: dict[InstanceKey, Micros] = {}
        self._serial = count()
        """Parts those of one time, as keys of one stream need not compare."""

    def note(self, key: InstanceKey, at: Micros) -> None:
        """An instance is to be asked at this time, if not before."""
        noted = self._noted.get(key)
        if noted is None or at < noted:
            self._noted[key] = at
            heappush(self._heap, (at, next(self._serial), key))

    def due(self, now: Micros) -> list[InstanceKey]:
        """The instances to be asked by now, each of which is forgotten until it is noted again."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heappop(self._heap)
            if self._noted.get(key) == at:
                del self._noted[key]
                found.append(key)
        return found
