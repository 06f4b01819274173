"""The newest windows of an instance, with what is in them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from driftline.app.status.moments import moment
from driftline.app.status.report import WindowStatus
from driftline.model import SECOND
from driftline.windows import Aggregate, WindowKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.app.status.streams import InstanceView
    from driftline.store.protocol import Store


async def newest_windows(store: Store, view: InstanceView) -> tuple[WindowStatus, ...]:
    """Per signal and size the newest window; one that went meanwhile is left out.

    Raises:
        StateError: a window does not decode.
        UnavailableError: the store does not answer.
    """
    keys = list(_newest(view))
    blobs = await store.load_windows(view.key, [str(key) for key in keys])
    return tuple(
        _window(view, key, Aggregate.restore(blobs[str(key)])) for key in keys if str(key) in blobs
    )


def _newest(view: InstanceView) -> Iterator[WindowKey]:
    for series in view.windows.series:
        starts = list(series.open)
        if series.kept:
            first, length = series.kept[-1]
            starts.append(first + (length - 1) * series.size)
        if starts:
            yield WindowKey(series.signal, series.size, max(starts))


def _window(view: InstanceView, key: WindowKey, aggregate: Aggregate) -> WindowStatus:
    return WindowStatus(
        instance=view.key.name,
        signal=key.signal,
        size_seconds=key.size / SECOND,
        start=moment(key.start),
        count=aggregate.count,
        mean=aggregate.mean if math.isfinite(aggregate.mean) else None,
    )
