"""Alert events as they are on the alerts topic, to be told of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftline.alerts.event import as_record, read_event
from driftline.alerts.schema import AlertEnvelope, DriftData, HealthData, SilenceData

CHANGED: Final = datetime(2019, 3, 4, 10, 0, tzinfo=UTC)
SEEN: Final = datetime(2019, 3, 4, 12, 30, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)


def sample(mean: float, count: int, begin: datetime) -> dict[str, Any]:
    return {
        "mean": mean,
        "sd": 0.25,
        "count": count,
        "first_at": begin,
        "last_at": begin + 2 * HOUR,
    }


def points(count: int = 32, *, low: float = 0.056, high: float = 0.083) -> list[dict[str, Any]]:
    """The signal's course; it moves half-way."""
    return [
        {
            "at": CHANGED + (place - count // 2) * HOUR / 4,
            "mean": (low if place < count // 2 else high) + 0.004 * (place % 3),
            "count": 32,
        }
        for place in range(count)
    ]


def _common(kind: str, **given: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "alert_id": "0123456789abcdef0123",
        "fingerprint": "fedcba98765432100123",
        "revision": 1,
        "deployment": "prod",
        "stream": "car-loan",
        "instance": "car-loan/2019-01",
        "kind": kind,
        "owner": "risk",
        "tags": ["eu", "loans"],
        "status": "firing",
        "reason": None,
        "severity": "critical",
        "at": SEEN,
        "seen_at": SEEN,
        **given,
    }


def _envelope(data: DriftData | SilenceData | HealthData) -> AlertEnvelope:
    return read_event(as_record(data).value)


def drift_event(**given: Any) -> AlertEnvelope:
    """The error rose; `given` replaces fields of the data."""
    fields = {
        "signal": "error",
        "signal_kind": "binary",
        "indicator": "",
        "slice": None,
        "direction": "up",
        "model_versions": ["2019-01"],
        "detectors": [
            {"profile": "adwin", "kind": "adwin", "parameters": {}, "alarms": 2, "values_seen": 900}
        ],
        "alarms": 2,
        "trigger": {
            "topic": "loans.labels",
            "incarnation": "kQ2x",
            "partition": 0,
            "offset": 899,
            "id": "a-17",
            "at": SEEN,
            "detector": "adwin",
            "values_seen": 900,
        },
        "evidence": {
            "before": sample(0.0563, 75_000, CHANGED - 50 * HOUR),
            "after": sample(0.0842, 2_000, CHANGED),
            "now": None,
            "absolute_change": 0.0279,
            "relative_change": 0.4955,
            "effect_size": 0.11,
            "direction": "up",
            "change_at": CHANGED,
        },
        "labels": {
            "joined": 900,
            "waiting": 50,
            "expired": 50,
            "coverage": 0.9,
            "mean_delay_seconds": 30 * 86_400.0,
        },
        "moved_with": [
            {
                "signal": "feature.car_value",
                "indicator": "",
                "before": sample(24_000.0, 500, CHANGED - HOUR),
                "after": sample(31_000.0, 500, CHANGED),
                "effect_size": 0.8,
            }
        ],
        "history": points(),
        "summary": "error rose from 5.6 % to 8.4 % (+50 %) around 2019-03-04 10:00 UTC; "
        "2,000 labelled outcomes since",
    }
    return _envelope(DriftData.model_validate(_common("drift", **{**fields, **given})))


def resolved_event(**given: Any) -> AlertEnvelope:
    """The same alert at its end."""
    return drift_event(
        **{
            "revision": 3,
            "status": "resolved",
            "reason": "recovered",
            "summary": "error is back at 5.7 % (reference 5.6 %) since 2019-03-05 09:00 UTC; "
            "it had risen from 5.6 % to 8.4 %",
            **given,
        }
    )


def silence_event(**given: Any) -> AlertEnvelope:
    """No predictions come."""
    fields = {
        "signal": "predictions",
        "since": CHANGED,
        "expected_within_seconds": 900.0,
        "summary": "no predictions of car-loan since 2019-03-04 10:00 UTC; usual are 15 min",
    }
    return _envelope(SilenceData.model_validate(_common("silence", **{**fields, **given})))


def health_event(**given: Any) -> AlertEnvelope:
    """The monitor lags."""
    fields = {
        "signal": "lag",
        "stream": None,
        "instance": None,
        "severity": "warning",
        "since": CHANGED,
        "details": {"behind_seconds": 912.5, "limit": 300},
        "summary": "the monitor is 15 min behind its sources",
    }
    return _envelope(HealthData.model_validate(_common("health", **{**fields, **given})))
