"""Parquet. Times and dates become ISO 8601 text, decimals numbers; nested values stay nested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from driftline.recorded.arrow import to_records
from driftline.recorded.recording import CHUNK, RecordingError, repeated

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from driftline.recorded.recording import JsonRecord


_BYTES: Final = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)


class ParquetRecording:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with pq.ParquetFile(path) as file:
                self._count = int(file.metadata.num_rows)
                schema: Any = file.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise RecordingError(path, f"is no Parquet file: {error}") from error
        if twice := repeated(schema.names):
            raise RecordingError(path, f"has columns more than once: {', '.join(twice)}")
        for field in schema:
            if any(holds_bytes(field.type) for holds_bytes in _BYTES):
                message = f"column {field.name} holds bytes, which JSON cannot; it should be text"
                raise RecordingError(path, message)
        self._schema = schema
        self.columns: tuple[str, ...] = tuple(schema.names)

    def holds(self, path: tuple[str, ...]) -> bool:
        """See `Recording.holds`."""
        kind: Any = pa.struct(self._schema)
        for name in path:
            if not pa.types.is_struct(kind) or kind.get_field_index(name) < 0:
                return False
            kind = kind.field(name).type
        return True

    def count(self) -> int:
        """How many records there are."""
        return self._count

    def records(self, only: Collection[str] | None = None) -> Iterator[list[JsonRecord]]:
        """See `Recording.records`."""
        wanted = [name for name in self.columns if only is None or name in only]
        if not wanted:
            return
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=CHUNK, columns=wanted):
                    yield to_records(batch)
        except (pa.ArrowException, OSError) as error:
            raise RecordingError(self.path, str(error)) from error
        except (ValueError, OverflowError, LookupError) as error:
            # Nested values that Python has no like of: nanoseconds, years beyond 9999, zones that
            # nobody knows.
            raise RecordingError(self.path, f"a value does not read: {error}") from error

    def places(self, rows: Collection[int]) -> dict[int, str]:
        """See `Recording.places`."""
        return {row: f"row {row + 1}" for row in rows}
