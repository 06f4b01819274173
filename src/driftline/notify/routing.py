"""To whom an alert goes: the routes that are declared, and the subscriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftline.config.alerting import SUBSCRIPTION, RouteSpec
from driftline.notify.matching import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from driftline.config.alerting import AlertingSpec
    from driftline.notify.matching import Described
    from driftline.notify.subscriptions import Subscription


@dataclass(frozen=True, slots=True)
class Assignment:
    """A receiver that is to be told, and as what route has it."""

    receiver: str
    route: RouteSpec
    place: int | None = None
    """Which of the declared routes it is, from 0; None for a subscription's."""


class Router:
    """Assigns alerts to receivers: at most once to each.

    The declared routes are asked in their order, up to the first that matches and does not say
    `continue`; a receiver that several name gets the alert as the first of them has it. Whatever
    the routes say, every subscription gets what it asks for, as a receiver named `subscription:`
    and its id.
    """

    def __init__(
        self, alerting: AlertingSpec, subscriptions: Callable[[], Sequence[Subscription]]
    ) -> None:
        self._routes = alerting.routes
        self._subscriptions = subscriptions

    def assign(self, data: Described) -> list[Assignment]:
        """All that are to be told of this alert."""
        found: dict[str, Assignment] = {}
        for one in (*self._declared(data), *self._subscribed(data)):
            found.setdefault(one.receiver, one)
        return list(found.values())

    def _declared(self, data: Described) -> Iterator[Assignment]:
        for place, route in enumerate(self._routes):
            if matches(route.match, data):
                yield from (Assignment(receiver, route, place) for receiver in route.receivers)
                if not route.continue_:
                    return

    def _subscribed(self, data: Described) -> Iterator[Assignment]:
        for one in self._subscriptions():
            if matches(one.filter, data):
                receiver = f"{SUBSCRIPTION}{one.id}"
                yield Assignment(receiver, RouteSpec(match=one.filter, receivers=(receiver,)))
