"""How the list of an instance's windows is stored: runs of starts in msgpack, versioned."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from driftline.model import Micros
    from driftline.windows.grid import Grid

VERSION: Final = 1


class Series(msgspec.Struct, array_like=True, frozen=True):
    """The windows of one signal in one size."""

    signal: str
    size: int
    open: list[int]
    kept: list[tuple[int, int]]
    """Closed windows as runs: the first start, and how many follow one another."""


class Head(msgspec.Struct, array_like=True, frozen=True):
    """An instance's windows but for their contents."""

    version: int
    watermark: int | None
    late: int
    refused: int
    series: list[Series]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Head)


def encode(
    watermark: Micros | None, late: int, refused: int, grids: Mapping[tuple[Micros, str], Grid]
) -> bytes:
    """The state as bytes."""
    series = [
        Series(signal, size, sorted((*grid.open, *grid.awaited)), _runs(grid.kept, size))
        for (size, signal), grid in grids.items()
        if grid.open or grid.awaited or grid.kept
    ]
    return _encoder.encode(Head(VERSION, watermark, late, refused, series))


def decode(stored: bytes) -> Head:
    """The state; StateError if it is of another version or damaged."""
    try:
        state = _decoder.decode(stored)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        message = f"the stored list of windows does not decode: {error}"
        raise StateError(message) from error
    if state.version != VERSION:
        message = (
            f"a list of windows of version {state.version}: this driftline reads version {VERSION}"
        )
        raise StateError(message)
    if not all(map(_sound, state.series)):
        message = "the stored list of windows contradicts itself"
        raise StateError(message)
    return state


def starts(series: Series) -> Iterator[Micros]:
    """The starts of the closed windows, ascending."""
    for first, length in series.kept:
        yield from range(first, first + length * series.size, series.size)


def _runs(kept: Sequence[Micros], size: Micros) -> list[tuple[Micros, int]]:
    runs: list[tuple[Micros, int]] = []
    for start in kept:
        if runs and start == runs[-1][0] + runs[-1][1] * size:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((start, 1))
    return runs


def _sound(series: Series) -> bool:
    # A run of a billion windows is damage: it must not be spelt out.
    return (
        series.size > 0
        and all(0 < length <= 10_000_000 for _, length in series.kept)  # noqa: PLR2004
        and all(a + n * series.size < b for (a, n), (b, _) in pairwise(series.kept))
        and not any(start % series.size for start in series.open)
    )
