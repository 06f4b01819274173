"""What came of a run, as values; the report and the JSON are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.alerts.summary import subject
from driftline.model import SECOND, Micros, Severity, iso

if TYPE_CHECKING:
    from driftline.alerts.schema import DriftData
    from driftline.app.status.report import StreamStatus
    from driftline.demo.alerts import SeenAlert
    from driftline.demo.series import Series
    from driftline.eventlog.messages import Ints


RATE: Final = 8_000.0
"""Records a second at most: slow enough to watch, and for two cores to keep up with."""


@dataclass(frozen=True, slots=True)
class Lead:
    """How much sooner an alert came that needs no labels."""

    free: SeenAlert
    labelled: SeenAlert
    predictions: int
    """How many predictions were made between the two."""

    @property
    def duration(self) -> Micros:
        """In event time; negative if it came later."""
        return self.labelled.told_at - self.free.told_at


@dataclass(frozen=True, slots=True)
class Timings:
    """How long things took, in seconds of the clock on the wall."""

    start: float
    """From nothing to a worker that reads."""
    flow: float
    """From the first record sent to the last one applied."""
    total: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """All of it."""

    scene: str
    alerts: tuple[SeenAlert, ...]
    """Every revision of every alert, in the order in which they were read."""
    series: tuple[Series, ...]
    lead: Lead | None
    status: StreamStatus
    sent: int
    timings: Timings

    @property
    def opened(self) -> tuple[SeenAlert, ...]:
        """The first revisions, in the order of event time."""
        opened = [alert for alert in self.alerts if alert.opens]
        return tuple(sorted(opened, key=lambda alert: alert.told_at))

    def latest(self, alert: SeenAlert) -> DriftData:
        """The newest revision of the same alert."""
        return next(
            one.data for one in reversed(self.alerts) if one.data.alert_id == alert.data.alert_id
        )

    @property
    def events_per_second(self) -> float:
        """Predictions and labels that went through the worker."""
        return self.sent / self.timings.flow

    @property
    def delays(self) -> tuple[float, float, float] | None:
        """The least, median and largest time from a record in Kafka to its alert readable there."""
        known = [alert.seconds for alert in self.alerts if alert.seconds is not None]
        return (min(known), median(known), max(known)) if known else None

    @property
    def dead_lettered(self) -> int:
        """Records that were refused."""
        return sum(source.dead_lettered for source in self.status.sources)

    def to_json(self) -> dict[str, Any]:
        """As `driftline demo --json` prints it."""
        lead, delays = self.lead, self.delays
        return {
            "demo": self.scene,
            "alerts": [
                {
                    "told_at": iso(alert.told_at),
                    "record_to_alert_seconds": alert.seconds,
                    "alert": alert.data.model_dump(mode="json"),
                }
                for alert in self.alerts
            ],
            "lead": lead
            and {
                "signal": lead.free.data.signal,
                "before": lead.labelled.data.signal,
                "seconds": lead.duration / SECOND,
                "predictions": lead.predictions,
            },
            "records": self.sent,
            "applied": self.status.balance.applied,
            "dead_lettered": self.dead_lettered,
            "unaccounted": self.status.balance.difference,
            "events_per_second": self.events_per_second,
            "record_to_alert_seconds": delays
            and dict(zip(("min", "median", "max"), delays, strict=True)),
            "start_seconds": self.timings.start,
            "flow_seconds": self.timings.flow,
            "total_seconds": self.timings.total,
        }


def name_of(alert: SeenAlert) -> str:
    """What the alert is about, as a person would call it."""
    return subject(alert.data.signal, alert.data.signal_kind, alert.data.indicator)


def find_lead(opened: tuple[SeenAlert, ...], prediction_times: Ints) -> Lead | None:
    """The first alert that needed labels against the first that did not, in order of event time.

    Of the latter one of severity info counts only where there is no other. None if either is
    missing.
    """
    labelled = next((alert for alert in opened if alert.data.labels is not None), None)
    free = [alert for alert in opened if alert.data.labels is None]
    loud = [alert for alert in free if alert.data.severity is not Severity.INFO]
    if labelled is None or not free:
        return None
    first = (loud or free)[0]
    earlier, later = np.searchsorted(
        prediction_times, [first.told_at, labelled.told_at], side="right"
    ).tolist()
    return Lead(first, labelled, abs(later - earlier))
