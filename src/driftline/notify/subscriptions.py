"""Subscriptions: people and programs have themselves told of the alerts that they care for.

A subscription's secrets are kept in Redis, as whoever delivers needs them, and are never shown
again.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from driftline.config.alerting import Matchers, SubscriptionsSpec
from driftline.notify.refusals import NotFoundError, RefusedError, TooManyError
from driftline.notify.subscription import (
    Subscription,
    SubscriptionState,
    SubscriptionTarget,
    TargetKind,
    read_subscription,
    write_subscription,
)
from driftline.store.keys import Keys
from driftline.store.records import Added, Quota, Records

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.model import Micros
    from driftline.store.client import Client
    from driftline.store.records import Record

__all__ = [
    "Subscription",
    "SubscriptionState",
    "SubscriptionStore",
    "SubscriptionTarget",
    "TargetKind",
]

log = structlog.get_logger(__name__)

LONGEST_OWNER: Final = 200
LONGEST_REASON: Final = 500


class SubscriptionStore:
    """The subscriptions of a deployment, in Redis. Methods raise UnavailableError without one."""

    def __init__(
        self, redis: Client, deployment: str, limits: SubscriptionsSpec | None = None
    ) -> None:
        self._records = Records(redis, Keys(deployment).own("notify", "subscriptions"))
        self._limits = limits or SubscriptionsSpec()
        self._read: tuple[object, tuple[Subscription, ...]] = (None, ())

    @property
    def known_active(self) -> tuple[Subscription, ...]:
        """The active ones as they were when a list was last asked for."""
        return tuple(one for one in self._read[1] if one.state is SubscriptionState.ACTIVE)

    async def add(
        self, owner: str, filter_: Matchers, target: SubscriptionTarget, *, now: Micros
    ) -> Subscription:
        """Keep a new subscription, active (`targets.make_target` makes a target).

        Raises:
            RefusedError: the owner is no name.
            TooManyError: the owner has as many as one may have, or all together have.
        """
        if not owner.strip() or not owner.isprintable() or len(owner) > LONGEST_OWNER:
            message = f"the owner: should be a name of at most {LONGEST_OWNER} characters"
            raise RefusedError(message)
        subscription = Subscription(
            secrets.token_hex(8), owner, filter_, target, SubscriptionState.ACTIVE, now
        )
        quota = Quota(self._limits.in_all, self._limits.per_owner)
        record = write_subscription(subscription)
        added = await self._records.add(subscription.id, record, quota, owner=owner)
        if added is Added.OWNER_FULL:
            message = f"{owner} has {quota.per_owner:,} subscriptions already"
            raise TooManyError(message)
        if added is Added.FULL:
            message = f"there are {quota.in_all:,} subscriptions already"
            raise TooManyError(message)
        return subscription

    async def get(self, subscription_id: str) -> Subscription:
        """One of them. Raises NotFoundError if there is none of this id."""
        return (await self._find(subscription_id))[0]

    async def list(self, owner: str | None = None) -> tuple[Subscription, ...]:
        """All of them, or all of an owner, oldest first."""
        records = await self._records.all()
        if self._read[0] is not records:
            found = [_read(name, record) for name, record in records.items()]
            known = [one for one in found if one is not None]
            known.sort(key=lambda one: (one.created_at, one.id))
            self._read = records, tuple(known)
        return tuple(one for one in self._read[1] if owner is None or one.owner == owner)

    async def list_active(self) -> tuple[Subscription, ...]:
        """Those whose targets are to be told."""
        await self.list()
        return self.known_active

    async def pause(self, subscription_id: str) -> Subscription:
        """Send nothing for now. Raises NotFoundError; a disabled one stays disabled."""

        def paused(one: Subscription) -> Subscription:
            if one.state is SubscriptionState.DISABLED:
                return one
            return replace(one, state=SubscriptionState.PAUSED)

        return await self._change(subscription_id, paused)

    async def resume(self, subscription_id: str) -> Subscription:
        """Send again, with what comes from now on. Raises NotFoundError."""
        return await self._change(
            subscription_id,
            lambda one: replace(
                one, state=SubscriptionState.ACTIVE, disabled_reason=None, failures=0
            ),
        )

    async def disable(self, subscription_id: str, reason: str) -> Subscription:
        """Send nothing until it is resumed. Raises NotFoundError.

        The reason is shown to its owner: it must hold no secret.
        """
        return await self._change(
            subscription_id,
            lambda one: replace(
                one, state=SubscriptionState.DISABLED, disabled_reason=reason[:LONGEST_REASON]
            ),
        )

    async def note_failure(self, subscription_id: str, reason: str) -> Subscription:
        """Count a notification that was given up; with too many in a row it is disabled.

        Raises NotFoundError. The reason is shown to its owner: it must hold no secret.
        """

        def failed(one: Subscription) -> Subscription:
            counted = replace(one, failures=one.failures + 1)
            if counted.failures < self._limits.disable_after:
                return counted
            why = f"{counted.failures} notifications in a row were given up: {reason}"
            return replace(
                counted, state=SubscriptionState.DISABLED, disabled_reason=why[:LONGEST_REASON]
            )

        return await self._change(subscription_id, failed)

    async def note_success(self, subscription_id: str) -> Subscription:
        """A notification arrived: failures begin anew. Raises NotFoundError."""
        return await self._change(subscription_id, lambda one: replace(one, failures=0))

    async def remove(self, subscription_id: str) -> Subscription:
        """Remove it with its secrets; hands back what it was. Raises NotFoundError."""
        while True:
            subscription, record = await self._find(subscription_id)
            if await self._records.remove(subscription_id, record, owner=subscription.owner):
                return subscription

    async def _change(
        self, subscription_id: str, change: Callable[[Subscription], Subscription]
    ) -> Subscription:
        while True:
            before, record = await self._find(subscription_id)
            after = change(before)
            if after == before or await self._records.replace(
                subscription_id, record, write_subscription(after)
            ):
                return after

    async def _find(self, subscription_id: str) -> tuple[Subscription, Record]:
        record = await self._records.get(subscription_id)
        subscription = None if record is None else _read(subscription_id, record)
        if record is None or subscription is None:
            message = f"no subscription {subscription_id[:LONGEST_OWNER]!r}"
            raise NotFoundError(message)
        return subscription, record


def _read(subscription_id: str, record: Record) -> Subscription | None:
    """The subscription; None, and a line in the log, if driftline did not write it."""
    try:
        return read_subscription(subscription_id, record.document)
    except (ValueError, KeyError, TypeError) as error:
        # The text of the error may hold what was written.
        reason = type(error).__name__
        log.warning("subscription_unreadable", subscription=subscription_id, reason=reason)
        return None
