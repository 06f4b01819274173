"""What is sent to a receiver, what it answers, and how it may fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from driftline.alerts.schema import AlertEnvelope


class Purpose(StrEnum):
    """Why a notification is sent."""

    NEWS = "news"
    """Alerts fired, changed or ended."""
    REPEAT = "repeat"
    """They still fire, and `repeat_interval` has passed."""
    KEEP_ALIVE = "keep_alive"
    """They still fire, and the receiver forgets what it is not told again."""
    RETRAIN = "retrain"
    """Training is asked for, or is no longer: an event of its own, to webhooks alone."""
    DIGEST = "digest"
    """What the receiver's ceiling held back."""
    TEST = "test"
    """Somebody asked whether messages arrive."""


@dataclass(frozen=True, slots=True)
class Notification:
    """What one receiver is to be told at one time."""

    id: str
    """The same over all attempts."""
    receiver: str
    purpose: Purpose
    alerts: tuple[AlertEnvelope, ...]
    """The newest revision of each alert, all of one stream but in a digest; none in a test."""
    memory: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By alert id: what the receiver asked to be remembered when it was last told of the alert."""
    held_back: int = 0
    """In a digest: how many notifications the ceiling held back."""
    base_url: str | None = None
    """Where the HTTP API is reached: links of alerts begin with it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A notification has arrived."""

    memory: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By alert id: what is to be handed in with its next notification, such as a thread."""


class Failure(StrEnum):
    """What to do about a notification that did not arrive."""

    AGAIN = "again"
    """Time-out, connection lost, 5xx: again after a while, longer each time."""
    LATER = "later"
    """The receiver asks to be left alone for a while: 429, or 503 with Retry-After."""
    REFUSED = "refused"
    """The receiver will never take this one: given up."""
    REVOKED = "revoked"
    """There is no such receiver any more, or we may not: nothing more is sent to it."""


class DeliveryError(DriftlineError):
    """A notification did not arrive. The text holds no secret, nor the receiver's URL."""

    def __init__(
        self, message: str, failure: Failure, *, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.retry_after = retry_after
        """How long the receiver asked to be left alone."""


@runtime_checkable
class EventReceiver(Protocol):
    """A way out that takes any CloudEvent."""

    async def send_event(self, message_id: str, event: bytes) -> None:
        """Send it, once; `message_id` is the same over all attempts.

        Raises:
            DeliveryError: as `Receiver.send` does.
        """
        ...


class Receiver(Protocol):
    """A way out. One that is slow or fails holds up no other."""

    takes_groups: bool
    """Whether one notification may hold several alerts; else each alert gets its own."""
    keep_alive: timedelta | None
    """How often it has to be told of alerts that still fire; None: not at all."""

    async def send(self, notification: Notification) -> Receipt:
        """Send it, once.

        Raises:
            DeliveryError: it did not arrive, or nobody knows whether it did.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
