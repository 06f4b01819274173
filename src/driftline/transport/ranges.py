"""What one fetch found in a partition, cut into batches that follow each other without a hole."""

from __future__ import annotations

from dataclasses import replace
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
    whole = SourceBatch(
        *tp,
        mark.hand_out(fetched.position),
        fetched.position,
        fetched.records,
        *bounds,
        mark.generation,
        unreadable=fetched.unreadable,
        on_ack=on_ack,
    )
    return [
        replace(one, size=sum(len(record.value or b"") for record in one.records))
        for one in whole.pieces(most)
    ]
