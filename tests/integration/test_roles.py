"""Roles in workers of their own: together they are what one worker with all of them is."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from driftline.alerts.event import read_event
from driftline.app.roles import WorkerRole
from support.pipeline import Pipeline, Sent
from support.verifier import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.kafka_broker import KafkaBroker

SEED = 7


def scores(seed: int) -> list[Sent]:
    """Scores whose level steps up in the middle."""
    rng = random.Random(seed)
    return [
        Sent(
            f'{{"id": "{row}", "y": 1, "p": {rng.uniform(0, 0.5) + (row >= 1500) * 0.4}}}'.encode()
        )
        for row in range(3000)
    ]


async def test_roles_that_are_split_over_workers_do_the_same_work(
    kafka: KafkaBroker, redis_url: str, tmp_path: Path, make_topic: Callable[..., str]
) -> None:
    """Two readers, two monitors and a notifier: every row is applied once, and the alert comes."""
    topic = make_topic("predictions", partitions=2)
    pipeline = Pipeline(tmp_path / "deployment", kafka.bootstrap, redis_url)
    predictions = {"topic": topic, "start": "earliest", "id": "id", "prediction": "y", "score": "p"}
    stream = {
        "task": "binary",
        "positive": 1,
        "predictions": predictions,
        "watch": {"score": {"detector": "quick"}},
    }
    deployment = pipeline.declare({"clicks": stream}, {"quick": {"kind": "adwin"}})
    decode, monitor = WorkerRole.DECODE, WorkerRole.MONITOR
    async with AsyncExitStack() as stack:
        for role in (decode, decode, monitor, monitor, WorkerRole.NOTIFY):
            worker = pipeline.build_worker(deployment, roles=[role])
            await stack.enter_async_context(pipeline.running(worker))
        pipeline.send(topic, scores(SEED))
        await pipeline.drained(deployment)
    alerts = [
        read_event(one.value or b"").data for one in pipeline.read(deployment.settings.alerts_topic)
    ]
    assert {(alert.signal, alert.status.value) for alert in alerts} == {("score", "firing")}
    await verify(pipeline, deployment)
