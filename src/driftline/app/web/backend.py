"""The deployment behind the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.agents.clock import system_clock
from driftline.alerts.event import read_event
from driftline.app import alert_commands
from driftline.app.web.reports import Reports
from driftline.app.web.signals import list_signals, load_view, load_windows, require_signal
from driftline.app.web.summaries import detail_stream, summarise_health, summarise_stream
from driftline.errors import UnavailableError
from driftline.notify.receivers import build_receiver, build_subscription_receiver
from driftline.notify.refusals import NotFoundError
from driftline.notify.silences import SilenceStore
from driftline.notify.subscriptions import SubscriptionStore, TargetKind
from driftline.notify.targets import make_target
from driftline.notify.trial import send_trial
from driftline.transport.producer import Producer
from driftline.web.models.subscriptions import ReceiverAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.app.connections import Connections
    from driftline.config.alerting import Matchers
    from driftline.config.deployment import Deployment
    from driftline.model import Micros
    from driftline.notify.silences import Silence
    from driftline.notify.subscriptions import Subscription
    from driftline.store.client import Client
    from driftline.store.protocol import Store
    from driftline.web.entries import Entry
    from driftline.web.feed import Feed
    from driftline.web.models.health import Health
    from driftline.web.models.streams import (
        SignalState,
        StreamDetail,
        StreamSummary,
        WindowPage,
        WindowQuery,
    )
    from driftline.web.models.subscriptions import NewTarget


class DeploymentBackend:
    """A `web.Backend` of Redis, Kafka and the declared receivers."""

    def __init__(
        self,
        deployment: Deployment,
        connections: Connections,
        *,
        store: Store,
        client: Client,
        feed: Feed,
        environ: Mapping[str, str],
    ) -> None:
        self._deployment = deployment
        self._connections = connections
        self._store = store
        self._client = client
        self._feed = feed
        self._environ = environ
        name = deployment.settings.name
        self._silences = SilenceStore(client, name)
        self._subscriptions = SubscriptionStore(client, name, deployment.alerting.subscriptions)
        self._reports = Reports(deployment, connections, store)

    async def problem(self) -> str | None:
        """See `Looks`."""
        try:
            await self._client.one("PING")
        except UnavailableError as error:
            return str(error)
        return None if self._feed.caught_up else "the alerts topic is still being read"

    async def health(self) -> Health:
        """See `Looks`."""
        return summarise_health(await self._reports.get(), await self.problem())

    async def streams(self) -> Sequence[StreamSummary]:
        """See `Looks`."""
        declared = self._deployment.streams
        report = await self._reports.get()
        return [summarise_stream(one, declared.get(one.stream)) for one in report.streams]

    async def stream(self, name: str) -> StreamDetail | None:
        """See `Looks`."""
        report = await self._reports.get()
        found = (one for one in report.streams if one.stream == name)
        return next((detail_stream(one, self._deployment.streams.get(name)) for one in found), None)

    async def instances(self, stream: str) -> Sequence[str]:
        """See `Looks`."""
        return sorted(key.name for key in await self._store.list_instances(stream))

    async def signals(self, instance: str) -> Sequence[SignalState] | None:
        """See `Looks`."""
        view = await load_view(self._store, instance)
        return None if view is None else list_signals(view)

    async def windows(self, instance: str, query: WindowQuery) -> WindowPage | None:
        """See `Looks`."""
        view = await load_view(self._store, instance)
        if view is None:
            return None
        require_signal(view, self._deployment.streams.get(view.key.stream), query.signal)
        return await load_windows(self._store, view, query)

    async def acknowledge(self, alert: Entry, *, by: str, note: str) -> str:
        """See `Commands`."""
        data = read_event(alert.json).data
        # A connection for each: it is rare, and one that failed once is not to be trusted.
        async with Producer(self._connections.kafka) as producer:
            return await alert_commands.acknowledge(
                producer, self._deployment, data, by=by, at=system_clock(), note=note
            )

    async def accept(self, alert: Entry, *, by: str, note: str) -> str:
        """See `Commands`."""
        data = read_event(alert.json).data
        async with Producer(self._connections.kafka) as producer:
            return await alert_commands.accept(
                producer, self._deployment, data, by=by, at=system_clock(), note=note
            )

    async def silences(self) -> Sequence[Silence]:
        """See `Muting`."""
        return await self._silences.list()

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
        """See `Muting`."""
        return await self._silences.add(
            matchers,
            starts_at=starts_at,
            ends_at=ends_at,
            created_by=created_by,
            comment=comment,
            now=now,
        )

    async def expire_silence(self, silence_id: str, now: Micros) -> Silence:
        """See `Muting`."""
        return await self._silences.expire(silence_id, now)

    async def subscriptions(self, owner: str | None) -> Sequence[Subscription]:
        """See `Sending`."""
        return await self._subscriptions.list(owner)

    async def subscription(self, subscription_id: str) -> Subscription:
        """See `Sending`."""
        return await self._subscriptions.get(subscription_id)

    async def add_subscription(
        self, owner: str, filter_: Matchers, target: NewTarget, now: Micros
    ) -> Subscription:
        """See `Sending`."""
        aim = make_target(
            TargetKind(target.kind),
            target.url.get_secret_value(),
            None if target.secret is None else target.secret.get_secret_value(),
            allow_private=self._deployment.alerting.subscriptions.allow_private,
        )
        return await self._subscriptions.add(owner, filter_, aim, now=now)

    async def remove_subscription(self, subscription_id: str) -> None:
        """See `Sending`."""
        await self._subscriptions.remove(subscription_id)

    async def pause_subscription(self, subscription_id: str) -> Subscription:
        """See `Sending`."""
        return await self._subscriptions.pause(subscription_id)

    async def resume_subscription(self, subscription_id: str) -> Subscription:
        """See `Sending`."""
        return await self._subscriptions.resume(subscription_id)

    async def test_subscription(self, subscription: Subscription) -> str:
        """See `Sending`."""
        alerting = self._deployment.alerting
        receiver = build_subscription_receiver(
            subscription, allow_private=alerting.subscriptions.allow_private
        )
        return await send_trial(subscription.receiver, receiver, base_url=alerting.base_url)

    async def receivers(self) -> Sequence[ReceiverAnswer]:
        """See `Sending`."""
        alerting = self._deployment.alerting
        return [
            ReceiverAnswer(
                name=name,
                kind=spec.kind,
                description=spec.description,
                per_hour=spec.per_hour or alerting.per_hour,
            )
            for name, spec in sorted(alerting.receivers.items())
        ]

    async def test_receiver(self, name: str) -> str:
        """See `Sending`."""
        alerting = self._deployment.alerting
        spec = alerting.receivers.get(name)
        if spec is None:
            msg = f"no receiver {name!r} is declared"
            raise NotFoundError(msg)
        receiver = build_receiver(name, spec, self._deployment.directory, self._environ)
        return await send_trial(name, receiver, base_url=alerting.base_url)
