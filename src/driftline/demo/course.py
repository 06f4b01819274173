"""The course of events that is played, with its times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from driftline.model import Role

if TYPE_CHECKING:
    from driftline.eventlog.messages import Ints
    from driftline.model import Micros
    from driftline.recorded import Timeline


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A timeline, and when its events are."""

    timeline: Timeline
    times: Ints
    """The event times of all records, ascending."""
    predictions: Ints
    """Those of the predictions."""

    def __len__(self) -> int:
        return len(self.times)

    def at(self, count: int) -> Micros:
        """How far event time has come with so many records."""
        return int(self.times[max(count, 1) - 1])


def load_course(timeline: Timeline) -> Course:
    """Read a timeline through.

    Raises:
        RecordingError: a file does not read.
    """
    batches = [(batch.roles, batch.times) for batch in timeline]
    return Course(
        timeline,
        np.sort(np.concatenate([times for _, times in batches])),
        np.concatenate([times for roles, times in batches if Role.PREDICTIONS in roles]),
    )
