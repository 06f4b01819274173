"""Against the real Alertmanager: it fires, is kept alive, ends, and is never told twice."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from yarl import URL

from driftline.errors import UnavailableError
from driftline.notify.notification import Purpose
from driftline.notify.receivers.alertmanager import (
    ALERTS_PATH,
    KEEP_ALIVE,
    AlertmanagerReceiver,
)
from driftline.notify.receivers.http import HttpClient
from support.alert_events import drift_event, health_event, resolved_event
from support.alertmanager import BUILD_SECONDS, Alertmanager
from support.receivers import news, trial
from support.recorder import until
from support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# The first time it is built.
pytestmark = [pytest.mark.server, pytest.mark.timeout(BUILD_SECONDS + 120)]

ALIVE: Final = timedelta(seconds=2)
ALERT: Final = "0123456789abcdef0123"


@dataclass(frozen=True)
class Shop:
    """A shop that runs an Alertmanager, and what people there are told by it."""

    alertmanager: Alertmanager
    hook: ScriptedServer

    @property
    def told(self) -> list[tuple[str, str]]:
        """Status and alert id (or name) of each alert of each notification, as they came."""
        return [
            (one["status"], one["labels"].get("alert_id", one["labels"]["alertname"]))
            for request in self.hook.requests
            for one in request.json()["alerts"]
        ]

    def receiver(self, keep_alive: timedelta = ALIVE) -> AlertmanagerReceiver:
        client = HttpClient("alertmanager", timeout=timedelta(seconds=30), allow_private=True)
        url = URL(self.alertmanager.url + ALERTS_PATH)
        return AlertmanagerReceiver(client, url, keep_alive=keep_alive)

    async def active(self) -> list[str]:
        return [one["labels"].get("alert_id", "") for one in await self.alertmanager.alerts()]


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Shop]:
    hook = ScriptedServer()
    async with hook.running():
        try:
            alertmanager = await asyncio.to_thread(Alertmanager, directory, hook=hook.url)
        except UnavailableError as error:
            pytest.skip(f"no Alertmanager: {error}")
        alertmanager.start()
        try:
            yield Shop(alertmanager, hook)
        finally:
            await asyncio.to_thread(alertmanager.stop)


async def test_an_alert_lives_and_ends_in_a_real_alertmanager(tmp_path: Path) -> None:
    """Told once when it fires and once when it ends, however often it is kept alive between."""
    async with running(tmp_path) as shop:
        receiver = shop.receiver()
        receipt = await receiver.send(news(base_url="https://drift.example"))
        await until(lambda: shop.told == [("firing", ALERT)])
        (alert,) = await shop.alertmanager.alerts()
        assert alert["annotations"]["summary"].startswith("error rose from 5.6 % to 8.4 %")
        assert alert["generatorURL"] == f"https://drift.example/v1/alerts/{ALERT}"
        assert alert["status"]["inhibitedBy"] == alert["status"]["silencedBy"] == []
        starts_at = alert["startsAt"]

        alive = news(purpose=Purpose.KEEP_ALIVE, memory=receipt.memory)
        grown = news(drift_event(revision=2, summary="error rose further"), memory=receipt.memory)
        begin = time.monotonic()
        # Longer than its resolve_timeout of a second, and than one telling keeps it alive (10 s).
        while time.monotonic() < begin + 12:
            await receiver.send(alive if time.monotonic() < begin + 6 else grown)
            await asyncio.sleep(ALIVE.total_seconds() / 2)
        (alert,) = await shop.alertmanager.alerts()
        assert alert["annotations"]["summary"] == "error rose further"
        assert alert["startsAt"] == starts_at
        assert shop.told == [("firing", ALERT)]

        await receiver.send(news(resolved_event(), memory=receipt.memory))
        await until(lambda: len(shop.told) > 1)
        assert shop.told == [("firing", ALERT), ("resolved", ALERT)]
        assert await shop.active() == []

        # Its successor has the same labels but for its id, and is an alert of its own.
        successor = "9" * 20
        await shop.receiver(KEEP_ALIVE).send(news(drift_event(alert_id=successor)))
        await until(lambda: ("firing", successor) in shop.told)
        # A late repetition of the end is about the alert that ended.
        await receiver.send(news(resolved_event(), memory=receipt.memory))
        assert await shop.active() == [successor]


async def test_alerts_do_not_stand_in_each_others_way(tmp_path: Path) -> None:
    """Several at once arrive each; a test arrives; what nobody keeps alive ends by itself."""
    others: dict[str, Any] = {
        "a" * 20: drift_event(alert_id="a" * 20, signal="score", severity="info"),
        "b" * 20: drift_event(alert_id="b" * 20, instance="car-loan/2020", severity="warning"),
        "c" * 20: health_event(alert_id="c" * 20),
    }
    async with running(tmp_path) as shop:
        await shop.receiver().send(news(drift_event(), *others.values()))
        await shop.receiver().send(trial())
        expected = {("firing", name) for name in (ALERT, *others, "DriftlineTest")}
        await until(lambda: set(shop.told) >= expected)
        assert len(shop.told) == len(expected)
        for alert in await shop.alertmanager.alerts():
            assert alert["status"]["inhibitedBy"] == []
        ended = {("resolved", name) for name in (ALERT, *others)}
        await until(lambda: set(shop.told) >= ended)
