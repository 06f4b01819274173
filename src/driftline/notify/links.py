"""Where a notification leads: the alert's page, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from driftline.alerts.schema import DriftData, SilenceData

if TYPE_CHECKING:
    from driftline.alerts.schema import AlertData

RUNBOOK: Final = "docs/runbook.md"
"""In driftline's repository."""

_OF_SIGNALS: Final = {
    "error": "the-error-or-the-loss-moved",
    "loss": "the-error-or-the-loss-moved",
    "score": "the-predictions-or-the-scores-moved",
    "prediction": "the-predictions-or-the-scores-moved",
    "label": "the-labels-moved",
    "label_delay": "labels-come-later-or-sooner",
    "feature": "a-feature-moved",
    "missing": "values-are-missing",
}
_OF_SILENCES: Final = {
    "predictions": "no-predictions-come",
    "labels": "no-labels-come",
}
_OF_HEALTH: Final = {
    "lag": "the-monitor-lags",
    "dead_letters": "records-are-refused",
    "suspended": "a-stream-is-suspended",
    "state_lost": "state-was-lost",
    "receiver": "a-receiver-fails",
}
OTHERS: Final = "any-other-alert"
ANCHORS: Final = (*_OF_SIGNALS.values(), *_OF_SILENCES.values(), *_OF_HEALTH.values(), OTHERS)
"""Every heading of the runbook that a notification may name."""


def runbook(data: AlertData) -> str:
    """The part of the runbook that is about such an alert."""
    if isinstance(data, DriftData):
        anchor = _OF_SIGNALS.get(data.signal.partition(".")[0], OTHERS)
    else:
        known = _OF_SILENCES if isinstance(data, SilenceData) else _OF_HEALTH
        anchor = known.get(data.signal, OTHERS)
    return f"{RUNBOOK}#{anchor}"


def alert_link(base_url: str | None, data: AlertData) -> str | None:
    """The alert in the API; None where nobody said how people reach it."""
    if base_url is None:
        return None
    return f"{base_url.rstrip('/')}/v1/alerts/{quote(data.alert_id, safe='')}"
