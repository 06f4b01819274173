"""Any HTTP endpoint: gets CloudEvents in structured mode, signed as Standard Webhooks has it.

An alert's event is the one on the alerts topic. What is told of no alert, or of several, has an
event of its own: `io.driftline.test`, `io.driftline.digest`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import SecretBytes, SecretStr
from yarl import URL

from driftline.alerts.event import CONTENT_TYPE
from driftline.notify.notification import Failure, Purpose, Receipt
from driftline.notify.receivers.signing import sign
from driftline.notify.receivers.verdicts import check

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from driftline.notify.notification import Notification
    from driftline.notify.receivers.http import HttpClient

SOURCE: Final = "/driftline"
# Standard Webhooks: 410 means never again. The others are about the endpoint rather than the
# message: one that is being deployed, or whose key is being changed, answers so for a while.
VERDICTS: Final[Mapping[int, Failure]] = {
    HTTPStatus.UNAUTHORIZED: Failure.AGAIN,
    HTTPStatus.FORBIDDEN: Failure.AGAIN,
    HTTPStatus.NOT_FOUND: Failure.AGAIN,
    HTTPStatus.METHOD_NOT_ALLOWED: Failure.AGAIN,
    HTTPStatus.CONFLICT: Failure.AGAIN,
    HTTPStatus.GONE: Failure.REVOKED,
}


class WebhookReceiver:
    """One endpoint."""

    def __init__(self, client: HttpClient, url: URL, key: bytes | None) -> None:
        self.takes_groups = False
        self.keep_alive: timedelta | None = None
        self._client = client
        # It may hold a secret too.
        self._url = SecretStr(str(url))
        self._key = None if key is None else SecretBytes(key)

    async def send(self, notification: Notification) -> Receipt:
        """Post its event.

        Raises:
            DeliveryError: the endpoint did not say 2xx.
        """
        await self.send_event(notification.id, _event(notification))
        return Receipt()

    async def send_event(self, message_id: str, event: bytes) -> None:
        """Post a CloudEvent; `message_id` is the same over all attempts.

        Raises:
            DeliveryError: as `send` does.
        """
        headers = {"Content-Type": CONTENT_TYPE, "webhook-id": message_id}
        if self._key is not None:
            headers |= sign(self._key.get_secret_value(), message_id, self._client.now(), event)
        url = URL(self._url.get_secret_value(), encoded=True)
        answer = await self._client.post(url, event, headers)
        check(self._client, answer, VERDICTS)

    async def close(self) -> None:
        """No connection is kept."""


def _event(notification: Notification) -> bytes:
    alerts = notification.alerts
    if len(alerts) == 1 and notification.purpose is not Purpose.DIGEST:
        return alerts[0].model_dump_json().encode()
    if alerts:
        data = {
            "held_back": notification.held_back,
            "alerts": [envelope.model_dump(mode="json")["data"] for envelope in alerts],
        }
        return _own_event("io.driftline.digest", alerts[0].source, notification, data)
    return _own_event("io.driftline.test", SOURCE, notification, {})


def _own_event(kind: str, source: str, notification: Notification, data: dict[str, Any]) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": notification.id,
            "source": source,
            "type": kind,
            "datacontenttype": "application/json",
            "data": {"receiver": notification.receiver, **data},
        }
    )
