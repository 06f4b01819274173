"""From an alert's revision to jobs for its receivers: written at one stroke, and once."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.errors import StateError
from driftline.model import SourcePartition
from driftline.notify.places import ASSIGN, Places, run_script
from driftline.notify.standing import Terms, Wanted, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.store.client import Client

SEEN_FOR: Final = timedelta(days=40)
"""How long an alert that ended is known: its events may be published once more, but soon."""
AT_ONCE: Final = 100
"""Jobs in one round trip."""


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What was read of an alert before."""

    revision: int = 0
    receivers: dict[str, Terms] = msgspec.field(default_factory=dict)
    """Who was ever assigned to it, and by which terms: they are told of its end, too."""


@dataclass(frozen=True, slots=True)
class Job:
    """A revision of something, and what each of its receivers is to know of it."""

    name: str
    """The alert's id."""
    revision: int
    ended: bool
    """There will be no other revision."""
    event: str
    """As JSON."""
    wanted: Mapping[str, Wanted]


class Jobs:
    """What the notifier keeps in Redis. Everything may be sent twice, and happens once.

    Methods raise UnavailableError when Redis does not answer, StateError when it holds what
    driftline did not write.
    """

    def __init__(self, client: Client, deployment: str) -> None:
        self._client = client
        self._places = Places(deployment)

    async def seen(self, alerts: Sequence[str]) -> dict[str, Seen]:
        """What was read of these alerts before; none of those that are new."""
        commands = [("GET", self._places.seen(alert)) for alert in alerts]
        answers = await self._client.all(commands) if commands else []
        found = zip(alerts, answers, strict=True)
        return {alert: _decode_seen(blob) for alert, blob in found if blob is not None}

    async def assign(self, jobs: Sequence[Job]) -> None:
        """Write jobs in their order; a revision that is not above the last one changes nothing."""
        for start in range(0, len(jobs), AT_ONCE):
            await self._client.all([self._command(job) for job in jobs[start : start + AT_ONCE]])

    def _command(self, job: Job) -> tuple[str | bytes | int, ...]:
        terms = {receiver: wanted.terms for receiver, wanted in job.wanted.items()}
        seen = b"%d " % job.revision + msgspec.msgpack.encode(Seen(job.revision, terms))
        keys = [self._places.seen(job.name), self._places.stirred]
        pairs: list[str | bytes] = []
        for receiver, wanted in job.wanted.items():
            keys += [self._places.of("wanted", receiver), self._places.of("events", receiver)]
            pairs += [receiver, encode(wanted)]
        return run_script(
            ASSIGN,
            keys,
            job.revision,
            seen,
            # An alert that fires ends some day: until then it is known.
            round(SEEN_FOR.total_seconds()) if job.ended else 0,
            job.name,
            zlib.compress(job.event.encode()),
            *pairs,
        )

    async def positions(self) -> Mapping[SourcePartition, int]:
        """The next offset to read of each partition of the alerts topic, as far as is known."""
        stored = await self._client.one("HGETALL", self._places.positions)
        found = {}
        for name, value in stored.items():
            topic, _, partition = name.decode().rpartition("|")
            incarnation, _, offset = value.decode().rpartition("|")
            found[SourcePartition(topic, int(partition), incarnation)] = int(offset)
        return found

    async def keep_positions(self, positions: Mapping[SourcePartition, int]) -> None:
        """Remember them: Kafka forgets what a group committed that is away for a week."""
        for source, offset in positions.items():
            name, value = f"{source.topic}|{source.partition}", f"{source.incarnation}|{offset}"
            await self._client.one("HSET", self._places.positions, name, value)


_seen: Final = msgspec.msgpack.Decoder(Seen)


def _decode_seen(blob: bytes) -> Seen:
    try:
        return _seen.decode(blob.partition(b" ")[2])
    except msgspec.MsgspecError as error:
        msg = f"redis holds what was not read of an alert: {error}"
        raise StateError(msg) from error
