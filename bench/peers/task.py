"""What a peer is told, by its environment, and how it says an alarm. Only the standard library."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """Where to read and write. All topics exist; the group and the directory are new."""

    kafka: str
    redis: str
    predictions: str
    labels: str
    alarms: str
    group: str
    directory: str
    delta: float


def read_task() -> Task:
    """The task of this process."""
    environ = os.environ
    return Task(
        kafka=environ["BENCH_KAFKA"],
        redis=environ["BENCH_REDIS"],
        predictions=environ["BENCH_PREDICTIONS"],
        labels=environ["BENCH_LABELS"],
        alarms=environ["BENCH_ALARMS"],
        group=environ["BENCH_GROUP"],
        directory=environ["BENCH_DIRECTORY"],
        delta=float(environ["BENCH_DELTA"]),
    )


def encode_alarm(model: str, values_seen: int) -> bytes:
    """An alarm as it is published: which model, at which of its values."""
    return json.dumps({"model": model, "values_seen": values_seen}).encode()
