"""The memory that `driftline check` tells of, against real objects."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.alerts.track import SignalTrack
from driftline.app.footprint import (
    CUSTOM_DETECTOR,
    DETECTOR_HELD,
    DETECTOR_STORED,
    INDICATORS,
    TRACK_STORED,
    instance_footprint,
)
from driftline.config.deployment import load_deployment
from driftline.config.profiles import SHIPPED
from driftline.config.watches import Watch
from driftline.detectors import Witness
from driftline.detectors.shipped import shipped_profile
from driftline.model import InstanceKey, SignalKind
from driftline.signals.indicators import MAX_INDICATORS
from support.recorded_stream import write_deployment

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from driftline.config.profiles import Profile

PROFILES = {name: shipped_profile(name) for name in SHIPPED}


def fed(profile: Profile, values: int) -> Witness:
    kind = SignalKind.BINARY if profile.spec.binary_only else SignalKind.UNBOUNDED
    witness = Witness(profile, kind)
    witness.feed(series(kind, values))
    return witness


def series(kind: SignalKind, values: int) -> NDArray[np.float64]:
    chance = np.random.default_rng(1)
    if kind is SignalKind.BINARY:
        return (chance.random(values) < 0.1).astype(float)
    return chance.normal(size=values)


def near(stated: int, measured: float) -> bool:
    return stated / 2 <= measured <= stated * 1.5


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_detectors_stated_size_is_its_real_one(name: str) -> None:
    """In Redis and in the worker, within a factor that leaves room for its parameters."""
    profile = PROFILES[name]
    kind = profile.spec.kind
    # KSWIN is hundreds of times as slow as the others, and full after its warm-up. SciPy, which it
    # asks, keeps some 25 kB of its own now and then: of few copies each would seem to hold much.
    values, few, copies = (1_050, 1_050, 6) if kind == "kswin" else (20_000, 1_200, 20)
    assert near(DETECTOR_STORED[kind], len(fed(profile, values).snapshot()))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [fed(profile, few) for _ in range(copies)]
    # What is only waiting to be collected is not held: SciPy's tests, KSWIN's, leave cycles behind.
    gc.collect()
    held = (tracemalloc.get_traced_memory()[0] - before) / len(kept)
    tracemalloc.stop()
    # ADWIN's window is Rust's, which tracemalloc does not see.
    assert kind == "adwin" or near(DETECTOR_HELD[kind], held)


def test_every_shipped_kind_has_a_size() -> None:
    """A new kind is not taken for a user's own."""
    assert (
        {one.spec.kind for one in PROFILES.values()} == set(DETECTOR_STORED) == set(DETECTOR_HELD)
    )
    assert max(DETECTOR_STORED.values()) < CUSTOM_DETECTOR


@pytest.mark.parametrize("values", [10_000, 300_000])
def test_a_tracks_stated_size_is_its_real_one_however_long_it_lives(values: int) -> None:
    """The ring is bounded."""
    watch = Watch("error", SignalKind.BINARY, (PROFILES["adwin"],))
    track = SignalTrack(InstanceKey("churn"), watch)
    times = np.arange(values, dtype=np.int64) * 1_000_000
    track.extend({"": series(SignalKind.BINARY, values)}, times)
    assert near(TRACK_STORED, len(track.snapshot()))


def test_a_categorical_signal_counts_for_all_its_indicators() -> None:
    """The frequent values, and the two that stand for the rest."""
    assert INDICATORS == MAX_INDICATORS + 2


def test_waiting_predictions_count_only_where_labels_are_declared(tmp_path: Path) -> None:
    """Without labels nothing waits."""
    directory = write_deployment(tmp_path)
    labelled = load_deployment(directory).streams["churn"]
    assert instance_footprint(labelled).waiting > 100_000_000
    file = directory / "streams" / "churn.yaml"
    text = file.read_text()
    begin, end = text.index("labels:"), text.index("watch:")
    file.write_text(text[:begin] + text[end:].replace("  error: ", "  score: "))
    footprint = instance_footprint(load_deployment(directory).streams["churn"])
    assert footprint.waiting == 0
    assert footprint.redis == footprint.detectors + footprint.windows
