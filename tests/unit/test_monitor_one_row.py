"""A row taken without columns leaves behind what it leaves as columns of one, to the last byte."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftline.eventlog.messages import Progress, Rows
from driftline.model import InstanceKey
from driftline.monitor.instance import Instance
from driftline.monitor.row_table import RowTable, rows_by_instance
from driftline.monitor.stream import StreamMonitor
from support.monitor_log import WATCH, Log, World, build_stream, fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.config.deployment import Stream
    from driftline.monitor.state import InstanceCheckpoint

PLAIN = {signal: watch for signal, watch in WATCH.items() if signal != "feature.country"}
STREAMS = {
    "as usual": build_stream(watch=PLAIN),
    "in groups that expire": build_stream(watch=PLAIN, horizon="150s", max_waiting=90),
    "held": build_stream(watch=PLAIN | {"score": {"detector": "adwin", "hold": "20s"}}),
    "silence told": build_stream(watch=PLAIN, silence={"predictions": "20s", "labels": "30s"}),
    "without labels": build_stream(watch={"feature.amount": {"detector": "adwin"}}, horizon=None),
    "with categories": build_stream(),
    "with loss": build_stream(watch=PLAIN | {"loss": {"detector": "adwin"}}),
}


def build_world(seed: int) -> World:
    """Rows twice, corrected, out of order, silent for a while; a wild value, and one that lacks."""
    chance = random.Random(seed)
    world = World(count=1_200, seed=seed)
    del world.predictions[400:450]
    for prediction in world.predictions:
        if chance.random() < 0.01:
            prediction["amount"] = 1e120
    for column in (world.predictions, world.labels):
        for one in list(column):
            if chance.random() < 0.05:
                column.insert(chance.randrange(len(column)), dict(one))
    for label in world.labels:
        if chance.random() < 0.02:
            label["truth"] = 1 - label["truth"]
    return world


def by_columns(instance: Instance, message: Rows) -> list[Any]:
    """Apply a message as messages of one row; the ids and contents of its events."""
    rows = [message.take(np.array([row])) for row in range(len(message))]
    return [(one.id, one.value) for row in rows for one in instance.on_rows(row, {}).events]


def one_by_one(instance: Instance, message: Rows) -> list[Any]:
    """The same, without columns."""
    table = RowTable(message)
    came = [instance.on_row(table, row, {}) for row in range(len(message))]
    return [(one.id, one.value) for effects in came if effects for one in effects.events]


def run(
    stream: Stream, log: Log, apply: Callable[[Instance, Rows], list[Any]]
) -> tuple[list[Any], InstanceCheckpoint, list[int]]:
    """A whole log; what was told, what would be stored, when something was to be done next."""
    instance = Instance(InstanceKey("churn"), stream, deployment="test")
    clock = StreamMonitor(stream).clock
    told: list[Any] = []
    deadlines = []
    for message in log.messages:
        if isinstance(message, Rows):
            told += apply(instance, message)
            deadlines.append(instance.deadline)
        elif isinstance(message, Progress):
            for passage in message.passages:
                if clock.on_progress(message, passage) and clock.watermark >= instance.deadline:
                    effects = instance.on_time(clock.watermark, message.seen_at)
                    told += [(one.id, one.value) for one in effects.events]
    return told, instance.checkpoint(len(log.messages)), deadlines


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", STREAMS)
def test_row_by_row_as_by_columns(name: str, seed: int) -> None:
    """Events, their contents, deadlines, and every stored byte."""
    stream = STREAMS[name]
    world = build_world(seed)
    if stream.spec.labels is None:
        world.labels.clear()
    log = fill(Log([stream]), world, size=60, seed=seed)
    told, stored, deadlines = run(stream, log, by_columns)
    told_too, stored_too, deadlines_too = run(stream, log, one_by_one)
    assert told, f"seed {seed}: nothing was told, which tests little"
    assert told_too == told
    differing = [part for part, blob in stored.fields.items() if stored_too.fields[part] != blob]
    assert differing == []
    assert stored_too == stored
    assert deadlines_too == deadlines


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_message_is_cut_by_instance_in_the_order_of_its_names(count: int) -> None:
    """Every row once, each instance's in their order."""
    names = [f"m{number}" for number in range(count)]
    stream = build_stream(watch=PLAIN, split_by="model")
    log = fill(Log([stream]), World(count=50, instances=names), size=20, seed=count)
    for message in log.messages:
        if isinstance(message, Rows):
            cut = list(rows_by_instance(message))
            assert [key.value for key, _ in cut] == [
                name for name in message.instances if name is not None
            ]
            assert sorted(row for _, rows in cut for row in rows) == list(range(len(message)))
            for key, rows in cut:
                assert list(rows) == sorted(rows)
                assert {message.instances[message.instance_codes[row]] for row in rows} == {
                    key.value
                }
