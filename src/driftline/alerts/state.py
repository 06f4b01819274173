"""A track as it is stored: MessagePack, with a version, checked when it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import msgspec

from driftline.alerts.alert import Alert  # noqa: TC001 - read at run time by msgspec
from driftline.alerts.evidence import Sample  # noqa: TC001 - read at run time by msgspec
from driftline.alerts.lifecycle import AlertState
from driftline.alerts.ring import Ring, RingState
from driftline.errors import StateError

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Ended:
    """What is remembered of the alert that recovered last."""

    indicator: str
    reference: Sample
    rows_left: int
    """For so many more values a detector's alarm without a new shift belongs to that alert."""


class TrackState(msgspec.Struct, frozen=True):
    """All of a track."""

    instance: str
    signal: str
    series: tuple[str, ...]
    ring: RingState
    alert: Alert | None
    ended: Ended | None
    version: int = VERSION


class _Version(msgspec.Struct, frozen=True):
    version: int


def encode_state(state: TrackState) -> bytes:
    """The state as bytes."""
    return msgspec.msgpack.encode(state)


def decode_state(blob: bytes, instance: str, signal: str) -> tuple[TrackState, Ring]:
    """The state, and the ring in it.

    Raises:
        StateError: it does not decode, contradicts itself, or is of another version or signal.
    """
    try:
        version = msgspec.msgpack.decode(blob, type=_Version).version
        if version != VERSION:
            msg = f"{instance}/{signal}: stored track has version {version}, not {VERSION}"
            raise StateError(msg)
        state = msgspec.msgpack.decode(blob, type=TrackState)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{instance}/{signal}: stored track does not decode: {error}"
        raise StateError(msg) from None
    if (state.instance, state.signal) != (instance, signal):
        msg = f"{instance}/{signal}: stored track is that of {state.instance}/{state.signal}"
        raise StateError(msg)
    if state.alert is not None:
        _check_alert(state.alert, state.series)
    return state, Ring.restore(state.ring, len(state.series))


def _check_alert(alert: Alert, series: tuple[str, ...]) -> None:
    recovery = alert.recovery
    numbers = (
        recovery.reference,
        recovery.variance,
        recovery.shift,
        recovery.level,
        recovery.score,
    )
    if (
        alert.state is not AlertState.FIRING
        or alert.indicator not in series
        or not all(map(math.isfinite, numbers))
        or recovery.shift == 0
        or recovery.count < 0
    ):
        msg = f"stored alert {alert.id} contradicts itself"
        raise StateError(msg)
