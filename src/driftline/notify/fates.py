"""When a receiver fails: an alert about it, and the end of a subscription that keeps failing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Protocol

from driftline.config.alerting import SUBSCRIPTION
from driftline.notify.deliveries import Outcome
from driftline.notify.refusals import NotFoundError
from driftline.notify.subscription import SubscriptionState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.notify.subscriptions import SubscriptionStore

SIGNAL: Final = "receiver"


class Health(Protocol):
    """Where alerts about the monitor are raised. Raising one that is open changes nothing."""

    async def raise_(
        self, signal: str, *, subject: str, summary: str, details: Mapping[str, str | int | float]
    ) -> None:
        """Something is wrong with this subject."""

    async def clear(self, signal: str, *, subject: str) -> None:
        """It is not wrong any more, if it was."""


class Fates:
    """A `Fate` that tells of failing receivers by health alerts."""

    def __init__(self, subscriptions: SubscriptionStore, health: Health) -> None:
        self._subscriptions = subscriptions
        self._health = health
        self._fine: set[str] = set()
        """Receivers at which something arrived since we serve them, and nothing failed."""

    def on_taken(self, receiver: str) -> None:
        """Whoever served it before may have told that it fails."""
        self._fine.discard(receiver)

    async def on_given_up(self, receiver: str, outcome: Outcome, reason: str) -> None:
        """Tell of it; a subscription that is gone, or fails too often, is disabled."""
        if receiver.startswith(SUBSCRIPTION):
            await self._blame(receiver.removeprefix(SUBSCRIPTION), outcome, reason)
        self._fine.discard(receiver)
        await self._raise(receiver, f"gave up a notification to receiver {receiver}", reason)

    async def on_failing(self, receiver: str, reason: str) -> None:
        """Tell of it."""
        self._fine.discard(receiver)
        await self._raise(receiver, f"receiver {receiver} takes no notifications", reason)

    async def on_delivered(self, receiver: str) -> None:
        """What was told of it is over."""
        if receiver in self._fine:
            return
        self._fine.add(receiver)
        await self._health.clear(SIGNAL, subject=receiver)
        if receiver.startswith(SUBSCRIPTION):
            with contextlib.suppress(NotFoundError):
                await self._subscriptions.note_success(receiver.removeprefix(SUBSCRIPTION))

    async def on_gone(self, receiver: str) -> None:
        """Nobody cares any more whether it fails, unless it was disabled for that."""
        self._fine.discard(receiver)
        with contextlib.suppress(NotFoundError):
            if receiver.startswith(SUBSCRIPTION):
                found = await self._subscriptions.get(receiver.removeprefix(SUBSCRIPTION))
                if found.state is SubscriptionState.DISABLED:
                    return
        await self._health.clear(SIGNAL, subject=receiver)

    async def _blame(self, subscription: str, outcome: Outcome, reason: str) -> None:
        with contextlib.suppress(NotFoundError):
            if outcome is Outcome.REVOKED:
                await self._subscriptions.disable(subscription, reason)
            else:
                await self._subscriptions.note_failure(subscription, reason)

    async def _raise(self, receiver: str, what: str, reason: str) -> None:
        details = {"receiver": receiver, "reason": reason}
        summary = f"{what}: {reason}"
        await self._health.raise_(SIGNAL, subject=receiver, summary=summary, details=details)


class NoHealth:
    """Raises nothing: the log and the metrics tell of it."""

    async def raise_(
        self, signal: str, *, subject: str, summary: str, details: Mapping[str, str | int | float]
    ) -> None:
        """See `Health`."""

    async def clear(self, signal: str, *, subject: str) -> None:
        """See `Health`."""
