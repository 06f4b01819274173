"""Reading batches of other kinds: few records, as live traffic comes, and many instances in one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from bench.micro.material import BATCH, Batch
from driftline.eventlog.codec import decode, encode
from driftline.model import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.micro.material import Arrived, Material
    from driftline.eventlog.messages import Message

SMALL: Final = (1, 10, 50)
ROUNDS: Final = 100
"""Batches that are read in one call: times are of so many."""
_MODEL: Final = re.compile(rb'"m\d\d"')


@pytest.mark.parametrize("records", SMALL)
def test_read_small(benchmark: Any, material: Material, records: int) -> None:
    reader, batch = material.reader(Role.PREDICTIONS), _small(material, records)

    def run() -> int:
        return sum(
            reader.read(batch.passed, batch.records, seen_at=material.seen_at).rows
            for _ in range(ROUNDS)
        )

    assert benchmark(run) == records * ROUNDS


@pytest.mark.parametrize("records", SMALL)
def test_encode_small(benchmark: Any, material: Material, records: int) -> None:
    messages = _messages(material, _small(material, records)) * ROUNDS
    assert len(benchmark(lambda: [encode(one) for one in messages])) == len(messages)


@pytest.mark.parametrize("records", SMALL)
def test_decode_small(benchmark: Any, material: Material, records: int) -> None:
    blobs = [encode(one) for one in _messages(material, _small(material, records))] * ROUNDS
    assert len(benchmark(lambda: [decode(one) for one in blobs])) == len(blobs)


def test_read_many_instances(benchmark: Any, material: Material) -> None:
    reader, batch = material.reader(Role.PREDICTIONS), _of_many(material)

    def run() -> int:
        return reader.read(batch.passed, batch.records, seen_at=material.seen_at).rows

    assert benchmark(run) == BATCH


def test_encode_many_instances(benchmark: Any, material: Material) -> None:
    messages = _messages(material, _of_many(material))
    assert len(benchmark(lambda: [encode(one) for one in messages])) == len(messages)


def test_decode_many_instances(benchmark: Any, material: Material) -> None:
    blobs = [encode(one) for one in _messages(material, _of_many(material))]
    assert len(benchmark(lambda: [decode(one) for one in blobs])) == len(blobs)


def _small(material: Material, records: int) -> Batch:
    return _like(material, material.batches[0].records[:records])


def _of_many(material: Material) -> Batch:
    """A batch with as many instances as records."""
    return _like(
        material,
        [
            replace(one, value=_MODEL.sub(b'"m%06d"' % number, one.value or b""))
            for number, one in enumerate(material.batches[0].records)
        ],
    )


def _like(material: Material, records: Sequence[Arrived]) -> Batch:
    passed = replace(material.batches[0].passed, next=records[-1].offset + 1)
    return Batch(Role.PREDICTIONS, passed, records)


def _messages(material: Material, batch: Batch) -> list[Message]:
    reader = material.reader(Role.PREDICTIONS)
    reading = reader.read(batch.passed, batch.records, seen_at=material.seen_at)
    # The progress message goes to every events partition, and is encoded once.
    return list({id(message): message for _, message in reading.messages}.values())
