"""The independent verifier: what the events log comes to, computed anew, against what is stored.

It reads the whole events log of a deployment, applies it to monitors in which nothing was ever
stored, stopped or loaded, and compares: the books and clocks, every stored part of every instance,
windows and waiting entries byte by byte; the alerts topic event by event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftline.alerts.event import read_event
from driftline.eventlog.codec import decode
from driftline.join.entries import group_mark
from driftline.monitor.partition import PartitionMonitor

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from driftline.config.deployment import Deployment
    from driftline.model import Alarm, InstanceKey
    from driftline.monitor.state import InstanceCheckpoint, Outgoing
    from driftline.store.protocol import Store
    from support.pipeline import Pipeline, Received


@dataclass
class Verified:
    """What the log comes to."""

    alarms: list[tuple[InstanceKey, Alarm]] = field(default_factory=list)
    """All of them, by events partition, in the log's order."""
    events: dict[str, Outgoing] = field(default_factory=dict)
    """The alert events, by id."""
    monitors: list[PartitionMonitor] = field(default_factory=list)


async def verify(pipeline: Pipeline, deployment: Deployment) -> Verified:
    """Compute everything from the log, and see that it is what is stored and published.

    `deployment` is the one that was declared first. All workers have to have stopped.
    """
    log: dict[int, list[Received]] = {}
    for record in pipeline.read(deployment.settings.events_topic):
        log.setdefault(record.partition, []).append(record)
    verified = Verified()
    async with pipeline.store() as store:
        for partition, records in sorted(log.items()):
            await _verify_partition(deployment, store, partition, records, verified)
    _compare_alerts(pipeline, deployment, verified)
    return verified


async def _verify_partition(
    deployment: Deployment,
    store: Store,
    partition: int,
    records: list[Received],
    verified: Verified,
) -> None:
    monitor = PartitionMonitor(
        partition,
        deployment.streams.values(),
        deployment=deployment.settings.name,
        digest=deployment.digest,
    )
    verified.monitors.append(monitor)
    for record in records:
        effects = monitor.apply(record.offset, decode(record.value or b""), {})
        verified.alarms += effects.alarms
        for event in effects.events:
            assert event.id not in verified.events, f"the id {event.id} is not unique"
            verified.events[event.id] = event
    step = monitor.checkpoint()
    stored = await store.load_partition(partition)
    assert stored is not None
    assert stored.offset == records[-1].offset + 1, "the log is not fully applied"
    assert stored.blob == step.partition.blob, f"books and clocks of partition {partition}"
    for checkpoint in step.instances:
        await compare_instance(store, checkpoint)


async def compare_instance(
    store: Store,
    ours: InstanceCheckpoint,
    *,
    leave_out: Collection[str] = (),
    published: Collection[str] = (),
) -> None:
    """Fail unless every part of an instance is stored byte for byte, and its outbox is empty.

    What was `published` may be in it: a Redis that was killed may have lost that it was trimmed.
    """
    key = ours.instance
    stored = await store.load_instance(key)
    assert stored is not None, f"nothing is stored of {key.name}"
    left = [event.id for event in stored.outbox if event.id not in published]
    assert not left, f"{len(left)} alerts of {key.name} were not published"
    _compare(f"{key.name}: fields", ours.fields, stored.fields, leave_out)
    names = await store.window_names(key)
    _compare(f"{key.name}: windows", ours.windows, await store.load_windows(key, names))
    entries = await store.fetch_entries({key: list(ours.entries)})
    _compare(f"{key.name}: entries", *_living(ours, entries[key]))


def _living(
    ours: InstanceCheckpoint, stored: Mapping[str, bytes]
) -> tuple[Mapping[str, bytes], Mapping[str, bytes]]:
    """The entries of both that have not expired.

    When the others go depends on when was stored and collected; they must not look alive.
    """
    over = {number.to_bytes(4, "little") for number in ours.groups_removed}
    living = [
        {id_: entry for id_, entry in entries.items() if group_mark(entry) not in over}
        for entries in (ours.entries, stored)
    ]
    return living[0], living[1]


def _compare(
    what: str,
    ours: Mapping[str, bytes],
    stored: Mapping[str, bytes],
    leave_out: Collection[str] = (),
) -> None:
    names = (ours.keys() | stored.keys()) - set(leave_out)
    differ = sorted(name for name in names if ours.get(name) != stored.get(name))
    assert not differ, f"{what}: {len(differ)} of {len(names)} differ, such as {differ[:5]}"


def _compare_alerts(pipeline: Pipeline, deployment: Deployment, verified: Verified) -> None:
    """Each event was published, perhaps repeatedly, always the same, first ones in order.

    What workers say of their own health is not of the log: it depends on when they looked.
    """
    published: dict[str, bytes | None] = {}
    for record in pipeline.read(deployment.settings.alerts_topic):
        if read_event(record.value or b"").data.kind == "health":
            continue
        id_ = dict(record.headers)["ce_id"].decode()
        value = published.setdefault(id_, record.value)
        assert value == record.value, f"two different events have the id {id_}"
        assert record.key == id_.rpartition(".")[0].encode()
    assert published.keys() == verified.events.keys()
    for id_, event in verified.events.items():
        assert published[id_] == event.value, f"the event {id_} is another one"
