"""When people may be told: from a declaration of hours to the next moment within them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from driftline.config.alerting import Day, HoursSpec
from driftline.model import to_datetime, to_micros

if TYPE_CHECKING:
    from datetime import date

    from driftline.model import Micros

_DAYS: Final = tuple(Day)


def next_within(hours: HoursSpec, at: Micros) -> Micros:
    """The moment itself if it lies within the hours, else the next one that does.

    Hours are those of the wall clocks of their zone: on the days when those are changed they are
    an hour shorter or longer.
    """
    zone = ZoneInfo(hours.timezone)
    today = to_datetime(at).astimezone(zone).date()
    # From yesterday on: its hours may reach past midnight. In eight days every weekday comes.
    for ahead in range(-1, 9):
        day = today + timedelta(days=ahead)
        if _DAYS[day.weekday()] not in hours.days:
            continue
        begin, end = _span(hours, day, zone)
        if at < end:
            return max(at, begin)
    return at


@lru_cache(maxsize=256)
def parse_hours(text: str) -> HoursSpec:
    """Hours as they are kept with a job: JSON."""
    return HoursSpec.model_validate_json(text)


def _span(hours: HoursSpec, day: date, zone: ZoneInfo) -> tuple[Micros, Micros]:
    last = day + timedelta(days=1) if hours.end <= hours.begin else day
    return (
        _moment(datetime.combine(day, hours.begin, zone)),
        _moment(datetime.combine(last, hours.end, zone)),
    )


def _moment(local: datetime) -> Micros:
    return to_micros(local.astimezone(UTC))
