"""What is told of an alert: one change of it, with all that explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.alerts.alert import AlertChange, Status
from driftline.alerts.course import course

if TYPE_CHECKING:
    from driftline.alerts.alert import Alert
    from driftline.alerts.lifecycle import Reason
    from driftline.alerts.ring import Ring
    from driftline.config.watches import Watch
    from driftline.model import InstanceKey, Micros


def tell(
    alert: Alert,
    instance: InstanceKey,
    watch: Watch,
    ring: Ring,
    *,
    series: int,
    at: Micros,
    newest: Micros,
    reason: Reason | None = None,
    row: int | None = None,
) -> AlertChange:
    """The next revision of an alert, for people; it then counts as told.

    `series` is the one in the ring that the evidence is of.
    """
    alert.revision += 1
    alert.told = alert.evidence.present.mean
    return AlertChange(
        alert_id=alert.id,
        fingerprint=alert.fingerprint,
        revision=alert.revision,
        instance=instance,
        signal=watch.signal,
        kind=watch.kind,
        slice=None,
        status=Status.FIRING if reason is None else Status.RESOLVED,
        reason=reason,
        severity=watch.severity,
        direction=alert.direction,
        indicator=alert.indicator,
        evidence=alert.evidence,
        alarms=alert.alarms,
        witnesses=alert.witnesses,
        opened=alert.opened,
        incarnation=alert.incarnation,
        at=at,
        newest=newest,
        acknowledged=alert.acknowledged,
        history=course(ring, series, alert.evidence.change_at),
        row=row,
    )
