"""The values of a batch decoded into typed columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from msgspec.structs import astuple

from driftline.decode.envelope import (
    MAX_DEPTH,
    MAX_VALUE,
    UNDECODABLE,
    is_plain,
    is_utf8,
    maybe_deep,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from driftline.decode.shapes import Shape

_BLOCK: Final = 256
"""Records decoded at a time: few enough that they are still in the processor's cache after."""


def decode_bodies(
    shape: Shape, bodies: Sequence[bytes | None]
) -> tuple[list[list[Any]], list[int]]:
    """What decodes, as columns of the shape's fields, and where in the batch each row was.

    What is larger than allowed or no UTF-8 is left out; what is nested too deep may be among it.
    """
    plain = [body or b"" for body in bodies]
    # A line break between them keeps the halves of a cut character from making one.
    if max(map(len, plain)) > MAX_VALUE or not is_utf8(b"\n".join(plain)):
        plain = [body if is_plain(body) else b"" for body in plain]
    decode = msgspec.json.Decoder(shape.type).decode
    columns: list[list[Any]] = [[] for _ in shape.fields]
    taken: list[int] = []
    for start in range(0, len(plain), _BLOCK):
        block = plain[start : start + _BLOCK]
        places: Sequence[int] = range(len(block))
        try:
            rows = [astuple(decode(body)) for body in block]
        except UNDECODABLE:
            rows, places = _decode_singly(decode, block)
        taken += [start + place for place in places]
        for column, part in zip(columns, zip(*rows, strict=True), strict=bool(rows)):
            column.extend(part)
    return columns, taken


def maybe_deep_rows(bodies: Sequence[bytes | None]) -> NDArray[np.bool_]:
    """Which of these objects may be nested too deep."""
    plain = [body or b"" for body in bodies]
    # Each object opens one bracket at least, so few more than that cannot nest deep.
    if _openings(b"".join(plain)) < len(plain) + MAX_DEPTH:
        return np.zeros(len(plain), np.bool_)
    return np.array([maybe_deep(body) for body in plain], np.bool_)


def _openings(text: bytes) -> int:
    """How many brackets and braces are opened, if only within texts."""
    return text.count(b"{") + text.count(b"[")


def _decode_singly(
    decode: Callable[[bytes], Any], bodies: Sequence[bytes]
) -> tuple[list[tuple[Any, ...]], Sequence[int]]:
    rows, taken = [], []
    for place, body in enumerate(bodies):
        try:
            rows.append(astuple(decode(body)))
        except UNDECODABLE:
            continue
        taken.append(place)
    return rows, taken
