# ruff: noqa: INP001, S311
"""What driftline holds per waiting prediction, per instance and per signal: `measure_memory.py`.

Records are decoded and applied as a worker does it, and stored in a redis-server of its own. Redis
is asked for `used_memory`, the worker's part is what tracemalloc counts; both as the difference
between many and none, or few. Prints a table.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
import tracemalloc
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis

from driftline.config.deployment import Stream
from driftline.config.profiles import DETECTOR_SPEC, Profile
from driftline.config.streams import StreamSpec
from driftline.embedded.redis import EmbeddedRedis
from driftline.intake import SourceRange, TopicReader
from driftline.model import Role, SourcePartition
from driftline.monitor.partition import PartitionMonitor
from driftline.store.connect import RedisAddress, connect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START = 1_700_000_000_000
BATCH = 2_000
PROFILES = {"adwin": Profile("adwin", DETECTOR_SPEC.validate_python({"kind": "adwin"}))}


@dataclass(slots=True)
class Record:
    """A Kafka record."""

    offset: int
    value: bytes
    timestamp: int = START
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that are held."""

    redis: float
    worker: float

    def per(self, other: Held, count: int) -> Held:
        """The difference to another, for each of so many."""
        return Held((self.redis - other.redis) / count, (self.worker - other.worker) / count)


def build_stream(**more: Any) -> Stream:
    """A stream of binary predictions with a score and eight features."""
    declared: dict[str, Any] = {
        "task": "binary",
        "positive": 1,
        "predictions": {
            "topic": "predictions",
            "id": "id",
            "time": {"path": "at", "unit": "ms"},
            "prediction": "y",
            "score": "p",
            "version": "v",
            "features": [f"x{number}" for number in range(8)],
        },
        "watch": {"score": {"detector": "adwin"}},
    }
    return Stream.build("s", StreamSpec.model_validate(declared | more), PROFILES)


def predictions(count: int, models: int = 1) -> list[Mapping[str, Any]]:
    """Ids of 32 characters, a second apart, spread over so many instances."""
    chance = random.Random(1)
    return [
        {
            "id": uuid.UUID(int=chance.getrandbits(128)).hex,
            "at": START + number * 1_000,
            "y": 1,
            "p": round(chance.random(), 6),
            "v": "v12",
            "model": f"model-{number % models}",
            **{f"x{at}": chance.gauss(0, 1) for at in range(8)},
        }
        for number in range(count)
    ]


async def held(url: str, stream: Stream, rows: Sequence[Mapping[str, Any]]) -> Held:
    """What is held once these predictions are applied and stored."""
    with redis.Redis.from_url(url) as client:
        client.flushall()
        store = await connect(RedisAddress(url), "measured")
        gc.collect()
        before: Any = client.info("memory")
        tracemalloc.start()
        begun = tracemalloc.get_traced_memory()[0]
        monitor = PartitionMonitor(0, [stream], deployment="measured", digest="d")
        reader = TopicReader([(stream, Role.PREDICTIONS)], partitions=1)
        for first in range(0, len(rows), BATCH):
            some = rows[first : first + BATCH]
            records = [Record(first + at, json.dumps(one).encode()) for at, one in enumerate(some)]
            end = first + len(some)
            passed = SourceRange(SourcePartition("predictions", 0, ""), first, end, 0, end)
            for _, message in reader.read(passed, records, seen_at=None).messages:
                monitor.apply(monitor.offset, message, {})
            await store.write_instances(monitor.checkpoint().instances)
            monitor.settle()
        del records, passed, message
        gc.collect()
        worker = tracemalloc.get_traced_memory()[0] - begun
        tracemalloc.stop()
        after: Any = client.info("memory")
        await store.close()
        del monitor
        return Held(after["used_memory"] - before["used_memory"], worker)


async def measure(url: str) -> dict[str, Held]:
    """The table's rows."""
    labels = {"topic": "labels", "id": "id", "label": "truth", "horizon": "365d"}
    rows = predictions(20_000)
    waiting = await held(url, build_stream(labels=labels), rows)
    plain = await held(url, build_stream(), rows)
    eight = {f"feature.x{number}": {"detector": "adwin"} for number in range(8)}
    watched = {"score": {"detector": "adwin"}, **eight}
    signals = await held(url, build_stream(watch=watched), rows)
    split = build_stream(split_by="model")
    one = await held(url, split, predictions(1))
    young = await held(url, split, predictions(1_000, models=1_000))
    few = await held(url, split, predictions(2_000, models=1))
    grown = await held(url, split, predictions(40_000, models=20))
    return {
        "a prediction that waits for its label": waiting.per(plain, len(rows)),
        "a signal, numeric, ADWIN, 20,000 values": signals.per(plain, 8),
        "an instance with 1 row (1 signal)": young.per(one, 999),
        "an instance with 2,000 rows (1 signal)": grown.per(few, 19),
    }


def main() -> int:
    """Measure, and print."""
    server = EmbeddedRedis()
    url = server.start()
    try:
        table = asyncio.run(measure(url))
    finally:
        server.stop()
    sys.stdout.write(f"{'bytes of':44}{'Redis':>10}{'worker':>10}\n")
    for name, one in table.items():
        sys.stdout.write(f"{name:44}{one.redis:>10,.0f}{one.worker:>10,.0f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
