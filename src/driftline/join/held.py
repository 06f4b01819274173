"""All that a join holds: entries by id, the groups that they expire with, and the books of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.join.groups import Groups
from driftline.join.kept import Kept
from driftline.join.totals import JoinTotals

if TYPE_CHECKING:
    from driftline.model import Micros


class Held:
    """What predictions and labels meet, and are put into."""

    def __init__(self, *, horizon: Micros, max_waiting: int) -> None:
        self.totals = JoinTotals()
        self.groups = Groups(horizon=horizon, max_waiting=max_waiting)
        self.kept = Kept()
        self.max_waiting = max_waiting
        self.now: Micros = -(1 << 62)

    def is_over(self, at: Micros) -> bool:
        """Whether what happened at this time can wait no more."""
        return self.groups.expired_at(at, self.now)

    def expire(self, now: Micros) -> None:
        """Event time has come to `now`: drop what is due."""
        self.now = max(self.now, now)
        for number, group in self.groups.expire(self.now):
            self.totals.expired += group.waiting
            self.totals.orphaned += group.early
            self.kept.drop(number)
        self.kept.forget(self.groups.numbers)

    def evict(self) -> None:
        """Drop what expires first, where there is too much.

        Of one row too many: such a row is taken alone, so that cuts into messages make no
        difference.
        """
        if self.groups.held <= self.max_waiting:
            return
        while self.groups.held > self.max_waiting:
            for number, group in self.groups.evict_oldest():
                self.totals.evicted += group.waiting
                self.totals.evicted_labels += group.early
                self.kept.drop(number)
        self.kept.forget(self.groups.numbers)
