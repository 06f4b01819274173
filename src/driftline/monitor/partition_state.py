"""What an events partition stores of itself, apart from its instances."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from driftline.clocks import StreamClockState  # noqa: TC001 - msgspec reads it
from driftline.errors import StateError
from driftline.model import Micros  # noqa: TC001 - msgspec reads it
from driftline.monitor.books import Books  # noqa: TC001 - msgspec reads it
from driftline.monitor.trouble import StreamTrouble

FORMAT: Final = 2
"""Format 1 knew nothing of troubles: it is read as if there were none."""


class StreamState(msgspec.Struct):
    """What an events partition knows of a stream apart from its instances."""

    clock: StreamClockState
    books: Books
    refused: int = 0
    """Rows of instances over `max_instances`."""
    suspended_rows: int = 0
    """Rows passed over because their instance is suspended."""
    passed: dict[str, tuple[str, int]] = msgspec.field(default_factory=dict)
    """By role and source partition: its incarnation, and the offset behind its last row so far."""
    forgotten_rows: int = 0
    """Rows that were in the books of instances which were forgotten."""
    trouble: StreamTrouble = msgspec.field(default_factory=StreamTrouble)


class PartitionState(msgspec.Struct):
    """What an events partition stores: its declaration, and per stream clock and books."""

    format: int
    digest: str
    declared_at: Micros
    streams: list[dict[str, Any]]
    states: dict[str, StreamState]
    suspended: dict[str, str]
    """Instances that are passed over, each with the reason."""

    @classmethod
    def decode(cls, blob: bytes) -> PartitionState:
        """The inverse of MessagePack's encoding.

        Raises:
            StateError: it does not decode, or another driftline wrote it.
        """
        try:
            state = msgspec.msgpack.decode(blob, type=cls)
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the stored state of an events partition does not decode: {error}"
            raise StateError(msg) from error
        if not 1 <= state.format <= FORMAT:
            msg = f"state of format {state.format} was written by another driftline ({FORMAT})"
            raise StateError(msg)
        return state
