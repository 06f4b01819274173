"""How far event time has come: a watermark from the readers' progress, and nothing else.

Each source partition has a clock: its newest event time, or, once its reader had caught up, that
time plus what has passed on the reader's own clock since (a source that falls silent must not stop
time). A stream's watermark is the least of its partitions' clocks *as of one moment that all of
them have reported on*: what one reader says now must not be compared with what another said a while
ago. (Years-old data through live topics: an empty labels topic stands at today; the moment its
first label is in, it stands years back. Taken together with the predictions' clock of a moment
ago, today would have won.) While nothing has come from any source, it is no time at all: who starts
a worker first and sends the records of last year then would else be late with all of them.
Watermarks in this sense: Akidau et al., "The Dataflow Model", VLDB
2015.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.model import Micros  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.eventlog.messages import Passage, Progress
    from driftline.model import Role

BEFORE_ALL: Final[Micros] = -(1 << 62)
"""Earlier than any event: the clock of a source that has not been read yet."""
AFTER_ALL: Final[Micros] = 1 << 62
"""Later than any event: the clock of a file that has been read to its end."""
MAX_POINTS: Final = 256


class _Point(msgspec.Struct, array_like=True, frozen=True):
    """What a source's clock showed at one moment of its reader's clock."""

    seen_at: Micros
    clock: Micros


class SourceClock(msgspec.Struct, array_like=True):
    """The clock of one source partition as one stream sees it."""

    incarnation: str
    newest: Micros | None = None
    idle_since: Micros | None = None
    """The reader's clock when it had caught up with the newest event; None while it has not."""
    points: list[_Point] = msgspec.field(default_factory=list)
    """Readings not older than what the watermark needs, in the order of `seen_at`."""

    def on_progress(self, progress: Progress, newest: Micros | None) -> None:
        """Take in how far the reader has come, and the newest event time of what it passed."""
        advanced = newest is not None and (self.newest is None or newest > self.newest)
        if advanced:
            if self.newest is None:
                # The moments at which it was empty say nothing of the times that begin here.
                self.points.clear()
            self.newest = newest
        seen_at = progress.seen_at
        if seen_at is None:
            self.points = [_Point(0, self._file_clock(ended=progress.ended))]
            return
        if not progress.caught_up:
            self.idle_since = None
        elif advanced or self.idle_since is None or self.idle_since > seen_at:
            self.idle_since = seen_at
        # Another reader's clock, or one that was set back: what was ahead of it was wrong.
        while self.points and self.points[-1].seen_at > seen_at:
            self.points.pop()
        self.points.append(_Point(seen_at, self._live_clock(seen_at)))
        if len(self.points) > MAX_POINTS:
            self._thin()

    def _thin(self) -> None:
        """Keep half of the readings: each pair's earlier moment, with the lower of its clocks."""
        last = self.points.pop()
        pairs = zip(self.points[::2], self.points[1::2], strict=False)
        thinned = [_Point(a.seen_at, min(a.clock, b.clock)) for a, b in pairs]
        if len(self.points) % 2:
            thinned.append(self.points[-1])
        self.points = [*thinned, last]

    def _file_clock(self, *, ended: bool) -> Micros:
        if ended:
            return AFTER_ALL
        return BEFORE_ALL if self.newest is None else self.newest

    def _live_clock(self, seen_at: Micros) -> Micros:
        if self.newest is None:
            # An empty partition holds nothing back; one with unread records may hold anything.
            return seen_at if self.idle_since is not None else BEFORE_ALL
        idle = seen_at - self.idle_since if self.idle_since is not None else 0
        return self.newest + max(idle, 0)

    def at(self, moment: Micros) -> Micros:
        """What the clock showed at `moment` of the readers' clock; forgets what is older."""
        passed = 0
        while passed + 1 < len(self.points) and self.points[passed + 1].seen_at <= moment:
            passed += 1
        if passed:
            del self.points[:passed]
        return self.points[0].clock if self.points[0].seen_at <= moment else BEFORE_ALL


class _RoleClocks(msgspec.Struct, array_like=True):
    """The clocks of one role's topic."""

    partitions: int = 1
    sources: dict[int, SourceClock] = msgspec.field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return all(partition in self.sources for partition in range(self.partitions))

    def current(self) -> Iterator[SourceClock]:
        """The partitions that the topic has; a topic that was made again may have fewer."""
        return (self.sources[partition] for partition in range(self.partitions))


class StreamClockState(msgspec.Struct, array_like=True):
    """What of a stream's clock is stored."""

    watermark: Micros
    newest: Micros
    roles: dict[str, _RoleClocks]


@dataclass(slots=True)
class StreamClock:
    """The watermark of one stream: the time up to which all its sources have been read."""

    roles: tuple[Role, ...]
    """The roles whose topics must have been heard of: predictions, and labels where the stream has
    them."""
    watermark: Micros = BEFORE_ALL
    newest: Micros = BEFORE_ALL
    """The newest event time of any source."""
    _clocks: dict[str, _RoleClocks] = field(default_factory=dict)

    def on_progress(self, progress: Progress, passage: Passage) -> bool:
        """Take in a progress message; return whether the watermark rose."""
        role = self._clocks.setdefault(passage.role.value, _RoleClocks())
        role.partitions = progress.partitions
        source = role.sources.get(progress.source.partition)
        if source is None or source.incarnation != progress.source.incarnation:
            source = role.sources[progress.source.partition] = SourceClock(
                progress.source.incarnation
            )
        source.on_progress(progress, passage.newest)
        if passage.newest is not None:
            self.newest = max(self.newest, passage.newest)
        risen = self._least()
        if risen <= self.watermark:
            return False
        self.watermark = risen
        return True

    def _least(self) -> Micros:
        if self.newest == BEFORE_ALL:
            return BEFORE_ALL
        for role in self.roles:
            clocks = self._clocks.get(role.value)
            if clocks is None or not clocks.complete:
                return BEFORE_ALL
        sources = list(self._sources())
        reported = min(source.points[-1].seen_at for source in sources)
        least = min(source.at(reported) for source in sources)
        # With every file at its end there is no later event to wait for.
        return self.newest if least >= AFTER_ALL else least

    def _sources(self) -> Iterator[SourceClock]:
        for role in self.roles:
            yield from self._clocks[role.value].current()

    def snapshot(self) -> StreamClockState:
        """The clock as it is stored."""
        return StreamClockState(self.watermark, self.newest, self._clocks)

    @classmethod
    def restore(cls, roles: tuple[Role, ...], state: StreamClockState) -> StreamClock:
        """The clock as it was when `state` was taken."""
        return cls(roles, state.watermark, state.newest, state.roles)
