"""A reader that dies anywhere between taking over a source and reading of it loses nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from driftline.agents.reader import Reader, turns
from driftline.eventlog.messages import Rows
from driftline.metrics import Metrics
from driftline.model import Role, SourcePartition
from driftline.store.memory import MemoryStore
from driftline.transport.batches import IdleTick, PartitionLog, TopicPartition
from driftline.transport.topics import TopicAdmin, TopicDescription
from support.memory_producer import MemoryProducer
from support.monitor_log import PREDICTIONS, Log, World, build_deployment, build_stream, fill

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

STREAM = build_stream(horizon=None, watch={"score": {"detector": "adwin"}})
DEPLOYMENT = build_deployment(STREAM)
TP = TopicPartition(PREDICTIONS, 0)


@dataclass
class OneTopic(TopicAdmin):
    """A broker with the attached topic alone, in one of its lives."""

    life: str
    partitions: int = 1
    asked: list[str] = field(default_factory=list)

    async def describe(self, names: Collection[str]) -> Mapping[str, TopicDescription]:
        """The topic as it is now."""
        self.asked += names
        return {PREDICTIONS: TopicDescription(PREDICTIONS, self.partitions, 1, self.life)}


def build_reader(store: MemoryStore, life: str) -> Reader:
    """A reader of a process that was just started."""
    return Reader(
        [STREAM],
        DEPLOYMENT.settings,
        partitions=1,
        producer=MemoryProducer(),
        admin=OneTopic(life),
        store=store,
        clock=lambda: 0,
        metrics=Metrics(),
    )


def tick(position: int) -> IdleTick:
    """Nothing came."""
    return IdleTick(*TP, position, 0, position, 1)


async def test_a_source_is_remembered_once_reading_of_it_has_begun() -> None:
    """By then it is committed where that was: not when it is merely assigned."""
    store = MemoryStore()
    reader = build_reader(store, "a")
    assert await reader.on_assigned({TP: PartitionLog(None, 0, 7)}) == {}
    assert set(await store.known_sources()) == set()
    await reader.on_idle(tick(7))
    assert set(await store.known_sources()) == {SourcePartition(*TP, "a")}


async def test_a_topic_made_anew_is_read_from_its_start_until_that_is_committed() -> None:
    """A process that dies in between leaves the old life's commit behind: it must not count."""
    store = MemoryStore()
    await store.know_sources([SourcePartition(*TP, "a")])
    for _ in range(2):
        reader = build_reader(store, "b")
        # Of the old life 5 is committed, and the new one reaches further.
        assert await reader.on_assigned({TP: PartitionLog(5, 0, 9)}) == {TP: 0}
    await reader.on_idle(tick(0))
    reader = build_reader(store, "b")
    assert await reader.on_assigned({TP: PartitionLog(3, 0, 9)}) == {}


def test_pieces_of_rows_for_one_place_are_sent_one_after_the_other() -> None:
    """A broker that took the second and not the first would have the first taken for old."""
    messages = fill(Log([build_stream()]), World(count=400)).messages
    rows = [one for one in messages if isinstance(one, Rows) and one.role is Role.PREDICTIONS][:3]
    rest = [one for one in messages if not isinstance(one, Rows)][:1]
    other = build_rows_elsewhere(rows[0])
    found = turns([(0, rows[0]), (0, rows[1]), (0, rows[2]), (1, other), (0, rest[0])])
    assert found == [
        [(0, rows[0])],
        [(0, rows[1])],
        [(0, rows[2]), (1, other), (0, rest[0])],
    ]
    assert turns([(0, rest[0])]) == [[(0, rest[0])]]


def build_rows_elsewhere(rows: Rows) -> Rows:
    """The same rows, as another message."""
    return rows.take(np.arange(len(rows)))
