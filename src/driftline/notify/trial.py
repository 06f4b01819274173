"""A test message: whether what is sent to a receiver arrives."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from driftline.notify.notification import Notification, Purpose

if TYPE_CHECKING:
    from driftline.notify.notification import Receiver


async def send_trial(name: str, receiver: Receiver, *, base_url: str | None = None) -> str:
    """Send one, and close the receiver; hands back the notification's id.

    Raises:
        DeliveryError: it did not arrive, or nobody knows whether it did.
    """
    notification = Notification(uuid.uuid4().hex, name, Purpose.TEST, (), base_url=base_url)
    try:
        await receiver.send(notification)
    finally:
        await receiver.close()
    return notification.id
