"""What receivers are to be told and have been told, in Redis: read whole, written under a lease.

One sender at a time serves a receiver. It holds a lease that ends by itself, and each write names
the lease's token: a sender that was overtaken, however late it wakes, changes nothing any more.
"""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from driftline.alerts.event import read_event
from driftline.errors import DriftlineError, StateError
from driftline.model import iso
from driftline.notify.places import KEEP, RECORD, Places, run_script
from driftline.notify.standing import (
    ReceiverState,
    Standing,
    Told,
    decode_state,
    decode_told,
    decode_wanted,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from driftline.alerts.schema import AlertEnvelope
    from driftline.model import Micros
    from driftline.notify.standing import Wanted
    from driftline.store.client import Client, RedisCommand

log = structlog.get_logger(__name__)

T = TypeVar("T")

LOG_LENGTH: Final = 10_000
"""Entries of the delivery log, about: some 300 bytes each."""
_WRITE_ID: Final = 32


class LeaseLostError(DriftlineError):
    """Another sender serves the receiver: what we hold of it is out of date."""


class Outcome(StrEnum):
    """What became of a notification."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It did not arrive, and is tried again. Not in the log, which tells of ends."""
    REFUSED = "refused"
    """Given up: the receiver will never take it."""
    REVOKED = "revoked"
    """Given up: the receiver is no more."""
    EXPIRED = "expired"
    """Given up: it has been tried for long enough."""
    UNDECLARED = "undeclared"
    """Given up: there is no receiver of this name any more."""
    MUTED = "muted"
    """A silence was in force. It is told when that ends, if there is still something to tell."""
    HELD_BACK = "held_back"
    """The ceiling was reached: it comes in the next digest."""
    PASSED_OVER = "passed_over"
    """An end of which nobody is to hear: its beginning was never told."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the delivery log."""

    at: Micros
    receiver: str
    notification: str
    """Its id; empty where nothing was sent."""
    purpose: str
    outcome: Outcome
    alerts: tuple[str, ...]
    """As `<alert id>.<revision>`."""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The line as it is stored and shown."""
        return {
            "at": iso(self.at),
            "receiver": self.receiver,
            "notification": self.notification,
            "purpose": self.purpose,
            "outcome": self.outcome.value,
            "alerts": list(self.alerts),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Book:
    """All that is known of one receiver."""

    standings: Mapping[str, Standing]
    state: ReceiverState

    def after(self, record: Record) -> Book:
        """The book once this is recorded."""
        standings = dict(self.standings)
        for name, told in record.told.items():
            standings[name] = Standing(name, standings[name].wanted, told)
        for name in record.done:
            standings.pop(name, None)
        return Book(standings, record.state)


@dataclass(frozen=True, slots=True)
class Record:
    """What changes in a receiver's book."""

    state: ReceiverState
    told: Mapping[str, Told] = field(default_factory=dict)
    done: Mapping[str, Wanted] = field(default_factory=dict)
    """Alerts of which nothing more is to be told, and the job that was the last: should there be a
    newer one by now, it stays."""
    log: tuple[Entry, ...] = ()


class Deliveries:
    """The books of all receivers. Raises UnavailableError and StateError as `Jobs` does."""

    def __init__(self, client: Client, deployment: str) -> None:
        self._client = client
        self._places = Places(deployment)

    async def stirred(self) -> dict[str, int]:
        """Every receiver that was ever assigned to something, and how often."""
        stored = await self._client.one("HGETALL", self._places.stirred)
        return {name: int(count) for name, count in _texts(stored).items()}

    async def take(self, receiver: str, token: str, ttl: timedelta) -> bool:
        """Lease a receiver for so long, if nobody else has it."""
        key = self._places.of("lease", receiver)
        await self._client.one("SET", key, token, "NX", "PX", _milliseconds(ttl))
        # Had the answer been lost and the command been sent again, it would say no to ourselves.
        return bool(await self._client.one("GET", key) == token.encode())

    async def keep(self, receiver: str, token: str, ttl: timedelta) -> bool:
        """Have it for so long from now on; False where somebody else has it."""
        key = self._places.of("lease", receiver)
        return bool(await self._client.one(*run_script(KEEP, [key], token, _milliseconds(ttl))))

    async def give_back(self, receiver: str, token: str) -> None:
        """Let somebody else have it at once."""
        key = self._places.of("lease", receiver)
        await self._client.one(*run_script(KEEP, [key], token, 0))

    async def load(self, receiver: str) -> Book:
        """The receiver's book."""
        wanted, told, state = await self._client.all(
            [
                ("HGETALL", self._places.of("wanted", receiver)),
                ("HGETALL", self._places.of("told", receiver)),
                ("HGET", self._places.states, receiver),
            ]
        )
        known = _readable(decode_told, _texts(told))
        standings = {
            name: Standing(name, one, known.get(name, Told()))
            for name, one in _readable(decode_wanted, _texts(wanted)).items()
        }
        stored = ReceiverState() if state is None else decode_state(state[_WRITE_ID:])
        return Book(standings, stored)

    async def events(self, receiver: str, alerts: Sequence[str]) -> dict[str, AlertEnvelope]:
        """The newest event of each of these alerts, where there is one that can be read."""
        stored = await self._client.one("HMGET", self._places.of("events", receiver), *alerts)
        found = {one: blob for one, blob in zip(alerts, stored, strict=True) if blob is not None}
        return _readable(_unpack, found)

    async def raw_event(self, receiver: str, name: str) -> bytes | None:
        """The event of a job that is about no alert."""
        stored = await self._client.one("HGET", self._places.of("events", receiver), name)
        return None if stored is None else zlib.decompress(stored)

    async def record(self, receiver: str, token: str, record: Record) -> None:
        """Write what changed, at one stroke.

        Raises:
            LeaseLostError: the lease is not ours any more; nothing was written.
        """
        if not await self._client.one(*self._record(receiver, token, record)):
            msg = f"receiver {receiver} is served by another worker"
            raise LeaseLostError(msg)

    def _record(self, receiver: str, token: str, record: Record) -> RedisCommand:
        keys = [self._places.of(one, receiver) for one in ("lease", "told", "wanted", "events")]
        told = [part for name, one in record.told.items() for part in (name, encode(one))]
        done = [part for name, one in record.done.items() for part in (name, encode(one))]
        log = [json.dumps(entry.to_json(), ensure_ascii=False) for entry in record.log]
        return run_script(
            RECORD,
            [*keys, self._places.states, self._places.log],
            token,
            uuid.uuid4().hex,
            receiver,
            encode(record.state),
            LOG_LENGTH,
            len(record.told),
            len(record.done),
            len(record.log),
            *told,
            *done,
            *log,
        )

    async def forget(self, receiver: str) -> None:
        """Remove a receiver's book; nothing may be assigned to it any more."""
        names = ("wanted", "events", "told", "lease")
        await self._client.all(
            [
                ("DEL", *(self._places.of(name, receiver) for name in names)),
                ("HDEL", self._places.states, receiver),
                ("HDEL", self._places.stirred, receiver),
            ]
        )

    async def newest(self, count: int = 100) -> list[dict[str, Any]]:
        """The newest lines of the delivery log, newest first, as `Entry.to_json` makes them."""
        stored = await self._client.one("XREVRANGE", self._places.log, "+", "-", "COUNT", count)
        return [json.loads(fields[b"entry"]) for _, fields in stored]


def _texts(stored: Mapping[bytes, bytes] | Sequence[bytes]) -> dict[str, bytes]:
    """A hash as the client gives it: a mapping, or names and values in turn."""
    if not isinstance(stored, Mapping):
        stored = dict(zip(stored[::2], stored[1::2], strict=True))
    return {name.decode(): value for name, value in stored.items()}


def _readable(decode: Callable[[bytes], T], stored: Mapping[str, bytes]) -> dict[str, T]:
    """What can be read. One bad value must not stop the others: it is said, and left alone."""
    found = {}
    for name, blob in stored.items():
        try:
            found[name] = decode(blob)
        except StateError as error:
            log.error("delivery_unreadable", alert_id=name, reason=str(error))  # noqa: TRY400
    return found


def _unpack(blob: bytes) -> AlertEnvelope:
    try:
        return read_event(zlib.decompress(blob))
    except (zlib.error, ValueError) as error:
        msg = f"redis holds what is no alert event: {error}"
        raise StateError(msg) from error


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1_000)
