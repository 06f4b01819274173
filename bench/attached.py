"""driftline attached to topics: workers are started and stopped, and what they use is read."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from confluent_kafka import Consumer, TopicPartition

from bench import ours
from bench.contestants import start
from bench.processes import usage
from bench.workload import DELTA, PARTITIONS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.servers import Servers, Topics

PATIENCE_SECONDS: Final = 600.0
SETTLE_SECONDS: Final = 3.0
"""In which the last checkpoint is stored and its offsets are committed."""


@dataclass(frozen=True, slots=True)
class Used:
    """What all workers took since the count began."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    resident_bytes: int
    """What they hold now."""

    def each(self, events: int) -> float:
        """CPU us an event."""
        return self.cpu_seconds / events * 1e6


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
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self._servers = servers
        self._topics = topics
        self._place = directory / name
        self._processes: list[subprocess.Popen[bytes]] = []
        self._begin = (0.0, 0.0)
        servers.empty_redis()
        stream = ours.stream_of(topics.predictions, topics.labels)
        if features:
            stream["predictions"]["features"] = list(features)
        ours.declare(
            self._place,
            name,
            servers,
            topics,
            delta=DELTA,
            changes=stream | dict(changes or {}),
            settings={"topics": {"events_partitions": PARTITIONS}, **(settings or {})},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self, count: int = 1) -> None:
        """So many workers; returns, and begins to count, when all of them hold partitions."""
        for log in [self.spawn() for _ in range(count)]:
            self.wait_for(partial(_says, log, "worker_started"))
        self.wait_for(self._all_hold)
        self.begin()

    def spawn(self) -> Path:
        """Begin to start a worker; what it prints goes to the file that is returned."""
        log = self._place / f"worker-{time.monotonic_ns()}.log"
        self._processes.append(start(ours.command(self._place), {}, log))
        return log

    def wait_for(self, condition: Callable[[], bool], *, every: float = 0.02) -> None:
        """Return when it holds; raise when a worker ends before that."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if any(one.poll() is not None for one in self._processes):
                raise RuntimeError(self._tail())
            if time.monotonic() > deadline:
                raise TimeoutError(self._tail())
            time.sleep(every)

    def begin(self) -> None:
        """Count from here on."""
        self._begin = (time.monotonic(), self._cpu())

    def used(self) -> Used:
        """What was used since `begin`."""
        seconds, cpu = self._begin
        found = [usage(process.pid) for process in self._processes]
        return Used(
            time.monotonic() - seconds,
            sum(one.cpu_seconds for one in found) - cpu,
            sum(one.peak_bytes for one in found),
            sum(one.resident_bytes for one in found),
        )

    def stop(self) -> None:
        """End all workers in order."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(30)
        self._processes.clear()

    def until_done(self) -> Used:
        """Wait until everything is decoded, applied, stored and committed; what that took."""
        events = f"{self.name}.events"
        with _consumer(self._servers, f"{self.name}.decode") as decode:
            _wait(decode, [self._topics.predictions, self._topics.labels])
        with _consumer(self._servers, f"{self.name}.monitor") as monitor:
            _wait(monitor, [events])
        return self.used()

    def settle(self) -> None:
        """Give the workers and Redis the time to become quiet."""
        time.sleep(SETTLE_SECONDS)
        self._servers.wait_for_redis()

    def redis_bytes(self) -> int:
        """What Redis holds."""
        return self._servers.redis_bytes()

    def idle_share(self, *, seconds: float) -> float:
        """The share of a core that the workers use while nothing comes."""
        before = self._cpu()
        time.sleep(seconds)
        return (self._cpu() - before) / seconds

    def _all_hold(self) -> bool:
        """Whether each worker holds partitions, and all partitions are held."""
        held = self._servers.held_partitions([f"{self.name}.decode", f"{self.name}.monitor"])
        return held == {
            f"{self.name}.decode": (len(self._processes), 2 * PARTITIONS),
            f"{self.name}.monitor": (len(self._processes), PARTITIONS),
        }

    def _tail(self) -> str:
        """The end of what the workers printed."""
        return "\n".join(log.read_text()[-3_000:] for log in sorted(self._place.glob("*.log")))

    def _cpu(self) -> float:
        return sum(usage(process.pid).cpu_seconds for process in self._processes)


def _says(log: Path, event: str) -> bool:
    return event in log.read_text()


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
