"""From the store to a monitor: an events partition with all its instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from driftline.errors import StateError
from driftline.eventlog.routing import events_partition
from driftline.monitor.head import Head
from driftline.monitor.partition import PartitionMonitor
from driftline.monitor.state import StoredInstance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.config.deployment import Deployment
    from driftline.model import InstanceKey
    from driftline.monitor.state import Outgoing
    from driftline.store.protocol import Store

log = structlog.get_logger(__name__)

INSTANCES_AT_ONCE: Final = 100
"""So many instances' windows are in memory before they are taken over."""


async def load_partition(
    store: Store, partition: int, deployment: Deployment
) -> tuple[PartitionMonitor, Mapping[InstanceKey, Sequence[Outgoing]]]:
    """The monitor of an events partition as it was stored, and what it had still to publish.

    An instance whose state cannot be read is suspended: the others go on without it.

    Raises:
        StateError: the partition's own state cannot be read.
        UnavailableError: the store does not answer.
    """
    monitor = PartitionMonitor(
        partition,
        deployment.streams.values(),
        deployment=deployment.settings.name,
        digest=deployment.digest,
    )
    stored = await store.load_partition(partition)
    if stored is not None:
        monitor.restore(stored)
    ours = await stored_instances(store, partition, deployment)
    outbox: dict[InstanceKey, Sequence[Outgoing]] = {}
    wanted: dict[InstanceKey, Sequence[str]] = {}
    for key, found in (await store.load_instances(ours)).items():
        # What is suspended, or was taken out of the deployment, may still have had alerts to tell.
        if isinstance(found, StoredInstance) and found.outbox:
            outbox[key] = found.outbox
        if key.stream not in monitor.streams or key in monitor.suspended:
            continue
        if isinstance(found, StateError):
            _suspend(monitor, key, found)
        elif found is not None:
            _adopt(monitor, key, found, wanted)
    await _adopt_windows(monitor, store, wanted)
    for instance in monitor.instances:
        for signal, reason in instance.begun_anew:
            log.warning(
                "detector_begun_anew", instance=instance.key.name, signal=signal, reason=reason
            )
    return monitor, outbox


async def stored_instances(
    store: Store, partition: int, deployment: Deployment
) -> list[InstanceKey]:
    """The instances of an events partition of which anything is stored."""
    count = deployment.settings.topics.events_partitions
    return [
        key for key in await store.list_instances() if events_partition(key, count) == partition
    ]


async def stored_rows(store: Store, key: InstanceKey) -> int:
    """The rows in the books of an instance as it is stored; 0 where they cannot be read."""
    try:
        stored = await store.load_instance(key)
        return Head.decode(stored.fields["head"]).rows if stored is not None else 0
    except (StateError, KeyError):
        return 0


def _adopt(
    monitor: PartitionMonitor,
    key: InstanceKey,
    stored: StoredInstance,
    wanted: dict[InstanceKey, Sequence[str]],
) -> None:
    try:
        wanted[key] = monitor.adopt(key, stored)
    except StateError as error:
        _suspend(monitor, key, error)


async def _adopt_windows(
    monitor: PartitionMonitor, store: Store, wanted: Mapping[InstanceKey, Sequence[str]]
) -> None:
    """Load the open windows of many instances at a time: a round trip for each took as long."""
    left = list(wanted.items())
    while left:
        some, left = left[:INSTANCES_AT_ONCE], left[INSTANCES_AT_ONCE:]
        for key, blobs in (await store.load_all_windows(dict(some))).items():
            if isinstance(blobs, StateError):
                _suspend(monitor, key, blobs)
                continue
            try:
                monitor.adopt_windows(key, blobs)
            except StateError as error:
                _suspend(monitor, key, error)


def _suspend(monitor: PartitionMonitor, key: InstanceKey, error: StateError) -> None:
    log.error("instance_suspended", instance=key.name, reason=str(error))
    monitor.suspend(key, str(error))
