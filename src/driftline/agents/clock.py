"""The one place where a worker reads the time of day."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.model import Micros

Clock: TypeAlias = "Callable[[], Micros]"
"""Tells the time as microseconds since the epoch."""


def system_clock() -> Micros:
    """The machine's clock."""
    return time.time_ns() // 1_000
