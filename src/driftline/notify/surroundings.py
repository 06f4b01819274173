"""What stands around the work of every receiver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from driftline.alerts.schema import AlertData
    from driftline.metrics import Metrics
    from driftline.model import Micros
    from driftline.notify.deliveries import Deliveries, Outcome
    from driftline.notify.notification import Receiver


class Mute(Protocol):
    """A silence, as far as a sender looks at it."""

    @property
    def ends_at(self) -> Micros:
        """When it ends."""


class Silences(Protocol):
    """Where silences are looked up, at the moment of sending."""

    async def muting(self, data: AlertData, now: Micros) -> Mute | None:
        """The silence because of which nobody is told of this alert now."""


class Fate(Protocol):
    """Who hears of it when a receiver fails, and works again."""

    def on_taken(self, receiver: str) -> None:
        """From now on it is we who serve the receiver."""

    async def on_given_up(self, receiver: str, outcome: Outcome, reason: str) -> None:
        """Something was given up. REVOKED: nothing more is sent to the receiver."""

    async def on_failing(self, receiver: str, reason: str) -> None:
        """Something has not arrived for a while, and is tried on."""

    async def on_delivered(self, receiver: str) -> None:
        """Something arrived."""

    async def on_gone(self, receiver: str) -> None:
        """There is no such receiver any more."""


@dataclass(frozen=True, slots=True)
class WayOut:
    """A receiver, and how much it may be sent."""

    receiver: Receiver
    per_hour: int


class Directory(Protocol):
    """Who there is to be told: declared receivers, and subscriptions."""

    async def refresh(self) -> None:
        """Find out about subscriptions that came, changed or went."""

    def find(self, name: str) -> WayOut | None:
        """Where to send; None for one that is paused, disabled or no more."""

    def knows(self, name: str) -> bool:
        """Whether `find` would find it."""

    async def drop(self, name: str) -> None:
        """Let go of a subscription's receiver, until `refresh` finds that it is active."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all receivers' work needs."""

    deliveries: Deliveries
    silences: Silences
    fate: Fate
    metrics: Metrics
    clock: Callable[[], Micros]
    rng: Random
    give_up_after: Micros
    base_url: str | None = None
