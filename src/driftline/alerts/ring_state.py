"""A ring as it is stored."""

from __future__ import annotations

import msgspec


class RingState(msgspec.Struct, frozen=True, array_like=True):
    """A ring as it is stored: arrays as little-endian bytes."""

    mark: int
    means: bytes
    squares: bytes
    meta: bytes
    rest: bytes
    rest_times: bytes
    last: bytes
    last_at: int
