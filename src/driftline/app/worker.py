"""The worker: one process that runs any of the roles until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from driftline.agents.clock import system_clock
from driftline.app.health import Health
from driftline.app.health_watch import HealthWatch
from driftline.app.heartbeat import HEARTBEAT_TTL, Heartbeat
from driftline.app.pages import Pages
from driftline.app.role_apps import RoleApps, Shared
from driftline.app.roles import WorkerRole
from driftline.app.topics import ensure_own_topics, wait_for_attached
from driftline.compiled import COMPILED
from driftline.eventlog.codec import encode
from driftline.eventlog.messages import Command, CommandKind
from driftline.health import HealthAlerts
from driftline.metrics import Metrics
from driftline.notify.receivers import build_receivers
from driftline.store.connect import build_client, connect
from driftline.transport.producer import OutgoingMessage, Producer
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence

    from driftline.agents.monitor import MonitorRole
    from driftline.agents.reader import Reader
    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.notify.notification import Receiver
    from driftline.store.protocol import Claim, Store
    from driftline.transport.app import BatchApp

log = structlog.get_logger(__name__)

T = TypeVar("T")

CHECK_TOPICS: Final = timedelta(seconds=20)
"""How often the broker is asked whether the attached topics are still the same ones."""
GARBAGE_STEP: Final = 2_000
"""Entries of expired groups that are collected at a time."""
SENDING_PAUSE: Final = timedelta(milliseconds=5)
"""What is sent within it goes to the brokers together: readers of many partitions at a moderate
rate have a small batch each at every moment."""


@dataclass(frozen=True, slots=True)
class Started:
    """What runs once a worker has started."""

    store: Store
    beat: Heartbeat
    health: HealthAlerts
    roles: RoleApps
    apps: Sequence[BatchApp]


class Worker:
    """Runs the roles of one process. A crash of one ends all: a supervisor starts them again."""

    def __init__(
        self,
        deployment: Deployment,
        connections: Connections,
        *,
        roles: Collection[WorkerRole],
        take_over: bool = False,
        environ: Mapping[str, str] | None = None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """`environ` holds the receivers' secrets; without one it is the process'.

        `on_end` is called when the end begins, whether asked for or not.
        """
        self.connections = connections
        self._on_end = on_end
        self._deployment = deployment
        self._roles = tuple(role for role in WorkerRole if role in roles)
        self._take_over = take_over
        self._id = f"{socket.gethostname()}-{os.getpid()}"
        self._started_at = system_clock()
        self._stopping = asyncio.Event()
        self._version = version("driftline")
        self._metrics = Metrics()
        self._health = Health(
            stall_after=deployment.settings.worker.stall_after.total_seconds(),
            beat_within=HEARTBEAT_TTL.total_seconds(),
        )
        self._environ = os.environ if environ is None else environ

    def stop(self) -> None:
        """Ask for a clean end: checkpoint, commit, leave the groups."""
        self._stopping.set()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until `stop`, which also ends a start that waits; raises what ended it otherwise.

        `ready` is called once everything runs.
        """
        async with AsyncExitStack() as stack:
            started = await self._unless_stopped(self._start(stack))
            if started is None:
                return
            self._health.started = True
            log.info(
                "worker_started",
                id=self._id,
                roles=[role.value for role in self._roles],
                compiled=COMPILED,
            )
            ready()
            try:
                await self._until_the_end(started)
            finally:
                self._on_end()
            log.info("worker_stopping", id=self._id)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What the work comes to; None if `stop` came first."""
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _start(self, stack: AsyncExitStack) -> Started:
        """Connect, prepare, and start the roles; the stack ends all of it."""
        # Before it is declared: that sends away the workers of the deployment so far, and one
        # without its secrets cannot take their place.
        receivers = self._build_receivers()
        store = await self._connect(stack)
        claim = await store.claim_deployment(
            self._deployment.digest, started_at=self._started_at, take_over=self._take_over
        )
        producer = await stack.enter_async_context(
            Producer(self.connections.kafka, client_id=self._id, pause=SENDING_PAUSE)
        )
        health = self._build_health_alerts(stack, producer)
        admin = TopicAdmin(self.connections.kafka)
        await self._prepare(store, claim, producer, admin)
        await self._serve_pages(stack)
        shared = Shared(store, producer, admin, self._metrics, receivers, health)
        roles = RoleApps(self._deployment, self.connections, shared)
        # What comes later in the flow starts first, so that nothing has to wait for it.
        apps = [roles.build(role) for role in reversed(self._roles)]
        if roles.notifying is not None:
            await roles.notifying.start(stack)
        for app in apps:
            # Last in, first out: the readers stop before the monitor, and it before the store.
            stack.push_async_callback(app.stop)
        await asyncio.gather(*(app.start() for app in apps))
        beat = Heartbeat(store, self._id, digest=self._deployment.digest, life=claim.record.life)
        return Started(store, beat, health, roles, apps)

    def _build_receivers(self) -> Mapping[str, Receiver]:
        if WorkerRole.NOTIFY not in self._roles:
            return {}
        alerting, directory = self._deployment.alerting, self._deployment.directory
        return build_receivers(alerting, directory, self._environ)

    async def _connect(self, stack: AsyncExitStack) -> Store:
        store = await connect(self.connections.redis, self._deployment.settings.name)
        stack.push_async_callback(store.close)
        if not self.connections.redis_embedded:
            for finding in store.findings:
                log.warning("redis_unsafe", where=self.connections.redis.shown, what=finding)
        return store

    def _build_health_alerts(self, stack: AsyncExitStack, producer: Producer) -> HealthAlerts:
        client = build_client(self.connections.redis)
        stack.push_async_callback(client.close)
        return HealthAlerts(
            self._deployment.settings, client=client, producer=producer, clock=system_clock
        )

    async def _prepare(
        self, store: Store, claim: Claim, producer: Producer, admin: TopicAdmin
    ) -> None:
        """Topics, the fixed partition count, and the declaration at its place in the log."""
        embedded = self.connections.kafka_embedded
        settings = self._deployment.settings
        count = await ensure_own_topics(settings, admin, producer, embedded=embedded)
        await store.events_partitions(count)
        topics = settings.topics.model_copy(update={"events_partitions": count})
        self._deployment = replace(
            self._deployment, settings=settings.model_copy(update={"topics": topics})
        )
        # Also where it was claimed before: that worker may have died between its claim and the log.
        await self._declare(producer, count)
        log.info(
            "deployment_declared",
            digest=self._deployment.digest[:12],
            first=claim.first,
            replaced=claim.superseded and claim.superseded[:12],
        )
        if WorkerRole.DECODE in self._roles:
            await wait_for_attached(self._deployment, admin, producer, embedded=embedded)

    async def _declare(self, producer: Producer, partitions: int) -> None:
        """From this place of the log on, what we declare holds; where it held, nothing changes."""
        command = Command(
            id=uuid.uuid4().hex,
            kind=CommandKind.DECLARE,
            by=self._id,
            at=self._started_at,
            arguments={
                "digest": self._deployment.digest,
                "streams": json.dumps(
                    [stream.to_json() for stream in self._deployment.streams.values()]
                ),
            },
        )
        topic, blob = self._deployment.settings.events_topic, encode(command)
        await producer.send_all(
            OutgoingMessage(topic, blob, partition=partition) for partition in range(partitions)
        )

    async def _serve_pages(self, stack: AsyncExitStack) -> None:
        self._metrics.build.labels(self._version, version("river")).set(1)
        declared = self._deployment.settings.metrics
        if declared.port is not None:
            pages = Pages(self._metrics, self._health, host=declared.host, port=declared.port)
            await pages.start()
            stack.push_async_callback(pages.stop)

    async def _until_the_end(self, started: Started) -> None:
        """Wait for a stop, or for the first thing that ends without being asked to."""
        tasks = [asyncio.create_task(one) for one in self._until_stopped(started)]
        notifying = started.roles.notifying
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            if notifying is not None:
                notifying.begin_end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _until_stopped(self, started: Started) -> Iterator[Coroutine[Any, Any, object]]:
        """What runs beside each other while the worker does; none of it ends when all is well."""
        store, roles, apps = started.store, started.roles, started.apps
        yield self._stopping.wait()
        yield from (app.wait() for app in apps)
        yield started.beat.run(
            apps,
            facts=lambda: self._facts(roles.monitor),
            health=self._health,
            metrics=self._metrics,
        )
        watch = HealthWatch(started.health, self._deployment.settings, clock=system_clock)
        yield watch.run(apps, roles.reader, roles.monitor)
        if roles.reader is not None:
            yield _check_topics(roles.reader)
        if roles.monitor is not None:
            yield self._tick(roles.monitor)
            yield _collect_garbage(store)
        if roles.notifying is not None:
            yield roles.notifying.wait()

    def _facts(self, monitor: MonitorRole | None) -> Mapping[str, object]:
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "roles": [role.value for role in self._roles],
            "events_partitions": list(monitor.partitions) if monitor is not None else [],
            "started_at": self._started_at,
            "version": self._version,
        }

    async def _tick(self, monitor: MonitorRole) -> None:
        """Checkpoints come due even when nothing else happens."""
        interval = self._deployment.settings.worker.checkpoint_interval.total_seconds()
        while True:
            await asyncio.sleep(interval / 4)
            await monitor.on_tick()


async def _check_topics(reader: Reader) -> None:
    """A topic that is made anew under a running consumer is noticed by nobody else."""
    while True:
        await asyncio.sleep(CHECK_TOPICS.total_seconds())
        await reader.check_topics()


async def _collect_garbage(store: Store) -> None:
    """Entries of expired groups go when there is time."""
    while True:
        left = await store.collect_garbage(GARBAGE_STEP)
        await asyncio.sleep(0.05 if left else 5)
