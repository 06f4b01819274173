"""Durations as people write them: 500ms, 30s, 10m, 12h, 14d."""

import re
from datetime import timedelta
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from driftline.config.spec import refuse, wrong

_UNITS: Final = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_PATTERN: Final = "([0-9]{1,12})(ms|s|m|h|d)"
_EXPECTED: Final = "should be a whole number with its unit, such as 500ms, 30s, 10m, 12h or 14d"
_LONGEST: Final = timedelta(days=1_000_000)


def parse_duration(text: str) -> timedelta:
    """The duration that a text such as `10m` stands for.

    Raises:
        ValueError: the text is no duration, or one of more than a million days; it says what would
            have been right.
    """
    match = re.fullmatch(_PATTERN, text, re.ASCII)
    if match is None:
        raise ValueError(_EXPECTED)
    amount, unit = int(match[1]), _UNITS[match[2]]
    if amount > _LONGEST // unit:
        message = "should be at most 1000000d"
        raise ValueError(message)
    return amount * unit


def format_duration(duration: timedelta) -> str:
    """The text that `parse_duration` reads as this duration, in the largest unit that divides it.

    Raises:
        ValueError: it is negative, or finer than a millisecond.
    """
    if duration < timedelta(0):
        message = "should not be negative"
        raise ValueError(message)
    if not duration:
        return "0s"
    for name, unit in _UNITS.items():
        if duration % unit == timedelta(0):
            return f"{duration // unit}{name}"
    message = "should be whole milliseconds"
    raise ValueError(message)


def _read(value: object) -> timedelta:
    """Take a text, or a timedelta from code.

    pydantic's own reading would take a plain number for seconds.
    """
    try:
        if isinstance(value, timedelta):
            return parse_duration(format_duration(value))
        if isinstance(value, str):
            return parse_duration(value)
    except ValueError as error:
        raise wrong(str(error)) from None
    raise wrong(_EXPECTED)


def between(least: str, most: str) -> BeforeValidator:
    """Put behind `Duration` in an Annotated to bound it, both ends included."""
    low, high = parse_duration(least), parse_duration(most)

    def check(value: object) -> timedelta:
        duration = _read(value)
        if not low <= duration <= high:
            refuse(f"should be between {least} and {most}")
        return duration

    return BeforeValidator(check)


Duration: TypeAlias = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_PATTERN}$", "examples": ["500ms", "30s", "10m", "14d"]},
    ),
]
"""A duration that is never negative, in whole milliseconds."""
