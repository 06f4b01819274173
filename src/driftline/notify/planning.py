"""What a receiver is to be told next, and when. No I/O: what stands in the books decides, and time.

The rules, in their order: an end whose beginning was not told is passed over; a cause holds back;
alerts of a stream wait for each other (`group_wait`); hours; then the ceiling of the hour, which
turns what is too much into one digest.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from driftline.notify.hours import next_within, parse_hours
from driftline.notify.notification import Purpose
from driftline.notify.standing import HOUR, ReceiverState, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from driftline.model import Micros

MOST_ALERTS: Final = 200
"""Alerts in one notification; what is beyond comes in the next."""
MOST_ONE_BY_ONE: Final = 100
"""The same for a receiver that takes no groups: a digest may be a request for each of its alerts,
and PagerDuty takes 120 a minute. With more it would be refused each time anew, and never arrive."""

Group: TypeAlias = "tuple[str, ...]"
"""What is sent as one, and fails as one."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a planner has to know of a receiver."""

    takes_groups: bool
    keep_alive: Micros | None
    per_hour: int


@dataclass(frozen=True, slots=True)
class Due:
    """Something to send, not before a time."""

    at: Micros
    purpose: Purpose
    group: Group
    alerts: tuple[Standing, ...]


@dataclass
class Waits:
    """What waits for a moment of its own. Not kept: after a restart it is found out again."""

    since: dict[str, Micros] = field(default_factory=dict)
    """By alert: when its oldest revision that is not settled came."""
    not_before: dict[str, Micros] = field(default_factory=dict)
    """By alert: when to look again whether it is silenced."""
    retry_at: dict[Group, Micros] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)
    """Alerts that were refused together: each is tried by itself."""

    def from_(self, one: Standing, at: Micros) -> Micros:
        """The time, or when it is to be looked at again, whichever is later."""
        return max(at, self.not_before.get(one.alert_id, 0))

    def note(self, book: Mapping[str, Standing]) -> None:
        """Remember since when there is news, and forget what has gone."""
        news = {name: one.wanted.at for name, one in book.items() if one.is_news}
        self.since = {name: self.since.get(name, at) for name, at in news.items()}
        self.not_before = {name: at for name, at in self.not_before.items() if name in book}
        self.alone &= book.keys()


@dataclass(frozen=True, slots=True)
class Planner:
    """Says what is due for one receiver."""

    traits: Traits

    def next(
        self, book: Mapping[str, Standing], state: ReceiverState, waits: Waits, now: Micros
    ) -> Due | None:
        """What is to be sent first: now, where its time has come, or at that time."""
        alerts = {name: one for name, one in book.items() if one.wanted.is_alert}
        candidates = [
            *self._news(alerts, waits, now),
            *self._digest(alerts, state, waits, now),
            *self._repeats(alerts, waits, now),
            *self._keep_alive(alerts, waits),
            *_retrain(book.values(), waits),
        ]
        first = min(candidates, key=lambda due: due.at, default=None)
        if first is None or first.at >= state.paused_until:
            return first
        return Due(state.paused_until, first.purpose, first.group, first.alerts)

    def is_over_ceiling(self, state: ReceiverState, now: Micros) -> bool:
        """Whether the hour's notifications are spent."""
        within = now < state.window_begin + HOUR
        return within and state.window_sent >= self.traits.per_hour

    def _news(self, book: Mapping[str, Standing], waits: Waits, now: Micros) -> Iterator[Due]:
        groups: dict[Group, list[Standing]] = defaultdict(list)
        for one in book.values():
            if not one.is_news or one.waits_for_cause or one.told.held:
                continue
            ready_at = waits.not_before.get(one.alert_id, 0)
            if ready_at > now:
                yield Due(ready_at, Purpose.NEWS, self._group(one, waits), (one,))
            else:
                groups[self._group(one, waits)].append(one)
        for group, alerts in groups.items():
            terms = alerts[0].wanted.terms
            since = min(waits.since.get(one.alert_id, one.wanted.at) for one in alerts)
            at = max(since + terms.group_wait, waits.retry_at.get(group, 0))
            yield Due(_within(terms.hours, at, now), Purpose.NEWS, group, _cut(alerts))

    def _digest(
        self, book: Mapping[str, Standing], state: ReceiverState, waits: Waits, now: Micros
    ) -> Iterator[Due]:
        group: Group = (Purpose.DIGEST,)
        opens_at = max(state.window_begin + HOUR, waits.retry_at.get(group, 0))
        timed = [
            (waits.from_(one, _within(one.wanted.terms.hours, opens_at, now)), one)
            for one in book.values()
            if one.told.held and not one.waits_for_cause
        ]
        if timed:
            at, ready = _first(timed, now)
            most = MOST_ALERTS if self.traits.takes_groups else MOST_ONE_BY_ONE
            yield Due(at, Purpose.DIGEST, group, ready[:most])

    def _repeats(self, book: Mapping[str, Standing], waits: Waits, now: Micros) -> Iterator[Due]:
        if self.traits.keep_alive is not None:
            # It is told all the time, and repeats to people as it likes.
            return
        groups: dict[Group, list[tuple[Micros, Standing]]] = defaultdict(list)
        for one in book.values():
            terms = one.wanted.terms
            if terms.repeat_interval is not None and _may_repeat(one):
                group = (Purpose.REPEAT, *self._group(one, waits))
                at = max(one.told.told_at + terms.repeat_interval, waits.retry_at.get(group, 0))
                groups[group].append((waits.from_(one, _within(terms.hours, at, now)), one))
        for group, timed in groups.items():
            at, ready = _first(timed, now)
            yield Due(at, Purpose.REPEAT, group, ready)

    def _keep_alive(self, book: Mapping[str, Standing], waits: Waits) -> Iterator[Due]:
        interval = self.traits.keep_alive
        if interval is None:
            return
        group: Group = (Purpose.KEEP_ALIVE,)
        alive = [one for one in book.values() if one.told.believes and one.wanted.firing]
        if alive:
            # With the first of them all others are told as well, silenced or not.
            alive.sort(key=lambda one: one.told.sent_at)
            at = max(alive[0].told.sent_at + interval, waits.retry_at.get(group, 0))
            yield Due(at, Purpose.KEEP_ALIVE, group, _cut(alive))

    def _group(self, one: Standing, waits: Waits) -> Group:
        if not self.traits.takes_groups or one.alert_id in waits.alone:
            return (one.alert_id,)
        return (one.wanted.stream, repr(one.wanted.terms))


def _retrain(all_: Iterable[Standing], waits: Waits) -> Iterator[Due]:
    for one in all_:
        if one.is_news and not one.wanted.is_alert:
            group = (Purpose.RETRAIN, one.alert_id)
            at = max(one.wanted.at, waits.retry_at.get(group, 0))
            yield Due(at, Purpose.RETRAIN, group, (one,))


def _may_repeat(one: Standing) -> bool:
    told = one.wanted.firing and one.told.believes and not one.is_news and not one.told.held
    return told and not one.wanted.acknowledged and not one.waits_for_cause


def _within(hours: str | None, at: Micros, now: Micros) -> Micros:
    return at if hours is None else next_within(parse_hours(hours), max(at, now))


def _first(
    timed: Sequence[tuple[Micros, Standing]], now: Micros
) -> tuple[Micros, tuple[Standing, ...]]:
    """The earliest time, and what is ready then, or by now."""
    at = min(its for its, _ in timed)
    return at, _cut([one for its, one in timed if its <= max(at, now)])


def _cut(alerts: Sequence[Standing]) -> tuple[Standing, ...]:
    return tuple(alerts[:MOST_ALERTS])
