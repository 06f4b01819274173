"""Alerts about the monitor itself: any worker raises and clears them; they are kept in Redis."""

from driftline.health.alerts import HealthAlerts
from driftline.health.finding import Finding

__all__ = ["Finding", "HealthAlerts"]
