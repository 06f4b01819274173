"""One round: a deployment of its own, data fed in portions, a fault, and then the oracle."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from chaos.oracle import Expectation, verify
from chaos.scenario import DETECTORS, Scenario, build_scenario
from chaos.supervised import Supervised
from driftline.errors import UnavailableError
from driftline.monitor.state import StoredInstance
from support.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from chaos.nursery import Nursery
    from driftline.config.deployment import Deployment
    from support.kafka_broker import KafkaBroker
    from support.pipeline import Sent
    from support.redis_server import RedisServer

PAUSE_SECONDS: Final = 0.15
"""Between two portions."""
PATIENCE_SECONDS: Final = 120.0


@dataclass
class Servers:
    """What all rounds of a run share."""

    kafka: KafkaBroker
    redis: RedisServer
    redis_directory: Path
    nursery: Nursery


@dataclass
class Round:
    """A deployment under test. A fault uses its methods, in whatever order it likes."""

    kind: str
    seed: int
    servers: Servers
    rng: random.Random
    scenario: Scenario
    pipeline: Pipeline
    deployment: Deployment
    workers: list[Supervised] = field(default_factory=list)
    expected: Expectation = field(default_factory=Expectation)
    notes: dict[str, Any] = field(default_factory=dict)
    """What is measured on the way."""
    _fed: int = 0

    @cached_property
    def admin(self) -> AdminClient:
        """A client for what an operator does."""
        return AdminClient({"bootstrap.servers": self.servers.kafka.bootstrap, "log_level": 0})

    @cached_property
    def producer(self) -> Producer:
        """Sends what the sources hold."""
        return Producer(
            {
                "bootstrap.servers": self.servers.kafka.bootstrap,
                "linger.ms": 5,
                "topic.metadata.refresh.interval.ms": 500,
                "acks": "all",
                "enable.idempotence": True,
                "log_level": 0,
            }
        )

    # -- workers

    async def start_worker(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        lasting: Mapping[str, str] | None = None,
        directory: Path | None = None,
        always: bool = False,
    ) -> Supervised:
        """One more worker; of another deployment's directory, if one is given."""
        directory = directory or self.pipeline.directory
        log = self.pipeline.directory.with_name(f"worker-{len(self.workers)}.log")
        worker = Supervised(self.servers.nursery, directory, log, environ, lasting, always=always)
        self.workers.append(worker)
        await worker.start(ready=environ is None)
        return worker

    def variant(self, name: str, worker: Mapping[str, Any]) -> Path:
        """Another directory with this deployment, whose workers have these settings besides."""
        directory = self.pipeline.directory.with_name(name)
        settings = {**self.pipeline.worker, **worker}
        other = replace(self.pipeline, directory=directory, worker=settings)
        other.declare(self.scenario.streams(), DETECTORS)
        return directory

    async def stop_workers(self) -> None:
        """Stop all of them cleanly.

        One that ends with an error then would be started again, and one that had no time to publish
        what it has stored leaves that to whoever comes next: so somebody comes.
        """
        done = await self._stop_all() and not await self._left_to_publish()
        for _ in range(5):
            if done:
                return
            last = await self.start_worker()
            count = self.deployment.settings.topics.events_partitions
            await last.wait_said("partition_taken", count)
            code = await last.stop()
            assert code == 0, f"asked to stop, it ended with {code}:\n{last.tail()}"
            done = not await self._left_to_publish()

    async def _left_to_publish(self) -> bool:
        """Whether an outbox holds anything."""
        async with self.pipeline.store() as store:
            stored = await store.load_instances(await store.list_instances())
        return any(isinstance(one, StoredInstance) and one.outbox for one in stored.values())

    async def _stop_all(self) -> bool:
        """Whether all have ended with 0."""
        asked = [one for one in self.workers if one.kept]
        alive = [one.pid is not None for one in asked]
        codes = await asyncio.gather(*(one.stop() for one in asked))
        for one, lived, code in zip(asked, alive, codes, strict=True):
            # One that was overtaken just then says so, and ends with 1, or on its last steps of the
            # signal; one that had just been started again had no ear for signals yet; one that was
            # to be started again was not asked.
            overtaken = "another worker has gone on" in one.tail() and code == 1
            leaving = code == -signal.SIGTERM and one.tail(1).startswith("driftline: ")
            restarted = code == -signal.SIGTERM and len(one.exits) > 1
            left = not lived or code == 0 or overtaken or leaving or restarted
            assert left, f"asked to stop, it ended with {code}:\n{one.tail()}"
        return not any(codes)

    # -- data

    async def feed(self, portions: int | None = None, pause: float = PAUSE_SECONDS) -> None:
        """Send the next portions; all that is left by default."""
        until = len(self.scenario.chunks) if portions is None else self._fed + portions
        for number in range(self._fed, min(until, len(self.scenario.chunks))):
            await asyncio.to_thread(self._send, self.scenario.chunks[number])
            self._fed = number + 1
            await asyncio.sleep(pause)

    def _send(self, records: Sequence[tuple[str, Sent]]) -> None:
        for topic, record in records:
            self.producer.produce(topic, record.value, partition=record.partition)
        left = self.producer.flush(180)
        assert not left, f"{left} records could not be sent"

    def move(self, stream: str, role: str, partition: int) -> None:
        """Send about half of what is yet to be sent to a topic to this partition of it."""
        topic = self.scenario.topic(stream, role)
        chunks = [
            [
                (name, replace(record, partition=partition))
                if name == topic and number >= self._fed and self.rng.random() < 0.5
                else (name, record)
                for name, record in chunk
            ]
            for number, chunk in enumerate(self.scenario.chunks)
        ]
        self.scenario = replace(self.scenario, chunks=chunks)

    async def wait(self, least: float, most: float) -> None:
        """Let some time pass, as the seed says."""
        await asyncio.sleep(self.rng.uniform(least, most))

    async def drained(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Return when all that the topics hold now is applied and stored."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self.pipeline.drained(self.deployment)
            except (TimeoutError, AssertionError, UnavailableError, KafkaException) as error:
                missing = error
            else:
                return
        tails = "\n---\n".join(f"{one.exits} {one.tail()}" for one in self.workers)
        msg = f"not all is applied after {seconds:g} s: {missing}\n{tails}"
        raise AssertionError(msg)


async def run_round(
    kind: str,
    inflict: Callable[[Round], Awaitable[None]],
    seed: int,
    servers: Servers,
    directory: Path,
    *,
    on_state_lost: str = "refuse",
    session: str = "2s",
) -> Round:
    """Run a round; raises AssertionError with what did not hold."""
    rng = random.Random(f"{kind}/{seed}")
    name = f"c{seed}-{time.time_ns() // 1_000_000 % 10_000_000}"
    scenario = build_scenario(name, rng, on_state_lost=on_state_lost)
    pipeline = Pipeline(
        directory / name / "deployment",
        servers.kafka.bootstrap,
        servers.redis.url,
        worker={"session_timeout": session, "max_batch": 200, "progress_interval": "1s"},
        events_partitions=3,
        name=name,
    )
    pipeline.directory.mkdir(parents=True)
    await asyncio.to_thread(_make_topics, servers.kafka.bootstrap, scenario.partitions)
    deployment = pipeline.declare(scenario.streams(), DETECTORS)
    one = Round(kind, seed, servers, rng, scenario, pipeline, deployment)
    try:
        # Before the first worker: readers of empty topics take the time of day for the event time.
        await one.feed(1, pause=0)
        begun = time.monotonic()
        for name_, phase in (
            ("fault", lambda: inflict(one)),
            ("feed", one.feed),
            ("drain", one.drained),
            ("stop", one.stop_workers),
            ("verify", lambda: verify(pipeline, deployment, one.expected)),
        ):
            await phase()
            one.notes[name_] = round(time.monotonic() - begun, 1)
    finally:
        for worker in one.workers:
            await worker.abandon()
    return one


def _make_topics(bootstrap: str, partitions: Mapping[str, int]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = [
        NewTopic(name, num_partitions=count, replication_factor=1)
        for name, count in partitions.items()
    ]
    for made in admin.create_topics(wanted).values():
        made.result(timeout=60)
