"""What moved with it: how much a signal differs across a moment of event time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.alerts.blocks import COUNT, MID
from driftline.alerts.evidence import Shift, statistic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.alerts.blocks import Blocks
    from driftline.alerts.ring import Ring
    from driftline.model import Micros

LEAST: Final = 30
"""Values that each side needs."""
NEAR: Final = 1_000
"""The earlier side takes in at least so many values, where there are as many,"""
TIMES: Final = 4
"""and at least so many times the later one's: near the moment, so that an old trend does not pass
for a shift."""


def shift_across(ring: Ring, series: Sequence[str], signal: str, moment: Micros) -> Shift | None:
    """The difference across the moment, of the series that shows it most.

    None with fewer than 30 values on either side.

    A block on the moment counts to the side on which its mean time lies.
    """
    blocks = ring.all_blocks()
    later = blocks.meta[MID] >= moment
    after, before = blocks[later], _nearest(blocks[~later], int(blocks.meta[COUNT, later].sum()))
    if min(int(before.meta[COUNT].sum()), int(after.meta[COUNT].sum())) < LEAST:
        return None
    shifts = [
        Shift(signal, name, before.merged(row), after.merged(row))
        for row, name in enumerate(series)
    ]
    return max(shifts, key=lambda shift: statistic(shift.before, shift.after))


def _nearest(blocks: Blocks, after: int) -> Blocks:
    wanted = max(NEAR, TIMES * after)
    from_the_end = blocks.meta[COUNT][::-1].cumsum()
    taken = int(np.searchsorted(from_the_end, wanted)) + 1
    return blocks[max(len(blocks) - taken, 0) :]
