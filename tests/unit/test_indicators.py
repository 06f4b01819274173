"""A categorical signal becomes a bounded number of indicators, learned once, with nothing lost."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.errors import StateError
from driftline.eventlog.messages import Texts
from driftline.signals import IndicatorTable, TextSeries
from driftline.signals.indicators import MAX_INDICATORS, OTHER, UNSEEN

quick = settings(deadline=None, max_examples=100, print_blob=True)


def series(values: list[str], first: int = 0) -> TextSeries:
    """The values at the rows 0, 1, ..., a microsecond apart."""
    known = tuple(sorted(set(values), reverse=True))
    codes = np.array([known.index(value) for value in values], np.int32)
    return TextSeries(
        Texts(known, codes),
        np.arange(first, first + len(values), dtype=np.int64),
        np.arange(len(values), dtype=np.int64),
    )


def feed(
    table: IndicatorTable, values: list[str], cuts: list[int]
) -> tuple[dict[str, list[float]], list[int]]:
    """All that comes out of values given in pieces."""
    columns: dict[str, list[float]] = {}
    times: list[int] = []
    for begin, end in zip([0, *cuts], [*cuts, len(values)], strict=True):
        found, at, rows = table.columns(series(values[begin:end], begin))
        assert all(len(column) == len(at) == len(rows) for column in found.values())
        assert sorted(rows.tolist()) == rows.tolist()
        for name, column in found.items():
            columns.setdefault(name, []).extend(column.tolist())
        times += at.tolist()
    return columns, times


@quick
@given(
    st.lists(st.sampled_from("abcdefghijklmnop"), max_size=60),
    st.integers(1, 30),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_cuts_make_no_difference_and_nothing_is_lost(
    values: list[str], warm_up: int, cuts: list[int]
) -> None:
    """Once the warm-up is over every value has come out, exactly one of its indicators at 1."""
    at = sorted(min(cut, len(values)) for cut in cuts)
    columns, times = feed(IndicatorTable(warm_up), values, at)
    assert (columns, times) == feed(IndicatorTable(warm_up), values, [])
    if len(values) < warm_up:
        assert columns == {}
        return
    assert times == list(range(len(values)))
    assert len(columns) <= MAX_INDICATORS + 2
    assert list(columns)[-2:] == [OTHER, UNSEEN]
    assert np.sum(list(columns.values()), axis=0).tolist() == [1.0] * len(values)
    known = set(values[:warm_up])
    for row, value in enumerate(values):
        (name,) = (name for name, column in columns.items() if column[row])
        assert name == value if name not in {OTHER, UNSEEN} else name != value
        assert (name == UNSEEN) == (value not in known)


@quick
@given(
    st.lists(st.sampled_from("abcdefghijklmnop"), max_size=40),
    st.lists(st.sampled_from("abcxyz"), max_size=20),
    st.integers(1, 30),
)
def test_it_goes_on_from_what_is_stored(before: list[str], after: list[str], warm_up: int) -> None:
    """In the warm-up and behind it; a table begun with another length keeps its own."""
    table, other = IndicatorTable(warm_up), IndicatorTable(999)
    feed(table, before, [])
    other.restore(table.snapshot())
    assert other.names == table.names
    assert feed(other, after, []) == feed(table, after, [])
    assert other.snapshot() == table.snapshot()


def test_values_of_the_warm_up_carry_the_row_that_completed_it() -> None:
    """It is that record that sets off what they show; their times are their own."""
    table = IndicatorTable(5)
    table.columns(series(["a", "b"]))
    _, times, rows = table.columns(series(["a", "a", "b", "a"], 2))
    assert rows.tolist() == [2, 2, 2, 2, 2, 3]
    assert times.tolist() == [0, 1, 2, 3, 4, 5]


def test_the_most_frequent_values_have_an_indicator_ties_by_name() -> None:
    """The table depends on nothing but the values."""
    values = [f"v{n:02}" for n in range(20)] + ["v19", "v18"]
    table = IndicatorTable(len(values))
    table.columns(series(values))
    assert table.names == ("v18", "v19", *(f"v{n:02}" for n in range(8)), OTHER, UNSEEN)


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode([5, ["a"], [], [], []]),
        msgspec.msgpack.encode([1, ["a"], [1], [], []]),
        msgspec.msgpack.encode([5, ["a"], [1], ["a"], []]),
    ],
)
def test_a_damaged_table_is_refused(state: bytes) -> None:
    """Also one that decodes and contradicts itself."""
    with pytest.raises(StateError):
        IndicatorTable(5).restore(state)
