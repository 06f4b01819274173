"""Times are read alike one by one and as a column, and as Python's own reader reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.decode.times import LAST_TIME, Unit, epoch_column, iso_column, parse_epoch, parse_iso
from driftline.model import to_micros

moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001 - zones are drawn
zones = st.none() | st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))
written = st.builds(
    lambda at, zone, sep, spec: at.replace(tzinfo=zone).isoformat(sep, spec),
    moments,
    zones | st.just(UTC),
    st.sampled_from("T "),
    st.sampled_from(["auto", "seconds", "milliseconds", "microseconds", "minutes"]),
)
nearly = st.from_regex(
    r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?\Z"
)


@given(written)
def test_a_time_is_read_as_python_reads_it(text: str) -> None:
    """Where there is no offset the time is UTC."""
    assert parse_iso(text) == to_micros(datetime.fromisoformat(text))


@given(st.lists(st.none() | written | nearly | st.text(max_size=25), max_size=60), st.data())
def test_a_column_of_times_is_read_as_each_of_them(
    some: list[str | None], data: st.DataObject
) -> None:
    """Whatever stands beside a text, it is read alike."""
    texts = [each for each in some for _ in range(data.draw(st.sampled_from([1, 1, 15])))]
    column, read = iso_column(texts)
    alone = [None if text is None else parse_iso(text) for text in texts]
    assert [at if ok else None for at, ok in zip(column.tolist(), read, strict=True)] == alone


@given(st.lists(nearly, min_size=12, max_size=12))
def test_many_texts_of_one_form_are_read_as_each_of_them(texts: list[str]) -> None:
    """Also where digits make no time."""
    column, read = iso_column(texts)
    found = [at if ok else None for at, ok in zip(column.tolist(), read, strict=True)]
    assert found == [parse_iso(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:00.1234567890123Z", 123_456),
        ("1970-01-01T00:00:01,5", 1_500_000),
        ("1970-01-01 01:00+01", 0),
        ("1970-01-01T00:00:00-0130", 5_400_000_000),
        ("2000-02-29t12:00z", 951_825_600_000_000),
    ],
)
def test_less_common_forms_are_read(text: str, micros: int) -> None:
    """A date alone, a comma, a short offset, small letters, more than microseconds."""
    assert parse_iso(text) == micros
    assert iso_column([text] * 20)[0].tolist() == [micros] * 20


@pytest.mark.parametrize(("unit", "per"), [("s", 10**6), ("ms", 10**3), ("us", 1)])
def test_whole_epochs_end_with_the_year_9999(unit: Unit, per: int) -> None:
    """The last moment is read, the next one is not, nor what is before 1970 or beyond 64 bits."""
    last = LAST_TIME // per
    column, read = epoch_column([0, -1, last, last + 1, 2**63 - 1, -(2**63)], unit)
    assert read.tolist() == [True, False, True, False, False, False]
    assert column.tolist() == [0, 0, last * per, 0, 0, 0]


units = st.sampled_from(["s", "ms", "us", "ns"])
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)


whole = st.integers(-2, 2) | st.integers(2**62, 2**64) | st.integers(2**37, 2**58)


@given(units, st.lists(st.none() | numbers) | st.lists(st.floats(0, 3e17)) | st.lists(whole))
def test_a_column_of_epochs_is_read_as_each_of_them(unit: Unit, some: list[float | None]) -> None:
    """In range exactly alike; out of range not at all."""
    column, read = epoch_column(some, unit)
    for number, at, ok in zip(some, column.tolist(), read, strict=True):
        alone = None if number is None else parse_epoch(number, unit)
        in_range = alone is not None and 0 <= alone <= 253_402_300_799_999_999
        assert bool(ok) == in_range
        assert not in_range or at == alone


@pytest.mark.parametrize(
    ("number", "unit"),
    [
        (1_769_846_399, "s"),
        (1_769_846_399_000, "ms"),
        (1_769_846_399.0, "s"),
        (1769846399000000999, "ns"),
    ],
)
def test_an_epoch_counts_in_its_unit(number: float, unit: Unit) -> None:
    """Nanoseconds are cut off."""
    assert parse_epoch(number, unit) == 1_769_846_399_000_000
