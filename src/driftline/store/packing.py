"""MessagePack as the cmsgpack inside Redis reads it: the first edition, whose strings are bytes.

Later editions' types for text and bytes, which every library writes, are refused there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHORT_STRING: Final = [bytes([0xA0 | length]) for length in range(32)]
_TWO_BYTES: Final = 1 << 16


def pack_strings(strings: Sequence[str | bytes]) -> bytes:
    """An array of strings; text as UTF-8."""
    pieces = [_array(len(strings))]
    for string in strings:
        raw = string.encode() if isinstance(string, str) else string
        pieces.append(_string(len(raw)))
        pieces.append(raw)
    return b"".join(pieces)


def pack_array(packed: Sequence[bytes]) -> bytes:
    """An array of values that are packed already."""
    return b"".join((_array(len(packed)), *packed))


def _string(length: int) -> bytes:
    if length < len(_SHORT_STRING):
        return _SHORT_STRING[length]
    if length < _TWO_BYTES:
        return b"\xda" + length.to_bytes(2, "big")
    return b"\xdb" + length.to_bytes(4, "big")


def _array(length: int) -> bytes:
    if length < _TWO_BYTES:
        return b"\xdc" + length.to_bytes(2, "big")
    return b"\xdd" + length.to_bytes(4, "big")
