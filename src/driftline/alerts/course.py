"""The course of a signal around its change, in few points: what a person is shown as a chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.alerts.blocks import COUNT, LAST, MID

if TYPE_CHECKING:
    from driftline.alerts.blocks import Blocks
    from driftline.alerts.ring import Ring
    from driftline.model import Micros

MOST: Final = 48
"""Points in all; half of them before the moment of change, half since."""
LEAST_BEFORE: Final = 512
"""The earlier half covers as many values as the later one, but at least so many."""


@dataclass(frozen=True, slots=True)
class Point:
    """The mean of some values in a row."""

    at: Micros
    """The greatest event time among them."""
    mean: float
    count: int


def course(ring: Ring, row: int, moment: Micros) -> tuple[Point, ...]:
    """The values of one series from before the moment until now, oldest first."""
    blocks = ring.all_blocks()
    later = blocks.meta[MID] >= moment
    # Outcomes come in the order of their labels: the first block since the moment begins the rest.
    change = int(later.argmax()) if later.any() else len(blocks)
    before, after = blocks[:change], blocks[change:]
    wanted = max(int(after.meta[COUNT].sum()), LEAST_BEFORE)
    covered = before.meta[COUNT][::-1].cumsum()
    taken = int(np.searchsorted(covered, wanted)) + 1
    nearest = before[max(len(before) - taken, 0) :]
    return (*_condensed(nearest, row, MOST // 2), *_condensed(after, row, MOST // 2))


def _condensed(blocks: Blocks, row: int, most: int) -> list[Point]:
    """At most so many points, each of about as many values."""
    if not len(blocks):
        return []
    counts = blocks.meta[COUNT]
    before = counts.cumsum() - counts
    group = before * most // int(counts.sum())
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    totals = np.add.reduceat(counts, starts)
    origin = blocks.means[row, 0]
    sums = np.add.reduceat((blocks.means[row] - origin) * counts, starts)
    return [
        Point(int(at), float(origin + mean), int(count))
        for at, mean, count in zip(
            np.maximum.reduceat(blocks.meta[LAST], starts), sums / totals, totals, strict=True
        )
    ]
