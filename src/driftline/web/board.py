"""The newest alerts, each with its history, in bounded memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from driftline.web.entries import Entry, Filter, Place

MOST_ALERTS: Final = 10_000
MOST_BYTES: Final = 256 << 20
MOST_REVISIONS: Final = 200
"""Of one alert: the first, and the newest ones."""


@dataclass(slots=True)
class Kept:
    """An alert."""

    opened: Place
    """Where its first revision that is in the topic stands: alerts are listed in this order."""
    revisions: list[Entry] = field(default_factory=list)
    """By rising revision, at least one."""

    @property
    def latest(self) -> Entry:
        """What holds."""
        return self.revisions[-1]


class Board:
    """Takes in revisions that are news. What ended longest ago goes first, what fires last."""

    def __init__(self, *, most_alerts: int = MOST_ALERTS, most_bytes: int = MOST_BYTES) -> None:
        self._most_alerts = most_alerts
        self._most_bytes = most_bytes
        self._alerts: dict[str, Kept] = {}
        self._order: list[tuple[Place, str]] = []
        """By where they opened, ascending."""
        self._firing: dict[str, None] = {}
        self._ended: dict[str, None] = {}
        """Both by their news, the newest last."""
        self._bytes = 0
        self.dropped = 0
        """Alerts that are not held any more, as there was no room."""

    def __len__(self) -> int:
        return len(self._alerts)

    def put(self, entry: Entry) -> None:
        """Take in a revision above all that were taken of its alert."""
        alert = self._alerts.get(entry.alert_id)
        if alert is None:
            alert = self._alerts[entry.alert_id] = Kept(entry.place)
            insort(self._order, (entry.place, entry.alert_id))
        alert.revisions.append(entry)
        self._bytes += len(entry.json)
        if len(alert.revisions) > MOST_REVISIONS:
            self._bytes -= len(alert.revisions.pop(1).json)
        self._firing.pop(entry.alert_id, None)
        self._ended.pop(entry.alert_id, None)
        (self._firing if entry.firing else self._ended)[entry.alert_id] = None
        self._make_room()

    def get(self, alert_id: str) -> Kept | None:
        """An alert by its id."""
        return self._alerts.get(alert_id)

    def list(self, wanted: Filter, limit: int, before: Place | None = None) -> list[Kept]:
        """The alerts whose newest revision is wanted, those that opened last first.

        `before` is where an alert opened: only those that opened earlier.
        """
        found: list[Kept] = []
        end = len(self._order) if before is None else bisect_left(self._order, (before, ""))
        for index in range(end - 1, -1, -1):
            alert = self._alerts[self._order[index][1]]
            if wanted.matches(alert.latest):
                found.append(alert)
                if len(found) == limit:
                    break
        return found

    def _make_room(self) -> None:
        while len(self._alerts) > self._most_alerts or (
            self._bytes > self._most_bytes and len(self._alerts) > 1
        ):
            oldest = next(iter(self._ended or self._firing))
            self._ended.pop(oldest, None)
            self._firing.pop(oldest, None)
            alert = self._alerts.pop(oldest)
            del self._order[bisect_left(self._order, (alert.opened, oldest))]
            self._bytes -= sum(len(one.json) for one in alert.revisions)
            self.dropped += 1
