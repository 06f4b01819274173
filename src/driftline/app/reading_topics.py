"""Reading topics from a command: without a group, so nothing is committed.

A command that looks must change nothing: no topic is made by asking, no position moves.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as AioPartition
from aiokafka.errors import KafkaError

from driftline.errors import UnavailableError
from driftline.transport.batches import TopicPartition
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence

    from driftline.app.connections import Connections
    from driftline.transport.address import KafkaAddress

Since: TypeAlias = Literal["beginning", "now"]

PATIENCE_SECONDS: Final = 15.0
"""So long may a broker say nothing about records that it is known to have."""
_POLL_MILLIS: Final = 500
_MAX_RECORDS: Final = 1_000
_STOP_SECONDS: Final = 5.0
"""A command that is done does not wait longer for its connection to close."""


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A record and where it stands."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since the epoch, -1 where the record has none."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


async def read_topic(connections: Connections, topic: str) -> AsyncIterator[TopicRecord]:
    """Every record of a topic that was there when this began; per partition in order.

    Where Kafka is embedded a topic appears when it is first written to: until then it is empty.

    Raises:
        UnavailableError: the topic does not exist, or the broker does not answer.
    """
    admin = TopicAdmin(connections.kafka)
    found = await admin.describe([topic])
    if topic in found:
        ranges = await admin.bounds(found[topic].places)
        async for record in read_ranges(connections.kafka, ranges):
            yield record
    elif not connections.kafka_embedded:
        msg = f"topic {topic} does not exist: a worker makes it, or `driftline topics --create`"
        raise UnavailableError(msg)


async def read_ranges(
    address: KafkaAddress, ranges: Mapping[TopicPartition, tuple[int, int]]
) -> AsyncGenerator[TopicRecord, None]:
    """The records from the first up to, not including, the second offset of each partition.

    Raises:
        UnavailableError: the broker does not answer.
    """
    ends = {AioPartition(*tp): end for tp, (first, end) in ranges.items() if first < end}
    if not ends:
        return
    loop = asyncio.get_running_loop()
    async with _consumer(address) as consumer:
        consumer.assign(list(ends))
        for tp in ends:
            consumer.seek(tp, ranges[TopicPartition(*tp)][0])
        heard_at = loop.time()
        while ends:
            polled = await consumer.getmany(timeout_ms=_POLL_MILLIS, max_records=_MAX_RECORDS)
            for record in _below(ends, polled):
                yield _record(record)
            # The position, not the last record: offsets without one are passed too.
            done = [tp for tp, end in ends.items() if await consumer.position(tp) >= end]
            for tp in done:
                del ends[tp]
            if polled or done:
                heard_at = loop.time()
            elif loop.time() - heard_at > PATIENCE_SECONDS:
                msg = f"kafka at {address.bootstrap} does not hand out its records"
                raise UnavailableError(msg)


def _below(ends: Mapping[Any, int], polled: Mapping[Any, Sequence[Any]]) -> Iterator[Any]:
    for tp, records in polled.items():
        yield from (record for record in records if record.offset < ends.get(tp, 0))


async def follow_topic(
    connections: Connections, topic: str, *, since: Since
) -> AsyncGenerator[TopicRecord, None]:
    """The records of a topic as they come, for ever; a topic that is missing is waited for.

    Raises:
        UnavailableError: the broker does not answer at the start; later it is waited for.
    """
    admin = TopicAdmin(connections.kafka)
    existed = topic in await admin.describe([topic])
    found = await admin.wait_for([topic])
    bounds = await admin.bounds(found[topic].places)
    # What is in a topic that appeared while we waited came after "now".
    late = since == "now" and existed
    starts = {tp: end if late else first for tp, (first, end) in bounds.items()}
    async with aclosing(follow_from(connections.kafka, starts)) as records:
        async for record in records:
            yield record


async def follow_from(
    address: KafkaAddress, starts: Mapping[TopicPartition, int]
) -> AsyncGenerator[TopicRecord, None]:
    """The records of these partitions from these offsets on as they come, for ever.

    Raises:
        UnavailableError: the broker does not answer at the start; later it is waited for.
    """
    async with _consumer(address) as consumer:
        consumer.assign([AioPartition(*tp) for tp in starts])
        for tp, start in starts.items():
            consumer.seek(AioPartition(*tp), start)
        while True:
            polled = await consumer.getmany(timeout_ms=_POLL_MILLIS, max_records=_MAX_RECORDS)
            _end_if_cancelled()
            for records in polled.values():
                for record in records:
                    yield _record(record)


def _end_if_cancelled() -> None:
    """A client that swallows a cancellation must not keep us: nobody would ask a second time."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@asynccontextmanager
async def _consumer(address: KafkaAddress) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        **address.aiokafka(),
        client_id="driftline",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=200,
    )
    try:
        await consumer.start()
        yield consumer
    except KafkaError as error:
        msg = f"kafka at {address.bootstrap}: {error!r}"
        raise UnavailableError(msg) from error
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await consumer.stop()


def _record(record: Any) -> TopicRecord:
    return TopicRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )
