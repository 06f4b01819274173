"""The windows of one signal in one size: which are open, which are only kept."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftline.model import Micros
    from driftline.windows.aggregate import Aggregate


class Grid:
    """Windows that follow one another without a gap; those without values do not exist."""

    __slots__ = ("awaited", "capacity", "changed", "keep", "kept", "lateness", "open", "size")

    def __init__(self, size: Micros, keep: Micros, lateness: Micros) -> None:
        self.size = size
        self.keep = max(keep, lateness)
        self.lateness = lateness
        self.capacity = 1
        self.open: dict[Micros, Aggregate] = {}
        self.awaited: set[Micros] = set()
        """Starts of open windows whose contents are still to be loaded."""
        self.kept: list[Micros] = []
        """Starts of closed windows that are still stored, ascending."""
        self.changed: dict[Micros, Aggregate] = {}

    @property
    def usual(self) -> int:
        """How many windows are open in ordinary times: current, one ahead, those that wait."""
        return 2 + -(-self.lateness // self.size)

    def closes(self, start: Micros) -> Micros:
        """The watermark at which the window that starts here closes."""
        return start + self.size + self.lateness

    def keeps(self, start: Micros) -> bool:
        """Whether the window that starts here is closed and still stored."""
        at = bisect_left(self.kept, start)
        return at < len(self.kept) and self.kept[at] == start

    def close(self, watermark: Micros) -> None:
        """Close every window whose time has come."""
        for start in [start for start in self.open if self.closes(start) <= watermark]:
            del self.open[start]
            insort(self.kept, start)

    def drop(self, watermark: Micros) -> list[Micros]:
        """Forget the closed windows that were kept long enough, and say which."""
        until = bisect_left(self.kept, watermark - self.keep - self.size + 1)
        gone, self.kept = self.kept[:until], self.kept[until:]
        for start in gone:
            self.changed.pop(start, None)
        return gone

    def deadline(self) -> Micros | None:
        """When `close` or `drop` has something to do next."""
        due = [self.closes(start) for start in (*self.open, *self.awaited)]
        if self.kept:
            due.append(self.kept[0] + self.size + self.keep)
        return min(due, default=None)
