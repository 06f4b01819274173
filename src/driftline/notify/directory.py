"""Who there is to be told: the declared receivers, and the active subscriptions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from driftline.errors import DriftlineError
from driftline.notify.refusals import NotFoundError
from driftline.notify.surroundings import WayOut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from driftline.notify.notification import Notification, Receipt, Receiver
    from driftline.notify.subscription import Subscription
    from driftline.notify.subscriptions import SubscriptionStore

log = structlog.get_logger(__name__)

AT_ONCE: Final = 32
"""Notifications that are sent to subscriptions at a time: there may be thousands of them."""


class ReceiverDirectory:
    """A `Directory`. Closes the receivers in the end."""

    def __init__(
        self,
        declared: Mapping[str, WayOut],
        subscriptions: SubscriptionStore,
        build: Callable[[Subscription], Receiver],
        *,
        per_hour: int,
    ) -> None:
        """`build` makes a subscription's receiver, or raises DriftlineError; `per_hour` is its."""
        self._declared = declared
        self._subscriptions = subscriptions
        self._build = build
        self._per_hour = per_hour
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._subscribed: dict[str, WayOut] = {}

    async def refresh(self) -> None:
        """Find out about subscriptions; one that cannot be sent to is disabled."""
        active = {one.receiver: one for one in await self._subscriptions.list_active()}
        for name in self._subscribed.keys() - active.keys():
            await self.drop(name)
        for name, one in active.items():
            if name not in self._subscribed:
                await self._adopt(name, one)

    async def drop(self, name: str) -> None:
        """Let go of a subscription's receiver, until `refresh` finds that it is active."""
        found = self._subscribed.pop(name, None)
        if found is not None:
            await found.receiver.close()

    async def _adopt(self, name: str, one: Subscription) -> None:
        try:
            receiver = self._build(one)
        except DriftlineError as error:
            log.warning("subscription_disabled", subscription=one.id, reason=str(error))
            try:
                await self._subscriptions.disable(one.id, str(error))
            except NotFoundError:
                log.info("subscription_removed", subscription=one.id)
            return
        self._subscribed[name] = WayOut(_InTurn(receiver, self._turns), self._per_hour)

    def find(self, name: str) -> WayOut | None:
        """Where to send; None for one that is paused, disabled or no more."""
        return self._declared.get(name) or self._subscribed.get(name)

    def knows(self, name: str) -> bool:
        """Whether `find` would find it."""
        return name in self._declared or name in self._subscribed

    async def close(self) -> None:
        """Close all connections."""
        for way in (*self._declared.values(), *self._subscribed.values()):
            await way.receiver.close()


class _InTurn:
    """A receiver that waits for its turn."""

    def __init__(self, receiver: Receiver, turns: asyncio.Semaphore) -> None:
        self.takes_groups = receiver.takes_groups
        self.keep_alive: timedelta | None = receiver.keep_alive
        self._receiver = receiver
        self._turns = turns

    async def send(self, notification: Notification) -> Receipt:
        """See `Receiver`."""
        async with self._turns:
            return await self._receiver.send(notification)

    async def close(self) -> None:
        """See `Receiver`."""
        await self._receiver.close()
