"""The books of one source partition: what became of every offset that was passed.

offsets passed = rows + dead-lettered + filtered + gaps, where the rows of all events partitions
together are meant; each instance then says what became of its rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from driftline.eventlog.messages import GapCause

if TYPE_CHECKING:
    from driftline.eventlog.messages import Ints, Passage, Progress


class SourceBooks(msgspec.Struct):
    """The books of one source partition for one stream in one role, in one life of its topic."""

    incarnation: str
    next_offset: int
    """Everything below it has been booked."""
    passed: int = 0
    dead_lettered: int = 0
    filtered: int = 0
    """Records that are not this stream's."""
    gaps: dict[str, int] = msgspec.field(default_factory=dict)
    """Offsets without a record, by cause."""

    @property
    def rows(self) -> int:
        """Records that became rows, over all events partitions."""
        return self.passed - self.dead_lettered - self.filtered - sum(self.gaps.values())

    def on_progress(self, progress: Progress, passage: Passage) -> tuple[int, int]:
        """Book a range; what of it was booked before (a source read again) is left out.

        Hands back how many of this stream's records were booked, and how many were dead-lettered.
        """
        since = max(self.next_offset, progress.first)
        if progress.next <= since:
            return 0, 0
        rows, dead_lettered = self.rows, self.dead_lettered
        if progress.first > self.next_offset:
            self._gap(GapCause.MOVED, progress.first - self.next_offset)
            self.passed += progress.first - self.next_offset
        self.passed += progress.next - since
        self.dead_lettered += _from(passage.rejected, since)
        self.filtered += _from(passage.filtered, since)
        for gap in progress.gaps:
            self._gap(gap.cause, max(gap.next - max(gap.first, since), 0))
        self.next_offset = progress.next
        dead_lettered = self.dead_lettered - dead_lettered
        return self.rows - rows + dead_lettered, dead_lettered

    def _gap(self, cause: GapCause, offsets: int) -> None:
        if offsets:
            self.gaps[cause.value] = self.gaps.get(cause.value, 0) + offsets


class Books(msgspec.Struct):
    """The books of all source partitions of one stream, by role and then by `topic/partition`."""

    sources: dict[str, dict[str, SourceBooks]] = msgspec.field(default_factory=dict)

    def on_progress(self, progress: Progress, passage: Passage) -> tuple[int, int]:
        """Book what a reader passed; as of `SourceBooks`."""
        by_source = self.sources.setdefault(passage.role.value, {})
        name = f"{progress.source.topic}/{progress.source.partition}"
        books = by_source.get(name)
        if books is None or books.incarnation != progress.source.incarnation:
            books = by_source[name] = SourceBooks(progress.source.incarnation, progress.first)
        return books.on_progress(progress, passage)


def _from(offsets: Ints, since: int) -> int:
    """How many of these ascending offsets are not below `since`."""
    return len(offsets) - int(np.searchsorted(offsets, since)) if len(offsets) else 0
