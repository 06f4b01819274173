"""What goes into a decoder and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.decode.codes import AsideCode, RejectCode
    from driftline.eventlog.messages import Floats, Ints, Texts


class Record(Protocol):
    """A Kafka record, or a row of a file that stands for one."""

    @property
    def offset(self) -> int:
        """Its place in the source partition."""
        ...

    @property
    def timestamp(self) -> int:
        """Kafka's timestamp in milliseconds since 1970; negative if it has none."""
        ...

    @property
    def key(self) -> bytes | None:
        """Kafka's key."""
        ...

    @property
    def value(self) -> bytes | None:
        """The JSON text; None is a tombstone."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Kafka's headers; of several with one name the last one counts."""
        ...


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that has to go to the dead-letter topic."""

    offset: int
    code: RejectCode | AsideCode
    message: str
    """The field, what came, and what would have been right; at most 200 printable characters."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A batch as columns. Each offset is in exactly one of `offsets`, `rejects` and `filtered`.

    Columns have one entry per row, rows are in the order of the records.
    """

    offsets: Ints
    ids: tuple[str, ...]
    times: Ints
    """Event times in microseconds."""
    numbers: Mapping[str, Floats]
    """Finite; NaN only in features, where one is missing."""
    texts: Mapping[str, Texts]
    instances: Texts | None
    """The splitting field's value of each row, never missing; None for an unsplit stream."""
    rejects: tuple[Reject, ...]
    filtered: tuple[int, ...]
    """Offsets of records that are not this stream's, or in a shared topic not this role's."""

    def __len__(self) -> int:
        return len(self.ids)
