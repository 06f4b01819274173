"""A health alert that lives, as it is kept, and the events that tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from driftline.alerts.alert import Status
from driftline.alerts.event import as_record
from driftline.alerts.identity import health_alert_id, health_fingerprint
from driftline.alerts.schema import HealthData
from driftline.errors import StateError
from driftline.model import Micros, Severity, to_datetime

if TYPE_CHECKING:
    from driftline.alerts.event import AlertEvent
    from driftline.alerts.lifecycle import Reason
    from driftline.health.finding import Finding

FOR_EVER: Micros = 0


class OpenAlert(msgspec.Struct, frozen=True):
    """A living alert, and who says that it lives."""

    signal: str
    subject: str
    summary: str
    details: dict[str, str | int | float]
    stream: str | None
    instance: str | None
    severity: Severity
    since: Micros
    sources: dict[str, Micros]
    """Who says so, each with the moment up to which that counts; 0: until it is taken back."""

    @classmethod
    def of(cls, signal: str, subject: str, finding: Finding, since: Micros) -> OpenAlert:
        """A new alert, of which nobody has said yet that it lives."""
        return cls(
            signal=signal,
            subject=subject,
            summary=finding.summary,
            details=dict(finding.details),
            stream=finding.stream,
            instance=finding.instance,
            severity=finding.severity,
            since=since,
            sources={},
        )

    def said(self, source: str, until: Micros) -> OpenAlert:
        """This source says that it lives."""
        return msgspec.structs.replace(self, sources={**self.sources, source: until})

    def without(self, source: str) -> OpenAlert:
        """This source says so no more."""
        left = {name: until for name, until in self.sources.items() if name != source}
        return msgspec.structs.replace(self, sources=left)

    def at(self, now: Micros) -> OpenAlert:
        """Without those whose word does not count any more."""
        left = {
            name: until for name, until in self.sources.items() if until == FOR_EVER or until > now
        }
        return msgspec.structs.replace(self, sources=left)

    def event(self, deployment: str, at: Micros, reason: Reason | None = None) -> AlertEvent:
        """The event that it lives, or that it ended for a reason."""
        now = to_datetime(at)
        return as_record(
            HealthData(
                schema_version=1,
                alert_id=health_alert_id(deployment, self.signal, self.subject, self.since),
                fingerprint=health_fingerprint(deployment, self.signal, self.subject),
                revision=1 if reason is None else 2,
                kind="health",
                deployment=deployment,
                stream=self.stream,
                instance=self.instance,
                signal=self.signal,
                status=Status.FIRING if reason is None else Status.RESOLVED,
                reason=reason,
                severity=self.severity,
                at=now,
                seen_at=now,
                since=to_datetime(self.since),
                details=self.details,
                summary=self.summary if reason is None else f"over: {self.summary}",
            )
        )

    def encode(self) -> bytes:
        """As it is kept."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, blob: bytes) -> OpenAlert:
        """The inverse of `encode`.

        Raises:
            StateError: it does not decode.
        """
        try:
            return msgspec.json.decode(blob, type=cls)
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"a health alert in redis does not decode: {error}"
            raise StateError(msg) from error
