"""The hours in which people may be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.alerting import Day, HoursSpec
from driftline.model import to_datetime, to_micros
from driftline.notify.hours import next_within

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]


def hours(**declared: Any) -> HoursSpec:
    return HoursSpec.model_validate(declared)


@pytest.mark.parametrize(
    ("declared", "at", "expected"),
    [
        # 2026-03-02 is a Monday.
        ({}, "2026-03-02 03:04:05", "2026-03-02 03:04:05"),
        ({"begin": "09:00", "end": "17:00"}, "2026-03-02 08:59:59", "2026-03-02 09:00:00"),
        ({"begin": "09:00", "end": "17:00"}, "2026-03-02 09:00:00", "2026-03-02 09:00:00"),
        ({"begin": "09:00", "end": "17:00"}, "2026-03-02 16:59:59", "2026-03-02 16:59:59"),
        ({"begin": "09:00", "end": "17:00"}, "2026-03-02 17:00:00", "2026-03-03 09:00:00"),
        ({"begin": "09:00", "days": WEEKDAYS}, "2026-03-06 23:59:59", "2026-03-06 23:59:59"),
        ({"begin": "09:00", "days": WEEKDAYS}, "2026-03-07 00:00:00", "2026-03-09 09:00:00"),
        ({"days": "mon"}, "2026-03-03 00:00:00", "2026-03-09 00:00:00"),
        # Past midnight: Friday's night belongs to Friday.
        (
            {"begin": "22:00", "end": "06:00", "days": "fri"},
            "2026-03-07 05:59:00",
            "2026-03-07 05:59:00",
        ),
        (
            {"begin": "22:00", "end": "06:00", "days": "fri"},
            "2026-03-07 06:00:00",
            "2026-03-13 22:00:00",
        ),
        # In Berlin clocks go forward on 2026-03-29 at 02:00, and back on 2026-10-25 at 03:00.
        (
            {"begin": "09:00", "end": "17:00", "timezone": "Europe/Berlin"},
            "2026-03-28 16:00:00",
            "2026-03-29 07:00:00",
        ),
        (
            {"begin": "09:00", "end": "17:00", "timezone": "Europe/Berlin"},
            "2026-10-24 15:00:00",
            "2026-10-25 08:00:00",
        ),
        (
            {"begin": "02:30", "end": "03:30", "timezone": "Europe/Berlin"},
            "2026-03-29 00:00:00",
            "2026-03-29 01:30:00",
        ),
    ],
)
def test_a_moment_out_of_hours_becomes_the_next_within(
    declared: dict[str, Any], at: str, expected: str
) -> None:
    """Hours are those of the zone's wall clocks; times of the table are UTC."""
    moment = to_micros(datetime.fromisoformat(at).replace(tzinfo=UTC))
    found = to_datetime(next_within(hours(**declared), moment))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@given(
    days=st.lists(st.sampled_from(list(Day)), min_size=1, unique=True),
    begin=st.times(),
    end=st.times(),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]),
    at=st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2027, 1, 1)),  # noqa: DTZ001
)
def test_what_is_within_stays_and_what_is_not_waits_for_a_week_at_most(
    days: list[Day], begin: Any, end: Any, zone: str, at: datetime
) -> None:
    """Never back in time, and the moment found lies within."""
    begin, end = (one.replace(second=0, microsecond=0) for one in (begin, end))
    if begin == end:
        end = begin = begin.replace(hour=0, minute=0)
    spec = hours(days=[day.value for day in days], begin=begin, end=end, timezone=zone)
    moment = to_micros(at.replace(tzinfo=UTC))
    found = next_within(spec, moment)
    # The hour that is left out in spring may be all that there is of a day.
    assert moment <= found <= moment + timedelta(days=9) // timedelta(microseconds=1)
    assert next_within(spec, found) == found
    local = to_datetime(found).astimezone(ZoneInfo(zone))
    today, yesterday = (list(Day)[(local.weekday() - back) % 7] for back in (0, 1))
    assert today in days or (yesterday in days and end <= begin)
