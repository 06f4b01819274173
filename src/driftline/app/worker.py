"""The worker: one process that runs any of the roles until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import threading
import uuid
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from driftline.agents.attached import starts_of
from driftline.agents.clock import system_clock
from driftline.agents.gauges import Gauges
from driftline.agents.monitor import MonitorRole
from driftline.agents.reader import Reader
from driftline.app.connections import serve
from driftline.app.health import Health
from driftline.app.health_watch import HealthWatch
from driftline.app.notifying import Notifying
from driftline.app.pages import Pages
from driftline.app.roles import WorkerRole
from driftline.app.topics import ensure_own_topics, wait_for_attached
from driftline.errors import StateError, SupersededError
from driftline.eventlog.codec import encode
from driftline.eventlog.messages import Command, CommandKind
from driftline.health import HealthAlerts
from driftline.metrics import Metrics
from driftline.notify.receivers import build_receivers
from driftline.store.connect import build_client, connect
from driftline.transport.app import build_app
from driftline.transport.batches import BatchSettings
from driftline.transport.producer import OutgoingMessage, Producer
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence

    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.notify.notification import Receiver
    from driftline.store.protocol import Claim, Store
    from driftline.transport.app import BatchApp
    from driftline.transport.batches import BatchListener, Start

log = structlog.get_logger(__name__)

T = TypeVar("T")

HEARTBEAT: Final = timedelta(seconds=2)
"""How often a worker says that it lives, and asks whether its deployment is still the one."""
HEARTBEAT_TTL: Final = timedelta(seconds=10)
CHECK_TOPICS: Final = timedelta(seconds=20)
"""How often the broker is asked whether the attached topics are still the same ones."""
GARBAGE_STEP: Final = 2_000
"""Entries of expired groups that are collected at a time."""
SENDING_PAUSE: Final = timedelta(milliseconds=5)
"""What is sent within it goes to the brokers together: readers of many partitions at a moderate
rate have a small batch each at every moment."""
YOUNG_OBJECTS: Final = 50_000
"""Objects made since the last search for cycles before there is another: some megabytes."""
SOURCE_FETCH_BYTES: Final = 4 << 20
"""What a reader fetches of a partition at most, and hands on as one batch: what it costs beside its
records is spread over thousands of small ones. With 1 MiB and 2,000 records an event cost half as
much again. The other roles keep the defaults: messages of the events log are large, and few of them
are to be applied between two checkpoints."""
END_WITHIN: Final = timedelta(seconds=25)
"""A worker that ends is gone after so long, whatever hangs; below what compose and systemd wait."""


def run_worker(
    deployment: Deployment,
    *,
    roles: Collection[WorkerRole],
    take_over: bool,
    environ: Mapping[str, str],
) -> None:
    """Run these roles until SIGTERM or SIGINT; embedded servers live as long.

    Raises:
        SupersededError: a newer deployment of this name was started.
        DriftlineError: what else ended it.
    """
    asked = threading.Event()
    # Embedded servers start and stop outside of the event loop: SIGTERM would leave them behind.
    with _hearing(asked), serve(deployment, environ) as connections:
        if asked.is_set():
            return
        worker = Worker(
            deployment,
            connections,
            roles=roles,
            take_over=take_over,
            environ=environ,
            on_end=_end_by_force_later,
        )
        try:
            _tune_garbage_collection()
            asyncio.run(_run(worker, asked))
        finally:
            # A closed loop has put the system's own handler back.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _tune_garbage_collection() -> None:
    """Leave alone what was imported, and look for cycles less often.

    A fetch makes thousands of records at a time, which by default set off a search for cycles each
    700, again and again over all that the libraries hold: 3 of the 4 us that a record cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)


@contextmanager
def _hearing(asked: threading.Event) -> Iterator[None]:
    """Note SIGTERM while nobody else listens for it.

    Behind it SIGTERM is ignored: the process ends by then, and its exit code is to say why.
    """
    signal.signal(signal.SIGTERM, lambda _number, _frame: asked.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


async def _run(worker: Worker, asked: threading.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    if asked.is_set():
        worker.stop()
    await worker.run()


def _end_by_force_later() -> None:
    """See that the process ends, even if a library's thread or a server that is away holds it."""
    timer = threading.Timer(END_WITHIN.total_seconds(), _end_by_force)
    timer.daemon = True
    timer.start()


def _end_by_force() -> None:
    log.error("worker_ended_by_force", after_seconds=END_WITHIN.total_seconds())
    os._exit(1)


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
        self._life = ""
        """Of the store: another one is another store."""
        self._monitor: MonitorRole | None = None
        self._reader: Reader | None = None
        self._health_alerts: HealthAlerts | None = None
        self._environ = os.environ if environ is None else environ
        self._receivers: Mapping[str, Receiver] = {}
        self._notifying: Notifying | None = None

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
            log.info("worker_started", id=self._id, roles=[role.value for role in self._roles])
            ready()
            try:
                await self._until_the_end(*started)
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

    async def _start(self, stack: AsyncExitStack) -> tuple[Store, list[BatchApp]]:
        """Connect, prepare, and start the roles; the stack ends all of it."""
        if WorkerRole.NOTIFY in self._roles:
            # Before it is declared: that sends away the workers of the deployment so far, and one
            # without its secrets cannot take their place.
            self._receivers = build_receivers(
                self._deployment.alerting, self._deployment.directory, self._environ
            )
        store = await connect(self.connections.redis, self._deployment.settings.name)
        stack.push_async_callback(store.close)
        if not self.connections.redis_embedded:
            for finding in store.findings:
                log.warning("redis_unsafe", where=self.connections.redis.shown, what=finding)
        claim = await store.claim_deployment(
            self._deployment.digest, started_at=self._started_at, take_over=self._take_over
        )
        producer = await stack.enter_async_context(
            Producer(self.connections.kafka, client_id=self._id, pause=SENDING_PAUSE)
        )
        self._life = claim.record.life
        self._health_alerts = self._build_health_alerts(stack, producer)
        admin = TopicAdmin(self.connections.kafka)
        await self._prepare(store, claim, producer, admin)
        await self._serve_pages(stack)
        apps = self._apps(store, producer, admin)
        if self._notifying is not None:
            await self._notifying.start(stack)
        for app in apps:
            # Last in, first out: the readers stop before the monitor, and it before the store.
            stack.push_async_callback(app.stop)
        await asyncio.gather(*(app.start() for app in apps))
        return store, apps

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

    def _apps(self, store: Store, producer: Producer, admin: TopicAdmin) -> list[BatchApp]:
        build: dict[WorkerRole, Callable[[], BatchApp]] = {
            WorkerRole.NOTIFY: lambda: self._notify_app(producer, admin),
            WorkerRole.MONITOR: lambda: self._monitor_app(store, producer),
            WorkerRole.DECODE: lambda: self._decode_app(store, producer, admin),
        }
        # What comes later in the flow starts first, so that nothing has to wait for it.
        return [build[role]() for role in reversed(WorkerRole) if role in self._roles]

    def _decode_app(self, store: Store, producer: Producer, admin: TopicAdmin) -> BatchApp:
        settings = self._deployment.settings
        self._reader = reader = Reader(
            self._deployment.streams.values(),
            settings,
            partitions=settings.topics.events_partitions,
            producer=producer,
            admin=admin,
            store=store,
            clock=system_clock,
            metrics=self._metrics,
        )
        return self._app(WorkerRole.DECODE, starts_of(reader.topics), reader)

    def _monitor_app(self, store: Store, producer: Producer) -> BatchApp:
        self._monitor = MonitorRole(
            self._deployment, store=store, producer=producer, gauges=Gauges(self._metrics)
        )
        topics: dict[str, Start] = {self._deployment.settings.events_topic: "earliest"}
        return self._app(WorkerRole.MONITOR, topics, self._monitor)

    def _notify_app(self, producer: Producer, admin: TopicAdmin) -> BatchApp:
        self._notifying = notifying = Notifying(
            self._deployment,
            self.connections,
            self._receivers,
            producer=producer,
            admin=admin,
            metrics=self._metrics,
            health=self._health_alerts,
        )
        topics: dict[str, Start] = {self._deployment.settings.alerts_topic: "earliest"}
        return self._app(WorkerRole.NOTIFY, topics, notifying.listener)

    def _app(
        self, role: WorkerRole, topics: Mapping[str, Start], listener: BatchListener
    ) -> BatchApp:
        worker = self._deployment.settings.worker
        instance_id = worker.group_instance_id
        settings = BatchSettings(
            session_timeout=worker.session_timeout,
            instance_id=f"{instance_id}-{role.value}" if instance_id is not None else None,
            idle_after=worker.progress_interval,
            max_poll_records=worker.max_batch,
        )
        if role is WorkerRole.DECODE:
            settings = replace(
                settings,
                max_batch_records=worker.max_batch,
                max_partition_fetch_bytes=SOURCE_FETCH_BYTES,
            )
        if self.connections.kafka_embedded:
            # It does not look for records while it holds a fetch.
            settings = replace(settings, idle_fetch_wait=settings.fetch_wait)
        group = f"{self._deployment.settings.name}.{role.value}"
        return build_app(group, self.connections.kafka, topics, listener, settings)

    async def _serve_pages(self, stack: AsyncExitStack) -> None:
        self._metrics.build.labels(self._version, version("river")).set(1)
        declared = self._deployment.settings.metrics
        if declared.port is not None:
            pages = Pages(self._metrics, self._health, host=declared.host, port=declared.port)
            await pages.start()
            stack.push_async_callback(pages.stop)

    async def _until_the_end(self, store: Store, apps: Sequence[BatchApp]) -> None:
        """Wait for a stop, or for the first thing that ends without being asked to."""
        watched: list[asyncio.Task[Any]] = [asyncio.create_task(app.wait()) for app in apps]
        watched.append(asyncio.create_task(self._stopping.wait()))
        watched.append(asyncio.create_task(self._heartbeat(store, apps)))
        if self._health_alerts is not None:
            watch = HealthWatch(self._health_alerts, self._deployment.settings, clock=system_clock)
            watched.append(asyncio.create_task(watch.run(apps, self._reader, self._monitor)))
        if self._reader is not None:
            watched.append(asyncio.create_task(_check_topics(self._reader)))
        if self._notifying is not None:
            watched.append(asyncio.create_task(self._notifying.wait()))
        if self._monitor is not None:
            watched.append(asyncio.create_task(self._tick(self._monitor)))
            watched.append(asyncio.create_task(_collect_garbage(store)))
        try:
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            if self._notifying is not None:
                self._notifying.begin_end()
            for task in watched:
                task.cancel()
            await asyncio.gather(*watched, return_exceptions=True)

    async def _heartbeat(self, store: Store, apps: Sequence[BatchApp]) -> None:
        while True:
            current = await store.current_deployment()
            if current is None or current.life != self._life:
                msg = (
                    "redis does not hold this deployment any more: it was emptied, or is another"
                    " one. The worker ends, to begin with what is there now"
                )
                raise StateError(msg)
            if current.digest != self._deployment.digest:
                msg = (
                    "a newer deployment of this name was started; this one leaves"
                    " (start it with --take-over to make it the current one again)"
                )
                raise SupersededError(msg)
            now = asyncio.get_running_loop().time()
            self._health.on_beat(now)
            for app in apps:
                self._health.on_progress(now, app.group, app.progress)
                for tp, progress in app.progress.items():
                    self._metrics.lag.labels(tp.topic, str(tp.partition)).set(progress.lag)
            await store.announce_worker(self._id, self._facts(), HEARTBEAT_TTL)
            await asyncio.sleep(HEARTBEAT.total_seconds())

    def _facts(self) -> Mapping[str, object]:
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "roles": [role.value for role in self._roles],
            "events_partitions": list(self._monitor.partitions) if self._monitor else [],
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
