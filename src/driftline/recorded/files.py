"""Opening a file of recorded data by the ending of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.recorded.comma_separated import CsvRecording
from driftline.recorded.json_lines import JsonLinesRecording
from driftline.recorded.parquet import ParquetRecording
from driftline.recorded.recording import Recording, RecordingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from driftline.recorded.recording import JsonRecord

_FORMATS: Final[Mapping[str, Callable[[Path], Recording]]] = {
    ".csv": CsvRecording,
    ".csv.gz": CsvRecording,
    ".jsonl": JsonLinesRecording,
    ".jsonl.gz": JsonLinesRecording,
    ".ndjson": JsonLinesRecording,
    ".ndjson.gz": JsonLinesRecording,
    ".parquet": ParquetRecording,
}

_encoder = msgspec.json.Encoder()


def open_recording(path: Path) -> Recording:
    """The file, known by its ending: CSV, JSON lines (either also gzipped) or Parquet.

    Raises:
        RecordingError: there is no such file, or it is of no such format.
    """
    if not path.is_file():
        raise RecordingError(path, "is a directory" if path.is_dir() else "no such file")
    for ending, open_format in _FORMATS.items():
        if path.name.lower().endswith(ending):
            return open_format(path)
    raise RecordingError(path, f"should end with one of {', '.join(_FORMATS)}")


def read_records(path: Path) -> Iterator[list[JsonRecord]]:
    """All records of a file, in chunks; see `Recording.records`."""
    return open_recording(path).records()


def encode_records(records: Iterable[JsonRecord]) -> Iterator[bytes]:
    """Each record as UTF-8 JSON without spaces, its fields in the file's order."""
    return map(_encoder.encode, records)
