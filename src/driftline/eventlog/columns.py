"""Columns as bytes: little-endian numbers in the narrowest width that holds them exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from driftline.errors import StateError
from driftline.eventlog.packed import Kind, PackedFloats, PackedInts, PackedTexts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.eventlog.messages import Codes, Floats, Ints


_TYPES: Final[Mapping[Kind, np.dtype[Any]]] = {
    "u1": np.dtype("<u1"),
    "u2": np.dtype("<u2"),
    "u4": np.dtype("<u4"),
    "i8": np.dtype("<i8"),
    "f8": np.dtype("<f8"),
}
_LIMITS: Final[tuple[tuple[Kind, int], ...]] = (("u1", 1 << 8), ("u2", 1 << 16), ("u4", 1 << 32))
_NARROW: Final = ("u1", "u2")
_FAR: Final = 1 << 30
"""Up to here a base and what the narrow widths add to it fit into 32 bits."""


def refuse(reason: str, cause: BaseException | None = None) -> NoReturn:
    """Raise the StateError of a message that does not check out."""
    text = f"events log: {reason}"
    raise StateError(text) from cause


def pack_ints(column: Ints | Codes) -> PackedInts:
    """The column in the narrowest width that holds its distance from its least value."""
    if not len(column):
        return PackedInts(0, "u1", b"")
    base, largest = extremes(column)
    if base == largest:
        return PackedInts(base, "u1", bytes(len(column)))
    for kind, limit in _LIMITS:
        if largest - base < limit:
            return PackedInts(base, kind, (column - base).astype(_TYPES[kind]).tobytes())
    return PackedInts(0, "i8", column.astype(_TYPES["i8"]).tobytes())


def unpack_ints(packed: PackedInts, what: str) -> Ints:
    """The inverse of `pack_ints`; raises StateError naming `what` for other bytes."""
    if packed.kind == "f8":
        refuse(f"{what}: kind f8 is not for whole numbers")
    column = _numbers(packed.kind, packed.data, what).astype(np.int64)
    if packed.kind == "i8":
        if packed.base:
            refuse(f"{what}: kind i8 goes with base 0")
    elif not -(1 << 63) <= packed.base < (1 << 63) - (1 << 32):
        refuse(f"{what}: base {packed.base} is out of range")
    if packed.base:
        column += packed.base
    return column


def pack_floats(column: Floats) -> PackedFloats:
    """The column bit for bit, or as single bytes if that loses nothing."""
    with np.errstate(invalid="ignore"):
        small = column.astype(_TYPES["u1"])
    # Compared as bits: -0.0 equals 0.0, but is not it.
    if not np.count_nonzero(small.astype(np.float64).view(np.int64) != column.view(np.int64)):
        return PackedFloats("u1", small.tobytes())
    return PackedFloats("f8", column.astype(_TYPES["f8"]).tobytes())


def unpack_floats(packed: PackedFloats, what: str) -> Floats:
    """The inverse of `pack_floats`; raises StateError naming `what` for other bytes."""
    if packed.kind not in ("u1", "f8"):
        refuse(f"{what}: kind {packed.kind} is not for numbers")
    return _numbers(packed.kind, packed.data, what).astype(np.float64)


def pack_texts(values: Sequence[str], codes: Codes) -> PackedTexts:
    """The column without the values that no row uses."""
    used = np.bincount(codes.astype(np.int64) + 1, minlength=len(values) + 1)[1:] > 0
    if used.all():
        return PackedTexts(tuple(values), pack_ints(codes))
    # One longer than the values, so that the code -1 finds the -1 at the end.
    places = np.append(np.cumsum(used) - 1, -1)
    kept = tuple(values[place] for place in np.flatnonzero(used).tolist())
    return PackedTexts(kept, pack_ints(places[codes]))


def unpack_codes(packed: PackedInts, what: str) -> Codes:
    """Places in a list, not yet checked against it; raises StateError for what cannot be any."""
    column = unpack_ints(packed, what)
    codes = column.astype(np.int32)
    fits = packed.kind in _NARROW and abs(packed.base) <= _FAR
    # What does not fit comes out as another number.
    if not fits and np.count_nonzero(codes != column):
        refuse(f"{what}: a code is out of range")
    return codes


def check_codes(codes: Ints | Codes, values: int, least: int, what: str) -> None:
    """Raise StateError naming `what` unless these are places in `values` texts, or `least`."""
    if len(codes):
        smallest, largest = extremes(codes)
        if smallest < least or largest >= values:
            refuse(f"{what}: a code is outside its {values} values")


def extremes(column: Ints | Codes) -> tuple[int, int]:
    """The least and the largest of at least one; in a third of the time that methods take."""
    if len(column) == 1:
        only = int(column[0])
        return only, only
    return int(np.minimum.reduce(column)), int(np.maximum.reduce(column))


def _numbers(kind: Kind, data: bytes, what: str) -> Ints | Floats:
    width = int(kind[1])
    if len(data) % width:
        refuse(f"{what}: {len(data)} bytes are no multiple of {width}")
    return np.frombuffer(data, _TYPES[kind])
