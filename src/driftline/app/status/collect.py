"""Collects the status of a deployment from Redis and Kafka."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from driftline.agents.attached import attached_topics
from driftline.app.roles import WorkerRole, role_group
from driftline.app.status.lag import lag_of
from driftline.app.status.moments import moment
from driftline.app.status.report import (
    EventsPartition,
    PartitionLag,
    StatusReport,
    StreamStatus,
    WorkerStatus,
)
from driftline.app.status.streams import (
    NOISIEST,
    InstanceView,
    StoredStream,
    build_stream,
    rank,
)
from driftline.app.status.windows import newest_windows
from driftline.errors import DriftlineError, StateError
from driftline.eventlog.routing import events_partition
from driftline.model import InstanceKey
from driftline.monitor.partition_state import PartitionState
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.store.protocol import Store

LOADED_AT_ONCE: Final = 200
"""Instances whose state is held in memory at a time."""


async def collect_status(
    deployment: Deployment, connections: Connections, store: Store, *, stream: str | None = None
) -> StatusReport:
    """The status of all streams, or of one, with its newest windows.

    Raises:
        UnavailableError: Redis or Kafka does not answer.
        DriftlineError: nothing of this stream is declared or stored.
    """
    return await _Collection(deployment, connections, store).report(stream)


class _Collection:
    def __init__(self, deployment: Deployment, connections: Connections, store: Store) -> None:
        self._deployment = deployment
        self._admin = TopicAdmin(connections.kafka)
        self._store = store

    async def report(self, stream: str | None) -> StatusReport:
        settings = self._deployment.settings
        keys = await self._store.list_instances(stream)
        names = self._names(keys, stream)
        workers = _workers(await self._store.list_workers())
        owners = {number: one.id for one in workers for number in one.events_partitions}
        attached = attached_topics(
            [one for name, one in self._deployment.streams.items() if name in names]
        )
        readers, monitors = (
            role_group(settings.name, role) for role in (WorkerRole.DECODE, WorkerRole.MONITOR)
        )
        sources = await lag_of(self._admin, readers, attached)
        log = await lag_of(self._admin, monitors, [settings.events_topic])
        count = len(log) or settings.topics.events_partitions
        # Instances before partitions: what is booked as passed was then stored after its rows.
        views, unreadable = await self._views(keys, count)
        states, problems = await self._states(count)
        events_log = _events_log(count, log, owners, states, problems)
        current = await self._store.current_deployment()
        log_read = all(one.behind == 0 for one in events_log)
        stored = [
            StoredStream(
                name,
                name in self._deployment.streams,
                [view for view in views if view.key.stream == name],
                [one.states[name] for _, one in states.values() if name in one.states],
                _suspended(name, states, unreadable),
                owners,
                log_read=log_read,
            )
            for name in names
        ]
        report = StatusReport(
            deployment=settings.name,
            digest=self._deployment.digest,
            current_digest=current.digest if current is not None else None,
            workers=workers,
            events_log=events_log,
            sources=sources,
            streams=tuple(map(build_stream, stored)),
        )
        return report if stream is None else await self._with_windows(report, views)

    def _names(self, keys: Sequence[InstanceKey], stream: str | None) -> list[str]:
        """The streams to tell of: all that are declared or stored, or the one asked for."""
        names = sorted({*self._deployment.streams, *(key.stream for key in keys)})
        if stream is None:
            return names
        if stream not in names:
            msg = f"no stream {stream!r} is declared or stored (have: {', '.join(names)})"
            raise DriftlineError(msg)
        return [stream]

    async def _with_windows(
        self, report: StatusReport, views: Sequence[InstanceView]
    ) -> StatusReport:
        (stream,) = report.streams
        windows = [
            window
            for view in rank(views)[:NOISIEST]
            for window in await newest_windows(self._store, view)
        ]
        shown: StreamStatus = replace(stream, windows=tuple(windows))
        return replace(report, streams=(shown,))

    async def _views(
        self, keys: Sequence[InstanceKey], count: int
    ) -> tuple[list[InstanceView], dict[str, str]]:
        """What is shown of each instance; by name why another cannot be read."""
        views: list[InstanceView] = []
        unreadable: dict[str, str] = {}
        for start in range(0, len(keys), LOADED_AT_ONCE):
            some = keys[start : start + LOADED_AT_ONCE]
            for key, stored in (await self._store.load_instances(some)).items():
                try:
                    if isinstance(stored, StateError):
                        raise stored
                    if stored is not None:
                        views.append(InstanceView.read(key, events_partition(key, count), stored))
                except StateError as error:
                    unreadable[key.name] = str(error)
        return views, unreadable

    async def _states(
        self, count: int
    ) -> tuple[dict[int, tuple[int, PartitionState]], dict[int, str]]:
        """By events partition the stored offset and state; the reason where it is unreadable."""
        states: dict[int, tuple[int, PartitionState]] = {}
        problems: dict[int, str] = {}
        for number in range(count):
            try:
                stored = await self._store.load_partition(number)
                if stored is not None:
                    states[number] = (stored.offset, PartitionState.decode(stored.blob))
            except StateError as error:
                problems[number] = str(error)
        return states, problems


def _workers(found: Mapping[str, Mapping[str, object]]) -> tuple[WorkerStatus, ...]:
    return tuple(_worker(id_, found[id_]) for id_ in sorted(found))


def _worker(id_: str, facts: Mapping[str, object]) -> WorkerStatus:
    """What a worker says of itself; a worker of another version may say less."""

    def listed(name: str) -> list[object]:
        value = facts.get(name)
        return value if isinstance(value, list) else []

    pid, started_at = facts.get("pid"), facts.get("started_at")
    return WorkerStatus(
        id=id_,
        host=str(facts.get("host", "")),
        pid=pid if isinstance(pid, int) else 0,
        roles=tuple(map(str, listed("roles"))),
        events_partitions=tuple(one for one in listed("events_partitions") if isinstance(one, int)),
        started_at=moment(started_at) if isinstance(started_at, int) else None,
        version=str(facts.get("version", "")),
    )


def _events_log(
    count: int,
    log: Sequence[PartitionLag],
    owners: Mapping[int, str],
    states: Mapping[int, tuple[int, PartitionState]],
    problems: Mapping[int, str],
) -> tuple[EventsPartition, ...]:
    ends = {one.partition: one.log_end for one in log}
    partitions = []
    for number in range(count):
        end = ends.get(number)
        stored = states[number][0] if number in states else None
        behind = max(end - (stored or 0), 0) if end is not None else None
        partitions.append(
            EventsPartition(number, owners.get(number), end, stored, behind, problems.get(number))
        )
    return tuple(partitions)


def _suspended(
    stream: str, states: Mapping[int, tuple[int, PartitionState]], unreadable: Mapping[str, str]
) -> dict[str, str]:
    found = dict(unreadable)
    for _, state in states.values():
        found |= state.suspended
    return {name: why for name, why in found.items() if InstanceKey.parse(name).stream == stream}
