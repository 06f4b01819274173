"""Dead letters: finding them, and sending the records back to where they came from."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from driftline.agents.attached import attached_topics
from driftline.decode.dead_letter import DeadLetter, DeadLetterError, parse_dead_letter
from driftline.transport.producer import OutgoingMessage, Producer
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from driftline.app.connections import Connections
    from driftline.app.reading_topics import TopicRecord
    from driftline.config.deployment import Deployment

SEND_AT_ONCE: Final = 500
"""Records that are sent before their acknowledgements are awaited."""
SEND_BYTES_AT_ONCE: Final = 8_000_000
LARGEST_RECORD: Final = 64 << 20
"""How large a record may be is for the broker to say, not for us."""


@dataclass(frozen=True, slots=True)
class FoundLetter:
    """A dead letter, and where it stands in the dead-letter topic."""

    partition: int
    offset: int
    at: int
    """When it was written: milliseconds since the epoch."""
    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which dead letters are meant. Without any condition: all."""

    stream: str | None = None
    code: str | None = None
    places: frozenset[tuple[int | None, int]] = frozenset()
    """Partition (None: any) and offset in the dead-letter topic; empty: everywhere."""

    def __bool__(self) -> bool:
        return bool(self.stream or self.code or self.places)

    def takes(self, found: FoundLetter) -> bool:
        """Whether this one is meant."""
        return (
            self.stream in {None, found.letter.stream}
            and self.code in {None, found.letter.code}
            and (
                not self.places
                or not self.places.isdisjoint(
                    {(None, found.offset), (found.partition, found.offset)}
                )
            )
        )


@dataclass(slots=True)
class LetterReader:
    """Reads dead letters out of the topic's records."""

    wanted: LetterFilter
    unreadable: int = 0
    """Records that no driftline wrote."""

    async def read(self, records: AsyncIterator[TopicRecord]) -> AsyncIterator[FoundLetter]:
        """Those that are wanted, in their order."""
        async for record in records:
            try:
                letter = parse_dead_letter(record.key, record.value, record.headers)
            except DeadLetterError:
                self.unreadable += 1
                continue
            found = FoundLetter(record.partition, record.offset, record.timestamp, letter)
            if self.wanted.takes(found):
                yield found


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest dead letters, and how many there are in all."""

    letters: tuple[FoundLetter, ...]
    """The newest last."""
    total: int


async def newest_letters(letters: AsyncIterator[FoundLetter], limit: int) -> Newest:
    """The newest `limit` of the letters; no more of them are held in memory."""
    total = 0
    newest: list[tuple[tuple[int, int, int], FoundLetter]] = []
    async for found in letters:
        total += 1
        entry = ((found.at, found.partition, found.offset), found)
        if len(newest) < limit:
            heapq.heappush(newest, entry)
        else:
            heapq.heappushpop(newest, entry)
    return Newest(tuple(found for _, found in sorted(newest)), total)


@dataclass(slots=True)
class RetryPlan:
    """Says for each dead letter what is to be sent for it. A record goes out once.

    `topics`: the attached topics with their partition counts. What a dead letter says of its source
    is only followed there: whoever can write to the dead-letter topic must not be able to make us
    write anywhere.
    """

    topics: Mapping[str, int]
    sent: int = 0
    repeated: int = 0
    """Letters of a record that another letter is of: refused for several streams, or read twice."""
    detached: int = 0
    """Letters whose topic no stream is attached to, or that does not exist any more."""
    without: int = 0
    """Letters that do not hold their record: it was too large, or never unpacked."""

    _seen: set[tuple[str, int, int, int]] = field(default_factory=set)

    def message(self, letter: DeadLetter) -> OutgoingMessage | None:
        """The record as it came, for its own partition; None if it is not to be sent."""
        source = letter.source
        partitions = self.topics.get(source.topic)
        if partitions is None:
            self.detached += 1
            return None
        if not letter.whole:
            self.without += 1
            return None
        record = (source.topic, source.partition, letter.offset, letter.timestamp)
        if record in self._seen:
            self.repeated += 1
            return None
        self._seen.add(record)
        self.sent += 1
        original = letter.retry()
        return OutgoingMessage(
            source.topic,
            original.value,
            original.key,
            source.partition if source.partition < partitions else None,
            original.headers,
            original.timestamp,
        )


async def retry_letters(
    deployment: Deployment,
    connections: Connections,
    letters: AsyncIterator[FoundLetter],
    *,
    dry_run: bool,
) -> RetryPlan:
    """Send the records of these letters to their source topics; each is acknowledged in the end.

    The letters stay where they are. With `dry_run` nothing is sent.

    Raises:
        UnavailableError: the broker does not answer, or did not acknowledge a record.
    """
    attached = attached_topics(deployment.streams.values())
    described = await TopicAdmin(connections.kafka).describe(attached)
    plan = RetryPlan({name: topic.partitions for name, topic in described.items()})
    messages = _planned(plan, letters)
    if dry_run:
        async for _ in messages:
            pass
        return plan
    async with Producer(connections.kafka, max_request_bytes=LARGEST_RECORD) as producer:
        async for some in _chunks(messages):
            await producer.send_all(some)
    return plan


async def _planned(
    plan: RetryPlan, letters: AsyncIterator[FoundLetter]
) -> AsyncIterator[OutgoingMessage]:
    async for found in letters:
        message = plan.message(found.letter)
        if message is not None:
            yield message


async def _chunks(
    messages: AsyncIterator[OutgoingMessage],
) -> AsyncIterator[list[OutgoingMessage]]:
    some: list[OutgoingMessage] = []
    size = 0
    async for message in messages:
        some.append(message)
        size += len(message.value or b"")
        if len(some) >= SEND_AT_ONCE or size >= SEND_BYTES_AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some
