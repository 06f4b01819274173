"""A few small documents that people make and change: bounded in number, each owner's too.

Readers may ask as often as they like: where nothing has changed since, one short answer says so.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from driftline.store import scripts
from driftline.store.client import call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.store.client import Client

NO_LIMIT: Final = 2**53
_TOKEN: Final = 32


class Added(StrEnum):
    """What became of a new record."""

    KEPT = "kept"
    FULL = "full"
    """There are as many as there may be. Nothing was written."""
    OWNER_FULL = "owner_full"
    """Its owner has as many as one may have. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many records there may be."""

    in_all: int
    per_owner: int = NO_LIMIT


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read; printed, its content is not shown."""

    stored: bytes = field(repr=False)
    """The text of a token, new with each change, and the document."""

    @property
    def document(self) -> bytes:
        """What was to be kept."""
        return self.stored[_TOKEN:]


class Records:
    """The records below one key of Redis; every change is one atomic step, safe to be repeated."""

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key
        self._keys = [key, f"{key}:owners", f"{key}:revision"]
        self._read: tuple[bytes | None, Mapping[str, Record]] | None = None

    async def add(self, record_id: str, document: bytes, quota: Quota, *, owner: str = "") -> Added:
        """Keep a new record, unless that were too many."""
        limits = (quota.per_owner, quota.in_all)
        record = _token() + document
        answer = await self._client.one(
            *call(scripts.RECORD_ADD, self._keys, record_id, record, owner, *limits, _token())
        )
        return Added(answer.decode())

    async def replace(self, record_id: str, old: Record, document: bytes) -> bool:
        """Change a record; False if it is no longer as it was read. It keeps its owner."""
        # Without a token of its own, a change would be taken for an equal one of somebody else.
        return await self._exchange(record_id, old, _token() + document, "")

    async def remove(self, record_id: str, old: Record, *, owner: str = "") -> bool:
        """Remove a record; False if it is no longer as it was read."""
        return await self._exchange(record_id, old, b"", owner)

    async def get(self, record_id: str) -> Record | None:
        """One record as it is now; None if there is none."""
        found = await self._client.one("HGET", self._key, record_id)
        return None if found is None else Record(found)

    async def all(self) -> Mapping[str, Record]:
        """All records as they are now, by id."""
        revision = await self._client.one("GET", self._keys[2])
        if self._read is None or revision is None or self._read[0] != revision:
            # The revision first: should somebody write in between, the next reading sees it.
            revision, found = await self._client.all(
                [("GET", self._keys[2]), ("HGETALL", self._key)]
            )
            records = {_text(name): Record(stored) for name, stored in found.items()}
            self._read = revision, records
        return self._read[1]

    async def _exchange(self, record_id: str, old: Record, new: bytes, owner: str) -> bool:
        command = call(
            scripts.RECORD_REPLACE, self._keys, record_id, old.stored, new, owner, _token()
        )
        return bool(await self._client.one(*command))


def _token() -> bytes:
    # No count: after a Redis that was restored from an older file, it would come to be the same.
    return uuid.uuid4().hex.encode()


def _text(name: bytes) -> str:
    return name.decode(errors="backslashreplace")
