"""A ring remembers a signal exactly where it is recent, in outline where it is old."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.alerts.ring import BLOCK, CAPACITY, Ring
from driftline.alerts.split import find_change, find_split
from driftline.errors import StateError
from driftline.model import Direction

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ring_of(values: NDArray[np.float64], cuts: list[int] | None = None) -> Ring:
    rows = np.atleast_2d(values)
    times = np.arange(rows.shape[1], dtype=np.int64) * 1_000
    ring = Ring(len(rows))
    ends = sorted({*(cuts or []), rows.shape[1]})
    for begin, end in itertools.pairwise([0, *ends]):
        ring.extend(rows[:, begin:end], times[begin:end])
    return ring


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    series=st.integers(1, 3),
    cuts=st.lists(st.integers(0, 12_000), max_size=40),
)
def test_cuts_into_calls_change_nothing(seed: int, series: int, cuts: list[int]) -> None:
    """However values are cut into calls, the ring that comes of it is the same to the last bit."""
    values = np.random.default_rng(seed).normal(1e6, 3, (series, 12_000))
    assert ring_of(values, cuts).snapshot() == ring_of(values).snapshot()


def test_one_value_at_a_time_is_the_same_as_all_at_once() -> None:
    """Also the smallest cuts change nothing."""
    values = np.random.default_rng(1).normal(size=(2, 900))
    assert ring_of(values, list(range(900))).snapshot() == ring_of(values).snapshot()


@pytest.mark.parametrize("count", [1, 31, 32, 33, 8_191, 8_192, 60_001])
def test_all_together_is_the_plain_mean_and_deviation(count: int) -> None:
    """Merging loses nothing of count, mean, spread and times."""
    values = np.random.default_rng(count).normal(5, 2, count)
    sample = ring_of(values).sample(0, 0)
    assert sample is not None
    assert (sample.count, sample.first_at, sample.last_at) == (count, 0, (count - 1) * 1_000)
    assert sample.mean == pytest.approx(values.mean(), rel=1e-12)
    assert sample.sd == pytest.approx(values.std(ddof=1) if count > 1 else 0, rel=1e-9)


def test_a_large_offset_costs_no_accuracy() -> None:
    """The spread of values of a thousand million plus or minus one is one."""
    values = 1e9 + np.random.default_rng(3).choice([-1.0, 1.0], 50_000)
    sample = ring_of(values).sample(0, 0)
    assert sample is not None
    assert sample.sd == pytest.approx(values.std(ddof=1), rel=1e-9)
    assert sample.mean == pytest.approx(values.mean(), rel=1e-15)


def test_a_constant_has_no_spread_and_no_change() -> None:
    """Rounding makes no evidence out of nothing."""
    ring = ring_of(np.full(20_000, 0.1))
    sample = ring.sample(0, 0)
    assert sample is not None
    assert (sample.mean, sample.sd) == (0.1, 0.0)
    split = find_split(ring)
    assert split is not None
    assert split.statistic == 0


def test_size_is_bounded() -> None:
    """However long a signal runs, its ring holds fewer blocks than its capacity."""
    ring = Ring(1)
    for part in range(50):
        ring.extend(np.zeros((1, 10_000)), np.arange(10_000) + part * 10_000)
        assert len(ring) < CAPACITY
    assert len(msgspec.msgpack.encode(ring.snapshot())) < 13_000


def test_recent_blocks_are_fine() -> None:
    """The last four thousand values are in whole blocks of 32, never merged."""
    ring = ring_of(np.zeros(200_000))
    assert set(ring.blocks.meta[0, -CAPACITY // 2 :].tolist()) == {BLOCK}


@pytest.mark.parametrize("mark_after", [5_000, 5_024, 7_000, 8_000])
def test_two_levels_never_share_a_block(mark_after: int) -> None:
    """A marked boundary survives all merging, where it is."""
    rng = np.random.default_rng(0)
    values = np.concatenate((rng.normal(0, 1, mark_after), rng.normal(9, 1, 90_000)))
    ring = ring_of(values[:mark_after])
    ring.mark = len(ring)
    rest = values[mark_after:]
    ring.extend(rest[None, :], (mark_after + np.arange(len(rest))) * 1_000)
    before, after = ring.sample(0, 0, ring.mark), ring.sample(0, ring.mark)
    assert before is not None
    assert after is not None
    assert before.count == mark_after // BLOCK * BLOCK
    assert before.count + after.count == len(values)
    assert before.mean == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("change", [3_000, 40_000])
def test_the_moment_of_change_is_found(change: int, seed: int) -> None:
    """A step of one deviation is placed within three blocks of where it happened."""
    rng = np.random.default_rng(seed)
    values = np.concatenate((rng.normal(0, 1, change), rng.normal(1, 1, 500)))
    finding = find_change(ring_of(values), 0)
    assert finding.real
    assert abs(finding.change_at // 1_000 - change) <= 3 * BLOCK
    assert finding.before.mean == pytest.approx(0, abs=0.15)
    assert finding.after.mean == pytest.approx(1, abs=0.25)


def test_no_change_is_seldom_taken_for_real() -> None:
    """Among 300 stationary signals hardly any has a split that counts as real."""
    rng = np.random.default_rng(11)
    ring = ring_of(rng.normal(size=(300, 6_000)))
    real = [
        split.statistic >= 20
        for split in (find_split(ring, row=row) for row in range(300))
        if split is not None
    ]
    assert len(real) == 300
    assert sum(real) <= 3


def test_times_in_any_order_are_kept_as_a_range() -> None:
    """Outcomes come in the order of their labels: the range is from the least to the greatest."""
    rng = np.random.default_rng(2)
    times = rng.permutation(np.arange(5_000, dtype=np.int64))
    ring = Ring(1)
    ring.extend(rng.normal(size=(1, 5_000)), times)
    sample = ring.sample(0, 0)
    assert sample is not None
    assert (sample.first_at, sample.last_at) == (0, 4_999)
    assert 2_000 < ring.boundary_at(70) < 3_000


@pytest.mark.parametrize("huge", [1e308, -1e308, 1e160, 5e-324])
def test_extreme_magnitudes_stay_finite(huge: float) -> None:
    """No value that is a finite number overflows what is computed of it."""
    values = np.zeros(2_000)
    values[1_500:] = huge
    finding = find_change(ring_of(values), 0)
    assert np.isfinite([finding.before.mean, finding.after.mean, finding.after.sd]).all()


@pytest.mark.parametrize(
    ("values", "direction"),
    [
        ([0.0] * 31 + [1.0], Direction.UP),
        ([1.0, 1.0, 0.0], Direction.DOWN),
        ([0.0], Direction.BOTH),
    ],
)
def test_a_handful_of_values_still_gives_evidence(
    values: list[float], direction: Direction
) -> None:
    """In a single block the latest value is shown against all before it."""
    finding = find_change(ring_of(np.array(values)), 0)
    assert finding.direction is direction
    assert finding.after.count == 1
    assert not finding.real


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), at=st.integers(0, 9_000))
def test_a_restored_ring_goes_on_exactly(seed: int, at: int) -> None:
    """Stored and read back at any value, it ends as if it had never been away."""
    values = np.random.default_rng(seed).normal(size=(2, 9_000))
    times = np.arange(9_000, dtype=np.int64)
    whole, first = Ring(2), Ring(2)
    whole.extend(values, times)
    first.extend(values[:, :at], times[:at])
    second = Ring.restore(first.snapshot(), 2)
    second.extend(values[:, at:], times[at:])
    assert second.snapshot() == whole.snapshot()


@pytest.mark.parametrize(
    "change",
    [
        {"mark": 99},
        {"mark": -1},
        {"means": b"1234567"},
        {"means": b""},
        {"squares": np.full(3, -1.0).tobytes()},
        {"squares": np.full(3, np.nan).tobytes()},
        {"meta": np.zeros((4, 3), np.int64).tobytes()},
        {"rest": np.zeros(40).tobytes()},
        {"rest_times": b""},
        {"last": b""},
    ],
)
def test_a_ring_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    """Damage is found when it is read, not when an alert needs it."""
    state = ring_of(np.arange(100.0)).snapshot()
    damaged = msgspec.structs.replace(state, **change)
    with pytest.raises(StateError):
        Ring.restore(damaged, 1)
