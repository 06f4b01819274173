"""State that a former version has stored is gone on from, as if nothing had happened."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path
from typing import Any

import msgspec

from driftline.model import InstanceKey
from driftline.monitor.state import InstanceCheckpoint, PartitionCheckpoint
from driftline.store.memory import MemoryStore
from support.monitor_log import Log, World, build_deployment, build_stream, fill
from support.monitor_runs import run_stored

STREAM = build_stream()
FILE = Path(__file__).parents[1] / "data" / "state_format_1.msgpack.zlib"
"""What two thirds of the made-up log left behind, before silence, troubles and holds were known."""


def former() -> dict[str, Any]:
    """The stored state."""
    found: dict[str, Any] = msgspec.msgpack.decode(zlib.decompress(FILE.read_bytes()), strict=False)
    return found


async def stored(state: dict[str, Any]) -> MemoryStore:
    """A store that holds it."""
    store = MemoryStore()
    instance, partition = state["instance"], state["partition"]
    await store.write_instances(
        [
            InstanceCheckpoint(
                instance=InstanceKey("churn"),
                from_offset=None,
                to_offset=instance["offset"],
                fields=instance["fields"],
                windows=state["windows"],
                entries=state["entries"],
                groups=state["groups"],
            )
        ]
    )
    await store.write_partition(
        PartitionCheckpoint(0, None, partition["offset"], partition["blob"])
    )
    return store


def test_a_run_goes_on_from_what_the_former_version_stored() -> None:
    """The same alarms and alerts, with the same ids and revisions, as without an upgrade."""
    state = former()
    log = fill(Log([STREAM]), World()).messages
    deployment = build_deployment(STREAM)
    whole = asyncio.run(run_stored(deployment, log))
    store = asyncio.run(stored(state))
    after = asyncio.run(run_stored(deployment, log, store=store))
    assert not after.monitor.suspended
    late = {offset: alarms for offset, alarms in whole.alarms.items() if offset >= state["cut"]}
    assert after.alarms == late
    assert {*state["firing"], *after.events} == {*whole.events}
    again = asyncio.run(run_stored(deployment, log, store=after.store))
    assert not again.monitor.suspended
