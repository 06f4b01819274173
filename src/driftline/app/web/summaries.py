"""The status of streams and the deployment, as the API answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.web.models.health import EventsHealth, Health, SourceHealth, WorkerHealth
from driftline.web.models.streams import (
    BooksSummary,
    InstanceSummary,
    StreamDetail,
    StreamSummary,
    SuspendedInstance,
    WatchSummary,
)

if TYPE_CHECKING:
    from driftline.app.status.report import StatusReport, StreamStatus
    from driftline.config.deployment import Stream


def summarise_health(report: StatusReport, problem: str | None) -> Health:
    """The whole deployment."""
    return Health(
        deployment=report.deployment,
        problem=problem,
        workers=tuple(
            WorkerHealth(
                id=one.id,
                roles=one.roles,
                events_partitions=one.events_partitions,
                started_at=one.started_at,
                version=one.version,
            )
            for one in report.workers
        ),
        events_log=tuple(
            EventsHealth(
                partition=one.partition, owner=one.owner, behind=one.behind, problem=one.problem
            )
            for one in report.events_log
        ),
        sources=tuple(
            SourceHealth(topic=one.topic, partition=one.partition, lag=one.lag)
            for one in report.sources
        ),
        suspended=sum(len(stream.suspended) for stream in report.streams),
    )


def summarise_stream(status: StreamStatus, declared: Stream | None) -> StreamSummary:
    """One stream in short; `declared` is its declaration, if it has one."""
    spec = declared.spec if declared is not None else None
    return StreamSummary(
        stream=status.stream,
        declared=status.declared,
        description=spec.description if spec is not None else "",
        owner=spec.owner if spec is not None else None,
        tags=spec.tags if spec is not None else (),
        instances=status.instances,
        firing=len(status.firing),
        suspended=len(status.suspended),
        waiting=status.waiting,
        watermark=status.watermark,
    )


def detail_stream(status: StreamStatus, declared: Stream | None) -> StreamDetail:
    """One stream."""
    watches = declared.watches if declared is not None else ()
    join = status.join
    return StreamDetail(
        **summarise_stream(status, declared).model_dump(),
        task=declared.spec.task.value if declared is not None else None,
        watches=tuple(
            WatchSummary(
                signal=watch.signal,
                severity=watch.severity.value,
                detectors=tuple(profile.name for profile in watch.profiles),
            )
            for watch in watches
        ),
        join={name: getattr(join, name) for name in join.__struct_fields__},
        books=_books(status),
        noisiest=tuple(
            InstanceSummary(
                instance=one.instance,
                rows=one.rows,
                alarms=one.alarms,
                firing=one.firing,
                waiting=one.waiting,
            )
            for one in status.noisiest
        ),
        suspended_instances=tuple(
            SuspendedInstance(instance=one.instance, reason=one.reason) for one in status.suspended
        ),
    )


def _books(status: StreamStatus) -> BooksSummary:
    balance = status.balance
    return BooksSummary(
        rows=balance.rows,
        applied=balance.applied,
        duplicates=balance.duplicates,
        over_max_instances=balance.over_max_instances,
        suspended=balance.suspended,
        difference=balance.difference,
    )
