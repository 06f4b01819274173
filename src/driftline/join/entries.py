"""What is kept of an id while its other half may still come."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from driftline.errors import StateError
from driftline.model import Micros  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Mapping

Value: TypeAlias = float | str
"""A prediction or a label: a number (binary: 1.0 is the positive class), or a class as canonical
text."""


class EntryKind(IntEnum):
    """What an entry waits for."""

    WAITING = 0
    """A prediction without its label."""
    EARLY = 1
    """A label without its prediction."""
    JOINED = 2
    """Both came; kept so that another label is known as a duplicate or a correction, not taken for
    an orphan."""


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One id of the join."""

    group: int
    """The group that it expires with."""
    kind: int
    at: Micros
    """The prediction's event time; for an early label the label's."""
    partition: int
    offset: int
    """Where the record stands that made this entry: the prediction's; for an early label the
    label's."""
    prediction: Value | None = None
    score: float | None = None
    version: str | None = None
    label: Value | None = None


_GROUP: Final = struct.Struct("<I")
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Entry)


def encode_entries(entries: Mapping[str, Entry]) -> dict[str, bytes]:
    """The entries as they are stored, by id: the group's number as four bytes, then MessagePack."""
    heads: dict[int, bytes] = {}
    encode = _encoder.encode
    encoded = {}
    for id_, entry in entries.items():
        head = heads.get(entry.group)
        if head is None:
            head = heads[entry.group] = _GROUP.pack(entry.group)
        encoded[id_] = head + encode(entry)
    return encoded


def decode_entry(blob: bytes) -> Entry:
    """The inverse of `encode_entries`, for one of them.

    Raises:
        StateError: the blob is no entry.
    """
    try:
        return _decoder.decode(memoryview(blob)[_GROUP.size :])
    except (msgspec.DecodeError, ValueError) as error:
        msg = f"a stored entry of the join does not decode: {error}"
        raise StateError(msg) from error
