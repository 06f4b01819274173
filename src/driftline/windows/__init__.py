"""Tumbling event-time windows: per signal its moments and distribution, in bounded space."""

from driftline.windows.aggregate import Aggregate
from driftline.windows.coverage import Coverage
from driftline.windows.histogram import Histogram
from driftline.windows.key import WindowKey
from driftline.windows.tumbling import PREDICTIONS, Windows, WindowSpec

__all__ = [
    "PREDICTIONS",
    "Aggregate",
    "Coverage",
    "Histogram",
    "WindowKey",
    "WindowSpec",
    "Windows",
]
