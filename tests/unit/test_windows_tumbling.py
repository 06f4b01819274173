"""The tumbling windows of one instance."""

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.errors import StateError
from driftline.windows import PREDICTIONS, Aggregate, WindowKey, Windows

HOUR = 3_600_000_000
DAY = 24 * HOUR


@dataclass(frozen=True)
class Spec:
    """As a stream declares it."""

    size: timedelta
    keep: timedelta


HOURLY = Spec(timedelta(hours=1), timedelta(days=2))
DAILY = Spec(timedelta(days=1), timedelta(days=30))


def hourly(**options: int | dict[str, int]) -> Windows:
    """Windows of an hour for two signals, one of which waits for labels if `open_for` says so."""
    return Windows([HOURLY], ["error", "score"], **{"max_series": 1_000, **options})  # type: ignore[arg-type]


def add(windows: Windows, signal: str, rows: list[tuple[float, int]]) -> None:
    """Add (value, time) pairs as one column."""
    windows.add(
        signal,
        np.array([value for value, _ in rows], np.float64),
        np.array([time for _, time in rows], np.int64),
    )


def counts(windows: Windows) -> dict[tuple[str, int], int]:
    """How many values each changed window of an hour holds, by signal and hour."""
    found = {}
    for text, blob in windows.changed().items():
        key = WindowKey.parse(text)
        found[key.signal, key.start // HOUR] = Aggregate.restore(blob).count
    return found


times_of_rows = st.lists(st.integers(-2 * DAY, 2 * DAY), max_size=60)


@settings(deadline=None)
@given(times_of_rows, st.integers(1, 30), st.integers(-DAY, DAY))
def test_predictions_are_counted_as_ones_that_are_added(
    times: list[int], limit: int, watermark: int
) -> None:
    """By window, in the order of the column, up to the limit, and those that are late as such."""
    counted, added = (Windows([HOURLY, DAILY], [], max_series=limit) for _ in range(2))
    column = np.array(times, np.int64)
    for windows in (counted, added):
        windows.advance(watermark)
    for part in (column, column[::2]):
        counted.count_predictions(part)
        added.add(PREDICTIONS, np.ones(len(part)), part)
    assert counted.changed() == added.changed()
    assert (counted.late, counted.refused) == (added.late, added.refused)
    assert counted.next_deadline == added.next_deadline


rows = st.lists(
    st.tuples(st.floats(-5, 5) | st.just(math.nan), st.integers(-2 * DAY, 2 * DAY)),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(rows, st.integers(0, 40), st.integers(1, 30))
def test_cuts_do_not_matter_to_the_byte(
    given_rows: list[tuple[float, int]], at: int, limit: int
) -> None:
    """Whole or in pieces, also under the cap, the same windows come out, to the last byte."""
    whole, pieces = (Windows([HOURLY, DAILY], ["score"], max_series=limit) for _ in range(2))
    add(whole, "score", given_rows)
    for part in (given_rows[:at], given_rows[at:]):
        add(pieces, "score", part)
    assert pieces.changed() == whole.changed()
    assert pieces.snapshot() == whole.snapshot()


def test_values_go_to_the_window_of_their_event_time() -> None:
    """Whatever order they come in; before 1970 too; NaN is no value."""
    windows = hourly()
    add(windows, "score", [(1, HOUR), (1, 0), (1, HOUR - 1), (math.nan, 5 * HOUR), (1, -1)])
    assert counts(windows) == {("score", 0): 2, ("score", 1): 1, ("score", -1): 1}


def test_a_window_closes_when_the_watermark_passes_its_lateness() -> None:
    """Until then late values are merged; after it they are counted as late."""
    windows = hourly(lateness=HOUR)
    add(windows, "score", [(1, 0)])
    assert windows.next_deadline == 2 * HOUR
    windows.advance(2 * HOUR - 1)
    add(windows, "score", [(1, 1)])
    assert counts(windows) == {("score", 0): 2}
    windows.advance(2 * HOUR)
    add(windows, "score", [(1, 2), (1, 3)])
    assert counts(windows) == {("score", 0): 2}
    assert windows.late == 2
    assert windows.at("score", HOUR, 0) is None


def test_a_signal_that_waits_for_labels_stays_open_longer() -> None:
    """Its windows wait out the horizon, and so does the count of predictions."""
    windows = hourly(open_for={"error": 3 * HOUR})
    for signal in ("error", "score", PREDICTIONS):
        add(windows, signal, [(1, 0)])
    windows.advance(HOUR)
    assert windows.at("score", HOUR, 0) is None
    assert windows.at("error", HOUR, 0)
    assert windows.at(PREDICTIONS, HOUR, 0)
    windows.advance(4 * HOUR)
    assert windows.at("error", HOUR, 0) is None


def test_coverage_says_how_much_is_labelled() -> None:
    """Values of the signal against predictions, over the open windows of the span."""
    windows = hourly(open_for={"error": DAY})
    windows.count_predictions(np.array([0, 1, HOUR, HOUR + 1, 2 * HOUR], np.int64))
    add(windows, "error", [(0, 0), (1, HOUR)])
    covered = windows.coverage("error", since=HOUR + 5)
    assert (covered.labelled, covered.predictions) == (1, 3)
    assert windows.coverage("error", since=0, until=HOUR).share == 0.5
    assert math.isnan(windows.coverage("error", since=9 * HOUR).share)


def test_what_was_kept_long_enough_is_dropped() -> None:
    """By its key, once, and only then; a window that changed and was dropped is not stored."""
    windows = hourly()
    add(windows, "score", [(1, 0)])
    windows.advance(HOUR)
    assert windows.next_deadline == HOUR + 2 * DAY
    windows.advance(HOUR + 2 * DAY - 1)
    assert windows.dropped() == []
    windows.advance(HOUR + 2 * DAY)
    assert windows.dropped() == [f"score|{HOUR}|0"]
    assert windows.changed() == {}
    windows.clear_changes()
    assert windows.dropped() == []
    assert windows.next_deadline is None


def test_only_changed_windows_are_handed_out() -> None:
    """Also one that closed since it changed, but nothing twice."""
    windows = hourly()
    add(windows, "score", [(1, 0), (1, HOUR)])
    windows.advance(HOUR)
    assert set(counts(windows)) == {("score", 0), ("score", 1)}
    windows.clear_changes()
    add(windows, "score", [(1, HOUR)])
    assert set(counts(windows)) == {("score", 1)}


def test_windows_over_the_cap_are_refused_and_counted() -> None:
    """Each signal has its own part, so one with wild times displaces no other."""
    windows = hourly(max_series=6)
    add(windows, "score", [(1, hour * HOUR) for hour in (9, 3, 5, 3, 7)])
    assert counts(windows) == {("score", 9): 1, ("score", 3): 2}
    assert windows.refused == 2
    add(windows, "error", [(1, 0)])
    assert counts(windows)["error", 0] == 1


def test_a_corrected_label_changes_its_window() -> None:
    """Where the old value is; what no open window holds is counted as late."""
    windows = hourly()
    add(windows, "error", [(1, 0), (0, 1)])
    windows.replace("error", 1.0, 0.0, 5)
    window = windows.at("error", HOUR, 0)
    assert window
    assert (window.count, window.mean, window.max) == (2, 0.0, 1.0)
    windows.replace("error", math.nan, 1.0, 5)
    assert window.count == 3
    windows.replace("error", 1.0, 0.0, 7 * HOUR)
    windows.replace("error", 5.0, 0.0, 5)
    assert windows.late == 2


@settings(deadline=None)
@given(rows, rows)
def test_a_restored_instance_goes_on_as_if_nothing_had_happened(
    before: list[tuple[float, int]], after: list[tuple[float, int]]
) -> None:
    """State and outputs after a restart equal those without one."""
    going, stopped = (hourly(lateness=HOUR, open_for={"error": DAY}) for _ in range(2))
    stored: dict[str, bytes] = {}
    for windows in (going, stopped):
        for signal in ("error", "score"):
            add(windows, signal, before)
        windows.advance(HOUR)
        stored = windows.changed()
        windows.clear_changes()
    restored = hourly(lateness=HOUR, open_for={"error": DAY})
    wanted = restored.restore(stopped.snapshot())
    restored.load({key: stored[key] for key in wanted})
    assert restored.next_deadline == going.next_deadline
    for windows in (going, restored):
        for signal in ("error", "score"):
            add(windows, signal, after)
        windows.advance(2 * DAY)
    assert restored.changed() == going.changed()
    assert restored.dropped() == going.dropped()
    assert restored.snapshot() == going.snapshot()


def test_windows_of_a_removed_signal_are_kept_and_of_a_removed_size_dropped() -> None:
    """A changed declaration does not lose what was asked to be kept."""
    old = Windows([HOURLY, DAILY], ["error", "gone"], max_series=100)
    add(old, "error", [(1, 0)])
    add(old, "gone", [(1, 0)])
    new = Windows([HOURLY], ["error"], max_series=100)
    wanted = new.restore(old.snapshot())
    assert sorted(wanted) == [f"error|{HOUR}|0", f"gone|{HOUR}|0"]
    assert sorted(new.dropped()) == [f"error|{DAY}|0", f"gone|{DAY}|0"]
    new.load(old.changed())
    new.advance(HOUR + 2 * DAY)
    assert f"gone|{HOUR}|0" in new.dropped()


def test_a_changed_declaration_takes_the_windows_over() -> None:
    """Open ones go on, closed ones stay closed under a longer lateness, counts are kept."""
    old = Windows([HOURLY, DAILY], ["error", "gone"], max_series=100)
    for signal in ("error", "gone"):
        add(old, signal, [(1, 0), (1, HOUR)])
    old.advance(HOUR)
    add(old, "error", [(1, 0)])
    new = hourly(lateness=5 * HOUR)
    new.inherit(old)
    assert (new.late, new.next_deadline) == (1, 2 * HOUR)
    assert set(new.dropped()) == {f"error|{DAY}|0", f"gone|{DAY}|0"}
    add(new, "error", [(1, 0), (1, HOUR)])
    assert new.late == 2
    assert counts(new) == {("error", 0): 1, ("gone", 0): 1, ("error", 1): 2, ("gone", 1): 1}
    new.advance(2 * HOUR)
    assert new.at("gone", HOUR, HOUR) is None
    restored = hourly(lateness=5 * HOUR)
    restored.load({key: new.changed()[key] for key in restored.restore(new.snapshot())})
    assert restored.snapshot() == new.snapshot()


def test_a_window_begun_anew_is_not_dropped() -> None:
    """A size that is declared away and back within one checkpoint."""
    old = Windows([HOURLY, DAILY], ["error"], max_series=100)
    add(old, "error", [(1, 0)])
    between, again = hourly(), Windows([HOURLY, DAILY], ["error"], max_series=100)
    between.inherit(old)
    again.inherit(between)
    assert again.dropped() == [f"error|{DAY}|0"]
    add(again, "error", [(1, 0)])
    assert again.dropped() == []


def test_a_missing_or_damaged_window_is_refused() -> None:
    """State that is not whole does not go unnoticed."""
    windows = hourly()
    add(windows, "score", [(1, 0)])
    restored = hourly()
    restored.restore(windows.snapshot())
    with pytest.raises(StateError, match="not stored"):
        restored.load({})
    for damaged in (b"", b"x", windows.snapshot()[:-1]):
        with pytest.raises(StateError):
            hourly().restore(damaged)


def test_a_stream_without_windows_has_none() -> None:
    """Nothing is stored, nothing fails."""
    windows = Windows([], ["error"], max_series=100)
    add(windows, "error", [(1, 0)])
    windows.advance(DAY)
    assert windows.changed() == {}
    assert windows.coverage("error", since=0).predictions == 0


def test_a_key_reads_back_whatever_the_signal_is_called() -> None:
    """Signal names may hold the separator."""
    key = WindowKey("feature.a|b|1", HOUR, -HOUR)
    assert WindowKey.parse(str(key)) == key
