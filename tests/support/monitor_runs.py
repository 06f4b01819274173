"""Runs of an events partition over a log: undisturbed, or stopped, trimmed and loaded anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from driftline.agents.gauges import Gauges
from driftline.agents.loading import load_partition
from driftline.agents.partition import KEEP_ENTRIES, PartitionWork
from driftline.agents.turn import Turn
from driftline.app.status.books import build_balance, build_sources
from driftline.join.entries import decode_entry
from driftline.metrics import Metrics
from driftline.monitor.partition import PartitionMonitor
from driftline.store.memory import MemoryStore
from support.memory_producer import MemoryProducer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from driftline.config.deployment import Deployment
    from driftline.eventlog.messages import Message
    from driftline.model import Alarm, InstanceKey
    from driftline.monitor.head import Head
    from driftline.monitor.state import Outgoing
    from driftline.store.protocol import Store


def build_monitor(deployment: Deployment) -> PartitionMonitor:
    """A monitor in which nothing has happened."""
    return PartitionMonitor(
        0,
        deployment.streams.values(),
        deployment=deployment.settings.name,
        digest=deployment.digest,
    )


def build_work(
    monitor: PartitionMonitor,
    deployment: Deployment,
    *,
    store: Store,
    producer: MemoryProducer | None = None,
    gauges: Gauges | None = None,
    keep_entries: int = KEEP_ENTRIES,
) -> PartitionWork:
    """Its work, as the role would begin it."""
    return PartitionWork(
        monitor,
        deployment,
        store=store,
        producer=producer or MemoryProducer(),
        gauges=gauges or Gauges(Metrics()),
        turn=Turn(),
        keep_entries=keep_entries,
    )


def difference(monitor: PartitionMonitor, stream: str, stored: Sequence[Head] = ()) -> int:
    """By how much a stream's books do not balance; `stored` are instances that are suspended."""
    states = [monitor.stream_state(stream)]
    books = [one.row_books for one in monitor.instances if one.key.stream == stream]
    books += [one.sources for one in stored]
    return build_balance(build_sources(states, books), states, log_read=True).difference


@dataclass
class Run:
    """What a run brought about; alarms and events once each, however often they came."""

    store: MemoryStore
    monitor: PartitionMonitor
    alarms: dict[int, list[tuple[InstanceKey, Alarm]]] = field(default_factory=dict)
    """By the message's offset."""
    events: dict[str, Outgoing] = field(default_factory=dict)

    def alarms_of(self, instance: str | None = None) -> dict[tuple[str, ...], list[int]]:
        """How many values each detector had been given at its alarms."""
        found: dict[tuple[str, ...], list[int]] = {}
        for offset in sorted(self.alarms):
            for key, alarm in self.alarms[offset]:
                if instance in {None, key.name}:
                    detector = (key.name, alarm.signal, alarm.indicator, alarm.profile)
                    found.setdefault(detector, []).append(alarm.values_seen)
        return found


async def run_stored(
    deployment: Deployment,
    messages: Sequence[Message],
    *,
    checkpoints: Collection[int] = (),
    crashes: Collection[int] = (),
    half_writes: Collection[int] = (),
    trims: Collection[int] = (),
    store: MemoryStore | None = None,
) -> Run:
    """Apply a log. The numbers are offsets, before whose message something happens, once each.

    Args:
        deployment: what is declared at the beginning.
        messages: the log.
        checkpoints: all that changed is stored.
        crashes: the memory is gone, and what was stored is loaded.
        half_writes: a crash after the instances were stored and before their partition was.
        trims: nothing stays in the join's memory that is stored.
        store: one in which something is stored already.
    """
    store = store or MemoryStore()
    monitor, _ = await load_partition(store, 0, deployment)
    run = Run(store, monitor)
    disturbed: set[int] = set()
    at = monitor.offset
    while at < len(messages):
        if at not in disturbed:
            disturbed.add(at)
            if (at in checkpoints or at in half_writes) and monitor.offset != monitor.stored_offset:
                step = monitor.checkpoint()
                await store.write_instances(step.instances)
                if at in checkpoints:
                    await store.write_partition(step.partition)
                monitor.settle()
            if at in crashes or at in half_writes:
                monitor, _ = await load_partition(store, 0, deployment)
                at = monitor.offset
                continue
            if at in trims:
                monitor.trim(0, least=0)
        wanted = monitor.unknown_ids([messages[at]])
        found = await store.fetch_entries(wanted)
        effects = monitor.apply(at, messages[at], found)
        # What an instance has behind it brings about nothing when the log is read again.
        seen = run.alarms.setdefault(at, [])
        seen += [one for one in effects.alarms if one not in seen]
        for event in effects.events:
            assert run.events.setdefault(event.id, event) == event, "an id with two contents"
        at += 1
        if monitor.needs_reload:
            await _store_all(store, monitor)
            monitor, _ = await load_partition(store, 0, deployment)
    run.monitor = monitor
    await _store_all(store, monitor)
    while await store.collect_garbage(10_000):
        pass
    return run


async def _store_all(store: MemoryStore, monitor: PartitionMonitor) -> None:
    if monitor.offset != (monitor.stored_offset or 0):
        step = monitor.checkpoint()
        await store.write_instances(step.instances)
        await store.write_partition(step.partition)
        monitor.settle()


async def stored_state(store: MemoryStore, *, summary: bool = False) -> Mapping[str, Any]:
    """All that is stored of instances, as plain values; the summary for people apart."""
    state: dict[str, Any] = {}
    for key in await store.list_instances():
        stored = await store.load_instance(key)
        assert stored is not None
        windows = await store.load_windows(key, await store.window_names(key))
        fields = {
            name: blob for name, blob in stored.fields.items() if summary or name != "summary"
        }
        state[key.name] = {"fields": fields, "windows": windows, "entries": entries_of(store, key)}
    partition = await store.load_partition(0)
    assert partition is not None
    state[""] = partition.blob
    return state


def entries_of(store: MemoryStore, key: InstanceKey) -> dict[str, Any]:
    """The join's entries as they are stored."""
    return {id_: decode_entry(blob) for id_, blob in store._instances[key].entries.items()}


def differing(one: Any, other: Any, *, path: str = "") -> list[str]:
    """Where two nested states differ: short enough to read in a failing test."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            where
            for name in sorted(one.keys() | other.keys())
            for where in differing(one.get(name), other.get(name), path=f"{path}/{name}")
        ]
    return [] if one == other else [path]


def each(count: int, step: int) -> range:
    """Every so many offsets."""
    return range(step, count, step)
