"""What a worker says of its own health, and the pages that show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from driftline.app.health import Health, StalledError
from driftline.app.pages import Pages
from driftline.errors import UnavailableError
from driftline.metrics import Metrics
from driftline.transport.app import PartitionProgress
from driftline.transport.batches import TopicPartition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOOPBACK = "127.0.0.1"
TP = TopicPartition("events", 0)


def place(acknowledged: int, end: int) -> dict[TopicPartition, PartitionProgress]:
    return {TP: PartitionProgress(acknowledged, acknowledged, acknowledged, 0, end)}


def test_a_worker_that_stands_still_with_work_before_it_is_ended() -> None:
    """After `stall_after` without an acknowledgement, and not before."""
    health = Health(stall_after=60, beat_within=10)
    health.on_progress(0, "monitor", place(5, 9))
    health.on_progress(60, "monitor", place(5, 9))
    with pytest.raises(StalledError, match="offset 5 of events/0 with 4 to go"):
        health.on_progress(61, "monitor", place(5, 9))


def test_what_moves_is_idle_or_was_given_away_is_not_stalled() -> None:
    """Progress, an empty log and a partition that went to another worker each begin anew."""
    health = Health(stall_after=60, beat_within=10)
    health.on_progress(0, "monitor", place(5, 9))
    health.on_progress(50, "monitor", place(6, 9))
    health.on_progress(100, "monitor", place(9, 9))
    health.on_progress(998, "monitor", place(9, 9))
    health.on_progress(1000, "monitor", place(9, 10))
    health.on_progress(1050, "monitor", {})
    health.on_progress(1100, "monitor", place(9, 10))
    health.on_progress(1160, "monitor", place(9, 10))


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    metrics = Metrics()
    metrics.dead_letters.labels(stream="car-loan", role="labels", code="not-json").inc(3)
    served = Pages(metrics, Health(stall_after=60, beat_within=10), host=LOOPBACK, port=0)
    await served.start()
    yield served
    await served.stop()


async def fetch(pages: Pages, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{LOOPBACK}:{pages.port}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def test_what_was_counted_is_served(pages: Pages) -> None:
    """The page parses as Prometheus reads it."""
    _, page = await fetch(pages, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(page)}
    sample = families["driftline_dead_letters"].samples[0]
    assert (sample.labels["code"], sample.value) == ("not-json", 3.0)


async def test_alive_is_not_ready(pages: Pages) -> None:
    """Before the roles have joined their groups the worker lives, and says why it is not ready."""
    assert await fetch(pages, "/healthz") == (200, "ok\n")
    status, reason = await fetch(pages, "/readyz")
    assert status == 503
    assert "not joined" in reason


def test_ready_needs_roles_and_a_fresh_heartbeat() -> None:
    """A store that has fallen silent makes a worker unready again."""
    health = Health(stall_after=60, beat_within=10)
    health.on_beat(0)
    assert health.problem(1) is not None
    health.started = True
    assert health.problem(1) is None
    assert "redis" in (health.problem(11) or "")


async def test_a_taken_port_is_said_by_name(pages: Pages) -> None:
    """A second server on the same port is an error that names the address."""
    health = Health(stall_after=60, beat_within=10)
    other = Pages(Metrics(), health, host=LOOPBACK, port=pages.port)
    with pytest.raises(UnavailableError, match=f"{LOOPBACK}:{pages.port}"):
        await other.start()
