"""A store that lives as long as its process: for tests, and for those who build on `Store`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftline.monitor.state import StoredInstance, StoredPartition
from driftline.store.guard import check_partitions, check_step, judge, superseded
from driftline.store.protocol import Claim, DeploymentRecord, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import timedelta

    from driftline.model import InstanceKey, SourcePartition
    from driftline.monitor.state import InstanceCheckpoint, Outgoing, PartitionCheckpoint
    from driftline.store.protocol import Attempt, InstanceStateError


@dataclass(slots=True)
class _Instance:
    offset: int | None = None
    fields: dict[str, bytes] = field(default_factory=dict)
    windows: dict[str, bytes] = field(default_factory=dict)
    entries: dict[str, bytes] = field(default_factory=dict)
    groups: dict[int, list[str]] = field(default_factory=dict)
    expired: set[int] = field(default_factory=set)
    outbox: dict[str, Outgoing] = field(default_factory=dict)

    def apply(self, step: InstanceCheckpoint) -> None:
        for held, gone in (
            (self.fields, step.fields_removed),
            (self.windows, step.windows_removed),
            (self.entries, step.entries_removed),
        ):
            for name in gone:
                held.pop(name, None)
        self.fields.update(step.fields)
        self.windows.update(step.windows)
        self.entries.update(step.entries)
        for number, ids in step.groups.items():
            self.groups.setdefault(number, []).extend(ids)
        self.expired.update(step.groups_removed)
        for outgoing in step.outbox:
            self.outbox.pop(outgoing.id, None)
            self.outbox[outgoing.id] = outgoing
        self.offset = step.to_offset

    def collect(self, limit: int) -> int:
        done = 0
        while self.expired and done < limit:
            number = min(self.expired)
            ids = self.groups.get(number, [])
            mark = number.to_bytes(4, "little")
            some = ids[: limit - done]
            del ids[: len(some)]
            done += len(some)
            for name in some:
                if self.entries.get(name, b"")[:4] == mark:
                    del self.entries[name]
            if not ids:
                self.groups.pop(number, None)
                self.expired.remove(number)
        return done


class MemoryStore:
    """A `Store` in memory. `now`: seconds, never going back, for the lifetimes of workers."""

    def __init__(self, *, life: str = "memory", now: Callable[[], float] = time.monotonic) -> None:
        self._life = life
        self._now = now
        self._instances: dict[InstanceKey, _Instance] = {}
        self._partitions: dict[int, StoredPartition] = {}
        self._deployment: DeploymentRecord | None = None
        self._superseded: set[str] = set()
        self._events_partitions: int | None = None
        self._sources: dict[tuple[str, int], SourcePartition] = {}
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._workers: dict[str, tuple[float, Mapping[str, object]]] = {}

    async def load_partition(self, partition: int) -> StoredPartition | None:
        """See `Checkpoints`."""
        return self._partitions.get(partition)

    async def write_partition(
        self, checkpoint: PartitionCheckpoint, instances: Collection[InstanceKey] = ()
    ) -> Outcome:
        """See `Checkpoints`."""
        check_step(checkpoint.from_offset, checkpoint.to_offset)
        held = self._partitions.get(checkpoint.partition)
        outcome = judge(held.offset if held else None, checkpoint.from_offset, checkpoint.to_offset)
        if outcome is Outcome.APPLIED:
            for key in instances:
                one = self._instances.get(key)
                if one is None or one.offset != checkpoint.to_offset:
                    return Outcome.SUPERSEDED
            new = StoredPartition(checkpoint.to_offset, checkpoint.blob)
            self._partitions[checkpoint.partition] = new
        return outcome

    async def load_instance(self, key: InstanceKey) -> StoredInstance | None:
        """See `Checkpoints`."""
        held = self._instances.get(key)
        if held is None or held.offset is None:
            return None
        return StoredInstance(held.offset, dict(held.fields), tuple(held.outbox.values()))

    async def load_instances(
        self, keys: Sequence[InstanceKey]
    ) -> Mapping[InstanceKey, StoredInstance | InstanceStateError | None]:
        """See `Checkpoints`."""
        return {key: await self.load_instance(key) for key in keys}

    async def load_windows(self, key: InstanceKey, names: Sequence[str]) -> dict[str, bytes]:
        """See `Checkpoints`."""
        windows = self._held(key).windows
        return {name: windows[name] for name in names if name in windows}

    async def load_all_windows(
        self, wanted: Mapping[InstanceKey, Sequence[str]]
    ) -> Mapping[InstanceKey, dict[str, bytes] | InstanceStateError]:
        """See `Checkpoints`."""
        return {key: await self.load_windows(key, names) for key, names in wanted.items()}

    async def window_names(self, key: InstanceKey) -> tuple[str, ...]:
        """See `Checkpoints`."""
        return tuple(sorted(self._held(key).windows))

    async def fetch_entries(
        self, wanted: Mapping[InstanceKey, Sequence[str]]
    ) -> Mapping[InstanceKey, dict[str, bytes]]:
        """See `Checkpoints`."""
        return {
            key: {name: held[name] for name in ids if name in held}
            for key, ids in wanted.items()
            for held in (self._held(key).entries,)
        }

    async def write_instances(self, checkpoints: Sequence[InstanceCheckpoint]) -> list[Outcome]:
        """See `Checkpoints`."""
        for step in checkpoints:
            check_step(step.from_offset, step.to_offset)
        return [self._write(step) for step in checkpoints]

    async def trim_outboxes(self, published: Mapping[InstanceKey, Sequence[str]]) -> None:
        """See `Checkpoints`."""
        for key, ids in published.items():
            for name in ids:
                self._held(key).outbox.pop(name, None)

    async def collect_garbage(self, limit: int) -> int:
        """See `Checkpoints`."""
        done = 0
        for held in self._instances.values():
            done += held.collect(limit - done)
        return done

    async def list_instances(self, stream: str | None = None) -> tuple[InstanceKey, ...]:
        """See `Checkpoints`."""
        keys = (key for key in self._instances if stream in {None, key.stream})
        return tuple(sorted(keys, key=lambda key: key.name))

    async def forget(self, target: str | InstanceKey) -> int:
        """See `Checkpoints`."""
        keys = await self.list_instances(target) if isinstance(target, str) else (target,)
        return sum(self._instances.pop(key, None) is not None for key in keys)

    async def claim_deployment(self, digest: str, *, started_at: int, take_over: bool) -> Claim:
        """See `Roster`."""
        current = self._deployment
        if current is not None and current.digest == digest:
            return Claim(current, superseded=None, first=False)
        if digest in self._superseded and not take_over:
            raise superseded(digest)
        self._deployment = DeploymentRecord(digest, started_at, self._life)
        self._superseded.discard(digest)
        if current is None:
            return Claim(self._deployment, superseded=None, first=True)
        self._superseded.add(current.digest)
        return Claim(self._deployment, superseded=current.digest, first=False)

    async def current_deployment(self) -> DeploymentRecord | None:
        """See `Roster`."""
        return self._deployment

    async def events_partitions(self, count: int) -> int:
        """See `Roster`."""
        if self._events_partitions is None:
            self._events_partitions = count
        return check_partitions(self._events_partitions, count)

    async def known_sources(self) -> Collection[SourcePartition]:
        """See `Roster`."""
        return tuple(self._sources.values())

    async def know_sources(self, sources: Collection[SourcePartition]) -> None:
        """See `Roster`."""
        self._sources.update({(one.topic, one.partition): one for one in sources})

    async def attempts(self) -> Mapping[tuple[str, int], Attempt]:
        """See `Roster`."""
        return dict(self._attempts)

    async def note_attempts(self, attempts: Mapping[tuple[str, int], Attempt]) -> None:
        """See `Roster`."""
        self._attempts.update(attempts)

    async def drop_attempts(self, partitions: Collection[tuple[str, int]]) -> None:
        """See `Roster`."""
        for one in partitions:
            self._attempts.pop(one, None)

    async def announce_worker(
        self, worker: str, facts: Mapping[str, object], ttl: timedelta
    ) -> None:
        """See `Roster`."""
        self._workers[worker] = (self._now() + ttl.total_seconds(), dict(facts))

    async def list_workers(self) -> Mapping[str, Mapping[str, object]]:
        """See `Roster`."""
        now = self._now()
        return {worker: facts for worker, (until, facts) in self._workers.items() if until > now}

    async def close(self) -> None:
        """See `Store`."""

    def _held(self, key: InstanceKey) -> _Instance:
        return self._instances.get(key) or _Instance()

    def _write(self, step: InstanceCheckpoint) -> Outcome:
        held = self._held(step.instance)
        outcome = judge(held.offset, step.from_offset, step.to_offset)
        if outcome is Outcome.APPLIED:
            held.apply(step)
            self._instances[step.instance] = held
        return outcome
