"""Opening a file of recorded data by the ending of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.recorded.comma_separated import CsvRecording
from driftline.recorded.json_lines import JsonLinesRecording
from driftline.recorded.parquet import ParquetRecording
from driftline.recorded.recording import Recording, RecordingError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from driftline.recorded.recording import JsonRecord

_CSV: Final = (".csv", ".csv.gz")
_JSON_LINES: Final = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_PARQUET: Final = (".parquet",)

_encoder = msgspec.json.Encoder()


def open_recording(path: Path, *, numbers: Collection[str] = ()) -> Recording:
    """The file, known by its ending: CSV, JSON lines (either also gzipped) or Parquet.

    Args:
        path: where it is.
        numbers: columns that should hold numbers; see `CsvRecording`.

    Raises:
        RecordingError: there is no such file, or it is of no such format.
    """
    if not path.exists():
        raise RecordingError(path, "no such file")
    if not path.is_file():
        raise RecordingError(path, "should be a regular file, as it is read more than once")
    name = path.name.lower()
    if name.endswith(_CSV):
        return CsvRecording(path, numbers)
    if name.endswith(_JSON_LINES):
        return JsonLinesRecording(path)
    if name.endswith(_PARQUET):
        return ParquetRecording(path)
    endings = ", ".join((*_CSV, *_JSON_LINES, *_PARQUET))
    raise RecordingError(path, f"should end with one of {endings}")


def read_records(path: Path) -> Iterator[list[JsonRecord]]:
    """All records of a file, in chunks; see `Recording.records`."""
    return open_recording(path).records()


def encode_records(records: Iterable[JsonRecord]) -> Iterator[bytes]:
    """Each record as UTF-8 JSON without spaces, its fields in the file's order."""
    return map(_encoder.encode, records)
