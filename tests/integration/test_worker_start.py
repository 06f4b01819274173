"""How a worker starts: what it waits for, and what it says in the log before it reads."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from driftline.monitor.partition_state import PartitionState
from driftline.transport.address import KafkaAddress
from driftline.transport.topics import TopicAdmin
from support.pipeline import Pipeline, Sent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.kafka_broker import KafkaBroker

PROFILES = {"quick": {"kind": "adwin"}}


@pytest.fixture
def pipeline(kafka: KafkaBroker, redis_url: str, tmp_path: Path) -> Pipeline:
    """A deployment of the test's own on both real servers."""
    return Pipeline(tmp_path / "deployment", kafka.bootstrap, redis_url)


def clicks(topic: str, **changes: Any) -> dict[str, Any]:
    """A stream without labels."""
    spec = {
        "task": "binary",
        "positive": 1,
        "predictions": {
            "topic": topic,
            "start": "earliest",
            "id": "id",
            "prediction": "y",
            "score": "p",
        },
        "watch": {"score": {"detector": "quick"}},
    }
    return spec | changes


async def test_a_worker_that_waits_for_a_topic_can_be_stopped(
    pipeline: Pipeline, unique_name: Callable[[str], str]
) -> None:
    """Nobody has to kill a worker whose topics never appear."""
    deployment = pipeline.declare({"clicks": clicks(unique_name("missing"))}, PROFILES)
    worker = pipeline.build_worker(deployment)
    task = asyncio.create_task(worker.run())
    async with asyncio.timeout(60):
        # Once its own topics are there it looks for the attached ones.
        await TopicAdmin(KafkaAddress(pipeline.kafka)).wait_for(
            deployment.settings.own_topics, every=timedelta(milliseconds=50)
        )
        worker.stop()
        await task


async def test_a_declaration_that_was_claimed_and_not_said_is_said_by_the_next_worker(
    pipeline: Pipeline, make_topic: Callable[..., str]
) -> None:
    """A worker that died between its claim and the log leaves nothing that nobody mends."""
    topic = make_topic("predictions")
    record = Sent(b'{"id": "a", "y": 1, "p": 0.5}')
    deployment = pipeline.declare({"clicks": clicks(topic)}, PROFILES)
    async with pipeline.running(pipeline.build_worker(deployment)) as task:
        pipeline.send(topic, [record])
        await pipeline.drained(deployment, watch=task)
    changed = pipeline.declare({"clicks": clicks(topic, max_waiting=17)}, PROFILES)
    async with pipeline.store() as store:
        await store.claim_deployment(changed.digest, started_at=1, take_over=False)
    async with pipeline.running(pipeline.build_worker(changed)) as task:
        pipeline.send(topic, [record])
        await pipeline.drained(changed, watch=task)
    async with pipeline.store() as store:
        states = [await store.load_partition(number) for number in range(4)]
    digests = {PartitionState.decode(one.blob).digest for one in states if one is not None}
    assert digests == {changed.digest}
