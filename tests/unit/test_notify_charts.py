"""The demo's charts: pure text from numbers."""

from __future__ import annotations

import math

import pytest

from driftline.notify.charts import BLOCKS, columns, draw


def test_a_bar_is_as_tall_as_its_value() -> None:
    """Values from 0 to the largest fill a line of eighths in proportion."""
    chart = draw([0.0, 1.0, 2.0, 4.0, 8.0], height=1)
    assert chart.lines == ("▁▁▂▄█",)
    assert (chart.low, chart.high) == (0.0, 8.0)


def test_higher_charts_stack_lines_from_the_top() -> None:
    """A bar that fills the lowest line goes on in the one above it."""
    assert draw([0.5, 0.75, 1.0, 0.1], height=2).lines == (" ▄█ ", "███▂")


def test_feet_stand_below_the_least_value_where_zero_is_far() -> None:
    """What moves between 900 and 1,000 is seen moving, and its least bar is seen."""
    chart = draw([900.0, 1000.0], height=4)
    assert chart.low == pytest.approx(875.0)
    assert [line[0] for line in chart.lines] != [line[1] for line in chart.lines]
    assert chart.lines[-1][0] in BLOCKS[1:]


def test_a_missing_value_has_no_bar() -> None:
    """NaN is a gap, and takes its column."""
    chart = draw([1.0, math.nan, 1.0], height=2)
    assert [line[1] for line in chart.lines] == [" ", " "]
    assert all(len(line) == 3 for line in chart.lines)


@pytest.mark.parametrize("values", [[], [math.nan, math.nan]])
def test_nothing_to_draw_is_blank(values: list[float]) -> None:
    """Without a value the chart is empty, and as wide as asked."""
    assert draw(values, height=2).lines == (" " * len(values),) * 2


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0])
def test_equal_values_are_drawn(value: float) -> None:
    """A signal that never moves is a full bar or a low one, not an error."""
    (line,) = draw([value, value], height=1).lines
    assert len(set(line)) == 1
    assert line[0] in BLOCKS[1:]


@pytest.mark.parametrize("count", [1, 7, 76, 77, 302, 1000])
def test_neighbours_share_a_column_where_there_are_more_than_fit(count: int) -> None:
    """Every one is in exactly one column, in order, and no more columns than fit."""
    shared = columns(count, 76)
    assert [one for column in shared for one in column] == list(range(count))
    assert len(shared) <= 76
    assert len({len(column) for column in shared[:-1]}) <= 1
