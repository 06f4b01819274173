"""How far the consumer groups have come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.app.status.report import PartitionLag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.transport.batches import TopicPartition
    from driftline.transport.topics import TopicAdmin


async def lag_of(admin: TopicAdmin, group: str, topics: Iterable[str]) -> tuple[PartitionLag, ...]:
    """The lag of a group in every partition of the topics; one that does not exist has none.

    Raises:
        UnavailableError: the broker does not answer.
    """
    described = await admin.describe(list(topics))
    partitions = [place for name in sorted(described) for place in described[name].places]
    if not partitions:
        return ()
    bounds = await admin.bounds(partitions)
    committed = await admin.committed(group, partitions)
    return tuple(_lag(tp, *bounds[tp], committed.get(tp)) for tp in partitions)


def _lag(tp: TopicPartition, start: int, end: int, committed: int | None) -> PartitionLag:
    # What retention deleted is not still to be read.
    lag = None if committed is None else max(end - max(committed, start), 0)
    return PartitionLag(tp.topic, tp.partition, start, end, committed, lag)
