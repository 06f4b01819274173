"""How the commands word times and numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

WHOLE: Final = 1e4
"""From here on a number is written without decimals,"""
TOO_LONG: Final = 1e12
"""and from here on with its power of ten."""


def when(at: datetime | None) -> str:
    """A moment in UTC to the second; a dash for none."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def when_millis(at: int) -> str:
    """A Kafka timestamp; a dash for none, and for what no calendar holds."""
    try:
        return when(datetime.fromtimestamp(at / 1_000, UTC)) if at >= 0 else "-"
    except (OverflowError, ValueError, OSError):
        return "-"


def count(number: int | None) -> str:
    """A whole number with its thousands set apart; a dash for none."""
    return "-" if number is None else f"{number:,}"


def figure(value: float | None) -> str:
    """A measured number to four digits, and all of a larger whole part; a dash for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if WHOLE <= abs(value) < TOO_LONG else f"{value:.4g}"


def many(number: int, one: str, several: str | None = None) -> str:
    """A number with its noun in the form that it takes."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def span(seconds: float) -> str:
    """A length of time in the largest unit of which it holds at least one."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
