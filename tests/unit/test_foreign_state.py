"""Detector state of another River, or of other settings: that detector begins anew, loudly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from structlog.testing import capture_logs

from driftline.agents.loading import load_partition
from driftline.detectors.witness_state import WitnessState
from driftline.store.memory import MemoryStore
from support.monitor_log import Log, World, build_deployment, build_stream, fill
from support.monitor_runs import build_monitor

if TYPE_CHECKING:
    from driftline.monitor.state import InstanceCheckpoint

STREAM = build_stream()
DEPLOYMENT = build_deployment(STREAM)
LOG = fill(Log([STREAM]), World(count=600)).messages


async def store_with(change: str, name: str = "witness|score|adwin|") -> MemoryStore:
    """A store with the state of the log, one detector's blob changed."""
    monitor = build_monitor(DEPLOYMENT)
    monitor.apply_all(enumerate(LOG))
    step = monitor.checkpoint()
    store = MemoryStore()
    await store.write_instances([_changed(one, name, change) for one in step.instances])
    await store.write_partition(step.partition)
    return store


def _changed(one: InstanceCheckpoint, name: str, change: str) -> InstanceCheckpoint:
    blob = one.fields[name]
    if change == "garbage":
        return replace(one, fields={**one.fields, name: blob[:-3]})
    state = msgspec.msgpack.decode(blob[1:], type=WitnessState)
    state = msgspec.structs.replace(state, **{change: "another"})
    changed = blob[:1] + msgspec.msgpack.encode(state)
    return replace(one, fields={**one.fields, name: changed})


@pytest.mark.parametrize("change", ["river", "digest"])
async def test_a_foreign_detector_begins_anew_and_the_others_go_on(change: str) -> None:
    """It has seen nothing; whatever else is stored goes on; the log says so."""
    store = await store_with(change)
    with capture_logs() as logs:
        monitor, _ = await load_partition(store, 0, DEPLOYMENT)
    (instance,) = monitor.instances
    (line,) = (line for line in logs if line["event"] == "detector_begun_anew")
    assert (line["instance"], line["signal"]) == (STREAM.name, "score")
    assert "another" in line["reason"]
    seen = {watched.watch.signal: watched.seen for watched in instance._parts.watchers}
    assert seen["score"] == 0
    assert all(count > 0 for signal, count in seen.items() if signal != "score")
    assert monitor.suspended == {}


async def test_it_is_said_too_where_another_declaration_holds_by_now() -> None:
    """As of an instance that was suspended while it was declared."""
    store, declared = await store_with("river"), build_stream(max_instances=2)
    later = build_monitor(build_deployment(declared))
    later.apply_all(enumerate(LOG))
    step, at = later.checkpoint(), len(LOG)
    await store.write_partition(replace(step.partition, from_offset=at, to_offset=at + 1))
    with capture_logs() as logs:
        monitor, _ = await load_partition(store, 0, build_deployment(declared))
    (instance,) = monitor.instances
    assert instance.stream == declared
    assert [line["signal"] for line in logs if line["event"] == "detector_begun_anew"] == ["score"]


async def test_a_detector_that_began_anew_is_stored_with_the_next_rows() -> None:
    """So that whoever takes over next goes on from there."""
    store = await store_with("river")
    monitor, _ = await load_partition(store, 0, DEPLOYMENT)
    more = fill(Log([STREAM]), World(count=700)).messages
    log = [*enumerate(LOG), *enumerate(more[len(LOG) :], len(LOG))]
    monitor.apply_all(log)
    step = monitor.checkpoint()
    if step.instances:
        await store.write_instances(step.instances)
    await store.write_partition(step.partition)
    with capture_logs() as logs:
        await load_partition(store, 0, DEPLOYMENT)
    assert not [line for line in logs if line["event"] == "detector_begun_anew"]


async def test_a_state_that_does_not_decode_suspends() -> None:
    """What was tampered with is not taken for another River's."""
    store = await store_with("garbage")
    with capture_logs() as logs:
        monitor, _ = await load_partition(store, 0, DEPLOYMENT)
    assert [key.name for key in monitor.suspended] == [STREAM.name]
    assert [line["event"] for line in logs] == ["instance_suspended"]
