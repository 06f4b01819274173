"""The events log's messages as bytes: three bytes that say what this is, then msgpack.

What does not check out is refused on both sides: what nobody can read again must not enter the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from driftline.eventlog.checks import check_progress, check_rows, check_time
from driftline.eventlog.columns import refuse
from driftline.eventlog.messages import Command, Progress, Rows
from driftline.eventlog.wire import (
    WireCommand,
    WireProgress,
    WireRows,
    from_command,
    from_progress,
    from_rows,
    to_command,
    to_progress,
    to_rows,
)

if TYPE_CHECKING:
    from driftline.eventlog.messages import Message

FORMAT: Final = 1
_MAGIC: Final = b"DL"
_HEAD: Final = len(_MAGIC) + 1

_LONGEST_HEAD: Final = 5
"""Bytes before a text in MessagePack, at most."""
_COLUMN: Final = 64
"""Bytes around a packed column, and to spare."""
_HEADER: Final = 256
"""Bytes of numbers and names that every message has, and to spare."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(WireRows | WireProgress | WireCommand)


def encode(message: Message) -> bytes:
    """The message as bytes. Raises StateError for one that `decode` would refuse."""
    wire: WireRows | WireProgress | WireCommand
    match message:
        case Rows():
            check_rows(message)
            wire = from_rows(message)
        case Progress():
            check_progress(message)
            wire = from_progress(message)
        case Command():
            check_time(message.at, "at")
            wire = from_command(message)
    return _MAGIC + bytes((FORMAT,)) + _ENCODER.encode(wire)


def decode(blob: bytes) -> Message:
    """The message that these bytes are. Raises StateError for what `encode` did not write."""
    if blob[: len(_MAGIC)] != _MAGIC or len(blob) < _HEAD:
        refuse("not a message of driftline's")
    if blob[_HEAD - 1] != FORMAT:
        refuse(f"format {blob[_HEAD - 1]}; this driftline reads format {FORMAT}")
    try:
        wire = _DECODER.decode(memoryview(blob)[_HEAD:])
    # msgspec lets the last two through for bad UTF-8 and for deep nesting.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse(str(error), error)
    match wire:
        case WireRows():
            rows = to_rows(wire)
            check_rows(rows)
            return rows
        case WireProgress():
            progress = to_progress(wire)
            check_progress(progress)
            return progress
        case WireCommand():
            check_time(wire.at, "at")
            return to_command(wire)
        case _:
            assert_never(wire)


def split_rows(rows: Rows, max_bytes: int) -> list[Rows]:
    """The same rows in as many messages as it takes for each to encode to at most `max_bytes`.

    A single row is never cut: a larger one comes back alone, for the caller to measure.
    """
    if len(rows) <= 1 or _most_bytes(rows) <= max_bytes or len(encode(rows)) <= max_bytes:
        return [rows]
    half = len(rows) // 2
    return [
        *split_rows(rows.between(0, half), max_bytes),
        *split_rows(rows.between(half, len(rows)), max_bytes),
    ]


def _most_bytes(rows: Rows) -> int:
    """More than the message can take: found without encoding it, which most need but once."""
    source = rows.source
    texts = [rows.stream, source.topic, source.incarnation, *rows.numbers, *rows.texts]
    texts += [name for name in rows.instances if name is not None]
    for column in rows.texts.values():
        texts += column.values
    # Four bytes a character at most.
    characters = len("".join(rows.ids)) + len("".join(texts))
    columns = 3 + len(rows.numbers) + len(rows.texts)
    heads = _LONGEST_HEAD * (len(rows.ids) + len(rows.instances) + len(texts))
    return 4 * characters + heads + columns * (8 * len(rows) + _COLUMN) + _HEADER
