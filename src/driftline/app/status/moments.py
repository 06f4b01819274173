"""Times of the stored state as people and JSON are told them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.model import to_datetime

if TYPE_CHECKING:
    from datetime import datetime

    from driftline.model import Micros


def moment(at: Micros | None) -> datetime | None:
    """The moment; None for none, and for what stands for earlier or later than any."""
    try:
        return None if at is None else to_datetime(at)
    except OverflowError:
        return None
