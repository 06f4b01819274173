"""Batches of records as columns: the fast way for what is certain, the careful way for the rest."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.decode.careful import CarefulReader
from driftline.decode.codes import RefusedError
from driftline.decode.fast import FastReader, Taken
from driftline.decode.layout import Kind, Layout, build_layout
from driftline.decode.records import Decoded, Reject
from driftline.decode.rows import Columns, Row
from driftline.decode.texts import canonical_texts
from driftline.eventlog.messages import Texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.deployment import Stream
    from driftline.decode.records import Record
    from driftline.eventlog.messages import Floats, Ints
    from driftline.model import Micros, Role, SourcePartition

_FEW: Final = 4
"""So many records are read sooner one by one than their columns are set up."""
_TEXTUAL = frozenset({Kind.CLASS, Kind.VERSION, Kind.CATEGORICAL_FEATURE})


def build_decoder(stream: Stream, role: Role) -> Decoder:
    """The decoder of a stream's records in one role. Raises ValueError for undeclared labels."""
    return Decoder(build_layout(stream.spec, role))


class Decoder:
    """Decodes batches of one stream in one role. Holds no state from one batch to the next."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._fast = FastReader(layout)
        self._careful = CarefulReader(layout)

    def decode(
        self,
        source: SourcePartition,  # noqa: ARG002 - what a record means may come to depend on it
        records: Sequence[Record],
        *,
        seen_at: Micros | None,
    ) -> Decoded:
        """The batch as columns; never raises for a bad record.

        `seen_at` is the reader's own clock: a time more than `max_future` ahead of it is refused.
        None for a file, where no clock runs.
        """
        taken = self._fast.read(records, seen_at) if len(records) > _FEW else _left(records)
        filtered = taken.filtered
        read: list[tuple[int, Row]] = []
        rejects: list[Reject] = []
        for place in taken.left:
            record = records[place]
            try:
                row = self._careful.read(record, seen_at)
            except RefusedError as refused:
                rejects.append(Reject(record.offset, refused.code, refused.message))
                continue
            if row is None:
                filtered.append(place)
            else:
                read.append((place, row))
        columns = taken.columns
        if columns is None or read:
            columns = self._merge(columns, read)
        return self._decoded(records, columns, rejects, sorted(filtered))

    def _merge(self, fast: Columns | None, read: list[tuple[int, Row]]) -> Columns:
        """All rows side by side, in the order of their records."""
        layout = self._layout
        rows = [row for _, row in read]
        careful = Columns(
            records=np.array([place for place, _ in read], np.int64),
            ids=[row.id for row in rows],
            times=np.array([row.at for row in rows], np.int64),
            instances=(
                None if layout.split is None else canonical_texts([row.instance for row in rows])
            ),
            outcome=_column(layout.outcome.kind, [row.outcome for row in rows]),
            columns=tuple(
                _column(column.kind, [row.columns[number] for row in rows])
                for number, column in enumerate(layout.columns)
            ),
        )
        return careful if fast is None else fast.merge(careful)

    def _decoded(
        self,
        records: Sequence[Record],
        columns: Columns,
        rejects: list[Reject],
        filtered: list[int],
    ) -> Decoded:
        layout = self._layout
        named = [(layout.outcome, columns.outcome)]
        named += zip(layout.columns, columns.columns, strict=True)
        return Decoded(
            offsets=_offsets(records)[columns.records],
            ids=tuple(columns.ids),
            times=columns.times,
            numbers={column.name: came for column, came in named if isinstance(came, np.ndarray)},
            texts={column.name: came for column, came in named if isinstance(came, Texts)},
            instances=columns.instances,
            rejects=tuple(rejects),
            filtered=tuple(records[place].offset for place in filtered),
        )


def _left(records: Sequence[Record]) -> Taken:
    return Taken(None, [], range(len(records)))


def _offsets(records: Sequence[Record]) -> Ints:
    first, last = (records[0].offset, records[-1].offset) if records else (0, -1)
    if last - first + 1 == len(records):
        # Offsets rise: there is no room for a hole.
        return np.arange(first, last + 1)
    return np.fromiter(map(attrgetter("offset"), records), np.int64, len(records))


def _column(kind: Kind, came: list[Any]) -> Floats | Texts:
    return canonical_texts(came) if kind in _TEXTUAL else np.array(came, np.float64)
