"""What the verifier of whole runs holds to be the same, and what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.join.entries import group_mark
from support.monitor_log import LABELS, PREDICTIONS, Log, World, build_deployment, build_stream
from support.monitor_log import records as held
from support.monitor_runs import build_monitor, each, run_stored
from support.verifier import compare_instance

if TYPE_CHECKING:
    from driftline.eventlog.messages import Message
    from driftline.monitor.state import InstanceCheckpoint
    from driftline.store.memory import MemoryStore

STREAM = build_stream(horizon="5m")
DEPLOYMENT = build_deployment(STREAM)


def labels_first() -> list[Message]:
    """The log of readers that came to the predictions when they had read all labels.

    What was told of the labels then has no say until their reader is heard again: time goes on at
    one stroke.
    """
    log, world = Log([STREAM]), World()
    labels, predictions = held(world.labels), held(world.predictions)
    for topic, values in ((LABELS, labels), (PREDICTIONS, predictions)):
        for begin in range(0, len(values), 100):
            log.read(topic, values, begin, min(begin + 100, len(values)))
    log.read(LABELS, labels, len(labels), len(labels))
    return log.messages


LOG = labels_first()


@pytest.fixture
async def store() -> MemoryStore:
    """What a run leaves that stored often, crashed, published, and cleared what had expired."""
    run = await run_stored(DEPLOYMENT, LOG, checkpoints=each(len(LOG), 3), crashes=[8, 29])
    keys = await run.store.list_instances()
    await run.store.trim_outboxes({key: list(run.events) for key in keys})
    return run.store


@pytest.fixture
def ours() -> InstanceCheckpoint:
    """What an undisturbed run would store of the one instance, at the end and never before."""
    monitor = build_monitor(DEPLOYMENT)
    monitor.apply_all(enumerate(LOG))
    (checkpoint,) = monitor.checkpoint().instances
    return checkpoint


def dead_and_living(ours: InstanceCheckpoint) -> tuple[list[str], list[str]]:
    """The ids whose entries have expired, and the others."""
    over = {number.to_bytes(4, "little") for number in ours.groups_removed}
    dead = [id_ for id_, entry in ours.entries.items() if group_mark(entry) in over]
    return dead, [id_ for id_ in ours.entries if id_ not in dead]


async def test_what_has_expired_may_be_gone_from_the_store_or_not_yet(
    store: MemoryStore, ours: InstanceCheckpoint
) -> None:
    """It is of no account, and when it goes depends on how often was stored."""
    dead, living = dead_and_living(ours)
    found = (await store.fetch_entries({ours.instance: [*dead, *living]}))[ours.instance]
    assert dead
    assert found.keys() == set(living)
    await compare_instance(store, ours)


@pytest.mark.parametrize("way", ["another", "gone", "back from the dead"])
async def test_an_entry_that_the_log_does_not_come_to_is_found(
    store: MemoryStore, ours: InstanceCheckpoint, way: str
) -> None:
    """One that differs, one that is gone, and one that has expired and stands as if it had not."""
    dead, living = dead_and_living(ours)
    stored = store._instances[ours.instance].entries
    if way == "gone":
        del stored[living[0]]
    elif way == "another":
        stored[living[0]] += b"\0"
    else:
        stored[dead[0]] = stored[living[0]]
    with pytest.raises(AssertionError, match="entries"):
        await compare_instance(store, ours)
