"""The messages of the events log: rows as columns, the progress of a reader, and commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from driftline.eventlog.lookup import look_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from driftline.model import Micros, Role, SourcePartition

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"
Codes: TypeAlias = "NDArray[np.int32]"


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """A column of texts, each distinct one held once."""

    values: tuple[str, ...]
    codes: Codes
    """Per row an index into `values`, or -1 where there is none."""

    def take(self, rows: Ints | slice) -> Texts:
        """The same column with only these rows; `values` is left as it is."""
        return Texts(self.values, self.codes[rows])

    def __getitem__(self, row: int) -> str | None:
        code = int(self.codes[row])
        return None if code < 0 else self.values[code]

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Decoded records of one source batch that belong to one stream and one events partition.

    All columns have one entry per row, in the order of the source's offsets.
    """

    stream: str
    role: Role
    source: SourcePartition
    first: int
    """The source batch covers the offsets from `first` up to, not including, `next`."""
    next: int
    seen_at: Micros | None
    """The reader's own clock; None when a file is replayed, where only event time counts."""
    instances: tuple[str | None, ...]
    """The values of the splitting field that occur; (None,) for a stream that is not split."""
    instance_codes: Codes
    offsets: Ints
    ids: tuple[str, ...]
    times: Ints
    """Event times in microseconds."""
    numbers: Mapping[str, Floats] = field(default_factory=dict)
    """Numeric columns by name; NaN where a value is missing."""
    texts: Mapping[str, Texts] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def between(self, start: int, end: int, instances: tuple[str | None, ...] = ()) -> Rows:
        """The same message with only the rows from `start` up to, not including, `end`.

        If `instances` are given, these are what the codes stand for.
        """
        part = slice(start, end)
        return self._of(part, self.ids[part], instances or self.instances)

    def take(self, rows: Ints) -> Rows:
        """The same message with only these rows, given as indices in the order wanted."""
        return self._of(rows, look_up(self.ids, rows.tolist()), self.instances)

    def _of(
        self, rows: Ints | slice, ids: tuple[str, ...], instances: tuple[str | None, ...]
    ) -> Rows:
        return Rows(
            stream=self.stream,
            role=self.role,
            source=self.source,
            first=self.first,
            next=self.next,
            seen_at=self.seen_at,
            instances=instances,
            instance_codes=self.instance_codes[rows],
            offsets=self.offsets[rows],
            ids=ids,
            times=self.times[rows],
            numbers={name: column[rows] for name, column in self.numbers.items()},
            texts={name: column.take(rows) for name, column in self.texts.items()},
        )


class GapCause(StrEnum):
    """Why offsets of a source hold no record for us."""

    RETENTION = "retention"
    """Deleted by the broker before they were read."""
    ABSENT = "absent"
    """Compacted away, a transaction's marker, or a record of an aborted transaction."""
    MOVED = "moved"
    """Somebody moved the committed offsets forward."""
    UNREADABLE = "unreadable"
    """In a compressed batch that would unpack to more than is allowed: a dead letter tells of
    it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets from `first` up to, not including, `next` that will never come."""

    first: int
    next: int
    cause: GapCause


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """What became of a range of offsets for one stream in one role.

    What is not named here became a row.
    """

    stream: str
    role: Role
    newest: Micros | None
    """The largest event time among the rows of the range, over all events partitions."""
    rejected: Ints
    """Offsets that were dead-lettered, ascending."""
    filtered: Ints
    """Offsets of records that are not this stream's, ascending."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reader has come in one source partition: the log's clock.

    Appended to every events partition behind the rows of a batch, and at least every few seconds
    without any.
    """

    source: SourcePartition
    first: int
    next: int
    log_start: int
    log_end: int
    """Where the source partition began and ended when the batch was fetched, as offsets."""
    seen_at: Micros | None
    gaps: tuple[Gap, ...] = ()
    passages: tuple[Passage, ...] = ()
    partitions: int = 1
    """How many partitions the source topic has: time waits until each of them has been heard of."""
    ended: bool = False
    """A replayed file has been read to its end: it holds back time no longer."""

    @property
    def caught_up(self) -> bool:
        """Whether the reader had read all there was."""
        return self.next >= self.log_end


class CommandKind(StrEnum):
    """What a person or a worker can ask of the monitor."""

    DECLARE = "declare"
    """From here on this declaration of the deployment's streams holds."""
    FORGET = "forget"
    """Remove what is stored of a stream or an instance."""
    RESUME = "resume"
    """Take in rows of suspended instances again, from what is stored of them on."""
    ACKNOWLEDGE = "acknowledge"
    """Somebody has taken an alert on. Arguments: `alert_id` and `note`."""
    ACCEPT = "accept"
    """The level that an alert is of is the new normal. Argument: `alert_id`."""


@dataclass(frozen=True, slots=True)
class Command:
    """A change that someone asked for, at its place in the log."""

    id: str
    kind: CommandKind
    by: str
    at: Micros
    stream: str | None = None
    instance: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


Message: TypeAlias = Rows | Progress | Command
