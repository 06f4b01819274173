"""Requests for a retraining: one for an instance at a time, and their ends."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from driftline.alerts.schema import DriftData
from driftline.model import SECOND, Micros
from driftline.notify.retrain_event import RetrainEnvelope
from driftline.notify.retraining import RetrainRequests
from driftline.store.connect import RedisAddress, build_client
from driftline.transport.producer import SendError
from support.alert_events import CHANGED
from support.deliveries import BEGIN, alert, ended
from support.memory_producer import MemoryProducer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WINDOW = {
    "since": CHANGED,
    "until": datetime(2019, 3, 5, tzinfo=UTC),
    "sources": [{"topic": "loans", "partition": 0, "first": 70_000, "next": 77_000}],
}


class Asking:
    """A notifier's requests by a clock that the test sets."""

    def __init__(self, client: Any, cooldown: timedelta) -> None:
        self.now: Micros = BEGIN
        self.topic = MemoryProducer()
        self.requests = RetrainRequests(
            client,
            self.topic,
            deployment="asking",
            topic="asking.retrain",
            cooldown=cooldown,
            clock=lambda: self.now,
        )

    async def hear(self, number: int, *, over: bool = False, new: bool = True) -> str | None:
        """An alert of one instance fires or ends; what is asked because of it."""
        make = ended if over else alert
        # Not every stream has an owner.
        owner = None if number % 2 else "risk"
        data = make(number, instance="car-loan/eu", owner=owner, retrain=WINDOW).data
        assert isinstance(data, DriftData)
        event = await self.requests.on_alert(data, new=new)
        return None if event is None else event.type.rpartition(".")[2]


@asynccontextmanager
async def asking(redis_url: str, cooldown: timedelta = timedelta(days=1)) -> AsyncIterator[Asking]:
    client = build_client(RedisAddress(redis_url))
    try:
        yield Asking(client, cooldown)
    finally:
        await client.close()


async def test_an_alert_that_says_so_asks_for_a_retraining_and_tells_its_end(
    redis_url: str,
) -> None:
    """With the window of data since the change, keyed by the instance."""
    async with asking(redis_url) as one:
        assert await one.hear(1) == "requested"
        one.now += 3_600 * SECOND
        assert await one.hear(1, over=True) == "closed"
        requested, closed = (
            RetrainEnvelope.model_validate_json(sent.value or b"") for sent in one.topic.sent
        )
        assert [sent.key for sent in one.topic.sent] == [b"car-loan/eu"] * 2
        assert requested.data.window.sources[0].next == 77_000
        assert (requested.data.closed_at, requested.data.ended) == (None, None)
        assert closed.data.closed_at == requested.time + timedelta(hours=1)
        assert closed.data.ended == "recovered"
        headers = dict(one.topic.sent[0].headers)
        assert headers["ce_type"] == b"io.driftline.retrain.requested"


async def test_an_alert_that_does_not_say_so_asks_for_nothing(redis_url: str) -> None:
    """Neither do its end, or an end whose beginning asked for nothing."""
    async with asking(redis_url) as one:
        for event in (alert(1), ended(1)):
            assert isinstance(event.data, DriftData)
            assert await one.requests.on_alert(event.data, new=True) is None
        assert await one.hear(2, over=True) is None
        assert one.topic.sent == []


async def test_an_instance_has_one_open_request_and_then_a_pause(redis_url: str) -> None:
    """Whatever else of it drifts; after the cool-down it may be asked for again."""
    async with asking(redis_url) as one:
        assert await one.hear(1) == "requested"
        one.now += 2 * 86_400 * SECOND
        assert await one.hear(2) is None
        assert await one.hear(1, over=True) == "closed"
        assert await one.hear(3) == "requested"
        assert await one.hear(3, over=True) == "closed"
        one.now += 3_600 * SECOND
        assert await one.hear(4) is None
        assert await one.hear(4, over=True) is None


async def test_what_could_not_be_published_is_published_by_whoever_reads_it_again(
    redis_url: str,
) -> None:
    """Under the same id; what is published is handed out until its jobs are written."""
    async with asking(redis_url) as one:
        one.topic.failing = SendError("no broker")
        with pytest.raises(SendError):
            await one.hear(1)
        one.topic.failing = None
        assert await one.hear(1) == "requested"
        assert await one.hear(1) == "requested"
        assert await one.hear(1, new=False) is None
        one.topic.failing = SendError("no broker")
        with pytest.raises(SendError):
            await one.hear(1, over=True)
        one.topic.failing = None
        assert await one.hear(1, over=True) == "closed"
        name = f"{1:020x}"
        assert one.topic.ids == [f"{name}.retrain.requested", f"{name}.retrain.closed"]
