"""One receiver's notifications: what is due is sent, one at a time."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import structlog

from driftline.crashpoints import NotifyPoint, pass_point
from driftline.model import SECOND, Micros, micros
from driftline.notify import outcomes
from driftline.notify.aftermath import Aftermath
from driftline.notify.deliveries import LeaseLostError, Outcome
from driftline.notify.ledger import Ledger
from driftline.notify.notification import (
    DeliveryError,
    EventReceiver,
    Failure,
    Notification,
    Purpose,
    Receipt,
)
from driftline.notify.planning import Planner, Traits, Waits

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from driftline.alerts.schema import AlertEnvelope
    from driftline.notify.deliveries import Book
    from driftline.notify.notification import Receiver
    from driftline.notify.planning import Due
    from driftline.notify.standing import Standing
    from driftline.notify.surroundings import Surroundings

log = structlog.get_logger(__name__)

LONGEST_SENDING: Final = timedelta(seconds=150)
"""Receivers have time-outs of their own, of two minutes at most; behind them all is this one."""
LOOK_AGAIN: Final[Micros] = 15 * SECOND
"""When a silenced alert is looked at again at the latest: a silence may be ended early."""


class ReceiverWork:
    """Serves one receiver for as long as its lease is ours."""

    def __init__(
        self,
        name: str,
        receiver: Receiver,
        *,
        per_hour: int,
        token: str,
        around: Surroundings,
        revoked: str | None = None,
    ) -> None:
        """`token` is the lease's; `revoked` says why nothing is to be sent any more."""
        alive = receiver.keep_alive
        keep_alive = None if alive is None else micros(alive)
        self._name = name
        self._receiver = receiver
        self._around = around
        self._planner = Planner(Traits(receiver.takes_groups, keep_alive, per_hour))
        self._waits = Waits()
        self._ledger = Ledger(name, token, around)
        self._aftermath = Aftermath(name, self._ledger, self._waits, around, revoked=revoked)
        self._doubted: frozenset[str] = frozenset()
        """Alerts whose jobs and events did not fit together when they were read last."""
        self.lost = False
        """The lease is not ours any more."""
        self.ending = False
        """Nothing new is begun."""

    @property
    def revoked(self) -> str | None:
        """Why nothing more is sent; None: it is."""
        return self._aftermath.revoked

    def stir(self) -> None:
        """There may be new jobs."""
        self._ledger.stir()

    async def step(self) -> Micros | None:
        """Send all that is due; when there will be more, as far as is known.

        Raises:
            LeaseLostError: another sender serves the receiver.
        """
        while not self.ending:
            if self.lost:
                msg = f"the lease of receiver {self._name} is over"
                raise LeaseLostError(msg)
            book = await self._read()
            due = self._planner.next(book.standings, book.state, self._waits, self._now())
            if due is None or due.at > self._now():
                return None if due is None else due.at
            await self._serve(book, due)
        return None

    def _now(self) -> Micros:
        return self._around.clock()

    async def _read(self) -> Book:
        """The book, without what nobody is to hear of."""
        book = await self._ledger.read()
        pointless = [one for one in book.standings.values() if one.is_pointless]
        if pointless:
            record = outcomes.passed_over(book, pointless)
            book = await self._ledger.record(book, record, pointless, Outcome.PASSED_OVER)
        self._waits.note(book.standings)
        return book

    async def _serve(self, book: Book, due: Due) -> None:
        if self.revoked is not None:
            await self._aftermath.give_up(
                book, due, due.alerts, outcome=Outcome.REVOKED, reason=self.revoked
            )
            return
        if due.purpose is Purpose.RETRAIN:
            await self._post(book, due)
            return
        events = await self._events(book, due)
        if not events:
            return
        book, loud = await self._without_muted(book, due, events)
        if not loud:
            return
        due = replace(due, alerts=tuple(loud))
        counts = due.purpose in (Purpose.NEWS, Purpose.REPEAT)
        if counts and self._planner.is_over_ceiling(book.state, self._now()):
            record = outcomes.held_back(book, due)
            await self._ledger.record(book, record, due.alerts, Outcome.HELD_BACK, due=due)
            return
        await self._send(book, due, [events[one.alert_id] for one in loud])

    async def _events(self, book: Book, due: Due) -> Mapping[str, AlertEnvelope]:
        """The events to send, each of the revision that is due; none if there are others by now."""
        names = [one.alert_id for one in due.alerts]
        events = await self._around.deliveries.events(self._name, names)
        doubtful = [
            one
            for one in due.alerts
            if one.alert_id not in events
            or events[one.alert_id].data.revision != one.wanted.revision
        ]
        doubted, self._doubted = self._doubted, frozenset(one.alert_id for one in doubtful)
        lost = [
            one
            for one in doubtful
            if one.alert_id in doubted and not _is_newer(events.get(one.alert_id), one)
        ]
        if lost:
            await self._aftermath.give_up(
                book, due, lost, outcome=Outcome.REFUSED, reason="redis does not hold its event"
            )
        if doubtful:
            self.stir()
            return {}
        return events

    async def _without_muted(
        self, book: Book, due: Due, events: Mapping[str, AlertEnvelope]
    ) -> tuple[Book, Sequence[Standing]]:
        """Those of the alerts that no silence mutes, and the book, which knows of the others."""
        if due.purpose is Purpose.KEEP_ALIVE:
            # It tells nobody anything new. Left out, the receiver would say that the alert is over.
            return book, due.alerts
        loud: list[Standing] = []
        muted: list[Standing] = []
        for one in due.alerts:
            now = self._now()
            silence = await self._around.silences.muting(events[one.alert_id].data, now)
            if silence is None:
                self._waits.not_before.pop(one.alert_id, None)
                loud.append(one)
                continue
            if one.alert_id not in self._waits.not_before:
                muted.append(one)
            self._waits.not_before[one.alert_id] = min(silence.ends_at, now + LOOK_AGAIN)
        if muted:
            record = outcomes.passed_over(book, ())
            book = await self._ledger.record(book, record, muted, Outcome.MUTED, due=due)
        return book, loud

    async def _send(self, book: Book, due: Due, events: Sequence[AlertEnvelope]) -> None:
        notification = Notification(
            id=_notification_id(self._name, due),
            receiver=self._name,
            purpose=due.purpose,
            alerts=tuple(events),
            memory={one.alert_id: one.told.memory for one in due.alerts if one.told.memory},
            held_back=_held_back(book, due),
            base_url=self._around.base_url,
        )
        await self._attempt(book, due, notification.id, self._receiver.send(notification))

    async def _post(self, book: Book, due: Due) -> None:
        """Send an event that is about no alert."""
        (job,) = due.alerts
        event = await self._around.deliveries.raw_event(self._name, job.alert_id)
        receiver = self._receiver
        if event is None or not isinstance(receiver, EventReceiver):
            reason = "the receiver takes no such event, or redis does not hold it"
            await self._aftermath.give_up(
                book, due, due.alerts, outcome=Outcome.REFUSED, reason=reason
            )
            return

        async def post() -> Receipt:
            await receiver.send_event(sent_id, event)
            return Receipt()

        sent_id = _notification_id(self._name, due)
        await self._attempt(book, due, sent_id, post())

    async def _attempt(
        self, book: Book, due: Due, sent_id: str, sending: Coroutine[Any, Any, Receipt]
    ) -> None:
        try:
            if due.purpose is not Purpose.KEEP_ALIVE:
                book = await self._ledger.write(book, outcomes.attempted(book, due, self._now()))
            pass_point(NotifyPoint.NOTIFICATION_LEASED)
            begun = perf_counter()
            answer = await self._try(sending)
        finally:
            # If it did not come to that.
            sending.close()
        self._around.metrics.notification_seconds.labels(self._ledger.label).observe(
            perf_counter() - begun
        )
        if isinstance(answer, DeliveryError):
            await self._aftermath.failed(book, due, sent_id, answer)
        else:
            pass_point(NotifyPoint.NOTIFICATION_SENT)
            await self._aftermath.delivered(book, due, sent_id, answer)
            pass_point(NotifyPoint.NOTIFICATION_RECORDED)

    async def _try(self, sending: Coroutine[Any, Any, Receipt]) -> Receipt | DeliveryError:
        try:
            async with asyncio.timeout(LONGEST_SENDING.total_seconds()):
                return await sending
        except DeliveryError as error:
            return error
        except TimeoutError:
            return DeliveryError("it did not end in time", Failure.AGAIN)
        except Exception as error:
            # A mistake in one way out must not end the others, nor the detection beside them.
            log.exception("receiver_crashed", receiver=self._name)
            return DeliveryError(f"{type(error).__name__} in driftline", Failure.AGAIN)


def _held_back(book: Book, due: Due) -> int:
    """What a digest stands for; the second of several, for what it tells."""
    if due.purpose is not Purpose.DIGEST:
        return 0
    return book.state.held_back or len(due.alerts)


def _is_newer(event: AlertEnvelope | None, one: Standing) -> bool:
    """Whether an event is of a revision that came after the job was read."""
    return event is not None and event.data.revision > one.wanted.revision


def _notification_id(receiver: str, due: Due) -> str:
    """The same for whoever sends the same once more, also after a crash."""
    told = sorted(f"{one.alert_id}.{one.wanted.revision}@{one.told.sent_at}" for one in due.alerts)
    text = "\n".join((receiver, due.purpose.value, *told))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
