"""One instance: all that driftline knows of one model, and what each message changes in it."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import Counter
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.alerts.event import LabelState, build_event
from driftline.alerts.schema import CauseData, CauseKind
from driftline.config.deployment import Stream
from driftline.config.watches import NEEDS_LABELS
from driftline.errors import StateError
from driftline.eventlog.messages import CommandKind
from driftline.join import NO_OUTCOMES, Join, Revision
from driftline.model import Role, SignalKind, to_datetime
from driftline.monitor.effects import Effects
from driftline.monitor.head import Head
from driftline.monitor.one_row import OneRow, Value
from driftline.monitor.silence_event import build_silence_event
from driftline.monitor.silences import Silences
from driftline.monitor.state import InstanceCheckpoint, Outgoing
from driftline.monitor.summary import summarise
from driftline.monitor.trouble import InstanceTrouble
from driftline.monitor.watchers import NO_ROW, Watchers, acknowledgement
from driftline.monitor.waymarks import Waymarks
from driftline.signals import (
    Series,
    outcome_series,
    prediction_series,
    revised_values,
    truth_value,
)
from driftline.windows import PREDICTIONS, Windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from driftline.alerts.alert import AlertChange
    from driftline.config.watches import Watch
    from driftline.eventlog.messages import Command, Rows
    from driftline.join import Entry, Outcome, Outcomes
    from driftline.model import InstanceKey, Micros
    from driftline.monitor.head import RowBooks
    from driftline.monitor.row_table import RowTable
    from driftline.monitor.silence import SilenceChange
    from driftline.monitor.state import StoredInstance
    from driftline.monitor.trouble import Cause
    from driftline.monitor.watchers import Publish
    from driftline.signals import TextSeries

MAX_WINDOW_SERIES: Final = 50_000
"""Windows open at a time in one instance, all signals and sizes together."""
NEVER: Final[Micros] = 1 << 62


class Instance:
    """A stream's monitor, or that of one value of the field that splits it.

    Its state is a function of the messages it was given, in their order. Messages are applied
    whole: after an error inside one, the instance is to be dropped and loaded again.
    """

    def __init__(self, key: InstanceKey, stream: Stream, *, deployment: str) -> None:
        self.key = key
        self._deployment = deployment
        self._settle_on(stream)
        self._head = Head()
        self._watchers = Watchers(key, stream)
        self._join = _build_join(stream)
        self._windows = _build_windows(stream)
        self._silences = Silences(key, stream.spec)
        self._waymarks = Waymarks()
        self._trouble = InstanceTrouble()
        self._stored_offset: int | None = None
        self._outbox: list[Outgoing] = []
        self._declaration_stored = False
        self.pending_rows = 0
        """Rows applied since the last checkpoint."""
        self._rows_in_flight = 0
        self._rows_stored = 0

    def _settle_on(self, stream: Stream) -> None:
        """What follows from the declaration, and is asked for at each row."""
        self.stream = stream
        self._lateness = micros(stream.spec.lateness)
        signals = [watch.signal for watch in stream.watches]
        self._truth_signals = [signal for signal in signals if signal in NEEDS_LABELS]
        self._said_signals = [signal for signal in signals if signal not in NEEDS_LABELS]
        self._wants_retraining = any(watch.retrain for watch in stream.watches)
        categorical = any(watch.kind is SignalKind.CATEGORICAL for watch in stream.watches)
        self._by_columns = categorical or self._wants_retraining
        """Rows are taken by columns even if there is but one."""

    # -- what is known --

    @property
    def deadline(self) -> Micros:
        """The watermark at which `on_time` has something to do next."""
        due = min(self._join.deadline, self._silences.deadline) + self._lateness
        for other in (self._windows.next_deadline, self._watchers.deadline):
            if other is not None and other < due:
                due = other
        return due

    @property
    def stored_offset(self) -> int | None:
        """The position of the events log that the stored state is of; None if nothing is stored."""
        return self._stored_offset

    @property
    def dirty(self) -> bool:
        """Whether something changed since the last checkpoint."""
        return self.pending_rows > 0 or bool(self._outbox) or self._stored_offset is None

    @property
    def tells(self) -> bool:
        """Whether there are events that no checkpoint holds."""
        return bool(self._outbox)

    @property
    def begun_anew(self) -> Iterator[tuple[str, str]]:
        """The signals of which a detector could not go on from its stored state, and why."""
        for watched in self._watchers:
            for reason in watched.begun_anew:
                yield watched.watch.signal, reason

    @property
    def waiting(self) -> int:
        """Predictions that wait for their label."""
        return self._join.waiting

    @property
    def outcomes(self) -> Mapping[str, int]:
        """What became of predictions and labels, by name."""
        totals = self._join.totals
        return {
            "joined": totals.joined,
            "early": totals.early,
            "duplicate": totals.duplicate_predictions + totals.duplicate_labels,
            "corrected": totals.corrected,
            "expired": totals.expired,
            "orphaned": totals.orphaned,
            "evicted": totals.evicted + totals.evicted_labels,
            "late": totals.late,
        }

    @property
    def row_fates(self) -> Mapping[tuple[str, str], int]:
        """How many rows, by role, were applied, duplicates, or delivered again."""
        fates: Counter[tuple[str, str]] = Counter()
        for name, books in self._head.sources.items():
            role = name.partition("|")[0]
            fates[role, "applied"] += books.applied
            fates[role, "duplicate"] += books.duplicates
            fates[role, "redelivered"] += books.redelivered
        return fates

    @property
    def row_books(self) -> Mapping[str, RowBooks]:
        """What became of its rows, by role and source partition."""
        return self._head.sources

    @property
    def rows(self) -> int:
        """Rows that are in its books, applied or duplicates."""
        return self._head.rows

    @property
    def new_rows(self) -> int:
        """Those of them that no checkpoint holds."""
        return max(self.rows - self._rows_in_flight, 0)

    @property
    def unstored_rows(self) -> int:
        """Those of them that no checkpoint holds that is known to be stored."""
        return max(self.rows - self._rows_stored, 0)

    @property
    def resident(self) -> bool:
        """Whether all entries of its join are in memory."""
        return self._join.resident

    def unknown_ids(self, ids: Iterable[str]) -> list[str]:
        """The ids whose entries must be looked up in the store before their rows are applied."""
        return self._join.unknown(ids) if self.stream.spec.labels is not None else []

    # -- what comes in --

    def on_rows(self, rows: Rows, found: Mapping[str, Entry]) -> Effects:
        """Apply a message's rows; those that were applied before are dropped."""
        # Rows that come again change the books too: what is stored is a function of the log.
        self.pending_rows += len(rows)
        rows = self._new_rows(rows)
        if not len(rows):
            return Effects()
        effects = Effects()
        self._tell_silences(self._silences.on_rows(rows), rows.seen_at, effects)
        if rows.role is Role.PREDICTIONS:
            fresh, outcomes, series = self._on_predictions(rows, found)
        else:
            fresh, outcomes, series = (), *self._on_labels(rows, found)
        self._count_in_windows(series)

        def publish(change: AlertChange, row: int) -> Outgoing:
            # Of what came after the record that set it off an event must not tell.
            self._mark(rows.take(np.arange(row + 1, dtype=np.int64)))
            return self._publish(change, rows.seen_at, self._labels_at(row, fresh, outcomes))

        effects.add(self._watchers.observe(rows, outcomes, series, publish))
        self._mark(rows)
        at = int(rows.times[-1])
        self._trouble.on_series(series, at)
        self._tell_causes(at, rows.seen_at, effects)
        return effects

    def on_row(self, table: RowTable, row: int, found: Mapping[str, Entry]) -> Effects | None:
        """Apply one row of a message: what `on_rows` does, without columns. None: no effects."""
        books = self._head.books(table.role, table.source)
        offset, at = table.offsets[row], table.times[row]
        if (
            self._by_columns
            or offset < books.next_offset
            or not self._silences.go_on(table.role, at)
        ):
            return self.on_rows(table.take([row]), found)
        self.pending_rows += 1
        books.next_offset = offset + 1
        self._silences.on_row(table.role, table.place(row))
        one = self._take_one(table, row, books, found)
        for signal, (value, event_at) in one.values.items():
            if math.isfinite(value):
                self._windows.add_one(signal, value, event_at)

        def publish(change: AlertChange, decided_at: int) -> Outgoing:
            labels = self._labels_at(decided_at, one.fresh_rows, one.outcomes)
            return self._publish(change, table.message.seen_at, labels)

        effects = self._watchers.observe_one(one, lambda: table.take([row]), publish)
        self._trouble.on_values(one.values, at)
        if self._trouble.told or self._trouble.any(self._silences.firing(Role.LABELS)):
            effects = effects or Effects()
            self._tell_causes(at, table.message.seen_at, effects)
        return effects

    def _take_one(
        self, table: RowTable, row: int, books: RowBooks, found: Mapping[str, Entry]
    ) -> OneRow:
        """Join a row and count it; what came of it."""
        at, version, is_label = table.times[row], table.version(row), table.role is Role.LABELS
        before = self._duplicates
        fresh, outcome = (
            (False, self._join_label(table, row, found))
            if is_label
            else self._join_prediction(table, row, found)
        )
        duplicates = self._duplicates - before
        books.applied += 1 - duplicates
        books.duplicates += duplicates
        if version is not None:
            self._head.saw_version(version, 1, at, at)
        values: dict[str, Value] = {}
        if fresh:
            self._windows.add_one(PREDICTIONS, 1.0, at)
            said = table.values(row, self._said_signals)
            values = {signal: Value(value, at) for signal, value in said.items()}
        if outcome is not None:
            for signal in self._truth_signals:
                truth = truth_value(signal, outcome)
                if truth is not None:
                    values[signal] = Value(truth, outcome.at)
        return OneRow(at, version, table.versioned, fresh, outcome, values)

    @property
    def _duplicates(self) -> int:
        return self._join.totals.duplicate_predictions + self._join.totals.duplicate_labels

    def _join_prediction(
        self, table: RowTable, row: int, found: Mapping[str, Entry]
    ) -> tuple[bool, Outcome | None]:
        if self.stream.spec.labels is None:
            return True, None
        return self._join.take_prediction(0, table.ids[row], table.entry(row), found)

    def _join_label(self, table: RowTable, row: int, found: Mapping[str, Entry]) -> Outcome | None:
        made = self._join.take_label(0, table.ids[row], table.entry(row), found)
        if isinstance(made, Revision):
            self._revise(made)
            return None
        return made

    def _mark(self, rows: Rows) -> None:
        if self._wants_retraining:
            self._waymarks.extend(rows)

    def _new_rows(self, rows: Rows) -> Rows:
        books = self._head.books(rows.role, rows.source)
        known = int(np.searchsorted(rows.offsets, books.next_offset))
        if known:
            books.redelivered += known
            rows = rows.take(np.arange(known, len(rows), dtype=np.int64))
        if len(rows):
            books.next_offset = int(rows.offsets[-1]) + 1
        return rows

    def _on_predictions(
        self, rows: Rows, found: Mapping[str, Entry]
    ) -> tuple[Sequence[int], Outcomes, dict[str, Series | TextSeries]]:
        outcomes = NO_OUTCOMES
        fresh: Sequence[int] = range(len(rows))
        duplicates = self._join.totals.duplicate_predictions
        if self.stream.spec.labels is not None:
            fresh, outcomes = self._join.on_predictions(rows, found)
        duplicates = self._join.totals.duplicate_predictions - duplicates
        books = self._head.books(rows.role, rows.source)
        books.applied += len(rows) - duplicates
        books.duplicates += duplicates
        self._count_versions(rows)
        series = prediction_series(self._watchers.signals, rows, fresh)
        series |= outcome_series(self._truth_signals, self.stream.spec.task, outcomes)
        if fresh:
            times = rows.times if len(fresh) == len(rows) else rows.times[np.asarray(fresh)]
            self._windows.count_predictions(times)
        return fresh, outcomes, series

    def _on_labels(
        self, rows: Rows, found: Mapping[str, Entry]
    ) -> tuple[Outcomes, dict[str, Series | TextSeries]]:
        books = self._head.books(rows.role, rows.source)
        duplicates = self._join.totals.duplicate_labels
        outcomes, revisions = self._join.on_labels(rows, found)
        duplicates = self._join.totals.duplicate_labels - duplicates
        books.applied += len(rows) - duplicates
        books.duplicates += duplicates
        for revision in revisions:
            self._revise(revision)
        return outcomes, outcome_series(self._truth_signals, self.stream.spec.task, outcomes)

    def _revise(self, revision: Revision) -> None:
        """A corrected label changes counts and windows, never a detector: it saw what was known."""
        for signal in self._truth_signals:
            values = revised_values(signal, revision)
            if values is not None:
                self._windows.replace(signal, *values, revision.at)

    def _count_versions(self, rows: Rows) -> None:
        versions = rows.texts.get("version")
        if versions is None:
            return
        # In the order of their last rows, so that the order does not depend on how rows are cut.
        _, from_behind = np.unique(versions.codes[::-1], return_index=True)
        for row in sorted(len(rows) - 1 - from_behind):
            code = versions.codes[row]
            if code >= 0:
                times = rows.times[versions.codes == code]
                self._head.saw_version(
                    versions.values[code], len(times), int(times.min()), int(times.max())
                )

    def _count_in_windows(self, series: Mapping[str, Series | TextSeries]) -> None:
        for signal, one in series.items():
            if isinstance(one, Series):
                self._windows.add(signal, one.values, one.times)

    def on_time(
        self,
        watermark: Micros,
        seen_at: Micros | None,
        ended: Mapping[Role, Micros] = MappingProxyType({}),
    ) -> Effects:
        """Event time has come this far: let expire what is due, close windows.

        `seen_at` is the clock of the reader that reported it; `ended` as of `Silences`.
        """
        effects = Effects()
        self._watchers.on_time(watermark, self._publisher(effects, seen_at))
        self._join.on_time(watermark - self._lateness)
        self._windows.advance(watermark)
        silences = self._silences.on_time(watermark - self._lateness, ended)
        self._tell_silences(silences, seen_at, effects)
        self._tell_causes(watermark, seen_at, effects)
        self.pending_rows += 1
        return effects

    def on_trouble(
        self, causes: Mapping[str, Cause], at: Micros, seen_at: Micros | None
    ) -> Effects:
        """What is wrong with the whole stream is something else from here on."""
        effects = Effects()
        self._trouble.stream = dict(causes)
        self._tell_causes(at, seen_at, effects)
        self.pending_rows += 1
        return effects

    def on_command(self, command: Command) -> Effects:
        """Somebody has taken an alert on, or accepted the level that it is of."""
        effects = Effects()
        if self._watchers.on_command(
            command, self._publisher(effects, command.at)
        ) or self._answer_silence(command, effects):
            self.pending_rows += 1
        else:
            effects.unheard.append(command)
        return effects

    def _answer_silence(self, command: Command, effects: Effects) -> bool:
        alert_id = str(command.arguments.get("alert_id"))
        if command.kind is CommandKind.ACCEPT:
            change = self._silences.accept(alert_id, command.at)
        else:
            change = self._silences.acknowledge(alert_id, acknowledgement(command), command.at)
        if change is None:
            return False
        self._tell_silences([change], command.at, effects)
        self._tell_causes(command.at, command.at, effects)
        return True

    # -- what changes the declaration --

    def redeclare(self, stream: Stream, at: Micros) -> Effects:
        """From here on `stream` declares this instance. What it still watches alike goes on."""
        effects = Effects()
        self._settle_on(stream)
        self._declaration_stored = False
        self._watchers.redeclare(stream, at, self._publisher(effects, at))
        self._join.redeclare(horizon=_horizon(stream), max_waiting=stream.spec.max_waiting)
        windows = _build_windows(stream)
        windows.inherit(self._windows)
        self._windows = windows
        if not self._wants_retraining:
            self._waymarks = Waymarks()
        self._tell_silences(self._silences.redeclare(stream.spec, at), at, effects)
        self._tell_causes(at, at, effects)
        self.pending_rows += 1
        return effects

    def withdraw(self, at: Micros) -> Effects:
        """The stream is gone from the deployment: its alerts end."""
        effects = Effects()
        self._watchers.withdraw(at, self._publisher(effects, at))
        self._tell_silences(self._silences.withdraw(at), at, effects)
        return effects

    def _publisher(self, effects: Effects, seen_at: Micros | None) -> Publish:
        def publish(change: AlertChange, _row: int) -> Outgoing:
            event = self._publish(change, seen_at, self._labels_at(NO_ROW, (), NO_OUTCOMES))
            effects.events.append(event)
            return event

        return publish

    # -- alerts --

    def _publish(self, change: AlertChange, seen_at: Micros | None, labels: LabelState) -> Outgoing:
        """The alert event of a change; it waits in the outbox for the checkpoint."""
        watch = self._watchers.watch(change.signal)
        event = build_event(
            self._deployment,
            change,
            profiles=watch.profiles,
            versions=list(self._head.versions),
            labels=labels if watch.needs_labels else None,
            moved_with=self._watchers.moved_with(change),
            seen_at=seen_at,
            owner=self.stream.spec.owner,
            tags=self.stream.spec.tags,
            cause=self._told_cause(change),
            retrain=watch.retrain,
            sources=self._waymarks.window_since(change.evidence.change_at) if watch.retrain else (),
        )
        outgoing = Outgoing(event.id, event.key, event.headers, event.value)
        self._outbox.append(outgoing)
        return outgoing

    def _cause(self, watch: Watch) -> Cause | None:
        """What an alert about this watch may come of, besides the model."""
        silent = self._silences.firing(Role.LABELS)
        return self._trouble.cause(watch, silent, self.stream.spec.hold_back)

    def _told_cause(self, change: AlertChange) -> CauseData | None:
        """The likely cause that an event names, from here on known to be told."""
        cause = self._cause(self._watchers.watch(change.signal))
        if cause is None or change.reason is not None:
            self._trouble.told.pop(change.signal, None)
        else:
            self._trouble.told[change.signal] = cause.kind
        if cause is None:
            return None
        return CauseData(
            kind=CauseKind(cause.kind), since=to_datetime(cause.since), detail=cause.detail
        )

    def _tell_causes(self, at: Micros, seen_at: Micros | None, effects: Effects) -> None:
        """Tell of alerts once more whose likely cause began, ended or is another now."""
        if not self._trouble.told and not self._trouble.any(self._silences.firing(Role.LABELS)):
            return
        publish = self._publisher(effects, seen_at)
        for watched in self._watchers.firing:
            cause = self._cause(watched.watch)
            told = self._trouble.told.get(watched.watch.signal)
            if told != (None if cause is None else cause.kind):
                for change in watched.touch().retell(at):
                    publish(change, NO_ROW)

    def _tell_silences(
        self, changes: Iterable[SilenceChange], seen_at: Micros | None, effects: Effects
    ) -> None:
        for change in changes:
            event = build_silence_event(
                self._deployment, self.key, self.stream.spec, change, seen_at=seen_at
            )
            outgoing = Outgoing(event.id, event.key, event.headers, event.value)
            self._outbox.append(outgoing)
            effects.events.append(outgoing)

    def _labels_at(self, row: int, fresh: Sequence[int], outcomes: Outcomes) -> LabelState:
        """How far the truth was known at a row, of whose message all rows have been joined.

        An event must not tell what came after the record that set it off.
        """
        totals = self._join.totals
        later = outcomes[bisect_right(outcomes.rows, row) :]
        made_later = sum(one > row for one in fresh)
        joined = totals.joined - len(later)
        delay = totals.delay - (sum(later.label_at) - sum(later.at))
        return LabelState(
            joined=joined,
            waiting=self._join.waiting + len(later) - made_later,
            expired=totals.expired,
            mean_delay=delay // joined if joined else None,
        )

    # -- what is stored --

    def checkpoint(self, to_offset: int) -> InstanceCheckpoint:
        """All that changed since the last checkpoint; in flight until `settle`."""
        fields = {
            "head": self._head.encode(),
            **self._watchers.changed_fields(),
            **self._silences.changed_fields(),
            "trouble": self._trouble.encode(),
        }
        if self._wants_retraining or not self._declaration_stored:
            fields["waymarks"] = self._waymarks.encode()
        if not self._declaration_stored:
            fields["declaration"] = json.dumps(self.stream.to_json()).encode()
            self._declaration_stored = True
        join = self._join.delta()
        fields["join"] = join.state
        fields["windows"] = self._windows.snapshot()
        fields["summary"] = self._summary()
        checkpoint = InstanceCheckpoint(
            instance=self.key,
            from_offset=self._stored_offset,
            to_offset=to_offset,
            fields=fields,
            fields_removed=self._watchers.removed_fields(),
            windows=self._windows.changed(),
            windows_removed=self._windows.dropped(),
            entries=join.entries,
            groups=join.groups,
            groups_removed=join.groups_removed,
            outbox=tuple(self._outbox),
        )
        self._windows.clear_changes()
        self._outbox = []
        self.pending_rows = 0
        self._rows_in_flight = self.rows
        self._stored_offset = to_offset
        return checkpoint

    def discard_changes(self) -> None:
        """Nothing is stored: forget what changed since the last checkpoint."""
        self._join.discard_changes()
        self._windows.clear_changes()
        self._outbox = []
        self.pending_rows = 0

    def settle(self) -> None:
        """The last checkpoint is stored."""
        self._join.settle()
        self._rows_stored = self._rows_in_flight

    def trim(self, keep: int) -> None:
        """Of the join's entries keep about `keep` in memory; between messages only."""
        self._join.trim(keep)

    def _summary(self) -> bytes:
        return summarise(self._head, self._join, self._windows, self._watchers)

    @classmethod
    def stored(
        cls, key: InstanceKey, stored: StoredInstance, *, deployment: str
    ) -> tuple[Instance, list[str]]:
        """A stored instance, under the declaration it was stored with.

        Also the names of the windows to be given to `load_windows`.

        Raises:
            StateError: a part is missing, does not decode, or belongs to other settings.
        """
        try:
            stream = _declared(stored.fields["declaration"])
            instance = cls(key, stream, deployment=deployment)
            return instance, instance.restore(stored)
        except (KeyError, ValueError, TypeError) as error:
            msg = f"{key.name}: the stored state lacks a part, or it does not decode: {error!r}"
            raise StateError(msg) from error

    def restore(self, stored: StoredInstance) -> list[str]:
        """Take over a stored state; the names of the windows to be given to `load_windows`.

        Raises:
            StateError: a part does not decode, or belongs to other settings.
        """
        fields = stored.fields
        self._declaration_stored = True
        self._head = Head.decode(fields["head"])
        self._join.restore(fields["join"])
        self._watchers.restore(fields)
        self._silences.restore(fields)
        self._waymarks.restore(fields.get("waymarks"))
        self._trouble = InstanceTrouble.decode(fields.get("trouble"))
        self._stored_offset = stored.offset
        self._rows_stored = self._rows_in_flight = self.rows
        return self._windows.restore(fields["windows"])

    def load_windows(self, blobs: Mapping[str, bytes]) -> None:
        """Take over the open windows.

        Raises:
            StateError: one is missing or does not decode.
        """
        self._windows.load(blobs)


def _build_join(stream: Stream) -> Join:
    return Join(horizon=_horizon(stream), max_waiting=stream.spec.max_waiting)


def _horizon(stream: Stream) -> Micros:
    """How long a prediction waits for its label: not at all where there are none."""
    labels = stream.spec.labels
    return micros(labels.horizon) if labels is not None else 0


def _build_windows(stream: Stream) -> Windows:
    horizon = _horizon(stream)
    numeric = [watch.signal for watch in stream.watches if watch.kind is not SignalKind.CATEGORICAL]
    return Windows(
        stream.spec.windows,
        numeric,
        max_series=MAX_WINDOW_SERIES,
        lateness=micros(stream.spec.lateness),
        open_for={signal: horizon for signal in numeric if signal in NEEDS_LABELS},
    )


def micros(span: timedelta) -> Micros:
    """A span of time as whole microseconds."""
    return span // timedelta(microseconds=1)


@lru_cache(maxsize=64)
def _declared(blob: bytes) -> Stream:
    """A stored declaration, read once for all instances that were stored under it."""
    return Stream.from_json(json.loads(blob))
