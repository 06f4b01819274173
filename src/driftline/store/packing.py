"""MessagePack as the cmsgpack inside Redis reads it: the first edition, whose strings are bytes.

Later editions' types for text and bytes, which every library writes, are refused there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIXED: Final = 32
_COMMON: Final = 512
_TWO_BYTES: Final = 1 << 16


def pack_strings(strings: Sequence[str | bytes]) -> bytes:
    """An array of strings; text as UTF-8."""
    raw: list[bytes] = [one.encode() if isinstance(one, str) else one for one in strings]
    lengths = list(map(len, raw))
    pieces = [b""] * (2 * len(raw))
    common = max(lengths, default=0) < _COMMON
    pieces[::2] = map(_HEADS.__getitem__, lengths) if common else map(_head, lengths)
    pieces[1::2] = raw
    return b"".join((_array(len(raw)), *pieces))


def pack_array(packed: Sequence[bytes]) -> bytes:
    """An array of values that are packed already."""
    return b"".join((_array(len(packed)), *packed))


def _head(length: int) -> bytes:
    if length < _FIXED:
        return bytes([0xA0 | length])
    if length < _TWO_BYTES:
        return b"\xda" + length.to_bytes(2, "big")
    return b"\xdb" + length.to_bytes(4, "big")


def _array(length: int) -> bytes:
    if length < _TWO_BYTES:
        return b"\xdc" + length.to_bytes(2, "big")
    return b"\xdd" + length.to_bytes(4, "big")


_HEADS: Final = [_head(length) for length in range(_COMMON)]
"""Most strings are short, and there are many of them."""
