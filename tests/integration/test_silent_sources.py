"""A worker on real servers tells of a source that says nothing, and of an instance it gave up."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import redis

from driftline.alerts.event import read_event
from driftline.model import InstanceKey
from driftline.store.keys import Keys
from support.pipeline import PATIENCE_SECONDS, Pipeline, Sent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from driftline.alerts.schema import AlertData
    from driftline.config.deployment import Deployment
    from support.kafka_broker import KafkaBroker

SCORES = [Sent(f'{{"id": "{row}", "y": 1, "p": 0.{row % 9 + 1}}}'.encode()) for row in range(50)]


def declare(pipeline: Pipeline, topic: str, **more: Any) -> Deployment:
    """A stream of scores whose predictions may be silent for three seconds."""
    stream = {
        "task": "binary",
        "positive": 1,
        "predictions": {
            "topic": topic, "start": "earliest", "id": "id", "prediction": "y", "score": "p",
        },
        "lateness": "0s",
        "watch": {"score": {"detector": "quick"}},
        **more,
    }  # fmt: skip
    return pipeline.declare({"clicks": stream}, {"quick": {"kind": "adwin"}})


async def told(
    pipeline: Pipeline, deployment: Deployment, wanted: Callable[[list[AlertData]], bool]
) -> list[AlertData]:
    """All that the alerts topic holds, once it holds what is wanted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        records = pipeline.read(deployment.settings.alerts_topic)
        alerts = [read_event(one.value or b"").data for one in records]
        if wanted(alerts):
            return alerts
        assert time.monotonic() < deadline, [one.summary for one in alerts]
        await asyncio.sleep(0.2)


async def test_a_silent_source_is_one_alert_that_another_worker_ends(
    kafka: KafkaBroker, redis_url: str, tmp_path: Path, make_topic: Callable[..., str]
) -> None:
    """It is found out without a record, and ends with the next one, whoever reads that."""
    topic = make_topic("predictions")
    worker = {"progress_interval": "500ms"}
    pipeline = Pipeline(tmp_path / "deployment", kafka.bootstrap, redis_url, worker=worker)
    deployment = declare(pipeline, topic, silence={"predictions": "3s"})
    pipeline.send(topic, SCORES)
    async with pipeline.running(pipeline.build_worker(deployment)):
        (first,) = await told(pipeline, deployment, bool)
    assert (first.kind, first.signal, first.instance) == ("silence", "predictions", "clicks")
    pipeline.send(topic, SCORES[:1])
    async with pipeline.running(pipeline.build_worker(deployment)):
        alerts = await told(pipeline, deployment, lambda found: any(one.reason for one in found))
    # The silence after the last record may have become another one.
    of_first = [one for one in alerts if one.alert_id == first.alert_id]
    assert [one.revision for one in of_first] == [1, 2]
    assert {one.kind for one in alerts} == {"silence"}


async def test_a_suspended_instance_is_an_alert(
    kafka: KafkaBroker, redis_url: str, tmp_path: Path, make_topic: Callable[..., str]
) -> None:
    """State that does not decode suspends it; the alert says why."""
    topic = make_topic("predictions")
    pipeline = Pipeline(tmp_path / "deployment", kafka.bootstrap, redis_url)
    deployment = declare(pipeline, topic)
    pipeline.send(topic, SCORES)
    async with pipeline.running(pipeline.build_worker(deployment)):
        await pipeline.drained(deployment)
    state = Keys(pipeline.name).of(InstanceKey("clicks"), "state")
    with redis.Redis.from_url(redis_url) as client:
        client.hset(state, "f:head", b"broken")
    async with pipeline.running(pipeline.build_worker(deployment)):
        (alert,) = await told(pipeline, deployment, bool)
    assert (alert.kind, alert.signal, alert.instance) == ("health", "suspended", "clicks")
    assert "clicks is suspended" in alert.summary
