"""The signals of an instance and their windows, from what is stored of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from driftline.app.status.moments import moment
from driftline.app.status.streams import InstanceView
from driftline.config.watches import signal_kinds
from driftline.errors import nearest
from driftline.model import SECOND, InstanceKey, to_micros
from driftline.notify.refusals import NotFoundError
from driftline.web.models.streams import (
    AlarmSummary,
    HistogramCounts,
    Quantiles,
    SeriesSummary,
    SignalState,
    WindowPage,
    WindowSummary,
)
from driftline.windows import Aggregate, WindowKey
from driftline.windows.head import starts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.config.deployment import Stream
    from driftline.monitor.summary import SignalSummary
    from driftline.store.protocol import Store
    from driftline.web.models.streams import WindowQuery
    from driftline.windows.head import Series

_SHOWN: Final = 20
"""Of the names of the signals that there are, so many are told."""
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


async def load_view(store: Store, instance: str) -> InstanceView | None:
    """What is shown of an instance; None if nothing is stored of it.

    Raises:
        StateError: what is stored cannot be read.
        UnavailableError: the store does not answer.
    """
    key = InstanceKey.parse(instance)
    stored = await store.load_instance(key)
    return None if stored is None else InstanceView.read(key, 0, stored)


def list_signals(view: InstanceView) -> list[SignalState]:
    """Those that are watched, in the order of the declaration; then those that are counted."""
    series: dict[str, list[Series]] = {}
    for one in view.windows.series:
        series.setdefault(one.signal, []).append(one)
    watched = [_watched(one, series.pop(one.signal, ())) for one in view.summary.signals]
    return watched + [_counted(signal, found) for signal, found in series.items()]


def require_signal(view: InstanceView, declared: Stream | None, signal: str) -> None:
    """Nothing, if the instance has this signal.

    Raises:
        NotFoundError: it is none that is stored of it or that its stream declares.
    """
    known = dict.fromkeys(one.signal for one in view.summary.signals)
    known |= dict.fromkeys(one.signal for one in view.windows.series)
    known |= dict.fromkeys(() if declared is None else signal_kinds(declared.spec))
    if signal in known:
        return
    near = nearest(signal, known)
    hint = f" (did you mean {near!r}?)" if near else ""
    more = f", and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    there = ", ".join([*known][:_SHOWN]) or "none"
    msg = f"{view.key.name!r} has no signal {signal!r}{hint}; there are: {there}{more}"
    raise NotFoundError(msg)


async def load_windows(store: Store, view: InstanceView, query: WindowQuery) -> WindowPage:
    """A page of the windows of one signal and size; one that went meanwhile is left out.

    Raises:
        StateError: a window does not decode.
        UnavailableError: the store does not answer.
    """
    chosen = _choose(view.windows.series, query)
    keys = [] if chosen is None else list(_keys(chosen, query))
    page = keys[: query.limit]
    open_ = set(chosen.open) if chosen is not None else set()
    blobs = await store.load_windows(view.key, [str(key) for key in page])
    items = [
        _window(key, Aggregate.restore(blobs[str(key)]), key.start in open_, query.bins)
        for key in page
        if str(key) in blobs
    ]
    following = str(page[-1].start) if len(keys) > len(page) else None
    return WindowPage(
        items=tuple(items), next=following, instance=view.key.name, signal=query.signal
    )


def _watched(one: SignalSummary, series: Iterable[Series]) -> SignalState:
    return SignalState(
        signal=one.signal,
        watched=True,
        severity=one.severity,
        detectors=tuple(one.detectors),
        values_seen=one.values_seen,
        unusable=one.unusable,
        alarms=one.alarms,
        firing=one.firing,
        last_alarms=tuple(
            AlarmSummary(
                detector=alarm.profile,
                kind=alarm.kind,
                indicator=alarm.indicator,
                values_seen=alarm.values_seen,
                at=moment(alarm.at),
                topic=alarm.topic,
                partition=alarm.partition,
                offset=alarm.offset,
                id=alarm.id,
            )
            for alarm in one.last_alarms
        ),
        series=tuple(map(_series, series)),
    )


def _counted(signal: str, series: Iterable[Series]) -> SignalState:
    return SignalState(
        signal=signal,
        watched=False,
        severity=None,
        detectors=(),
        values_seen=0,
        unusable=0,
        alarms=0,
        firing=False,
        last_alarms=(),
        series=tuple(map(_series, series)),
    )


def _series(series: Series) -> SeriesSummary:
    ends = [first for first, _ in series.kept] + [*series.open]
    lasts = [first + (length - 1) * series.size for first, length in series.kept] + [*series.open]
    return SeriesSummary(
        size_seconds=series.size / SECOND,
        windows=len(series.open) + sum(length for _, length in series.kept),
        first=moment(min(ends, default=None)),
        last=moment(max(lasts, default=None)),
    )


def _choose(series: Sequence[Series], query: WindowQuery) -> Series | None:
    """The series that is asked for: of this size, or of the smallest."""
    of_signal = [one for one in series if one.signal == query.signal]
    if query.size_seconds is not None:
        size = round(query.size_seconds * SECOND)
        of_signal = [one for one in of_signal if one.size == size]
    return min(of_signal, key=lambda one: one.size, default=None)


def _keys(series: Series, query: WindowQuery) -> Iterable[WindowKey]:
    since = -math.inf if query.since is None else to_micros(query.since)
    until = math.inf if query.until is None else to_micros(query.until)
    if query.cursor is not None:
        until = min(until, int(query.cursor))
    found = sorted({*series.open, *starts(series)}, reverse=True)
    return (
        WindowKey(series.signal, series.size, start) for start in found if since <= start < until
    )


def _window(key: WindowKey, found: Aggregate, is_open: bool, bins: int) -> WindowSummary:  # noqa: FBT001 - a fact of the window
    values = map(_finite, found.quantiles(_SHARES))
    histogram = found.histogram(bins) if bins else None
    return WindowSummary(
        start=moment(key.start),
        size_seconds=key.size / SECOND,
        open=is_open,
        count=found.count,
        mean=_finite(found.mean),
        sd=_finite(math.sqrt(found.variance)) if found.variance >= 0 else None,
        min=_finite(found.min),
        max=_finite(found.max),
        quantiles=Quantiles(**dict(zip(Quantiles.model_fields, values, strict=True))),
        histogram=HistogramCounts(
            edges=tuple(histogram.edges.tolist()), counts=tuple(histogram.counts.tolist())
        )
        if histogram is not None
        else None,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
