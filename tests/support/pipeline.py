"""A deployment on real servers: declare it, send to its topics, run workers, see what is stored.

Nothing here waits by the clock: `drained` asks the store until the books reach the topics' ends.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from confluent_kafka import Consumer, Producer, TopicPartition

from driftline.agents.attached import attached_topics
from driftline.app.connections import Connections
from driftline.app.roles import WorkerRole, role_group
from driftline.app.worker import Worker
from driftline.config.deployment import Deployment, load_deployment
from driftline.model import Role
from driftline.monitor.partition_state import PartitionState
from driftline.store.connect import RedisAddress, connect
from driftline.transport.address import KafkaAddress
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from driftline.monitor.partition_state import StreamState
    from driftline.store.protocol import Store

PATIENCE_SECONDS: Final = 60.0
"""How long a test waits for what has to come."""
_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class Sent:
    """A record for a topic."""

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0
    """Milliseconds; 0 for now."""
    partition: int = 0


@dataclass(frozen=True, slots=True)
class Received:
    """A record of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass
class Pipeline:
    """One deployment, its directory, and the servers that it runs on."""

    directory: Path
    kafka: str
    redis: str
    worker: Mapping[str, Any] = field(default_factory=dict)
    """What is added to `worker` in config/driftline.yaml."""
    events_partitions: int = 4
    name: str = field(default_factory=lambda: f"t-{os.getpid()}-{next(_serial)}")

    def declare(
        self, streams: Mapping[str, Mapping[str, Any]], detectors: Mapping[str, Mapping[str, Any]]
    ) -> Deployment:
        """Write the deployment's files and read them. Streams of before are taken away."""
        settings = {
            "name": self.name,
            "kafka": {"brokers": self.kafka},
            "redis": {"url": self.redis},
            # Reading goes on where batches are; idle messages would only move the log's end.
            "worker": {"checkpoint_interval": "200ms", "progress_interval": "1m", **self.worker},
            "topics": {"events_partitions": self.events_partitions},
        }
        for folder in ("config", "streams", "detectors"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
            for old in (self.directory / folder).iterdir():
                old.unlink()
        self._write("config/driftline.yaml", settings)
        for name, spec in streams.items():
            self._write(f"streams/{name}.yaml", spec)
        for name, profile in detectors.items():
            self._write(f"detectors/{name}.yaml", profile)
        return load_deployment(self.directory)

    def _write(self, file: str, data: Mapping[str, Any]) -> None:
        (self.directory / file).write_text(yaml.safe_dump(dict(data)), encoding="utf-8")

    # -- Kafka --

    def send(self, topic: str, records: Iterable[Sent]) -> int:
        """Produce records, and return when the broker has them; how many there were."""
        count, refused = 0, list[Any]()

        def delivered(error: Any, _message: Any) -> None:
            if error is not None:
                refused.append(error)

        producer = Producer(
            {
                "bootstrap.servers": self.kafka,
                "linger.ms": 20,
                "acks": "all",
                "message.max.bytes": 1_048_000,
            }
        )
        for one in records:
            count += 1
            while True:
                try:
                    producer.produce(
                        topic,
                        one.value,
                        key=one.key,
                        partition=one.partition,
                        headers=list(one.headers),
                        timestamp=one.timestamp,
                        on_delivery=delivered,
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
        left = producer.flush(30)
        assert not left, f"{left} records were not delivered to {topic}"
        assert not refused, refused[0]
        return count

    def ends(self, topic: str) -> dict[int, int]:
        """The end offset of each partition."""
        with self._consumer() as consumer:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            return {
                one: consumer.get_watermark_offsets(TopicPartition(topic, one), timeout=10)[1]
                for one in partitions
            }

    def read(self, topic: str) -> list[Received]:
        """All records of a topic, partition by partition."""
        ends = {partition: end for partition, end in self.ends(topic).items() if end}
        records: list[Received] = []
        missing = set(ends)
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._consumer() as consumer:
            consumer.assign([TopicPartition(topic, one, 0) for one in ends])
            while missing:
                assert time.monotonic() < deadline, f"{topic} could not be read to its end"
                for message in consumer.consume(1_000, timeout=1):
                    assert not message.error(), message.error()
                    headers = tuple(message.headers() or ())
                    records.append(
                        Received(
                            message.partition(),
                            message.offset(),
                            message.key(),
                            message.value(),
                            headers,
                        )
                    )
                    if message.offset() == ends[message.partition()] - 1:
                        missing.discard(message.partition())
        return sorted(records, key=lambda one: (one.partition, one.offset))

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.kafka,
                "group.id": f"{self.name}.test",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.queue.backoff.ms": 5,
            }
        )

    # -- workers --

    def build_worker(
        self, deployment: Deployment, *, roles: Sequence[WorkerRole] = tuple(WorkerRole)
    ) -> Worker:
        """A worker for this process' event loop; `running` runs it."""
        connections = Connections(KafkaAddress(self.kafka), RedisAddress(self.redis))
        return Worker(deployment, connections, roles=roles)

    @asynccontextmanager
    async def running(self, worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
        """A worker that runs from here on, and is stopped cleanly at the end of the block."""
        ready = asyncio.Event()
        task = asyncio.create_task(worker.run(ready.set))
        waiting = asyncio.create_task(ready.wait())
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            if task.done():
                task.result()
            yield task
        finally:
            worker.stop()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await task

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """What the deployment stores."""
        store = await connect(RedisAddress(self.redis), self.name)
        try:
            yield store
        finally:
            await store.close()

    # -- how far it is --

    async def drained(
        self,
        deployment: Deployment,
        *,
        share: float = 1.0,
        watch: asyncio.Future[Any] | None = None,
    ) -> None:
        """Return when so large a share of all that the topics hold is applied and stored.

        `watch` is a worker whose end ends the wait.
        """
        ends = {
            (stream.name, role, source.topic): self.ends(source.topic)
            for stream in deployment.streams.values()
            for role in Role
            if (source := stream.spec.source(role)) is not None
        }
        wanted = share * sum(sum(one.values()) for one in ends.values())
        passed = 0
        deadline = time.monotonic() + PATIENCE_SECONDS
        async with self.store() as store:
            while passed < wanted:
                if watch is not None and watch.done():
                    msg = f"the worker ended: {watch.result()}"
                    raise AssertionError(msg)
                left = f"{passed} of {wanted} offsets were passed in time"
                assert time.monotonic() < deadline, left
                await asyncio.sleep(0.05)
                passed = await self._passed(store, deployment, ends)

    async def read_again(
        self, deployment: Deployment, *, watch: asyncio.Future[Any] | None = None
    ) -> None:
        """As `drained`, after a worker was killed: also what is appended once more is applied.

        The next reader begins where the dead one had committed, which may be long before what it
        had appended. Once it has committed all that there is, the log grows no more.
        """
        admin = TopicAdmin(KafkaAddress(self.kafka))
        group = role_group(deployment.settings.name, WorkerRole.DECODE)
        topics = await admin.describe(list(attached_topics(deployment.streams.values())))
        places = [place for topic in topics.values() for place in topic.places]
        deadline = time.monotonic() + PATIENCE_SECONDS
        left: object = True
        while left:
            assert watch is None or not watch.done(), "the worker ended"
            assert time.monotonic() < deadline, f"not read and applied in time: {left}"
            await asyncio.sleep(0.05)
            ends = {place: end for place, (_, end) in (await admin.bounds(places)).items()}
            committed = await admin.committed(group, places)
            left = {place: end for place, end in ends.items() if committed.get(place, 0) < end}
            left = left or await self._unapplied(deployment)

    async def _unapplied(self, deployment: Deployment) -> dict[int, int]:
        """The events partitions that are not applied and stored to their ends, and those."""
        left = {}
        async with self.store() as store:
            for partition, end in self.ends(deployment.settings.events_topic).items():
                stored = await store.load_partition(partition)
                if end and (stored is None or stored.offset < end):
                    left[partition] = end
        return left

    async def _passed(
        self,
        store: Store,
        deployment: Deployment,
        ends: Mapping[tuple[str, Role, str], Mapping[int, int]],
    ) -> int:
        """How far the events partition that is the furthest behind has come, in all."""
        passed = []
        for partition in range(deployment.settings.topics.events_partitions):
            states = await stream_states(store, partition)
            passed.append(
                sum(
                    states[stream].books.sources[role.value][f"{topic}/{one}"].next_offset
                    for (stream, role, topic), partitions in ends.items()
                    for one in partitions
                    if f"{topic}/{one}" in _sources(states, stream, role)
                )
            )
        return min(passed)


async def stream_states(store: Store, partition: int) -> Mapping[str, StreamState]:
    """The books and clocks that an events partition has stored, by stream."""
    stored = await store.load_partition(partition)
    return PartitionState.decode(stored.blob).states if stored is not None else {}


def _sources(states: Mapping[str, StreamState], stream: str, role: Role) -> Mapping[str, object]:
    return states[stream].books.sources.get(role.value, {}) if stream in states else {}


class WorkerProcess:
    """A worker in a process of its own, whose log lines are kept."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._log = directory.parent / f"{directory.name}-{next(_serial)}.log"
        self._process: asyncio.subprocess.Process | None = None
        self.ended: asyncio.Future[int] = asyncio.Future()
        """The exit code, once there is one."""

    async def start(self) -> None:
        """Start it, and return once it runs."""
        script = Path(__file__).with_name("run_worker.py")
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(script), str(self._directory), stdout=log, stderr=log
            )
        self._process, started = process, len(self.said("worker_started"))
        self.ended = asyncio.create_task(process.wait())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.said("worker_started")) == started:
            assert not self.ended.done(), self.tail()
            assert time.monotonic() < deadline, self.tail()
            await asyncio.sleep(0.05)

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    async def stop(self) -> None:
        """Ask it to end cleanly, and see that it does."""
        assert await self._end(signal.SIGTERM) == 0, self.tail()

    async def kill(self) -> None:
        """End it at once, whatever it is doing."""
        assert await self._end(signal.SIGKILL) == -signal.SIGKILL, self.tail()

    async def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        assert self._process.returncode is None, self.tail()
        self._process.send_signal(how)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.ended

    def said(self, event: str) -> list[dict[str, Any]]:
        """The log lines of an event, in order."""
        lines = self._log.read_text("utf-8").splitlines()
        found = (json.loads(line) for line in lines if event in line and line.endswith("}"))
        return [one for one in found if one.get("event") == event]

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self._log.read_text("utf-8").splitlines()[-20:])
