"""What a message brings about in the monitor, for the edge to log, count and publish."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftline.model import Alarm, InstanceKey
    from driftline.monitor.state import Outgoing


@dataclass(slots=True)
class Effects:
    """Alarms of single detectors, and alert events to publish, in the order of the log."""

    alarms: list[tuple[InstanceKey, Alarm]] = field(default_factory=list)
    events: list[Outgoing] = field(default_factory=list)

    def add(self, other: Effects) -> None:
        """Take in the effects of something that came after."""
        self.alarms += other.alarms
        self.events += other.events
