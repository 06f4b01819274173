"""The small part of an instance's state that everything else hangs on."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from driftline.errors import StateError
from driftline.model import Micros  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.model import Role, SourcePartition

RowCounts: TypeAlias = "Mapping[tuple[str, str], int]"
"""Numbers of rows by source partition, as `source_name` has it, and the life of its topic."""
FORMAT: Final = 3
"""The version of the stored format of an instance. Format 1 knew nothing of silence and troubles,
which begin anew where their parts are not stored. Up to format 2 entries of the join were longer:
they are read, but who wrote them cannot read those of now."""
MAX_VERSIONS: Final = 20
"""Model versions remembered; the ones seen longest ago go first."""


@lru_cache(maxsize=1_000)
def source_name(role: Role, source: SourcePartition) -> str:
    """How the books name a source partition in a role."""
    return f"{role.value}|{source.topic}|{source.partition}"


class RowBooks(msgspec.Struct):
    """What became of an instance's rows from one source partition in one role."""

    incarnation: str
    next_offset: int
    """Rows below it have been applied: they are dropped when the source is read again."""
    applied: int = 0
    duplicates: int = 0
    """Rows whose id had come before; a corrected label is applied."""
    redelivered: int = 0
    """Rows that came again because the source was read again; no part of the balance."""

    @property
    def rows(self) -> int:
        """Rows that are in the books, applied or duplicates."""
        return self.applied + self.duplicates


class VersionSeen(msgspec.Struct):
    """A model version in this instance's predictions."""

    first_at: Micros
    last_at: Micros
    count: int = 0


class Head(msgspec.Struct):
    """An instance's books and versions. Versioned: a newer format is refused."""

    format: int = FORMAT
    sources: dict[str, RowBooks] = msgspec.field(default_factory=dict)
    versions: dict[str, VersionSeen] = msgspec.field(default_factory=dict)

    def books(self, source: str, incarnation: str) -> RowBooks:
        """The books of what `source_name` names; begun anew when its topic was made again."""
        books = self.sources.get(source)
        if books is None or books.incarnation != incarnation:
            books = self.sources[source] = RowBooks(incarnation, 0)
        return books

    @property
    def rows(self) -> int:
        """Rows that are in the books, applied or duplicates."""
        return sum(one.rows for one in self.sources.values())

    def row_counts(self) -> RowCounts:
        """Rows that are in the books, by source partition and life of its topic."""
        return {(name, one.incarnation): one.rows for name, one in self.sources.items()}

    def rows_since(self, before: RowCounts) -> int:
        """How many rows have come into the books since these were the `row_counts`.

        Of a topic that was made anew only its present life: of the former one no book tells.
        """
        return sum(
            one.rows - before.get((name, one.incarnation), 0) for name, one in self.sources.items()
        )

    def saw_version(self, version: str, count: int, first: Micros, last: Micros) -> None:
        """Count predictions of a model version."""
        seen = self.versions.pop(version, None) or VersionSeen(first, last)
        seen.first_at, seen.last_at = min(seen.first_at, first), max(seen.last_at, last)
        seen.count += count
        self.versions[version] = seen
        while len(self.versions) > MAX_VERSIONS:
            del self.versions[next(iter(self.versions))]

    def encode(self) -> bytes:
        """As it is stored."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, blob: bytes) -> Head:
        """The inverse of `encode`.

        Raises:
            StateError: it does not decode, or a newer driftline wrote it.
        """
        try:
            head = msgspec.msgpack.decode(blob, type=cls)
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the stored head of an instance does not decode: {error}"
            raise StateError(msg) from error
        if not 1 <= head.format <= FORMAT:
            msg = f"state of format {head.format} was written by another driftline (this: {FORMAT})"
            raise StateError(msg)
        head.format = FORMAT
        return head
