"""A file of predictions and a file of labels as one course of events.

Each file is read twice: for times and ids, of which some 50 bytes a row stay in memory, and for the
records, of which some chunks do. A file that is not in the order of time is written to a temporary
file and read from there in that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.model import Role
from driftline.recorded.declared import open_declared
from driftline.recorded.index import build_index, prediction_times
from driftline.recorded.label_times import label_times
from driftline.recorded.places import declared_columns
from driftline.recorded.records import Writer, in_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import timedelta
    from pathlib import Path

    from driftline.config.deployment import Stream
    from driftline.eventlog.messages import Ints
    from driftline.model import Micros
    from driftline.recorded.index import Index
    from driftline.recorded.recording import Recording
    from driftline.recorded.records import RecordedRecord

EVENTS: Final = 5_000
"""How many events of both files a batch may span."""
FEW_OF_WAITING: Final = 10
"""At most such a part of the predictions that may wait: those of a batch come before its labels,
and must not crowd each other out."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Records of one file that follow one another in time."""

    roles: tuple[Role, ...]
    """What they are: both, where one topic carries both and one file was given."""
    records: tuple[RecordedRecord, ...]
    times: Ints
    """Their event times in microseconds, ascending."""


class Timeline:
    """All events of the files given, in event-time order. It may be gone through several times."""

    def __init__(self, sources: tuple[_Source, ...], events: int = EVENTS) -> None:
        """`events` is how many of them a batch may span, unless `batches` is told."""
        self._sources = sources
        self._events = events

    def __len__(self) -> int:
        """How many records there are in all."""
        return sum(len(source.times) for source in self._sources)

    def count(self, role: Role) -> int:
        """How many records have this role."""
        return sum(len(source.times) for source in self._sources if role in source.roles)

    def places(self, role: Role, rows: Collection[int]) -> dict[int, str]:
        """Where in the file with this role these rows are; see `Recording.places`."""
        source = next(source for source in self._sources if role in source.roles)
        return source.places(rows)

    @property
    def span(self) -> tuple[Micros, Micros] | None:
        """The first and the last event time; None without events."""
        ends = [
            (source.times[0], source.times[-1]) for source in self._sources if len(source.times)
        ]
        if not ends:
            return None
        return int(min(first for first, _ in ends)), int(max(last for _, last in ends))

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, events: int | None = None) -> Iterator[Batch]:
        """The events in order of time, cut every so many; predictions first in each piece.

        Between topics Kafka keeps no order either; with `events=1` the order is exact, a prediction
        before a label of the same time.

        Raises:
            RecordingError: a file does not read.
        """
        readers = [source.read() for source in self._sources]
        done = [0] * len(self._sources)
        columns = [source.times for source in self._sources]
        for ends in _cuts(columns, events or self._events):
            for at, (source, reader) in enumerate(zip(self._sources, readers, strict=True)):
                begin, end = done[at], ends[at]
                if begin < end:
                    done[at] = end
                    records = tuple(islice(reader, end - begin))
                    yield Batch(source.roles, records, source.times[begin:end])


def build_timeline(
    stream: Stream,
    predictions: Path,
    labels: Path | None = None,
    *,
    label_delay: timedelta | None = None,
    whole: bool = True,
) -> Timeline:
    """The course of events that two files of a stream's records describe.

    Without `labels`, a file for a topic that carries both is read as both. Both may be the same
    file: records without a label then are predictions only.

    A prediction's time is its declared field; where predictions have none (Kafka's timestamp
    counts), row n happens n seconds after 1970-01-01. A label's time is its prediction's (the one
    with its id) plus `label_delay` if given; else its declared field if it has one; else its
    prediction's time: it comes right after it. A label of no known prediction, and a prediction
    whose time does not read, come with the row before; a label whose time does not read comes with
    its prediction. What does not read stays in the record, for its reader to refuse.

    A label's time that is not the file's own is written into the record as its declared field.

    Records are `whole` as a topic has them; or those of a file of columns have the columns alone
    that the stream's declaration reads, which is all that a monitor comes to see of them. What a
    reader would refuse for the size or the depth of the others is then taken.

    Raises:
        RecordingError: a file does not read, or a declared field is not among its columns; of the
            labels' time only without `label_delay`.
    """
    spec = stream.spec
    both = (
        labels is None and spec.labels is not None and spec.labels.topic == spec.predictions.topic
    )
    roles = (Role.PREDICTIONS, Role.LABELS) if both else (Role.PREDICTIONS,)
    said = open_declared(predictions, spec, roles)
    index = build_index(spec, said, Role.PREDICTIONS, ids=labels is not None)
    predicted_at = prediction_times(index)

    def only(file: Recording) -> Collection[str] | None:
        # A line of JSON is a record as it is.
        return declared_columns(spec) if file.columns and not whole else None

    writer = Writer(spec, Role.PREDICTIONS, None, only=only(said))
    sources = [_Source(roles, index, predicted_at, writer)]
    if labels is not None:
        same_file = labels.resolve() == predictions.resolve()
        known = open_declared(labels, spec, [Role.LABELS], timed=label_delay is None)
        answers = build_index(spec, known, Role.LABELS, ids=True, labelled_only=same_file)
        times, own = label_times(answers, index, predicted_at, label_delay)
        writer = Writer(spec, Role.LABELS, own, only=only(known))
        sources.append(_Source((Role.LABELS,), answers, times, writer))
    return Timeline(tuple(sources), min(EVENTS, max(spec.max_waiting // FEW_OF_WAITING, 1)))


class _Source:
    """One file in one role: its times in order, and where in the file each record is."""

    def __init__(self, roles: tuple[Role, ...], index: Index, times: Ints, writer: Writer) -> None:
        self.roles = roles
        self._index = index
        self._in_file_order = times
        self._writer = writer
        self._order: Ints | None = None
        self.times = times
        if (np.diff(times) < 0).any():
            self._order = np.argsort(times, kind="stable")
            self.times = times[self._order]

    def places(self, rows: Collection[int]) -> dict[int, str]:
        """Where in the file these rows are."""
        return self._index.recording.places(rows)

    def read(self) -> Iterator[RecordedRecord]:
        """The records in the order of time; offsets count them."""
        rows = self._writer.write(self._index, self._in_file_order)
        return rows if self._order is None else in_order(rows, self._order)


def _cuts(columns: list[Ints], events: int) -> Iterator[list[int]]:
    """After every so many events of all columns together, how many of each have passed."""
    merged = np.concatenate(columns)
    # A stable sort keeps the earlier column's events first where times are equal.
    owners = np.repeat(np.arange(len(columns)), [len(column) for column in columns])
    owners = owners[np.argsort(merged, kind="stable")]
    passed = [0] * len(columns)
    for begin in range(0, len(owners), events):
        counted = np.bincount(owners[begin : begin + events], minlength=len(columns))
        passed = [before + int(more) for before, more in zip(passed, counted, strict=True)]
        yield passed
