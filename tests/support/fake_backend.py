"""A deployment behind the API that is kept in memory, and an API in front of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx

from driftline.alerts.event import as_record
from driftline.metrics import Metrics
from driftline.notify.notification import DeliveryError, Failure
from driftline.notify.refusals import NotFoundError, RefusedError
from driftline.notify.silences import Silence
from driftline.notify.subscriptions import Subscription, SubscriptionState, TargetKind
from driftline.notify.targets import make_target
from driftline.web.app import build_app
from driftline.web.board import Board
from driftline.web.feed import Feed
from driftline.web.limits import RateLimit
from driftline.web.models.health import Health
from driftline.web.models.streams import (
    Quantiles,
    SignalState,
    StreamDetail,
    StreamSummary,
    WindowPage,
    WindowSummary,
)
from driftline.web.models.subscriptions import ReceiverAnswer
from driftline.web.services import Services
from driftline.web.tokens import Scope, Token

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fastapi import FastAPI

    from driftline.alerts.schema import AlertEnvelope
    from driftline.config.alerting import Matchers
    from driftline.model import Micros
    from driftline.web.audit import AuditEntry
    from driftline.web.entries import Entry
    from driftline.web.models.streams import WindowQuery
    from driftline.web.models.subscriptions import NewTarget

Value = TypeVar("Value")
NOW: Final = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
_EXAMPLE: Final[dict[str, Any]] = StreamDetail.model_json_schema()["examples"][0]


class FakeBackend:
    """Does what it says it does; `failing` is raised instead."""

    def __init__(self, *streams: str) -> None:
        self.names = streams or ("car-loan",)
        self.failing: Exception | None = None
        self.said: list[tuple[str, str, str, str]] = []
        """Commands about alerts: what, which, by whom, the note."""
        self.tried: list[str] = []
        """Receivers that were sent a test message."""
        self.broken = False
        """Whether receivers refuse what is sent."""
        self._silences: dict[str, Silence] = {}
        self._subscriptions: dict[str, Subscription] = {}

    def _check(self) -> None:
        if self.failing is not None:
            raise self.failing

    async def problem(self) -> str | None:
        return None if self.failing is None else str(self.failing)

    async def health(self) -> Health:
        self._check()
        return Health(
            deployment="fake", problem=None, workers=(), events_log=(), sources=(), suspended=0
        )

    async def streams(self) -> Sequence[StreamSummary]:
        self._check()
        known = StreamSummary.model_fields
        fields = {name: value for name, value in _EXAMPLE.items() if name in known}
        return [StreamSummary.model_validate({**fields, "stream": name}) for name in self.names]

    async def stream(self, name: str) -> StreamDetail | None:
        self._check()
        return (
            StreamDetail.model_validate({**_EXAMPLE, "stream": name})
            if name in self.names
            else None
        )

    async def instances(self, stream: str) -> Sequence[str]:
        self._check()
        return [f"{stream}/{letter}" for letter in "abc"] if stream in self.names else []

    async def signals(self, instance: str) -> Sequence[SignalState] | None:
        self._check()
        if instance.partition("/")[0] not in self.names:
            return None
        error = SignalState(
            signal="error",
            watched=True,
            severity="critical",
            detectors=("adwin",),
            values_seen=10,
            unusable=0,
            alarms=0,
            firing=False,
            last_alarms=(),
            series=(),
        )
        return [error]

    async def windows(self, instance: str, query: WindowQuery) -> WindowPage | None:
        self._check()
        if instance.partition("/")[0] not in self.names:
            return None
        window = WindowSummary(
            start=NOW,
            size_seconds=60.0,
            open=True,
            count=1,
            mean=0.5,
            sd=None,
            min=0.5,
            max=0.5,
            quantiles=Quantiles(p05=0.5, p25=0.5, p50=0.5, p75=0.5, p95=0.5),
            histogram=None,
        )
        return WindowPage(items=(window,), next=None, instance=instance, signal=query.signal)

    async def acknowledge(self, alert: Entry, *, by: str, note: str) -> str:
        self._check()
        self.said.append(("acknowledge", alert.alert_id, by, note))
        return secrets.token_hex(16)

    async def accept(self, alert: Entry, *, by: str, note: str) -> str:
        self._check()
        self.said.append(("accept", alert.alert_id, by, note))
        return secrets.token_hex(16)

    async def silences(self) -> Sequence[Silence]:
        self._check()
        known = self._silences.values()
        return sorted(known, key=lambda one: (one.created_at, one.id), reverse=True)

    async def add_silence(
        self,
        matchers: Matchers,
        *,
        starts_at: Micros,
        ends_at: Micros,
        created_by: str,
        comment: str,
        now: Micros,
    ) -> Silence:
        self._check()
        if ends_at <= starts_at:
            msg = "a silence should end after it begins"
            raise RefusedError(msg)
        made = Silence(secrets.token_hex(8), matchers, starts_at, ends_at, created_by, now, comment)
        self._silences[made.id] = made
        return made

    async def expire_silence(self, silence_id: str, now: Micros) -> Silence:
        self._check()
        silence = _one(self._silences, silence_id)
        ended = replace(silence, starts_at=min(silence.starts_at, now), ends_at=now)
        self._silences[silence_id] = ended
        return ended

    async def subscriptions(self, owner: str | None) -> Sequence[Subscription]:
        self._check()
        known = [one for one in self._subscriptions.values() if owner in {None, one.owner}]
        return sorted(known, key=lambda one: (one.created_at, one.id))

    async def subscription(self, subscription_id: str) -> Subscription:
        self._check()
        return _one(self._subscriptions, subscription_id)

    async def add_subscription(
        self, owner: str, filter_: Matchers, target: NewTarget, now: Micros
    ) -> Subscription:
        self._check()
        secret = target.secret.get_secret_value() if target.secret else None
        aim = make_target(
            TargetKind(target.kind), target.url.get_secret_value(), secret, allow_private=False
        )
        active = SubscriptionState.ACTIVE
        made = Subscription(secrets.token_hex(8), owner, filter_, aim, active, now)
        self._subscriptions[made.id] = made
        return made

    async def remove_subscription(self, subscription_id: str) -> None:
        self._check()
        del self._subscriptions[subscription_id]

    async def pause_subscription(self, subscription_id: str) -> Subscription:
        return self._move(subscription_id, SubscriptionState.PAUSED)

    async def resume_subscription(self, subscription_id: str) -> Subscription:
        return self._move(subscription_id, SubscriptionState.ACTIVE)

    def _move(self, subscription_id: str, state: SubscriptionState) -> Subscription:
        self._check()
        moved = replace(_one(self._subscriptions, subscription_id), state=state)
        self._subscriptions[subscription_id] = moved
        return moved

    async def test_subscription(self, subscription: Subscription) -> str:
        return self._try(subscription.receiver)

    async def receivers(self) -> Sequence[ReceiverAnswer]:
        self._check()
        return [ReceiverAnswer(name="team", kind="log", description="", per_hour=60)]

    async def test_receiver(self, name: str) -> str:
        if name != "team":
            msg = f"no receiver {name!r} is declared"
            raise NotFoundError(msg)
        return self._try(name)

    def _try(self, receiver: str) -> str:
        self._check()
        if self.broken:
            msg = f"{receiver}: status 500"
            raise DeliveryError(msg, Failure.AGAIN)
        self.tried.append(receiver)
        return secrets.token_hex(16)


def _one(known: dict[str, Value], one_id: str) -> Value:
    if one_id not in known:
        msg = f"none of id {one_id!r}"
        raise NotFoundError(msg)
    return known[one_id]


class FakeTokens:
    """Knows one token of each scope, by the scope's name."""

    def __init__(self) -> None:
        self.known = {scope.value: Token(scope.value, scope, NOW) for scope in Scope}
        self.failing: Exception | None = None

    async def find(self, presented: bytes, now: datetime) -> Token | None:
        if self.failing is not None:
            raise self.failing
        found = self.known.get(presented.decode("utf-8", "replace"))
        return None if found is None or found.expired(now) else found


class FakeAudit:
    """Keeps entries in memory, the newest last."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    async def write(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    async def read(self, limit: int, before: str | None = None) -> list[tuple[str, AuditEntry]]:
        end = len(self.entries) if before is None else int(before.partition("-")[0])
        numbered = list(enumerate(self.entries))[:end]
        return [(f"{number}-0", entry) for number, entry in reversed(numbered)][:limit]


@dataclass
class Api:
    """An API of fakes, and clients of it."""

    backend: FakeBackend = field(default_factory=FakeBackend)
    tokens: FakeTokens = field(default_factory=FakeTokens)
    audit: FakeAudit = field(default_factory=FakeAudit)
    feed: Feed = field(default_factory=lambda: Feed(Board()))
    metrics: Metrics = field(default_factory=Metrics)
    per_minute: int = 100_000
    cors_origins: Collection[str] = ()
    body_limit: int = 4_096
    heartbeat_seconds: float = 15.0
    seconds: float = 0.0
    """What the clock of the rate limit says."""

    def __post_init__(self) -> None:
        self.feed.caught_up = True
        self.app: FastAPI = build_app(
            Services(
                backend=self.backend,
                tokens=self.tokens,
                audit=self.audit,
                feed=self.feed,
                limit=RateLimit(self.per_minute, lambda: self.seconds),
                metrics=self.metrics,
                now=lambda: NOW,
                heartbeat_seconds=self.heartbeat_seconds,
            ),
            cors_origins=self.cors_origins,
            body_limit=self.body_limit,
        )

    def client(self, scope: Scope | None = Scope.READ) -> httpx.AsyncClient:
        """A client with the token of this scope, or with none."""
        headers = {} if scope is None else {"Authorization": f"Bearer {scope.value}"}
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers)

    def publish(self, event: AlertEnvelope, *, partition: int = 0) -> None:
        """Have an event come in from the alerts topic, behind those before it."""
        offset = self.feed.position.get(partition, 0)
        self.feed.take(partition, offset, 1_000_000 + offset, as_record(event.data).value)
