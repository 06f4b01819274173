"""How often rows usually come, by hour of the week, and when none of them has become unusual.

Rows are counted by hour of event time, and once an hour is over it teaches its hour of the week: a
mean number of rows over about eight weeks, and the longest quiet stretch. Silence is measured in
minutes and in missed rows: those that were to be expected since the last one, by the means of the
hours. It is unusual when all of this holds:

- more than 20.7 rows are missed: if rows come independently (Poisson), the chance of none is below
  one in a thousand million;
- twice as many are missed as in any silence that was usual, at whatever hour: rows that come in
  bursts, or in batches of which one is left out at times, show so how far that goes; as rows are
  the measure, every hour of the week tells of all others;
- it has lasted twice as long as the longest quiet stretch of the hours that it touches: after hours
  in which nothing ever comes it does not matter how soon the first row is there;
- it has lasted ten minutes.

An hour of the week says nothing before it was seen in three weeks. What was longest or most is
forgotten by a fiftieth a week. So an outage is found later than would be possible where rows come
evenly: a false alert costs more trust than a late one.

All of it is a function of the rows' times, not of the batches in which they came.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from driftline.errors import StateError
from driftline.model import SECOND, Micros
from driftline.monitor.usual_state import Counting, CountingState, HourOfWeek

if TYPE_CHECKING:
    from driftline.eventlog.messages import Ints

MINUTE: Final[Micros] = 60 * SECOND
HOUR: Final[Micros] = 60 * MINUTE
HOURS_A_WEEK: Final = 168
ENOUGH: Final = -math.log(1e-9)
"""Rows to be expected of which none came."""
LEAST: Final[Micros] = 10 * MINUTE
"""No shorter silence is unusual: what serves a model is started anew now and then."""
TIMES: Final = 2
"""So many times as long as what was usual, and as many rows."""
LEAST_WEEKS: Final = 3
MEAN_WEEKS: Final = 8
"""Over about so many weeks the mean goes."""
KEPT_A_WEEK: Final = 0.98
"""Of the longest silence."""
KEPT_AN_HOUR: Final = KEPT_A_WEEK ** (1 / HOURS_A_WEEK)
"""Of the most missed rows."""
FORGET_MINUTES: Final = 8 * HOURS_A_WEEK * 60
"""A silence that is longer teaches nothing more."""
MAX_HOURS: Final = 8 * HOURS_A_WEEK
"""Rows may lie ahead of the watermark in so many hours; those of more are not counted."""
NEVER: Final[Micros] = 1 << 62


class Usual:
    """Learns from rows of one role of one instance."""

    def __init__(self) -> None:
        self.counting = CountingState()
        self._learned: list[HourOfWeek] | None = None
        self._changed = False

    @property
    def _week(self) -> list[HourOfWeek]:
        """The hours of the week; of most instances nothing is known for long, and it takes room."""
        if self._learned is None:
            self._learned = [HourOfWeek() for _ in range(HOURS_A_WEEK)]
        return self._learned

    @property
    def due(self) -> Micros:
        """The event time at which there is something to learn."""
        state = self.counting
        return (state.following + 1) * HOUR if state.hours and state.following else NEVER

    def add(self, times: Ints) -> None:
        """Count rows; those of hours that are over are too late."""
        state = self.counting
        if state.following is None:
            # The hour of the first row is not seen whole.
            state.following = int(times[0]) // HOUR + 1
        minutes, counts = _by_minute(times)
        for minute, count in zip(minutes, counts, strict=True):
            hour, place = divmod(minute, 60)
            counting = state.hours.get(hour)
            if counting is None:
                if hour < state.following or len(state.hours) >= MAX_HOURS:
                    continue
                counting = state.hours[hour] = Counting()
            counting.count += count
            counting.minutes |= 1 << place

    def add_one(self, at: Micros) -> None:
        """Count one row: what `add` does, without its columns."""
        state = self.counting
        hour, place = divmod(at // MINUTE, 60)
        if state.following is None:
            state.following = hour + 1
        counting = state.hours.get(hour)
        if counting is None:
            if hour < state.following or len(state.hours) >= MAX_HOURS:
                return
            counting = state.hours[hour] = Counting()
        counting.count += 1
        counting.minutes |= 1 << place

    def learn_until(self, now: Micros) -> None:
        """Let all hours teach that are over now."""
        state = self.counting
        if state.following is None:
            return
        while (state.following + 1) * HOUR <= now:
            if state.quiet <= FORGET_MINUTES:
                self._learn(state.following)
                state.following += 1
            elif state.hours:
                self.skip_hour_of(min(state.hours) * HOUR)
            else:
                return

    def skip_hour_of(self, at: Micros) -> None:
        """Up to the end of the hour of `at` nothing teaches: what follows goes on from there."""
        state = self.counting
        state.following = max(state.following or 0, at // HOUR + 1)
        state.quiet, state.missed = 0, 0.0
        state.hours = {hour: one for hour, one in state.hours.items() if hour >= state.following}

    def accept(self, since: Micros, until: Micros) -> None:
        """This silence is to be usual from here on."""
        minutes = -((since - until) // MINUTE)
        first, last = since // HOUR, until // HOUR
        for hour in range(first, min(last, first + HOURS_A_WEEK - 1) + 1):
            known = self._week[hour % HOURS_A_WEEK]
            known.longest = max(known.longest, minutes)
        self._changed = True

    def deadline(self, since: Micros) -> Micros:
        """When silence since then becomes unusual; NEVER if not within a week.

        To be asked when the hours that were over at `since` have taught, and no others.
        """
        if self._learned is None:
            return NEVER
        enough = max(ENOUGH, TIMES * self.counting.most_missed)
        missed, longest, at = 0.0, 0, since
        for hour in range(since // HOUR, since // HOUR + HOURS_A_WEEK):
            known, end = self._week[hour % HOURS_A_WEEK], (hour + 1) * HOUR
            if known.weeks >= LEAST_WEEKS:
                longest = max(longest, known.longest)
                coming = known.rate * (end - at) / HOUR
                if missed + coming >= enough:
                    left = max(enough - missed, 0.0)
                    wait = math.ceil(left / known.rate * HOUR) if known.rate else 0
                    least = max(TIMES * (longest + 1) * MINUTE, LEAST)
                    due = max(at + wait, since + least)
                    if due < end:
                        return due
                missed += coming
            at = end
        return NEVER

    def _learn(self, hour: int) -> None:
        self._changed = True
        state = self.counting
        counting = state.hours.pop(hour, None) or Counting()
        known = self._week[hour % HOURS_A_WEEK]
        known.longest = int(known.longest * KEPT_A_WEEK)
        state.most_missed *= KEPT_AN_HOUR
        self._learn_silence(hour, counting.minutes, known.rate / 60)
        known.weeks += 1
        known.rate += (counting.count - known.rate) / min(known.weeks, MEAN_WEEKS)

    def _learn_silence(self, hour: int, minutes: int, rate: float) -> None:
        """Take in which minutes of an hour have rows, of which so many a minute were expected."""
        state, known = self.counting, self._week[hour % HOURS_A_WEEK]
        if not minutes:
            state.quiet += 60
            state.missed += 60 * rate
            known.longest = max(known.longest, state.quiet)
            return
        quiet, missed = state.quiet, state.missed
        first, within, last = _stretches(minutes)
        ended = quiet + first
        state.quiet = 59 - last
        state.missed = state.quiet * rate
        known.longest = max(known.longest, ended, within, state.quiet)
        # The minutes before and after have rows, but may be quiet for nearly half of each.
        most = max(missed + first * rate, within * rate) + rate
        state.most_missed = max(state.most_missed, most)
        for back in range(1, min(-(-quiet // 60), HOURS_A_WEEK) + 1):
            touched = self._week[(hour - back) % HOURS_A_WEEK]
            touched.longest = max(touched.longest, ended)

    # -- what is stored --

    def changed_week(self) -> bytes | None:
        """The week as it is stored, if it changed since this was asked last."""
        if not self._changed:
            return None
        self._changed = False
        return msgspec.msgpack.encode(self._week)

    def restore(self, counting: CountingState, week: bytes | None) -> None:
        """Take over what was stored.

        Raises:
            StateError: it does not decode.
        """
        self.counting = counting
        if week is None:
            return
        try:
            known = msgspec.msgpack.decode(week, type=list[HourOfWeek])
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"what was learned of quiet hours does not decode: {error}"
            raise StateError(msg) from error
        if len(known) != HOURS_A_WEEK or not all(math.isfinite(one.rate) for one in known):
            msg = f"what was learned of quiet hours is not of {HOURS_A_WEEK} hours"
            raise StateError(msg)
        self._learned = known


def _by_minute(times: Ints) -> tuple[list[int], list[int]]:
    """The minutes since 1970 that have rows, and how many."""
    first, last = int(times.min()) // MINUTE, int(times.max()) // MINUTE
    if first == last:
        return [first], [len(times)]
    minutes, counts = np.unique(times // MINUTE, return_counts=True)
    return minutes.tolist(), counts.tolist()


def _stretches(minutes: int) -> tuple[int, int, int]:
    """The first and the last bit that is set, and between them the longest row of others.

    Read off the digits, which takes half as long as a loop over 60 places.
    """
    digits = f"{minutes:b}"
    seen = digits.rstrip("0")
    # Of texts of zeros alone the longest is the greatest.
    return len(digits) - len(seen), len(max(seen.split("1"))), len(digits) - 1
