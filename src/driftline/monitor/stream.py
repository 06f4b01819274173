"""One stream on one events partition: its clock, its books, and its instances."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from driftline.clocks import BEFORE_ALL, StreamClock
from driftline.model import InstanceKey, Role
from driftline.monitor.books import Books
from driftline.monitor.deadlines import Deadlines
from driftline.monitor.effects import Effects
from driftline.monitor.head import source_name
from driftline.monitor.partition_state import StreamState
from driftline.monitor.trouble import StreamTrouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftline.config.deployment import Stream
    from driftline.eventlog.messages import Passage, Progress, Rows
    from driftline.model import Micros
    from driftline.monitor.instance import Instance


class StreamMonitor:
    """One stream on one events partition."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.declaration = stream.to_json()
        """As it is stored with each checkpoint: it does not change, so it is made once."""
        self.clock = StreamClock(_roles(stream))
        self.books = Books()
        self.trouble = StreamTrouble()
        self._newest: dict[Role, Micros] = {}
        self._ended: dict[Role, Micros] = {}
        """Of roles whose recording has come to its end, its newest event time. Not stored: a replay
        is not gone on with."""
        self.refused = 0
        self.suspended_rows = 0
        self.forgotten_rows = 0
        self.passed: dict[str, tuple[str, int]] = {}
        self.instances: dict[InstanceKey, Instance] = {}
        self._deadlines = Deadlines()
        self._touched: dict[InstanceKey, None] = {}
        """Instances that may have something to do at an earlier time than is noted, in order."""
        self._lean: set[InstanceKey] = set()
        """Instances that may have entries in the store alone."""

    def state(self) -> StreamState:
        """All but the instances, as it is stored."""
        return StreamState(
            self.clock.snapshot(),
            self.books,
            self.refused,
            self.suspended_rows,
            self.passed,
            self.forgotten_rows,
            self.trouble,
        )

    def restore(self, state: StreamState) -> None:
        """Take over what was stored."""
        self.clock = StreamClock.restore(_roles(self.stream), state.clock)
        self.books = state.books
        self.refused, self.suspended_rows = state.refused, state.suspended_rows
        self.passed = state.passed
        self.forgotten_rows = state.forgotten_rows
        self.trouble = state.trouble

    def pass_rows(self, rows: Rows) -> int:
        """Note how far rows have come; the offset below which they had come before."""
        name = source_name(rows.role, rows.source)
        incarnation, since = self.passed.get(name, (rows.source.incarnation, 0))
        if incarnation != rows.source.incarnation:
            since = 0
        if len(rows):
            following = max(since, int(rows.offsets[-1]) + 1)
            self.passed[name] = (rows.source.incarnation, following)
        return since

    def unknown_ids(self, rows: Rows) -> Iterator[tuple[InstanceKey, list[str]]]:
        """The ids of these rows that have to be looked up in the store, by instance."""
        lean = self._lean_among(rows) if self._lean else {}
        if not lean:
            return
        asked: dict[int, list[str]] = {code: [] for code in lean}
        for id_, code in zip(rows.ids, rows.instance_codes.tolist(), strict=True):
            if code in lean:
                asked[code].append(id_)
        for code, instance in lean.items():
            ids = instance.unknown_ids(asked[code])
            if ids:
                yield instance.key, ids

    def _lean_among(self, rows: Rows) -> dict[int, Instance]:
        """The instances of these rows that have entries in the store alone, by their codes."""
        found = {}
        for code, value in enumerate(rows.instances):
            key = InstanceKey(rows.stream, value)
            instance = self.instances.get(key) if key in self._lean else None
            if instance is not None and not instance.resident:
                found[code] = instance
        return found

    def trim(self, keep: int) -> None:
        """Of each instance keep about `keep` of the join's entries in memory."""
        for instance in self.instances.values():
            instance.trim(keep)
        self._find_lean()

    def adopt(self, instance: Instance) -> None:
        """Take over an instance that was stored."""
        self.instances[instance.key] = instance
        if not instance.resident:
            self._lean.add(instance.key)

    def succeed(self, former: StreamMonitor) -> None:
        """Go on from the monitor of another declaration of the stream, with its instances."""
        self.restore(former.state())
        self.instances = former.instances
        self._find_lean()
        self._touched = dict.fromkeys(self.instances)

    def _find_lean(self) -> None:
        """Note who has entries in the store alone: where nobody has, no row is looked at for it."""
        self._lean = {key for key, one in self.instances.items() if not one.resident}

    def on_progress(self, offset: int, progress: Progress, passage: Passage) -> Effects:
        """A reader has come so far: book it, let time go on, see what is wrong with the data."""
        effects = Effects()
        records, refused = self.books.on_progress(progress, passage)
        before = self._newest.get(passage.role, BEFORE_ALL)
        self._newest[passage.role] = max(before, passage.newest or BEFORE_ALL)
        if progress.ended:
            self._ended[passage.role] = self._newest[passage.role]
        if self.clock.on_progress(progress, passage):
            effects.add(self.on_time(offset, progress.seen_at))
        newest = self.clock.newest
        if self.trouble.on_progress(
            progress, passage, records=records, refused=refused, newest=newest
        ):
            for instance in self.instances.values():
                if not is_past(instance, offset):
                    effects.add(instance.on_trouble(self.trouble.causes, newest, progress.seen_at))
        return effects

    def on_time(self, offset: int, seen_at: Micros | None) -> Effects:
        """The watermark rose: tell those instances that have something to do by now."""
        effects = Effects()
        watermark = self.clock.watermark
        self._note_touched()
        for instance in self._awake(watermark):
            if instance.deadline <= watermark and not is_past(instance, offset):
                effects.add(instance.on_time(watermark, seen_at, self._ended))
            self._deadlines.note(instance.key, instance.deadline)
        return effects

    def _awake(self, watermark: Micros) -> Iterable[Instance]:
        """The instances to be asked by now, by when they have something to do, then by name."""
        due = [
            (instance.deadline, key.name, instance)
            for key in self._deadlines.due(watermark)
            if (instance := self.instances.get(key)) is not None
        ]
        return [instance for _, _, instance in sorted(due, key=itemgetter(0, 1))]

    def touch(self, key: InstanceKey) -> None:
        """Something changed in an instance; it is asked for its deadline when time goes on."""
        self._touched[key] = None

    def _note_touched(self) -> None:
        touched, self._touched = self._touched, {}
        for key in touched:
            instance = self.instances.get(key)
            if instance is not None:
                self._deadlines.note(key, instance.deadline)


def is_past(instance: Instance, offset: int) -> bool:
    """Whether the instance's stored state already holds the message at this offset."""
    return instance.stored_offset is not None and offset < instance.stored_offset


def _roles(stream: Stream) -> tuple[Role, ...]:
    if stream.spec.labels is None:
        return (Role.PREDICTIONS,)
    return (Role.PREDICTIONS, Role.LABELS)
