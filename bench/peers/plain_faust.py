"""Faust as its tutorial shows it: an agent per topic, one event at a time, the join in Redis."""

from __future__ import annotations

from typing import Any

import faust
from redis.asyncio import Redis
from river.drift import ADWIN

from bench.peers.task import encode_alarm, read_task

TASK = read_task()
app = faust.App(
    TASK.group,
    broker=f"kafka://{TASK.kafka}",
    store="memory://",
    web_enabled=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    stream_wait_empty=False,
    datadir=TASK.directory,
)
predictions = app.topic(TASK.predictions, value_type=bytes, value_serializer="json")
labels = app.topic(TASK.labels, value_type=bytes, value_serializer="json")
alarms = app.topic(TASK.alarms, value_type=bytes, value_serializer="raw")
redis = Redis.from_url(TASK.redis)
detectors: dict[str, Any] = {}
seen: dict[str, int] = {}


async def store_and_find(mine: str, value: int, other: str) -> bytes | None:
    """Store one half of a pair and look for the other, in one step: one of the two finds both."""
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.set(mine, value)
        pipeline.get(other)
        found: list[bytes | None] = await pipeline.execute()
    if found[1] is not None:
        await redis.unlink(mine, other)
    return found[1]


async def learn(model: str, error: float) -> None:
    """Give a model's detector the next value, and say its alarm."""
    detector = detectors.get(model)
    if detector is None:
        detector = detectors[model] = ADWIN(delta=TASK.delta, clock=1)
    seen[model] = seen.get(model, 0) + 1
    detector.update(error)
    if detector.drift_detected:
        await alarms.send(value=encode_alarm(model, seen[model]))


@app.agent(predictions)  # type: ignore[untyped-decorator]  # Faust ships no types
async def on_prediction(stream: Any) -> None:
    """Wait for the label, or find it."""
    async for one in stream:
        id_, value = one["id"], one["prediction"]
        label = await store_and_find(f"p:{id_}", value, f"l:{id_}")
        if label is not None:
            await learn(one["model"], float(value != int(label)))


@app.agent(labels)  # type: ignore[untyped-decorator]  # Faust ships no types
async def on_label(stream: Any) -> None:
    """Find the prediction, or wait for it."""
    async for one in stream:
        id_, value = one["id"], one["label"]
        prediction = await store_and_find(f"l:{id_}", value, f"p:{id_}")
        if prediction is not None:
            await learn(one["model"], float(value != int(prediction)))


if __name__ == "__main__":
    app.main()
