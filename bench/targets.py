"""The figures to be reached, in one place; each has a command that measures it."""

from __future__ import annotations

from typing import Final

from bench.verdict import Target

# `python -m bench`: one worker process with all roles.

COMPARED: Final = {
    "Quix Streams": Target("events/s against Quix Streams", "x", 2.0, 3.5, at_least=True),
    "Bytewax": Target("events/s against Bytewax", "x", 2.5, 4.5, at_least=True),
    "plain Faust": Target("events/s against plain Faust", "x", 18, 35, at_least=True),
    "Kafka Streams, exactly once": Target(
        "events/s against Kafka Streams, exactly once", "x", 0.7, 1.1, at_least=True
    ),
    "unsafe loop": Target("events/s against the unsafe loop", "x", 0.45, 0.75, at_least=True),
}
CPU: Final = Target("CPU of the worker process", "s per million events", 12, 6)

# `python -m bench.scale`

WORKERS: Final = Target("CPU per event, two worker processes against one", "x", 1.1)
INSTANCES: Final = {
    count: Target(f"CPU per event, {count:,} instances against one, paced", "x", 2, 1.3)
    for count in (100, 10_000)
}
SIGNAL: Final = Target("CPU per further numeric signal with ADWIN", "us an event", 1.3, 0.9)
WAITING: Final = {
    count: Target(f"CPU per event, {count:,} predictions waiting against 10,000", "x", 1.3)
    for count in (1_000_000, 10_000_000)
}
WAITING_REDIS: Final = Target("Redis per waiting prediction, id of 12", "bytes", 150, 80)
WAITING_MEMORY: Final = Target("worker's memory, 1,000,000 waiting against 10,000", "x", 1.3)
LATENCY_MEDIAN: Final = Target("record written to alert readable, 5,000 events/s, p50", "ms", 150)
LATENCY_LATE: Final = Target("the same, p99", "ms", 500, 250)
START: Final = Target("start to first event, 1,000 instances stored", "s", 5, 2)
REPLAY: Final = Target(
    "replay of car-loan, 12 ADWIN signals", "rows/s", 60_000, 100_000, at_least=True
)
IDLE: Final = Target("idle worker", "% of a core", 5, 2)
