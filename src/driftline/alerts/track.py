"""From the alarms of one signal of one instance to its alerts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.alerts.alert import Alert, AlertChange, Status
from driftline.alerts.evidence import Evidence, Shift
from driftline.alerts.identity import Fingerprint
from driftline.alerts.lifecycle import Reason
from driftline.alerts.moved import shift_across
from driftline.alerts.recovery import SETTLING
from driftline.alerts.ring import BLOCK, Ring
from driftline.alerts.split import Finding, find_change
from driftline.alerts.state import Ended, TrackState, decode_state, encode_state
from driftline.alerts.weighing import (
    begin_test,
    leads_back,
    lies_beyond,
    present_level,
    refresh,
    settled_elsewhere,
    take_in,
)
from driftline.model import Direction, SignalKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.alerts.blocks import Blocks, Floats, Ints
    from driftline.config.watches import Watch
    from driftline.model import Alarm, InstanceKey, Micros

LONGEST_ECHO: Final = 20_000
"""For at most so many values after a recovery a detector's late alarm belongs to the alert that
ended."""


class SignalTrack:
    """The memory of one watched signal of one instance, and the life of its alert.

    At most one alert lives at a time. Its reference is the level before its first alarm. Later
    alarms are counted, and told only when a person would care: a detector that had not spoken
    before, or a level that moved by a real shift and by a quarter of the shift last told of. It
    resolves when the signal is back at the reference, or clearly beyond it on the other side, which
    may open an alert of the other direction.
    """

    def __init__(self, instance: InstanceKey, watch: Watch) -> None:
        self._instance = instance
        self._watch = watch
        self._series: tuple[str, ...] = ()
        self._ring = Ring(0)
        self._alert: Alert | None = None
        self._ended: Ended | None = None

    @property
    def firing(self) -> bool:
        """Whether an alert lives."""
        return self._alert is not None

    def extend(self, series: Mapping[str, Floats], times: Ints) -> list[AlertChange]:
        """Learn the next values, finite and none missing, with their event times, in log order.

        `series` holds "" for a plain signal, or one column of 0 and 1 per indicator of a
        categorical feature, all as long as `times`. A change has as its `row` the index at which it
        was decided.

        Raises:
            ValueError: other series than before.
        """
        if not times.size:
            return []
        values = self._matrix(series)
        blocks, rest, rest_times = self._ring.cut(values, times)
        begun = self._ring.unfinished
        changes: list[AlertChange] = []
        done = row = 0
        while done < len(blocks):
            taken = self._until_decision(blocks[done:])
            self._ring.add(blocks[done : done + taken], rest[:, :0], rest_times[:0])
            done += taken
            end = done * BLOCK - begun
            self._count_rows(end - row)
            row = end
            change = self._decide(int(times[row - 1]), row - 1)
            changes += [change] if change else []
        self._ring.add(blocks[done:], rest, rest_times)
        self._count_rows(times.size - row)
        self._ring.remember_last(values, times)
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
        finding = self._find(alarm)
        if finding is None:
            self._hold(alarm, incarnation)
            return []
        if not self._counts(finding.direction):
            if finding.real:
                self._ring.mark = finding.boundary
            return []
        return [self._open(finding, alarm, incarnation, at=alarm.trigger.at)]

    def shift_at(self, moment: Micros) -> Shift | None:
        """How much the signal differs across a moment; None with under 30 values on a side."""
        return shift_across(self._ring, self._series, self._watch.signal, moment)

    def end(self, reason: Reason, at: Micros) -> AlertChange | None:
        """End the living alert for a reason that the values do not give; None if there is none.

        The present level is the reference of the next alert.
        """
        if self._alert is None:
            return None
        return self._finish(self._alert, reason, at)

    def withdraw(self, at: Micros) -> AlertChange | None:
        """The watch or its stream is gone: so is its alert, if one lives."""
        return self.end(Reason.WITHDRAWN, at)

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
            )
        )

    def restore(self, blob: bytes) -> None:
        """Become what was stored.

        Raises:
            StateError: it does not decode, contradicts itself, or is another signal's.
        """
        state, ring = decode_state(blob, self._instance.name, self._watch.signal)
        self._series, self._ring = state.series, ring
        self._alert, self._ended = state.alert, state.ended

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

    def _until_decision(self, blocks: Blocks) -> int:
        """How many of these blocks can be taken in at once before something may be decided."""
        if self._alert is not None:
            recovery = self._alert.recovery
            means = blocks.means[self._series_row(self._alert.indicator)].tolist()
            recovered = (i for i, mean in enumerate(means, 1) if recovery.update(BLOCK, mean))
            return next(recovered, len(means))
        return 1 if self._ended is not None and self._ended.held is not None else len(blocks)

    def _decide(self, at: Micros, row: int) -> AlertChange | None:
        """What follows from the block that was completed at this row."""
        if self._alert is not None:
            return self._recover(at, row=row) if self._alert.recovery.recovered else None
        ended = self._ended
        if ended is None or ended.held is None:
            return None
        finding = settled_elsewhere(self._ring, self._series_row(ended.indicator), ended.reference)
        if finding is None:
            return None
        self._ended = replace(ended, held=None)
        if not self._counts(finding.direction):
            return None
        return self._open(finding, ended.held, ended.incarnation, at=at, row=row)

    def _count_rows(self, rows: int) -> None:
        if self._alert is not None:
            self._alert.rows += rows
        if self._ended is not None:
            left = self._ended.rows_left - rows
            self._ended = replace(self._ended, rows_left=left) if left > 0 else None

    def _series_row(self, indicator: str) -> int:
        return self._series.index(indicator) if indicator in self._series else 0

    # Opening.

    def _find(self, alarm: Alarm) -> Finding | None:
        """The change that an alarm speaks of; None for the way back of the alert that ended."""
        finding = find_change(self._ring, self._series_row(alarm.indicator))
        ended = self._ended
        if ended is None:
            return finding
        same = self._series[finding.row] == ended.indicator
        if finding.real and not (same and leads_back(finding, ended.reference)):
            return finding
        if finding.real:
            self._ring.mark = finding.boundary
        return settled_elsewhere(self._ring, self._series_row(ended.indicator), ended.reference)

    def _hold(self, alarm: Alarm, incarnation: str) -> None:
        """Keep an alarm that seems to be of the way back, in case the level settles elsewhere."""
        if self._ended is not None and self._ended.held is None:
            self._ended = replace(self._ended, held=alarm, incarnation=incarnation)

    def _counts(self, direction: Direction) -> bool:
        """Whether a move this way is an alert; any is for a categorical feature."""
        if direction is Direction.BOTH:
            return False
        wanted = self._watch.direction
        categorical = self._watch.kind is SignalKind.CATEGORICAL
        return categorical or wanted in (Direction.BOTH, direction)

    def _open(
        self,
        finding: Finding,
        alarm: Alarm,
        incarnation: str,
        *,
        at: Micros,
        row: int | None = None,
    ) -> AlertChange:
        categorical = self._watch.kind is SignalKind.CATEGORICAL
        fingerprint = Fingerprint(
            instance=self._instance.name,
            signal=self._watch.signal,
            slice=None,
            direction=Direction.BOTH if categorical else finding.direction,
        )
        self._ended = None
        self._ring.mark = finding.boundary
        alert = Alert(
            id=fingerprint.alert_id(alarm.trigger, incarnation),
            fingerprint=fingerprint.digest,
            direction=fingerprint.direction,
            indicator=self._series[finding.row],
            opened=alarm,
            incarnation=incarnation,
            evidence=Evidence(
                before=finding.before,
                after=finding.after,
                change_at=finding.change_at,
                direction=finding.direction,
            ),
            recovery=begin_test(self._ring, finding),
            told=finding.after.mean,
        )
        alert.hear(alarm, incarnation)
        alert.fire()
        self._alert = alert
        return self._tell(alert, at, row=row)

    # Living.

    def _hear(self, alert: Alert, alarm: Alarm, incarnation: str) -> list[AlertChange]:
        finding = present_level(
            self._ring, self._series_row(alert.indicator), alert.evidence.before
        )
        if finding is not None and lies_beyond(alert, finding):
            ended = self._recover(alarm.trigger.at, row=None, finding=finding)
            if not self._counts(finding.direction):
                return [ended]
            return [ended, self._open(finding, alarm, incarnation, at=alarm.trigger.at)]
        news = alert.hear(alarm, incarnation)
        if finding is not None:
            news |= take_in(self._ring, alert, finding)
        return [self._tell(alert, alarm.trigger.at)] if news else []

    def _recover(
        self, at: Micros, *, row: int | None, finding: Finding | None = None
    ) -> AlertChange:
        """End the living alert where its level came back, and remember it for late alarms."""
        alert = self._living()
        series = self._series_row(alert.indicator)
        boundary = (
            self._ring.boundary_back(alert.recovery.back) if finding is None else finding.boundary
        )
        refresh(alert, self._ring.sample(series, self._ring.mark, boundary))
        alert.evidence = replace(alert.evidence, now=self._ring.sample(series, boundary))
        # The alarm of the way back may have come before the recovery was certain.
        on_the_way = alert.rows - alert.latest_rows <= alert.recovery.back < alert.rows
        self._ring.mark = boundary
        self._ended = Ended(
            indicator=alert.indicator,
            reference=alert.evidence.before,
            rows_left=max(SETTLING, min(alert.rows, LONGEST_ECHO)),
            held=alert.latest if on_the_way else None,
            incarnation=alert.latest_incarnation,
        )
        return self._finish(alert, Reason.RECOVERED, at, row=row)

    def _finish(
        self, alert: Alert, reason: Reason, at: Micros, *, row: int | None = None
    ) -> AlertChange:
        alert.end(reason)
        self._alert = None
        return self._tell(alert, at, reason=reason, row=row)

    def _tell(
        self, alert: Alert, at: Micros, *, reason: Reason | None = None, row: int | None = None
    ) -> AlertChange:
        alert.revision += 1
        alert.told = (alert.evidence.now or alert.evidence.after).mean
        return AlertChange(
            alert_id=alert.id,
            fingerprint=alert.fingerprint,
            revision=alert.revision,
            instance=self._instance,
            signal=self._watch.signal,
            kind=self._watch.kind,
            slice=None,
            status=Status.FIRING if reason is None else Status.RESOLVED,
            reason=reason,
            severity=self._watch.severity,
            direction=alert.direction,
            indicator=alert.indicator,
            evidence=alert.evidence,
            alarms=alert.alarms,
            witnesses=alert.witnesses,
            opened=alert.opened,
            incarnation=alert.incarnation,
            at=at,
            row=row,
        )

    def _living(self) -> Alert:
        if self._alert is None:
            msg = f"{self._watch.signal}: no alert lives"
            raise RuntimeError(msg)
        return self._alert
