"""The loop that one would write by hand for speed: librdkafka, msgspec, a Redis join per batch.

Unsafe: offsets are committed on a timer, detectors live in memory only, alarms are not awaited. A
crash loses and repeats at will.
"""

from __future__ import annotations

from typing import Any

import msgspec
import redis
from confluent_kafka import Consumer, Producer
from river.drift import ADWIN

from bench.peers.task import Task, encode_alarm, read_task


class Prediction(msgspec.Struct):
    """What is needed of a prediction."""

    id: str
    model: str
    prediction: int


class Label(msgspec.Struct):
    """What is needed of a label."""

    id: str
    label: int


class Loop:
    """Joins batches through Redis and feeds a detector per model."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._redis = redis.Redis.from_url(task.redis)
        self._producer = Producer({"bootstrap.servers": task.kafka, "linger.ms": 5})
        self._detectors: dict[str, Any] = {}
        self._seen: dict[str, int] = {}
        self._early = False

    def on_batch(self, predictions: list[Prediction], labels: list[Label]) -> None:
        """Store the predictions, look up the labels', and learn from the pairs."""
        pairs = self._with_early_labels(predictions) if self._early else []
        if predictions:
            self._redis.mset({one.id: f"{one.prediction}{one.model}" for one in predictions})
        if labels:
            pairs += self._with_predictions(labels)
        for model, error in pairs:
            self._learn(model, error)

    def _with_early_labels(self, predictions: list[Prediction]) -> list[tuple[str, float]]:
        known = self._find([f"label:{one.id}" for one in predictions])
        return [
            (one.model, float(one.prediction != int(label)))
            for one, label in zip(predictions, known, strict=True)
            if label is not None
        ]

    def _with_predictions(self, labels: list[Label]) -> list[tuple[str, float]]:
        pairs, joined, early = [], [], {}
        known = self._find([one.id for one in labels])
        for label, stored in zip(labels, known, strict=True):
            if stored is None:
                early[f"label:{label.id}"] = label.label
            else:
                joined.append(label.id)
                pairs.append((stored[1:].decode(), float(int(stored[:1]) != label.label)))
        if joined:
            self._redis.unlink(*joined)
        if early:
            self._early = True
            self._redis.mset(early)
        return pairs

    def _find(self, keys: list[str]) -> Any:
        return self._redis.mget(keys) if keys else []

    def _learn(self, model: str, error: float) -> None:
        detector = self._detectors.get(model)
        if detector is None:
            detector = self._detectors[model] = ADWIN(delta=self._task.delta, clock=1)
            self._seen[model] = 0
        self._seen[model] += 1
        detector.update(error)
        if detector.drift_detected:
            self._producer.produce(self._task.alarms, encode_alarm(model, self._seen[model]))
            self._producer.poll(0)


def main() -> None:
    """Run until killed."""
    task = read_task()
    consumer = Consumer(
        {
            "bootstrap.servers": task.kafka,
            "group.id": task.group,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 5,
        }
    )
    consumer.subscribe([task.predictions, task.labels])
    prediction, label = msgspec.json.Decoder(Prediction), msgspec.json.Decoder(Label)
    loop = Loop(task)
    while True:
        messages = consumer.consume(5_000, timeout=0.05)
        predictions: list[Prediction] = []
        labels: list[Label] = []
        for message in messages:
            if message.topic() == task.predictions:
                predictions.append(prediction.decode(message.value() or b""))
            else:
                labels.append(label.decode(message.value() or b""))
        loop.on_batch(predictions, labels)


if __name__ == "__main__":
    main()
