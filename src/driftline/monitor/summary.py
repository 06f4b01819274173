"""What of an instance is shown to people: stored beside its state, readable without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from driftline.alerts.lifecycle import AlertState
from driftline.join import JoinTotals  # noqa: TC001 - msgspec reads it
from driftline.model import Micros  # noqa: TC001 - msgspec reads it
from driftline.monitor.head import RowBooks, VersionSeen  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from driftline.alerts.alert import Alert
    from driftline.join import Join
    from driftline.monitor.head import Head
    from driftline.monitor.watchers import Watchers
    from driftline.windows import Windows


class AlarmSeen(msgspec.Struct):
    """The last alarm of one detector."""

    profile: str
    kind: str
    values_seen: int
    topic: str
    partition: int
    offset: int
    id: str
    at: int
    """Event time in microseconds."""
    indicator: str = ""


class AlertSeen(msgspec.Struct):
    """An alert that is pending or fires."""

    id: str
    since: Micros
    """The event time by which its first alarm was known."""
    acknowledged_by: str | None = None


class SignalSummary(msgspec.Struct):
    """One watched signal."""

    signal: str
    severity: str
    detectors: list[str]
    values_seen: int
    alarms: int
    firing: bool
    unusable: int
    """Values that no detector could be given: not finite, or too large to compute with."""
    last_alarms: list[AlarmSeen]
    state: AlertState = AlertState.INACTIVE
    """Where its alert stands; pending also for a detector's warning without an alarm."""
    alert: AlertSeen | None = None
    """The alert that lives, if one does."""


class InstanceSummary(msgspec.Struct):
    """One instance: its books, its join, its signals."""

    books: dict[str, RowBooks]
    versions: dict[str, VersionSeen]
    join: JoinTotals
    waiting: int
    early_waiting: int
    signals: list[SignalSummary]
    late: int
    """Values that came for a window that had been closed."""
    refused: int
    """Values that would have opened more windows than the cap allows."""


def summarise(head: Head, join: Join, windows: Windows, watchers: Watchers) -> bytes:
    """The summary as it is stored."""
    return msgspec.msgpack.encode(
        InstanceSummary(
            books=head.sources,
            versions=head.versions,
            join=join.totals,
            waiting=join.waiting,
            early_waiting=join.early,
            signals=[
                SignalSummary(
                    signal=watched.watch.signal,
                    severity=watched.watch.severity.value,
                    detectors=[profile.name for profile in watched.watch.profiles],
                    values_seen=watched.seen,
                    alarms=watched.alarms,
                    firing=watched.track.firing,
                    unusable=watched.unusable,
                    last_alarms=[
                        AlarmSeen(
                            profile=profile,
                            kind=alarm.kind,
                            values_seen=alarm.values_seen,
                            topic=alarm.trigger.topic,
                            partition=alarm.trigger.partition,
                            offset=alarm.trigger.offset,
                            id=alarm.trigger.id,
                            at=alarm.trigger.at,
                            indicator=alarm.indicator,
                        )
                        for profile, alarm in watched.last_alarms.items()
                    ],
                    state=watched.state,
                    alert=_alert(watched.track.alert),
                )
                for watched in watchers
            ],
            late=windows.late,
            refused=windows.refused,
        )
    )


def _alert(alert: Alert | None) -> AlertSeen | None:
    if alert is None:
        return None
    said = alert.acknowledged
    return AlertSeen(alert.id, alert.since, said.by if said is not None else None)


def read_summary(blob: bytes) -> InstanceSummary:
    """The inverse of `summarise`; msgspec.DecodeError for anything else."""
    return msgspec.msgpack.decode(blob, type=InstanceSummary)
