"""Where reading begins in a partition that was just assigned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.transport.batches import PartitionLog, Start, TopicPartition

log = structlog.get_logger(__name__)


class PositionLostError(DriftlineError):
    """A partition is not the one that was read before: its end lies below what was read of it."""

    def __init__(self, tp: TopicPartition, position: int, now: int) -> None:
        super().__init__(
            f"{tp.topic}/{tp.partition} was read up to {position} and goes on at {now}: "
            "it was made anew, or truncated"
        )


def known_commit(known: PartitionLog) -> int | None:
    """The committed offset; one beyond the log's end is of an earlier topic of that name."""
    committed = known.committed
    return committed if committed is not None and committed <= known.log_end else None


def default_position(tp: TopicPartition, known: PartitionLog, start: Start) -> int:
    """The committed offset, else what the start policy says; for a time, the end of the log.

    A commit that a topic made anew has left behind is not taken: its log is read from the start.
    """
    if (committed := known_commit(known)) is not None:
        return committed
    if known.committed is not None:
        log.warning(
            "committed_beyond_log_end",
            topic=tp.topic,
            partition=tp.partition,
            committed=known.committed,
            log_end=known.log_end,
        )
        return known.log_start
    return known.log_start if start == "earliest" else known.log_end


def moments(
    logs: Mapping[TopicPartition, PartitionLog], starts: Mapping[str, Start]
) -> dict[TopicPartition, int]:
    """The partitions whose start has to be looked up by a time, in milliseconds."""
    return {
        tp: start // 1000
        for tp, known in logs.items()
        if isinstance(start := starts[tp.topic], int) and known.committed is None
    }


def refuse_beyond_end(
    positions: Mapping[TopicPartition, int], logs: Mapping[TopicPartition, PartitionLog]
) -> None:
    """Raise `PositionLostError` for a position that the log does not reach."""
    for tp, position in positions.items():
        if position > logs[tp].log_end:
            raise PositionLostError(tp, position, logs[tp].log_end)
