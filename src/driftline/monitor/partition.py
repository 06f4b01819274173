"""The monitor of one events partition: its clocks and books, and the instances that fall on it."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.config.deployment import Stream
from driftline.errors import DriftlineError
from driftline.eventlog.messages import Command, CommandKind, Progress, Rows
from driftline.join.entries import decode_entry
from driftline.model import InstanceKey
from driftline.monitor.effects import Effects
from driftline.monitor.instance import Instance
from driftline.monitor.partition_state import FORMAT, PartitionState
from driftline.monitor.row_table import RowTable, rows_by_instance
from driftline.monitor.state import PartitionCheckpoint, Step
from driftline.monitor.stream import StreamMonitor, is_past

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from driftline.eventlog.messages import Message
    from driftline.join import Entry
    from driftline.model import Micros
    from driftline.monitor.books import Books
    from driftline.monitor.partition_state import StreamState
    from driftline.monitor.state import StoredInstance, StoredPartition

_NOTHING_FOUND: Final[Mapping[str, Entry]] = MappingProxyType({})
FEW_ROWS: Final = 8
"""So many rows of an instance are quicker taken one by one than by columns."""


class PartitionMonitor:
    """Applies the messages of one events partition, in order, each once.

    Between two messages `checkpoint` hands out what changed; after an error inside a message
    everything in memory is to be dropped and loaded again.
    """

    def __init__(
        self, partition: int, streams: Iterable[Stream], *, deployment: str, digest: str
    ) -> None:
        self.partition = partition
        self.digest = digest
        """Of the declaration that holds at this place of the log."""
        self.offset = 0
        """The next offset of the events log to apply."""
        self._declared_at: Micros = 0
        self.suspended: dict[InstanceKey, str] = {}
        self._deployment = deployment
        self._streams = {stream.name: StreamMonitor(stream) for stream in streams}
        self._stored_offset: int | None = None
        self.pending_rows = 0
        """Rows that came since the last checkpoint."""
        self.changed: set[InstanceKey] = set()
        """The instances to which they came."""
        self._departed: list[Instance] = []
        self.needs_reload = False
        """There is stored state that is not in memory, of a stream that was declared or an instance
        that was resumed: checkpoint, then load anew."""

    # -- what is known --

    @property
    def streams(self) -> Mapping[str, Stream]:
        """The declared streams at this place of the log."""
        return {name: one.stream for name, one in self._streams.items()}

    @property
    def instances(self) -> Iterator[Instance]:
        """All instances in memory."""
        for one in self._streams.values():
            yield from one.instances.values()

    @property
    def stored_offset(self) -> int | None:
        """The offset that the stored state is of; None if nothing is stored."""
        return self._stored_offset

    @property
    def dirty_instances(self) -> int:
        """How many instances have something to store."""
        return sum(instance.dirty for instance in self.instances)

    def has(self, key: InstanceKey) -> bool:
        """Whether an instance is in memory."""
        return key.stream in self._streams and key in self._streams[key.stream].instances

    def watermark(self, stream: str) -> Micros:
        """How far event time has come in a stream."""
        return self._streams[stream].clock.watermark

    def books(self, stream: str) -> Books:
        """The books of a stream's source partitions."""
        return self._streams[stream].books

    def stream_state(self, stream: str) -> StreamState:
        """All that is kept of a stream apart from its instances."""
        return self._streams[stream].state()

    def refused_rows(self, stream: str) -> int:
        """Rows of instances over `max_instances`."""
        return self._streams[stream].refused

    def unknown_ids(self, messages: Iterable[Message]) -> dict[InstanceKey, list[str]]:
        """The ids to be looked up in the store before these messages are applied."""
        wanted: dict[InstanceKey, list[str]] = {}
        for message in messages:
            if isinstance(message, Rows) and message.stream in self._streams:
                for key, ids in self._streams[message.stream].unknown_ids(message):
                    wanted.setdefault(key, []).extend(ids)
        return wanted

    # -- what comes in --

    def apply(
        self,
        offset: int,
        message: Message | None,
        found: Mapping[InstanceKey, Mapping[str, bytes]],
    ) -> Effects:
        """Apply the message at this offset; None for one that means nothing to this monitor."""
        if offset < self.offset:
            return Effects()
        self.offset = offset + 1
        match message:
            case Rows():
                return self._on_rows(offset, message, found)
            case Progress():
                return self._on_progress(offset, message)
            case Command(kind=CommandKind.DECLARE):
                return self._on_declare(offset, message)
            case Command(kind=CommandKind.FORGET):
                self._on_forget(offset, message)
            case Command(kind=CommandKind.RESUME):
                self._on_resume(message)
            case Command(kind=CommandKind.ACKNOWLEDGE | CommandKind.ACCEPT):
                return self._on_alert_command(offset, message)
        return Effects()

    def apply_all(self, messages: Iterable[tuple[int, Message]]) -> Effects:
        """Apply messages whose ids are all in memory, as they are where nothing was ever stored."""
        effects = Effects()
        for offset, message in messages:
            effects.add(self.apply(offset, message, {}))
        return effects

    def _on_rows(
        self, offset: int, message: Rows, found: Mapping[InstanceKey, Mapping[str, bytes]]
    ) -> Effects:
        effects = Effects()
        monitor = self._streams.get(message.stream)
        if monitor is None:
            return effects
        since = monitor.pass_rows(message)
        table = RowTable(message)
        for key, rows in rows_by_instance(message):
            if key not in self.suspended:
                instance = monitor.instances.get(key) or self._admit(monitor, key)
                if instance is None:
                    monitor.refused += table.count_from(rows, since)
                elif not is_past(instance, offset) and self._apply_rows(
                    instance, table, rows, found.get(key), effects
                ):
                    monitor.touch(key)
            if key in self.suspended:
                monitor.suspended_rows += table.count_from(rows, since)
        return effects

    def _apply_rows(
        self,
        instance: Instance,
        table: RowTable,
        rows: Sequence[int],
        found: Mapping[str, bytes] | None,
        effects: Effects,
    ) -> bool:
        """Apply rows of a message to their instance; False, and it is suspended: it failed."""
        books = instance.books(table)
        before = books.rows
        try:
            came = _apply(instance, table, rows, found)
        except DriftlineError as error:
            # Trouble of one instance stays there: its stored state is left as it was.
            self._drop(instance.key, str(error), instance.new_rows - (books.rows - before))
            return False
        if came is not None:
            effects.add(came)
        self.pending_rows += len(rows)
        self.changed.add(instance.key)
        return True

    def _admit(self, monitor: StreamMonitor, key: InstanceKey) -> Instance | None:
        if len(monitor.instances) >= monitor.stream.spec.max_instances:
            return None
        instance = Instance(key, monitor.stream, deployment=self._deployment)
        instance.on_trouble(monitor.trouble.causes, monitor.clock.newest, None)
        monitor.instances[key] = instance
        return instance

    def _on_progress(self, offset: int, progress: Progress) -> Effects:
        effects = Effects()
        for passage in progress.passages:
            monitor = self._streams.get(passage.stream)
            if monitor is None:
                continue
            effects.add(monitor.on_progress(offset, progress, passage))
        return effects

    def _on_declare(self, offset: int, command: Command) -> Effects:
        """From here on the command's declaration holds; an instance keeps what still applies.

        One whose stored state is of a later place of the log knows of it already.
        """
        effects = Effects()
        if command.arguments["digest"] == self.digest:
            return effects
        self.digest, self._declared_at = command.arguments["digest"], command.at
        before = self._streams
        declared = [Stream.from_json(one) for one in json.loads(command.arguments["streams"])]
        self._streams = {stream.name: StreamMonitor(stream) for stream in declared}
        for name, former in before.items():
            successor = self._streams.get(name)
            if successor is None:
                self._departed += former.instances.values()
            for instance in former.instances.values():
                if is_past(instance, offset):
                    continue
                if successor is None:
                    effects.add(instance.withdraw(command.at))
                elif successor.stream != former.stream:
                    effects.add(instance.redeclare(successor.stream, command.at))
            if successor is not None:
                successor.succeed(former)
        self.needs_reload = bool(self._streams.keys() - before.keys())
        return effects

    def _on_alert_command(self, offset: int, command: Command) -> Effects:
        """Hand a command about an alert to the instance that it names."""
        key = InstanceKey.parse(command.instance or "")
        monitor = self._streams.get(key.stream)
        instance = monitor.instances.get(key) if monitor is not None else None
        if monitor is None or instance is None:
            return Effects(unheard=[command])
        if is_past(instance, offset):
            return Effects()
        effects = instance.on_command(command)
        monitor.touch(key)
        return effects

    def _on_forget(self, offset: int, command: Command) -> None:
        """Drop what is in memory, and begin anew; what is stored is removed by our owner.

        Not what began after the command, and is stored already.
        """
        for monitor in self._streams.values():
            for key, instance in list(monitor.instances.items()):
                if names(command, key) and not is_past(instance, offset):
                    monitor.forgotten_rows += monitor.instances.pop(key).rows
                    self.changed.discard(key)
        for key in [key for key in self.suspended if names(command, key)]:
            del self.suspended[key]

    def _on_resume(self, command: Command) -> None:
        """Suspended instances go on from what is stored of them; what was passed over stays so."""
        for key in [key for key in self.suspended if names(command, key)]:
            del self.suspended[key]
            self.needs_reload = True

    def suspend(self, key: InstanceKey, reason: str) -> None:
        """Pass this instance's rows over from here on; what is stored of it stays.

        A checkpoint that is in flight is not stored of it.
        """
        monitor = self._streams.get(key.stream)
        instance = monitor.instances.get(key) if monitor is not None else None
        self._drop(key, reason, instance.unstored_rows if instance is not None else 0)

    def _drop(self, key: InstanceKey, reason: str, lost: int) -> None:
        """Suspend an instance; the rows that were applied and are not stored count as passed over.

        Those before them are in the stored state, and count once it is resumed or looked at.
        """
        self.suspended[key] = reason
        self.changed.discard(key)
        monitor = self._streams.get(key.stream)
        if monitor is not None:
            monitor.instances.pop(key, None)
            monitor.suspended_rows += lost

    def book_forgotten(self, stream: str, rows: int) -> None:
        """Rows that stood in the books of an instance that was not in memory, and was forgotten."""
        if stream in self._streams:
            self._streams[stream].forgotten_rows += rows

    # -- what is stored --

    def checkpoint(self) -> Step:
        """All that changed since the last one; in flight until `settle`."""
        instances = [instance.checkpoint(self.offset) for instance in self.to_store()]
        return Step(instances, self.checkpoint_partition())

    def to_store(self) -> list[Instance]:
        """The instances that belong into a checkpoint.

        Also those that are ahead of the partition and have not changed since: it is stored only
        where the store has all of them, and may have lost what was told.
        """
        stored = self._stored_offset or 0
        return [
            instance
            for instance in self._behind()
            if instance.dirty or (instance.stored_offset or 0) > stored
        ]

    def checkpoint_partition(self) -> PartitionCheckpoint:
        """The partition itself, once the checkpoints of `to_store` are taken at this offset."""
        state = PartitionState(
            format=FORMAT,
            digest=self.digest,
            declared_at=self._declared_at,
            streams=[one.declaration for one in self._streams.values()],
            states={name: one.state() for name, one in self._streams.items()},
            suspended={key.name: reason for key, reason in self.suspended.items()},
        )
        partition = PartitionCheckpoint(
            self.partition, self._stored_offset, self.offset, msgspec.msgpack.encode(state)
        )
        self._stored_offset = self.offset
        self._departed = []
        self.pending_rows = 0
        self.changed.clear()
        return partition

    def to_tell(self) -> list[Instance]:
        """The instances that have something to tell.

        Stored alone they are ahead of the partition, as after a crash before it was stored.
        """
        return [instance for instance in self._behind() if instance.tells]

    def _behind(self) -> Iterator[Instance]:
        """Those whose stored state, if any, is of an earlier place of the log than this."""
        for instance in (*self.instances, *self._departed):
            if (instance.stored_offset or 0) < self.offset:
                yield instance

    def discard_changes(self) -> None:
        """Nothing is stored: forget what changed, and keep everything in memory."""
        self.pending_rows = 0
        self.changed.clear()
        for instance in self.instances:
            instance.discard_changes()

    def settle(self) -> None:
        """The last checkpoint is stored."""
        for instance in self.instances:
            instance.settle()

    def trim(self, keep: int, *, least: int) -> None:
        """Keep about `keep` of the joins' entries in memory, shared among the instances.

        Of each `least` are kept, however many instances there are. Not to be called between
        `unknown_ids` and the messages that it was asked for.
        """
        share = keep // max(1, sum(len(one.instances) for one in self._streams.values()))
        for one in self._streams.values():
            one.trim(max(share, least))

    def restore(self, stored: StoredPartition) -> None:
        """Take over a stored partition, with the declaration that held there.

        Raises:
            StateError: it does not decode.
        """
        state = PartitionState.decode(stored.blob)
        self.digest, self._declared_at = state.digest, state.declared_at
        self._streams = {
            stream.name: StreamMonitor(stream) for stream in map(Stream.from_json, state.streams)
        }
        for name, stream_state in state.states.items():
            self._streams[name].restore(stream_state)
        self.suspended = {InstanceKey.parse(name): why for name, why in state.suspended.items()}
        self.offset = self._stored_offset = stored.offset

    def adopt(self, key: InstanceKey, stored: StoredInstance) -> list[str]:
        """Take over a stored instance; the names of the windows that `adopt_windows` needs.

        Raises:
            StateError: a part does not decode.
        """
        instance, wanted = Instance.stored(key, stored, deployment=self._deployment)
        self._streams[key.stream].adopt(instance)
        return wanted

    def adopt_windows(self, key: InstanceKey, blobs: Mapping[str, bytes]) -> None:
        """Take over an instance's open windows.

        If another declaration held when it was stored, the present one does from here on; unless it
        was stored at a later place of the log, and has come to a declaration that we have not.

        Raises:
            StateError: one is missing or does not decode.
        """
        monitor = self._streams[key.stream]
        instance = monitor.instances[key]
        instance.load_windows(blobs)
        if instance.stream != monitor.stream and not is_past(instance, self.offset):
            instance.redeclare(monitor.stream, self._declared_at)
        monitor.touch(key)


def _apply(
    instance: Instance, table: RowTable, rows: Sequence[int], found: Mapping[str, bytes] | None
) -> Effects | None:
    """What rows of a message come to, by columns or one by one; None: to no effects."""
    entries = _NOTHING_FOUND
    if found:
        entries = {id_: decode_entry(blob) for id_, blob in found.items()}
    if len(rows) > FEW_ROWS:
        return instance.on_rows(table.take(rows), entries)
    effects = None
    for row in rows:
        came = instance.on_row(table, row, entries)
        if came is not None:
            effects = effects or Effects()
            effects.add(came)
    return effects


def names(command: Command, key: InstanceKey) -> bool:
    """Whether a command is about this instance: it names it, or the whole stream."""
    return key.name == command.instance or key.stream == command.stream
