"""Records as Kafka would carry them, made from a file's."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import msgspec

from driftline.config.fields import FieldSource
from driftline.config.spec import canonical
from driftline.recorded.places import column_of, declared_fields, put_at
from driftline.recorded.recording import BrokenLine
from driftline.recorded.times import write_times

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from driftline.config.fields import TimeField
    from driftline.config.streams import StreamSpec
    from driftline.eventlog.messages import Ints
    from driftline.model import Role
    from driftline.recorded.index import Index
    from driftline.recorded.recording import Json, JsonRecord


class RecordedRecord(msgspec.Struct, frozen=True, array_like=True):
    """One record of a file, in the shape of a Kafka record."""

    offset: int
    """Its place in the order of time, from 0: what an empty partition would give it."""
    row: int
    """Its place in the file, from 0; equal to `offset` if the file is in the order of time."""
    timestamp: int
    """Its event time in milliseconds, rounded up."""
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Writer:
    """Makes of a file's records what is sent, for one role of a stream.

    A line that is no JSON object goes as it is: it is for the reader to refuse it.

    Fields that are declared to come from a header or from the key are taken from the column of the
    header's name, or of the name `key`.
    """

    def __init__(
        self,
        spec: StreamSpec,
        role: Role,
        own_times: NDArray[np.bool_] | None,
        *,
        only: Collection[str] | None = None,
    ) -> None:
        """A writer for the file in this role.

        Args:
            spec: the stream's declaration.
            role: what the file holds.
            own_times: per record whether it keeps the time it has; the others get theirs written
                as the declared field. None: all keep theirs.
            only: leave out all other columns.
        """
        fields = declared_fields(spec, role).values()
        self._key = next((column_of(f) for f in fields if f.source is FieldSource.KEY), None)
        self._headers = dict.fromkeys(
            column_of(field) for field in fields if field.source is FieldSource.HEADER
        )
        source = spec.source(role)
        self._time = source.time if source else None
        self._own_times = own_times
        self._only = only
        self._encode = msgspec.json.Encoder().encode

    def write(self, index: Index, times: Ints) -> Iterator[RecordedRecord]:
        """The records that the index names, in the file's order, each with its time."""
        at = 0
        for first, records in index.chunks(self._only):
            until = at + len(records)
            if self._time is not None and self._own_times is not None:
                own = self._own_times[at:until].tolist()
                self._write_times(self._time, records, own, times[at:until])
            offsets = range(at, until)
            rows = index.rows[at:until].tolist() if index.rows is not None else None
            stamps = (-(-times[at:until] // 1000)).tolist()
            yield from self._records(
                records, offsets, rows or range(first, first + len(records)), stamps
            )
            at = until

    def _records(
        self,
        records: list[JsonRecord],
        offsets: Iterable[int],
        rows: Iterable[int],
        stamps: Iterable[int],
    ) -> Iterator[RecordedRecord]:
        keys: list[bytes | None] = [None] * len(records)
        headers: list[tuple[tuple[str, bytes], ...]] = [()] * len(records)
        if self._headers:
            headers = [
                tuple((name, _bytes(record.pop(name))) for name in self._headers if name in record)
                for record in records
            ]
        if self._key:
            keys = [
                _bytes(record.pop(self._key)) if self._key in record else None for record in records
            ]
        values: Iterable[bytes] = map(self._encode, records)
        if BrokenLine in set(map(type, records)):
            values = [
                record.text if isinstance(record, BrokenLine) else self._encode(record)
                for record in records
            ]
        return map(RecordedRecord, offsets, rows, stamps, keys, values, headers)

    @staticmethod
    def _write_times(
        field: TimeField, records: list[JsonRecord], own: list[bool], times: Ints
    ) -> None:
        if all(own):
            return
        for record, keeps, at in zip(records, own, write_times(times, field.unit), strict=True):
            if not keeps:
                put_at(record, field.field.path, at)


def in_order(records: Iterable[RecordedRecord], order: Ints) -> Iterator[RecordedRecord]:
    """The records by their offsets as `order` lists them, and with the offsets of that order.

    They are kept in a temporary file: memory holds 8 bytes for each.
    """
    encoder, decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(RecordedRecord)
    with tempfile.TemporaryFile() as file:
        ends = [0]
        for record in records:
            ends.append(ends[-1] + file.write(encoder.encode(record)))
        for offset, at in enumerate(order.tolist()):
            file.seek(ends[at])
            record = decoder.decode(file.read(ends[at + 1] - ends[at]))
            yield msgspec.structs.replace(record, offset=offset)


def _bytes(value: Json) -> bytes:
    """Text as a reader has it: 7 and 7.0 are one id there, and in the fields of a record."""
    if isinstance(value, str | int | float):
        return canonical(value).encode()
    return msgspec.json.encode(value)
