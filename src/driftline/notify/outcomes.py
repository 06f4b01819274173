"""What a receiver's book is like after a notification: values in, values out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from driftline.notify.deliveries import Record
from driftline.notify.notification import Purpose
from driftline.notify.standing import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.model import Micros
    from driftline.notify.deliveries import Book
    from driftline.notify.notification import Receipt
    from driftline.notify.planning import Due
    from driftline.notify.standing import ReceiverState, Standing, Told


def attempted(book: Book, due: Due, now: Micros) -> Record:
    """It is about to be sent: should we die now, nobody knows whether it was."""
    return Record(
        book.state,
        {
            one.alert_id: _changed(
                book, one, tried=one.wanted.revision, tried_at=one.told.tried_at or now
            )
            for one in due.alerts
        },
    )


def returned(book: Book, due: Due, paused_until: Micros | None = None) -> Record:
    """It certainly did not arrive: what was not tried before is not tried now."""
    state = book.state if paused_until is None else replace(book.state, paused_until=paused_until)
    return Record(
        state,
        {one.alert_id: _changed(book, one, tried=one.told.tried) for one in due.alerts},
    )


def delivered(book: Book, due: Due, receipt: Receipt, now: Micros) -> Record:
    """It has arrived. With an alert's end all is told of it."""
    remembered = {
        one.alert_id: dict(receipt.memory.get(one.alert_id, one.told.memory)) for one in due.alerts
    }
    if due.purpose is Purpose.KEEP_ALIVE:
        return Record(
            book.state,
            {
                one.alert_id: _changed(book, one, sent_at=now, memory=remembered[one.alert_id])
                for one in due.alerts
            },
        )
    told = {
        one.alert_id: _changed(
            book,
            one,
            settled=one.wanted.revision,
            believes=one.wanted.firing,
            tried=0,
            tried_at=0,
            told_at=now,
            sent_at=now,
            held=0,
            memory=remembered[one.alert_id],
        )
        for one in due.alerts
    }
    counts = due.purpose is not Purpose.RETRAIN
    state = _counted(book.state, due, now) if counts else book.state
    return Record(state, told, _ended(due.alerts))


def given_up(book: Book, purpose: Purpose, alerts: Iterable[Standing], now: Micros) -> Record:
    """It will not be sent any more. What may have arrived stays so."""
    told: dict[str, Told] = {}
    alerts = tuple(alerts)
    if purpose is Purpose.KEEP_ALIVE:
        # The receiver forgets it by itself.
        told = {one.alert_id: _changed(book, one, believes=False) for one in alerts}
        return Record(book.state, told)
    for one in alerts:
        settled = one.wanted.revision
        told[one.alert_id] = _changed(book, one, settled=settled, told_at=now, tried_at=0, held=0)
    return Record(_without_digest(book.state, purpose), told, _ended(alerts))


def held_back(book: Book, due: Due) -> Record:
    """The ceiling is reached: the next digest tells of it."""
    told = {one.alert_id: _changed(book, one, held=one.wanted.revision) for one in due.alerts}
    return Record(replace(book.state, held_back=book.state.held_back + 1), told)


def passed_over(book: Book, alerts: Iterable[Standing]) -> Record:
    """Nobody is to hear of it: there is nothing more to tell."""
    return Record(book.state, done={one.alert_id: one.wanted for one in alerts})


def _changed(book: Book, one: Standing, **changes: Any) -> Told:
    return replace(book.standings[one.alert_id].told, **changes)


def _ended(alerts: Iterable[Standing]) -> dict[str, Any]:
    return {one.alert_id: one.wanted for one in alerts if not one.wanted.firing}


def _counted(state: ReceiverState, due: Due, now: Micros) -> ReceiverState:
    state = _without_digest(state, due.purpose)
    if now >= state.window_begin + HOUR:
        return replace(state, window_begin=now, window_sent=1)
    return replace(state, window_sent=state.window_sent + 1)


def _without_digest(state: ReceiverState, purpose: Purpose) -> ReceiverState:
    return replace(state, held_back=0) if purpose is Purpose.DIGEST else state
