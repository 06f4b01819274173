"""What a compressed batch unpacks to is bounded, with every codec; what fits comes as ever."""

from __future__ import annotations

import gc
import gzip
import random
import weakref

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from driftline.transport.bounded_fetch import POLL_BYTES, BoundedRecords, Poll
from driftline.transport.unpacking import (
    MAX_BATCH_BYTES,
    BatchTooLargeError,
    bound_unpacking,
    unpack_gzip,
    unpacked_bytes,
)

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
MEGABYTE = 1 << 20


def build_batch(codec: str, values: list[bytes]) -> bytes:
    """A batch as a producer sends it."""
    builder = DefaultRecordBatchBuilder(2, CODECS[codec], 0, -1, -1, 0, 1 << 30)
    for number, value in enumerate(values):
        builder.append(number, 0, None, value, [])
    return bytes(builder.build())


@pytest.mark.parametrize("codec", CODECS)
def test_what_fits_is_unpacked_as_ever(codec: str) -> None:
    """Of any size and content; and what it came to is counted."""
    bound_unpacking()
    chance = random.Random(5)
    values = [chance.randbytes(chance.randint(0, 5_000)) * chance.randint(1, 9) for _ in range(90)]
    before = unpacked_bytes()
    found = [record.value for record in DefaultRecordBatch(build_batch(codec, values))]
    assert found == values
    assert unpacked_bytes() - before > sum(map(len, values))


@pytest.mark.parametrize("codec", CODECS)
def test_what_does_not_fit_is_refused(codec: str) -> None:
    """Before it takes the memory; and it is known by its length and digest."""
    bound_unpacking()
    packed = build_batch(codec, [b"\0" * MEGABYTE] * (MAX_BATCH_BYTES // MEGABYTE))
    with pytest.raises(BatchTooLargeError) as refused:
        list(DefaultRecordBatch(packed))
    assert 0 < refused.value.size < len(packed)
    assert len(refused.value.digest) == 64


def test_members_of_a_gzip_stream_are_bounded_together() -> None:
    """Each small enough; and one that is cut off is no batch."""
    assert unpack_gzip(gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"
    member = gzip.compress(b"\0" * (MAX_BATCH_BYTES // 4))
    with pytest.raises(BatchTooLargeError):
        unpack_gzip(member * 5)
    with pytest.raises(EOFError):
        unpack_gzip(member[:-9])


def test_a_poll_ends_when_it_has_unpacked_enough() -> None:
    """What it leaves is fetched again: the position says so."""
    fetcher = pytest.importorskip("aiokafka.consumer.fetcher")
    bound_unpacking()
    batches = []
    for number in range(4):
        builder = DefaultRecordBatchBuilder(2, 1, 0, -1, -1, 0, 1 << 30)
        builder.append(0, 0, None, b"\0" * (POLL_BYTES // 2 + 1), [])
        batch = bytearray(builder.build())
        batch[:8] = number.to_bytes(8, "big")
        batches.append(bytes(batch))
    poll = Poll()
    poll.begin()
    tp = fetcher.TopicPartition("t", 0)
    records = fetcher.PartitionRecords(
        tp, fetcher.MemoryRecords(b"".join(batches)), [], 0, None, None, 0, 0
    )
    bounded = BoundedRecords(tp, records, poll)
    assert [record.offset for record in bounded] == [0, 1]
    assert bounded.next_fetch_offset == 2


def test_what_a_fetch_brought_goes_when_its_records_are_taken() -> None:
    """Megabytes must not wait for a search for cycles, which comes seldom."""
    fetcher = pytest.importorskip("aiokafka.consumer.fetcher")
    tp = fetcher.TopicPartition("t", 0)
    batch = build_batch("gzip", [b"a", b"b"])
    records = fetcher.PartitionRecords(tp, fetcher.MemoryRecords(batch), [], 0, None, None, 0, 0)
    left = weakref.ref(records)
    poll = Poll()
    poll.begin()
    gc.disable()
    try:
        bounded = BoundedRecords(tp, records, poll)
        assert len(list(bounded)) == 2
        del bounded, records
        assert left() is None
    finally:
        gc.enable()
