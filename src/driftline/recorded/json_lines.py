"""JSON lines: one object per line, also gzipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from driftline.recorded.recording import CHUNK, JsonRecord, RecordingError, open_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_decoder = msgspec.json.Decoder(JsonRecord)


class JsonLinesRecording:
    """A file of JSON objects, one a line; empty lines are passed over."""

    columns: tuple[str, ...] | None = None

    def __init__(self, path: Path) -> None:
        self.path = path

    def count(self) -> int:
        """How many records there are; reads the file once."""
        return sum(1 for _ in self._lines())

    def records(self, only: Collection[str] | None = None) -> Iterator[list[JsonRecord]]:
        """See `Recording.records`."""
        chunk: list[JsonRecord] = []
        for number, line in self._lines():
            try:
                record = _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                message = f"line {number} is no JSON object: {error}"
                raise RecordingError(self.path, message) from error
            chunk.append(
                {
                    name: value
                    for name, value in record.items()
                    if value is not None and (only is None or name in only)
                }
            )
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            with open_bytes(self.path) as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield number, line
        except (OSError, EOFError) as error:
            raise RecordingError(self.path, str(error)) from error
