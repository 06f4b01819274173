"""River's traps are closed: polarity, scale, values that silence a detector, panics, luck."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from driftline.config.profiles import DETECTOR_SPEC, KINDS, AdwinSpec, Profile
from driftline.detectors import DetectorError, Witness
from driftline.detectors.shield import Shield
from driftline.detectors.shipped import shipped_profile
from driftline.detectors.standardiser import Standardiser
from driftline.model import Level, SignalKind

BINARY_ONLY = ("ddm", "eddm", "hddm-a", "hddm-w", "fhddm")
ANY = tuple(kind for kind in KINDS if kind not in BINARY_ONLY)
QUICK = ("adwin", "page-hinkley")


def drifts(witness: Witness, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    return [found.values_seen for found in witness.feed(values) if found.level is Level.DRIFT]


def errors(*parts: tuple[int, float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """So many 0/1 values of so large a share of 1, part after part."""
    rng = np.random.default_rng(21)
    return np.concatenate([(rng.random(n) < share).astype(np.float64) for n, share in parts])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "kswin"])
def test_a_rising_error_rate_is_found_by_every_detector(kind: str) -> None:
    """Whatever a detector counts inside, it is degradation that it finds, after it happened."""
    found = drifts(
        Witness(shipped_profile(kind), SignalKind.BINARY), errors((5_000, 0.1), (9_000, 0.5))
    )
    assert found
    assert found[0] > 5_000


@pytest.mark.parametrize("kind", BINARY_ONLY)
def test_a_falling_error_rate_is_no_degradation(kind: str) -> None:
    """The binary detectors stay silent when a model gets better."""
    witness = Witness(shipped_profile(kind), SignalKind.BINARY)
    assert drifts(witness, errors((5_000, 0.5), (9_000, 0.1))) == []


@pytest.mark.parametrize("kind", ["hddm-a", "hddm-w"])
def test_a_falling_error_rate_is_found_when_it_is_asked_for(kind: str) -> None:
    """`two_sided_test: true` is the way."""
    spec = DETECTOR_SPEC.validate_python({"kind": kind, "two_sided_test": True})
    witness = Witness(Profile("both", spec), SignalKind.BINARY)
    assert drifts(witness, errors((5_000, 0.5), (5_000, 0.1)))


def test_one_error_after_many_correct_predictions_is_no_drift() -> None:
    """River's own DDM calls thirty-one zeros and a one a drift."""
    witness = Witness(shipped_profile("ddm"), SignalKind.BINARY)
    assert drifts(witness, np.array([0.0] * 31 + [1.0] + [0.0] * 50)) == []


@pytest.mark.parametrize("kind", BINARY_ONLY)
@pytest.mark.parametrize(
    "signal", [SignalKind.UNIT, SignalKind.UNBOUNDED, SignalKind.CATEGORICAL], ids=str
)
def test_binary_detectors_refuse_other_signals(kind: str, signal: SignalKind) -> None:
    """A score fed to DDM would be nonsense, not a number."""
    with pytest.raises(DetectorError):
        Witness(shipped_profile(kind), signal)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf, 1e300, -1e300], ids=str)
def test_unusable_values_are_skipped_and_counted(kind: str, wild: float) -> None:
    """One of them would silence most detectors for ever; the others keep their ordinals."""
    signal = SignalKind.BINARY if kind in BINARY_ONLY else SignalKind.UNBOUNDED
    clean = errors((200, 0.2), (150, 0.9)) if kind == "kswin" else errors((900, 0.2), (500, 0.9))
    dirty = np.insert(clean, [0, 5, 210, 330], wild)
    small = {"window_size": 40, "stat_size": 15, "alpha": 0.001} if kind == "kswin" else {}
    spec = DETECTOR_SPEC.validate_python({"kind": kind, "warm_up": 50, **small})
    one, other = Witness(Profile("p", spec), signal), Witness(Profile("p", spec), signal)
    expected = one.feed(clean)
    found = other.feed(dirty)
    assert [(d.values_seen, d.level) for d in found] == [(d.values_seen, d.level) for d in expected]
    assert all(dirty[d.index] == clean[d.values_seen - 1] for d in found if d.values_seen > 50)
    assert (other.unusable, other.seen) == (4, len(clean))


def test_a_binary_signal_takes_only_0_and_1() -> None:
    """Anything else would bring DDM to the root of a negative number."""
    witness = Witness(shipped_profile("ddm"), SignalKind.BINARY)
    witness.feed(np.array([0.0, 1.0, 2.0, 0.5, -1.0, 1.0]))
    assert (witness.unusable, witness.seen) == (3, 3)


@pytest.mark.parametrize("kind", QUICK)
@pytest.mark.parametrize("spike", [1e9, -1e9, 1e30, 1e99, -1e99], ids=str)
@pytest.mark.parametrize("at", [3, 999, 1_001, 1_030, 3_000])
def test_a_wild_value_does_not_hide_a_later_change(kind: str, spike: float, at: int) -> None:
    """Neither within the warm-up nor after it, directly after a restart or long after."""
    values = np.random.default_rng(22).normal(5.0, 2.0, 16_000)
    values[12_000:] += 2.0
    values[at] = spike
    found = drifts(Witness(shipped_profile(kind), SignalKind.UNBOUNDED), values)
    assert any(12_000 < seen < 12_400 for seen in found)


def test_no_spread_in_the_warm_up_divides_by_one() -> None:
    """A constant feature that begins to move alarms; it does not become infinite."""
    values = np.concatenate((np.full(1_500, 0.1), np.full(500, 2.1)))
    assert Standardiser.fit(values[:1_000]) == Standardiser(0.1, 1.0)
    found = drifts(Witness(shipped_profile("adwin"), SignalKind.UNBOUNDED), values)
    assert 1_500 < found[0] < 1_540


def test_the_scale_is_the_mean_and_sample_deviation() -> None:
    """Exactly rounded sums, divided by one less than the number of values."""
    assert Standardiser.fit(np.array([1.0, 2.0, 3.0, 6.0])) == Standardiser(3.0, (14 / 3) ** 0.5)


def test_a_profile_means_the_same_on_every_scale() -> None:
    """Standardised, a signal in euros alarms where it does in cents."""
    values = np.random.default_rng(23).normal(0, 1, 6_000) + np.repeat([0.0, 1.0], 3_000)
    found = [
        drifts(Witness(shipped_profile("page-hinkley"), SignalKind.UNBOUNDED), values * scale)
        for scale in (1.0, 1024.0, 2.0**-20)
    ]
    assert found[0]
    assert found[0] == found[1] == found[2]


def test_kswin_repeats_itself() -> None:
    """Its draws are seeded, so two runs over the same log alarm alike."""
    spec = {"kind": "kswin", "alpha": 0.05, "window_size": 40, "stat_size": 15}
    profile = Profile("k", DETECTOR_SPEC.validate_python(spec))
    values = np.random.default_rng(24).normal(size=1_500)
    first, second = (drifts(Witness(profile, SignalKind.UNBOUNDED), values) for _ in range(2))
    assert first
    assert first == second


def test_a_panic_of_rust_becomes_an_error_of_ours() -> None:
    """River's panic is no Exception and would end the process."""
    spec = AdwinSpec.model_construct(**{**shipped_profile("adwin").spec.model_dump(), "clock": 0})
    with pytest.raises(DetectorError, match=r"detector broken \(adwin\).*PanicException"):
        Witness(Profile("broken", spec), SignalKind.UNIT).feed(np.array([0.5]))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_a_request_to_stop_passes(stop: type[BaseException]) -> None:
    """The shield is for failures, not for the operator."""
    with pytest.raises(stop), Shield("a detector"):
        raise stop


def test_nothing_fed_is_nothing_seen() -> None:
    """An empty batch is ordinary."""
    witness = Witness(shipped_profile("adwin"), SignalKind.UNBOUNDED)
    assert witness.feed(np.empty(0)) == []
    assert witness.feed(np.array([np.nan])) == []
    assert (witness.seen, witness.unusable) == (0, 1)


@pytest.mark.parametrize("kind", ["adwin", "page-hinkley"])
def test_one_value_at_a_time_alarms_as_a_column_does(kind: str) -> None:
    """Also at the end of a warm-up in which it alarms several times at once."""
    noise = np.random.default_rng(1).normal(size=900)
    values = noise + np.repeat([0.0, 50.0, 0.0], 300)
    spec = DETECTOR_SPEC.validate_python({"kind": kind, "warm_up": 800})
    column, alone = (Witness(Profile(kind, spec), SignalKind.UNBOUNDED) for _ in range(2))
    together = [(one.values_seen, one.level) for one in column.feed(values)]
    singly = [
        (one.values_seen, one.level) for value in values.tolist() for one in alone.feed_one(value)
    ]
    assert len(together) > 1
    assert singly == together
    assert alone.snapshot() == column.snapshot()
