# ruff: noqa: SLF001 - what River keeps private is the state that has to be stored
"""River's ADWIN, driven past its Python shell: the Rust window is called directly, in C loops.

River's shell makes a new window at the first value after a drift; here it is made at the drift,
which is the same to every value that follows.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from itertools import compress, count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from river.drift import ADWIN

from driftline.detectors.state import LIMIT, State, bounded, decode_state, require
from driftline.model import Level

if TYPE_CHECKING:
    from driftline.config.profiles import AdwinSpec

_HEAD: Final = struct.Struct("<diQdd dddd iiii Q")
"""delta, clock, max_buckets, min_window_length, grace_period; total, variance, width, total_width;
n_buckets, max_n_buckets, tick, n_detections; number of rows. bincode: little-endian, no padding."""
_ROW: Final = struct.Struct("<QQQ")
"""max_buckets, buckets in use, length of the arrays that follow."""
_TAIL: Final = struct.Struct("<diQii")
"""The five parameters again."""
_MAX_ROWS: Final = 48
_TOLERANCE: Final = 1e-6
"""Sums of the same values in another order differ by rounding."""


class Row(State, frozen=True):
    """The buckets that summarise 2^i values each: their sums, and sums of squared deviations."""

    totals: tuple[float, ...]
    variances: tuple[float, ...]


class AdwinState(State, frozen=True):
    """All that values have left behind; what else River reads follows from it and the spec."""

    total: float
    variance: float
    rows: tuple[Row, ...]


class _Counts(NamedTuple):
    width: int
    buckets_made: int


class AdwinEngine:
    """An engine around River's ADWIN."""

    def __init__(self, spec: AdwinSpec) -> None:
        self._spec = spec
        self._window = self._new_window()

    @property
    def warned(self) -> bool:
        """Never: ADWIN has no warning level."""
        return False

    def run(self, values: list[float]) -> list[tuple[int, Level]]:
        """Learn from the values; see Engine."""
        if len(values) == 1:
            return self._run_one(values[0])
        found: list[tuple[int, Level]] = []
        numbers, stream = count(), iter(values)
        while True:
            # `compress` asks for one verdict at a time, so it stops right at a drift.
            index = next(compress(numbers, map(self._window.update, stream)), None)
            if index is None:
                return found
            found.append((index, Level.DRIFT))
            self._window = self._new_window()

    def _run_one(self, value: float) -> list[tuple[int, Level]]:
        """The same of one value: to begin with many costs as much as the value does."""
        if not self._window.update(value):
            return []
        self._window = self._new_window()
        return [(0, Level.DRIFT)]

    def snapshot(self) -> bytes:
        """The state, some 2 kB for a million values."""
        return msgspec.msgpack.encode(_unpack(self._window.__getstate__()))

    def restore(self, blob: bytes) -> None:
        """Take over a state; see Engine."""
        state = decode_state(AdwinState, blob)
        counts = _check(state, self._spec.max_buckets)
        window = self._new_window()
        if counts.width:
            window.__setstate__(_pack(state, counts, self._spec))
        self._window = window

    def _new_window(self) -> Any:
        spec = self._spec
        return ADWIN(
            delta=spec.delta,
            clock=spec.clock,
            max_buckets=spec.max_buckets,
            min_window_length=spec.min_window_length,
            grace_period=spec.grace_period,
        )._helper


def _check(state: AdwinState, max_buckets: int) -> _Counts:
    """How many values the rows stand for; raises StateError if they contradict themselves."""
    require(1 <= len(state.rows) <= _MAX_ROWS, "a number of rows that a stream can fill")
    for row in state.rows:
        require(len(row.totals) == len(row.variances) <= max_buckets, "rows of paired buckets")
    empty = not state.rows[0].totals
    require(all(row.totals for row in state.rows) or (empty and len(state.rows) == 1), "full rows")
    entered = made = 0
    for row in reversed(state.rows):  # two buckets of a row become one of the next
        entered = len(row.totals) + 2 * entered
        made += entered
    _check_sums(state, most=LIMIT * max(entered, 1))
    return _Counts(entered, made)


def _check_sums(state: AdwinState, most: float) -> None:
    """Raise StateError unless the buckets are parts of the whole, but for rounding."""
    buckets = [
        (2**i, total, variance)
        for i, row in enumerate(state.rows)
        for total, variance in zip(row.totals, row.variances, strict=True)
    ]
    totals = [total for _, total, _ in buckets]
    variances = [variance for _, _, variance in buckets]
    require(bounded(state.total, *totals, low=-most, high=most), "finite sums")
    require(bounded(state.variance, *variances, low=0, high=4 * LIMIT * most), "finite variances")
    scale = max(1.0, math.fsum(map(abs, totals)))
    require(abs(math.fsum(totals) - state.total) <= _TOLERANCE * scale, "sums that add up")
    mean = state.total / max(1, sum(size for size, _, _ in buckets))
    between = math.fsum(size * (total / size - mean) ** 2 for size, total, _ in buckets)
    # Squares of what is far from 0 lose the digits in which they differ.
    lost = _TOLERANCE**2 * math.fsum(total * (total / size) for size, total, _ in buckets)
    slack = _TOLERANCE * max(1.0, state.variance) + lost
    whole = math.fsum(variances) + between
    require(abs(whole - state.variance) <= slack, "variances that add up")


def _unpack(blob: bytes) -> AdwinState:
    """River's own state as numbers."""
    head = _HEAD.unpack_from(blob)
    total, variance, rows = head[5], head[6], head[13]
    length = head[2] + 1
    numbers = _rows(rows, length).unpack_from(blob, _HEAD.size)
    found = []
    # max_buckets, buckets in use, length; the totals; the variances, behind their own length
    for start in range(0, len(numbers), 2 * length + 4):
        used, totals = numbers[start + 1], start + 3
        variances = totals + length + 1
        found.append(Row(numbers[totals : totals + used], numbers[variances : variances + used]))
    return AdwinState(total, variance, tuple(found))


@lru_cache(maxsize=1_000)
def _rows(count: int, length: int) -> struct.Struct:
    """So many rows with arrays of this length, to be read at one go."""
    return struct.Struct("<" + f"QQQ{length}dQ{length}d" * count)


def _pack(state: AdwinState, counts: _Counts, spec: AdwinSpec) -> bytes:
    """Numbers as River's own state."""
    width = counts.width
    made, tick = _int32(counts.buckets_made), _int32(width)
    parts = [
        _HEAD.pack(
            spec.delta,
            spec.clock,
            spec.max_buckets,
            float(spec.min_window_length),
            float(spec.grace_period),
            state.total,
            state.variance,
            float(width),
            float(width * (width + 1) // 2),
            made,
            made,
            tick,
            0,
            len(state.rows),
        )
    ]
    length = spec.max_buckets + 1
    for row in state.rows:
        used = len(row.totals)
        parts.append(_ROW.pack(spec.max_buckets, used, length))
        parts.append(struct.pack(f"<{used}d", *row.totals).ljust(8 * length, b"\0"))
        parts.append(struct.pack("<Q", length))
        parts.append(struct.pack(f"<{used}d", *row.variances).ljust(8 * length, b"\0"))
    parts.append(
        _TAIL.pack(
            spec.delta, spec.clock, spec.max_buckets, spec.min_window_length, spec.grace_period
        )
    )
    return b"".join(parts)


def _int32(number: int) -> int:
    """The number as River's counters hold it, which wrap around."""
    return (number + 2**31) % 2**32 - 2**31
