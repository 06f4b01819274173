"""Compressed batches unpacked within a bound.

A broker limits a batch as it is sent, a megabyte by default; half of one may unpack to half a
gigabyte. aiokafka (0.14.0) unpacks whatever comes: its record parsers look their four decoders up
by name in their own module, and there `bound_unpacking` puts ours. tests/contract breaks when that
changes.
"""

from __future__ import annotations

import hashlib
import importlib
import struct
import threading
import zlib
from typing import TYPE_CHECKING, Any, Final

import cramjam
import numpy as np
from aiokafka import codec

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BATCH_BYTES: Final = 32 << 20
"""What one batch may unpack to."""
PARSERS: Final = (
    "aiokafka.record.default_records",
    "aiokafka.record.legacy_records",
    "aiokafka.record._crecords.default_records",
    "aiokafka.record._crecords.legacy_records",
)
_GZIP_HEADER: Final = 31
"""As zlib's window bits: gzip's frame, the largest window."""
_XERIAL_HEADER: Final = 16
"""Bytes before the blocks of the framing that Java gives snappy."""
_XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"


class BatchTooLargeError(Exception):
    """A batch would unpack to more than is allowed. Never leaves this package."""

    def __init__(self, packed: bytes) -> None:
        self.size = len(packed)
        """Bytes as it came."""
        self.digest = hashlib.sha256(packed).hexdigest()
        super().__init__(f"a compressed batch of {self.size} bytes is too large unpacked")


class _Tally(threading.local):
    unpacked = 0


_tally = _Tally()


def unpacked_bytes() -> int:
    """Bytes that this thread has unpacked so far."""
    return _tally.unpacked


def bound_unpacking() -> None:
    """From here on no batch unpacks to more than `MAX_BATCH_BYTES` in this process."""
    for name in PARSERS:
        try:
            parser = importlib.import_module(name)
        except ImportError:
            # The compiled ones, or the others, as aiokafka was built.
            continue
        for decoder, unpack in DECODERS.items():
            if hasattr(parser, decoder):
                setattr(parser, decoder, _counted(unpack))


def _counted(unpack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def count(payload: bytes) -> bytes:
        unpacked = unpack(payload)
        _tally.unpacked += len(unpacked)
        return unpacked

    return count


def unpack_gzip(payload: bytes) -> bytes:
    """All members of a gzip stream."""
    parts: list[bytes] = []
    left, rest = MAX_BATCH_BYTES, bytes(payload)
    while rest:
        member = zlib.decompressobj(_GZIP_HEADER)
        # One more than there is room for, by which too much is known.
        part = member.decompress(rest, left + 1)
        if len(part) > left:
            raise BatchTooLargeError(bytes(payload))
        if not member.eof:
            msg = "a gzip batch ends before its end"
            raise EOFError(msg)
        parts.append(part)
        left -= len(part)
        rest = member.unused_data
    return b"".join(parts)


def unpack_snappy(payload: bytes) -> bytes:
    """One block, or Java's frame of several: each says how long it is, and is held to it."""
    packed = bytes(payload)
    if sum(map(cramjam.snappy.decompress_raw_len, _snappy_blocks(packed))) > MAX_BATCH_BYTES:
        raise BatchTooLargeError(packed)
    unpacked: bytes = codec.snappy_decode(packed)
    return unpacked


def _snappy_blocks(packed: bytes) -> list[bytes]:
    if not packed.startswith(_XERIAL_MAGIC):
        return [packed]
    blocks, at = [], _XERIAL_HEADER
    while at < len(packed):
        (size,) = struct.unpack_from("!i", packed, at)
        if size <= 0:
            msg = f"a snappy block of {size} bytes"
            raise ValueError(msg)
        blocks.append(packed[at + 4 : at + 4 + size])
        at += 4 + size
    return blocks


def unpack_lz4(payload: bytes) -> bytes:
    """An LZ4 frame."""
    return _into_buffer(cramjam.lz4.decompress_into, bytes(payload))


def unpack_zstd(payload: bytes) -> bytes:
    """A Zstandard frame."""
    return _into_buffer(cramjam.zstd.decompress_into, bytes(payload))


def _into_buffer(unpack: Callable[[bytes, Any], int], packed: bytes) -> bytes:
    # Not cleared, so that only what is written takes memory.
    room = np.empty(MAX_BATCH_BYTES, np.uint8)
    try:
        size = unpack(packed, room)
    except cramjam.DecompressionError as error:
        if "whole buffer" in str(error):
            raise BatchTooLargeError(packed) from error
        raise
    return bytes(room[:size].data)


DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip_decode": unpack_gzip,
    "snappy_decode": unpack_snappy,
    "lz4_decode": unpack_lz4,
    "zstd_decode": unpack_zstd,
}
