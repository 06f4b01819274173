"""How far the consumer groups have come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException

from driftline.app.status.report import PartitionLag
from driftline.errors import UnavailableError
from driftline.transport.batches import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.transport.topics import TopicAdmin

COORDINATOR_SECONDS: Final = 10.0
"""So long a broker that was just started may look for a group's offsets."""
_NOT_YET: Final = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)


async def lag_of(admin: TopicAdmin, group: str, topics: Iterable[str]) -> tuple[PartitionLag, ...]:
    """The lag of a group in every partition of the topics; one that does not exist has none.

    Raises:
        UnavailableError: the broker does not answer.
    """
    described = await admin.describe(list(topics))
    partitions = [
        TopicPartition(name, number)
        for name in sorted(described)
        for number in range(described[name].partitions)
    ]
    if not partitions:
        return ()
    bounds = await admin.bounds(partitions)
    committed = await _committed(admin, group, partitions)
    return tuple(_lag(tp, *bounds[tp], committed.get(tp)) for tp in partitions)


async def _committed(
    admin: TopicAdmin, group: str, partitions: Sequence[TopicPartition]
) -> Mapping[TopicPartition, int]:
    until = asyncio.get_running_loop().time() + COORDINATOR_SECONDS
    while True:
        try:
            return await admin.committed(group, partitions)
        except UnavailableError as error:
            if asyncio.get_running_loop().time() > until or not _passes(error.__cause__):
                raise
        await asyncio.sleep(COORDINATOR_SECONDS / 50)


def _passes(cause: BaseException | None) -> bool:
    """Whether the broker says that a group's coordinator is not ready yet."""
    return isinstance(cause, KafkaException) and cause.args[0].code() in _NOT_YET


def _lag(tp: TopicPartition, start: int, end: int, committed: int | None) -> PartitionLag:
    # What retention deleted is not still to be read.
    lag = None if committed is None else max(end - max(committed, start), 0)
    return PartitionLag(tp.topic, tp.partition, start, end, committed, lag)
