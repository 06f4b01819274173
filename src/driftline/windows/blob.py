"""How a window's summary is stored: one msgpack array that says its version."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from driftline.errors import StateError
from driftline.windows.sketch import SPAN, Side, Sketch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.eventlog.messages import Ints

VERSION: Final = 1

_FEW: Final = 64
"""So few buckets are looked at one by one: numpy takes longer to begin."""

# Buckets of finite floats lie between those of 5e-324 and of 1.8e308.
_LOWEST: Final = -1075 * 35
_HIGHEST: Final = 1025 * 35


class Buckets(msgspec.Struct, array_like=True, frozen=True):
    """A sketch. Each side: the first bucket, its count, the gap to the next one, its count, ..."""

    zeros: int
    top: int | None
    positive: list[int]
    negative: list[int]


class Summary(msgspec.Struct, array_like=True, frozen=True):
    """An aggregate, field by field."""

    count: int
    origin: float
    sum: float
    squares: float
    min: float
    max: float
    sketch: Buckets


class _Versioned(msgspec.Struct, array_like=True, frozen=True):
    version: int
    summary: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_versioned = msgspec.msgpack.Decoder(_Versioned)
_summary = msgspec.msgpack.Decoder(Summary)


def encode(summary: Summary) -> bytes:
    """The summary as bytes that say their version."""
    return _encoder.encode((VERSION, summary))


def decode(stored: bytes) -> Summary:
    """The summary; StateError if it is of another version, damaged, or contradicts itself."""
    try:
        versioned = _versioned.decode(stored)
        if versioned.version != VERSION:
            message = f"a window of version {versioned.version}; this driftline reads {VERSION}"
            raise StateError(message)
        summary = _summary.decode(versioned.summary)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        message = f"a stored window does not decode: {error}"
        raise StateError(message) from error
    _check(summary)
    return summary


def pack(sketch: Sketch) -> Buckets:
    """A sketch in its stored form."""
    return Buckets(sketch.zeros, sketch.top, _pack(sketch.positive), _pack(sketch.negative))


def unpack(stored: Buckets) -> Sketch:
    """A sketch from a stored form that `decode` has checked."""
    sketch = Sketch()
    sketch.zeros, sketch.top = stored.zeros, stored.top
    for side, numbers in ((sketch.positive, stored.positive), (sketch.negative, stored.negative)):
        if numbers:
            buckets = np.cumsum(numbers[::2])
            side.low = int(buckets[0])
            side.counts = np.zeros(int(buckets[-1]) - side.low + 1, np.int64)
            side.counts[buckets - side.low] = numbers[1::2]
    return sketch


def _pack(side: Side) -> list[int]:
    if len(side.counts) <= _FEW:
        return _pack_few(side.low, side.counts.tolist())
    buckets, counts = side.sparse()
    if not len(buckets):
        return []
    pairs: Ints = np.empty(2 * len(buckets), np.int64)
    pairs[0], pairs[2::2], pairs[1::2] = buckets[0], np.diff(buckets), counts
    numbers: list[int] = pairs.tolist()
    return numbers


def _pack_few(low: int, counts: Sequence[int]) -> list[int]:
    numbers: list[int] = []
    before = 0
    for bucket, count in enumerate(counts, low):
        if count:
            numbers += (bucket - before, count)
            before = bucket
    return numbers


def _check(summary: Summary) -> None:
    """Refuse what no aggregate can hold: it would panic, or mislead, later and elsewhere."""
    sketch = summary.sketch
    sound = (
        0 <= summary.count < 2**62
        and sketch.zeros >= 0
        and (sketch.top is None or _LOWEST <= sketch.top <= _HIGHEST)
        and all(map(math.isfinite, (summary.origin, summary.sum, summary.squares)))
        and (not summary.count or -math.inf < summary.min <= summary.max < math.inf)
        and _sound(sketch.positive, sketch.top)
        and _sound(sketch.negative, sketch.top)
        and sketch.zeros + sum(sketch.positive[1::2]) + sum(sketch.negative[1::2]) == summary.count
    )
    if not sound:
        message = "a stored window contradicts itself"
        raise StateError(message)


def _sound(numbers: list[int], top: int | None) -> bool:
    if not numbers:
        return True
    if top is None or len(numbers) % 2:
        return False
    gaps, counts = numbers[2::2], numbers[1::2]
    # A bound on each number first: the sums then cannot overflow an int64.
    return (
        top - SPAN < numbers[0] <= top
        and all(0 < gap < SPAN for gap in gaps)
        and numbers[0] + sum(gaps) <= top
        and all(0 < count < 2**62 for count in counts)
    )
