"""A listener that writes down what the transport does, and does as it is told."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from driftline.transport.batches import (
        IdleTick,
        PartitionLog,
        SourceBatch,
        TopicPartition,
    )


class Recorder:
    """Acknowledges each batch unless told otherwise, and keeps everything it is given."""

    def __init__(self, *, acknowledge: bool = True) -> None:
        self.acknowledge = acknowledge
        self.positions: dict[TopicPartition, int] = {}
        self.blocked: dict[int, asyncio.Event] = {}
        """Partitions whose batches wait for the event."""
        self.fail_at: int | None = None
        """The batch that holds this offset raises."""
        self.batches: list[SourceBatch] = []
        self.ticks: list[IdleTick] = []
        self.assigned: list[Mapping[TopicPartition, PartitionLog]] = []
        self.revoked: list[set[TopicPartition]] = []
        self.told: list[Mapping[TopicPartition, int]] = []

    async def on_assigned(
        self, partitions: Mapping[TopicPartition, PartitionLog]
    ) -> Mapping[TopicPartition, int | None]:
        self.assigned.append(partitions)
        return {tp: self.positions.get(tp) for tp in partitions}

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        self.revoked.append(set(partitions))

    async def on_batch(self, batch: SourceBatch) -> None:
        if self.fail_at is not None and batch.first <= self.fail_at < batch.next:
            msg = f"told to fail at {self.fail_at}"
            raise RuntimeError(msg)
        if (gate := self.blocked.get(batch.partition)) is not None:
            await gate.wait()
        self.batches.append(batch)
        if self.acknowledge:
            batch.ack()

    async def on_idle(self, tick: IdleTick) -> None:
        self.ticks.append(tick)

    async def before_commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.told.append(dict(offsets))

    def of(self, partition: int) -> list[SourceBatch]:
        """The batches of one partition."""
        return [batch for batch in self.batches if batch.partition == partition]

    def offsets(self, partition: int) -> list[int]:
        """The offsets of the records of one partition, as they came."""
        return [record.offset for batch in self.of(partition) for record in batch.records]

    @property
    def count(self) -> int:
        """How many records came."""
        return sum(len(batch.records) for batch in self.batches)


LONGEST_STEP_SECONDS: Final = 1.0
"""What is longer between two looks is the machine standing still, not what is waited for."""


async def until(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait for a condition, for so long at most in which this process ran."""
    left = seconds
    while not condition():
        if left <= 0:
            msg = f"not within {seconds} s"
            raise TimeoutError(msg)
        began = time.monotonic()
        await asyncio.sleep(0.02)
        left -= min(time.monotonic() - began, LONGEST_STEP_SECONDS)
