"""A distribution as counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftline.eventlog.messages import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts between edges: `counts[i]` values from `edges[i]` up to `edges[i + 1]`."""

    edges: Floats
    counts: Ints
