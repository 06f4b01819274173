"""From the alarms of one signal of one instance to its alerts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.alerts.deadlines import deadline_of, row_due
from driftline.alerts.lifecycle import AlertState, Reason
from driftline.alerts.moved import shift_across
from driftline.alerts.opening import counts, find_news, open_alert, row_of
from driftline.alerts.ring import BLOCK, Ring
from driftline.alerts.state import BEFORE_ALL, Ended, TrackState, decode_state, encode_state
from driftline.alerts.telling import tell
from driftline.alerts.weighing import (
    is_due,
    lies_beyond,
    look_again,
    present_level,
    refresh,
    settled_elsewhere,
    take_in,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.alerts.alert import Acknowledgement, Alert, AlertChange
    from driftline.alerts.blocks import Blocks, Floats, Ints
    from driftline.alerts.evidence import Shift
    from driftline.alerts.split import Finding
    from driftline.config.watches import Watch
    from driftline.model import Alarm, InstanceKey, Micros

PLAIN_SERIES: Final = ("",)
"""The series of a signal that is not categorical."""


class SignalTrack:
    """The memory of one watched signal of one instance, and the life of its alert.

    At most one alert lives at a time. Its reference is the level before its first alarm. Later
    alarms are counted, and told only when a person would care: a detector that had not spoken
    before, or a level that moved by a real shift and by a quarter of the shift last told of. It
    resolves when the signal is back at the reference, or clearly beyond it on the other side, which
    may open an alert of the other direction.

    With a `hold` in its watch an alert is pending first: it fires, and is told for the first time,
    once that much event time has passed and the signal is not back.
    """

    def __init__(self, instance: InstanceKey, watch: Watch) -> None:
        self._instance = instance
        self._watch = watch
        self._series: tuple[str, ...] = ()
        self._ring = Ring(0)
        self._alert: Alert | None = None
        self._ended: Ended | None = None
        self._clock: Micros = BEFORE_ALL

    @property
    def alert(self) -> Alert | None:
        """The alert that lives, pending or firing."""
        return self._alert

    @property
    def firing(self) -> bool:
        """Whether an alert fires."""
        return self._alert is not None and self._alert.state is AlertState.FIRING

    @property
    def deadline(self) -> Micros | None:
        """The event time at which `on_time` has something to do; None: there is nothing."""
        return None if self._alert is None else deadline_of(self._alert, self._watch)

    def extend(
        self, series: Mapping[str, Floats], times: Ints, known: Ints | None = None
    ) -> list[AlertChange]:
        """Learn the next values, finite and none missing, with their event times, in log order.

        `series` holds "" for a plain signal, or one column of 0 and 1 per indicator of a
        categorical feature, all as long as `times`. `known` has the event times of the records that
        made the values known, where those are others: labels. By them time passes. A change has as
        its `row` the index at which it was decided.

        Raises:
            ValueError: other series than before.
        """
        if not times.size:
            return []
        values = self._matrix(series)
        clock = self._clock_at(times if known is None else known)
        changes: list[AlertChange] = []
        row = 0
        while row < times.size:
            # Before the first value that comes at or after a deadline, time decides.
            changes += self.on_time(int(clock[row]), row=row)
            end = row_due(clock, self.deadline, row)
            row = self._learn(values[:, :end], times[:end], clock, row, changes)
        self._ring.remember_last(values, times)
        return changes

    def takes_quietly(self, known: Micros) -> bool:
        """Whether the next value changes nothing but the memory of a plain signal.

        `known` is the event time of the record that makes it known. It does not where it completes
        a block by which something may be decided, or where by then time decides.
        """
        if self._series not in (PLAIN_SERIES, ()):
            return False
        if self._alert is None and (self._ended is None or self._ended.held is None):
            return True
        if self._ring.unfinished + 1 == BLOCK:
            return False
        deadline = self.deadline
        return deadline is None or max(self._clock, known) < deadline

    def learn(self, value: float, at: Micros, known: Micros) -> None:
        """Learn a value that the track `takes_quietly`: what `extend` does, without columns."""
        if not self._series:
            self._series, self._ring = PLAIN_SERIES, Ring(1)
        self._clock = max(self._clock, known)
        self._count_rows(1)
        self._ring.append(value, at)

    def first_due(self, known: Ints) -> int | None:
        """The first of the next values by which time moves the alert, as `known` is of `extend`.

        None: none of them.
        """
        if self.deadline is None:
            return None
        row = row_due(self._clock_at(known), self.deadline, 0)
        return row if row < known.size else None

    def _clock_at(self, known: Ints) -> Ints:
        """How far event time will have come with each of the next values."""
        return np.maximum(np.maximum.accumulate(known), self._clock)

    def on_time(self, now: Micros, *, row: int | None = None) -> list[AlertChange]:
        """Event time has come so far: a pending alert may fire by it, and a firing one expire."""
        changes: list[AlertChange] = []
        while (alert := self._alert) is not None:
            moment = self.deadline
            if moment is None or moment > now:
                break
            if alert.state is AlertState.PENDING:
                changes.append(self._fire(alert, moment, row=row))
            else:
                changes += self._finish(alert, Reason.EXPIRED, moment, row=row)
        return changes

    def on_alarm(self, alarm: Alarm, *, incarnation: str = "") -> list[AlertChange]:
        """A detector alarmed at the latest value that `extend` was given.

        `incarnation` is that of the record's topic. Hands back what is to be told: nothing, one
        change, or the end of one alert and the beginning of another.
        """
        if not self._ring.count:
            return []
        if self._alert is not None:
            return self._hear(self._alert, alarm, incarnation)
        finding = find_news(self._ring, self._series, self._ended, alarm)
        if finding is None:
            self._hold(alarm, incarnation)
            return []
        if not counts(self._watch, finding.direction):
            if finding.real:
                self._ring.mark = finding.boundary
            return []
        return self._open(finding, alarm, incarnation, at=alarm.trigger.at)

    def shift_at(self, moment: Micros) -> Shift | None:
        """How much the signal differs across a moment; None with under 30 values on a side."""
        return shift_across(self._ring, self._series, self._watch.signal, moment)

    def end(self, reason: Reason, at: Micros) -> list[AlertChange]:
        """End the living alert, if there is one, for a reason that the values do not give."""
        return [] if self._alert is None else self._finish(self._alert, reason, at)

    def acknowledge(self, said: Acknowledgement, at: Micros) -> list[AlertChange]:
        """A person has taken the living alert on: told, unless nobody was told of it yet."""
        if self._alert is not None:
            self._alert.acknowledged = said
        return self.retell(at)

    def accept(self, at: Micros) -> list[AlertChange]:
        """The level of now is the new normal: the living alert ends, and this is the reference."""
        if (alert := self._alert) is None:
            return []
        row = self._series_row(alert.indicator)
        finding = present_level(self._ring, row, alert.evidence.before)
        if finding is not None:
            take_in(self._ring, alert, finding)
        return self._begin_anew(alert, Reason.ACCEPTED, at)

    def supersede(self, values: int, at: Micros) -> list[AlertChange]:
        """Another model carries the signal, as it did most of the last so many values.

        The living alert ends, and these values are the reference.
        """
        if (alert := self._alert) is None:
            return []
        self._ring.mark = self._ring.boundary_back(values)
        return self._begin_anew(alert, Reason.SUPERSEDED, at)

    def retell(self, at: Micros) -> list[AlertChange]:
        """Tell of the living alert once more, for a reason of its surroundings; if it fires."""
        return [self._tell(self._alert, at)] if self._alert is not None and self.firing else []

    def rewatch(self, watch: Watch) -> None:
        """The same signal under another line of the declaration; a living alert goes on."""
        self._watch = watch

    def snapshot(self) -> bytes:
        """All of the track; `restore` goes on from it as if nothing had happened."""
        return encode_state(
            TrackState(
                instance=self._instance.name,
                signal=self._watch.signal,
                series=self._series,
                ring=self._ring.snapshot(),
                alert=self._alert,
                ended=self._ended,
                clock=self._clock,
            )
        )

    def restore(self, blob: bytes) -> None:
        """Become what was stored.

        Raises:
            StateError: it does not decode, contradicts itself, or is another signal's.
        """
        state, ring = decode_state(blob, self._instance.name, self._watch.signal)
        self._series, self._ring = state.series, ring
        self._alert, self._ended, self._clock = state.alert, state.ended, state.clock

    # Learning.

    def _matrix(self, series: Mapping[str, Floats]) -> Floats:
        names = tuple(series)
        if not self._series:
            self._series, self._ring = names, Ring(len(names))
        if set(names) != set(self._series):
            msg = f"{self._watch.signal}: series {names} do not continue {self._series}"
            raise ValueError(msg)
        if len(names) == 1:
            return np.asarray(series[names[0]], np.float64).reshape(1, -1)
        return np.stack([np.asarray(series[name], np.float64) for name in self._series])

    def _learn(
        self, values: Floats, times: Ints, clock: Ints, begin: int, changes: list[AlertChange]
    ) -> int:
        """Take in values from `begin` on, until an alert opens or ends; hand back where that was.

        What is to be told is added to `changes`.
        """
        blocks, rest, rest_times = self._ring.cut(values[:, begin:], times[begin:])
        origin, row, done = begin - self._ring.unfinished, begin, 0
        alive = self._alert
        while done < len(blocks):
            taken = self._until_decision(blocks[done:], origin + done * BLOCK - row)
            self._ring.add(blocks[done : done + taken], rest[:, :0], rest_times[:0])
            done += taken
            row = self._pass_rows(clock, row, origin + done * BLOCK)
            changes += self._decide(int(times[row - 1]), row - 1)
            if self._alert is not alive:
                return row
        self._ring.add(blocks[done:], rest, rest_times)
        return self._pass_rows(clock, row, times.size)

    def _pass_rows(self, clock: Ints, begin: int, end: int) -> int:
        """Count the values from `begin` up to `end`, which is handed back."""
        if end > begin:
            self._clock = int(clock[end - 1])
            self._count_rows(end - begin)
        return end

    def _until_decision(self, blocks: Blocks, ahead: int) -> int:
        """How many of these blocks can be taken in at once before something may be decided.

        The first of them begins `ahead` values from here, behind what is counted where negative.
        """
        if (alert := self._alert) is not None:
            means = blocks.means[self._series_row(alert.indicator)].tolist()
            for number, mean in enumerate(means, 1):
                rows = alert.rows + ahead + number * BLOCK
                if alert.recovery.update(BLOCK, mean) or is_due(rows):
                    return number
            return len(means)
        return 1 if self._ended is not None and self._ended.held is not None else len(blocks)

    def _decide(self, at: Micros, row: int) -> list[AlertChange]:
        """What follows from the block that was completed at this row."""
        if (alert := self._alert) is not None:
            if alert.recovery.recovered:
                return self._recover(at, row=row)
            return self._look_again(alert, at, row)
        ended = self._ended
        if ended is None or ended.held is None:
            return []
        finding = settled_elsewhere(self._ring, self._series_row(ended.indicator), ended.reference)
        if finding is None:
            return []
        self._ended = replace(ended, held=None)
        if not counts(self._watch, finding.direction):
            return []
        return self._open(finding, ended.held, ended.incarnation, at=at, row=row)

    def _count_rows(self, rows: int) -> None:
        if self._alert is not None:
            self._alert.rows += rows
        if self._ended is not None:
            left = self._ended.rows_left - rows
            self._ended = replace(self._ended, rows_left=left) if left > 0 else None

    def _series_row(self, indicator: str) -> int:
        return row_of(self._series, indicator)

    # Opening.

    def _hold(self, alarm: Alarm, incarnation: str) -> None:
        """Keep an alarm that seems to be of the way back, in case the level settles elsewhere."""
        if self._ended is not None and self._ended.held is None:
            self._ended = replace(self._ended, held=alarm, incarnation=incarnation)

    def _open(
        self,
        finding: Finding,
        alarm: Alarm,
        incarnation: str,
        *,
        at: Micros,
        row: int | None = None,
    ) -> list[AlertChange]:
        self._ended = None
        alert = open_alert(
            self._instance,
            self._watch,
            self._ring,
            finding,
            alarm,
            indicator=self._series[finding.row],
            incarnation=incarnation,
            since=self._clock,
        )
        self._alert = alert
        if self._watch.hold:
            return []
        alert.fire(self._clock)
        return [self._tell(alert, at, row=row)]

    def _fire(self, alert: Alert, at: Micros, *, row: int | None) -> AlertChange:
        """The drift has lasted: more is known of it by now than when it began."""
        finding = present_level(
            self._ring, self._series_row(alert.indicator), alert.evidence.before
        )
        if finding is not None:
            take_in(self._ring, alert, finding)
        alert.fire(at)
        return self._tell(alert, at, row=row)

    # Living.

    def _hear(self, alert: Alert, alarm: Alarm, incarnation: str) -> list[AlertChange]:
        finding = present_level(
            self._ring, self._series_row(alert.indicator), alert.evidence.before
        )
        if finding is not None and lies_beyond(alert, finding):
            ended = self._recover(alarm.trigger.at, row=None, finding=finding)
            if not counts(self._watch, finding.direction):
                return ended
            return ended + self._open(finding, alarm, incarnation, at=alarm.trigger.at)
        news = alert.hear(alarm, incarnation)
        if finding is not None:
            news |= take_in(self._ring, alert, finding)
        return self.retell(alarm.trigger.at) if news else []

    def _look_again(self, alert: Alert, at: Micros, row: int) -> list[AlertChange]:
        """Tell again if what was told of few values was far off."""
        due = alert.state is AlertState.FIRING and is_due(alert.rows)
        if due and look_again(self._ring, self._series_row(alert.indicator), alert):
            return [self._tell(alert, at, row=row)]
        return []

    def _recover(
        self, at: Micros, *, row: int | None, finding: Finding | None = None
    ) -> list[AlertChange]:
        """End the living alert where its level came back, and remember it for late alarms."""
        alert = self._living()
        series = self._series_row(alert.indicator)
        boundary = (
            self._ring.boundary_back(alert.recovery.back) if finding is None else finding.boundary
        )
        refresh(alert, self._ring.sample(series, self._ring.mark, boundary))
        alert.evidence = replace(
            alert.evidence,
            now=self._ring.sample(series, boundary),
            now_at=self._ring.boundary_at(boundary),
        )
        # The alarm of the way back may have come before the recovery was certain.
        on_the_way = alert.rows - alert.latest_rows <= alert.recovery.back < alert.rows
        self._ring.mark = boundary
        self._ended = Ended.of(alert, alert.evidence.before, echo=on_the_way)
        return self._finish(alert, Reason.RECOVERED, at, row=row)

    def _begin_anew(self, alert: Alert, reason: Reason, at: Micros) -> list[AlertChange]:
        """End an alert whose level of now is no drift any more but what later ones compare with."""
        level = self._ring.sample(self._series_row(alert.indicator), self._ring.mark)
        # What the detectors still have to say of the change belongs to the alert that ended.
        self._ended = Ended.of(alert, level or alert.evidence.after, echo=False)
        return self._finish(alert, reason, at)

    def _finish(
        self, alert: Alert, reason: Reason, at: Micros, *, row: int | None = None
    ) -> list[AlertChange]:
        """End an alert: told, if it was told that it fires."""
        told = alert.state is AlertState.FIRING
        alert.end(reason)
        self._alert = None
        return [self._tell(alert, at, reason=reason, row=row)] if told else []

    def _tell(
        self, alert: Alert, at: Micros, *, reason: Reason | None = None, row: int | None = None
    ) -> AlertChange:
        return tell(
            alert,
            self._instance,
            self._watch,
            self._ring,
            series=self._series_row(alert.indicator),
            at=at,
            newest=self._clock,
            reason=reason,
            row=row,
        )

    def _living(self) -> Alert:
        if self._alert is None:
            msg = f"{self._watch.signal}: no alert lives"
            raise RuntimeError(msg)
        return self._alert
