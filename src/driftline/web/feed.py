"""What the alerts topic tells, in memory: for lists, and for those who listen."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import structlog

from driftline.web.board import Board
from driftline.web.entries import read_entry
from driftline.web.listeners import Listener

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.web.entries import Entry, Filter
    from driftline.web.position import Position

log = structlog.get_logger(__name__)

RECENT: Final = 10_000
"""Revisions from which a stream may be resumed."""
MOST_SEEN: Final = 200_000
"""Alerts of which the last revision is remembered, so that a repetition is known as one."""
MOST_LISTENERS: Final = 500


class PositionGoneError(Exception):
    """What follows this place is not kept any more."""


class TooManyListenersError(Exception):
    """No more are let in."""


class Feed:
    """Takes in the records of the alerts topic, in order of each partition; serves all readers."""

    def __init__(self, board: Board | None = None, *, recent: int = RECENT) -> None:
        self.board = Board() if board is None else board
        self.caught_up = False
        """Whether all that was in the topic at the start is taken in."""
        self.unreadable = 0
        """Records that are no alert event of a version that this driftline reads."""
        self._position: Position = {}
        self._recent: deque[Entry] = deque()
        self._most_recent = recent
        self._gone: Position = {}
        """Per partition the offset behind the last record that is not in `_recent`, and may have
        been news."""
        self._seen: dict[str, int] = {}
        self._listeners: set[Listener] = set()

    @property
    def position(self) -> Mapping[int, int]:
        """How far the topic is taken in: per partition the next offset."""
        return self._position

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def begin(self, partition: int, first: int) -> None:
        """The topic begins here: what was before is gone, if it was not taken in."""
        if first > self._position.get(partition, 0):
            self._position[partition] = self._gone[partition] = first

    def take(self, partition: int, offset: int, timestamp: int, value: bytes | None) -> None:
        """Take in a record; one that was taken in before, or repeats a revision, is no news."""
        if offset < self._position.get(partition, 0):
            return
        self._position[partition] = offset + 1
        try:
            entry = read_entry((timestamp, partition, offset), value or b"")
        except ValueError as error:
            self.unreadable += 1
            log.warning("alert_unreadable", partition=partition, offset=offset, reason=str(error))
            return
        if entry.revision <= self._seen.pop(entry.alert_id, 0):
            self._seen[entry.alert_id] = entry.revision
            return
        self._remember(entry)
        self.board.put(entry)
        for listener in list(self._listeners):
            listener.offer(entry)

    def listen(self, wanted: Filter, since: Position | None) -> Listener:
        """Listen to what comes from now on, or since a place; `leave` it in the end.

        Raises:
            PositionGoneError: something behind that place is not kept any more.
            ValueError: the place lies beyond the end of the topic.
            TooManyListenersError: no more are let in.
        """
        if len(self._listeners) >= MOST_LISTENERS:
            raise TooManyListenersError
        backlog = [] if since is None else self._since(since)
        listener = Listener(wanted, backlog, self._position if since is None else since)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """It is not told of anything any more."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """Send all listeners away."""
        for listener in self._listeners:
            listener.drop()

    def _since(self, since: Position) -> list[Entry]:
        if any(offset > self._position.get(number, 0) for number, offset in since.items()):
            msg = "it lies beyond the end of the alerts topic"
            raise ValueError(msg)
        if any(since.get(number, 0) < offset for number, offset in self._gone.items()):
            raise PositionGoneError
        return [one for one in self._recent if one.offset >= since.get(one.partition, 0)]

    def _remember(self, entry: Entry) -> None:
        self._seen[entry.alert_id] = entry.revision
        if len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        self._recent.append(entry)
        if len(self._recent) > self._most_recent:
            gone = self._recent.popleft()
            self._gone[gone.partition] = gone.offset + 1
