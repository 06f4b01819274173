"""Alerts about the monitor: one alert for one trouble, however many workers see it.

Each change of an alert and the event that tells of it are written to Redis in one step, by whoever
comes first; then the event is published, awaited, and forgotten. What a worker that died has left
is published by the others. So each is told at least once, and a repetition has the same id.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from driftline.alerts.identity import health_fingerprint
from driftline.alerts.lifecycle import Reason
from driftline.crashpoints import HealthPoint, pass_point
from driftline.health.finding import Finding
from driftline.health.record import FOR_EVER, OpenAlert
from driftline.health.shelf import Shelf
from driftline.model import SECOND
from driftline.transport.producer import OutgoingMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from driftline.config.settings import Settings
    from driftline.health.finding import Details
    from driftline.model import Micros
    from driftline.store.client import Client
    from driftline.transport.producer import Producer

LASTS: Final[Micros] = 900 * SECOND
"""For so long counts what a source reports; while it lives it says so again."""
SAY_AGAIN: Final[Micros] = 60 * SECOND


class HealthAlerts:
    """Raises and clears alerts about the monitor."""

    def __init__(
        self,
        settings: Settings,
        *,
        client: Client,
        producer: Producer,
        clock: Callable[[], Micros],
    ) -> None:
        self._deployment = settings.name
        self._topic = settings.alerts_topic
        self._shelf = Shelf(client, settings.name)
        self._producer = producer
        self._clock = clock
        self._said: dict[tuple[str, str], dict[str, Micros]] = {}
        """By signal and source: when its subjects were last said to be in trouble."""
        self._publishing = asyncio.Lock()

    # -- what is known to be wrong until somebody says that it is over --

    async def raise_(
        self, signal: str, *, subject: str, summary: str, details: Details | None = None
    ) -> None:
        """Something is wrong with this subject. Raising what is raised changes nothing."""
        await self._say(signal, subject, Finding(summary, details or {}), "", FOR_EVER)

    async def clear(self, signal: str, *, subject: str) -> None:
        """It is not wrong any more, if it was."""
        await self._take_back(signal, subject, "")

    # -- what is wrong as long as somebody says so --

    async def report(self, signal: str, source: str, found: Mapping[str, Finding]) -> None:
        """All that a source finds wrong now, by subject; what it said before and not now is over.

        To be called again and again while the source lives: its word counts for 15 minutes. A
        subject is in trouble while any source says so.
        """
        now, said = self._clock(), self._said.get((signal, source))
        if said is None:
            # Whoever spoke for this source before us may have left something behind.
            said = dict.fromkeys(await self._subjects(signal, source), 0)
        for subject in sorted(said.keys() - found.keys()):
            await self._take_back(signal, subject, source)
        again = {name: at for name, at in said.items() if name in found and now - at < SAY_AGAIN}
        # In the order found, so that what is told together is told in one order.
        for subject in [name for name in found if name not in again]:
            await self._say(signal, subject, found[subject], source, now + LASTS)
            again[subject] = now
        self._said[signal, source] = again

    async def _subjects(self, signal: str, source: str) -> list[str]:
        alerts = map(OpenAlert.decode, (await self._shelf.all()).values())
        return [one.subject for one in alerts if one.signal == signal and source in one.sources]

    async def tidy(self) -> None:
        """Publish what others left behind; end alerts of which nobody says any more that they live.

        To be called now and then by every worker.
        """
        now = self._clock()
        for name, blob in (await self._shelf.all()).items():
            alert = OpenAlert.decode(blob)
            left = alert.at(now)
            if not left.sources:
                event = alert.event(self._deployment, now, Reason.EXPIRED)
                await self._shelf.swap(name, blob, b"", event)
        await self.publish()

    # -- how it is kept and told --

    async def _say(
        self, signal: str, subject: str, finding: Finding, source: str, until: Micros
    ) -> None:
        now = self._clock()
        name = health_fingerprint(self._deployment, signal, subject)
        while True:
            blob = await self._shelf.get(name)
            alert = OpenAlert.decode(blob) if blob else None
            if alert is not None and alert.sources.get(source) == until == FOR_EVER:
                return
            said = (alert or OpenAlert.of(signal, subject, finding, now)).said(source, until)
            event = said.event(self._deployment, now) if alert is None else None
            if await self._shelf.swap(name, blob, said.encode(), event):
                break
        if event is not None:
            await self.publish()

    async def _take_back(self, signal: str, subject: str, source: str) -> None:
        now = self._clock()
        name = health_fingerprint(self._deployment, signal, subject)
        while blob := await self._shelf.get(name):
            alert = OpenAlert.decode(blob)
            if source not in alert.sources:
                return
            left = alert.without(source).at(now)
            if left.sources:
                new, event = left.encode(), None
            else:
                new, event = b"", alert.event(self._deployment, now, Reason.RECOVERED)
            if await self._shelf.swap(name, blob, new, event):
                await self.publish()
                return

    async def publish(self) -> None:
        """Send what is in the outbox; when Kafka has it, forget it.

        Raises:
            UnavailableError: Redis or Kafka does not answer; the outbox stays.
        """
        async with self._publishing:
            events = await self._shelf.outbox()
            if events:
                pass_point(HealthPoint.HEALTH_KEPT)
                await self._producer.send_all(
                    OutgoingMessage(self._topic, one.value, one.key.encode(), headers=one.headers)
                    for one in events
                )
                pass_point(HealthPoint.HEALTH_PUBLISHED)
                await self._shelf.trim(events)
