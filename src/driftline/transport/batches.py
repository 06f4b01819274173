"""What the transport hands out, and asks of those who take it. Imports no Kafka client."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, TypeAlias

from driftline.model import Micros

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence


class TopicPartition(NamedTuple):
    """One partition of a topic. Equal to, and hashed as, the clients' own pairs of that name."""

    topic: str
    partition: int


Start: TypeAlias = Literal["earliest", "latest"] | Micros
"""Where to begin in a partition for which nothing is committed: an end of the log, or the first
record of a time."""


class KafkaRecord(Protocol):
    """One record as aiokafka gives it."""

    offset: int
    timestamp: int
    """Milliseconds since the epoch, -1 where the record has none."""
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Offsets of a compressed batch that would unpack to more than is allowed: it was left."""

    first: int
    next: int
    size: int
    """Bytes of the batch as it came, and their SHA-256 in hexadecimal digits."""
    digest: str


@dataclass(frozen=True, slots=True)
class PartitionLog:
    """What the broker says of a partition that was just assigned."""

    committed: int | None
    """The group's committed offset, the next to read; None where it never committed."""
    log_start: int
    log_end: int
    """The offset that the next record visible to us will at least have (read_committed: the last
    stable one)."""


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """The records of one range of one partition: [first, next).

    Ranges of a partition follow each other without a hole from the position that was sought to. An
    offset in a range that has no record never will have one: compaction, retention or a
    transaction's marker took its place, or it is among the `unreadable`; `records` may be empty for
    that reason. `ack()` once
    everything that the batch causes is durable, in any order, from the event loop's thread; the
    offset committed to Kafka is the end of the acknowledged prefix.
    """

    topic: str
    partition: int
    first: int
    next: int
    records: Sequence[KafkaRecord]
    log_start: int
    log_end: int
    generation: int
    """Counts assignments in this process. What is acknowledged after its partition was taken away
    is ignored."""
    size: int = 0
    """Bytes of the values."""
    unreadable: Sequence[Unreadable] = ()
    """Parts of the range whose records were not unpacked, in order."""
    on_ack: Callable[[SourceBatch], None] = field(
        default=lambda _batch: None, repr=False, compare=False
    )

    @property
    def tp(self) -> TopicPartition:
        """The partition that the batch is of."""
        return TopicPartition(self.topic, self.partition)

    def pieces(self, most: int) -> Iterator[SourceBatch]:
        """The batch as batches of so many records at most, without a hole between them.

        No value is looked at: `size` stays that of the whole.
        """
        first = self.first
        for index in range(0, max(len(self.records), 1), most):
            records = self.records[index : index + most]
            last = index + most >= len(self.records)
            next_ = self.next if last else records[-1].offset + 1
            yield replace(
                self,
                first=first,
                next=next_,
                records=records,
                unreadable=[one for one in self.unreadable if first <= one.first < next_],
            )
            first = next_

    def ack(self) -> None:
        """Say that the work of this batch is durable. Saying so twice changes nothing."""
        self.on_ack(self)


@dataclass(frozen=True, slots=True)
class IdleTick:
    """No record came for a while: where the partition stands."""

    topic: str
    partition: int
    position: int
    """The next offset to read: all below it was handed out before."""
    log_start: int
    log_end: int
    generation: int

    @property
    def tp(self) -> TopicPartition:
        """The partition that the tick is of."""
        return TopicPartition(self.topic, self.partition)


class BatchListener(Protocol):
    """What a role does with its partitions. An exception out of any of these ends the app.

    Per partition, calls of `on_batch` and `on_idle` never overlap and come in the log's order;
    different partitions run side by side.
    """

    async def on_assigned(
        self, partitions: Mapping[TopicPartition, PartitionLog]
    ) -> Mapping[TopicPartition, int | None]:
        """Take over partitions: load state, and answer where to read from.

        No batch and no idle tick comes before this has returned and where reading begins is
        committed. None, or no answer for a partition, means the committed offset, else the topic's
        start policy. May be cancelled by the next rebalance, of
        which `on_revoked` tells as well.
        """
        ...

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Give partitions back: finish what is possible, acknowledge it, drop all state.

        All intake has stopped; what is acknowledged until this returns is committed before somebody
        else takes over. Cancelled when `BatchSettings.release_within` is over. Not called when the
        app crashed.
        """
        ...

    async def on_batch(self, batch: SourceBatch) -> None:
        """Take the next batch; the one after it comes when this returns. Acknowledge then or later.

        Cancelled when the partition is taken away and this does not end in time.
        """
        ...

    async def on_idle(self, tick: IdleTick) -> None:
        """Nothing came for `BatchSettings.idle_after`."""
        ...

    async def before_commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Record elsewhere what Kafka is about to be told."""
        ...


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How a role reads."""

    session_timeout: timedelta = timedelta(seconds=6)
    """After so long without a sign of life the broker gives a process's partitions to others."""
    instance_id: str | None = None
    """Static membership: a process that comes back under this name within the session timeout
    causes no rebalance."""
    commit_every: timedelta = timedelta(seconds=1)
    idle_after: timedelta = timedelta(seconds=5)
    release_within: timedelta = timedelta(seconds=5)
    """How long giving back partitions may take, the work in flight and `on_revoked` together."""
    assign_within: timedelta = timedelta(seconds=75)
    """How long `on_assigned` may take; below Faust's request timeout of 90 s, which ends it
    silently."""
    stop_within: timedelta = timedelta(seconds=20)
    fetch_wait: timedelta = timedelta(milliseconds=50)
    """How long a broker holds a fetch that finds nothing, while it has partitions that the fetch
    does not ask for: they are delayed by it."""
    idle_fetch_wait: timedelta = timedelta(seconds=1)
    """The same for a fetch that asks for all of them: it delays none."""
    rest: timedelta = timedelta(milliseconds=12)
    """How long a broker is left in peace for each partition that a fetch brought records of. By
    default three times what such a batch costs."""
    max_poll_records: int = 8000
    max_batch_records: int = 2000
    max_partition_fetch_bytes: int = 1 << 20
    queue_batches: int = 8
    """Batches between Faust's consumer and the lanes, which take them at once."""
    lane_batches: int = 4
    lane_bytes: int = 2 << 20
    """A lane that holds either is full: its partition, and no other, is fetched no more until it is
    half empty."""


DEFAULT_SETTINGS: Final = BatchSettings()
