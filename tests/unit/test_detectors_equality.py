"""The equality oracle: driftline's alarms are those of River called directly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.config.profiles import DETECTOR_SPEC, KINDS, Profile
from driftline.detectors import Detection, Witness
from driftline.detectors.shipped import shipped_profile
from driftline.model import Level, SignalKind
from support.river_oracle import river_alarms, river_detector

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINARY_ONLY = {"ddm", "eddm", "hddm-a", "hddm-w", "fhddm"}
SENSITIVE = [
    {"kind": "adwin", "delta": 0.3, "clock": 32, "max_buckets": 3},
    {"kind": "adwin", "delta": 0.9, "min_window_length": 2, "grace_period": 3},
    {"kind": "page-hinkley", "threshold": 5.0, "alpha": 0.999, "mode": "down"},
    {"kind": "page-hinkley", "threshold": 3.0, "delta": 0.0, "mode": "up", "warm_up": 2},
    {"kind": "kswin", "alpha": 0.05, "window_size": 40, "stat_size": 15, "seed": 7},
    {"kind": "ddm", "warm_start": 30},
    {"kind": "eddm", "warm_start": 30, "alpha": 0.95, "beta": 0.9},
    {"kind": "hddm-a", "drift_confidence": 0.05, "warning_confidence": 0.2},
    {"kind": "hddm-a", "drift_confidence": 0.05, "warning_confidence": 0.2, "two_sided_test": True},
    {"kind": "hddm-w", "lambda_val": 0.05, "drift_confidence": 0.001, "warning_confidence": 0.005},
    {
        "kind": "hddm-w",
        "lambda_val": 0.05,
        "drift_confidence": 0.01,
        "warning_confidence": 0.05,
        "two_sided_test": True,
    },
    {"kind": "fhddm", "sliding_window_size": 100, "confidence_level": 0.001},
    {
        "kind": "fhddm",
        "sliding_window_size": 50,
        "confidence_level": 0.01,
        "short_window_size": 20,
    },
]
"""Settings under which alarms and warnings come often."""


def profiles() -> list[Profile]:
    shipped = [shipped_profile(kind) for kind in KINDS]
    eager = [Profile(f"eager-{s['kind']}", DETECTOR_SPEC.validate_python(s)) for s in SENSITIVE]
    return shipped + eager


def cases() -> list[tuple[Profile, SignalKind]]:
    kinds = (SignalKind.BINARY, SignalKind.UNIT, SignalKind.UNBOUNDED)
    return [
        (profile, kind)
        for profile in profiles()
        for kind in (kinds[:1] if profile.spec.kind in BINARY_ONLY else kinds)
    ]


def series(kind: SignalKind, count: int, seed: int) -> NDArray[np.float64]:
    """Values whose level steps up and down, of the kind."""
    print(f"seed {seed}")  # noqa: T201 - shown when a test fails
    rng = np.random.default_rng(seed)
    high = np.arange(count) // max(1, count // 7) % 2 == 1
    if kind is SignalKind.BINARY:
        return (rng.random(count) < np.where(high, 0.6, 0.2)).astype(np.float64)
    if kind is SignalKind.UNIT:
        return np.where(high, rng.beta(5, 2, count), rng.beta(2, 5, count))
    values: NDArray[np.float64] = 40_000 + 9_000 * (rng.standard_t(4, count) + 1.5 * high)
    return values


def count_for(profile: Profile) -> int:
    return 1_500 if profile.spec.kind == "kswin" else 8_000


@pytest.mark.parametrize(
    ("profile", "kind"), cases(), ids=lambda value: getattr(value, "name", None)
)
def test_alarms_are_those_of_river_however_the_values_are_cut(
    profile: Profile, kind: SignalKind
) -> None:
    """One call, or many with a stop and restart after each: the same, and River's."""
    values = series(kind, count_for(profile), seed=11)
    whole = Witness(profile, kind).feed(values)
    drifts = [found.values_seen for found in whole if found.level is Level.DRIFT]
    assert drifts == river_alarms(profile, kind, values)

    rng = np.random.default_rng(12)
    witness, pieces, start = Witness(profile, kind), list[Detection](), 0
    while start < len(values):
        stop = start + int(rng.integers(0, 400))
        for found in witness.feed(values[start:stop]):
            pieces.append(Detection(start + found.index, found.values_seen, found.level))
        start = stop
        blob = witness.snapshot()
        witness = Witness(profile, kind)
        witness.restore(blob)
        assert witness.snapshot() == blob
    assert witness.seen == len(values)
    assert pieces == whole


@pytest.mark.parametrize("profile", profiles()[len(KINDS) :], ids=lambda profile: profile.name)
def test_the_eager_settings_do_alarm(profile: Profile) -> None:
    """Equality of empty lists would prove nothing."""
    kind = SignalKind.BINARY if profile.spec.kind in BINARY_ONLY else SignalKind.UNBOUNDED
    assert river_alarms(profile, kind, series(kind, count_for(profile), seed=11))


def test_raw_values_are_fed_where_the_profile_says_so() -> None:
    """`standardise: false` gives River the values as they came."""
    spec = {"kind": "page-hinkley", "standardise": False, "threshold": 90_000.0, "delta": 10.0}
    profile = Profile("raw", DETECTOR_SPEC.validate_python(spec))
    values = series(SignalKind.UNBOUNDED, 3_000, seed=13)
    found = [d.values_seen for d in Witness(profile, SignalKind.UNBOUNDED).feed(values)]
    assert found
    assert found == river_alarms(profile, SignalKind.UNBOUNDED, values)


def test_alarms_of_the_warm_up_are_set_off_by_its_last_value() -> None:
    """A drift inside the warm-up is known when the warm-up ends, and keeps its true ordinal."""
    values = np.concatenate((np.zeros(500), np.ones(600))) + np.tile([0.0, 0.01], 550)
    found = Witness(shipped_profile("adwin"), SignalKind.UNBOUNDED).feed(values)
    assert found
    assert found[0].index == 999
    assert 500 < found[0].values_seen < 520


def test_warnings_are_said_once_as_they_are_entered() -> None:
    """A warning that lasts is one detection; River's own flag tells when it is entered."""
    profile = shipped_profile("ddm")
    values = series(SignalKind.BINARY, 12_000, seed=14)
    found = Witness(profile, SignalKind.BINARY).feed(values)
    warnings = {d.values_seen for d in found if d.level is Level.WARNING}

    detector, expected, before = river_detector(profile.spec), set(), False
    for ordinal, x in enumerate(values.tolist(), start=1):
        detector.update(x)
        now = detector.warning_detected and not detector.drift_detected
        if now and not before:
            expected.add(ordinal)
        before = now
    assert warnings == expected != set()
