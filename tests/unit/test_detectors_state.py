"""Stored detector state: exact, compact, and refused when it could not be ours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from river import drift

from driftline.config.profiles import DETECTOR_SPEC, KINDS, Profile
from driftline.detectors import Witness
from driftline.detectors.shipped import shipped_profile
from driftline.errors import StateError
from driftline.model import SignalKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINARY_ONLY = ("ddm", "eddm", "hddm-a", "hddm-w", "fhddm")
SMALL: dict[str, dict[str, Any]] = {
    "kswin": {"window_size": 24, "stat_size": 10, "alpha": 0.001},
    "ddm": {"warm_start": 30},
    "eddm": {"warm_start": 30},
    "fhddm": {"sliding_window_size": 40, "confidence_level": 0.001, "short_window_size": 10},
}
"""Settings under which little data leaves an interesting state."""
MUTATIONS = 2_000


def profile_of(kind: str) -> Profile:
    spec = {"kind": kind, "warm_up": 20, **SMALL.get(kind, {})}
    return Profile(f"small-{kind}", DETECTOR_SPEC.validate_python(spec))


def signal_of(kind: str) -> SignalKind:
    return SignalKind.BINARY if kind in BINARY_ONLY else SignalKind.UNBOUNDED


def values_of(kind: str, count: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    if kind in BINARY_ONLY:
        return (rng.random(count) < 0.3).astype(np.float64)
    return rng.normal(size=count)


def mutated(blob: bytes, rng: np.random.Generator) -> bytes:
    """The blob with a few bytes changed, cut, doubled, or a float replaced by a wild one."""
    changed = bytearray(blob)
    choice = rng.integers(6)
    at = int(rng.integers(len(changed)))
    if choice == 0:
        return bytes(changed[:at])
    if choice == 1:
        return bytes(changed[:at] + changed[max(0, at - 9) :])
    floats = [i for i in range(len(changed) - 9) if changed[i] == 0xCB]  # MessagePack's float64
    if choice == 2 and floats:
        start = floats[int(rng.integers(len(floats)))] + 1
        wild = rng.choice([np.nan, np.inf, -np.inf, -1.0, 0.0, 1e300, 1e-300, 3.0])
        changed[start : start + 8] = np.array([wild], dtype=">f8").tobytes()
        return bytes(changed)
    for _ in range(int(rng.integers(1, 4))):
        changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutated_state_is_refused_or_lives(kind: str) -> None:
    """No panic, nothing non-finite inside: what is taken goes on, and can be stored again."""
    print("seed 31")  # noqa: T201 - shown when the test fails
    rng = np.random.default_rng(31)
    profile, signal = profile_of(kind), signal_of(kind)
    witness, blobs = Witness(profile, signal), []
    for count in (1, 12, 20, 60, 400):
        witness.feed(values_of(kind, count, seed=count))
        blobs.append(witness.snapshot())
    more = values_of(kind, 3 if kind == "kswin" else 60, seed=32)
    refused = 0
    for turn in range(MUTATIONS):
        other = Witness(profile, signal)
        try:
            other.restore(mutated(blobs[turn % len(blobs)], rng))
        except StateError:
            refused += 1
            assert other.seen == 0
            continue
        assert all(math.isfinite(number) for number in floats_in(other.snapshot()))
        other.feed(more)
        again = Witness(profile, signal)
        again.restore(other.snapshot())
    assert refused > MUTATIONS / 4


def floats_in(blob: bytes) -> list[float]:
    """Every float of a stored state, however deep."""
    found, left = [], [msgspec.msgpack.decode(blob[1:])]
    while left:
        part = left.pop()
        if isinstance(part, list):
            left.extend(part)
        elif isinstance(part, bytes) and part:
            try:
                left.append(msgspec.msgpack.decode(part))
            except (msgspec.DecodeError, ValueError):
                continue  # packed bits, not MessagePack
        elif isinstance(part, float):
            found.append(part)
    return found


def test_adwin_comes_back_as_the_very_bytes_of_river() -> None:
    """What is not stored of River's own state follows from what is."""
    profile = shipped_profile("adwin")
    witness, river = Witness(profile, SignalKind.UNIT), drift.ADWIN(clock=1)
    rng = np.random.default_rng(33)
    for turn in range(300):
        values = rng.random(int(rng.integers(0, 90))) * (0.2 if turn // 60 % 2 else 1.0)
        witness.feed(values)
        for x in values.tolist():
            river.update(x)
        if river.drift_detected:
            continue
        again = Witness(profile, SignalKind.UNIT)
        again.restore(witness.snapshot())
        engine: Any = again._engine
        ours, theirs = engine._window.__getstate__(), river._helper.__getstate__()
        # But for the most buckets made so far, which nothing reads.
        assert (ours[:72], ours[76:]) == (theirs[:72], theirs[76:])


def test_a_large_offset_does_not_spoil_adwins_state() -> None:
    """Raw times in seconds lose digits in their squares; the state is still known as ours."""
    spec = DETECTOR_SPEC.validate_python({"kind": "adwin", "standardise": False})
    witness = Witness(Profile("raw", spec), SignalKind.UNBOUNDED)
    for scale in (1.0, 1e-3, 1e6):
        values = 1.7e9 + np.random.default_rng(34).normal(0, scale, 5_000)
        witness.feed(values)
        again = Witness(Profile("raw", spec), SignalKind.UNBOUNDED)
        again.restore(witness.snapshot())


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("adwin", 3_000),
        ("page-hinkley", 150),
        ("kswin", 5_500),
        ("ddm", 120),
        ("eddm", 120),
        ("hddm-a", 150),
        ("hddm-w", 250),
        ("fhddm", 650),
    ],
)
def test_state_is_small(kind: str, most: int) -> None:
    """It is written at every checkpoint of every watched signal."""
    witness = Witness(shipped_profile(kind), signal_of(kind))
    witness.feed(values_of(kind, 1_400 if kind == "kswin" else 100_000, seed=35))
    assert len(witness.snapshot()) < most


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_of_another_profile_is_refused(kind: str) -> None:
    """Its numbers would mean something else."""
    other = profile_of(kind).spec.model_copy(update={"warm_up": 30})
    blob = Witness(Profile("other", other), signal_of(kind)).snapshot()
    with pytest.raises(StateError, match="of the profile"):
        Witness(profile_of(kind), signal_of(kind)).restore(blob)


def test_the_state_of_another_river_is_refused() -> None:
    """Its detectors may keep other numbers under the same names."""
    witness = Witness(profile_of("adwin"), SignalKind.UNIT)
    blob = witness.snapshot().replace(b"0.26.1", b"0.27.0")
    with pytest.raises(StateError, match=r"of River 0\.27\.0, not 0\.26\.1"):
        witness.restore(blob)


def test_the_state_of_another_kind_of_signal_is_refused() -> None:
    """A feature that became a probability is another series."""
    blob = Witness(profile_of("adwin"), SignalKind.UNIT).snapshot()
    with pytest.raises(StateError, match="of a signal that is unit, not unbounded"):
        Witness(profile_of("adwin"), SignalKind.UNBOUNDED).restore(blob)


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x02\x90", b"\x01\x90", b"\x80\x04K\x01."])
def test_what_is_no_state_is_refused(blob: bytes) -> None:
    """Neither nothing, nor a later format, nor a pickle."""
    with pytest.raises(StateError):
        Witness(profile_of("adwin"), SignalKind.UNIT).restore(blob)


def test_counters_survive() -> None:
    """What was skipped stays counted after a restart."""
    witness = Witness(profile_of("adwin"), SignalKind.UNBOUNDED)
    witness.feed(np.array([1.0, np.nan, 2.0, np.inf]))
    again = Witness(profile_of("adwin"), SignalKind.UNBOUNDED)
    again.restore(witness.snapshot())
    assert (again.seen, again.unusable) == (2, 2)
