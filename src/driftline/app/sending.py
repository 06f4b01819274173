"""Produces recorded data to a stream's topics in event-time order.

With librdkafka's producer: it is several times as quick as aiokafka's, and nothing here needs the
place in the log that a record came to.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from confluent_kafka import KafkaException, Producer

from driftline.config.fields import FieldSource
from driftline.config.spec import canonical
from driftline.decode.envelope import UNDECODABLE
from driftline.errors import UnavailableError
from driftline.model import Role
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from driftline.config.deployment import Stream
    from driftline.config.fields import FieldPath
    from driftline.recorded import Batch, RecordedRecord, Timeline
    from driftline.transport.address import KafkaAddress

BATCH: Final = 2_000
"""Events of both topics that are handed over at a time; so far apart their order may come to be."""
SLICES: Final = 20
"""With a rate, how many times a second records are handed over."""
PAUSE_SECONDS: Final = 0.005
"""How long to leave the event loop to others while the producer has no room or is not done."""
GIVE_UP_MILLIS: Final = 30_000
"""A record that is not acknowledged for so long has failed."""
QUEUE: Final = 50_000
"""Records that wait for their acknowledgement, at most: the topics stay that near in time."""


class SendingError(UnavailableError):
    """Kafka did not take all records; carries the counts."""

    def __init__(self, failed: int, delivered: int, reason: str) -> None:
        self.failed = failed
        self.delivered = delivered
        super().__init__(f"{failed:,} records were not delivered ({delivered:,} were): {reason}")


async def send_timeline(
    timeline: Timeline,
    stream: Stream,
    kafka: KafkaAddress,
    *,
    rate: float | None = None,
    partition: int | None = None,
    throttle: Callable[[], Awaitable[None]] | None = None,
    on_progress: Callable[[int], None] = lambda _sent: None,
    create_topics: bool = False,
) -> int:
    """Produce all records of a timeline, and return how many once every one is acknowledged.

    A record's key is its id (or what the declaration says the key is), which picks its partition as
    the Java client would; its timestamp is left to Kafka. Within a partition the order is that of
    event time; between topics it is so but for some thousand records.

    Args:
        timeline: what to send.
        stream: whose topics it goes to.
        kafka: where they are.
        rate: events a second, both topics together; None: as fast as Kafka takes them.
        partition: send everything to this one, for one fixed order.
        throttle: awaited before each piece of a timeline, to hold the sender back.
        on_progress: told how many records have been handed over, after each piece.
        create_topics: let the broker make a topic that is missing, where it is set to do so.

    Raises:
        SendingError: Kafka did not acknowledge some records.
        RecordingError: a file does not read.
    """
    sending = _Sending(stream, kafka, partition=partition, create_topics=create_topics)
    if not create_topics:
        await _require_topics(stream, timeline, kafka)
    began = time.monotonic()
    for batch in timeline.batches(_piece(rate)):
        if throttle is not None:
            await throttle()
        if rate is not None:
            await asyncio.sleep(max(0.0, began + sending.handed_over / rate - time.monotonic()))
        await sending.hand_over(batch)
        if sending.failed:
            break
        on_progress(sending.handed_over)
    await sending.finish()
    return sending.handed_over


async def topics_nobody_reads(stream: Stream, group: str, kafka: KafkaAddress) -> list[str]:
    """Topics that a worker would begin to read at their ends, and has not begun to.

    What is sent to them before it has is passed over. `group` is that of the worker's readers.

    Raises:
        UnavailableError: the broker does not answer.
    """
    sources = [source for role in Role if (source := stream.spec.source(role)) is not None]
    wanted = {source.topic for source in sources if source.start == "latest"}
    admin = TopicAdmin(kafka)
    described = await admin.describe(wanted)
    places = [place for topic in described.values() for place in topic.places]
    begun = await admin.committed(group, places) if places else {}
    unread = {tp.topic for tp in places if tp not in begun}
    return sorted(unread | (wanted - set(described)))


def _piece(rate: float | None) -> int:
    return BATCH if rate is None else max(1, min(BATCH, int(rate / SLICES)))


async def _require_topics(stream: Stream, timeline: Timeline, kafka: KafkaAddress) -> None:
    """A topic that is missing is said at once; the producer would wait for it until it gives up."""
    wanted = {
        source.topic
        for role in Role
        if timeline.count(role) and (source := stream.spec.source(role)) is not None
    }
    missing = wanted - set(await TopicAdmin(kafka).describe(wanted))
    if missing:
        message = (
            f"no such topic: {', '.join(sorted(missing))}"
            f" (kafka at {kafka.bootstrap}; driftline makes no topic that it is attached to)"
        )
        raise UnavailableError(message)


@dataclass(slots=True)
class _Failures:
    """What a producer tells of single records: it speaks of failures alone."""

    count: int = 0
    reason: str = ""

    def on_delivery(self, error: Any, _message: Any) -> None:
        """Count a record that was not taken."""
        if error is not None:
            self.count += 1
            # The first one is the cause, the others are what follows from it.
            self.reason = self.reason or error.str()


class _Sending:
    """One producer, and what it was given."""

    def __init__(
        self, stream: Stream, kafka: KafkaAddress, *, partition: int | None, create_topics: bool
    ) -> None:
        sources = {role: source for role in Role if (source := stream.spec.source(role))}
        self._topics = {role: source.topic for role, source in sources.items()}
        self._ids = {role: _IdReader(source.id) for role, source in sources.items()}
        self._where = {} if partition is None else {"partition": partition}
        # Apart from this object, which the producer would else keep alive, and it the producer.
        self._failures = _Failures()
        self.handed_over = 0
        settings = kafka.librdkafka() | {
            "client.id": "driftline-send",
            "enable.idempotence": True,
            # As the Java client, Faust and aiokafka do: a key's partition is the same for all.
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            "queue.buffering.max.messages": QUEUE,
            "delivery.timeout.ms": GIVE_UP_MILLIS,
            "allow.auto.create.topics": create_topics,
            "delivery.report.only.error": True,
            "on_delivery": self._failures.on_delivery,
        }
        self._producer = Producer(settings, logger=logging.getLogger("confluent_kafka"))

    @property
    def failed(self) -> int:
        """How many records were not taken, as far as is known."""
        return self._failures.count

    async def hand_over(self, batch: Batch) -> None:
        """Put records into the producer's queue, waiting while it is full."""
        role = batch.roles[0]
        topic, read_id = self._topics[role], self._ids[role]
        for record in batch.records:
            key = record.key if record.key is not None else read_id(record)
            while not self._produce(topic, key, record):
                await self._let_others_run()
        self._producer.poll(0)
        await asyncio.sleep(0)

    def _produce(self, topic: str, key: bytes | None, record: RecordedRecord) -> bool:
        """Whether there was room for the record."""
        try:
            self._producer.produce(
                topic, record.value, key, headers=list(record.headers), **self._where
            )
        except BufferError:
            return False
        except KafkaException as error:
            # Refused by the client itself, such as a record that is too large.
            self._failures.on_delivery(error.args[0], None)
        self.handed_over += 1
        return True

    async def finish(self) -> None:
        """Wait until the fate of all is known; SendingError if some were not taken."""
        if self.failed:
            self._producer.purge()
        while len(self._producer):
            await self._let_others_run()
        if self.failed:
            raise SendingError(self.failed, self.handed_over - self.failed, self._failures.reason)

    async def _let_others_run(self) -> None:
        self._producer.poll(0)
        await asyncio.sleep(PAUSE_SECONDS)


class _IdReader:
    """Finds a record's id, to be its key; none where the record has none."""

    def __init__(self, field: FieldPath) -> None:
        self._field = field
        self._decode = msgspec.json.Decoder().decode

    def __call__(self, record: RecordedRecord) -> bytes | None:
        """The id as the key's bytes."""
        found: Any
        if self._field.source is FieldSource.HEADER:
            return dict(record.headers).get(self._field.path[0])
        try:
            found = self._decode(record.value)
        except UNDECODABLE:
            return None
        for name in self._field.path:
            found = found.get(name) if isinstance(found, dict) else None
        return canonical(found).encode() if isinstance(found, str | int | float) else None
