"""driftline as a contestant: its declaration, and what it has found when it is done."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import yaml

from bench.workload import PARTITIONS
from driftline.alerts.event import read_event
from driftline.alerts.schema import DriftData
from driftline.monitor.partition_state import PartitionState
from driftline.monitor.state import StoredInstance
from driftline.monitor.summary import read_summary
from driftline.store.connect import RedisAddress, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.servers import Servers, Topics
    from driftline.store.protocol import Store

STREAM: Final = "models"


def stream_of(predictions: str, labels: str) -> dict[str, Any]:
    """The declaration of the stream that all models share."""
    return {
        "task": "binary",
        "positive": 1,
        "split_by": "model",
        "max_instances": 20_000,
        "predictions": {
            "topic": predictions,
            "start": "earliest",
            "id": "id",
            "time": {"path": "ts", "unit": "ms"},
            "prediction": "prediction",
        },
        "labels": {
            "topic": labels,
            "start": "earliest",
            "id": "id",
            "time": {"path": "ts", "unit": "ms"},
            "label": "label",
            "horizon": "1h",
        },
        "watch": {"error": {"detector": "adwin"}},
    }


def declare(
    directory: Path,
    name: str,
    servers: Servers,
    topics: Topics,
    *,
    delta: float,
    changes: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write a deployment: each model has its own monitor, with ADWIN on its error."""
    config = {
        "name": name,
        "kafka": {"brokers": servers.kafka.bootstrap},
        "redis": {"url": servers.redis.url},
        **(settings or {}),
    }
    files: dict[str, Mapping[str, Any]] = {
        f"streams/{STREAM}.yaml": stream_of(topics.predictions, topics.labels)
        | dict(changes or {}),
        "detectors/adwin.yaml": {"kind": "adwin", "delta": delta, "clock": 1},
        "config/driftline.yaml": config,
    }
    for file, content in files.items():
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        (directory / file).write_text(yaml.safe_dump(dict(content)), encoding="utf-8")


def command(directory: Path, *options: str) -> tuple[str, ...]:
    """The worker as a user starts it."""
    return (sys.executable, "-m", "driftline", "worker", "--deployment", str(directory), *options)


def opened_by(value: bytes) -> tuple[str, int] | None:
    """The alarm that opened a firing alert; None for other events."""
    data = read_event(value).data
    if not isinstance(data, DriftData) or data.status.value != "firing":
        return None
    return (data.instance or "").partition("/")[2], data.trigger.values_seen


def stored_alarms(redis_url: str, name: str) -> dict[str, tuple[int, int]]:
    """Per model how many alarms are stored, and at which value the last was."""
    return asyncio.run(_stored_alarms(redis_url, name))


async def _stored_alarms(redis_url: str, name: str) -> dict[str, tuple[int, int]]:
    store = await connect(RedisAddress(redis_url), name)
    try:
        loaded = await store.load_instances(await store.list_instances())
    finally:
        await store.close()
    found = {}
    for key, stored in loaded.items():
        if isinstance(stored, StoredInstance):
            (signal,) = read_summary(stored.fields["summary"]).signals
            last = max((one.values_seen for one in signal.last_alarms), default=0)
            found[key.value or ""] = (signal.alarms, last)
    return found


@contextmanager
def stored_rows(redis_url: str, name: str) -> Iterator[Callable[[], int]]:
    """To be asked how many rows the stored books hold."""
    with asyncio.Runner() as runner:
        store = runner.run(connect(RedisAddress(redis_url), name))
        try:
            yield lambda: runner.run(_stored_rows(store))
        finally:
            runner.run(store.close())


async def _stored_rows(store: Store) -> int:
    rows = 0
    for partition in range(PARTITIONS):
        stored = await store.load_partition(partition)
        if stored is not None:
            books = PartitionState.decode(stored.blob).states[STREAM].books
            rows += sum(one.rows for some in books.sources.values() for one in some.values())
    return rows


def check(found: Mapping[str, tuple[int, int]], expected: Mapping[str, Sequence[int]]) -> None:
    """Raise where the stored alarms are not the expected ones."""
    wanted = {model: (len(alarms), alarms[-1]) for model, alarms in expected.items()}
    if dict(found) != wanted:
        message = f"driftline's alarms are {found}, and should be {wanted}"
        raise AssertionError(message)
