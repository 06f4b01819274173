"""A real broker and a real Redis, set as one sets them for work; topics with the data in them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import redis
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench.processes import usage
from bench.workload import PARTITIONS
from support.kafka_broker import NEWEST, KafkaBroker
from support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from bench.workload import Sample, Workload

# The tests' broker is small and quick to start; this one has its compiler's second tier.
_JVM: Final = ("-Xms1g", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
_FLUSH_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Topics:
    """Where a workload was written."""

    predictions: str
    labels: str


@dataclass(frozen=True, slots=True)
class Servers:
    """What is running."""

    kafka: KafkaBroker
    redis: RedisServer

    def cpu_seconds(self) -> tuple[float, float]:
        """What the broker and Redis have used so far."""
        return usage(self.kafka.pid).cpu_seconds, usage(self.redis.pid).cpu_seconds

    def make_topic(self, name: str, *, partitions: int = PARTITIONS) -> str:
        """A topic that was not there before."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
        return name

    def make_topics(self, name: str) -> Topics:
        """A topic for predictions and one for labels."""
        return Topics(self.make_topic(f"{name}.predictions"), self.make_topic(f"{name}.labels"))

    def held_partitions(self, groups: Sequence[str]) -> dict[str, tuple[int, int]]:
        """By consumer group how many members hold partitions, and how many they hold in all."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})
        found = {}
        for group, future in admin.describe_consumer_groups(list(groups)).items():
            held = [len(one.assignment.topic_partitions) for one in future.result(30).members]
            found[group] = (sum(map(bool, held)), sum(held))
        return found

    def write(self, name: str, workload: Workload) -> Topics:
        """Put a workload into topics of its own."""
        topics = self.make_topics(name)
        self.send(topics.predictions, workload.predictions())
        self.send(topics.labels, workload.labels())
        return topics

    def pour(
        self,
        topics: Topics,
        workload: Workload,
        *,
        prefix: str = "",
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        """Write a workload at once, quicker than it is read; `begin` is called before that.

        Ids begin with the prefix, so that it can be written again.
        """
        predictions, labels = list(workload.predictions(prefix)), list(workload.labels(prefix))
        begin()
        self.send(topics.predictions, predictions)
        self.send(topics.labels, labels)

    def send(self, topic: str, samples: Iterable[Sample]) -> None:
        """Write records; returns when the broker has them all."""
        producer = Producer(
            {
                "bootstrap.servers": self.kafka.bootstrap,
                "linger.ms": 20,
                "log_level": 3,
                "queue.buffering.max.messages": 200_000,
            }
        )
        for one in samples:
            while True:
                try:
                    producer.produce(topic, one.value, one.key, one.partition, timestamp=one.at)
                    break
                except BufferError:
                    producer.poll(0.1)
        if producer.flush(_FLUSH_SECONDS):
            message = f"not all records of {topic} were taken in time"
            raise TimeoutError(message)

    def empty_redis(self) -> None:
        """Remove everything, and wait until its log is rewritten."""
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()
            client.bgrewriteaof()
        self.wait_for_redis()

    def wait_for_redis(self) -> None:
        """Wait until Redis rewrites its log no more: it takes a core to do so, and much memory."""
        with redis.Redis.from_url(self.redis.url) as client:
            while client.info("persistence")["aof_rewrite_in_progress"]:
                time.sleep(0.05)

    def redis_bytes(self) -> int:
        """The memory that Redis uses for data."""
        with redis.Redis.from_url(self.redis.url) as client:
            return int(client.info("memory")["used_memory"])


@contextmanager
def running(directory: Path) -> Iterator[Servers]:
    """Servers that live as long as the block."""
    places = [directory / name for name in ("kafka", "redis")]
    for place in places:
        place.mkdir()
    kafka, store = KafkaBroker(NEWEST[-1], places[0], jvm=_JVM), RedisServer(places[1])
    try:
        kafka.start()
        store.start()
        yield Servers(kafka, store)
    finally:
        store.stop()
        kafka.stop()
