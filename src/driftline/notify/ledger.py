"""The book of one receiver as whoever serves it knows it: read, and written on, entry by entry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from driftline.notify.deliveries import Entry, Outcome, Record
from driftline.notify.notification import Purpose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.notify.deliveries import Book
    from driftline.notify.planning import Due
    from driftline.notify.standing import Standing
    from driftline.notify.surroundings import Surroundings


class Ledger:
    """One receiver's book, for as long as its lease is ours."""

    def __init__(self, name: str, token: str, around: Surroundings) -> None:
        """`name` is the receiver's, `token` the lease's."""
        self._name = name
        self._token = token
        self._around = around
        self._book: Book | None = None
        self._stirred = True

    @property
    def label(self) -> str:
        """The receiver as a metric's label: subscriptions are too many to have one each."""
        return self._name.partition(":")[0]

    def stir(self) -> None:
        """Somebody else may have written: it is loaded anew when it is read next."""
        self._stirred = True

    async def read(self) -> Book:
        """The book as it stands."""
        book = self._book
        if book is None or self._stirred:
            self._stirred = False
            book = self._book = await self._around.deliveries.load(self._name)
        return book

    async def record(
        self,
        book: Book,
        record: Record,
        alerts: Sequence[Standing],
        outcome: Outcome,
        *,
        due: Due | None = None,
        sent_id: str = "",
        reason: str = "",
    ) -> Book:
        """Keep what became of something, with a line of the delivery log, and count it."""
        entry = Entry(
            at=self._around.clock(),
            receiver=self._name,
            notification=sent_id,
            purpose="" if due is None else due.purpose.value,
            outcome=outcome,
            alerts=tuple(names(alerts)),
            reason=reason,
        )
        self.count(outcome)
        quiet = due is not None and due.purpose is Purpose.KEEP_ALIVE
        return await self.write(book, record if quiet else replace(record, log=(entry,)))

    async def write(self, book: Book, record: Record) -> Book:
        """Keep it; the book with it."""
        await self._around.deliveries.record(self._name, self._token, record)
        self._book = book.after(record)
        return self._book

    def count(self, outcome: Outcome) -> None:
        """One more has come to this."""
        self._around.metrics.notifications.labels(self.label, outcome.value).inc()


def names(alerts: Sequence[Standing]) -> list[str]:
    """The alerts as logs name them: with their revision."""
    return [f"{one.alert_id}.{one.wanted.revision}" for one in alerts]
