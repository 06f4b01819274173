"""What has to be known of a whole file before its records can be put in order: times and ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from driftline.config.spec import canonical
from driftline.config.streams import PredictionsSpec
from driftline.model import SECOND
from driftline.recorded.places import column_of, values_at
from driftline.recorded.times import ABSENT, parse_times

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from driftline.config.fields import FieldPath
    from driftline.config.streams import StreamSpec
    from driftline.eventlog.messages import Ints
    from driftline.model import Role
    from driftline.recorded.recording import Json, JsonRecord, Recording


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """A file's records in one role, without their contents."""

    recording: Recording
    rows: Ints | None
    """Which of the file's records these are; None: all of them."""
    times: Ints
    """Their declared times in the file's order; `ABSENT` where there is none that reads."""
    has_time: NDArray[np.bool_]
    """Where there is something for a time, whether it reads or not."""
    ids: Any
    """Their ids as an Arrow array of text, if they were asked for."""

    def chunks(self, only: Collection[str] | None = None) -> Iterator[tuple[int, list[JsonRecord]]]:
        """The records, and the row of each chunk's first one in the file; `only` these fields."""
        first = 0
        for records in self.recording.records(only):
            until = first + len(records)
            if self.rows is None:
                yield first, records
            else:
                begin, end = np.searchsorted(self.rows, (first, until)).tolist()
                yield first, [records[row - first] for row in self.rows[begin:end].tolist()]
            first = until


def build_index(
    spec: StreamSpec, recording: Recording, role: Role, *, ids: bool, labelled_only: bool = False
) -> Index:
    """Read a file for its times and, if asked, its ids.

    Args:
        spec: the stream's declaration, with this role.
        recording: the file.
        role: what it holds.
        ids: whether ids are needed.
        labelled_only: leave out records without a label.

    Raises:
        RecordingError: the file does not read.
    """
    source = spec.source(role)
    assert source is not None  # noqa: S101 - who opens a file asks for it first
    outcome = source.prediction if isinstance(source, PredictionsSpec) else source.label
    fields = [source.id, outcome, *([source.time.field] if source.time else [])]
    only = {column_of(field) for field in (*fields, *_splitting(spec))}
    found_rows, found_times, found_ids = [], [np.empty(0, np.int64)], []
    has_time = [np.empty(0, np.bool_)]
    first = 0
    for chunk in recording.records(only):
        records = chunk
        if labelled_only:
            labels = values_at(chunk, outcome)
            rows = [row for row, label in enumerate(labels) if label is not None]
            records = [chunk[row] for row in rows]
            found_rows += [first + row for row in rows]
        times = values_at(records, source.time.field) if source.time else [None] * len(records)
        found_times.append(parse_times(times, source.time.unit if source.time else None))
        has_time.append(np.array([time is not None for time in times], np.bool_))
        if ids:
            found_ids.append(pa.array(_ids(records, source.id, spec), pa.string()))
        first += len(chunk)
    return Index(
        recording,
        np.array(found_rows, np.int64) if labelled_only else None,
        np.concatenate(found_times),
        np.concatenate(has_time),
        pa.chunked_array(found_ids, pa.string()) if ids else None,
    )


def prediction_times(index: Index) -> Ints:
    """Every prediction's time, as `build_timeline` says it is found."""
    if (index.times == ABSENT).all():
        return np.arange(len(index.times), dtype=np.int64) * SECOND
    return filled(index.times)


def filled(times: Ints) -> Ints:
    """The times with absent ones taken from the row before, or from the first row that has one."""
    known = times != ABSENT
    if known.all():
        return times
    if not known.any():
        return np.zeros(len(times), np.int64)
    last_known = np.maximum.accumulate(np.where(known, np.arange(len(times)), 0))
    last_known[: int(known.argmax())] = known.argmax()
    return times[last_known]


def _splitting(spec: StreamSpec) -> list[FieldPath]:
    return [] if spec.split_by is None else [spec.split_by]


def _ids(records: list[JsonRecord], field: FieldPath, spec: StreamSpec) -> list[str | None]:
    """Ids as text; in a stream that is split, an id counts within its instance only."""
    ids = [_text(value) for value in values_at(records, field)]
    if spec.split_by is None:
        return ids
    instances = map(_text, values_at(records, spec.split_by))
    return [
        None if name is None else f"{instance}\0{name}"
        for instance, name in zip(instances, ids, strict=True)
    ]


def _text(value: Json) -> str | None:
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    return canonical(value) if isinstance(value, int | float) else None
