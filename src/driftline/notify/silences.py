"""Silences: of which alerts people are not to be told for a time. Who, why and until when.

A silence is no state of an alert. It is looked up at the moment of sending; when it is over, what
still fires is told.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from driftline.config.alerting import Matchers
from driftline.model import SECOND
from driftline.notify.matching import matches
from driftline.notify.refusals import NotFoundError, RefusedError, TooManyError
from driftline.store.keys import Keys
from driftline.store.records import Added, Quota, Records

if TYPE_CHECKING:
    from driftline.model import Micros
    from driftline.notify.matching import Described
    from driftline.store.client import Client
    from driftline.store.records import Record

log = structlog.get_logger(__name__)

DAY: Final[Micros] = 86_400 * SECOND
MOST: Final = 1_000
"""Silences that are kept, those that are over among them."""
LONGEST: Final[Micros] = 366 * DAY
KEPT_AFTER_END: Final[Micros] = 30 * DAY
LONGEST_NAME: Final = 200
LONGEST_COMMENT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Silence:
    """Mutes the alerts that match, from `starts_at` to before `ends_at`, on the wall clock."""

    id: str
    matchers: Matchers
    starts_at: Micros
    ends_at: Micros
    created_by: str
    created_at: Micros
    comment: str

    def active(self, now: Micros) -> bool:
        """Whether it mutes at this moment."""
        return self.starts_at <= now < self.ends_at

    def mutes(self, data: Described, now: Micros) -> bool:
        """Whether people are not to be told of this alert now."""
        return self.active(now) and matches(self.matchers, data)


class SilenceStore:
    """The silences of a deployment, in Redis. Methods raise UnavailableError without one."""

    def __init__(self, redis: Client, deployment: str, *, most: int = MOST) -> None:
        self._records = Records(redis, Keys(deployment).own("notify", "silences"))
        self._most = most
        self._read: tuple[object, tuple[Silence, ...]] = (None, ())

    async def add(
        self,
        matchers: Matchers,
        *,
        starts_at: Micros,
        ends_at: Micros,
        created_by: str,
        comment: str,
        now: Micros,
    ) -> Silence:
        """Keep a new silence.

        Raises:
            RefusedError: it matches everything, ends before it begins or has, lasts for more than a
                year, or does not say who and why.
            TooManyError: there are too many that are not over.
        """
        silence = Silence(
            secrets.token_hex(8), matchers, starts_at, ends_at, created_by, now, comment
        )
        _check(silence, now)
        await self._forget(now - KEPT_AFTER_END)
        if not await self._keep(silence):
            await self._forget(now)
            if not await self._keep(silence):
                message = f"there are {self._most:,} silences already; let some expire"
                raise TooManyError(message)
        return silence

    async def expire(self, silence_id: str, now: Micros) -> Silence:
        """End a silence now; one that is over already stays as it is.

        Raises:
            NotFoundError: there is none of this id.
        """
        while True:
            record = await self._records.get(silence_id)
            silence = None if record is None else _read(silence_id, record)
            if record is None or silence is None:
                message = f"no silence {silence_id!r}"
                raise NotFoundError(message)
            if silence.ends_at <= now:
                return silence
            ended = replace(silence, starts_at=min(silence.starts_at, now), ends_at=now)
            if await self._records.replace(silence_id, record, _write(ended)):
                return ended

    async def list(self) -> tuple[Silence, ...]:
        """All that are kept, those that are over for up to 30 days among them; newest first."""
        records = await self._records.all()
        if self._read[0] is not records:
            found = [_read(name, record) for name, record in records.items()]
            known = [one for one in found if one is not None]
            known.sort(key=lambda one: (one.created_at, one.id), reverse=True)
            self._read = records, tuple(known)
        return self._read[1]

    async def active(self, now: Micros) -> tuple[Silence, ...]:
        """Those that mute at this moment."""
        return tuple(one for one in await self.list() if one.active(now))

    async def muting(self, data: Described, now: Micros) -> Silence | None:
        """The silence because of which people are not told of this alert now, if there is one.

        Of several that which ends last.
        """
        found = [one for one in await self.list() if one.mutes(data, now)]
        return max(found, key=lambda one: one.ends_at, default=None)

    async def _keep(self, silence: Silence) -> bool:
        added = await self._records.add(silence.id, _write(silence), Quota(self._most))
        return added is Added.KEPT

    async def _forget(self, before: Micros) -> None:
        """Remove what was over before this."""
        for name, record in (await self._records.all()).items():
            silence = _read(name, record)
            if silence is not None and silence.ends_at < before:
                await self._records.remove(name, record)


def _check(silence: Silence, now: Micros) -> None:
    wrong = ""
    if silence.matchers == Matchers():
        wrong = "a silence should say what it mutes, such as stream=NAME"
    elif silence.ends_at <= silence.starts_at:
        wrong = "a silence should end after it begins"
    elif silence.ends_at <= now:
        wrong = "a silence should end in the future"
    elif silence.ends_at - max(silence.starts_at, now) > LONGEST:
        wrong = "a silence should last for at most 366 days"
    elif not silence.comment.strip() or len(silence.comment) > LONGEST_COMMENT:
        wrong = f"a silence should say why, in at most {LONGEST_COMMENT:,} characters"
    elif not silence.created_by.strip() or len(silence.created_by) > LONGEST_NAME:
        wrong = f"a silence should say whose it is, in at most {LONGEST_NAME} characters"
    if wrong:
        raise RefusedError(wrong)


def _write(silence: Silence) -> bytes:
    document = {
        "matchers": silence.matchers.model_dump(mode="json", exclude_none=True),
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
        "created_by": silence.created_by,
        "created_at": silence.created_at,
        "comment": silence.comment,
    }
    return json.dumps(document).encode()


def _read(silence_id: str, record: Record) -> Silence | None:
    """The silence; None, and a line in the log, if driftline did not write it."""
    try:
        document = json.loads(record.document)
        return Silence(
            silence_id,
            Matchers.model_validate(document["matchers"]),
            int(document["starts_at"]),
            int(document["ends_at"]),
            str(document["created_by"]),
            int(document["created_at"]),
            str(document["comment"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        log.warning("silence_unreadable", silence=silence_id, reason=type(error).__name__)
        return None
