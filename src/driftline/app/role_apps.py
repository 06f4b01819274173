"""The consumer of each role, with what it reads and who takes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from driftline.agents.attached import starts_of
from driftline.agents.clock import system_clock
from driftline.agents.gauges import Gauges
from driftline.agents.monitor import MonitorRole
from driftline.agents.reader import Reader
from driftline.app.notifying import Notifying
from driftline.app.roles import WorkerRole, role_group
from driftline.transport.app import build_app
from driftline.transport.batches import DEFAULT_SETTINGS, BatchSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.health import HealthAlerts
    from driftline.metrics import Metrics
    from driftline.notify.notification import Receiver
    from driftline.store.protocol import Store
    from driftline.transport.app import BatchApp
    from driftline.transport.batches import BatchListener, Start
    from driftline.transport.producer import Producer
    from driftline.transport.topics import TopicAdmin

EVENTS_REST: Final = timedelta(milliseconds=4)
"""Readers rest themselves, and append in bursts: a rest as long as theirs would cut each in two."""
SOURCE_FETCH_BYTES: Final = 4 << 20
"""What a reader fetches of a partition at most, and hands on as one batch: what it costs beside its
records is spread over thousands of small ones. With 1 MiB and 2,000 records an event cost half as
much again. The other roles keep the defaults: messages of the events log are large, and few of them
are to be applied between two checkpoints."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the roles of one process have in common."""

    store: Store
    producer: Producer
    admin: TopicAdmin
    metrics: Metrics
    receivers: Mapping[str, Receiver]
    """The declared ones by name; none where nobody notifies."""
    health: HealthAlerts


class RoleApps:
    """Builds the app of each role, and keeps what is looked at while it runs."""

    def __init__(self, deployment: Deployment, connections: Connections, shared: Shared) -> None:
        self.reader: Reader | None = None
        self.monitor: MonitorRole | None = None
        self.notifying: Notifying | None = None
        self._deployment = deployment
        self._settings = deployment.settings
        self._connections = connections
        self._shared = shared

    def build(self, role: WorkerRole) -> BatchApp:
        """The consumer of a role, not started yet."""
        match role:
            case WorkerRole.DECODE:
                self.reader = self._build_reader()
                return self._app(role, starts_of(self.reader.topics), self.reader)
            case WorkerRole.MONITOR:
                self.monitor = self._build_monitor()
                return self._app(role, {self._settings.events_topic: "earliest"}, self.monitor)
            case WorkerRole.NOTIFY:
                self.notifying = self._build_notifying()
                topics: dict[str, Start] = {self._settings.alerts_topic: "earliest"}
                return self._app(role, topics, self.notifying.listener)

    def _build_reader(self) -> Reader:
        return Reader(
            self._deployment.streams.values(),
            self._settings,
            partitions=self._settings.topics.events_partitions,
            producer=self._shared.producer,
            admin=self._shared.admin,
            store=self._shared.store,
            clock=system_clock,
            metrics=self._shared.metrics,
        )

    def _build_monitor(self) -> MonitorRole:
        return MonitorRole(
            self._deployment,
            store=self._shared.store,
            producer=self._shared.producer,
            gauges=Gauges(self._shared.metrics),
        )

    def _build_notifying(self) -> Notifying:
        return Notifying(
            self._deployment,
            self._connections,
            self._shared.receivers,
            producer=self._shared.producer,
            admin=self._shared.admin,
            metrics=self._shared.metrics,
            health=self._shared.health,
        )

    def _app(
        self, role: WorkerRole, topics: Mapping[str, Start], listener: BatchListener
    ) -> BatchApp:
        group = role_group(self._settings.name, role)
        settings = self._batch_settings(role)
        return build_app(group, self._connections.kafka, topics, listener, settings)

    def _batch_settings(self, role: WorkerRole) -> BatchSettings:
        worker, default = self._settings.worker, DEFAULT_SETTINGS
        name, reads_sources = worker.group_instance_id, role is WorkerRole.DECODE
        # An embedded Kafka does not look for records while it holds a fetch.
        holds = default.fetch_wait if self._connections.kafka_embedded else default.idle_fetch_wait
        return BatchSettings(
            session_timeout=worker.session_timeout,
            instance_id=f"{name}-{role.value}" if name is not None else None,
            idle_after=worker.progress_interval,
            idle_fetch_wait=holds,
            rest=EVENTS_REST if role is WorkerRole.MONITOR else default.rest,
            max_poll_records=worker.max_batch,
            max_batch_records=worker.max_batch if reads_sources else default.max_batch_records,
            max_partition_fetch_bytes=(
                SOURCE_FETCH_BYTES if reads_sources else default.max_partition_fetch_bytes
            ),
        )
