"""Sends a course of events to the stream's topics, at a steady rate and not far ahead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException, Producer

from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from driftline.config.deployment import Stream
    from driftline.recorded import Batch, Timeline
    from driftline.transport.address import KafkaAddress

FLUSH_SECONDS: Final = 20.0
EVENTS: Final = 400
"""Records in a batch: a twentieth of a second's, so that they flow instead of coming in gusts."""
PARTITION: Final = 0
"""All goes to one, so that a run has one order and comes out the same each time."""


async def send_timeline(
    timeline: Timeline,
    stream: Stream,
    kafka: KafkaAddress,
    *,
    rate: float,
    before: Callable[[Batch], Awaitable[None]],
) -> None:
    """Send all records, `rate` a second at most; `before` is awaited before each batch.

    Raises:
        UnavailableError: Kafka does not take the records.
    """
    producer = Producer(kafka.librdkafka() | {"acks": "all", "linger.ms": 5, "log_level": 0})
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    for batch in timeline.batches(EVENTS):
        await before(batch)
        await asyncio.sleep(began + sent / rate - loop.time())
        topic = _topic(stream, batch)
        try:
            for record in batch.records:
                producer.produce(topic, record.value, key=record.key, partition=PARTITION)
            left = await asyncio.to_thread(producer.flush, FLUSH_SECONDS)
        except (KafkaException, BufferError) as error:
            msg = f"the embedded Kafka does not take the records: {error}"
            raise UnavailableError(msg) from error
        if left:
            msg = f"the embedded Kafka does not acknowledge {left:,} records"
            raise UnavailableError(msg)
        sent += len(batch.records)


def _topic(stream: Stream, batch: Batch) -> str:
    source = stream.spec.source(batch.roles[0])
    assert source is not None  # noqa: S101 - the timeline was built from this declaration
    return source.topic
