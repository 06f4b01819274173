"""Small bar charts in text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS: Final = " ▁▂▃▄▅▆▇█"
STEPS: Final = len(BLOCKS) - 1
_NEAR_ZERO: Final = 0.5
_MARGIN: Final = 0.25


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines of bars, with the level that their feet stand for and that of the highest one."""

    lines: tuple[str, ...]
    """From the top; each has one character a value."""
    low: float
    high: float


def draw(values: Sequence[float], *, height: int = 4) -> Chart:
    """A bar for each value, in eighths of a line; none where the value is NaN.

    The feet stand at 0 if the values come near it, else below the least value: what moves between
    900 and 1,000 is to be seen moving.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Chart(("".ljust(len(values)),) * height, 0.0, 0.0)
    low, high = _span(min(finite), max(finite))
    heights = [_height(value, low, high, height * STEPS) for value in values]
    lines = tuple(
        "".join(BLOCKS[min(max(tall - line * STEPS, 0), STEPS)] for tall in heights)
        for line in reversed(range(height))
    )
    return Chart(lines, low, high)


def _span(least: float, most: float) -> tuple[float, float]:
    if 0 <= least < _NEAR_ZERO * most:
        return 0.0, most
    if least == most:
        return least - 1.0, most
    return least - _MARGIN * (most - least), most


def _height(value: float, low: float, high: float, steps: int) -> int:
    """How many steps tall; what is there is seen, so at least one."""
    if not math.isfinite(value):
        return 0
    return max(1, round((value - low) / (high - low) * steps))


def columns(count: int, width: int) -> list[range]:
    """So many things in at most `width` columns: neighbours share one, each as many but the last.

    The last column may hold fewer.
    """
    each = max(1, -(-count // width))
    return [range(begin, min(begin + each, count)) for begin in range(0, count, each)]
