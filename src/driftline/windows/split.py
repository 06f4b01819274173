"""A column of values cut by the windows that their event times fall in."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftline.eventlog.messages import Floats, Ints
    from driftline.model import Micros

    Column = TypeVar("Column", Floats, Ints)


def by_window(values: Column, times: Ints, size: Micros) -> Iterator[tuple[Micros, Column]]:
    """The values by window: windows as they first occur, values in their own order."""
    first, last = int(times.min()) // size, int(times.max()) // size
    if first == last:
        yield first * size, values
        return
    windows = times // size
    steps: Ints = np.diff(windows)
    if (steps >= 0).all():
        edges = [0, *(np.flatnonzero(steps) + 1).tolist(), len(values)]
        for begin, end in pairwise(edges):
            yield int(windows[begin]) * size, values[begin:end]
        return
    for window in _first_seen(windows):
        yield window * size, values[windows == window]


def _first_seen(windows: Ints) -> Iterable[int]:
    # Which windows are opened under the cap must not depend on how a column was cut.
    found, at = np.unique(windows, return_index=True)
    ordered: list[int] = found[np.argsort(at)].tolist()
    return ordered
