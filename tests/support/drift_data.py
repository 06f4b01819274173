"""Alert events of drift alerts, read back."""

from __future__ import annotations

from driftline.alerts.event import read_event
from driftline.alerts.schema import DriftData


def read_drift(value: bytes) -> DriftData:
    """The drift alert in this event."""
    data = read_event(value).data
    assert isinstance(data, DriftData)
    return data
