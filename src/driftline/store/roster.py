"""What Redis keeps of the deployment itself: who runs it, and where its partitions stand."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.errors import StateError
from driftline.model import SourcePartition
from driftline.monitor.state import StoredPartition
from driftline.store import scripts
from driftline.store.client import call
from driftline.store.guard import check_partitions, check_step, superseded
from driftline.store.protocol import Attempt, Claim, DeploymentRecord, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
    from datetime import timedelta

    from driftline.model import InstanceKey
    from driftline.monitor.state import PartitionCheckpoint
    from driftline.store.client import Client
    from driftline.store.keys import Keys

FORMAT: Final = 1
"""The version of everything this package writes."""
CONVERSIONS: Final[Mapping[int, Callable[[Client, Keys], Awaitable[None]]]] = {}
"""From each older format to the next; a conversion may be cut off and has to bear repetition."""


class Deployments:
    """Reads and writes of the deployment's own keys."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def load_partition(self, partition: int) -> StoredPartition | None:
        """What an events partition stored last."""
        key = self._keys.partition(partition)
        (answer,) = await self._client.run([("HMGET", key, "offset", "blob")])
        if isinstance(answer, Exception):
            raise _broken_partition(partition, str(answer)) from answer
        offset, blob = answer
        if offset is None and blob is None:
            return None
        if offset is None or blob is None or not offset.isdigit():
            raise _broken_partition(partition, f"offset is {offset!r}")
        return StoredPartition(int(offset), blob)

    async def write_partition(
        self, step: PartitionCheckpoint, instances: Collection[InstanceKey]
    ) -> Outcome:
        """Go on from one offset to another, where these instances have got to it."""
        check_step(step.from_offset, step.to_offset)
        start = "" if step.from_offset is None else step.from_offset
        keys, names = [self._keys.partition(step.partition), self._keys.streams], []
        for one in instances:
            keys += [self._keys.of(one, "state"), self._keys.instances(one.stream)]
            names += [one.stream, one.name]
        answer = await self._client.one(
            *call(scripts.PARTITION, keys, start, step.to_offset, step.blob, *names)
        )
        status, _, reason = answer.decode().partition(" ")
        if status == Outcome.BROKEN:
            raise _broken_partition(step.partition, reason)
        return Outcome(status)

    async def claim(self, digest: str, *, started_at: int, take_over: bool) -> Claim:
        """Make a deployment the current one."""
        keys = [self._keys.deployment, self._keys.superseded, self._keys.format]
        happened, replaced = await self._client.one(
            *call(scripts.CLAIM, keys, digest, started_at, int(take_over), uuid.uuid4().hex, FORMAT)
        )
        if happened == b"superseded":
            raise superseded(digest)
        record = await self.current()
        if record is None or record.digest != digest:
            # Somebody else claimed it between the two calls, or all was lost.
            raise superseded(digest)
        return Claim(record, replaced.decode() or None, first=happened == b"first")

    async def current(self) -> DeploymentRecord | None:
        """Which deployment is the current one."""
        digest, started_at, life = await self._client.one(
            "HMGET", self._keys.deployment, "digest", "started_at", "life"
        )
        if digest is None:
            return None
        if started_at is None or life is None:
            msg = "the deployment's record in redis is not whole"
            raise StateError(msg)
        return DeploymentRecord(digest.decode(), int(started_at), life.decode())

    async def events_partitions(self, count: int) -> int:
        """Fix the events log's partition count."""
        key = self._keys.events_partitions
        await self._client.one("SET", key, count, "NX")
        return check_partitions(int(await self._client.one("GET", key)), count)

    async def known_sources(self) -> tuple[SourcePartition, ...]:
        """The source partitions that were ever read."""
        stored = await self._client.one("HGETALL", self._keys.sources)
        found = []
        for name, incarnation in _pairs(stored):
            partition, _, topic = name.decode().partition("|")
            found.append(SourcePartition(topic, int(partition), incarnation.decode()))
        return tuple(found)

    async def know_sources(self, sources: Collection[SourcePartition]) -> None:
        """Remember that these are read from here on."""
        if sources:
            pairs = [(f"{one.partition}|{one.topic}", one.incarnation) for one in sources]
            flat = [text for pair in pairs for text in pair]
            await self._client.one("HSET", self._keys.sources, *flat)

    async def attempts(self) -> dict[tuple[str, int], Attempt]:
        """Reading that has not got on."""
        found = {}
        for name, blob in _pairs(await self._client.one("HGETALL", self._keys.attempts)):
            partition, _, topic = name.decode().partition("|")
            found[topic, int(partition)] = msgspec.json.decode(blob, type=Attempt)
        return found

    async def note_attempts(self, attempts: Mapping[tuple[str, int], Attempt]) -> None:
        """Note reading before it is tried."""
        if attempts:
            flat: list[str | bytes] = []
            for (topic, partition), one in attempts.items():
                flat += (f"{partition}|{topic}", msgspec.json.encode(one))
            await self._client.one("HSET", self._keys.attempts, *flat)

    async def drop_attempts(self, partitions: Collection[tuple[str, int]]) -> None:
        """Reading of these has got on."""
        if partitions:
            names = [f"{partition}|{topic}" for topic, partition in partitions]
            await self._client.one("HDEL", self._keys.attempts, *names)

    async def check_format(self) -> None:
        """Raise StateError if what is stored was written by a newer driftline; convert older."""
        stored = await self._client.one("GET", self._keys.format)
        if stored is None:
            return
        if not stored.isdigit() or int(stored) < 1:
            found = stored.decode(errors="replace")
            msg = f"the state in redis has format {found!r}: not driftline's"
            raise StateError(msg)
        if int(stored) > FORMAT:
            msg = (
                f"the state in redis has format {int(stored)}, written by a newer driftline; "
                f"this one reads up to {FORMAT}: upgrade it"
            )
            raise StateError(msg)
        await self._convert(int(stored))

    async def _convert(self, stored: int) -> None:
        """Bring older state to this format, step by step; each says where it arrived."""
        for version in range(stored, FORMAT):
            await CONVERSIONS[version](self._client, self._keys)
            await self._client.one("SET", self._keys.format, version + 1)

    async def announce(self, worker: str, facts: Mapping[str, object], ttl: timedelta) -> None:
        """Say that a worker lives."""
        milliseconds = max(1, round(ttl.total_seconds() * 1000))
        blob = msgspec.json.encode((worker, facts))
        beat = ("SET", self._keys.worker(worker), blob, "PX", milliseconds)
        await self._client.all([("SADD", self._keys.workers, worker), beat])

    async def workers(self) -> dict[str, Mapping[str, object]]:
        """The workers that live."""
        members = await self._client.one("SMEMBERS", self._keys.workers)
        names = sorted(name.decode() for name in members)
        said = await self._client.all([("GET", self._keys.worker(name)) for name in names])
        gone = [name for name, blob in zip(names, said, strict=True) if blob is None]
        if gone:
            await self._client.one("SREM", self._keys.workers, *gone)
        return dict(msgspec.json.decode(blob) for blob in said if blob is not None)


def _pairs(stored: Mapping[bytes, bytes] | Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
    """A hash as the client gives it: a mapping, or names and values in turn."""
    if isinstance(stored, Mapping):
        return stored.items()
    return zip(stored[::2], stored[1::2], strict=True)


def _broken_partition(partition: int, reason: str) -> StateError:
    return StateError(f"stored state of events partition {partition}: {reason}")
