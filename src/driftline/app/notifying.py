"""The notify role in a worker: the notifier and the sender, with all that they need."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

from driftline.agents.clock import system_clock
from driftline.agents.notify import Notifier
from driftline.model import micros
from driftline.notify.assigning import Assigner
from driftline.notify.deliveries import Deliveries
from driftline.notify.directory import ReceiverDirectory
from driftline.notify.fates import Fates, NoHealth
from driftline.notify.jobs import Jobs
from driftline.notify.receivers import build_subscription_receiver
from driftline.notify.retraining import RetrainRequests
from driftline.notify.routing import Router
from driftline.notify.sender import Sender
from driftline.notify.silences import SilenceStore
from driftline.notify.subscriptions import SubscriptionStore
from driftline.notify.surroundings import Surroundings, WayOut
from driftline.store.connect import build_client

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    from driftline.app.connections import Connections
    from driftline.config.alerting import AlertingSpec
    from driftline.config.deployment import Deployment
    from driftline.metrics import Metrics
    from driftline.notify.fates import Health
    from driftline.notify.notification import Receiver
    from driftline.store.client import Client
    from driftline.transport.producer import Producer
    from driftline.transport.topics import TopicAdmin


class Notifying:
    """Builds the role; `start` begins to send."""

    def __init__(
        self,
        deployment: Deployment,
        connections: Connections,
        receivers: Mapping[str, Receiver],
        *,
        producer: Producer,
        admin: TopicAdmin,
        metrics: Metrics,
        health: Health | None = None,
    ) -> None:
        """`receivers` are the declared ones, by name."""
        self._deployment = deployment
        self._metrics = metrics
        alerting = deployment.alerting
        self._client = client = build_client(connections.redis)
        name = deployment.settings.name
        subscriptions = SubscriptionStore(client, name, alerting.subscriptions)
        self._directory = _directory(deployment.alerting, receivers, subscriptions)
        self._sender = Sender(
            self._directory,
            Surroundings(
                deliveries=Deliveries(client, name),
                silences=SilenceStore(client, name),
                fate=Fates(subscriptions, health or NoHealth()),
                metrics=metrics,
                clock=system_clock,
                rng=random.Random(),  # noqa: S311 - it spreads attempts, and guards nothing
                give_up_after=micros(alerting.give_up_after),
                base_url=alerting.base_url,
            ),
            lease=deployment.settings.worker.session_timeout,
        )
        self.listener = Notifier(
            clock=system_clock,
            metrics=metrics,
            assigner=Assigner(
                Router(alerting, lambda: subscriptions.known_active),
                self._directory,
                hold_back_caused=alerting.hold_back_caused,
            ),
            jobs=Jobs(client, name),
            retraining=_retraining(deployment, client, producer),
            stir=self._sender.stir,
            describe=admin.describe,
        )

    async def start(self, stack: AsyncExitStack) -> None:
        """Begin to send; the stack ends it."""
        stack.push_async_callback(self._client.close)
        stack.push_async_callback(self._directory.close)
        await self._directory.refresh()
        stack.push_async_callback(self._sender.stop)
        self._sender.start()

    def begin_end(self) -> None:
        """Begin to send nothing new."""
        self._sender.begin_end()

    async def wait(self) -> None:
        """Return when the sender has ended; raises what ended it."""
        await self._sender.wait()


def _directory(
    alerting: AlertingSpec, receivers: Mapping[str, Receiver], subscriptions: SubscriptionStore
) -> ReceiverDirectory:
    ways = {
        name: WayOut(receiver, alerting.receivers[name].per_hour or alerting.per_hour)
        for name, receiver in receivers.items()
    }
    build = partial(build_subscription_receiver, allow_private=alerting.subscriptions.allow_private)
    return ReceiverDirectory(ways, subscriptions, build, per_hour=alerting.per_hour)


def _retraining(deployment: Deployment, client: Client, producer: Producer) -> RetrainRequests:
    settings = deployment.settings
    return RetrainRequests(
        client,
        producer,
        deployment=settings.name,
        topic=settings.retrain_topic,
        cooldown=deployment.alerting.retrain_cooldown,
        clock=system_clock,
    )
