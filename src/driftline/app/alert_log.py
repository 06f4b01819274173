"""Alerts as the alerts topic tells of them: every revision of each, read as any reader should."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftline.alerts.event import read_event
from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from driftline.alerts.alert import Status
    from driftline.alerts.schema import AlertEnvelope
    from driftline.app.reading_topics import TopicRecord
    from driftline.model import Severity


@dataclass(frozen=True, slots=True)
class AlertHistory:
    """One alert: its events by rising revision, at least one."""

    events: tuple[AlertEnvelope, ...]

    @property
    def latest(self) -> AlertEnvelope:
        """The newest revision: what holds."""
        return self.events[-1]

    @property
    def id(self) -> str:
        """The alert's id."""
        return self.latest.data.alert_id


@dataclass(slots=True)
class AlertLog:
    """Takes in records of the alerts topic, in their order."""

    forgetful: bool = False
    """Keep only the newest revision of each alert, for a reader that goes on for ever."""
    unreadable: int = 0
    """Records that are no alert event of a version that this driftline reads."""
    _events: dict[str, list[AlertEnvelope]] = field(default_factory=dict)

    def take(self, record: TopicRecord) -> AlertEnvelope | None:
        """The event, if it is news: a revision not above the last one seen is a repetition."""
        try:
            event = read_event(record.value or b"")
        except ValueError:
            self.unreadable += 1
            return None
        seen = self._events.pop(event.data.alert_id, [])
        news = not seen or event.data.revision > seen[-1].data.revision
        # Put back at the end: the order is that of the newest revisions.
        if news:
            seen = [event] if self.forgetful else [*seen, event]
        self._events[event.data.alert_id] = seen
        return event if news else None

    @property
    def newest_first(self) -> list[AlertHistory]:
        """All alerts, the one that was told of last first."""
        return [AlertHistory(tuple(events)) for events in reversed(self._events.values())]


async def load_alerts(records: AsyncIterator[TopicRecord]) -> AlertLog:
    """The log of all these records."""
    log = AlertLog()
    # Each partition's order is kept; between partitions the broker's time decides.
    found = sorted([one async for one in records], key=lambda one: (one.timestamp, one.offset))
    for record in found:
        log.take(record)
    return log


def select_alerts(
    alerts: Iterable[AlertHistory],
    *,
    stream: str | None = None,
    status: Status | None = None,
    severity: Severity | None = None,
    limit: int | None = None,
) -> list[AlertHistory]:
    """Those whose newest revision is as wanted; `stream` may name an instance."""
    chosen = [
        alert
        for alert in alerts
        if stream in {None, alert.latest.data.stream, alert.latest.data.instance}
        and status in {None, alert.latest.data.status}
        and severity in {None, alert.latest.data.severity}
    ]
    return chosen[:limit]


def find_alert(alerts: Iterable[AlertHistory], prefix: str) -> AlertHistory:
    """The one alert whose id begins so.

    Raises:
        DriftlineError: none does, or several do.
    """
    found = [alert for alert in alerts if alert.id.startswith(prefix.lower())]
    if len(found) == 1:
        return found[0]
    if not found:
        msg = f"no alert's id begins with {prefix!r}: `driftline alerts list` shows them"
        raise DriftlineError(msg)
    ids = ", ".join(alert.id for alert in found[:5])
    msg = f"{len(found)} alerts begin with {prefix!r}: {ids}{', ...' if len(found) > 5 else ''}"  # noqa: PLR2004
    raise DriftlineError(msg)
