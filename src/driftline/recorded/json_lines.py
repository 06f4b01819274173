"""JSON lines: one object per line, also gzipped."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.recorded.recording import (
    CHUNK,
    UNREADABLE,
    BrokenLine,
    JsonRecord,
    RecordingError,
    open_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_BOM: Final = b"\xef\xbb\xbf"

_decoder = msgspec.json.Decoder(JsonRecord)


class JsonLinesRecording:
    """A file of JSON objects, one a line; empty lines are passed over."""

    columns: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path

    def holds(self, path: tuple[str, ...]) -> bool:  # noqa: ARG002 - each record has its own
        """See `Recording.holds`."""
        return True

    def count(self) -> int:
        """How many records there are; reads the file once."""
        return sum(1 for _ in self._lines())

    def records(self, only: Collection[str] | None = None) -> Iterator[list[JsonRecord]]:
        """See `Recording.records`."""
        chunk: list[JsonRecord] = []
        for _, line in self._lines():
            chunk.append(_record(line, only))
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def places(self, rows: Collection[int]) -> dict[int, str]:
        """See `Recording.places`."""
        read = islice(self._lines(), max(rows, default=-1) + 1)
        return {row: f"line {number}" for row, (number, _) in enumerate(read) if row in rows}

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            with open_bytes(self.path) as file:
                for number, line in enumerate(file, 1):
                    text = line.strip() if number > 1 else line.removeprefix(_BOM).strip()
                    if text:
                        yield number, text
        except UNREADABLE as error:
            raise RecordingError(self.path, str(error)) from error


def _record(line: bytes, only: Collection[str] | None) -> JsonRecord:
    try:
        record = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return BrokenLine(line)
    return {
        name: value
        for name, value in record.items()
        if value is not None and (only is None or name in only)
    }
