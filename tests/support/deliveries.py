"""One receiver that is told of alerts, on a real Redis and by a clock that the test sets."""

from __future__ import annotations

import itertools
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from driftline.alerts.alert import Status
from driftline.config.alerting import AlertingSpec
from driftline.errors import UnavailableError
from driftline.metrics import Metrics
from driftline.model import SECOND, Micros
from driftline.notify.assigning import Assigner
from driftline.notify.deliveries import Deliveries
from driftline.notify.jobs import Jobs, Seen
from driftline.notify.notification import DeliveryError, Failure, Notification, Purpose, Receipt
from driftline.notify.routing import Router
from driftline.notify.silences import SilenceStore
from driftline.notify.surroundings import Surroundings, WayOut
from driftline.notify.work import ReceiverWork
from driftline.store.connect import RedisAddress, build_client
from support.alert_events import drift_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from driftline.alerts.schema import AlertEnvelope
    from driftline.notify.deliveries import Outcome
    from driftline.store.client import Client

RECEIVER: Final = "people"
BEGIN: Final[Micros] = 1_700_000_000 * SECOND
"""A Tuesday, 22:13:20 UTC."""
LONG: Final = timedelta(hours=1)
_serial = itertools.count()


def alert(number: int, revision: int = 1, **given: Any) -> AlertEnvelope:
    """A revision of one of several alerts; it fires unless told otherwise."""
    return drift_event(alert_id=f"{number:020x}", revision=revision, **given)


def ended(number: int, revision: int = 2, **given: Any) -> AlertEnvelope:
    """The end of one of several alerts."""
    return alert(number, revision, status="resolved", reason="recovered", **given)


class RecordingReceiver:
    """Remembers what arrived; fails as its script says, before or after that."""

    def __init__(self, clock: Callable[[], Micros] = lambda: 0) -> None:
        self.takes_groups = True
        self.keep_alive: timedelta | None = None
        self.script: list[BaseException | None] = []
        """What the next notifications meet; without it they arrive."""
        self.after_arrival = False
        """Whether it fails once it has taken the notification: then nobody knows that it has."""
        self.arrived: list[tuple[float, Notification]] = []
        """Seconds since the beginning, and what."""
        self.attempts = 0
        self._clock = clock

    async def send(self, notification: Notification) -> Receipt:
        """Take it, or do as the script says."""
        self.attempts += 1
        error = self.script.pop(0) if self.script else None
        if error is None or self.after_arrival:
            self.arrived.append(((self._clock() - BEGIN) / SECOND, notification))
        if error is not None:
            raise error
        memory = {one.data.alert_id: {"thread": one.id} for one in notification.alerts}
        return Receipt(memory)

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def told(self) -> list[str]:
        """What arrived, in short: `news 1.2! 2.1` is a firing alert and one that ended."""
        return [outline(notification) for _, notification in self.arrived]

    @property
    def times(self) -> list[float]:
        """When it arrived."""
        return [at for at, _ in self.arrived]


def outline(notification: Notification) -> str:
    """A notification in short."""
    alerts = (
        f"{int(one.data.alert_id, 16)}.{one.data.revision}"
        f"{'!' if one.data.status is Status.FIRING else ''}"
        for one in notification.alerts
    )
    return " ".join((notification.purpose.value, *sorted(alerts)))


def fails(failure: Failure, *, after: float | None = None) -> DeliveryError:
    """A failure of a receiver."""
    retry_after = None if after is None else timedelta(seconds=after)
    return DeliveryError(f"scripted: {failure.value}", failure, retry_after=retry_after)


@dataclass
class Fate:
    """Writes down what is heard of receivers."""

    heard: list[str] = field(default_factory=list)
    away: bool = False
    """Whether nobody can be told now."""

    def on_taken(self, receiver: str) -> None:
        del receiver

    async def on_given_up(self, receiver: str, outcome: Outcome, reason: str) -> None:
        del reason
        if self.away:
            msg = "scripted: kafka is away"
            raise UnavailableError(msg)
        self.heard.append(f"{receiver} {outcome.value}")

    async def on_failing(self, receiver: str, reason: str) -> None:
        del reason
        self.heard.append(f"{receiver} failing")

    async def on_delivered(self, receiver: str) -> None:
        del receiver

    async def on_gone(self, receiver: str) -> None:
        self.heard.append(f"{receiver} gone")


class Declared:
    """A directory of declared receivers alone."""

    def __init__(self, ways: Mapping[str, WayOut]) -> None:
        self.ways = dict(ways)

    async def refresh(self) -> None:
        """Nothing changes by itself."""

    def find(self, name: str) -> WayOut | None:
        return self.ways.get(name)

    def knows(self, name: str) -> bool:
        return name in self.ways

    async def drop(self, name: str) -> None:
        del self.ways[name]


class Scene:
    """Tells of alerts, and lets time pass."""

    def __init__(self, client: Client, alerting: AlertingSpec, seed: int) -> None:
        self.now = BEGIN
        self.deployment = deployment = f"scene-{next(_serial)}"
        self.jobs = Jobs(client, deployment)
        self.deliveries = Deliveries(client, deployment)
        self.silences = SilenceStore(client, deployment)
        self.metrics = Metrics()
        self.fate = Fate()
        self.receiver = RecordingReceiver(lambda: self.now)
        way = WayOut(self.receiver, alerting.receivers[RECEIVER].per_hour or alerting.per_hour)
        self.directory = Declared({RECEIVER: way})
        self.assigner = Assigner(
            Router(alerting, lambda: ()), self.directory, hold_back_caused=alerting.hold_back_caused
        )
        self.around = Surroundings(
            deliveries=self.deliveries,
            silences=self.silences,
            fate=self.fate,
            metrics=self.metrics,
            clock=lambda: self.now,
            rng=random.Random(seed),
            give_up_after=round(alerting.give_up_after.total_seconds() * SECOND),
        )
        self._lease = ""
        self.work: ReceiverWork

    async def restart(self) -> None:
        """Another process goes on from what is in Redis."""
        await self.deliveries.give_back(RECEIVER, self._lease)
        self._lease = f"lease-{next(_serial)}"
        assert await self.deliveries.take(RECEIVER, self._lease, LONG)
        per_hour = self.directory.ways[RECEIVER].per_hour
        self.work = ReceiverWork(
            RECEIVER, self.receiver, per_hour=per_hour, token=self._lease, around=self.around
        )

    async def tell(self, *events: AlertEnvelope) -> None:
        """Events come from the alerts topic."""
        for event in events:
            seen = await self.jobs.seen([event.data.alert_id])
            known = seen.get(event.data.alert_id, Seen())
            if event.data.revision > known.revision:
                await self.jobs.assign([self.assigner.job(event, known, self.now)])
        self.work.stir()

    async def run(self, seconds: float = 0) -> None:
        """Let time pass; what is due on the way is sent when it is due."""
        until = self.now + round(seconds * SECOND)
        while True:
            next_at = await self.work.step()
            if next_at is None or next_at > until:
                self.now = until
                return
            self.now = max(self.now, next_at)

    async def outcomes(self) -> list[str]:
        """The delivery log, oldest first: outcome and alerts."""
        lines = await self.deliveries.newest(10_000)
        return [
            " ".join((one["outcome"], *(_short(name) for name in one["alerts"])))
            for one in reversed(lines)
        ]


def _short(name: str) -> str:
    alert_id, _, revision = name.partition(".")
    return f"{int(alert_id, 16)}.{revision}"


@asynccontextmanager
async def scene(
    redis_url: str,
    *,
    route: Mapping[str, Any] | None = None,
    seed: int = 0,
    **declared: Any,
) -> AsyncIterator[Scene]:
    """A scene with one receiver and one route; `declared` is beside them in alerting.yaml."""
    spec = {
        "receivers": {RECEIVER: {"kind": "log"}},
        "routes": [{"receivers": [RECEIVER], **(route or {})}],
        **declared,
    }
    client = build_client(RedisAddress(redis_url))
    try:
        built = Scene(client, AlertingSpec.model_validate(spec), seed)
        await built.restart()
        yield built
    finally:
        await client.close()


__all__ = [
    "BEGIN",
    "RECEIVER",
    "Declared",
    "Failure",
    "Fate",
    "Purpose",
    "RecordingReceiver",
    "Scene",
    "alert",
    "ended",
    "fails",
    "outline",
    "scene",
]
