"""Alerts about the monitor: one for one trouble, told at least once, with a real Redis."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from driftline.alerts.event import read_event
from driftline.alerts.lifecycle import Reason
from driftline.alerts.schema import HealthData
from driftline.config.settings import Settings
from driftline.crashpoints import VARIABLE, HealthPoint
from driftline.health import Finding, HealthAlerts
from driftline.health.alerts import LASTS
from driftline.model import SECOND, to_datetime
from driftline.store.connect import RedisAddress, build_client
from driftline.transport.producer import SendError
from support.memory_producer import MemoryProducer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from driftline.transport.producer import OutgoingMessage

SETTINGS = Settings.model_validate({"name": "test"})
SCRIPT: Final = Path(__file__).parents[1] / "support/raise_health.py"
SUSPENDED = Finding("churn/a is suspended", {"reason": "why"}, stream="churn", instance="churn/a")


class Workers:
    """Several workers of one deployment, with one clock and one Kafka."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.now = 1_700_000_000 * SECOND
        self.kafka = MemoryProducer()

    @asynccontextmanager
    async def worker(self, producer: MemoryProducer | None = None) -> AsyncIterator[HealthAlerts]:
        """One of them."""
        client = build_client(RedisAddress(self._url))
        try:
            yield HealthAlerts(
                SETTINGS, client=client, producer=producer or self.kafka, clock=lambda: self.now
            )
        finally:
            await client.close()

    @property
    def told(self) -> list[HealthData]:
        """What was published."""
        return list(map(_health, self.kafka.sent))


def _health(message: OutgoingMessage) -> HealthData:
    data = read_event(message.value or b"").data
    assert isinstance(data, HealthData)
    return data


@pytest.fixture
def workers(redis_url: str) -> Workers:
    """A deployment in which nothing is wrong."""
    return Workers(redis_url)


async def test_what_many_workers_see_is_one_alert_that_ends_when_none_sees_it(
    workers: Workers,
) -> None:
    """Raised by whoever comes first, resolved by whoever comes last."""
    async with workers.worker() as one, workers.worker() as other:
        await asyncio.gather(
            one.report("lag", "0", {"topic": Finding("behind")}),
            other.report("lag", "1", {"topic": Finding("behind")}),
        )
        await one.report("lag", "0", {})
        (began,) = workers.told
        workers.now += 5 * SECOND
        await other.report("lag", "1", {})
    _, ended = workers.told
    assert (began.signal, began.revision, began.reason) == ("lag", 1, None)
    assert (ended.alert_id, ended.revision, ended.reason) == (began.alert_id, 2, Reason.RECOVERED)
    assert ended.at == to_datetime(workers.now)


async def test_an_alert_says_what_it_is_about(workers: Workers) -> None:
    """Stream and instance, severity and figures."""
    async with workers.worker() as one:
        await one.report("suspended", "3", {"churn/a": SUSPENDED})
    (told,) = workers.told
    assert (told.kind, told.signal, told.deployment) == ("health", "suspended", "test")
    assert (told.stream, told.instance) == ("churn", "churn/a")
    assert told.details == {"reason": "why"}
    assert workers.kafka.sent[0].topic == SETTINGS.alerts_topic
    assert workers.kafka.sent[0].key == told.alert_id.encode()


async def test_whoever_takes_over_clears_what_is_not_wrong_any_more(workers: Workers) -> None:
    """A worker that died leaves alerts behind; its successor in the same place looks for itself."""
    async with workers.worker() as one:
        await one.report("suspended", "3", {"churn/a": SUSPENDED, "churn/b": SUSPENDED})
    async with workers.worker() as other:
        await other.report("suspended", "2", {})
        assert len(workers.told) == 2
        await other.report("suspended", "3", {"churn/b": SUSPENDED})
    assert [one.reason for one in workers.told] == [None, None, Reason.RECOVERED]
    assert workers.told[2].alert_id == workers.told[0].alert_id


async def test_an_alert_for_which_nobody_stands_expires(workers: Workers) -> None:
    """As after a worker went that nobody replaces; as long as it lives it says so again."""
    async with workers.worker() as one, workers.worker() as other:
        found = {"topic": Finding("behind")}
        for _ in range(5):
            await one.report("lag", "0", found)
            workers.now += LASTS // 2
            await other.tidy()
        assert len(workers.told) == 1
        workers.now += LASTS
        await other.tidy()
        await other.tidy()
    assert [data.reason for data in workers.told] == [None, Reason.EXPIRED]


async def test_what_was_raised_stays_until_it_is_cleared(workers: Workers) -> None:
    """However often it is raised, and however long it takes."""
    async with workers.worker() as one:
        for _ in range(3):
            await one.raise_("receiver", subject="team", summary="fails", details={"tries": 3})
            workers.now += 2 * LASTS
            await one.tidy()
        assert len(workers.told) == 1
        for _ in range(3):
            await one.clear("receiver", subject="team")
        await one.raise_("receiver", subject="team", summary="fails again", details={})
    assert [data.revision for data in workers.told] == [1, 2, 1]
    assert len({data.alert_id for data in workers.told}) == 2
    assert len({data.fingerprint for data in workers.told}) == 1


async def test_a_worker_that_dies_while_it_publishes_makes_no_second_alert(
    workers: Workers,
) -> None:
    """Others publish what it left, with the same id, and nothing is told that is not kept."""
    dying = MemoryProducer()
    dying.failing = SendError("the process died")
    async with workers.worker(dying) as one, workers.worker() as other:
        with pytest.raises(SendError):
            await one.raise_("receiver", subject="team", summary="fails", details={})
        workers.now += SECOND
        await other.raise_("receiver", subject="team", summary="fails", details={})
        assert workers.told == []
        await other.tidy()
        await other.tidy()
        await other.clear("receiver", subject="team")
    first = workers.told[0].alert_id
    assert workers.kafka.ids == [f"{first}.1", f"{first}.2"]


@pytest.mark.parametrize("point", HealthPoint)
async def test_a_worker_that_is_killed_anywhere_in_its_publishing_loses_nothing(
    workers: Workers, redis_url: str, tmp_path: Path, point: HealthPoint
) -> None:
    """Others publish what it left; an event that Kafka had already comes again with its id."""
    published = tmp_path / "published"
    published.touch()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, SCRIPT, redis_url, published),
        env={**os.environ, VARIABLE: point.value, "PYTHONPATH": str(SCRIPT.parents[1])},
    )
    async with asyncio.timeout(60):
        assert await process.wait() == -signal.SIGKILL
    async with workers.worker() as other:
        await other.tidy()
        await other.tidy()
    (left,) = workers.kafka.ids
    assert workers.told[0].signal == "receiver"
    before = [left] if point is HealthPoint.HEALTH_PUBLISHED else []
    assert published.read_text("utf-8").split() == before
