"""The tumbling event-time windows of one instance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from driftline.errors import StateError
from driftline.model import micros
from driftline.windows import head
from driftline.windows.aggregate import Aggregate
from driftline.windows.coverage import Coverage
from driftline.windows.grid import Grid
from driftline.windows.key import WindowKey
from driftline.windows.split import by_window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from driftline.eventlog.messages import Floats, Ints
    from driftline.model import Micros

PREDICTIONS: Final = "predictions"
"""The series that counts predictions: what the labelled share of a window is measured against."""


class WindowSpec(Protocol):
    """What a stream declares of one of its windows."""

    @property
    def size(self) -> timedelta:
        """How much event time one window covers."""

    @property
    def keep(self) -> timedelta:
        """How long a window is kept behind its end."""


class Windows:
    """All windows of one instance, by size and signal.

    A window is open, in memory, until the watermark passes its end by what its signal may be late;
    then it is closed: it only lies in the store, until its `keep` is over. What comes for a closed
    window is counted as late. Window starts are multiples of the size since the Unix epoch.

    The state is a function of the calls to `add` (but for how their columns are cut), `replace` and
    `advance`.
    """

    def __init__(
        self,
        specs: Sequence[WindowSpec],
        signals: Sequence[str],
        *,
        max_series: int,
        lateness: Micros = 0,
        open_for: Mapping[str, Micros] | None = None,
    ) -> None:
        """Windows of these sizes for these signals, and for `PREDICTIONS`.

        Args:
            specs: sizes and retention.
            signals: every series that `add` may name.
            max_series: how many windows may be open at a time, all signals and sizes together. Each
                signal and size has its fixed part of it, in proportion to how many it needs open,
                so that none displaces another.
            lateness: how long a window waits behind its end, in microseconds.
            open_for: per signal how much longer than that; for one that needs the label, the
                horizon.
        """
        extra = dict(open_for or {})
        extra[PREDICTIONS] = max(extra.values(), default=0)
        series = dict.fromkeys((*signals, PREDICTIONS))
        self._grids = {
            (size, signal): Grid(size, keep, lateness + extra.get(signal, 0))
            for size, keep in {micros(spec.size): micros(spec.keep) for spec in specs}.items()
            for signal in series
        }
        self._by_signal = {
            signal: [grid for (_, name), grid in self._grids.items() if name == signal]
            for signal in series
        }
        needed = sum(grid.usual for grid in self._grids.values())
        for grid in self._grids.values():
            grid.capacity = max(1, max_series * grid.usual // needed)
        self._watermark: Micros | None = None
        self._deadline: Micros | None = None
        self._dropped: list[WindowKey] = []
        self.late = 0
        """Values for a closed window, and corrections of what no open window holds."""
        self.refused = 0
        """Values that would have opened a window over `max_series`."""

    @property
    def next_deadline(self) -> Micros | None:
        """The watermark at which a window closes or is dropped next; None while there is none."""
        return self._deadline

    def add(self, signal: str, values: Floats, times: Ints) -> None:
        """Take in a column of values by their event times; NaN and infinity are no value."""
        usable = np.isfinite(values)
        if not usable.all():
            values, times = values[usable], times[usable]
        if not len(values):
            return
        for grid in self._by_signal[signal]:
            for start, part in by_window(values, times, grid.size):
                self._add(grid, start, part)

    def add_one(self, signal: str, value: float, at: Micros) -> None:
        """Take in one finite value by its event time: what `add` does, without its columns."""
        for grid in self._by_signal[signal]:
            aggregate = self._aggregate_for(grid, at - at % grid.size, 1)
            if aggregate is not None:
                aggregate.add_one(value)

    def count_predictions(self, times: Ints) -> None:
        """Count predictions, labelled or not, by their event times."""
        if not len(times):
            return
        for grid in self._by_signal[PREDICTIONS]:
            for start, some in by_window(times, times, grid.size):
                aggregate = self._aggregate_for(grid, start, len(some))
                if aggregate is not None:
                    aggregate.add_ones(len(some))

    def replace(self, signal: str, old: float, new: float, at: Micros) -> None:
        """Correct a value that was added at this event time; NaN: there was, or is now, none.

        Counts, moments and quantiles are as if `new` had been added, but for rounding; `min` and
        `max` do not shrink.
        """
        before, after = _usable(old), _usable(new)
        for grid in self._by_signal[signal]:
            start = at - at % grid.size
            if before is None:
                if after is not None:
                    self._add(grid, start, np.array([after]))
                continue
            aggregate = grid.open.get(start)
            if aggregate is not None and aggregate.replace(before, after):
                grid.changed[start] = aggregate
            else:
                self.late += 1

    def advance(self, watermark: Micros) -> None:
        """Event time has come this far: close what is complete, drop what was kept long enough."""
        if self._watermark is not None and watermark <= self._watermark:
            return
        self._watermark = watermark
        if self._deadline is None or watermark < self._deadline:
            return
        for (size, signal), grid in self._grids.items():
            grid.close(watermark)
            self._drop(size, signal, grid.drop(watermark))
        self._find_deadline()

    def changed(self) -> dict[str, bytes]:
        """Every window that changed since `clear_changes`, by its key, to be stored."""
        return {
            str(WindowKey(signal, size, start)): aggregate.snapshot()
            for (size, signal), grid in self._grids.items()
            for start, aggregate in grid.changed.items()
        }

    def dropped(self) -> list[str]:
        """The keys of windows to be removed from the store, since `clear_changes`."""
        return [
            str(key)
            for key in self._dropped
            # A size that was declared away and back may have begun a window anew.
            if (grid := self._grids.get((key.size, key.signal))) is None
            or key.start not in grid.changed
        ]

    def clear_changes(self) -> None:
        """What `changed` and `dropped` said is stored."""
        self._dropped.clear()
        for grid in self._grids.values():
            grid.changed.clear()

    def at(self, signal: str, size: Micros, start: Micros) -> Aggregate | None:
        """An open window; None if it is not open."""
        grid = self._grids.get((size, signal))
        return grid.open.get(start) if grid else None

    def coverage(self, signal: str, *, since: Micros, until: Micros | None = None) -> Coverage:
        """How many of the predictions in open windows have a value of this signal.

        Counts the windows of the smallest size that overlap the time from `since` up to `until`.
        """
        size = min((size for size, _ in self._grids), default=0)
        labelled, predictions = (
            sum(
                window.count
                for start, window in self._open(size, name)
                if start + size > since and (until is None or start < until)
            )
            for name in (signal, PREDICTIONS)
        )
        return Coverage(labelled, predictions)

    def snapshot(self) -> bytes:
        """All but the windows' contents: what is open and kept, the watermark and the counts."""
        return head.encode(self._watermark, self.late, self.refused, self._grids)

    def restore(self, stored: bytes) -> list[str]:
        """Take up what `snapshot` gave; the keys of the open windows, which `load` needs next.

        Windows of a signal that is no longer declared stay until their `keep` is over, of a size no
        longer declared are dropped.

        Raises:
            StateError: the bytes are not of this version, or damaged.
        """
        state = head.decode(stored)
        self._watermark, self.late, self.refused = state.watermark, state.late, state.refused
        wanted: list[str] = []
        for series in state.series:
            grid = self._grid_for(series.size, series.signal)
            if grid is None:
                self._drop(series.size, series.signal, (*series.open, *head.starts(series)))
                continue
            grid.kept = list(head.starts(series))
            grid.awaited = set(series.open)
            wanted += (str(WindowKey(series.signal, series.size, at)) for at in series.open)
        self._find_deadline()
        return wanted

    def inherit(self, former: Windows) -> None:
        """Go on from another declaration's windows, which are not to be used any more.

        What is no longer declared stays or goes as with `restore`.
        """
        self._watermark, self.late, self.refused = former._watermark, former.late, former.refused
        self._dropped = former._dropped
        for (size, signal), old in former._grids.items():
            grid = self._grid_for(size, signal)
            if grid is None:
                self._drop(size, signal, (*old.open, *old.awaited, *old.kept))
                continue
            grid.open, grid.kept = old.open, old.kept
            grid.awaited, grid.changed = old.awaited, old.changed
        self._find_deadline()

    def load(self, blobs: Mapping[str, bytes]) -> None:
        """Take up the open windows; blobs of closed ones are passed over.

        Raises:
            StateError: an open window is missing, or does not decode.
        """
        for (size, signal), grid in self._grids.items():
            for start in sorted(grid.awaited):
                key = str(WindowKey(signal, size, start))
                if key not in blobs:
                    message = f"window {key} is open, but is not stored"
                    raise StateError(message)
                grid.open[start] = Aggregate.restore(blobs[key])
            grid.awaited = set()
        self._find_deadline()

    def _add(self, grid: Grid, start: Micros, values: Floats) -> None:
        aggregate = self._aggregate_for(grid, start, len(values))
        if aggregate is not None:
            aggregate.add(values)

    def _aggregate_for(self, grid: Grid, start: Micros, values: int) -> Aggregate | None:
        """The open window that so many values are to go into; None, and they are counted: none."""
        aggregate = grid.open.get(start)
        if aggregate is None:
            if self._is_closed(grid, start):
                self.late += values
                return None
            if len(grid.open) >= grid.capacity:
                self.refused += values
                return None
            aggregate = grid.open[start] = Aggregate()
            if self._deadline is None or grid.closes(start) < self._deadline:
                self._deadline = grid.closes(start)
        grid.changed[start] = aggregate
        return aggregate

    def _is_closed(self, grid: Grid, start: Micros) -> bool:
        # A window that closed under a shorter lateness does not open again under a longer one.
        passed = self._watermark is not None and grid.closes(start) <= self._watermark
        return passed or grid.keeps(start)

    def _open(self, size: Micros, signal: str) -> Iterable[tuple[Micros, Aggregate]]:
        grid = self._grids.get((size, signal))
        return grid.open.items() if grid else ()

    def _grid_for(self, size: Micros, signal: str) -> Grid | None:
        """Where windows that were stored go on; None if their size is no longer declared."""
        for (declared, _), grid in self._grids.items():
            if declared == size:
                return self._grids.setdefault((size, signal), Grid(size, grid.keep, 0))
        return None

    def _drop(self, size: Micros, signal: str, starts: Iterable[Micros]) -> None:
        self._dropped += (WindowKey(signal, size, start) for start in starts)

    def _find_deadline(self) -> None:
        due = [at for grid in self._grids.values() if (at := grid.deadline()) is not None]
        self._deadline = min(due, default=None)


def _usable(value: float) -> float | None:
    return value if math.isfinite(value) else None
