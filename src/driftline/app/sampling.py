"""A look at the records of attached topics that leaves no trace.

No consumer group, nothing committed, no topic made.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as Partition
from aiokafka.errors import KafkaError

from driftline.decode import build_decoder
from driftline.errors import UnavailableError
from driftline.model import Role, SourcePartition
from driftline.transport.batches import TopicPartition
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.config.deployment import Stream
    from driftline.decode import Decoded, Record
    from driftline.transport.address import KafkaAddress

PATIENCE: Final = timedelta(seconds=10)
"""How long to wait for records that the topic says it has."""


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
) -> dict[str, dict[int, list[Any]]]:
    """The last records of each partition of the topics that exist."""
    admin = TopicAdmin(kafka)
    found = await admin.describe(topics)
    partitions = [
        TopicPartition(name, number)
        for name, topic in sorted(found.items())
        for number in range(topic.partitions)
    ]
    bounds = await admin.bounds(partitions)
    ranges = {}
    for tp in partitions:
        first, end = bounds[tp]
        share = -(-count // found[tp.topic].partitions)
        ranges[tp] = (max(first, end - share), end)
    records: dict[str, dict[int, list[Any]]] = {name: {} for name in found}
    for tp, batch in (await _read(kafka, ranges)).items():
        records[tp.topic][tp.partition] = batch
    return records


async def _read(
    kafka: KafkaAddress, ranges: Mapping[TopicPartition, tuple[int, int]]
) -> dict[TopicPartition, list[Any]]:
    """The records of these ranges of offsets."""
    ends = {tp: end for tp, (first, end) in ranges.items() if first < end}
    if not ends:
        return {}
    # Without a group there is nothing that could be committed.
    consumer = AIOKafkaConsumer(
        **kafka.aiokafka(), group_id=None, enable_auto_commit=False, client_id="driftline-check"
    )
    try:
        await consumer.start()
        consumer.assign([Partition(*tp) for tp in ends])
        for tp in ends:
            consumer.seek(Partition(*tp), ranges[tp][0])
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await _read_until(consumer, ends)
    except TimeoutError as error:
        topics = ", ".join(sorted({tp.topic for tp in ends}))
        message = f"kafka at {kafka.bootstrap} does not hand over the records of {topics}"
        raise UnavailableError(message) from error
    except KafkaError as error:
        message = f"kafka at {kafka.bootstrap}: {error}"
        raise UnavailableError(message) from error
    finally:
        await consumer.stop()


async def _read_until(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, list[Any]]:
    """What comes before these offsets, in partitions that the consumer is assigned and sought."""
    read: dict[TopicPartition, list[Any]] = {tp: [] for tp in ends}
    unfinished = set(ends)
    while unfinished:
        for partition, batch in (await consumer.getmany(timeout_ms=200)).items():
            tp = TopicPartition(partition.topic, partition.partition)
            read[tp] += [record for record in batch if record.offset < ends[tp]]
        # The position, not the last record: the log may end with what is no record.
        for tp in tuple(unfinished):
            if await consumer.position(Partition(*tp)) >= ends[tp]:
                unfinished.remove(tp)
    return read
