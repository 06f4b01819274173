"""driftline attached to topics: workers are started and stopped, and what they use is read."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from confluent_kafka import Consumer, TopicPartition

from bench import ours
from bench.contestants import start
from bench.processes import usage
from bench.workload import DELTA

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.servers import Servers, Topics

PATIENCE_SECONDS: Final = 600.0
SETTLE_SECONDS: Final = 3.0
"""In which the last checkpoint is stored and its offsets are committed."""


@dataclass(frozen=True, slots=True)
class Used:
    """What all workers took from their start to the end of the topics, starting up left out."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


class Attached:
    """One deployment, whose workers live as long as the block."""

    def __init__(
        self,
        servers: Servers,
        directory: Path,
        name: str,
        topics: Topics,
        *,
        changes: Mapping[str, Any] | None = None,
        features: Sequence[str] = (),
    ) -> None:
        self._servers = servers
        self._name = name
        self._topics = topics
        self._place = directory / name
        self._processes: list[subprocess.Popen[bytes]] = []
        self._begin = (0.0, 0.0)
        servers.empty_redis()
        stream = ours.stream_of(topics.predictions, topics.labels)
        if features:
            stream["predictions"]["features"] = list(features)
        ours.declare(
            self._place, name, servers, topics, delta=DELTA, changes=stream | dict(changes or {})
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """One more worker; returns when it runs."""
        log = self._place / f"worker-{time.monotonic_ns()}.log"
        process = start(ours.command(self._place), {}, log)
        self._processes.append(process)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "worker_started" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()[-3_000:])
            time.sleep(0.02)
        self._begin = (time.monotonic(), self._cpu())

    def stop(self) -> None:
        """End all workers in order."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(30)
        self._processes.clear()

    def until_done(self) -> Used:
        """Wait until everything is decoded, applied, stored and committed."""
        events = f"{self._name}.events"
        with _consumer(self._servers, f"{self._name}.decode") as decode:
            _wait(decode, [self._topics.predictions, self._topics.labels])
        with _consumer(self._servers, f"{self._name}.monitor") as monitor:
            _wait(monitor, [events])
        seconds, cpu = self._begin
        peak = sum(usage(process.pid).peak_bytes for process in self._processes)
        return Used(time.monotonic() - seconds, self._cpu() - cpu, peak)

    def settle(self) -> None:
        """Give the workers the time to become quiet."""
        time.sleep(SETTLE_SECONDS)

    def redis_bytes(self) -> int:
        """What Redis holds."""
        return self._servers.redis_bytes()

    def idle_share(self, *, seconds: float) -> float:
        """The share of a core that the workers use while nothing comes."""
        before = self._cpu()
        time.sleep(seconds)
        return (self._cpu() - before) / seconds

    def _cpu(self) -> float:
        return sum(usage(process.pid).cpu_seconds for process in self._processes)


@contextmanager
def _consumer(servers: Servers, group: str) -> Iterator[Consumer]:
    """A consumer that asks for a group's offsets without joining it."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers.kafka.bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def _wait(consumer: Consumer, topics: Sequence[str]) -> None:
    """Return when the group has committed the ends of the topics."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        partitions = [
            TopicPartition(topic, one)
            for topic in topics
            for one in consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ]
        ends = [consumer.get_watermark_offsets(one, timeout=10)[1] for one in partitions]
        committed = [one.offset for one in consumer.committed(partitions, timeout=10)]
        if all(end == 0 or at >= end for end, at in zip(ends, committed, strict=True)):
            return
        time.sleep(0.1)
    message = f"{topics} were not read to their ends in time"
    raise TimeoutError(message)
