"""The store in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.store.client import Client, Patience
from driftline.store.housekeeping import Housekeeping
from driftline.store.instances import Instances
from driftline.store.keys import Keys
from driftline.store.protocol import InstanceStateError
from driftline.store.roster import Deployments

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    from redis.asyncio import Redis

    from driftline.model import InstanceKey, SourcePartition
    from driftline.monitor.state import (
        InstanceCheckpoint,
        PartitionCheckpoint,
        StoredInstance,
        StoredPartition,
    )
    from driftline.store.protocol import Attempt, Claim, DeploymentRecord, Outcome


class RedisStore:
    """A `Store` in Redis 6.2 or later. Owns the client that it is given.

    The client must not retry by itself (see `connect`), answer with bytes, and time out.
    """

    def __init__(
        self, redis: Redis, deployment: str, *, where: str, patience: Patience | None = None
    ) -> None:
        self._client = Client(redis, where=where, patience=patience or Patience())
        keys = Keys(deployment)
        self._housekeeping = Housekeeping(self._client, keys)
        self._instances = Instances(self._client, keys, self._housekeeping)
        self._deployments = Deployments(self._client, keys)
        self.findings: tuple[str, ...] = ()
        """What about the server endangers the state, as sentences; `connect` fills it in."""

    @property
    def retries(self) -> int:
        """How often something had to be sent again, so far."""
        return self._client.retries

    async def load_partition(self, partition: int) -> StoredPartition | None:
        """See `Checkpoints`."""
        return await self._deployments.load_partition(partition)

    async def write_partition(
        self, checkpoint: PartitionCheckpoint, instances: Collection[InstanceKey] = ()
    ) -> Outcome:
        """See `Checkpoints`."""
        return await self._deployments.write_partition(checkpoint, instances)

    async def load_instance(self, key: InstanceKey) -> StoredInstance | None:
        """See `Checkpoints`."""
        loaded = (await self._instances.load([key]))[key]
        if isinstance(loaded, InstanceStateError):
            raise loaded
        return loaded

    async def load_instances(
        self, keys: Sequence[InstanceKey]
    ) -> Mapping[InstanceKey, StoredInstance | InstanceStateError | None]:
        """See `Checkpoints`."""
        return await self._instances.load(keys)

    async def load_windows(self, key: InstanceKey, names: Sequence[str]) -> dict[str, bytes]:
        """See `Checkpoints`."""
        return (await self._instances.fetch("windows", {key: names}))[key]

    async def load_all_windows(
        self, wanted: Mapping[InstanceKey, Sequence[str]]
    ) -> Mapping[InstanceKey, dict[str, bytes] | InstanceStateError]:
        """See `Checkpoints`."""
        return await self._instances.fetch_each("windows", wanted)

    async def window_names(self, key: InstanceKey) -> tuple[str, ...]:
        """See `Checkpoints`."""
        return await self._instances.window_names(key)

    async def fetch_entries(
        self, wanted: Mapping[InstanceKey, Sequence[str]]
    ) -> Mapping[InstanceKey, dict[str, bytes]]:
        """See `Checkpoints`."""
        return await self._instances.fetch("entries", wanted)

    async def write_instances(self, checkpoints: Sequence[InstanceCheckpoint]) -> list[Outcome]:
        """See `Checkpoints`."""
        return await self._instances.write(checkpoints)

    async def trim_outboxes(self, published: Mapping[InstanceKey, Sequence[str]]) -> None:
        """See `Checkpoints`."""
        await self._housekeeping.trim_outboxes(published)

    async def collect_garbage(self, limit: int) -> int:
        """See `Checkpoints`."""
        return await self._housekeeping.collect(limit)

    async def list_instances(self, stream: str | None = None) -> tuple[InstanceKey, ...]:
        """See `Checkpoints`."""
        return await self._housekeeping.list_instances(stream)

    async def forget(self, target: str | InstanceKey) -> int:
        """See `Checkpoints`."""
        found = await self.list_instances(target) if isinstance(target, str) else (target,)
        return await self._housekeeping.forget(found)

    async def claim_deployment(self, digest: str, *, started_at: int, take_over: bool) -> Claim:
        """See `Roster`."""
        return await self._deployments.claim(digest, started_at=started_at, take_over=take_over)

    async def current_deployment(self) -> DeploymentRecord | None:
        """See `Roster`."""
        return await self._deployments.current()

    async def events_partitions(self, count: int) -> int:
        """See `Roster`."""
        return await self._deployments.events_partitions(count)

    async def known_sources(self) -> Collection[SourcePartition]:
        """See `Roster`."""
        return await self._deployments.known_sources()

    async def know_sources(self, sources: Collection[SourcePartition]) -> None:
        """See `Roster`."""
        await self._deployments.know_sources(sources)

    async def attempts(self) -> Mapping[tuple[str, int], Attempt]:
        """See `Roster`."""
        return await self._deployments.attempts()

    async def note_attempts(self, attempts: Mapping[tuple[str, int], Attempt]) -> None:
        """See `Roster`."""
        await self._deployments.note_attempts(attempts)

    async def drop_attempts(self, partitions: Collection[tuple[str, int]]) -> None:
        """See `Roster`."""
        await self._deployments.drop_attempts(partitions)

    async def announce_worker(
        self, worker: str, facts: Mapping[str, object], ttl: timedelta
    ) -> None:
        """See `Roster`."""
        await self._deployments.announce(worker, facts, ttl)

    async def list_workers(self) -> Mapping[str, Mapping[str, object]]:
        """See `Roster`."""
        return await self._deployments.workers()

    async def check_format(self) -> None:
        """Raise StateError if what is stored is of a version that cannot be read."""
        await self._deployments.check_format()

    async def close(self) -> None:
        """See `Store`."""
        await self._client.close()
