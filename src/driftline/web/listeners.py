"""One who listens to alerts: a bounded queue. Who does not keep up is dropped, not waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.web.entries import Entry, Filter

QUEUED: Final = 256
"""Revisions that may wait for a listener."""


class Listener:
    """Gets the revisions that it wants, each once, in their order."""

    def __init__(
        self, wanted: Filter, backlog: Sequence[Entry], position: Mapping[int, int]
    ) -> None:
        self._wanted = wanted
        self._backlog = [one for one in reversed(backlog) if wanted.matches(one)]
        self._queue: asyncio.Queue[Entry] = asyncio.Queue(QUEUED)
        self._position = dict(position)
        self.dropped = asyncio.Event()
        """Set once it is told of nothing any more."""
        self.too_slow = False
        """Whether that was because it did not keep up."""

    @property
    def position(self) -> Mapping[int, int]:
        """The place behind what was handed out last: to go on from here misses nothing."""
        return self._position

    def offer(self, entry: Entry) -> None:
        """Queue a revision, if it is wanted; a full queue ends it."""
        if self.dropped.is_set() or not self._wanted.matches(entry):
            return
        try:
            self._queue.put_nowait(entry)
        except asyncio.QueueFull:
            self.too_slow = True
            self.drop()

    def drop(self) -> None:
        """End it."""
        self.dropped.set()

    async def next(self, within_seconds: float, end: Mapping[int, int]) -> Entry | None:
        """The next revision; None if none comes in this time. `end` is the feed's own position."""
        entry = self._backlog.pop() if self._backlog else await self._wait(within_seconds)
        if entry is not None:
            self._position[entry.partition] = entry.offset + 1
        elif self._queue.empty():
            # Unless one came in this very moment, all that was taken in is handed out or not
            # wanted.
            self._position.update(end)
        return entry

    async def _wait(self, within_seconds: float) -> Entry | None:
        try:
            async with asyncio.timeout(within_seconds):
                return await self._queue.get()
        except TimeoutError:
            return None
