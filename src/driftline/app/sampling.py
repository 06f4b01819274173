"""A look at the records of attached topics that leaves no trace.

No consumer group, nothing committed, no topic made.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftline.app.reading_topics import read_ranges
from driftline.decode import build_decoder
from driftline.model import Role, SourcePartition
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.app.reading_topics import TopicRecord
    from driftline.config.deployment import Stream
    from driftline.decode import Decoded, Record
    from driftline.transport.address import KafkaAddress


@dataclass(frozen=True, slots=True)
class Sample:
    """Records of one role of a stream, and what driftline reads in them, by partition."""

    stream: str
    role: Role
    topic: str
    exists: bool
    decoded: Mapping[int, Decoded]

    @property
    def records(self) -> int:
        """How many were looked at."""
        return sum(len(one) + len(one.rejects) + len(one.filtered) for one in self.decoded.values())


async def sample_streams(
    streams: Sequence[Stream], kafka: KafkaAddress, count: int
) -> list[Sample]:
    """The latest records of every topic of the streams, up to `count` of each, decoded.

    Raises:
        UnavailableError: no broker answers, or it does not hand over what it says it has.
    """
    wanted = [
        (stream, role, source.topic)
        for stream in streams
        for role in Role
        if (source := stream.spec.source(role)) is not None
    ]
    records = await _latest(kafka, {topic for _, _, topic in wanted}, count)
    return [_decode(stream, role, topic, records.get(topic)) for stream, role, topic in wanted]


def _decode(
    stream: Stream, role: Role, topic: str, records: Mapping[int, Sequence[Record]] | None
) -> Sample:
    decoder = build_decoder(stream, role)
    now = time.time_ns() // 1_000
    decoded = {
        partition: decoder.decode(SourcePartition(topic, partition), batch, seen_at=now)
        for partition, batch in (records or {}).items()
    }
    return Sample(stream.name, role, topic, records is not None, decoded)


async def _latest(
    kafka: KafkaAddress, topics: set[str], count: int
) -> dict[str, dict[int, list[Record]]]:
    """The last records of the topics that exist, by partition.

    All partitions have the same share in them; of what is then too much the oldest are left out.
    """
    admin = TopicAdmin(kafka)
    found = await admin.describe(topics)
    partitions = [place for _, topic in sorted(found.items()) for place in topic.places]
    ranges = {}
    for tp, (first, end) in (await admin.bounds(partitions)).items():
        share = -(-count // found[tp.topic].partitions)
        ranges[tp] = (max(first, end - share), end)
    records: dict[str, list[TopicRecord]] = {name: [] for name in found}
    async for record in read_ranges(kafka, ranges):
        records[record.topic].append(record)
    return {name: _by_partition(_newest(read, count)) for name, read in records.items()}


def _newest(records: list[TopicRecord], count: int) -> list[TopicRecord]:
    """The newest so many by Kafka's timestamps, in the order of partition and offset."""
    newest = sorted(records, key=lambda one: (one.timestamp, one.offset))[-count:]
    return sorted(newest, key=lambda one: (one.partition, one.offset))


def _by_partition(records: list[TopicRecord]) -> dict[int, list[Record]]:
    groups: dict[int, list[Record]] = {}
    for record in records:
        groups.setdefault(record.partition, []).append(record)
    return groups
