"""A receiver that writes what it is told to the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from driftline.notify.notification import Receipt

if TYPE_CHECKING:
    from datetime import timedelta

    from driftline.notify.notification import Notification

log = structlog.get_logger(__name__)


class LogReceiver:
    """One line for each alert. It never fails."""

    def __init__(self) -> None:
        self.takes_groups = True
        self.keep_alive: timedelta | None = None

    async def send(self, notification: Notification) -> Receipt:
        """Write its lines."""
        common = {
            "receiver": notification.receiver,
            "purpose": notification.purpose.value,
            "notification": notification.id,
        }
        if not notification.alerts:
            log.info("notification", **common)
        for envelope in notification.alerts:
            data = envelope.data
            log.info(
                "notification",
                **common,
                alert_id=data.alert_id,
                revision=data.revision,
                status=data.status.value,
                severity=data.severity.value,
                summary=data.summary,
            )
        return Receipt()

    async def close(self) -> None:
        """Nothing is open."""
