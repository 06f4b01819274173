"""Bytewax: its own join by id, then a stateful step with a detector per model."""

from __future__ import annotations

from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from river.drift import ADWIN

from bench.peers.task import encode_alarm, read_task

TASK = read_task()


class Prediction(msgspec.Struct):
    """What is needed of a prediction."""

    id: str
    model: str
    prediction: int


class Label(msgspec.Struct):
    """What is needed of a label."""

    id: str
    label: int


_prediction = msgspec.json.Decoder(Prediction).decode
_label = msgspec.json.Decoder(Label).decode


def prediction_by_id(message: Any) -> tuple[str, Prediction]:
    """A prediction under its id."""
    found = _prediction(message.value)
    return found.id, found


def label_by_id(message: Any) -> tuple[str, int]:
    """A label under its id."""
    found = _label(message.value)
    return found.id, found.label


def error_by_model(joined: tuple[str, tuple[Prediction, int]]) -> tuple[str, float]:
    """The error of a pair, under its model's name."""
    _, (prediction, label) = joined
    return prediction.model, float(prediction.prediction != label)


def learn(state: tuple[Any, int] | None, error: float) -> tuple[tuple[Any, int], int | None]:
    """Give a model's detector the next value; at an alarm how many it has seen."""
    detector, seen = state or (ADWIN(delta=TASK.delta, clock=1), 0)
    detector.update(error)
    return (detector, seen + 1), seen + 1 if detector.drift_detected else None


def alarm(found: tuple[str, int | None]) -> KafkaSinkMessage[None, bytes] | None:
    """An alarm as it is published."""
    model, seen = found
    return None if seen is None else KafkaSinkMessage(None, encode_alarm(model, seen))


def source(topic: str) -> KafkaSource:
    """A topic from its beginning on."""
    tuning = {"fetch.queue.backoff.ms": "5"}
    return KafkaSource([TASK.kafka], [topic], add_config=tuning, batch_size=5_000)


flow = Dataflow("drift")
predictions = op.map(
    "prediction", op.input("predictions", flow, source(TASK.predictions)), prediction_by_id
)
labels = op.map("label", op.input("labels", flow, source(TASK.labels)), label_by_id)
errors = op.map("error", op.join("join", predictions, labels), error_by_model)
alarms = op.filter_map("alarm", op.stateful_map("learn", errors, learn), alarm)
op.output("alarms", alarms, KafkaSink([TASK.kafka], TASK.alarms))
