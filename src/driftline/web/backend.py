"""What the API needs of the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.alerting import Matchers
    from driftline.model import Micros
    from driftline.notify.silences import Silence
    from driftline.notify.subscriptions import Subscription
    from driftline.web.entries import Entry
    from driftline.web.models.health import Health
    from driftline.web.models.streams import (
        SignalState,
        StreamDetail,
        StreamSummary,
        WindowPage,
        WindowQuery,
    )
    from driftline.web.models.subscriptions import NewTarget, ReceiverAnswer


class Looks(Protocol):
    """How the deployment is doing, as it is stored."""

    async def problem(self) -> str | None:
        """What keeps the API from answering in full; None: nothing."""
        ...

    async def health(self) -> Health:
        """How the deployment is doing."""
        ...

    async def streams(self) -> Sequence[StreamSummary]:
        """The streams that are declared or stored, by name."""
        ...

    async def stream(self, name: str) -> StreamDetail | None:
        """One of them; None if there is none of this name."""
        ...

    async def instances(self, stream: str) -> Sequence[str]:
        """The names of a stream's stored instances, sorted."""
        ...

    async def signals(self, instance: str) -> Sequence[SignalState] | None:
        """The signals of an instance; None if nothing is stored of it."""
        ...

    async def windows(self, instance: str, query: WindowQuery) -> WindowPage | None:
        """Windows of an instance, newest first; None if nothing is stored of it.

        Raises:
            NotFoundError: it has no such signal.
        """
        ...


class Commands(Protocol):
    """What is said of alerts: commands in the events log, done by the alert's owner."""

    async def acknowledge(self, alert: Entry, *, by: str, note: str) -> str:
        """Take an alert on; returns the command's id."""
        ...

    async def accept(self, alert: Entry, *, by: str, note: str) -> str:
        """Accept the new level as normal; returns the command's id."""
        ...


class Muting(Protocol):
    """Silences. Raise what `SilenceStore` does."""

    async def silences(self) -> Sequence[Silence]:
        """All that are kept, newest first."""
        ...

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
        """Keep a new one."""
        ...

    async def expire_silence(self, silence_id: str, now: Micros) -> Silence:
        """End one."""
        ...


class Sending(Protocol):
    """Subscriptions and receivers. Raise what `SubscriptionStore` and `Receiver` do."""

    async def subscriptions(self, owner: str | None) -> Sequence[Subscription]:
        """All, or all of an owner, oldest first."""
        ...

    async def subscription(self, subscription_id: str) -> Subscription:
        """One of them."""
        ...

    async def add_subscription(
        self, owner: str, filter_: Matchers, target: NewTarget, now: Micros
    ) -> Subscription:
        """Keep a new one; raises RefusedError for a target that may not be sent to."""
        ...

    async def remove_subscription(self, subscription_id: str) -> None:
        """Remove one."""
        ...

    async def pause_subscription(self, subscription_id: str) -> Subscription:
        """Have it send nothing."""
        ...

    async def resume_subscription(self, subscription_id: str) -> Subscription:
        """Have it send again."""
        ...

    async def test_subscription(self, subscription: Subscription) -> str:
        """Send a test message; returns the notification's id."""
        ...

    async def receivers(self) -> Sequence[ReceiverAnswer]:
        """Those that are declared, by name."""
        ...

    async def test_receiver(self, name: str) -> str:
        """Send a test message; returns the notification's id. NotFoundError for an unknown one."""
        ...


class Backend(Looks, Commands, Muting, Sending, Protocol):
    """The deployment behind the API.

    Every method may raise UnavailableError where a server is away, and does not block the loop.
    """
