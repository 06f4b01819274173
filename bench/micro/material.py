"""Batches as the transport hands them out, and what the steps behind it make of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from bench.ours import STREAM, stream_of
from bench.workload import DELTA, PARTITIONS, Workload
from driftline.config.deployment import load_deployment
from driftline.eventlog.codec import encode
from driftline.intake import SourceRange, TopicReader
from driftline.model import Role, SourcePartition
from driftline.monitor.partition import PartitionMonitor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from bench.workload import Sample
    from driftline.config.deployment import Stream
    from driftline.eventlog.messages import Message

BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record as a consumer gives it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one range of one partition."""

    role: Role
    passed: SourceRange
    records: Sequence[Arrived]


@dataclass(frozen=True)
class Material:
    """Everything that the benchmarks are given."""

    stream: Stream
    batches: Sequence[Batch]
    messages: Sequence[Sequence[Message]]
    """By events partition, in order."""
    blobs: Sequence[bytes]
    seen_at: int

    @property
    def records(self) -> int:
        """How many records there are in all batches."""
        return sum(len(batch.records) for batch in self.batches)

    def reader(self, role: Role) -> TopicReader:
        """A reader of one of the topics."""
        return TopicReader([(self.stream, role)], partitions=PARTITIONS)

    def monitor(self, partition: int) -> PartitionMonitor:
        """A monitor that knows nothing yet."""
        return PartitionMonitor(partition, [self.stream], deployment="bench", digest="")


def build_material(directory: Path, pairs: int) -> Material:
    """Batches in the order predictions, labels, predictions, ... of all partitions."""
    workload = Workload(pairs)
    (directory / "streams").mkdir()
    (directory / "detectors").mkdir()
    declared = stream_of("predictions", "labels")
    (directory / "streams" / f"{STREAM}.yaml").write_text(yaml.safe_dump(declared))
    profile = {"kind": "adwin", "delta": DELTA, "clock": 1}
    (directory / "detectors" / "adwin.yaml").write_text(yaml.safe_dump(profile))
    stream = load_deployment(directory).streams[STREAM]
    batches = [
        batch
        for pair in zip(
            _batches(Role.PREDICTIONS, workload.predictions()),
            _batches(Role.LABELS, workload.labels()),
            strict=True,
        )
        for batch in pair
    ]
    seen_at = time.time_ns() // 1_000
    material = Material(stream, batches, [], [], seen_at)
    readers = {role: material.reader(role) for role in Role}
    routed = [
        one
        for batch in batches
        for one in readers[batch.role].read(batch.passed, batch.records, seen_at=seen_at).messages
    ]
    messages = [
        [message for where, message in routed if where == partition]
        for partition in range(PARTITIONS)
    ]
    return Material(stream, batches, messages, [encode(one) for _, one in routed], seen_at)


def _batches(role: Role, samples: Iterable[Sample]) -> list[Batch]:
    filling: list[list[Arrived]] = [[] for _ in range(PARTITIONS)]
    passed = [0] * PARTITIONS
    found = []
    for sample in samples:
        records = filling[sample.partition]
        offset = passed[sample.partition] + len(records)
        records.append(Arrived(offset, sample.at, sample.key, sample.value))
        if len(records) == BATCH:
            source = SourcePartition(role.value, sample.partition, "id")
            span = SourceRange(
                source, records[0].offset, offset + 1, 0, offset + 1, partitions=PARTITIONS
            )
            found.append(Batch(role, span, records))
            passed[sample.partition] = offset + 1
            filling[sample.partition] = []
    return found
