"""What a window remembers of its values."""

import math
import statistics
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.errors import StateError
from driftline.windows import Aggregate
from driftline.windows.sketch import ACCURACY, SPAN, bucket_of, buckets_of, lower_bound, middle_of

finite = st.floats(allow_nan=False, allow_infinity=False)
moderate = st.one_of(st.floats(1e-3, 1e5), st.floats(-1e5, -1e-3), st.just(0.0))
kinds = (
    finite,
    st.floats(0.0, allow_infinity=False),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([-1.0, 0.0, -0.0, 2.5]),
)
columns = st.one_of(*(st.lists(kind, min_size=1, max_size=60) for kind in kinds))
cuts = st.lists(st.integers(0, 60), max_size=6)


def aggregate_of(values: list[float], at: list[int] | None = None) -> Aggregate:
    """The values added in pieces that end at these places."""
    aggregate = Aggregate()
    edges = [0, *sorted(min(cut, len(values)) for cut in at or []), len(values)]
    for begin, end in pairwise(edges):
        aggregate.add(np.array(values[begin:end], np.float64))
    return aggregate


@settings(deadline=None)
@given(columns, cuts)
def test_cuts_do_not_matter_to_the_byte(values: list[float], at: list[int]) -> None:
    """However a column is cut, down to single values, the stored state is the same."""
    whole = aggregate_of(values).snapshot()
    assert aggregate_of(values, at).snapshot() == whole
    assert aggregate_of(values, list(range(len(values)))).snapshot() == whole


@settings(deadline=None)
@given(columns | st.just([]), st.integers(1, 40))
def test_ones_that_are_counted_are_as_ones_that_are_added(before: list[float], ones: int) -> None:
    """Where predictions are counted there is no column; the stored state is as if there were."""
    counted, added = aggregate_of(before), aggregate_of(before)
    counted.add_ones(ones)
    added.add(np.ones(ones))
    assert counted.snapshot() == added.snapshot()


@settings(deadline=None)
@given(columns)
def test_what_is_restored_goes_on_as_if_nothing_had_happened(values: list[float]) -> None:
    """A snapshot holds all of the state."""
    half = len(values) // 2
    restored = Aggregate.restore(aggregate_of(values[:half]).snapshot())
    restored.add(np.array(values[half:], np.float64))
    assert restored.snapshot() == aggregate_of(values).snapshot()


@settings(deadline=None)
@given(st.lists(moderate, max_size=60), st.integers(0, 60))
def test_merging_parts_equals_the_whole(values: list[float], at: int) -> None:
    """Counts, extremes and quantiles agree exactly, moments to rounding."""
    whole, left, right = map(aggregate_of, (values, values[:at], values[at:]))
    left.merge(right)
    assert left.count == whole.count
    shares = [0.0, 0.1, 0.5, 0.9, 1.0]
    if not values:
        assert all(map(math.isnan, (left.min, left.mean, left.variance, *left.quantiles(shares))))
        return
    assert (left.min, left.max) == (whole.min, whole.max)
    assert left.quantiles(shares) == whole.quantiles(shares)
    assert left.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
    if len(values) > 1:
        assert left.variance == pytest.approx(whole.variance, rel=1e-9, abs=1e-4)


@settings(deadline=None)
@given(st.lists(moderate, min_size=1, max_size=60), st.floats(0.0, 1.0))
def test_quantiles_are_within_one_per_cent(values: list[float], share: float) -> None:
    """A quantile is within 1 % of the value that has its rank."""
    true = sorted(values)[math.floor(share * (len(values) - 1))]
    [found] = aggregate_of(values).quantiles([share])
    assert abs(found - true) <= ACCURACY * abs(true)


@settings(deadline=None)
@given(st.lists(moderate, min_size=2, max_size=60))
def test_moments_are_those_of_the_values(values: list[float]) -> None:
    """Mean and sample variance."""
    aggregate = aggregate_of(values)
    assert aggregate.mean == pytest.approx(statistics.fmean(values), abs=1e-9, rel=1e-9)
    assert aggregate.variance == pytest.approx(statistics.variance(values), rel=1e-9, abs=1e-4)


def test_a_small_spread_around_a_large_level_keeps_its_digits() -> None:
    """Sums of squares of raw values would lose all of this variance."""
    values = (1e9 + np.array([0.0, 0.1, 0.2, 0.3] * 500)).tolist()
    assert aggregate_of(values).variance == pytest.approx(statistics.variance(values), rel=1e-6)


@settings(deadline=None)
@given(st.lists(finite, min_size=1, max_size=40))
def test_no_finite_value_breaks_the_moments(values: list[float]) -> None:
    """The largest floats neither overflow nor turn into NaN, and the state restores."""
    aggregate = aggregate_of(values)
    assert math.isfinite(aggregate.mean)
    assert len(values) == 1 or math.isfinite(aggregate.variance)
    assert int(aggregate.histogram(5).counts.sum()) == len(values)
    assert Aggregate.restore(aggregate.snapshot()).snapshot() == aggregate.snapshot()


@settings(deadline=None)
@given(st.lists(st.floats(min_value=5e-324, allow_infinity=False), min_size=1, max_size=50))
def test_a_value_alone_and_in_a_column_has_the_same_bucket(values: list[float]) -> None:
    """The scalar and the vector form agree, and the bucket holds the value."""
    buckets = buckets_of(np.array(values)).tolist()
    assert buckets == [bucket_of(value) for value in values]
    for value, bucket in zip(values, buckets, strict=True):
        assert lower_bound(bucket) <= value * (1 + 1e-12)
        assert value <= lower_bound(bucket + 1) * (1 + 1e-12)
        if value > 1e-300:
            assert abs(middle_of(bucket) - value) <= ACCURACY * value


@pytest.mark.parametrize(
    "values",
    [
        [0.0] * 9 + [7.0, 5.0, 0.25, 3.0, 8.0],
        [1e200, *(1e-200 * number for number in range(1, 20))],
        [1e200, -1e200, *(-1e-200 * number for number in range(1, 20)), *([0.0] * 5)],
    ],
    ids=["zeros and others", "all but one below the span", "below it on both sides"],
)
def test_a_column_is_counted_as_its_values_one_by_one(values: list[float]) -> None:
    """Also a second one that lies wholly below what is told apart by then."""
    column, alone = Aggregate(), Aggregate()
    for part in (values[:1], values[1:]):
        column.add(np.array(part))
        for value in part:
            alone.add_one(value)
    assert column.snapshot() == alone.snapshot()


def test_the_state_is_bounded() -> None:
    """Values over the whole range of floats keep to the span, and to some kilobytes."""
    magnitudes = np.geomspace(1e-300, 1e300, 100_000)
    aggregate = Aggregate()
    aggregate.add(np.concatenate((magnitudes, -magnitudes)))
    stored = aggregate.snapshot()
    assert len(stored) < 5 * 2 * SPAN
    assert aggregate.quantiles([0.0, 1.0]) == [-1e300, 1e300]


@settings(deadline=None)
@given(st.lists(moderate, min_size=1, max_size=40), moderate, st.integers(0, 39))
def test_a_corrected_value_counts_instead_of_the_old(
    values: list[float], new: float, at: int
) -> None:
    """Count and quantiles are those of the corrected values; the mean is so to rounding."""
    old = values[at % len(values)]
    corrected = [*values]
    corrected.remove(old)
    aggregate = aggregate_of(values)
    assert aggregate.replace(old, new)
    assert aggregate.count == len(values)
    true = aggregate_of([*corrected, new])
    assert aggregate.mean == pytest.approx(true.mean, rel=1e-9, abs=1e-6)
    [found], [wanted] = aggregate.quantiles([0.5]), true.quantiles([0.5])
    assert found == pytest.approx(wanted, rel=2.1 * ACCURACY)


def test_a_value_that_is_not_there_is_not_replaced() -> None:
    """The state stays as it was."""
    aggregate = aggregate_of([1.0, 2.0])
    before = aggregate.snapshot()
    assert not aggregate.replace(3.0, 4.0)
    assert not aggregate.replace(0.0, None)
    assert aggregate.snapshot() == before


def test_the_last_value_taken_back_leaves_an_empty_window() -> None:
    """An emptied aggregate begins anew, and its state restores."""
    aggregate = aggregate_of([5.0])
    assert aggregate.replace(5.0, None)
    assert aggregate.count == 0
    assert math.isnan(aggregate.mean)
    aggregate.add(np.array([7.0]))
    assert aggregate.mean == 7.0
    assert Aggregate.restore(aggregate.snapshot()).snapshot() == aggregate.snapshot()


def test_a_histogram_places_the_values_between_equal_edges() -> None:
    """Counts per bin, the last one holding the largest value."""
    histogram = aggregate_of([0.0] * 3 + [1.0] * 7).histogram(4)
    assert histogram.edges.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert histogram.counts.tolist() == [3, 0, 0, 7]


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"junk",
        msgspec.msgpack.encode((2, [])),
        msgspec.msgpack.encode((1, [1, 0.0, 0.0, 0.0, 0.0, 0.0, [0, None, [], []]])),
        msgspec.msgpack.encode((1, [1, 0.0, math.nan, 0.0, 0.0, 0.0, [1, None, [], []]])),
        msgspec.msgpack.encode((1, [1, 0.0, 0.0, 0.0, 9.0, 1.0, [1, None, [], []]])),
        msgspec.msgpack.encode((1, [1, 1.0, 0.0, 0.0, 1.0, 1.0, [0, 0, [-5_000, 1], []]])),
        msgspec.msgpack.encode((1, [1, 1.0, 0.0, 0.0, 1.0, 1.0, [0, None, [0, 1], []]])),
        msgspec.msgpack.encode((1, [1, 1.0, 0.0, 0.0, 1.0, 1.0, [0, 0, [0], []]])),
        msgspec.msgpack.encode((1, [3, 1.0, 0.0, 0.0, 1.0, 1.0, [0, 0, [0, 4, -1, -1], []]])),
    ],
)
def test_damaged_state_is_refused(stored: bytes) -> None:
    """Bytes that are no summary, of another version, or contradict themselves raise StateError."""
    with pytest.raises(StateError):
        Aggregate.restore(stored)
