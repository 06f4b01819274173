"""A Kafka consumer whose memory is bounded, whatever the batches unpack to.

aiokafka (0.14.0) keeps a `FetchResult` for each partition in `Fetcher._records` and takes records
out of its `_partition_records` one by one, which unpacks batch by batch. Put there,
`BoundedRecords` passes over a batch that is too large, and ends early once a poll has unpacked
enough: what it leaves is fetched again. tests/contract breaks when that changes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import aiokafka
from aiokafka.consumer.fetcher import FetchResult

from driftline.transport.batches import TopicPartition, Unreadable
from driftline.transport.raw_records import RawRecords
from driftline.transport.unpacking import BatchTooLargeError, bound_unpacking, unpacked_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL_BYTES: Final = 16 << 20
"""What the batches of one poll unpack to, the last one left out."""
FETCH_BYTES: Final = 16 << 20
"""What one fetch brings from one broker."""


class Poll:
    """What one poll may unpack, and what it had to pass over."""

    def __init__(self) -> None:
        self._until = 0
        self._refused: dict[TopicPartition, list[Unreadable]] = {}

    def begin(self) -> None:
        """A poll begins. Batches passed over before it, and never asked for, are forgotten."""
        self._until = unpacked_bytes() + POLL_BYTES
        self._refused = {}

    @property
    def over(self) -> bool:
        """Whether it has unpacked enough."""
        return unpacked_bytes() >= self._until

    def refuse(self, tp: TopicPartition, unreadable: Unreadable) -> None:
        """A batch was passed over."""
        self._refused.setdefault(tp, []).append(unreadable)

    def refused(self, tp: TopicPartition) -> list[Unreadable]:
        """The batches of a partition that were passed over in this poll."""
        return self._refused.get(tp, [])


class _Batches:
    """A response's batches; remembers the last one, and ends with the poll."""

    def __init__(self, batches: Any, poll: Poll) -> None:
        self._batches = batches
        self._poll = poll
        self.last: Any = None

    def has_next(self) -> bool:
        return not self._poll.over and bool(self._batches.has_next())

    def next_batch(self) -> Any:
        self.last = self._batches.next_batch()
        return self.last


class BoundedRecords:
    """In place of aiokafka's `PartitionRecords`: the same records, one bound more."""

    def __init__(self, tp: TopicPartition, records: Any, poll: Poll) -> None:
        self._tp = tp
        self._records = records
        self._poll = poll
        # aiokafka's generator has not begun, and takes them from here when it does.
        self._batches = records._records = _Batches(records._records, poll)  # noqa: SLF001
        # It refers to the records, and nobody would take it to its end: what the fetch brought
        # would stay in memory until a search for cycles.
        records._records_iterator = None  # noqa: SLF001
        self._iterator = self._iterate()

    @property
    def next_fetch_offset(self) -> int:
        """The offset behind what was taken, or passed over."""
        return int(self._records.next_fetch_offset)

    def __iter__(self) -> Iterator[Any]:
        return self._iterator

    def __next__(self) -> Any:
        return next(self._iterator)

    def _iterate(self) -> Iterator[Any]:
        while True:
            try:
                yield from self._records._unpack_records()  # noqa: SLF001 - see module
            except BatchTooLargeError as error:
                self._pass_over(error)
            else:
                return

    def _pass_over(self, error: BatchTooLargeError) -> None:
        batch = self._batches.last
        first, following = max(batch.base_offset, self.next_fetch_offset), batch.next_offset
        self._poll.refuse(self._tp, Unreadable(first, following, error.size, error.digest))
        self._records.next_fetch_offset = following


class _Results(OrderedDict[Any, Any]):
    """What a fetcher has fetched and nobody has taken yet."""

    def __init__(self, poll: Poll) -> None:
        super().__init__()
        self._poll = poll

    def __setitem__(self, tp: Any, result: Any) -> None:
        if isinstance(result, FetchResult):
            records = result._partition_records  # noqa: SLF001 - see module
            records.__class__ = RawRecords
            result._partition_records = BoundedRecords(TopicPartition(*tp), records, self._poll)  # noqa: SLF001
        super().__setitem__(tp, result)


class BoundedConsumer(aiokafka.AIOKafkaConsumer):  # type: ignore[misc]  # ships no types
    """aiokafka's consumer; `poll.begin()` is called before each of its polls."""

    def __init__(self, **options: Any) -> None:
        bound_unpacking()
        super().__init__(fetch_max_bytes=FETCH_BYTES, **options)
        self.poll = Poll()

    async def start(self) -> None:
        """Connect; nothing is fetched before it has an assignment."""
        await super().start()
        self._fetcher._records = _Results(self.poll)  # noqa: SLF001 - see module
