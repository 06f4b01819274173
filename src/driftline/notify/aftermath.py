"""What comes of sending: it is kept, and decided what is tried again, alone, later or never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from driftline.model import SECOND, Micros
from driftline.notify import outcomes
from driftline.notify.deliveries import Outcome, Record
from driftline.notify.ledger import Ledger, names
from driftline.notify.notification import DeliveryError, Failure, Purpose, Receipt
from driftline.notify.retries import Backoff, pause_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.notify.deliveries import Book
    from driftline.notify.planning import Due, Waits
    from driftline.notify.standing import Standing
    from driftline.notify.surroundings import Surroundings

log = structlog.get_logger(__name__)

MOST_LOGGED: Final = 10
"""Alerts that a line of the log names; the delivery log names them all."""
FAILING_AFTER: Final[Micros] = 600 * SECOND
"""A receiver at which something has not arrived for so long is failing: that is worth an alert."""


class Aftermath:
    """Judges what became of one receiver's notifications; `waits` is told what is put off.

    Every call raises `LeaseLostError` where another sender serves the receiver.
    """

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        waits: Waits,
        around: Surroundings,
        *,
        revoked: str | None = None,
    ) -> None:
        self._name = name
        self._ledger = ledger
        self._waits = waits
        self._around = around
        self._backoff = Backoff(around.rng)
        self.revoked = revoked
        """Why nothing more is sent."""

    async def delivered(self, book: Book, due: Due, sent_id: str, receipt: Receipt) -> None:
        """It has arrived."""
        now = self._around.clock()
        self._backoff.succeeded(due.group)
        self._waits.retry_at.pop(due.group, None)
        log.info(
            "notification_delivered",
            receiver=self._name,
            notification=sent_id,
            purpose=due.purpose.value,
            alerts=names(due.alerts)[:MOST_LOGGED],
            count=len(due.alerts),
        )
        record = outcomes.delivered(book, due, receipt, now)
        await self._ledger.record(
            book, record, due.alerts, Outcome.DELIVERED, due=due, sent_id=sent_id
        )
        for one in due.alerts:
            if one.is_news:
                self._waits.alone.discard(one.alert_id)
                delay = max(now - one.wanted.at, 0) / SECOND
                self._around.metrics.notification_delay.labels(self._ledger.label).observe(delay)
        await self._around.fate.on_delivered(self._name)

    async def failed(self, book: Book, due: Due, sent_id: str, error: DeliveryError) -> None:
        """It has not, or nobody knows."""
        log.warning(
            "notification_failed",
            receiver=self._name,
            notification=sent_id,
            purpose=due.purpose.value,
            failure=error.failure.value,
            reason=str(error),
        )
        self._ledger.count(Outcome.FAILED)
        lost: Sequence[Standing] = due.alerts
        if error.failure is Failure.REVOKED:
            self.revoked = str(error)
            outcome = Outcome.REVOKED
        elif error.failure is Failure.REFUSED:
            outcome = Outcome.REFUSED
            book, lost = await self._on_refused(book, due)
        else:
            outcome = Outcome.EXPIRED
            book, lost = await self._try_later(book, due, error)
        if lost:
            await self.give_up(book, due, lost, outcome=outcome, reason=str(error), sent_id=sent_id)

    async def _on_refused(self, book: Book, due: Due) -> tuple[Book, Sequence[Standing]]:
        """The book, and the alerts that are lost by it."""
        book = await self._ledger.write(book, outcomes.returned(book, due))
        if len(due.alerts) > 1 and due.purpose is Purpose.NEWS:
            # It may be one of them that is refused: the others are not to share its fate.
            self._waits.alone |= {one.alert_id for one in due.alerts}
            return book, ()
        return book, due.alerts

    async def _try_later(
        self, book: Book, due: Due, error: DeliveryError
    ) -> tuple[Book, Sequence[Standing]]:
        """The book, and the alerts that have been tried for too long."""
        now = self._around.clock()
        if error.failure is Failure.LATER:
            until = now + pause_for(error.retry_after)
            book = await self._ledger.write(book, outcomes.returned(book, due, until))
        else:
            self._waits.retry_at[due.group] = now + self._backoff.failed(due.group)
        alive = due.purpose is Purpose.KEEP_ALIVE
        since = {
            one.alert_id: one.told.sent_at if alive else one.told.tried_at or now
            for one in due.alerts
        }
        if now - min(since.values()) >= FAILING_AFTER:
            await self._around.fate.on_failing(self._name, str(error))
        if alive:
            return book, ()
        limit = now - self._around.give_up_after
        return book, [one for one in due.alerts if since[one.alert_id] <= limit]

    async def give_up(
        self,
        book: Book,
        due: Due,
        alerts: Sequence[Standing],
        *,
        outcome: Outcome,
        reason: str,
        sent_id: str = "",
    ) -> None:
        """Of these alerts it is not tried again; somebody is told so."""
        # It has to be ours still. And it is told before it is kept: should we die in between, it
        # is given up once more; the other way round nobody would hear of it.
        book = await self._ledger.write(book, Record(book.state))
        await self._around.fate.on_given_up(self._name, outcome, reason)
        if len(alerts) == len(due.alerts):
            self._backoff.succeeded(due.group)
            self._waits.retry_at.pop(due.group, None)
        log.error(
            "notification_given_up",
            receiver=self._name,
            outcome=outcome.value,
            purpose=due.purpose.value,
            alerts=names(alerts)[:MOST_LOGGED],
            count=len(alerts),
            reason=reason,
        )
        record = outcomes.given_up(book, due.purpose, alerts, self._around.clock())
        await self._ledger.record(
            book, record, alerts, outcome, due=due, sent_id=sent_id, reason=reason
        )
