"""What every store promises, and the values it answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from driftline.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    from driftline.model import InstanceKey, SourcePartition
    from driftline.monitor.state import (
        InstanceCheckpoint,
        PartitionCheckpoint,
        StoredInstance,
        StoredPartition,
    )


class Outcome(StrEnum):
    """What became of a checkpoint."""

    APPLIED = "applied"
    """Written, whole."""
    ALREADY = "already"
    """It had been written before: a retry. A success."""
    SUPERSEDED = "superseded"
    """Somebody else went on from where it starts. Nothing was written: drop the memory, reload."""
    BROKEN = "broken"
    """A key holds what driftline did not write. Nothing was written; a retry will not help."""


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """Which deployment the state belongs to now."""

    digest: str
    started_at: int
    """When the worker that claimed it was started: microseconds since the epoch, by its clock."""
    life: str
    """Made at random in an empty store: if it is not the one of before, the state was lost."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A deployment is the current one."""

    record: DeploymentRecord
    superseded: str | None
    """The digest that this claim replaced, if it did."""
    first: bool
    """Nothing was stored before."""


class InstanceStateError(StateError):
    """What is stored of one instance cannot be read; the others are not concerned."""

    def __init__(self, instance: InstanceKey, reason: str) -> None:
        self.instance = instance
        super().__init__(f"stored state of {instance.name}: {reason}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """How often reading was begun at a place of a source partition and came to nothing."""

    incarnation: str
    offset: int
    starts: int
    trying: int | None = None
    """A record that was being decoded alone when this was written."""
    deaths: dict[int, int] = field(default_factory=dict)
    """By record, how many processes died while they decoded it alone."""


class Checkpoints(Protocol):
    """The monitor's state: read whole, written by guarded steps.

    Every method raises UnavailableError when the store does not answer after its bounded retries; a
    write may then have happened or not, and sending it again is safe.
    """

    async def load_partition(self, partition: int) -> StoredPartition | None:
        """What an events partition stored last; raises StateError when it cannot be read."""
        ...

    async def write_partition(
        self, checkpoint: PartitionCheckpoint, instances: Collection[InstanceKey] = ()
    ) -> Outcome:
        """Go on from `from_offset` to `to_offset`; never BROKEN, but StateError.

        `instances` are those that were stored up to the same offset just before. A store that does
        not hold them there any more went back in between: SUPERSEDED, and nothing was written.
        """
        ...

    async def load_instance(self, key: InstanceKey) -> StoredInstance | None:
        """State and outbox of one moment; raises InstanceStateError."""
        ...

    async def load_instances(
        self, keys: Sequence[InstanceKey]
    ) -> Mapping[InstanceKey, StoredInstance | InstanceStateError | None]:
        """The same for many, in few round trips. An unreadable one is an answer too."""
        ...

    async def load_windows(self, key: InstanceKey, names: Sequence[str]) -> dict[str, bytes]:
        """Those of the named windows that are stored; raises InstanceStateError."""
        ...

    async def load_all_windows(
        self, wanted: Mapping[InstanceKey, Sequence[str]]
    ) -> Mapping[InstanceKey, dict[str, bytes] | InstanceStateError]:
        """The same for many, in few round trips. An unreadable one is an answer too."""
        ...

    async def window_names(self, key: InstanceKey) -> tuple[str, ...]:
        """The names of all stored windows, sorted; raises InstanceStateError."""
        ...

    async def fetch_entries(
        self, wanted: Mapping[InstanceKey, Sequence[str]]
    ) -> Mapping[InstanceKey, dict[str, bytes]]:
        """What is stored of the join's entries under these ids, per instance, in one round trip.

        Entries of an expired group may be among them: event time says whether a pair may join.
        Raises InstanceStateError.
        """
        ...

    async def write_instances(self, checkpoints: Sequence[InstanceCheckpoint]) -> list[Outcome]:
        """Apply each checkpoint whole or not at all; outcomes in the order given.

        What a checkpoint removes is removed first: a name that it removes and writes is written.
        Raises ValueError for a step that does not go forward.
        """
        ...

    async def trim_outboxes(self, published: Mapping[InstanceKey, Sequence[str]]) -> None:
        """Forget the events that were published, by their ids; unknown ids are ignored.

        Raises InstanceStateError for the first outbox that holds foreign values, once all others
        are trimmed.
        """
        ...

    async def collect_garbage(self, limit: int) -> int:
        """Work through about `limit` ids of expired groups, in small steps; returns how many.

        An entry goes only if it still begins with its group's number. 0: nothing is left to do.
        """
        ...

    async def list_instances(self, stream: str | None = None) -> tuple[InstanceKey, ...]:
        """All instances that ever wrote and were not forgotten, sorted."""
        ...

    async def forget(self, target: str | InstanceKey) -> int:
        """Remove an instance, or every instance of a stream, each at one stroke.

        Returns how many there were.
        """
        ...


class Roster(Protocol):
    """Who runs on this state. Raises UnavailableError as `Checkpoints` does."""

    async def claim_deployment(self, digest: str, *, started_at: int, take_over: bool) -> Claim:
        """Make this digest the current one: the last to claim wins.

        Raises SupersededError when this digest was replaced by another before, unless it is to
        `take_over`.
        """
        ...

    async def current_deployment(self) -> DeploymentRecord | None:
        """Which deployment is the current one; None where none ever claimed, or all is lost."""
        ...

    async def events_partitions(self, count: int) -> int:
        """Fix the events log's partition count; raises StateError if another one was fixed."""
        ...

    async def known_sources(self) -> Collection[SourcePartition]:
        """The source partitions that were ever read, each in the life it had last."""
        ...

    async def know_sources(self, sources: Collection[SourcePartition]) -> None:
        """Remember that these are read from here on."""
        ...

    async def attempts(self) -> Mapping[tuple[str, int], Attempt]:
        """What was noted, by topic and partition, of reading that has not got on."""
        ...

    async def note_attempts(self, attempts: Mapping[tuple[str, int], Attempt]) -> None:
        """Note these, before anything is tried."""
        ...

    async def drop_attempts(self, partitions: Collection[tuple[str, int]]) -> None:
        """Reading of these has got on."""
        ...

    async def announce_worker(
        self, worker: str, facts: Mapping[str, object], ttl: timedelta
    ) -> None:
        """Say that a worker lives and what it does, for `ttl`. `facts` are JSON values."""
        ...

    async def list_workers(self) -> Mapping[str, Mapping[str, object]]:
        """The workers that live, by id, with what each said last."""
        ...


class Store(Checkpoints, Roster, Protocol):
    """All of it."""

    async def close(self) -> None:
        """Let go of connections. What is stored stays."""
        ...
