"""The alert event of a silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.alerts.event import acknowledged_data, as_record
from driftline.alerts.lifecycle import Reason
from driftline.alerts.schema import SilenceData
from driftline.model import SECOND, to_datetime

if TYPE_CHECKING:
    from driftline.alerts.event import AlertEvent
    from driftline.config.streams import StreamSpec
    from driftline.model import InstanceKey, Micros
    from driftline.monitor.silence_state import SilenceChange

_UNITS: Final = ((2 * 86_400, 86_400, "days"), (7_200, 3_600, "h"), (120, 60, "min"))
_ENDS: Final = {
    Reason.ACCEPTED: "this was accepted as usual",
    Reason.WITHDRAWN: "this is no longer watched",
}


def build_silence_event(
    deployment: str,
    instance: InstanceKey,
    spec: StreamSpec,
    change: SilenceChange,
    *,
    seen_at: Micros | None,
) -> AlertEvent:
    """The event that tells of a change."""
    return as_record(
        SilenceData(
            schema_version=1,
            alert_id=change.alert_id,
            fingerprint=change.fingerprint,
            revision=change.revision,
            kind="silence",
            deployment=deployment,
            stream=instance.stream,
            instance=instance.name,
            signal=change.role.value,
            owner=spec.owner,
            tags=spec.tags,
            status=change.status,
            reason=change.reason,
            severity=spec.silence.severity,
            acknowledged=acknowledged_data(change.acknowledged),
            at=to_datetime(change.at),
            seen_at=None if seen_at is None else to_datetime(seen_at),
            since=to_datetime(change.since),
            expected_within_seconds=(change.due - change.since) / SECOND,
            summary=_summarise(change),
        )
    )


def _summarise(change: SilenceChange) -> str:
    what, since = change.role.value, f"{to_datetime(change.since):%Y-%m-%d %H:%M} UTC"
    if change.reason is Reason.RECOVERED:
        return f"{what} come again; there were none for {_span(change.at - change.since)}"
    silence = f"no {what} for more than {_span(change.due - change.since)}: the last at {since}"
    return silence if change.reason is None else f"{silence}; {_ENDS[change.reason]}"


def _span(span: Micros) -> str:
    seconds = span / SECOND
    size, unit = next(((size, unit) for least, size, unit in _UNITS if seconds >= least), (1, "s"))
    return f"{seconds / size:.3g} {unit}"
