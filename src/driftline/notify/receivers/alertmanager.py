"""A Prometheus Alertmanager, by its API v2: it does the grouping, muting and sending.

It forgets what it is not told again. So an alert that fires is told every minute, as one that ends
five minutes from then (Prometheus does the same); one that ended is told as ended now. The labels
are the alert's identity to it and stay the same for life, as far as declarations do; `alert_id`
among them keeps an alert and its successor apart.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftline.alerts.alert import Status
from driftline.alerts.schema import DriftData
from driftline.notify.links import alert_link, runbook
from driftline.notify.notification import Failure, Purpose, Receipt
from driftline.notify.receivers.quoting import quote_answer
from driftline.notify.receivers.verdicts import check
from driftline.notify.words import facts, moved_with, sentence, title

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr
    from yarl import URL

    from driftline.alerts.schema import AlertData
    from driftline.notify.notification import Notification
    from driftline.notify.receivers.http import HttpClient

KEEP_ALIVE: Final = timedelta(minutes=1)
MISSED: Final = 5
"""So many times an alert may not be told again before Alertmanager takes it as ended."""
ALERTS_PATH: Final = "/api/v2/alerts"
STARTS_AT: Final = "starts_at"

# A proxy before it answers 404 while it is away; wrong credentials stay wrong.
VERDICTS: Final[Mapping[int, Failure]] = {
    HTTPStatus.UNAUTHORIZED: Failure.REVOKED,
    HTTPStatus.FORBIDDEN: Failure.REVOKED,
    HTTPStatus.NOT_FOUND: Failure.AGAIN,
    HTTPStatus.GONE: Failure.REVOKED,
}


class AlertmanagerReceiver:
    """One Alertmanager."""

    def __init__(
        self,
        client: HttpClient,
        url: URL,
        *,
        username: str = "",
        password: SecretStr | None = None,
        keep_alive: timedelta = KEEP_ALIVE,
    ) -> None:
        self.takes_groups = True
        self.keep_alive: timedelta | None = keep_alive
        self._client = client
        self._url = url
        self._username = username
        self._password = password
        self._lives = MISSED * keep_alive

    async def send(self, notification: Notification) -> Receipt:
        """Post all alerts in one request.

        Raises:
            DeliveryError: they were not taken; repeating them changes nothing.
        """
        now = self._client.now()
        memory = {
            envelope.data.alert_id: _remembered(notification, envelope.data, now)
            for envelope in notification.alerts
        }
        alerts = [
            self._alert(one.data, memory[one.data.alert_id], now, notification.base_url)
            for one in notification.alerts
        ]
        if notification.purpose is Purpose.TEST or not alerts:
            alerts = [self._test(notification, now)]
        await self._post(alerts)
        return Receipt(memory)

    async def close(self) -> None:
        """No connection is kept."""

    async def _post(self, alerts: list[dict[str, Any]]) -> None:
        headers = {"Content-Type": "application/json"}
        secrets: tuple[str, ...] = ()
        if self._password is not None:
            password = self._password.get_secret_value()
            pair = base64.b64encode(f"{self._username}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
            secrets = (password, pair)
        answer = await self._client.post(self._url, msgspec.json.encode(alerts), headers)
        check(self._client, answer, VERDICTS, said=quote_answer(answer.body, secrets))

    def _alert(
        self, data: AlertData, remembered: Mapping[str, str], now: datetime, base_url: str | None
    ) -> dict[str, Any]:
        ended = data.status is Status.RESOLVED
        page = alert_link(base_url, data)
        return {
            "labels": _labels(data),
            "annotations": _annotations(data),
            "startsAt": remembered[STARTS_AT],
            "endsAt": (now if ended else now + self._lives).isoformat(),
            **({} if page is None else {"generatorURL": page}),
        }

    def _test(self, notification: Notification, now: datetime) -> dict[str, Any]:
        return {
            "labels": {
                "alertname": "DriftlineTest",
                "severity": "info",
                "test_id": notification.id,
            },
            "annotations": {"summary": "This is a test: notifications of driftline arrive here."},
            "startsAt": now.isoformat(),
            "endsAt": (now + KEEP_ALIVE).isoformat(),
        }


def _remembered(notification: Notification, data: AlertData, now: datetime) -> Mapping[str, str]:
    """When the alert began by the clock of day, which a later revision does not say."""
    known = notification.memory.get(data.alert_id)
    if known is not None:
        return known
    # Alertmanager refuses what begins after its end.
    return {STARTS_AT: min(data.seen_at or now, now).isoformat()}


def _labels(data: AlertData) -> dict[str, str]:
    labels = {
        "alertname": f"Driftline{data.kind.capitalize()}",
        "alert_id": data.alert_id,
        "deployment": data.deployment,
        "stream": data.stream,
        "instance": data.instance,
        "signal": data.signal,
        "slice": data.slice if isinstance(data, DriftData) else None,
        "direction": data.direction.value if isinstance(data, DriftData) else None,
        "kind": data.kind,
        "severity": data.severity.value,
        "owner": data.owner,
        # As Prometheus joins lists in labels: one tag matches ".*,tag,.*".
        "tags": f",{','.join(data.tags)}," if data.tags else None,
    }
    return {name: sentence(value) for name, value in labels.items() if value}


def _annotations(data: AlertData) -> dict[str, str]:
    told = {one.name: one.value for one in facts(data)}
    moved = "; ".join(f"{one.name} {one.value}" for one in moved_with(data))
    return {
        "title": title(data),
        "summary": sentence(data.summary),
        "description": "\n".join(f"{name}: {value}" for name, value in told.items()),
        **({"moved_with": moved} if moved else {}),
        "revision": str(data.revision),
        "runbook": runbook(data),
    }
