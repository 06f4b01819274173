"""Recorded data: files of predictions and labels as JSON records, in event-time order."""

from driftline.recorded.files import encode_records, open_recording, read_records
from driftline.recorded.recording import CHUNK, Recording, RecordingError
from driftline.recorded.records import RecordedRecord
from driftline.recorded.timeline import Batch, Timeline, build_timeline

__all__ = [
    "CHUNK",
    "Batch",
    "RecordedRecord",
    "Recording",
    "RecordingError",
    "Timeline",
    "build_timeline",
    "encode_records",
    "open_recording",
    "read_records",
]
