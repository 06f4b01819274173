"""Silence of a source: no predictions, or no labels, of an instance for longer than is right.

Decided in event time. Rows leave gaps between their times; a gap that is longer than may be is a
silence once the watermark, less the stream's lateness, has come so far that nothing can fill it any
more. So it does not matter in which batches rows come, or whether a source was watched while it
fell silent or is read later. The watermark goes on by the reader's clock once a source is caught
up, so a source from which nothing comes is found out too.

An alert is opened by the last record before the silence, and ends with the first one after it.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from driftline.alerts.identity import source_alert_id, source_fingerprint
from driftline.alerts.lifecycle import Reason
from driftline.model import Micros, Role
from driftline.monitor.silence_state import Gap, Place, SilenceChange, SilenceState, Silent
from driftline.monitor.usual import LEAST, NEVER, Usual
from driftline.monitor.usual_state import CountingState

if TYPE_CHECKING:
    from driftline.alerts.alert import Acknowledgement
    from driftline.eventlog.messages import Rows
    from driftline.model import InstanceKey

MAX_GAPS: Final = 1_000
"""Gaps ahead of the watermark; the oldest go first."""
Limit: TypeAlias = Micros | Usual
"""How long a silence may be: declared, or learned."""


class RoleSilence:
    """The silence of one role's source, as one instance hears it."""

    def __init__(self, instance: InstanceKey, role: Role, limit: Limit) -> None:
        self._instance = instance
        self._role = role
        self._hold_to(limit)
        self._state = SilenceState()

    def _hold_to(self, limit: Limit) -> None:
        self._usual = limit if isinstance(limit, Usual) else None
        self._least = LEAST if isinstance(limit, Usual) else limit

    @property
    def firing(self) -> Silent | None:
        """The alert that lives."""
        return self._state.alert

    @property
    def alert_id(self) -> str | None:
        """The id of the alert that lives."""
        return None if self.firing is None else self._alert_id(self.firing.since)

    @property
    def deadline(self) -> Micros:
        """The event time at which `on_time` has something to do next."""
        state = self._state
        due = NEVER if self._usual is None else self._usual.due
        for gap in state.gaps:
            due = min(due, self._next(gap.since.at, gap.due))
        if state.newest is not None and state.alert is None:
            following = self._next(state.newest.at, state.due)
            if following < due:
                return following
        return due

    def _next(self, since: Micros, due: Micros | None) -> Micros:
        return (since + self._least if due is None else due) + 1

    # -- rows --

    def begin(self, rows: Rows) -> None:
        """The instance's first rows are another role's: wait for ours from there on."""
        if self._state.newest is None:
            self._state.newest = _place(rows, 0)

    def begin_at(self, row: Place) -> None:
        """The same, of a row."""
        if self._state.newest is None:
            self._state.newest = row

    def on_rows(self, rows: Rows) -> list[SilenceChange]:
        """Take in rows, in the order of the log."""
        state, times = self._state, rows.times
        if state.newest is None:
            state.newest = _place(rows, 0)
        if self._usual is not None and state.alert is None:
            self._usual.add(times)
        last = int(times.argmax())
        if state.alert is None and not state.gaps and times[last] - state.newest.at <= self._least:
            self._go_on(rows, last)
            return []
        changes: list[SilenceChange] = []
        if state.alert is not None:
            behind = np.flatnonzero(times > state.alert.since.at)
            if not behind.size:
                return []
            first = int(behind[0])
            changes.append(self._end(Reason.RECOVERED, int(times[first])))
            self._go_on(rows, first)
            rows = rows.take(np.arange(first, len(rows), dtype=np.int64))
            if self._usual is not None:
                self._usual.add(rows.times)
        self._find_gaps(rows)
        return changes

    def go_on(self, row: Place) -> bool:
        """Take in a row that only shows that the source is not silent: what `on_rows` does, if so.

        False, and nothing is taken in: there is more to it.
        """
        state = self._state
        newest = state.newest
        if state.alert is not None or state.gaps:
            return False
        if newest is not None and row.at - newest.at > self._least:
            return False
        if self._usual is not None:
            self._usual.add_one(row.at)
        if newest is None or row.at > newest.at:
            state.newest, state.due = row, None
        return True

    def _go_on(self, rows: Rows, row: int) -> None:
        newest = self._state.newest
        if newest is None or rows.times[row] > newest.at:
            self._state.newest, self._state.due = _place(rows, row), None

    def _find_gaps(self, rows: Rows) -> None:
        state, times = self._state, rows.times
        assert state.newest is not None  # noqa: S101 - rows have come
        reached = np.maximum.accumulate(np.concatenate(([state.newest.at], times)))
        jumps = times - reached[:-1] > self._least
        if state.gaps or jumps.any():
            # A row that is behind others may lie in a gap that they have left.
            for row in np.flatnonzero(jumps | (times < reached[:-1])).tolist():
                if jumps[row]:
                    before = int(np.searchsorted(reached, reached[row])) - 1
                    at = int(times[row])
                    if before < 0:
                        state.gaps.append(Gap(state.newest, at, at, state.due))
                    else:
                        state.gaps.append(Gap(_place(rows, before), at, at))
                else:
                    self._fill(rows, row)
            del state.gaps[:-MAX_GAPS]
        self._go_on(rows, int(times.argmax()))

    def _fill(self, rows: Rows, row: int) -> None:
        """A row came out of order: it may lie in a gap, and leave two that are shorter."""
        at, gaps = int(rows.times[row]), self._state.gaps
        number = bisect_left(gaps, at, key=lambda gap: gap.since.at) - 1
        if number < 0 or at >= gaps[number].until:
            return
        gap = gaps[number]
        parts = []
        if at - gap.since.at > self._least:
            parts.append(Gap(gap.since, at, gap.ended, gap.due))
        if gap.until - at > self._least:
            parts.append(Gap(_place(rows, row), gap.until, gap.ended))
        gaps[number : number + 1] = parts

    # -- time --

    def on_time(self, now: Micros) -> list[SilenceChange]:
        """Every row up to `now` has come."""
        state = self._state
        changes: list[SilenceChange] = []
        left: list[Gap] = []
        for gap in state.gaps:
            if gap.due is None and gap.since.at <= now:
                gap.due = self._due(gap.since.at)
            if gap.due is None or gap.due >= now:
                left.append(gap)
            elif gap.until > gap.due:
                changes += [self._open(gap.since, gap.due), self._end(Reason.RECOVERED, gap.ended)]
        state.gaps = [gap for gap in left if gap.due is None or gap.until > gap.due]
        if state.alert is None and state.newest is not None and state.newest.at <= now:
            if state.due is None:
                state.due = self._due(state.newest.at)
            if state.due < now:
                changes.append(self._open(state.newest, state.due))
        if self._usual is not None and state.alert is None:
            self._usual.learn_until(now)
        return changes

    def _due(self, since: Micros) -> Micros:
        if self._usual is None:
            return since + self._least
        self._usual.learn_until(since)
        return self._usual.deadline(since)

    # -- alerts --

    def _open(self, since: Place, due: Micros) -> SilenceChange:
        if self._usual is not None:
            self._usual.learn_until(due)
        self._state.alert = Silent(since, due)
        return self._change(self._state.alert, None, due)

    def _end(self, reason: Reason, at: Micros) -> SilenceChange:
        alert = self._state.alert
        assert alert is not None  # noqa: S101 - asked only while one lives
        alert.revision += 1
        self._state.alert = None
        self._state.due = None
        if self._usual is not None:
            if reason is Reason.ACCEPTED:
                self._usual.accept(alert.since.at, at)
            self._usual.skip_hour_of(at)
        return self._change(alert, reason, at)

    def end(self, reason: Reason, at: Micros) -> SilenceChange | None:
        """End the living alert for a reason that no row gives; accepted, such silence is usual."""
        if self._state.alert is None:
            return None
        change = self._end(reason, at)
        if reason is Reason.ACCEPTED:
            # Nothing new is to be said of this silence.
            self._state.due = NEVER
        return change

    def acknowledge(self, said: Acknowledgement, at: Micros) -> SilenceChange | None:
        """A person has taken the living alert on."""
        alert = self._state.alert
        if alert is None:
            return None
        alert.revision += 1
        alert.acknowledged = said
        return self._change(alert, None, at)

    def _change(self, alert: Silent, reason: Reason | None, at: Micros) -> SilenceChange:
        return SilenceChange(
            alert_id=self._alert_id(alert.since),
            fingerprint=source_fingerprint(self._instance.name, self._role.value),
            revision=alert.revision,
            role=self._role,
            reason=reason,
            since=alert.since.at,
            due=alert.due,
            at=at,
            acknowledged=alert.acknowledged,
        )

    def _alert_id(self, last: Place) -> str:
        record = (last.topic, last.incarnation, last.partition, last.offset)
        return source_alert_id(self._instance.name, self._role.value, record)

    # -- what is stored --

    def snapshot(self) -> SilenceState:
        """What changes with every row; of what was learned see `changed_week`."""
        self._state.counting = None if self._usual is None else self._usual.counting
        return self._state

    def changed_week(self) -> bytes | None:
        """What was learned, if it changed since this was asked last."""
        return None if self._usual is None else self._usual.changed_week()

    def restore(self, state: SilenceState, week: bytes | None) -> None:
        """Take over what was stored.

        Raises:
            StateError: it does not decode.
        """
        self._state = state
        if self._usual is not None:
            self._usual.restore(state.counting or CountingState(), week)

    def relimit(self, limit: Limit) -> None:
        """Another limit holds from here on; what was learned stays."""
        if isinstance(limit, Usual) and self._usual is not None:
            return
        self._hold_to(limit)
        self._state.due = None
        for gap in self._state.gaps:
            gap.due = None


def _place(rows: Rows, row: int) -> Place:
    source = rows.source
    return Place(
        int(rows.times[row]),
        source.topic,
        source.incarnation,
        source.partition,
        int(rows.offsets[row]),
    )
