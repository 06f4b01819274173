"""Whether an alarm opens an alert, and the alert that it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.alerts.alert import Alert
from driftline.alerts.evidence import Evidence
from driftline.alerts.identity import Fingerprint
from driftline.alerts.split import find_change
from driftline.alerts.weighing import begin_test, leads_back, settled_elsewhere
from driftline.model import Direction, SignalKind

if TYPE_CHECKING:
    from driftline.alerts.ring import Ring
    from driftline.alerts.split import Finding
    from driftline.alerts.state import Ended
    from driftline.config.watches import Watch
    from driftline.model import Alarm, InstanceKey, Micros


def find_news(
    ring: Ring, series: tuple[str, ...], ended: Ended | None, alarm: Alarm
) -> Finding | None:
    """The change that an alarm speaks of; None for the way back of the alert that ended."""
    finding = find_change(ring, row_of(series, alarm.indicator))
    if ended is None:
        return finding
    same = series[finding.row] == ended.indicator
    if finding.real and not (same and leads_back(finding, ended.reference)):
        return finding
    if finding.real:
        ring.mark = finding.boundary
    return settled_elsewhere(ring, row_of(series, ended.indicator), ended.reference)


def counts(watch: Watch, direction: Direction) -> bool:
    """Whether a move this way is an alert; any is for a categorical feature."""
    if direction is Direction.BOTH:
        return False
    categorical = watch.kind is SignalKind.CATEGORICAL
    return categorical or watch.direction in (Direction.BOTH, direction)


def open_alert(
    instance: InstanceKey,
    watch: Watch,
    ring: Ring,
    finding: Finding,
    alarm: Alarm,
    *,
    indicator: str,
    incarnation: str,
    since: Micros,
) -> Alert:
    """The pending alert about a finding, which its first alarm opened.

    What the ring holds before the change is from here on another level.
    """
    categorical = watch.kind is SignalKind.CATEGORICAL
    fingerprint = Fingerprint(
        instance=instance.name,
        signal=watch.signal,
        slice=None,
        direction=Direction.BOTH if categorical else finding.direction,
    )
    ring.mark = finding.boundary
    alert = Alert(
        id=fingerprint.alert_id(alarm.trigger, incarnation),
        fingerprint=fingerprint.digest,
        direction=fingerprint.direction,
        indicator=indicator,
        opened=alarm,
        incarnation=incarnation,
        evidence=Evidence(
            before=finding.before,
            after=finding.after,
            change_at=finding.change_at,
            direction=finding.direction,
        ),
        recovery=begin_test(ring, finding),
        told=finding.after.mean,
        since=since,
    )
    alert.hear(alarm, incarnation)
    return alert


def row_of(series: tuple[str, ...], indicator: str) -> int:
    """Where an indicator's series is among them; the first for one that is not there."""
    return series.index(indicator) if indicator in series else 0
