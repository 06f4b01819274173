"""The status of one stream, from what is stored of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.alerts.lifecycle import AlertState
from driftline.app.status.books import build_balance, build_sources
from driftline.app.status.moments import moment
from driftline.app.status.report import (
    DetectorStatus,
    FiringAlert,
    InstanceStatus,
    LastAlarm,
    PendingAlert,
    StreamStatus,
    Suspended,
)
from driftline.clocks import BEFORE_ALL
from driftline.errors import StateError
from driftline.join import JoinTotals
from driftline.monitor.summary import read_summary
from driftline.windows import head as window_head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from driftline.model import InstanceKey
    from driftline.monitor.partition_state import StreamState
    from driftline.monitor.state import StoredInstance
    from driftline.monitor.summary import AlarmSeen, InstanceSummary

NOISIEST: Final = 10
"""Instances that are told of one by one."""


@dataclass(frozen=True, slots=True)
class InstanceView:
    """What is shown of an instance."""

    key: InstanceKey
    partition: int
    """The events partition on which it falls."""
    summary: InstanceSummary
    windows: window_head.Head

    @classmethod
    def read(cls, key: InstanceKey, partition: int, stored: StoredInstance) -> InstanceView:
        """The view of a stored instance.

        Raises:
            StateError: it does not decode.
        """
        try:
            summary = read_summary(stored.fields["summary"])
            return cls(key, partition, summary, window_head.decode(stored.fields["windows"]))
        except (KeyError, msgspec.DecodeError) as error:
            msg = f"{key.name}: what is stored to be shown cannot be read: {error!r}"
            raise StateError(msg) from error

    @property
    def alarms(self) -> int:
        """Alarms of all detectors so far."""
        return sum(signal.alarms for signal in self.summary.signals)

    @property
    def windows_stored(self) -> int:
        """How many windows lie in the store."""
        return sum(
            len(series.open) + sum(length for _, length in series.kept)
            for series in self.windows.series
        )


@dataclass(frozen=True, slots=True)
class StoredStream:
    """All that is stored of one stream."""

    name: str
    declared: bool
    views: Sequence[InstanceView]
    states: Sequence[StreamState]
    """Of the events partitions that know the stream."""
    suspended: Mapping[str, str]
    """By instance the reason."""
    owners: Mapping[int, str]
    """By events partition the worker."""
    log_read: bool
    """Whether all of the events log is in the stored state."""


def build_stream(stored: StoredStream) -> StreamStatus:
    """The status, but for the windows' contents, which have to be fetched."""
    views = stored.views
    sources = build_sources(stored.states, [view.summary.books for view in views])
    noisiest = rank(views)[:NOISIEST]
    return StreamStatus(
        stream=stored.name,
        declared=stored.declared,
        instances=len(views),
        noisiest=tuple(_instance(view, stored.owners) for view in noisiest),
        watermark=_watermark(stored.states),
        sources=sources,
        balance=build_balance(sources, stored.states, log_read=stored.log_read),
        join=add_totals([view.summary.join for view in views]),
        waiting=sum(view.summary.waiting for view in views),
        early_waiting=sum(view.summary.early_waiting for view in views),
        detectors=_detectors(views),
        firing=_firing(views),
        pending=_pending(views),
        suspended=tuple(Suspended(*one) for one in sorted(stored.suspended.items())),
        windows_stored=sum(view.windows_stored for view in views),
        windows_late=sum(view.summary.late for view in views),
        windows_refused=sum(view.summary.refused for view in views),
    )


def rank(views: Sequence[InstanceView]) -> list[InstanceView]:
    """The instances with the most alarms first."""
    return sorted(views, key=lambda view: (-view.alarms, view.key))


def add_totals(totals: Sequence[JoinTotals]) -> JoinTotals:
    """The totals of several joins, added up."""
    names = JoinTotals.__struct_fields__
    return JoinTotals(**{name: sum(getattr(one, name) for one in totals) for name in names})


def _instance(view: InstanceView, owners: Mapping[int, str]) -> InstanceStatus:
    summary = view.summary
    return InstanceStatus(
        instance=view.key.name,
        events_partition=view.partition,
        owner=owners.get(view.partition),
        rows=sum(books.applied + books.duplicates for books in summary.books.values()),
        alarms=view.alarms,
        firing=sum(signal.firing for signal in summary.signals),
        waiting=summary.waiting,
        unusable=sum(signal.unusable for signal in summary.signals),
    )


def _watermark(states: Sequence[StreamState]) -> datetime | None:
    known = [state.clock.watermark for state in states if state.clock.watermark > BEFORE_ALL]
    return moment(min(known, default=None))


def _detectors(views: Sequence[InstanceView]) -> tuple[DetectorStatus, ...]:
    """Every detector on every signal, in the order of the declaration."""
    found: dict[tuple[str, str], DetectorStatus] = {}
    newest: dict[tuple[str, str], int] = {}
    for view in views:
        for signal in view.summary.signals:
            for detector in signal.detectors:
                place = (signal.signal, detector)
                found.setdefault(place, DetectorStatus(*place, signal.severity, None))
            for alarm in signal.last_alarms:
                place = (signal.signal, alarm.profile)
                if place not in newest or alarm.at > newest[place]:
                    newest[place] = alarm.at
                    found[place] = DetectorStatus(*place, signal.severity, _alarm(view, alarm))
    return tuple(found.values())


def _alarm(view: InstanceView, alarm: AlarmSeen) -> LastAlarm:
    return LastAlarm(
        instance=view.key.name,
        indicator=alarm.indicator,
        values_seen=alarm.values_seen,
        topic=alarm.topic,
        partition=alarm.partition,
        offset=alarm.offset,
        id=alarm.id,
        at=moment(alarm.at),
    )


def _firing(views: Sequence[InstanceView]) -> tuple[FiringAlert, ...]:
    return tuple(
        FiringAlert(
            view.key.name,
            signal.signal,
            signal.severity,
            signal.alert.id if signal.alert is not None else None,
            signal.alert.acknowledged_by if signal.alert is not None else None,
        )
        for view in views
        for signal in view.summary.signals
        if signal.firing
    )


def _pending(views: Sequence[InstanceView]) -> tuple[PendingAlert, ...]:
    return tuple(
        PendingAlert(
            view.key.name,
            signal.signal,
            signal.severity,
            signal.alert.id if signal.alert is not None else None,
            moment(signal.alert.since) if signal.alert is not None else None,
        )
        for view in views
        for signal in view.summary.signals
        if signal.state is AlertState.PENDING
    )
