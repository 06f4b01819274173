"""What a message brings about in the monitor, for the edge to log, count and publish."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftline.eventlog.messages import Command
    from driftline.model import Alarm, InstanceKey
    from driftline.monitor.state import Outgoing


@dataclass(slots=True)
class Effects:
    """What came of messages, in the order of the log."""

    alarms: list[tuple[InstanceKey, Alarm]] = field(default_factory=list)
    """Of single detectors."""
    events: list[Outgoing] = field(default_factory=list)
    """Alert events to publish."""
    unheard: list[Command] = field(default_factory=list)
    """Commands about alerts that do not live: they changed nothing."""

    def add(self, other: Effects) -> None:
        """Take in the effects of something that came after."""
        self.alarms += other.alarms
        self.events += other.events
        self.unheard += other.unheard
