"""The values of a batch decoded into typed columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import numpy as np
from msgspec.structs import astuple

from driftline.decode.envelope import MAX_DEPTH, MAX_VALUE, UNDECODABLE, is_plain, is_utf8

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.decode.shapes import Shape
    from driftline.eventlog.messages import Ints

    Decode: TypeAlias = Callable[[bytes], Any]
    Rows: TypeAlias = list[tuple[Any, ...]]

_BLOCK: Final = 256
"""Records decoded at a time: few enough that they are still in the processor's cache after."""
_FEW: Final = 4_096
"""Below so many bytes they are counted sooner one by one than an array is made of them."""
_BOTH: Final = np.uint8(0xFF ^ ord("[") ^ ord("{"))
_OPENING: Final = np.uint8(ord("["))
"""The two differ by one bit."""


def decode_bodies(shape: Shape, bodies: Sequence[bytes]) -> tuple[list[list[Any]], Ints]:
    """What certainly decodes, as columns of the shape's fields, and where in the batch each was."""
    decode = msgspec.json.Decoder(shape.type).decode
    columns: list[list[Any]] = [[] for _ in shape.fields]
    taken: list[Ints] = []
    for start in range(0, len(bodies), _BLOCK):
        block = bodies[start : start + _BLOCK]
        rows, places = _decode_together(decode, block) or _decode_singly(decode, block)
        for column, part in zip(columns, zip(*rows, strict=True), strict=bool(rows)):
            column.extend(part)
        taken.append(places + start)
    return columns, np.concatenate(taken)


def _decode_together(decode: Decode, bodies: Sequence[bytes]) -> tuple[Rows, Ints] | None:
    """All of them; None if any is not certain."""
    if not _are_plain(bodies):
        return None
    try:
        rows = list(map(astuple, map(decode, bodies)))
    except UNDECODABLE:
        return None
    return rows, np.arange(len(rows))


def _decode_singly(decode: Decode, bodies: Sequence[bytes]) -> tuple[Rows, Ints]:
    rows, taken = [], []
    for place, body in enumerate(bodies):
        if not is_plain(body):
            continue
        try:
            rows.append(astuple(decode(body)))
        except UNDECODABLE:
            continue
        taken.append(place)
    return rows, np.array(taken, np.int64)


def _are_plain(bodies: Sequence[bytes]) -> bool:
    """Whether `is_plain` holds for each of these, if all are objects; False may also mean: look."""
    # A line break between them keeps the halves of a cut character from making one.
    text = b"\n".join(bodies)
    return len(text) <= MAX_VALUE and is_utf8(text) and not _maybe_deep(text, bodies)


def _maybe_deep(text: bytes, bodies: Sequence[bytes]) -> bool:
    """Whether one of these objects, together a text, may be nested too deep."""
    # Each object opens one bracket at least, so few more than that cannot nest deep.
    few = len(bodies) + MAX_DEPTH
    if len(text) < _FEW:
        return text.count(b"{") + text.count(b"[") >= few
    is_opening = np.frombuffer(text, np.uint8) & _BOTH == _OPENING
    if np.count_nonzero(is_opening) < few:
        return False
    # So many brackets within one of them lie closer together than the longest of them is long.
    places = np.flatnonzero(is_opening)
    return bool((places[MAX_DEPTH:] - places[:-MAX_DEPTH]).min() < max(map(len, bodies)))
