"""Where in a source the records of a time are: a few pairs of event time and offset for each.

A mark stands at every 32nd row of an instance from a source partition, and says that no row before
it reached a certain event time. When there are 256 of them, of the older half every other one goes:
recent times are known finely, old ones coarsely, and what is asked for is never cut short. Where
marks stand depends on the rows alone, not on the batches in which they came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from driftline.alerts.schema import SourceWindowData
from driftline.errors import StateError
from driftline.model import Micros  # noqa: TC001 - msgspec reads it
from driftline.monitor.head import source_name

if TYPE_CHECKING:
    from driftline.eventlog.messages import Rows

EVERY: Final = 32
MOST: Final = 256


class _Mark(msgspec.Struct, array_like=True, frozen=True):
    """A row: nothing before it is newer than `reached`."""

    reached: Micros
    offset: int


class _Track(msgspec.Struct, array_like=True):
    """The marks of one source partition, in one role."""

    topic: str
    incarnation: str
    partition: int
    next: int
    """Behind the newest row."""
    rows: int
    reached: Micros
    """The newest event time so far."""
    marks: list[_Mark]


class Waymarks:
    """The marks of one instance."""

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}

    def extend(self, rows: Rows) -> None:
        """Take in rows, in the order of the log; those taken before are passed over."""
        if not len(rows):
            return
        track = self._track(rows)
        known = int(np.searchsorted(rows.offsets, track.next))
        offsets, times = rows.offsets[known:], rows.times[known:]
        if not len(offsets):
            return
        first = -track.rows % EVERY
        if first < len(offsets):
            # What the rows before each row have reached.
            reached = np.maximum.accumulate(np.concatenate(([track.reached], times[:-1])))
            for row in range(first, len(offsets), EVERY):
                track.marks.append(_Mark(int(reached[row]), int(offsets[row])))
                if len(track.marks) >= MOST:
                    half = MOST // 2
                    track.marks[:half] = track.marks[:half:2]
        track.rows += len(offsets)
        track.reached = max(track.reached, int(times.max()))
        track.next = int(offsets[-1]) + 1

    def _track(self, rows: Rows) -> _Track:
        source = rows.source
        name = source_name(rows.role, source)
        track = self._tracks.get(name)
        if track is None or track.incarnation != source.incarnation:
            track = self._tracks[name] = _Track(
                topic=source.topic,
                incarnation=source.incarnation,
                partition=source.partition,
                next=0,
                rows=0,
                reached=int(rows.times[0]) - 1,
                marks=[],
            )
        return track

    def window_since(self, at: Micros) -> tuple[SourceWindowData, ...]:
        """The offsets of each source partition from which on rows reach event time `at`.

        A range may begin up to a mark too early, never too late; a partition none of whose rows
        reached `at` is left out.
        """
        found: dict[tuple[str, int], SourceWindowData] = {}
        for track in self._tracks.values():
            if track.reached < at:
                continue
            first = max(
                mark.offset for mark in track.marks if mark.reached < at or mark is track.marks[0]
            )
            place = (track.topic, track.partition)
            before = found.get(place)
            # A topic may carry predictions and labels.
            found[place] = SourceWindowData(
                topic=track.topic,
                incarnation=track.incarnation,
                partition=track.partition,
                first=min(first, before.first) if before else first,
                next=max(track.next, before.next) if before else track.next,
            )
        return tuple(found[place] for place in sorted(found))

    # -- what is stored --

    def encode(self) -> bytes:
        """As it is stored."""
        return msgspec.msgpack.encode(self._tracks)

    def restore(self, blob: bytes | None) -> None:
        """Take over what was stored; None: nothing was.

        Raises:
            StateError: it does not decode.
        """
        if blob is None:
            return
        try:
            self._tracks = msgspec.msgpack.decode(blob, type=dict[str, _Track])
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the stored waymarks do not decode: {error}"
            raise StateError(msg) from error
