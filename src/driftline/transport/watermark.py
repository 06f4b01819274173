"""Which offset of a partition may be committed: the end of the acknowledged prefix."""

from __future__ import annotations


class Watermark:
    """Follows the ranges of one partition through one assignment.

    Ranges are handed out without a hole, so acknowledged ranges join by their ends and a log with
    gaps needs no care.
    """

    def __init__(self, start: int, generation: int, committed: int | None) -> None:
        self.generation = generation
        self.handed = start
        """The end of what was handed out, the first offset of the next range."""
        self.done = start
        """The end of the acknowledged prefix."""
        self.committed = committed
        """What Kafka was last told; None: nothing yet."""
        self._early: dict[int, int] = {}

    def hand_out(self, end: int) -> int:
        """Give out the next range, which ends before `end`; returns where it begins."""
        first, self.handed = self.handed, end
        return first

    def ack(self, first: int, end: int) -> None:
        """A handed out range is done. A range that is behind the prefix changes nothing."""
        if first < self.done:
            return
        self._early[first] = end
        while (reached := self._early.pop(self.done, None)) is not None:
            self.done = reached

    @property
    def to_commit(self) -> int | None:
        """What Kafka should be told next, if anything."""
        if self.committed is None or self.done > self.committed:
            return self.done
        return None
