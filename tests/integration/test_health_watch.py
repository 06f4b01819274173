"""What a worker finds wrong with its roles, looked at by a clock of the test, on a real Redis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.agents.refusals import Refusals
from driftline.alerts.event import read_event
from driftline.alerts.lifecycle import Reason
from driftline.app.health_watch import MOST_INSTANCES, HealthWatch
from driftline.config.settings import Settings
from driftline.eventlog.messages import Passage
from driftline.health import HealthAlerts
from driftline.health.alerts import LASTS
from driftline.model import SECOND, InstanceKey, Role, Severity
from driftline.store.connect import RedisAddress, build_client
from driftline.transport.app import PartitionProgress
from driftline.transport.batches import TopicPartition
from support.memory_producer import MemoryProducer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from driftline.alerts.schema import AlertData
    from driftline.model import Micros

pytestmark = pytest.mark.server

CLICKS = TopicPartition("clicks", 0)
MINUTES = 60.0


@dataclass
class Consumer:
    """A role that has come so far."""

    group: str = "test.reader"
    progress: dict[TopicPartition, PartitionProgress] = field(default_factory=dict)

    def at(self, done: int, end: int, *, tp: TopicPartition = CLICKS) -> None:
        self.progress[tp] = PartitionProgress(done, done, done, 0, end)


@dataclass
class Reader:
    """One whose streams refuse records."""

    refusals: Refusals = field(default_factory=Refusals)

    def read(self, records: int, refused: int, at: Micros) -> None:
        none = np.zeros(0, np.int64)
        passage = Passage("churn", Role.PREDICTIONS, None, np.arange(refused), none)
        self.refusals.count("clicks/0", records, passage, at)


@dataclass
class Monitor:
    """One that has lost state, and has suspended instances."""

    lost: dict[int, str] = field(default_factory=dict)
    suspended: dict[int, dict[InstanceKey, str]] = field(default_factory=dict)


class Watched:
    """A worker's watch, and what it told."""

    def __init__(self, redis_url: str) -> None:
        settings = Settings.model_validate({"name": "test", "health": {"lag": "5m"}})
        self.now = 1_700_000_000 * SECOND
        self.client = build_client(RedisAddress(redis_url))
        self.kafka = MemoryProducer()
        self.health = HealthAlerts(
            settings, client=self.client, producer=self.kafka, clock=lambda: self.now
        )
        self.watch = HealthWatch(self.health, settings, clock=lambda: self.now)
        self.consumer, self.reader, self.monitor = Consumer(), Reader(), Monitor()

    async def look(self, after: float = 0.0) -> None:
        """Look once more, so many seconds later."""
        self.now += int(after * SECOND)
        await self.watch.look(self.now / SECOND, [self.consumer], self.reader, self.monitor)

    @property
    def told(self) -> list[AlertData]:
        return [read_event(one.value or b"").data for one in self.kafka.sent]


@pytest.fixture
async def watched(redis_url: str) -> AsyncIterator[Watched]:
    """A worker with which nothing is wrong."""
    made = Watched(redis_url)
    await made.look()
    assert made.told == []
    yield made
    await made.client.close()


async def test_a_lag_is_told_once_it_has_lasted_and_over_once_it_is_caught_up(
    watched: Watched,
) -> None:
    """The log ended there more than five minutes ago, for a minute; then all is read."""
    watched.consumer.at(10, 50)
    for _ in range(5):
        await watched.look(MINUTES)
        watched.consumer.at(10, 60)
    await watched.look(MINUTES + 1)
    assert watched.told == []
    await watched.look(MINUTES)
    (began,) = watched.told
    assert (began.kind, began.signal, began.reason) == ("health", "lag", None)
    assert "test.reader is 6 minutes behind in clicks" in began.summary
    watched.consumer.at(60, 60)
    await watched.look(1)
    assert [one.reason for one in watched.told] == [None, Reason.RECOVERED]
    assert watched.told[1].alert_id == began.alert_id


async def test_a_role_that_reads_what_comes_has_no_lag_however_much_comes(
    watched: Watched,
) -> None:
    """What was there a look ago is dealt with."""
    for end in range(100, 2_000, 100):
        watched.consumer.at(end - 100, end)
        await watched.look(MINUTES)
    assert watched.told == []


async def test_lost_state_is_told_once(watched: Watched) -> None:
    """It is critical, and as nobody says it again it expires."""
    watched.monitor.lost[3] = "the store has nothing of it"
    await watched.look()
    for _ in range(3):
        await watched.look(LASTS / SECOND / 2)
        await watched.health.tidy()
    began, ended = watched.told
    assert (began.signal, began.severity) == ("state_lost", Severity.CRITICAL)
    assert "events partition 3 was lost" in began.summary
    assert "the store has nothing of it" in began.summary
    assert ended.reason is Reason.EXPIRED


async def test_refused_records_are_told_until_they_are_half_as_many(watched: Watched) -> None:
    """More than a twentieth of the latest thousand begin it; a fortieth ends it."""
    for refused, told in ((5, 0), (10, 1), (4, 1), (1, 2)):
        for _ in range(20):
            watched.reader.read(100, refused, watched.now)
        await watched.look(1)
        assert len(watched.told) == told, refused
    assert [one.reason for one in watched.told] == [None, Reason.RECOVERED]
    assert "10.0% of the latest records of churn" in watched.told[0].summary


async def test_suspended_instances_are_told_of_each_but_not_of_thousands(watched: Watched) -> None:
    """A hundred at most of one events partition; whose is resumed is over."""
    instances = {InstanceKey("churn", f"v{n}"): "no reason" for n in range(MOST_INSTANCES + 5)}
    watched.monitor.suspended[2] = instances
    await watched.look()
    assert len(watched.told) == MOST_INSTANCES
    watched.monitor.suspended[2] = {}
    await watched.look(1)
    ended = watched.told[MOST_INSTANCES:]
    assert {one.reason for one in ended} == {Reason.RECOVERED}
    assert len(ended) == MOST_INSTANCES
