"""What is left of a receiver that is no more."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import structlog

from driftline.config.alerting import SUBSCRIPTION
from driftline.notify.deliveries import Outcome

if TYPE_CHECKING:
    from datetime import timedelta

    from driftline.notify.surroundings import Surroundings

log = structlog.get_logger(__name__)


async def sweep(name: str, around: Surroundings, lease: timedelta) -> None:
    """Remove a receiver's book, unless another worker serves it, or may know it.

    What a subscription was to be told while it is paused or disabled is not made up for. A declared
    receiver may be new, and this worker's declaration the old one: its jobs wait as long as any
    that do not arrive.
    """
    deliveries, now = around.deliveries, around.clock()
    token = uuid.uuid4().hex
    if not await deliveries.take(name, token, lease):
        return
    book = await deliveries.load(name)
    standings = book.standings.values()
    newest = max((one.wanted.at for one in standings), default=0)
    if not name.startswith(SUBSCRIPTION) and now - newest < around.give_up_after:
        await deliveries.give_back(name, token)
        return
    await deliveries.forget(name)
    untold = sum(one.is_news for one in standings)
    label = name.partition(":")[0]
    if untold:
        around.metrics.notifications.labels(label, Outcome.UNDECLARED.value).inc(untold)
    log.warning("receiver_forgotten", receiver=name, untold=untold)
    await around.fate.on_gone(name)
