"""What one fetch found in a partition, cut into batches that follow each other without a hole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from driftline.transport.batches import SourceBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.transport.batches import TopicPartition, Unreadable
    from driftline.transport.watermark import Watermark


class Fetched(NamedTuple):
    """What one fetch found in one partition."""

    records: list[Any]
    position: int
    """The next offset to fetch: past the last record, and past whatever will never be one."""
    log_end: int
    unreadable: Sequence[Unreadable] = ()


def cut(
    tp: TopicPartition,
    mark: Watermark,
    fetched: Fetched,
    bounds: tuple[int, int],
    *,
    most: int,
    on_ack: Callable[[SourceBatch], None],
) -> list[SourceBatch]:
    """Batches of so many records at most, from the end of what was handed out before.

    There is at least one: what was fetched may be offsets that never will have a record. `bounds`
    are where the log begins and ends.
    """
    records = fetched.records
    batches = []
    for index in range(0, max(len(records), 1), most):
        part = records[index : index + most]
        last = index + most >= len(records)
        next_ = fetched.position if last else part[-1].offset + 1
        size = sum(len(record.value or b"") for record in part)
        first = mark.hand_out(next_)
        batches.append(
            SourceBatch(
                *tp,
                first,
                next_,
                part,
                *bounds,
                mark.generation,
                size,
                [one for one in fetched.unreadable if first <= one.first < next_],
                on_ack,
            )
        )
    return batches
