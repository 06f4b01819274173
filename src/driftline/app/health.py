"""Is this worker well, and has it work? Read off its consumers, never guessed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.transport.app import PartitionProgress
    from driftline.transport.batches import TopicPartition


class StalledError(DriftlineError):
    """There is work, and none of it gets done."""


@dataclass(slots=True)
class _Place:
    acknowledged: int
    since: float


@dataclass(slots=True)
class Health:
    """What a worker knows of its own state. Times are seconds of a monotonic clock."""

    stall_after: float
    """How long a partition with unread records may stand still before the worker gives up."""
    beat_within: float
    """A worker whose last heartbeat is older than this is not ready."""
    started: bool = False
    """All roles have joined their groups."""
    last_beat: float | None = None
    """When the store last answered a heartbeat."""
    _places: dict[tuple[str, TopicPartition], _Place] = field(default_factory=dict)

    def on_beat(self, now: float) -> None:
        """The store answered."""
        self.last_beat = now

    def on_progress(
        self, now: float, group: str, progress: Mapping[TopicPartition, PartitionProgress]
    ) -> None:
        """Look at how far a role has come.

        Raises:
            StalledError: a partition has records to read and has stood still for too long. Faust
                can stop silently: then the process has to be started again.
        """
        for key in [key for key in self._places if key[0] == group and key[1] not in progress]:
            del self._places[key]
        for tp, one in progress.items():
            place = self._places.get((group, tp))
            if place is None or one.acknowledged != place.acknowledged or one.lag == 0:
                self._places[group, tp] = _Place(one.acknowledged, now)
            elif now - place.since > self.stall_after:
                msg = (
                    f"{group} stands still at offset {one.acknowledged} of {tp.topic}/"
                    f"{tp.partition} with {one.lag} to go, for {now - place.since:.0f} s"
                )
                raise StalledError(msg)

    def problem(self, now: float) -> str | None:
        """Why this worker is not ready to work; None if it is."""
        if not self.started:
            return "the roles have not joined their groups yet"
        if self.last_beat is None or now - self.last_beat > self.beat_within:
            return "redis has not answered a heartbeat lately"
        return None
