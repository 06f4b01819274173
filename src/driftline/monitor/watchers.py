"""All watched signals of one instance, and how a message passes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from driftline.alerts.evidence import rank_shifts
from driftline.alerts.lifecycle import Reason
from driftline.config.watches import NEEDS_LABELS
from driftline.model import Alarm, Level, Role, Trigger
from driftline.monitor.effects import Effects
from driftline.monitor.watched import WatchedSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from driftline.alerts.alert import AlertChange
    from driftline.alerts.evidence import Shift
    from driftline.config.deployment import Stream
    from driftline.config.watches import Watch
    from driftline.eventlog.messages import Rows
    from driftline.join import Outcome
    from driftline.model import InstanceKey, Micros
    from driftline.monitor.state import Outgoing
    from driftline.monitor.watched import Hit, Observed
    from driftline.signals import Series, TextSeries

Publish: TypeAlias = "Callable[[AlertChange, int], Outgoing]"
"""Makes the event of a change that was decided at a row, and sees that it is published."""

NO_ROW: Final = -1
"""The row of a change that no row decided."""


class Watchers:
    """The watched signals of one instance, in the order of its declaration."""

    def __init__(self, instance: InstanceKey, stream: Stream) -> None:
        self._instance = instance
        self._labels_topic = stream.spec.labels.topic if stream.spec.labels is not None else ""
        self._watched = {watch.signal: WatchedSignal(instance, watch) for watch in stream.watches}
        self._removed: set[str] = set()

    def __iter__(self) -> Iterator[WatchedSignal]:
        return iter(self._watched.values())

    @property
    def signals(self) -> Iterable[str]:
        """The watched signals."""
        return self._watched

    def watch(self, signal: str) -> Watch:
        """The watch of a signal."""
        return self._watched[signal].watch

    def observe(
        self,
        rows: Rows,
        outcomes: Sequence[Outcome],
        series: Mapping[str, Series | TextSeries],
        publish: Publish,
    ) -> Effects:
        """Give a message's values to all detectors and tracks.

        Each alarm is judged with all signals at its row: a track is given the values up to it
        first, so that the evidence, and what moved with it, is of that moment, however many rows
        the message has.
        """
        observed = {
            signal: watched.observe(series[signal])
            for signal, watched in self._watched.items()
            if signal in series
        }
        effects = Effects()
        for row, hits in sorted(_alarms_by_row(observed).items()):
            self._extend(observed, row, effects, publish)
            for signal, hit in hits:
                alarm = _alarm(signal, hit, self._trigger(signal, hit.row, rows, outcomes))
                effects.alarms.append((self._instance, alarm))
                changes = self._watched[signal].hear(alarm, _incarnation(signal, rows))
                effects.events += [publish(change, row) for change in changes]
        self._extend(observed, len(rows), effects, publish)
        return effects

    def _extend(
        self, observed: Mapping[str, Observed], row: int, effects: Effects, publish: Publish
    ) -> None:
        for signal, one in observed.items():
            begin = one.position
            taken = one.until(row)
            if taken is None:
                continue
            for change in self._watched[signal].track.extend(*taken):
                place = begin + (change.row if change.row is not None else len(taken[1]) - 1)
                effects.events.append(publish(change, int(one.rows[place])))

    def _trigger(self, signal: str, row: int, rows: Rows, outcomes: Sequence[Outcome]) -> Trigger:
        source, offset, at = rows.source, int(rows.offsets[row]), int(rows.times[row])
        topic, partition = source.topic, source.partition
        if signal in NEEDS_LABELS:
            outcome = next(one for one in outcomes if one.row == row)
            at = outcome.at
            if rows.role is Role.PREDICTIONS:
                # The label had come first: it is the truth that sets an outcome's signal off.
                topic, partition, offset = self._labels_topic, outcome.partition, outcome.offset
        return Trigger(topic, partition, offset, rows.ids[row], at)

    def moved_with(self, change: AlertChange) -> list[Shift]:
        """The other signals that shifted across the same moment, the most first."""
        moment = change.evidence.change_at
        shifts = [
            shift
            for signal, watched in self._watched.items()
            if signal != change.signal and (shift := watched.track.shift_at(moment)) is not None
        ]
        return rank_shifts(shifts)

    def redeclare(self, stream: Stream, at: Micros, publish: Publish) -> None:
        """From here on `stream` says what is watched; what is still watched alike goes on."""
        after = Watchers(self._instance, stream)
        for signal, former in self._watched.items():
            successor = after._watched.get(signal)
            names = former.field_names()
            if successor is not None and successor.watch.kind is former.watch.kind:
                successor.succeed(former)
                names -= successor.field_names()
            else:
                _withdraw(former, at, publish)
            self._removed |= names
        self._watched, self._labels_topic = after._watched, after._labels_topic

    def withdraw(self, at: Micros, publish: Publish) -> None:
        """The stream is gone from the deployment: its alerts end."""
        for watched in self._watched.values():
            _withdraw(watched, at, publish)

    # -- what is stored --

    def changed_fields(self) -> dict[str, bytes]:
        """The parts of the state that changed since this was asked last, by name."""
        return {
            name: blob
            for watched in self._watched.values()
            for name, blob in watched.changed_fields()
        }

    def removed_fields(self) -> list[str]:
        """The parts that are stored no more, since this was asked last."""
        removed, self._removed = sorted(self._removed), set()
        return removed

    def restore(self, fields: Mapping[str, bytes]) -> None:
        """Take over what is stored.

        Raises:
            StateError: a part does not decode, or belongs to other settings.
        """
        for watched in self._watched.values():
            watched.restore(fields)


def _incarnation(signal: str, rows: Rows) -> str:
    """The life of the topic that the trigger is in; unknown of a label that came first."""
    if signal in NEEDS_LABELS and rows.role is Role.PREDICTIONS:
        return ""
    return rows.source.incarnation


def _withdraw(watched: WatchedSignal, at: Micros, publish: Publish) -> None:
    change = watched.end(Reason.WITHDRAWN, at)
    if change is not None:
        publish(change, NO_ROW)


def _alarms_by_row(observed: Mapping[str, Observed]) -> dict[int, list[tuple[str, Hit]]]:
    hits: dict[int, list[tuple[str, Hit]]] = {}
    for signal, one in observed.items():
        for hit in one.hits:
            if hit.level is Level.DRIFT:
                hits.setdefault(hit.row, []).append((signal, hit))
    return hits


def _alarm(signal: str, hit: Hit, trigger: Trigger) -> Alarm:
    return Alarm(
        signal, hit.indicator, hit.profile.name, hit.profile.spec.kind, hit.values_seen, trigger
    )
