"""What is remembered of how often records usually come."""

from __future__ import annotations

import msgspec


class HourOfWeek(msgspec.Struct, array_like=True, gc=False):
    """What is known of one hour of the week."""

    rate: float = 0.0
    """Mean number of rows."""
    weeks: int = 0
    longest: int = 0
    """The longest stretch of minutes without a row that touches it."""


class Counting(msgspec.Struct, array_like=True):
    """The rows of an hour that is not over."""

    count: int = 0
    minutes: int = 0
    """A bit for each minute that has a row."""


class CountingState(msgspec.Struct, array_like=True):
    """What changes with every row."""

    hours: dict[int, Counting] = msgspec.field(default_factory=dict)
    following: int | None = None
    """The first hour since 1970 that has not taught anything; None before the first row."""
    quiet: int = 0
    """Minutes without a row just before it."""
    missed: float = 0.0
    """Rows that were to be expected in them."""
    most_missed: float = 0.0
    """The most of any silence that was usual."""
