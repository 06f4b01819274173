"""A signal over the whole run, from the windows that the worker keeps in Redis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftline.notify.charts import columns
from driftline.windows import Aggregate, WindowKey

if TYPE_CHECKING:
    from driftline.model import InstanceKey, Micros
    from driftline.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Series:
    """The means of a signal, one after the other."""

    signal: str
    starts: tuple[Micros, ...]
    """When the time that each mean is of begins."""
    means: tuple[float, ...]
    """NaN where there were no values."""

    def column_at(self, moment: Micros) -> int:
        """Which mean's time holds this moment; the nearest if none does."""
        before = sum(start <= moment for start in self.starts)
        return max(before - 1, 0)


async def load_series(store: Store, key: InstanceKey, signal: str, *, width: int) -> Series:
    """The signal's windows as at most `width` means.

    Raises:
        DriftlineError: Redis does not answer, or a window does not decode.
    """
    keys = sorted(
        (
            window
            for window in map(WindowKey.parse, await store.window_names(key))
            if window.signal == signal
        ),
        key=lambda window: window.start,
    )
    blobs = await store.load_windows(key, [str(window) for window in keys])
    aggregates = {
        window.start: Aggregate.restore(blobs[str(window)])
        for window in keys
        if str(window) in blobs
    }
    if not aggregates:
        return Series(signal, (), ())
    size = keys[0].size
    grid = range(min(aggregates), max(aggregates) + 1, size)
    starts, means = [], []
    for column in columns(len(grid), width):
        merged = Aggregate()
        for start in grid[column.start : column.stop]:
            merged.merge(aggregates.get(start, Aggregate()))
        starts.append(grid[column.start])
        means.append(merged.mean)
    return Series(signal, tuple(starts), tuple(means))
