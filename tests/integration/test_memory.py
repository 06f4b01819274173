"""A compressed batch that unpacks to far more than there is room for harms nobody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer

from driftline.decode.dead_letter import parse_dead_letter
from driftline.transport.unpacking import MAX_BATCH_BYTES
from support.pipeline import Pipeline, Sent, WorkerProcess, stream_states

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.kafka_broker import KafkaBroker

MEGABYTE = 1 << 20
BOMB = 8 * MAX_BATCH_BYTES
"""What the batch unpacks to."""
ROOM = 6 * MAX_BATCH_BYTES
"""What a worker may take besides: one batch as it is unpacked, its records, their dead letters."""


async def send_packed(kafka: str, topic: str, partition: int, values: list[bytes]) -> None:
    """One batch of gzip, however large it is unpacked."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, compression_type="gzip", max_batch_size=1 << 30, acks="all"
    )
    await producer.start()
    try:
        batch = producer.create_batch()
        for value in values:
            assert batch.append(key=None, value=value, timestamp=None) is not None
        await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()


def peak(pid: int) -> int:
    """The most memory that a process has held so far, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise AssertionError(pid)


def prediction(number: int) -> Sent:
    """A good record."""
    return Sent(b'{"id": "p%d", "y": 1, "p": 0.5}' % number)


def stream(topic: str) -> dict[str, Any]:
    """A stream without labels."""
    return {
        "task": "binary",
        "positive": 1,
        "predictions": {
            "topic": topic,
            "start": "earliest",
            "id": "id",
            "prediction": "y",
            "score": "p",
        },
        "watch": {"score": {"detector": "adwin"}},
    }


async def test_a_batch_that_unpacks_to_hundreds_of_megabytes_is_set_aside_within_bounds(
    kafka: KafkaBroker, redis_url: str, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    """Memory stays bounded, records before and behind it count, and nobody has died of it."""
    topic = make_topic("predictions")
    pipeline = Pipeline(tmp_path / "deployment", kafka.bootstrap, redis_url)
    deployment = pipeline.declare({"loans": stream(topic)}, {"adwin": {"kind": "adwin"}})
    pipeline.send(topic, map(prediction, range(100)))
    worker = WorkerProcess(pipeline.directory)
    await worker.start()
    await pipeline.drained(deployment)
    before = peak(worker.pid)
    bomb = [b"\0" * MEGABYTE] * (BOMB // MEGABYTE)
    large = [b"\0" * 300_000] * (MAX_BATCH_BYTES // 300_000 - 1)
    await send_packed(kafka.bootstrap, topic, 0, bomb)
    pipeline.send(topic, map(prediction, range(100, 200)))
    # As large as one may be: all of it is looked at, and refused record by record.
    await send_packed(kafka.bootstrap, topic, 0, large)
    await pipeline.drained(deployment)
    grown = peak(worker.pid) - before
    await worker.stop()
    assert grown < ROOM, f"{grown / MEGABYTE:.0f} MB more"
    async with pipeline.store() as store:
        states = await stream_states(store, 0)
    (books,) = states["loans"].books.sources["predictions"].values()
    assert books.gaps == {"unreadable": len(bomb)}
    assert books.dead_lettered == len(large)
    assert books.rows == 200
    letters = [
        parse_dead_letter(one.key, one.value, one.headers)
        for one in pipeline.read(deployment.settings.dead_letters_topic)
    ]
    left = [(one.offset, one.whole) for one in letters if one.code == "batch-too-large"]
    assert left == [(100, False)]
