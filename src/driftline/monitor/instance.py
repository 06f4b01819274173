"""One instance: all that driftline knows of one model, and what each message changes in it."""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from driftline.config.deployment import Stream
from driftline.errors import StateError
from driftline.eventlog.messages import CommandKind
from driftline.monitor.effects import Effects
from driftline.monitor.parts import Parts
from driftline.monitor.state import InstanceCheckpoint, Outgoing
from driftline.monitor.summary import summarise
from driftline.monitor.taking import books_of, take_row, take_rows
from driftline.monitor.teller import Teller
from driftline.monitor.watchers import acknowledgement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from driftline.alerts.alert import AlertChange
    from driftline.eventlog.messages import Command, Rows
    from driftline.join import Entry
    from driftline.model import InstanceKey, Micros, Role
    from driftline.monitor.head import RowBooks, RowCounts
    from driftline.monitor.one_row import OneRow
    from driftline.monitor.row_table import RowTable
    from driftline.monitor.state import StoredInstance
    from driftline.monitor.trouble import Cause


class Instance:
    """A stream's monitor, or that of one value of the field that splits it.

    Its state is a function of the messages it was given, in their order. Messages are applied
    whole: after an error inside one, the instance is to be dropped and loaded again.
    """

    def __init__(self, key: InstanceKey, stream: Stream, *, deployment: str) -> None:
        self.key = key
        self._parts = Parts(key, stream)
        self._teller = Teller(key, self._parts, deployment=deployment)
        self._stored_offset: int | None = None
        self._declaration_stored = False
        self.pending_rows = 0
        """Rows applied since the last checkpoint."""
        self._rows_in_flight: RowCounts = {}
        self._rows_stored: RowCounts = {}

    # -- what is known --

    @property
    def stream(self) -> Stream:
        """Its declaration."""
        return self._parts.stream

    @property
    def deadline(self) -> Micros:
        """The watermark at which `on_time` has something to do next."""
        return self._parts.deadline

    @property
    def stored_offset(self) -> int | None:
        """The position of the events log that the stored state is of; None if nothing is stored."""
        return self._stored_offset

    @property
    def dirty(self) -> bool:
        """Whether something changed since the last checkpoint."""
        return self.pending_rows > 0 or self._teller.waits or self._stored_offset is None

    @property
    def tells(self) -> bool:
        """Whether there are events that no checkpoint holds."""
        return self._teller.waits

    @property
    def begun_anew(self) -> Iterator[tuple[str, str]]:
        """The signals of which a detector could not go on from its stored state, and why."""
        for watched in self._parts.watchers:
            for reason in watched.begun_anew:
                yield watched.watch.signal, reason

    @property
    def wanted(self) -> Mapping[str, int]:
        """How many more values each signal takes until any of its detectors may say something."""
        return {watched.watch.signal: watched.wanted for watched in self._parts.watchers}

    @property
    def waiting(self) -> int:
        """Predictions that wait for their label."""
        return self._parts.join.waiting

    @property
    def outcomes(self) -> Mapping[str, int]:
        """What became of predictions and labels, by name."""
        totals = self._parts.join.totals
        return {
            "joined": totals.joined,
            "early": totals.early,
            "duplicate": totals.duplicates,
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
        for name, books in self._parts.head.sources.items():
            role = name.partition("|")[0]
            fates[role, "applied"] += books.applied
            fates[role, "duplicate"] += books.duplicates
            fates[role, "redelivered"] += books.redelivered
        return fates

    @property
    def row_books(self) -> Mapping[str, RowBooks]:
        """What became of its rows, by role and source partition."""
        return self._parts.head.sources

    def books(self, table: RowTable) -> RowBooks:
        """What became of the rows of a message's source partition."""
        return self._parts.head.books(table.source_name, table.source.incarnation)

    @property
    def rows(self) -> int:
        """Rows that are in its books, applied or duplicates."""
        return self._parts.head.rows

    @property
    def new_rows(self) -> int:
        """Those of them that no checkpoint holds."""
        return self._parts.head.rows_since(self._rows_in_flight)

    @property
    def unstored_rows(self) -> int:
        """Those of them that no checkpoint holds that is known to be stored."""
        return self._parts.head.rows_since(self._rows_stored)

    @property
    def resident(self) -> bool:
        """Whether all entries of its join are in memory."""
        return self._parts.join.resident

    def unknown_ids(self, ids: Sequence[str]) -> list[str]:
        """The ids whose entries must be looked up in the store before their rows are applied."""
        return self._parts.join.unknown(ids) if self._parts.stream.spec.labels is not None else []

    # -- what comes in --

    def on_rows(self, rows: Rows, found: Mapping[str, Entry]) -> Effects:
        """Apply a message's rows; those that were applied before are dropped."""
        # Rows that come again change the books too: what is stored is a function of the log.
        self.pending_rows += len(rows)
        rows = self._new_rows(rows)
        if not len(rows):
            return Effects()
        effects = Effects()
        self._teller.tell_silences(self._parts.silences.on_rows(rows), rows.seen_at, effects)
        taken = take_rows(self._parts, rows, found)

        def publish(change: AlertChange, row: int) -> Outgoing:
            # Of what came after the record that set it off an event must not tell.
            self._mark(rows.take(np.arange(row + 1, dtype=np.int64)))
            labels = self._teller.labels_at(row, taken.fresh, taken.outcomes)
            return self._teller.publish(change, rows.seen_at, labels)

        outcomes, series = taken.outcomes, taken.series
        effects.add(self._parts.watchers.observe(rows, outcomes, series, publish))
        self._mark(rows)
        at = int(rows.times[-1])
        self._parts.trouble.on_series(series, at)
        self._teller.tell_causes(at, rows.seen_at, effects)
        return effects

    def on_row(self, table: RowTable, row: int, found: Mapping[str, Entry]) -> Effects | None:
        """Apply one row of a message: what `on_rows` does, without columns. None: no effects."""
        books = self.books(table)
        offset, at = table.offsets[row], table.times[row]
        plain = offset >= books.next_offset and not self._parts.by_columns
        if not plain or not self._parts.silences.go_on(table.role, table.place(row)):
            return self.on_rows(table.take([row]), found)
        self.pending_rows += 1
        books.next_offset = offset + 1
        one = take_row(self._parts, table, row, books, found)
        effects = self._watch_one(one, table, row)
        self._parts.trouble.on_values(one.values, at)
        if self._teller.knows_causes:
            effects = effects or Effects()
            self._teller.tell_causes(at, table.message.seen_at, effects)
        return effects

    def _watch_one(self, one: OneRow, table: RowTable, row: int) -> Effects | None:
        """Give a row's values to all that watches them; only what is rare needs columns."""
        watchers = self._parts.watchers
        quiet = watchers.quiet(one)
        hits = watchers.hear_one(one) if quiet else {}
        if quiet and not hits:
            return None

        def publish(change: AlertChange, decided_at: int) -> Outgoing:
            labels = self._teller.labels_at(decided_at, one.fresh_rows, one.outcomes)
            return self._teller.publish(change, table.message.seen_at, labels)

        rows = table.take([row])
        if not quiet:
            return watchers.observe(rows, one.outcomes, one.series(), publish)
        return watchers.judge_one(one, hits, rows, publish)

    def _mark(self, rows: Rows) -> None:
        if self._parts.wants_retraining:
            self._parts.waymarks.extend(rows)

    def _new_rows(self, rows: Rows) -> Rows:
        books = books_of(self._parts, rows)
        known = int(np.searchsorted(rows.offsets, books.next_offset))
        if known:
            books.redelivered += known
            rows = rows.take(np.arange(known, len(rows), dtype=np.int64))
        if len(rows):
            books.next_offset = int(rows.offsets[-1]) + 1
        return rows

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
        self._parts.watchers.on_time(watermark, self._teller.publisher(effects, seen_at))
        self._parts.join.on_time(watermark - self._parts.lateness)
        self._parts.windows.advance(watermark)
        silences = self._parts.silences.on_time(watermark - self._parts.lateness, ended)
        self._teller.tell_silences(silences, seen_at, effects)
        self._teller.tell_causes(watermark, seen_at, effects)
        self.pending_rows += 1
        return effects

    def on_trouble(
        self, causes: Mapping[str, Cause], at: Micros, seen_at: Micros | None
    ) -> Effects:
        """What is wrong with the whole stream is something else from here on."""
        effects = Effects()
        self._parts.trouble.stream = dict(causes)
        self._teller.tell_causes(at, seen_at, effects)
        self.pending_rows += 1
        return effects

    def on_command(self, command: Command) -> Effects:
        """Somebody has taken an alert on, or accepted the level that it is of."""
        effects = Effects()
        if self._parts.watchers.on_command(
            command, self._teller.publisher(effects, command.at)
        ) or self._answer_silence(command, effects):
            self.pending_rows += 1
        else:
            effects.unheard.append(command)
        return effects

    def _answer_silence(self, command: Command, effects: Effects) -> bool:
        alert_id = str(command.arguments.get("alert_id"))
        if command.kind is CommandKind.ACCEPT:
            change = self._parts.silences.accept(alert_id, command.at)
        else:
            said = acknowledgement(command)
            change = self._parts.silences.acknowledge(alert_id, said, command.at)
        if change is None:
            return False
        self._teller.tell_silences([change], command.at, effects)
        self._teller.tell_causes(command.at, command.at, effects)
        return True

    # -- what changes the declaration --

    def redeclare(self, stream: Stream, at: Micros) -> Effects:
        """From here on `stream` declares this instance. What it still watches alike goes on."""
        effects = Effects()
        publish = self._teller.publisher(effects, at)
        silences = self._parts.redeclare(stream, at, publish)
        self._declaration_stored = False
        self._teller.tell_silences(silences, at, effects)
        self._teller.tell_causes(at, at, effects)
        self.pending_rows += 1
        return effects

    def withdraw(self, at: Micros) -> Effects:
        """The stream is gone from the deployment: its alerts end."""
        effects = Effects()
        self._parts.watchers.withdraw(at, self._teller.publisher(effects, at))
        self._teller.tell_silences(self._parts.silences.withdraw(at), at, effects)
        # A pending alert ends without a word, and has to be stored as ended all the same.
        self.pending_rows += 1
        return effects

    # -- what is stored --

    def checkpoint(self, to_offset: int) -> InstanceCheckpoint:
        """All that changed since the last checkpoint; in flight until `settle`."""
        fields = self._parts.changed_fields()
        if self._parts.wants_retraining or not self._declaration_stored:
            fields["waymarks"] = self._parts.waymarks.encode()
        if not self._declaration_stored:
            fields["declaration"] = json.dumps(self._parts.stream.to_json()).encode()
            self._declaration_stored = True
        join = self._parts.join.delta()
        fields["join"] = join.state
        fields["windows"] = self._parts.windows.snapshot()
        fields["summary"] = self._summary()
        checkpoint = InstanceCheckpoint(
            instance=self.key,
            from_offset=self._stored_offset,
            to_offset=to_offset,
            fields=fields,
            fields_removed=self._parts.watchers.removed_fields(),
            windows=self._parts.windows.changed(),
            windows_removed=self._parts.windows.dropped(),
            entries=join.entries,
            groups=join.groups,
            groups_removed=join.groups_removed,
            outbox=self._teller.take_outbox(),
        )
        self._parts.windows.clear_changes()
        self.pending_rows = 0
        self._rows_in_flight = self._parts.head.row_counts()
        self._stored_offset = to_offset
        return checkpoint

    def discard_changes(self) -> None:
        """Nothing is stored: forget what changed since the last checkpoint."""
        self._parts.join.discard_changes()
        self._parts.windows.clear_changes()
        self._teller.take_outbox()
        self.pending_rows = 0

    def settle(self) -> None:
        """The last checkpoint is stored."""
        self._parts.join.settle()
        self._rows_stored = self._rows_in_flight

    def trim(self, keep: int) -> None:
        """Of the join's entries keep about `keep` in memory; between messages only."""
        self._parts.join.trim(keep)

    def _summary(self) -> bytes:
        parts = self._parts
        return summarise(parts.head, parts.join, parts.windows, parts.watchers)

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
        self._declaration_stored = True
        open_windows = self._parts.restore(stored.fields)
        self._stored_offset = stored.offset
        self._rows_stored = self._rows_in_flight = self._parts.head.row_counts()
        return open_windows

    def load_windows(self, blobs: Mapping[str, bytes]) -> None:
        """Take over the open windows.

        Raises:
            StateError: one is missing or does not decode.
        """
        self._parts.windows.load(blobs)


@lru_cache(maxsize=64)
def _declared(blob: bytes) -> Stream:
    """A stored declaration, read once for all instances that were stored under it."""
    return Stream.from_json(json.loads(blob))
