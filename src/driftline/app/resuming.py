"""Resuming suspended instances: said in the events log, done by their owner when it comes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.app.log_commands import append_to_all
from driftline.app.log_position import WORKER_SECONDS, wait_until_applied
from driftline.errors import DriftlineError
from driftline.eventlog.codec import encode
from driftline.model import InstanceKey
from driftline.monitor.partition import names
from driftline.monitor.partition_state import PartitionState
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.eventlog.messages import Command
    from driftline.store.protocol import Store


async def resume(
    deployment: Deployment,
    connections: Connections,
    store: Store,
    command: Command,
    *,
    patience_seconds: float = WORKER_SECONDS,
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Append the command, and wait until a living worker has come to it.

    Returns the instances that go on, and those that are suspended still or again; each with the
    reason. Where no worker lives all go on once one does.

    Raises:
        DriftlineError: nothing that the command names is suspended.
        UnavailableError: a server does not answer, or a living worker does not come to the command.
    """
    topic = deployment.settings.events_topic
    described = await TopicAdmin(connections.kafka).describe([topic])
    count = described[topic].partitions if topic in described else 0
    before = await _suspended(store, count, command)
    if not before:
        msg = f"nothing is suspended of {command.stream or command.instance!r}"
        raise DriftlineError(msg)
    partitions = described[topic].places
    await append_to_all(connections.kafka, partitions, encode(command))
    bounds = await TopicAdmin(connections.kafka).bounds(partitions)
    ends = {tp.partition: end for tp, (_, end) in bounds.items()}
    if not await wait_until_applied(store, ends, patience_seconds):
        return before, {}
    left = await _suspended(store, count, command)
    return {name: why for name, why in before.items() if name not in left}, left


async def _suspended(store: Store, count: int, command: Command) -> dict[str, str]:
    found: dict[str, str] = {}
    for partition in range(count):
        stored = await store.load_partition(partition)
        if stored is not None:
            found |= PartitionState.decode(stored.blob).suspended
    return {name: why for name, why in found.items() if names(command, InstanceKey.parse(name))}
