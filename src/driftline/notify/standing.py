"""How an alert stands with one receiver: what it is to know, and what it has been told.

The notifier writes the one, the sender the other, so neither overwrites what the other has written.
Both are kept in Redis as MessagePack; a later version may add fields at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from driftline.alerts.alert import Status
from driftline.alerts.schema import DriftData
from driftline.errors import StateError
from driftline.model import SECOND, Micros, micros

if TYPE_CHECKING:
    from driftline.alerts.schema import AlertData
    from driftline.config.alerting import RouteSpec

T = TypeVar("T")

HOUR: Final[Micros] = 3_600 * SECOND


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """What a route says of when to tell.

    Kept with the job: whoever is told of a beginning by it is told of the end by it.
    """

    group_wait: Micros = 0
    repeat_interval: Micros | None = None
    hours: str | None = None
    """As JSON."""
    send_resolved: bool = True
    hold_back_caused: bool = True


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """The newest revision of an alert that a receiver is to know."""

    revision: int
    firing: bool
    stream: str
    """What is grouped; empty for an alert about no stream."""
    caused: bool
    """Broken data or lag is its likely cause."""
    acknowledged: bool
    at: Micros
    """When the notifier read it, by its clock."""
    terms: Terms
    is_alert: bool = True
    """Else it is a request for a retraining, which goes by none of the rules for people."""


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What a receiver has been told of an alert."""

    settled: int = 0
    """The newest revision of which nothing more is to be done: told, or given up."""
    believes: bool = False
    """Whether the receiver has been told that it fires, and not that it ended."""
    tried: int = 0
    """The newest revision whose sending began and whose arrival nobody knows of."""
    tried_at: Micros = 0
    """When what is not settled was first tried; 0 for not yet."""
    told_at: Micros = 0
    """When it was last told as news or again."""
    sent_at: Micros = 0
    """The same, or when it was last kept alive."""
    held: int = 0
    """The newest revision that the ceiling holds back for a digest."""
    memory: dict[str, str] = msgspec.field(default_factory=dict)


class ReceiverState(msgspec.Struct, frozen=True, array_like=True):
    """What concerns a receiver as a whole."""

    paused_until: Micros = 0
    """It asked to be left alone until then."""
    window_begin: Micros = 0
    """When the hour began in which `window_sent` notifications arrived."""
    window_sent: int = 0
    held_back: int = 0
    """Notifications that the next digest stands for."""


class Standing(msgspec.Struct, frozen=True):
    """Both sides for one alert."""

    alert_id: str
    wanted: Wanted
    told: Told = Told()

    @property
    def is_news(self) -> bool:
        """Whether there is something the receiver has not been told."""
        return self.wanted.revision > self.told.settled

    @property
    def is_pointless(self) -> bool:
        """Whether the news is an end of which nobody wants to hear, or whose beginning went untold.

        What was tried, with nobody knowing whether it arrived, counts as told.
        """
        told = self.told
        if self.wanted.firing or not self.is_news or told.held or not self.wanted.is_alert:
            return False
        return not (self.wanted.terms.send_resolved and (told.believes or told.tried))

    @property
    def waits_for_cause(self) -> bool:
        """Whether people are not to hear of it as long as its data is broken."""
        wanted = self.wanted
        return wanted.firing and wanted.caused and wanted.terms.hold_back_caused


def terms_of(route: RouteSpec, *, hold_back_caused: bool) -> Terms:
    """A route's terms; `hold_back_caused` is what holds where the route does not say."""
    own = route.hold_back_caused
    return Terms(
        group_wait=micros(route.group_wait),
        repeat_interval=None if route.repeat_interval is None else micros(route.repeat_interval),
        hours=None if route.hours is None else route.hours.model_dump_json(),
        send_resolved=route.send_resolved,
        hold_back_caused=hold_back_caused if own is None else own,
    )


def wanted_of(data: AlertData, terms: Terms, at: Micros) -> Wanted:
    """What a receiver is to know of a revision that was read at this time."""
    return Wanted(
        revision=data.revision,
        firing=data.status is Status.FIRING,
        stream=data.stream or "",
        caused=isinstance(data, DriftData) and data.cause is not None,
        acknowledged=data.acknowledged is not None,
        at=at,
        terms=terms,
    )


def decode_wanted(blob: bytes) -> Wanted:
    """Raises StateError for what is none."""
    return _decoded(_wanted, blob)


def decode_told(blob: bytes) -> Told:
    """Raises StateError for what is none."""
    return _decoded(_told, blob)


def decode_state(blob: bytes) -> ReceiverState:
    """Raises StateError for what is none."""
    return _decoded(_state, blob)


def encode(value: Wanted | Told | ReceiverState | Terms) -> bytes:
    """As it is kept."""
    return msgspec.msgpack.encode(value)


_wanted: Final = msgspec.msgpack.Decoder(Wanted)
_told: Final = msgspec.msgpack.Decoder(Told)
_state: Final = msgspec.msgpack.Decoder(ReceiverState)


def _decoded(decoder: msgspec.msgpack.Decoder[T], blob: bytes) -> T:
    try:
        return decoder.decode(blob)
    except msgspec.MsgspecError as error:
        msg = f"redis holds what is no state of a notification: {error}"
        raise StateError(msg) from error
