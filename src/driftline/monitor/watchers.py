"""All watched signals of one instance, and how a message passes them."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, TypeAlias

from driftline.alerts.alert import Acknowledgement
from driftline.alerts.evidence import rank_shifts
from driftline.alerts.lifecycle import Reason
from driftline.config.watches import NEEDS_LABELS
from driftline.eventlog.messages import CommandKind
from driftline.model import Alarm, Level, Role, Trigger
from driftline.monitor.effects import Effects
from driftline.monitor.versions import Versions
from driftline.monitor.watched import WatchedSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from driftline.alerts.alert import AlertChange
    from driftline.alerts.evidence import Shift
    from driftline.config.deployment import Stream
    from driftline.config.watches import Watch
    from driftline.eventlog.messages import Command, Rows
    from driftline.join import Outcomes
    from driftline.model import InstanceKey, Micros
    from driftline.monitor.observed import Hit, Observed
    from driftline.monitor.one_row import OneRow
    from driftline.monitor.state import Outgoing
    from driftline.monitor.versions_state import Takeover
    from driftline.signals import Series, TextSeries

Publish: TypeAlias = "Callable[[AlertChange, int], Outgoing]"
"""Makes the event of a change that was decided at a row, and sees that it is published."""

NO_ROW: Final = -1
"""The row of a change that no row decided."""
VERSIONS: Final = "versions"
"""The part of the state in which the model's versions are."""
LONGEST_NOTE: Final = 1_000
"""Characters of an acknowledgement's note that are kept."""


class Watchers:
    """The watched signals of one instance, in the order of its declaration."""

    def __init__(self, instance: InstanceKey, stream: Stream) -> None:
        self._instance = instance
        self._labels_topic = stream.spec.labels.topic if stream.spec.labels is not None else ""
        self._watched = {watch.signal: WatchedSignal(instance, watch) for watch in stream.watches}
        self._removed: set[str] = set()
        self._versions = Versions()

    def __iter__(self) -> Iterator[WatchedSignal]:
        return iter(self._watched.values())

    @property
    def firing(self) -> list[WatchedSignal]:
        """Those of which an alert fires."""
        return [watched for watched in self if watched.track.firing]

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
        outcomes: Outcomes,
        series: Mapping[str, Series | TextSeries],
        publish: Publish,
    ) -> Effects:
        """Give a message's values to all detectors and tracks.

        Each alarm is judged with all signals at its row: a track is given the values up to it
        first, so that the evidence, and what moved with it, is of that moment, however many rows
        the message has.
        """
        observed = {
            signal: watched.observe(series[signal], rows.times)
            for signal, watched in self._watched.items()
            if signal in series
        }
        takeovers = self._versions.take(rows, outcomes)
        return self._judge(rows, outcomes, observed, takeovers, publish)

    def quiet(self, row: OneRow) -> bool:
        """Whether a row teaches and does nothing else, unless a detector alarms at it."""
        outcome, versions = row.outcome, self._versions
        for signal in row.values:
            if not self._watched[signal].track.takes_quietly(row.at):
                return False
        return (not row.versioned or versions.carry(row.version, labelled=False)) and (
            outcome is None or versions.carry(outcome.version, labelled=True)
        )

    def hear_one(self, row: OneRow) -> Mapping[str, Sequence[Hit]]:
        """Give the values of a `quiet` row to all detectors; what they say, by signal.

        Where none says anything, the tracks have learned them too, and that was all: what `observe`
        does, without columns. Else the rest is for `judge_one`.
        """
        hits: dict[str, Sequence[Hit]] = {}
        for signal, one in row.values.items():
            said = self._watched[signal].observe_one(one.value)
            if said:
                hits[signal] = said
        if row.versioned:
            self._versions.take_one(row.at, labelled=False)
        if row.outcome is not None:
            self._versions.take_one(row.at, labelled=True)
        if not hits:
            for signal, one in row.values.items():
                self._watched[signal].track.learn(one.value, one.at, row.at)
        return hits

    def judge_one(
        self,
        row: OneRow,
        hits: Mapping[str, Sequence[Hit]],
        rows: Rows,
        publish: Publish,
    ) -> Effects:
        """Go on with the `hits` of a `quiet` row; `rows` is a message of the row alone."""
        observed = {
            signal: row.observed(signal, hits.get(signal, ()))
            for signal in self._watched
            if signal in row.values
        }
        return self._judge(rows, row.outcomes, observed, {}, publish)

    def _judge(
        self,
        rows: Rows,
        outcomes: Outcomes,
        observed: Mapping[str, Observed],
        takeovers: Mapping[int, Sequence[tuple[bool, Takeover]]],
        publish: Publish,
    ) -> Effects:
        effects = Effects()
        alarms = _alarms_by_row(observed)
        for row in sorted(alarms.keys() | takeovers.keys()):
            self._extend(observed, row, effects, publish)
            for labelled, takeover in takeovers.get(row, ()):
                changes = self._supersede(takeover, int(rows.times[row]), labelled=labelled)
                effects.events += [publish(change, row) for change in changes]
            for signal, hit in alarms.get(row, ()):
                alarm = _alarm(signal, hit, self._trigger(signal, hit.row, rows, outcomes))
                effects.alarms.append((self._instance, alarm))
                changes = self._watched[signal].hear(alarm, _incarnation(signal, rows))
                effects.events += [publish(change, row) for change in changes]
        self._extend(observed, len(rows), effects, publish)
        return effects

    def _extend(
        self, observed: Mapping[str, Observed], row: int, effects: Effects, publish: Publish
    ) -> None:
        """Give the tracks what comes up to and with a row.

        Where time moves an alert at a row before, all come to that row first.
        """
        while (due := self._row_due(observed, row)) is not None:
            self._learn(observed, due - 1, effects, publish)
            for signal, one in observed.items():
                place = one.place_of(due)
                if place is not None:
                    changes = self._watched[signal].track.on_time(int(one.known[place]))
                    effects.events += [publish(change, due) for change in changes]
        self._learn(observed, row, effects, publish)

    def _row_due(self, observed: Mapping[str, Observed], last: int) -> int | None:
        """The first row, up to and with `last`, by which a deadline comes in a signal's time."""
        found: list[int] = []
        for signal, one in observed.items():
            place = self._watched[signal].track.first_due(one.known[one.position :])
            if place is not None and one.rows[one.position + place] <= last:
                found.append(int(one.rows[one.position + place]))
        return min(found, default=None)

    def _learn(
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

    def _supersede(self, takeover: Takeover, at: Micros, *, labelled: bool) -> list[AlertChange]:
        """Another model carries the signals: what was told of the last one's is over.

        Not of alerts that opened when the version was there already: it may be their cause.
        """
        changes: list[AlertChange] = []
        for watched in self:
            alert, watch = watched.track.alert, watched.watch
            concerned = watch.of_the_model and watch.needs_labels == labelled
            if concerned and alert is not None and takeover.since > alert.since:
                changes += watched.touch().supersede(takeover.rows, at)
        return changes

    @property
    def deadline(self) -> Micros | None:
        """The event time at which `on_time` has something to do; None: there is nothing."""
        due = None
        for watched in self._watched.values():
            deadline = watched.track.deadline
            if deadline is not None and (due is None or deadline < due):
                due = deadline
        return due

    def on_time(self, now: Micros, publish: Publish) -> None:
        """Event time has come so far: alerts that were held fire, others expire."""
        for watched in self:
            deadline = watched.track.deadline
            if deadline is not None and deadline <= now:
                for change in watched.touch().on_time(now):
                    publish(change, NO_ROW)

    def on_command(self, command: Command, publish: Publish) -> bool:
        """Somebody took an alert on, or accepted it; whether it is one of ours, and lives."""
        wanted = command.arguments.get("alert_id")
        for watched in self:
            alert = watched.track.alert
            if alert is None or alert.id != wanted:
                continue
            track = watched.touch()
            if command.kind is CommandKind.ACCEPT:
                changes = track.accept(command.at)
            else:
                changes = track.acknowledge(acknowledgement(command), command.at)
            for change in changes:
                publish(change, NO_ROW)
            return True
        return False

    def _trigger(self, signal: str, row: int, rows: Rows, outcomes: Outcomes) -> Trigger:
        source, offset, at = rows.source, int(rows.offsets[row]), int(rows.times[row])
        topic, partition = source.topic, source.partition
        if signal in NEEDS_LABELS:
            outcome = outcomes[bisect_left(outcomes.rows, row)]
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
        fields = {
            name: blob
            for watched in self._watched.values()
            for name, blob in watched.changed_fields()
        }
        return {VERSIONS: self._versions.snapshot(), **fields}

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
        if VERSIONS in fields:
            self._versions.restore(fields[VERSIONS])


def acknowledgement(command: Command) -> Acknowledgement:
    """Who takes an alert on, when, and what they say of it."""
    note = str(command.arguments.get("note", ""))[:LONGEST_NOTE]
    return Acknowledgement(command.by, command.at, note)


def _incarnation(signal: str, rows: Rows) -> str:
    """The life of the topic that the trigger is in; unknown of a label that came first."""
    if signal in NEEDS_LABELS and rows.role is Role.PREDICTIONS:
        return ""
    return rows.source.incarnation


def _withdraw(watched: WatchedSignal, at: Micros, publish: Publish) -> None:
    for change in watched.touch().end(Reason.WITHDRAWN, at):
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
