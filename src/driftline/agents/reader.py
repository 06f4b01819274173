"""The decode role: attached topics in, events log and dead letters out. Holds no state."""

from __future__ import annotations

import logging
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Final

import structlog

from driftline.agents.attached import attached_topics
from driftline.agents.attempts import DEADLY, Attempts
from driftline.agents.refusals import Refusals
from driftline.crashpoints import CrashPoint, pass_point, pass_records
from driftline.decode import AsideCode, Reject
from driftline.decode.dead_letter import build_batch_letter, build_dead_letter
from driftline.errors import DriftlineError, UnavailableError
from driftline.eventlog.codec import encode
from driftline.eventlog.messages import GapCause, Progress, Rows
from driftline.intake import SourceRange, TopicReader
from driftline.model import SourcePartition
from driftline.transport.producer import OutgoingMessage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from driftline.agents.clock import Clock
    from driftline.config.deployment import Stream
    from driftline.config.settings import Settings
    from driftline.decode.dead_letter import Outbound
    from driftline.eventlog.messages import Message
    from driftline.intake import Reading, Refused
    from driftline.metrics import Metrics
    from driftline.store.protocol import Roster
    from driftline.transport.batches import (
        IdleTick,
        KafkaRecord,
        PartitionLog,
        SourceBatch,
        TopicPartition,
        Unreadable,
    )
    from driftline.transport.producer import Producer
    from driftline.transport.topics import TopicAdmin, TopicDescription

log = structlog.get_logger(__name__)


ALONE_AT_A_TIME: Final = 500
"""Where records are taken one by one, which costs each some messages to Redis and Kafka, so many
are acknowledged together: a worker that gets on must not look as if it stood still."""


class TopicMadeAnewError(DriftlineError):
    """An attached topic is not the one that was being read any more."""


class Reader:
    """Decodes whole partition batches and appends them to the events log (a `BatchListener`).

    One batch of a source partition is in flight at a time: nothing later is sent until every
    message of this one, dead letters among them, is acknowledged. So a source that is read again
    only ever overlaps what was appended before.
    """

    def __init__(
        self,
        streams: Iterable[Stream],
        settings: Settings,
        *,
        partitions: int,
        producer: Producer,
        admin: TopicAdmin,
        store: Roster,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Read for these streams; `partitions` is the events log's count."""
        self.topics = attached_topics(streams)
        self._readers = {
            topic: TopicReader(attached, partitions=partitions)
            for topic, attached in self.topics.items()
        }
        self._settings = settings
        self._producer = producer
        self._admin = admin
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self.refusals = Refusals()
        self._attempts = Attempts(store)
        self._known: Mapping[str, TopicDescription] = {}
        self._new: set[SourcePartition] = set()
        """Source partitions that are to be remembered once reading of them has begun."""

    async def on_assigned(
        self, partitions: Mapping[TopicPartition, PartitionLog]
    ) -> Mapping[TopicPartition, int | None]:
        """Find out which life of each topic this is, and where to read on.

        What was read before in another life, and a partition that was added to a topic that was
        read before, is read from its beginning; else the committed offset counts, and for a topic
        that is new to us where its declaration says to start.
        """
        self._known = await self._admin.describe({tp.topic for tp in partitions})
        remembered = await self._store.known_sources()
        before = {(one.topic, one.partition): one for one in remembered}
        topics_before = {topic for topic, _ in before}
        starts: dict[TopicPartition, int | None] = {}
        for tp, place in partitions.items():
            source, known = self._source(tp), before.get((tp.topic, tp.partition))
            if known is not None and known.incarnation != source.incarnation:
                log.warning("topic_made_anew", topic=tp.topic, partition=tp.partition)
                starts[tp] = place.log_start
            elif place.committed is None and tp.topic in topics_before:
                log.warning("partition_read_from_its_beginning", topic=tp.topic, partition=tp[1])
                starts[tp] = place.log_start
        self._new = {self._source(tp) for tp in partitions} - set(remembered)
        await self._attempts.begin(
            {
                tp: (self._source(tp), starts.get(tp, place.committed))
                for tp, place in partitions.items()
            }
        )
        return starts

    async def check_topics(self) -> None:
        """Ask the broker whether the topics are still the ones that are read.

        Raises:
            TopicMadeAnewError: one was deleted and made again: reading has to begin anew.
        """
        found = await self._admin.describe(self._known.keys())
        for topic, now in found.items():
            if now.topic_id != self._known[topic].topic_id:
                msg = f"topic {topic} was deleted and made again: start again to read its new life"
                raise TopicMadeAnewError(msg)
        self._known = {**self._known, **found}

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Nothing is held that another reader would need; and nobody has died of anything."""
        # A Redis that is away says so where it matters more.
        with suppress(UnavailableError):
            await self._attempts.give_back(partitions)

    async def _remember(self, source: SourcePartition) -> None:
        """Now that it is committed where reading began: had we died before, it would begin anew."""
        if source in self._new:
            await self._store.know_sources([source])
            self._new.discard(source)

    async def on_batch(self, batch: SourceBatch) -> None:
        """Append what a batch comes to, then acknowledge it."""
        await self._remember(self._source(batch.tp))
        await self._attempts.settle(batch.tp)
        pass_point(CrashPoint.SOURCE_FETCHED)
        with self._metrics.batch_seconds.labels("decode").time():
            if self._attempts.suspicious(batch.tp):
                for piece in batch.pieces(ALONE_AT_A_TIME):
                    await self._append_one_by_one(piece)
                    piece.ack()
            else:
                reading = self._read(batch, batch.first, batch.next, batch.records)
                pass_point(CrashPoint.SOURCE_DECODED)
                await self._append(batch, reading, len(batch.records), batch.unreadable)
        pass_point(CrashPoint.SOURCE_APPENDED)
        batch.ack()
        pass_point(CrashPoint.SOURCE_ACKNOWLEDGED)
        for stream, role in self.topics[batch.topic]:
            self._metrics.records.labels(stream.name, role.value).inc(len(batch.records))
        self._metrics.batch_records.labels("decode").observe(len(batch.records))

    async def _append_one_by_one(self, batch: SourceBatch) -> None:
        """Decode each record alone, noted before; what has ended too many processes not at all."""
        tp, first = batch.tp, batch.first
        for record in batch.records:
            following = record.offset + 1
            if self._attempts.deadly(tp, record.offset):
                reading = self._set_aside(batch, first, record)
            else:
                await self._attempts.trying(tp, record.offset)
                reading = self._read(batch, first, following, [record])
                await self._attempts.survived(tp)
            ours = [one for one in batch.unreadable if first <= one.first < following]
            await self._append(batch, reading, 1, ours)
            first = following
        rest = [one for one in batch.unreadable if one.first >= first]
        await self._append(batch, self._read(batch, first, batch.next, ()), 0, rest)

    def _read(
        self, batch: SourceBatch, first: int, following: int, records: Sequence[KafkaRecord]
    ) -> Reading:
        pass_records(batch.topic, batch.partition, first, following)
        passed = self._range(batch, first, following)
        return self._readers[batch.topic].read(passed, records, seen_at=self._clock())

    def _set_aside(self, batch: SourceBatch, first: int, record: KafkaRecord) -> Reading:
        passed = self._range(batch, first, record.offset + 1)
        message = f"{DEADLY} processes died while they decoded this record alone"
        reject = Reject(record.offset, AsideCode.ENDS_WORKER, message)
        return self._readers[batch.topic].set_aside(passed, record, reject, seen_at=self._clock())

    def _range(self, batch: SourceBatch, first: int, following: int) -> SourceRange:
        return SourceRange(
            source=self._source(batch.tp),
            first=first,
            next=following,
            log_start=batch.log_start,
            log_end=batch.log_end,
            partitions=self._partitions(batch.topic),
            unreadable=tuple((one.first, one.next) for one in batch.unreadable),
        )

    async def _append(
        self,
        batch: SourceBatch,
        reading: Reading,
        records: int,
        unreadable: Sequence[Unreadable],
    ) -> None:
        await self._send(reading, [self._batch_letter(batch, one) for one in unreadable])
        self._count(batch, reading, records)
        for one in unreadable:
            stream, role = self.topics[batch.topic][0]
            code = AsideCode.BATCH_TOO_LARGE.value
            self._metrics.dead_letters.labels(stream.name, role.value, code).inc()
            log.error(
                "batch_set_aside",
                topic=batch.topic,
                partition=batch.partition,
                first=one.first,
                next=one.next,
                packed_bytes=one.size,
            )

    async def on_idle(self, tick: IdleTick) -> None:
        """Nothing came: tell the log how late it is, and that there is nothing."""
        await self._remember(self._source(tick.tp))
        await self._attempts.settle(tick.tp, idle=tick.position >= tick.log_end)
        passed = SourceRange(
            source=self._source(tick.tp),
            first=tick.position,
            next=tick.position,
            log_start=tick.log_start,
            log_end=tick.log_end,
            partitions=self._partitions(tick.topic),
        )
        await self._send(self._readers[tick.topic].read(passed, (), seen_at=self._clock()))

    async def before_commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """The events log itself says how far the sources were read; no record held us up."""
        self._attempts.got_on(offsets)

    def _source(self, tp: TopicPartition) -> SourcePartition:
        known = self._known.get(tp.topic)
        return SourcePartition(tp.topic, tp.partition, known.topic_id if known else "")

    def _partitions(self, topic: str) -> int:
        known = self._known.get(topic)
        return known.partitions if known else 1

    async def _send(self, reading: Reading, letters: Sequence[OutgoingMessage] = ()) -> None:
        *earlier, last = turns(reading.messages)
        for messages in earlier:
            await self._producer.send_all(self._encoded(messages))
        await self._producer.send_all(
            chain(self._encoded(last), map(self._dead_letter, reading.refused), letters)
        )

    def _encoded(self, messages: Iterable[tuple[int, Message]]) -> Iterator[OutgoingMessage]:
        topic = self._settings.events_topic
        encoded: dict[int, bytes] = {}
        for partition, message in messages:
            # A progress message goes to every events partition: it is encoded once.
            blob = encoded.get(id(message))
            if blob is None:
                blob = encoded[id(message)] = encode(message)
            yield OutgoingMessage(topic, blob, partition=partition)

    def _dead_letter(self, refused: Refused) -> OutgoingMessage:
        letter = build_dead_letter(
            refused.record,
            refused.reject,
            source=refused.source,
            stream=refused.stream,
            role=refused.role,
        )
        return self._letter(letter)

    def _batch_letter(self, batch: SourceBatch, unreadable: Unreadable) -> OutgoingMessage:
        stream, role = self.topics[batch.topic][0]
        letter = build_batch_letter(
            source=self._source(batch.tp),
            stream=stream.name,
            role=role,
            first=unreadable.first,
            following=unreadable.next,
            size=unreadable.size,
            digest=unreadable.digest,
        )
        return self._letter(letter)

    def _letter(self, letter: Outbound) -> OutgoingMessage:
        return OutgoingMessage(
            self._settings.dead_letters_topic, letter.value, letter.key, headers=letter.headers
        )

    def _count(self, batch: SourceBatch, reading: Reading, records: int) -> None:
        told = {id(one): one for _, one in reading.messages if isinstance(one, Progress)}
        for passage in (passage for one in told.values() for passage in one.passages):
            name = f"{batch.topic}/{batch.partition}"
            self.refusals.count(name, records, passage, self._clock())
        for gap in reading.gaps:
            self._metrics.gaps.labels(batch.topic, gap.cause.value).inc(gap.next - gap.first)
            # Transactions leave a hole at each commit: only what was to be read is worth a word.
            log.log(
                logging.DEBUG if gap.cause is GapCause.ABSENT else logging.WARNING,
                "offsets_missing",
                topic=batch.topic,
                partition=batch.partition,
                first=gap.first,
                next=gap.next,
                cause=gap.cause.value,
            )
        self._count_refused(batch, reading)

    def _count_refused(self, batch: SourceBatch, reading: Reading) -> None:
        """One line for all records that a batch has refused alike: a bad producer sends many."""
        alike: dict[tuple[str, str, str], list[Refused]] = {}
        for refused in reading.refused:
            kind = (refused.stream, refused.role.value, refused.reject.code.value)
            alike.setdefault(kind, []).append(refused)
        for (stream, role, code), ones in alike.items():
            self._metrics.dead_letters.labels(stream, role, code).inc(len(ones))
            log.warning(
                "records_refused",
                stream=stream,
                role=role,
                code=code,
                count=len(ones),
                topic=batch.topic,
                partition=batch.partition,
                first_offset=ones[0].record.offset,
                first_reason=ones[0].reject.message,
            )


def turns(messages: Iterable[tuple[int, Message]]) -> Sequence[Sequence[tuple[int, Message]]]:
    """The messages of a batch, cut so that what is sent together may fail one by one.

    Rows that were too many for one message go to their place one after the other: if the broker
    took the second piece and refused the first, the first would be taken for old when it comes
    again. The last turn has all that comes last, and the progress behind it.
    """
    pieces: dict[tuple[int, str, str], list[tuple[int, Message]]] = {}
    rest: list[tuple[int, Message]] = []
    for partition, message in messages:
        if isinstance(message, Rows):
            place = (partition, message.stream, message.role.value)
            pieces.setdefault(place, []).append((partition, message))
        else:
            rest.append((partition, message))
    count = max(map(len, pieces.values()), default=1)
    found: list[list[tuple[int, Message]]] = [[] for _ in range(count)]
    for rows in pieces.values():
        for turn, one in zip(found[-len(rows) :], rows, strict=True):
            turn.append(one)
    found[-1] += rest
    return found
