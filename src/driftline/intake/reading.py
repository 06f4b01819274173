"""Reads one attached topic for all streams that it serves. Holds no state between batches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.decode import build_decoder
from driftline.eventlog.codec import split_rows
from driftline.eventlog.messages import Gap, GapCause, Passage, Progress, Rows
from driftline.eventlog.routing import partitions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from driftline.config.deployment import Stream
    from driftline.decode import Decoded, Record, Reject
    from driftline.eventlog.messages import Codes, Message
    from driftline.model import Micros, Role, SourcePartition

MAX_ROWS_BYTES: Final = 700_000
"""A message of rows is cut below this: by default brokers take a million bytes."""
MAX_PROGRESS_OFFSETS: Final = 50_000
"""Offsets that a progress message may name, each of up to eight bytes."""
_NO_OFFSETS: Final = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class SourceRange:
    """What a reader passed in one source partition, and where the partition then stood."""

    source: SourcePartition
    first: int
    next: int
    log_start: int
    log_end: int
    partitions: int = 1
    """How many partitions the topic has."""
    ended: bool = False
    unreadable: Sequence[tuple[int, int]] = ()
    """Parts of the range, ascending, that hold records which could not be unpacked."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A record for the dead-letter topic, and on whose behalf it was refused."""

    source: SourcePartition
    stream: str
    role: Role
    record: Record
    reject: Reject


@dataclass(frozen=True, slots=True)
class Reading:
    """What a batch comes to: messages by events partition, in the order to append them."""

    messages: Sequence[tuple[int, Message]]
    refused: Sequence[Refused]
    gaps: Sequence[Gap]
    """Offsets of the range without a record."""
    rows: int


class TopicReader:
    """Decodes a topic's batches for every stream and role attached to it.

    Each events partition gets its rows and then a progress message, so that it knows of time
    passing whether or not there was a row for it.
    """

    def __init__(self, attached: Sequence[tuple[Stream, Role]], *, partitions: int) -> None:
        """Read for these streams in these roles; `partitions` is the events log's count."""
        self._decoders = [
            (stream.name, role, build_decoder(stream, role)) for stream, role in attached
        ]
        self._partitions = partitions

    def read(
        self, passed: SourceRange, records: Sequence[Record], *, seen_at: Micros | None
    ) -> Reading:
        """The messages for a batch; without records they tell of progress alone."""
        messages: list[tuple[int, Message]] = []
        passages: list[Passage] = []
        refused: dict[tuple[int, str], Refused] = {}
        total = 0
        by_offset: dict[int, Record] = {}
        for stream, role, decoder in self._decoders:
            if not records:
                passages.append(Passage(stream, role, None, _NO_OFFSETS, _NO_OFFSETS))
                continue
            decoded = decoder.decode(passed.source, records, seen_at=seen_at)
            total += len(decoded)
            passages.append(_passage(stream, role, decoded))
            messages += self._route(_rows(stream, role, passed, decoded, seen_at))
            if decoded.rejects and not by_offset:
                by_offset = {record.offset: record for record in records}
            for reject in decoded.rejects:
                # Of a record that is bad for several streams in one way, one letter is enough.
                refused.setdefault(
                    (reject.offset, reject.code.value),
                    Refused(passed.source, stream, role, by_offset[reject.offset], reject),
                )
        gaps = tuple(_told(_gaps(passed, records), passed.unreadable))
        messages += self._progress(passed, passages, gaps, seen_at)
        return Reading(messages, tuple(refused.values()), gaps, total)

    def set_aside(
        self, passed: SourceRange, record: Record, reject: Reject, *, seen_at: Micros | None
    ) -> Reading:
        """The messages for one record that is not to be decoded; it ends the range."""
        rejected = np.array([record.offset], np.int64)
        passages = [
            Passage(stream, role, None, rejected, _NO_OFFSETS) for stream, role, _ in self._decoders
        ]
        stream, role, _ = self._decoders[0]
        refused = Refused(passed.source, stream, role, record, reject)
        gaps = tuple(_gaps(passed, [record]))
        messages = list(self._progress(passed, passages, gaps, seen_at))
        return Reading(messages, (refused,), gaps, 0)

    def _progress(
        self,
        passed: SourceRange,
        passages: Sequence[Passage],
        gaps: tuple[Gap, ...],
        seen_at: Micros | None,
    ) -> Iterator[tuple[int, Message]]:
        for some in _chunks(passages):
            progress = Progress(
                source=passed.source,
                first=passed.first,
                next=passed.next,
                log_start=passed.log_start,
                log_end=passed.log_end,
                seen_at=seen_at,
                gaps=gaps,
                passages=tuple(some),
                partitions=passed.partitions,
                ended=passed.ended,
            )
            for partition in range(self._partitions):
                yield partition, progress

    def _route(self, rows: Rows) -> Iterator[tuple[int, Rows]]:
        """The rows by events partition, cut to what a message may hold."""
        if not len(rows):
            return
        where = partitions_of(rows.stream, rows.instances, self._partitions)
        parts = [(where[0], rows)] if len(where) == 1 else _parts(rows, where)
        for partition, part in parts:
            for piece in split_rows(part, MAX_ROWS_BYTES):
                yield partition, piece


def _rows(
    stream: str, role: Role, passed: SourceRange, decoded: Decoded, seen_at: Micros | None
) -> Rows:
    instances: tuple[str | None, ...] = (None,)
    codes: Codes = np.zeros(len(decoded), np.int32)
    if decoded.instances is not None:
        instances, codes = decoded.instances.values, decoded.instances.codes
    return Rows(
        stream=stream,
        role=role,
        source=passed.source,
        first=passed.first,
        next=passed.next,
        seen_at=seen_at,
        instances=instances,
        instance_codes=codes,
        offsets=decoded.offsets,
        ids=decoded.ids,
        times=decoded.times,
        numbers=decoded.numbers,
        texts=decoded.texts,
    )


def _parts(rows: Rows, where: Sequence[int]) -> Iterator[tuple[int, Rows]]:
    """The rows of each events partition; `where` is that of each instance, all of which occur."""
    named: dict[int, list[str | None]] = {}
    codes: list[int] = []
    for partition, value in zip(where, rows.instances, strict=True):
        ours = named.setdefault(partition, [])
        codes.append(len(ours))
        ours.append(value)
    # Sixteen bits are sorted by counting, which is twice as fast.
    of_rows = np.array(where, np.uint16)[rows.instance_codes]
    within = replace(rows, instance_codes=np.array(codes, np.int32)[rows.instance_codes])
    ordered, start = within.take(np.argsort(of_rows, kind="stable")), 0
    counts = np.bincount(of_rows).tolist()
    for partition in sorted(named):
        end = start + counts[partition]
        yield partition, ordered.between(start, end, tuple(named[partition]))
        start = end


def _chunks(passages: Sequence[Passage]) -> Iterator[Sequence[Passage]]:
    """The passages in as many messages as it takes for each to stay small.

    A topic that many streams share filters nearly all of its records for each of them.
    """
    some: list[Passage] = []
    size = 0
    for passage in passages:
        offsets = len(passage.rejected) + len(passage.filtered)
        if some and size + offsets > MAX_PROGRESS_OFFSETS:
            yield some
            some, size = [], 0
        some.append(passage)
        size += offsets
    yield some


def _passage(stream: str, role: Role, decoded: Decoded) -> Passage:
    return Passage(
        stream=stream,
        role=role,
        newest=int(np.maximum.reduce(decoded.times)) if len(decoded) else None,
        rejected=np.array([reject.offset for reject in decoded.rejects], np.int64),
        filtered=np.array(decoded.filtered, np.int64),
    )


def _gaps(passed: SourceRange, records: Sequence[Record]) -> Iterator[Gap]:
    """The offsets of the range that hold no record."""
    expected = passed.first
    # What was fetched is no gap, also where the broker has deleted it meanwhile.
    there = records[0].offset if records else passed.next
    retained = min(passed.log_start, there)
    if expected < retained:
        yield Gap(expected, retained, GapCause.RETENTION)
        expected = retained
    if records and records[-1].offset - expected + 1 == len(records):
        # Offsets rise: there is no room for a hole.
        expected = records[-1].offset + 1
        records = ()
    for record in records:
        if record.offset > expected:
            yield Gap(expected, record.offset, GapCause.ABSENT)
        expected = max(expected, record.offset + 1)
    if passed.next > expected:
        yield Gap(expected, passed.next, GapCause.ABSENT)


def _told(gaps: Iterable[Gap], unreadable: Sequence[tuple[int, int]]) -> Iterator[Gap]:
    """The gaps, with what is unreadable told from what is not there."""
    for gap in gaps:
        at = gap.first
        for first, following in unreadable:
            begin, end = max(first, at), min(following, gap.next)
            if begin >= end:
                continue
            if at < begin:
                yield Gap(at, begin, gap.cause)
            yield Gap(begin, end, GapCause.UNREADABLE)
            at = end
        if at < gap.next:
            yield Gap(at, gap.next, gap.cause)
