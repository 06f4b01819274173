"""The first hop: every offset has one fate for each stream and role, every row one place."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.eventlog.codec import decode, encode
from driftline.eventlog.messages import GapCause, Progress, Rows
from driftline.eventlog.routing import events_partition
from driftline.intake import SourceRange, TopicReader
from driftline.intake.reading import MAX_ROWS_BYTES
from driftline.model import InstanceKey, Role, SourcePartition
from support.monitor_log import PREDICTIONS, FakeRecord, build_stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.deployment import Stream
    from driftline.intake import Reading

SOURCE = SourcePartition(PREDICTIONS, 0, "life")
SPLIT = build_stream("split", split_by="model", labels=None, watch={"score": {"detector": "adwin"}},
                     horizon=None)  # fmt: skip
MINE = build_stream("mine", where={"model": "m1"}, horizon=None,
                    watch={"score": {"detector": "adwin"}})  # fmt: skip
WHOLE = build_stream("whole", labels={
    "topic": PREDICTIONS, "id": "id", "time": "at", "label": "truth",
})  # fmt: skip
ATTACHED: list[tuple[Stream, Role]] = [
    (SPLIT, Role.PREDICTIONS),
    (MINE, Role.PREDICTIONS),
    (WHOLE, Role.PREDICTIONS),
    (WHOLE, Role.LABELS),
]


def record(offset: int, **fields: Any) -> FakeRecord:
    """A record of a prediction, or of what the fields make of it."""
    value = {"id": f"p{offset}", "at": "2020-01-01", "said": 1, "score": 0.5, "model": "m1"}
    return FakeRecord(offset, json.dumps({**value, **fields}).encode())


def some_record(chance: random.Random, offset: int) -> FakeRecord:
    """A good or a bad record: a prediction, a label or both, of some model."""
    kind = chance.randrange(7)
    if kind == 0:
        return FakeRecord(offset, chance.choice([b"", b"{", b"[]", b"\xff", None]))
    fields: dict[str, Any] = {"model": f"m{chance.randrange(5)}", "amount": chance.random()}
    if kind == 1:
        fields["said"] = None
        fields["truth"] = 1
    elif kind == 2:
        fields["truth"] = chance.choice([0, 1])
    elif kind == 3:
        fields[chance.choice(["id", "at", "said", "model"])] = chance.choice([None, {}, "", "x"])
    return record(offset, **fields)


def read(
    records: Sequence[FakeRecord],
    attached: Sequence[tuple[Stream, Role]] = ATTACHED,
    *,
    first: int | None = None,
    following: int | None = None,
    log_start: int = 0,
    partitions: int = 3,
) -> Reading:
    """What a reader makes of records; the range is that of the records if it is not given."""
    begin = records[0].offset if first is None else first
    end = records[-1].offset + 1 if following is None else following
    passed = SourceRange(SOURCE, begin, end, log_start, max(end, log_start))
    return TopicReader(attached, partitions=partitions).read(passed, records, seen_at=1 << 51)


def rows_of(reading: Reading) -> list[tuple[int, Rows]]:
    """The rows with their events partitions."""
    return [(where, one) for where, one in reading.messages if isinstance(one, Rows)]


def progress_of(reading: Reading) -> Progress:
    """The progress message of the first events partition."""
    return next(one for _, one in reading.messages if isinstance(one, Progress))


@settings(deadline=None, max_examples=60, print_blob=True)
@given(st.integers(0, 1 << 32), st.integers(1, 8))
def test_every_offset_has_one_fate(seed: int, partitions: int) -> None:
    """A row in the partition of its instance, rejected, filtered or a gap, per stream and role."""
    chance = random.Random(seed)
    offsets = sorted(chance.sample(range(10, 60), chance.randint(1, 40)))
    reading = read(
        [some_record(chance, offset) for offset in offsets],
        first=10,
        following=60,
        log_start=chance.choice([0, 10, 20]),
        partitions=partitions,
    )
    progress = progress_of(reading)
    gaps = [at for gap in progress.gaps for at in range(gap.first, gap.next)]
    assert len(progress.passages) == len(ATTACHED)
    for passage in progress.passages:
        fates = [*gaps, *passage.rejected.tolist(), *passage.filtered.tolist()]
        newest = []
        for where, rows in rows_of(reading):
            if (rows.stream, rows.role) != (passage.stream, passage.role):
                continue
            fates += rows.offsets.tolist()
            newest += rows.times.tolist()
            assert set(range(len(rows.instances))) == set(rows.instance_codes.tolist())
            for value in rows.instances:
                assert events_partition(InstanceKey(rows.stream, value), partitions) == where
        assert sorted(fates) == list(range(10, 60))
        assert passage.newest == max(newest, default=None)


def test_every_partition_hears_of_progress_behind_its_rows() -> None:
    """Once per batch, also those that no row went to."""
    reading = read([record(n, model=f"m{n % 3}") for n in range(20)], partitions=5)
    last = {}
    for number, (where, message) in enumerate(reading.messages):
        assert where not in last, "progress is the last message of a batch"
        if isinstance(message, Progress):
            last[where] = number
    assert set(last) == set(range(5))


def test_without_records_there_is_progress_alone() -> None:
    """For every stream and role of the topic."""
    reading = read([], first=7, following=7)
    assert [type(message) for _, message in reading.messages] == [Progress] * 3
    assert len(progress_of(reading).passages) == len(ATTACHED)
    assert reading.rows == 0


def test_large_rows_are_cut_and_nothing_is_lost() -> None:
    """Each message is below what brokers take; together they are all rows, in order."""
    feature = {"name": "note", "categorical": True}
    predictions = {
        "topic": PREDICTIONS, "id": "id", "prediction": "said", "features": [feature],
    }  # fmt: skip
    stream = build_stream("large", predictions=predictions, horizon=None,
                          watch={"feature.note": {"detector": "adwin"}})  # fmt: skip
    chance = random.Random(1)
    texts = ["".join(chance.choices("abcdefgh", k=250)) for _ in range(8_000)]
    records = [record(n, note=text) for n, text in enumerate(texts)]
    reading = read(records, [(stream, Role.PREDICTIONS)], partitions=1)
    rows = [one for _, one in rows_of(reading)]
    assert len(rows) > 2
    assert all(len(encode(one)) <= MAX_ROWS_BYTES for one in rows)
    assert [at for one in rows for at in one.offsets.tolist()] == list(range(8_000))
    again = [decode(encode(one)) for one in rows]
    read_back = [
        one.texts["feature.note"][row]
        for one in again
        if isinstance(one, Rows)
        for row in range(len(one))
    ]
    assert read_back == texts


def test_a_record_that_is_bad_for_several_streams_is_one_letter() -> None:
    """Per reason."""
    reading = read([FakeRecord(3, b"{"), record(4)])
    assert Counter(one.reject.offset for one in reading.refused) == {3: 1}
    (refused,) = reading.refused
    assert refused.record.value == b"{"
    assert refused.source == SOURCE


def test_gaps_say_their_cause() -> None:
    """Deleted before it was read, or never there."""
    reading = read([record(20), record(25)], first=5, following=30, log_start=12)
    assert [(gap.first, gap.next, gap.cause) for gap in reading.gaps] == [
        (5, 12, GapCause.RETENTION),
        (12, 20, GapCause.ABSENT),
        (21, 25, GapCause.ABSENT),
        (26, 30, GapCause.ABSENT),
    ]


def test_a_range_that_is_all_gone_is_one_gap() -> None:
    """The broker deleted it while nobody read."""
    reading = read([], first=5, following=12, log_start=40)
    assert [(gap.first, gap.next, gap.cause) for gap in reading.gaps] == [
        (5, 12, GapCause.RETENTION)
    ]


def test_what_was_fetched_is_no_gap_when_it_is_deleted_meanwhile() -> None:
    """The log's start may have moved past records that are here."""
    reading = read([record(n) for n in range(5, 10)], first=5, log_start=8)
    assert reading.gaps == ()
