"""Times of day and time zones, as people write them."""

import re
from datetime import time
from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from driftline.config.spec import Line, refuse, wrong
from driftline.errors import nearest

_PATTERN: Final = "([01][0-9]|2[0-3]):([0-5][0-9])"
_EXPECTED: Final = "should be a time of day such as 09:00 or 17:30"


def _read(value: object) -> time:
    """Take HH:MM, or a time from code; pydantic's own reading would take a number for seconds."""
    if isinstance(value, time) and value.tzinfo is None and not value.second + value.microsecond:
        return value
    if isinstance(value, str) and (match := re.fullmatch(_PATTERN, value, re.ASCII)):
        return time(int(match[1]), int(match[2]))
    raise wrong(_EXPECTED)


TimeOfDay: TypeAlias = Annotated[
    time,
    BeforeValidator(_read),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}$", "examples": ["09:00", "17:30"]}),
]
"""Hours and minutes of a day, in no zone."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest(name, available_timezones())
        hint = f"; did you mean {near}?" if near else ", such as UTC or Europe/Berlin"
        refuse(f"should be a time zone's IANA name{hint}")
    return name


Timezone: TypeAlias = Annotated[Line, AfterValidator(_zone)]
"""The IANA name of a time zone that is known here."""
