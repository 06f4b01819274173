"""Quix Streams: both topics in one stateful application, RocksDB state with a changelog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quixstreams import Application
from quixstreams.models import JSONDeserializer
from river.drift import ADWIN

from bench.peers.task import encode_alarm, read_task

if TYPE_CHECKING:
    from quixstreams import State


def main() -> None:
    """Run until killed."""
    task = read_task()
    app = Application(
        broker_address=task.kafka,
        consumer_group=task.group,
        auto_offset_reset="earliest",
        state_dir=task.directory,
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
        producer_extra_config={"linger.ms": 20},
    )
    predictions = app.topic(task.predictions, value_deserializer=JSONDeserializer())
    labels = app.topic(task.labels, value_deserializer=JSONDeserializer())
    alarms = app.topic(task.alarms, value_serializer="bytes")
    detectors: dict[str, Any] = {}
    seen: dict[str, int] = {}

    def join(value: dict[str, Any], state: State) -> tuple[str, float] | None:
        id_ = value["id"]
        other = state.get(id_)
        if other is None:
            state.set(id_, value.get("prediction", value.get("label")))
            return None
        state.delete(id_)
        return value["model"], float(other != value.get("prediction", value.get("label")))

    def learn(pair: tuple[str, float]) -> bytes | None:
        model, error = pair
        detector = detectors.get(model)
        if detector is None:
            detector = detectors[model] = ADWIN(delta=task.delta, clock=1)
        seen[model] = seen.get(model, 0) + 1
        detector.update(error)
        return encode_alarm(model, seen[model]) if detector.drift_detected else None

    both = app.dataframe(predictions).concat(app.dataframe(labels))
    found = both.apply(join, stateful=True).filter(lambda pair: pair is not None).apply(learn)
    found.filter(lambda alarm: alarm is not None).to_topic(alarms)
    app.run()


if __name__ == "__main__":
    main()
