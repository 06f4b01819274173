"""A track as it is stored: MessagePack, with a version, checked when it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.alerts.alert import Alert  # noqa: TC001 - read at run time by msgspec
from driftline.alerts.deadlines import LAST_TIME
from driftline.alerts.evidence import Sample  # noqa: TC001 - read at run time by msgspec
from driftline.alerts.lifecycle import AlertState
from driftline.alerts.recovery import SETTLING
from driftline.alerts.ring import LIMIT, Ring
from driftline.alerts.ring_state import RingState  # noqa: TC001 - read at run time by msgspec
from driftline.errors import StateError
from driftline.model import Alarm, Micros  # noqa: TC001 - read at run time by msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


VERSION: Final = 2
BEFORE_ALL: Final[Micros] = -(1 << 62)
"""The clock of a track to which nothing has come yet."""
LONGEST_ECHO: Final = 20_000
"""For at most so many values after its end a detector's late alarm belongs to the alert that
ended."""
MOST: Final = 10 * LIMIT
"""No mean or deviation of what a ring takes in comes near it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What is remembered of the alert that ended last, if its level is where it should be."""

    indicator: str
    reference: Sample
    rows_left: int
    """For so many more values a detector's alarm without a new shift belongs to that alert."""
    held: Alarm | None = None
    """Such an alarm: it becomes news if the level turns out to have settled elsewhere."""
    incarnation: str = ""
    """Of the topic of that alarm's record."""

    @classmethod
    def of(cls, alert: Alert, reference: Sample, *, echo: bool) -> Ended:
        """What to remember of an alert that ends at this level.

        `echo` says that its latest alarm is one of the way back.
        """
        return cls(
            indicator=alert.indicator,
            reference=reference,
            rows_left=max(SETTLING, min(alert.rows, LONGEST_ECHO)),
            held=alert.latest if echo else None,
            incarnation=alert.latest_incarnation,
        )


class TrackState(msgspec.Struct, frozen=True):
    """All of a track."""

    instance: str
    signal: str
    series: tuple[str, ...]
    ring: RingState
    alert: Alert | None
    ended: Ended | None
    clock: Micros = BEFORE_ALL
    """The event time by which its latest value was known."""
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
        if version not in _READ:
            msg = f"{instance}/{signal}: stored track has version {version}, not {VERSION}"
            raise StateError(msg)
        state = _READ[version](msgspec.msgpack.decode(blob, type=TrackState))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{instance}/{signal}: stored track does not decode: {error}"
        raise StateError(msg) from None
    if (state.instance, state.signal) != (instance, signal):
        msg = f"{instance}/{signal}: stored track is that of {state.instance}/{state.signal}"
        raise StateError(msg)
    if state.alert is not None:
        _check_alert(state.alert, state.series)
    if abs(state.clock) > LAST_TIME and (state.alert is not None or state.clock != BEFORE_ALL):
        msg = f"{instance}/{signal}: stored clock is no time"
        raise StateError(msg)
    if state.ended is not None and not _is_sound(state.ended.reference):
        msg = f"{instance}/{signal}: stored reference contradicts itself"
        raise StateError(msg)
    return state, Ring.restore(state.ring, len(state.series))


def _from_version_1(state: TrackState) -> TrackState:
    """Its alerts fired at once, and no clock was kept: the latest value's time has to do."""
    alert, clock = state.alert, state.ring.last_at
    if alert is not None:
        alert.since = alert.fired_at = alert.opened.trigger.at
        clock = max(clock, alert.since)
    return msgspec.structs.replace(state, clock=clock, version=VERSION)


_READ: Final[Mapping[int, Callable[[TrackState], TrackState]]] = {
    1: _from_version_1,
    VERSION: lambda state: state,
}


def _check_alert(alert: Alert, series: tuple[str, ...]) -> None:
    recovery, evidence = alert.recovery, alert.evidence
    numbers = (recovery.reference, recovery.shift, recovery.level, alert.told)
    firing = alert.state is AlertState.FIRING
    sound = (
        alert.state in (AlertState.PENDING, AlertState.FIRING)
        and (alert.fired_at is not None) == (alert.revision > 0) == firing
        and max(abs(alert.since), abs(alert.fired_at or 0)) <= LAST_TIME
        and alert.indicator in series
        and all(abs(number) <= MOST for number in numbers)
        and recovery.shift != 0
        and 0 <= recovery.variance <= MOST * MOST
        and math.isfinite(recovery.score)
        and min(recovery.count, recovery.back, alert.rows, alert.revision) >= 0
        and all(map(_is_sound, (evidence.before, evidence.after, evidence.present)))
    )
    if not sound:
        msg = f"stored alert {alert.id} contradicts itself"
        raise StateError(msg)


def _is_sound(sample: Sample) -> bool:
    return sample.count > 0 and abs(sample.mean) <= MOST and 0 <= sample.sd <= MOST
