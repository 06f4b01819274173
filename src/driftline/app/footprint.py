"""The memory that a declaration implies, from sizes that were measured once and are kept here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from driftline.model import SignalKind

if TYPE_CHECKING:
    from driftline.config.deployment import Stream
    from driftline.config.watches import Watch

# Measured with CPython 3.11, River 0.26.1 and Redis 6.2. Detectors: the length of a snapshot, and
# what tracemalloc counts for a witness, after 200,000 standard normal values (0 and 1 for those
# that take no others; KSWIN 3,000). Tracks: the same after 50,000 values; more values do not make
# them larger.
DETECTOR_STORED: Final = {
    "adwin": 1_250,
    "ddm": 90,
    "eddm": 90,
    "fhddm": 560,
    "hddm-a": 110,
    "hddm-w": 170,
    "kswin": 5_300,
    "page-hinkley": 130,
}
"""Bytes of a detector's state in Redis, by kind."""
DETECTOR_HELD: Final = {
    "adwin": 4_000,
    "ddm": 1_600,
    "eddm": 1_600,
    "fhddm": 18_000,
    "hddm-a": 1_600,
    "hddm-w": 3_200,
    "kswin": 17_000,
    "page-hinkley": 1_500,
}
"""Bytes of a detector in a worker, by kind."""
CUSTOM_DETECTOR: Final = 20_000
"""What a detector of the user's own is taken to need: only its author knows."""
TRACK_STORED: Final = 12_000
TRACK_HELD: Final = 14_000
"""The ring of block summaries of one series, from which an alert's before and after are told."""
INDICATORS: Final = 12
"""Series of a categorical signal: 10 frequent values, `(other)` and `(unseen)`."""
WAITING_ENTRY: Final = 170
"""A prediction that waits for its label, in Redis: an id of 32 characters, a score, a version; with
its place in the list that it expires with. used_memory over 100,000 of them was 165 bytes each."""
WINDOW: Final = {SignalKind.BINARY: 150, SignalKind.UNIT: 700, SignalKind.UNBOUNDED: 1_250}
"""A closed window with 5,000 values in Redis, by the signal's kind: its snapshot (62, 582 and up to
1,154 bytes), its name and what a hash adds."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that one instance of a stream comes to need, at the most it declares."""

    detectors: int
    """In Redis: detectors and tracks of all watched signals."""
    windows: int
    """In Redis: all windows that are kept, of signals with a value in each."""
    waiting: int
    """In Redis: `max_waiting` predictions that wait for their label."""
    worker: int
    """In the worker that owns the instance, besides predictions that came lately."""

    @property
    def redis(self) -> int:
        """All of it in Redis."""
        return self.detectors + self.windows + self.waiting


def instance_footprint(stream: Stream) -> Footprint:
    """What one instance of the stream needs; a stream that is not split has but one."""
    spec = stream.spec
    return Footprint(
        detectors=sum(watch_stored(watch) for watch in stream.watches),
        windows=sum(
            WINDOW[watch.kind] * (window.keep // window.size)
            for watch in stream.watches
            if watch.kind in WINDOW
            for window in spec.windows
        ),
        waiting=WAITING_ENTRY * spec.max_waiting if spec.labels is not None else 0,
        worker=sum(_watch_held(watch) for watch in stream.watches),
    )


def watch_stored(watch: Watch) -> int:
    """Bytes in Redis of what watches one signal."""
    return _series(watch) * (TRACK_STORED + _detectors(watch, DETECTOR_STORED))


def _watch_held(watch: Watch) -> int:
    return _series(watch) * (TRACK_HELD + _detectors(watch, DETECTOR_HELD))


def _series(watch: Watch) -> int:
    return INDICATORS if watch.kind is SignalKind.CATEGORICAL else 1


def _detectors(watch: Watch, sizes: dict[str, int]) -> int:
    return sum(sizes.get(profile.spec.kind, CUSTOM_DETECTOR) for profile in watch.profiles)
