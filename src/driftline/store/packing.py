"""MessagePack as the cmsgpack inside Redis reads it: to it, bytes are strings as well.

The later type for bytes, which every library writes, is refused there; text is read as any of them
writes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIXED: Final = 32
_COMMON: Final = 2_048
_TWO_BYTES: Final = 1 << 16
_HEADS: Final[list[bytes]] = []
"""Most strings are short, and there are many of them: ids, and most parts of a state."""
_FEW: Final = 24
"""So few pairs are packed sooner than numpy begins."""

pack_texts: Final = msgspec.msgpack.Encoder().encode
"""An array of strings, given as text."""


def join_strings(strings: Sequence[str | bytes]) -> bytes:
    """Strings to be put into an array; text as UTF-8."""
    raw = [one.encode() if isinstance(one, str) else one for one in strings]
    if len(raw) == 1:
        return _head(len(raw[0])) + raw[0]
    return b"".join(_with_heads(raw))


def pack_array(packed: Sequence[bytes]) -> bytes:
    """An array of values that are packed already."""
    return b"".join((array_head(len(packed)), *packed))


def pack_pairs(names: Sequence[str], values: Sequence[bytes]) -> bytes:
    """Names and values in turn, to be put into an array."""
    if len(names) <= _FEW:
        return _pack_few(names, values)
    packed = _pack_even(names, values)
    if packed is not None:
        return packed
    pieces = [b""] * (4 * len(names))
    named = _with_heads(list(map(str.encode, names)))
    pieces[::4], pieces[1::4] = named[::2], named[1::2]
    valued = _with_heads(values)
    pieces[2::4], pieces[3::4] = valued[::2], valued[1::2]
    return b"".join(pieces)


def _pack_few(names: Sequence[str], values: Sequence[bytes]) -> bytes:
    pieces: list[bytes] = []
    for name, value in zip(names, values, strict=True):
        text = name.encode()
        size = len(value)
        head = _HEADS[size] if size < _COMMON else _head(size)
        pieces += (_head(len(text)), text, head, value)
    return b"".join(pieces)


def array_head(length: int) -> bytes:
    """What an array of so many values begins with."""
    if length < _TWO_BYTES:
        return b"\xdc" + length.to_bytes(2, "big")
    return b"\xdd" + length.to_bytes(4, "big")


def _pack_even(names: Sequence[str], values: Sequence[bytes]) -> bytes | None:
    """Names that are all of one length, and values that are; None where they are not.

    As most ids and entries of a stream are: a table, at half the cost.
    """
    count, width, size = len(names), len(names[0].encode()), len(values[0])
    text = "\0".join((*names, "")).encode()
    table = np.frombuffer(text, np.uint8)
    # As many separators as names, each where it would be: so none is part of a name.
    if (
        len(text) != count * (width + 1)
        or text.count(0) != count
        or table[width :: width + 1].any()
    ):
        return None
    if set(map(len, values)) != {size}:
        return None
    name, value = _head(width), _head(size)
    row = np.frombuffer(b"".join((name, bytes(width), value, bytes(size))), np.uint8)
    packed = np.empty((count, len(row)), np.uint8)
    packed[:] = row
    packed[:, len(name) : len(name) + width] = table.reshape(count, -1)[:, :width]
    packed[:, len(row) - size :] = np.frombuffer(b"".join(values), np.uint8).reshape(count, size)
    return packed.tobytes()


def _with_heads(raw: Sequence[bytes]) -> list[bytes]:
    """Each behind the head that tells its length."""
    lengths = list(map(len, raw))
    pieces = [b""] * (2 * len(raw))
    common = max(lengths, default=0) < _COMMON
    pieces[::2] = map(_HEADS.__getitem__, lengths) if common else map(_head, lengths)
    pieces[1::2] = raw
    return pieces


def _head(length: int) -> bytes:
    if length < len(_HEADS):
        return _HEADS[length]
    if length < _FIXED:
        return bytes([0xA0 | length])
    if length < _TWO_BYTES:
        return b"\xda" + length.to_bytes(2, "big")
    return b"\xdb" + length.to_bytes(4, "big")


_HEADS.extend(_head(length) for length in range(_COMMON))
