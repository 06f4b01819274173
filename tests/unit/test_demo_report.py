"""The demo's report: where the moment of change is marked."""

from __future__ import annotations

import math

import pytest

from driftline.demo.report import MARGIN, chart_text
from driftline.demo.series import Series
from driftline.model import SECOND, SignalKind, to_datetime

DAY = 86_400 * SECOND
STARTS = tuple(day * DAY for day in range(60))


@pytest.mark.parametrize("day", [0, 1, 5, 20, 47, 48, 49, 58, 59])
def test_the_mark_stands_below_the_day_of_change(day: int) -> None:
    """Wherever the change is, the pointer is in its column, with its date beside it."""
    series = Series("error", STARTS, (0.1,) * day + (0.2,) * (60 - day))
    change_at = to_datetime(day * DAY + DAY // 2)
    *_, axis = chart_text(series, SignalKind.BINARY, change_at).plain.splitlines()
    assert axis.index("▲") == MARGIN + day
    assert f"{change_at:%Y-%m-%d}" in axis
    assert len(axis) <= MARGIN + 60 + 2


def test_a_signal_without_change_has_no_mark() -> None:
    """Only the first and the last day are named."""
    series = Series("error", STARTS, (0.1,) * 60)
    text = chart_text(series, SignalKind.BINARY, None).plain
    assert "▲" not in text
    assert "1970-01-01" in text
    assert "1970-03-01" in text


def test_days_without_values_are_gaps() -> None:
    """A chart with holes is drawn, with the scale of what is there."""
    series = Series("feature.age", STARTS, (20.0, math.nan, 40.0) * 20)
    lines = chart_text(series, SignalKind.UNBOUNDED, None).plain.splitlines()
    assert lines[0].startswith("age, mean of every day")
    assert all(line[MARGIN + 1] == " " for line in lines[1:-1])


def test_a_signal_without_windows_is_said() -> None:
    """No windows, no chart, no error."""
    assert "no windows" in chart_text(Series("error", (), ()), SignalKind.BINARY, None).plain
