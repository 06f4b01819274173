"""PagerDuty's Events API v2: an alert is an incident, known to both by the alert's id."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftline.alerts.alert import Status
from driftline.alerts.summary import clean
from driftline.model import Severity
from driftline.notify.links import alert_link, runbook
from driftline.notify.notification import Failure, Purpose, Receipt
from driftline.notify.receivers.quoting import quote_answer
from driftline.notify.receivers.verdicts import check
from driftline.notify.words import facts, moved_with, sentence, title, where

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from pydantic import SecretStr
    from yarl import URL

    from driftline.alerts.schema import AlertData
    from driftline.notify.notification import Notification
    from driftline.notify.receivers.http import HttpClient

MAX_SUMMARY: Final = 1_024
CLIENT: Final = "driftline"
HEADERS: Final = {"Content-Type": "application/json"}
SEVERITIES: Final = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}
# 400 is what is documented for a wrong event; these are about the key or the account.
VERDICTS: Final[Mapping[int, Failure]] = {
    HTTPStatus.UNAUTHORIZED: Failure.REVOKED,
    HTTPStatus.FORBIDDEN: Failure.REVOKED,
    HTTPStatus.NOT_FOUND: Failure.REVOKED,
    HTTPStatus.GONE: Failure.REVOKED,
}


class PagerDutyReceiver:
    """One integration of a service."""

    def __init__(self, client: HttpClient, url: URL, routing_key: SecretStr) -> None:
        self.takes_groups = False
        self.keep_alive: timedelta | None = None
        self._client = client
        self._url = url
        self._routing_key = routing_key

    async def send(self, notification: Notification) -> Receipt:
        """Trigger, acknowledge or resolve the incident of each alert; in a digest of all of them.

        Raises:
            DeliveryError: an event was not taken; those before it were, and repeating them changes
                nothing.
        """
        for event in _events(notification):
            await self._enqueue(event)
        return Receipt()

    async def close(self) -> None:
        """No connection is kept."""

    async def _enqueue(self, event: dict[str, Any]) -> None:
        key = self._routing_key.get_secret_value()
        body = msgspec.json.encode({"routing_key": key, **event})
        answer = await self._client.post(self._url, body, HEADERS)
        check(self._client, answer, VERDICTS, said=quote_answer(answer.body, [key]))


def _events(notification: Notification) -> Iterator[dict[str, Any]]:
    if notification.purpose is Purpose.TEST or not notification.alerts:
        yield from _test(notification)
    for envelope in notification.alerts:
        data = envelope.data
        action = _action(data)
        event = {"event_action": action, "dedup_key": data.alert_id}
        yield {**event, **_details(data, notification.base_url)} if action == "trigger" else event


def _action(data: AlertData) -> str:
    if data.status is Status.RESOLVED:
        return "resolve"
    return "trigger" if data.acknowledged is None else "acknowledge"


def _details(data: AlertData, base_url: str | None) -> dict[str, Any]:
    details = {one.name: one.value for one in facts(data)}
    details |= {f"Moved with it: {one.name}": one.value for one in moved_with(data)}
    page = alert_link(base_url, data)
    return {
        "client": CLIENT,
        **({} if page is None else {"client_url": page}),
        "links": [] if page is None else [{"href": page, "text": "the alert in driftline"}],
        "payload": {
            "summary": title(data)[:MAX_SUMMARY],
            "source": where(data),
            "severity": SEVERITIES[data.severity],
            "timestamp": (data.seen_at or data.at).isoformat(),
            "component": clean(data.signal),
            "group": clean(data.stream or data.deployment),
            "class": data.kind,
            "custom_details": {
                "Summary": sentence(data.summary),
                **details,
                "Alert": f"{data.alert_id}.{data.revision}",
                "Deployment": clean(data.deployment),
                "Runbook": runbook(data),
            },
        },
    }


def _test(notification: Notification) -> Iterator[dict[str, Any]]:
    """An incident that ends at once."""
    yield {
        "event_action": "trigger",
        "dedup_key": notification.id,
        "client": CLIENT,
        "payload": {
            "summary": "This is a test: notifications of driftline arrive here.",
            "source": CLIENT,
            "severity": "info",
        },
    }
    yield {"event_action": "resolve", "dedup_key": notification.id}
