"""Forgetting a stream or an instance: said in the events log first, then removed from the store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from driftline.app.log_commands import append_to_all
from driftline.app.log_position import WORKER_SECONDS, wait_until_applied
from driftline.app.reading_topics import read_ranges
from driftline.errors import DriftlineError, StateError, UnavailableError
from driftline.eventlog.codec import encode
from driftline.eventlog.routing import events_partition
from driftline.model import InstanceKey
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.eventlog.messages import Command
    from driftline.store.protocol import Store
    from driftline.transport.address import KafkaAddress
    from driftline.transport.batches import TopicPartition

_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be forgotten, and how many instances of it are stored."""

    name: str
    instances: tuple[InstanceKey, ...]

    @property
    def key(self) -> InstanceKey:
        """Its name, taken apart."""
        return InstanceKey.parse(self.name)


async def find_target(deployment: Deployment, store: Store, name: str) -> Target:
    """What a name means: a stream, or one instance as `stream/value`.

    Raises:
        DriftlineError: nothing of that name is stored or declared.
    """
    target = Target(name, ())
    stored = await _stored(store, target)
    if not stored and name not in deployment.streams:
        have = sorted({*deployment.streams, *(one.stream for one in await store.list_instances())})
        msg = f"nothing is stored or declared of {name!r} (streams: {', '.join(have) or 'none'})"
        raise DriftlineError(msg)
    return replace(target, instances=stored)


async def forget(
    deployment: Deployment,
    connections: Connections,
    store: Store,
    target: Target,
    command: Command,
    *,
    patience_seconds: float = WORKER_SECONDS,
) -> int:
    """Append the command to every events partition, and see that what was stored before it goes.

    A worker removes the instances of its partitions when it comes to the command; if its state went
    from under it before, it could not go on. Where no worker lives it is removed here. Returns how
    many instances there were.

    Raises:
        UnavailableError: a server does not answer, or a living worker does not come to the command;
            it stands in the log, and nothing was removed.
    """
    keys = await _stored(store, target)
    topic = deployment.settings.events_topic
    described = await TopicAdmin(connections.kafka).describe([topic])
    if topic not in described:
        await _remove(store, keys, {}, 1)
        return len(keys)
    places = await _append(connections.kafka, described[topic].places, command)
    if await store.list_workers():
        await _wait_for_workers(store, places, patience_seconds)
    # Once more: an instance may have been stored while the command was on its way.
    await _remove(store, {*keys, *await _stored(store, target)}, places, len(places))
    return len(keys)


async def _append(
    address: KafkaAddress, partitions: Collection[TopicPartition], command: Command
) -> dict[int, int]:
    """Append to every partition; the offset that the command got in each."""
    admin, blob = TopicAdmin(address), encode(command)
    before = await admin.bounds(partitions)
    await append_to_all(address, partitions, blob)
    after = await admin.bounds(partitions)
    ranges = {tp: (before[tp][1], after[tp][1]) for tp in partitions}
    places: dict[int, int] = {}
    async for record in read_ranges(address, ranges):
        if record.value == blob:
            places.setdefault(record.partition, record.offset)
    if len(places) < len(partitions):
        msg = "the command was sent, but is not found in the events log: nothing was removed"
        raise UnavailableError(msg)
    return places


async def _wait_for_workers(
    store: Store, places: Mapping[int, int], patience_seconds: float
) -> None:
    ends = {partition: offset + 1 for partition, offset in places.items()}
    try:
        await wait_until_applied(store, ends, patience_seconds)
    except UnavailableError as error:
        msg = f"{error}; nothing was removed: try again"
        raise UnavailableError(msg) from error


async def _stored(store: Store, target: Target) -> tuple[InstanceKey, ...]:
    keys = await store.list_instances(target.key.stream)
    return keys if target.key.value is None else tuple(key for key in keys if key == target.key)


async def _remove(
    store: Store, keys: Collection[InstanceKey], places: Mapping[int, int], count: int
) -> None:
    """Remove those whose state is of before the command; what came after it stays."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        loaded = await store.load_instances(some)
        for key in some:
            found = loaded[key]
            since = places.get(events_partition(key, count))
            newer = (
                since is not None
                and found is not None
                and not isinstance(found, StateError)
                and found.offset > since
            )
            if not newer:
                await store.forget(key)
