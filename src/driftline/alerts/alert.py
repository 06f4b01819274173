"""One alert while it lives, and the changes of it that are told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from driftline.alerts.course import Point  # noqa: TC001 - a field's type
from driftline.alerts.evidence import Evidence  # noqa: TC001 - read at run time by msgspec
from driftline.alerts.lifecycle import AlertState, Reason, Step, move
from driftline.alerts.recovery import Recovery  # noqa: TC001 - read at run time by msgspec
from driftline.model import Alarm, Direction, InstanceKey, Micros, Severity, SignalKind


class Status(StrEnum):
    """The two states of an alert that are told."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Testimony:
    """What one detector profile said during an alert."""

    profile: str
    kind: str
    alarms: int
    """How often it has alarmed in this alert."""
    values_seen: int
    """How many values it had been given at its first alarm in this alert, that one included."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A person has taken an alert on."""

    by: str
    at: Micros
    """By the clock of who asked."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert fired, changed in a way that a person would care about, or ended."""

    alert_id: str
    fingerprint: str
    revision: int
    """1 when the alert fires, then rising by 1 with every change that is told."""
    instance: InstanceKey
    signal: str
    kind: SignalKind
    slice: str | None
    status: Status
    reason: Reason | None
    """Why it ended; None while it fires."""
    severity: Severity
    direction: Direction
    """What the alert is about: up, down, or both for a categorical feature (`evidence` says which
    way it went)."""
    indicator: str
    """For a categorical feature the value whose share the evidence is of; else empty."""
    evidence: Evidence
    alarms: int
    """How many alarms of all detectors this alert holds."""
    witnesses: tuple[Testimony, ...]
    opened: Alarm
    """The alarm that opened it, with the record that set it off."""
    incarnation: str
    """Of that record's topic; empty if unknown."""
    at: Micros
    """The event time of the record at which this change was decided; the very moment, where time
    decided it."""
    newest: Micros
    """The event time up to which the signal is known."""
    acknowledged: Acknowledgement | None = None
    history: tuple[Point, ...] = ()
    """The signal's course around the change, oldest first."""
    row: int | None = None
    """Where in the values given to `extend` it was decided; None if not there."""


@dataclass(slots=True)
class Alert:
    """A living alert: what it is about, what is known of it, and the test that will end it."""

    id: str
    fingerprint: str
    direction: Direction
    indicator: str
    opened: Alarm
    incarnation: str
    evidence: Evidence
    recovery: Recovery
    told: float
    """The level that the last change told of."""
    state: AlertState = AlertState.INACTIVE
    revision: int = 0
    alarms: int = 0
    witnesses: tuple[Testimony, ...] = ()
    rows: int = 0
    """Values since it opened."""
    latest: Alarm | None = None
    latest_incarnation: str = ""
    latest_rows: int = 0
    """Its `rows` at its latest alarm."""
    since: Micros = 0
    """The event time by which its first alarm was known: how long it lasts counts from here."""
    fired_at: Micros | None = None
    """The event time at which it came to fire; None while it is pending."""
    acknowledged: Acknowledgement | None = None

    @property
    def sign(self) -> int:
        """1 for an alert of a level that rose, -1 for one that fell."""
        return -1 if self.evidence.direction is Direction.DOWN else 1

    def hear(self, alarm: Alarm, incarnation: str) -> bool:
        """Count an alarm; True if its profile had not spoken before in this alert."""
        self.state = move(self.state, Step.DRIFT)
        self.alarms += 1
        self.latest, self.latest_incarnation, self.latest_rows = alarm, incarnation, self.rows
        known = {one.profile: one for one in self.witnesses}
        old = known.get(alarm.profile)
        known[alarm.profile] = (
            Testimony(alarm.profile, alarm.kind, 1, alarm.values_seen)
            if old is None
            else replace(old, alarms=old.alarms + 1)
        )
        self.witnesses = tuple(known.values())
        return old is None

    def fire(self, at: Micros) -> None:
        """The drift has lasted for as long as asked."""
        self.state = move(self.state, Step.HELD)
        self.fired_at = at

    def end(self, reason: Reason) -> None:
        """Nothing but late alarms can happen to it from here on; if it was pending, nothing.

        Raises:
            IllegalTransition: it has ended, or what is pending cannot end so.
        """
        pending = self.state is AlertState.PENDING
        quiet = pending and reason is Reason.RECOVERED
        self.state = move(self.state, Step.QUIET if quiet else Step(reason))
