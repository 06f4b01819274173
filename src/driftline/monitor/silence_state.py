"""What is remembered of a source that may fall silent, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from driftline.alerts.alert import Acknowledgement, Status
from driftline.model import Micros  # noqa: TC001 - msgspec reads it
from driftline.monitor.usual_state import CountingState  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from driftline.alerts.lifecycle import Reason
    from driftline.model import Role


class Place(msgspec.Struct, array_like=True, frozen=True):
    """A record, and its event time."""

    at: Micros
    topic: str
    incarnation: str
    partition: int
    offset: int


class Gap(msgspec.Struct, array_like=True):
    """A stretch of event time without a row that may be too long."""

    since: Place
    until: Micros
    """The event time of the row behind it."""
    ended: Micros
    """The event time of the row that came first of those behind it."""
    due: Micros | None = None
    """When it has become too long; None as long as that is not known."""


class Silent(msgspec.Struct, array_like=True):
    """A living alert."""

    since: Place
    due: Micros
    revision: int = 1
    acknowledged: Acknowledgement | None = None


class SilenceState(msgspec.Struct, array_like=True):
    """What changes with every row."""

    newest: Place | None = None
    gaps: list[Gap] = msgspec.field(default_factory=list)
    alert: Silent | None = None
    due: Micros | None = None
    """When silence since `newest` becomes too long; None as long as that is not known."""
    counting: CountingState | None = None


@dataclass(frozen=True, slots=True)
class SilenceChange:
    """A silence became an alert, or such an alert ended."""

    alert_id: str
    fingerprint: str
    revision: int
    role: Role
    reason: Reason | None
    """Why it ended; None while it fires."""
    since: Micros
    """The event time of the last record."""
    due: Micros
    """When the silence became too long."""
    at: Micros
    """Of the record that ended it, or when it became too long."""
    acknowledged: Acknowledgement | None = None

    @property
    def status(self) -> Status:
        """Firing or resolved."""
        return Status.FIRING if self.reason is None else Status.RESOLVED
