"""Worlds in which a signal moves, a detector that watches, and the alerts that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from river.drift import ADWIN

from driftline.alerts.track import SignalTrack
from driftline.config.watches import Watch
from driftline.model import (
    SECOND,
    Alarm,
    Direction,
    InstanceKey,
    Severity,
    SignalKind,
    Trigger,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.alerts.alert import AlertChange

START = 1_550_000_000 * SECOND
INSTANCE = InstanceKey("loans", "eu")


@dataclass(frozen=True)
class Told:
    """A change and the row at which it came."""

    row: int
    change: AlertChange


def track(
    direction: Direction = Direction.UP,
    kind: SignalKind = SignalKind.BINARY,
    signal: str = "error",
    *,
    hold: int = 0,
    expire_after: timedelta = timedelta(days=90),
) -> SignalTrack:
    """A track without any value; `hold` in seconds, which are rows."""
    watch = Watch(
        signal,
        kind,
        (),
        Severity.WARNING,
        direction,
        hold=timedelta(seconds=hold),
        expire_after=expire_after,
    )
    return SignalTrack(INSTANCE, watch)


def times(count: int) -> NDArray[np.int64]:
    """One row a second."""
    return START + np.arange(count, dtype=np.int64) * SECOND


def alarm(row: int, *, profile: str = "adwin", signal: str = "error", indicator: str = "") -> Alarm:
    record = Trigger("loans.labels", 2, row, f"id-{row}", START + row * SECOND)
    return Alarm(signal, indicator, profile, "adwin", row + 1, record)


def adwin_alarms(values: NDArray[np.float64]) -> list[int]:
    """The rows at which River's ADWIN, at its most prompt, says drift."""
    detector = ADWIN(delta=0.002, clock=1)
    rows = []
    for row, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            rows.append(row)
    return rows


def run(
    subject: SignalTrack,
    values: NDArray[np.float64],
    alarms: Sequence[int | tuple[int, str]],
    cuts: Sequence[int] = (),
) -> list[Told]:
    """Feed all values, in pieces that end at each alarm and at each cut."""
    return run_series(subject, {"": values}, alarms, cuts)


def run_series(
    subject: SignalTrack,
    series: Mapping[str, NDArray[np.float64]],
    alarms: Sequence[int | tuple[int, str]],
    cuts: Sequence[int] = (),
) -> list[Told]:
    """As `run`, for the indicators of a categorical feature; an alarm may name its profile."""
    total = len(next(iter(series.values())))
    moments = times(total)
    named = [one if isinstance(one, tuple) else (one, "adwin") for one in alarms]
    ends = sorted({row + 1 for row, _ in named} | {cut for cut in cuts if cut <= total} | {total})
    told: list[Told] = []
    begin = 0
    for end in ends:
        piece = {name: column[begin:end] for name, column in series.items()}
        for change in subject.extend(piece, moments[begin:end]):
            assert change.row is not None
            told.append(Told(begin + change.row, change))
        for row, profile in named:
            if row + 1 == end:
                changes = subject.on_alarm(alarm(row, profile=profile))
                told += [Told(row, change) for change in changes]
        begin = end
    return told


def coin(chances: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """0 and 1, the latter with these chances."""
    return (np.random.default_rng(seed).random(len(chances)) < chances).astype(np.float64)


def steps(*parts: tuple[int, float]) -> NDArray[np.float64]:
    """Stretches of rows at one level each."""
    return np.concatenate([np.full(rows, level) for rows, level in parts])


def ramp(rows: int, begin: float, end: float) -> NDArray[np.float64]:
    """A level that moves steadily."""
    return np.linspace(begin, end, rows)


def outline(told: Sequence[Told]) -> list[str]:
    """How each change reads in short: `firing up`, `resolved up`."""
    return [f"{one.change.status} {one.change.evidence.direction}" for one in told]
