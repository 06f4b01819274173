"""The audit log: every request that would change something, by whom, and what came of it.

Each is a line of the process's log and an entry of a stream in Redis, the oldest of which go.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import structlog

from driftline.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.store.client import Client
    from driftline.store.keys import Keys

log = structlog.get_logger(__name__)

KEPT: Final = 100_000
"""Entries in Redis, about."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One request."""

    at: str
    """ISO 8601, UTC, by this process's clock."""
    by: str
    """The name of the token."""
    action: str
    """The method and the kind of path, such as `POST /v1/silences`."""
    target: str
    """The path as it was asked for, percent-encoded."""
    status: str
    """The HTTP status of the answer."""
    location: str
    """The path of what was made; empty for nothing."""
    request_id: str
    client: str
    """The address that it came from."""


class AuditLog:
    """Writes entries, and reads the newest ones."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._key = keys.own("web", "audit")

    async def write(self, entry: AuditEntry) -> None:
        """Write it to both places. Redis being away is said, and is no error: the deed is done."""
        log.info("api_write", **asdict(entry))
        fields = [part for pair in asdict(entry).items() for part in pair]
        command = ("XADD", self._key, "MAXLEN", "~", KEPT, "*", *fields)
        if not await self._client.attempt(command):
            log.error("audit_not_stored", request_id=entry.request_id, action=entry.action)

    async def read(self, limit: int, before: str | None = None) -> list[tuple[str, AuditEntry]]:
        """The newest entries with their ids, newest first; `before` an id, older than that one.

        Raises:
            StateError: the id is none, or an entry does not decode.
            UnavailableError: Redis is away.
        """
        newest = "+" if before is None else f"({before}"
        found = await self._client.one("XREVRANGE", self._key, newest, "-", "COUNT", limit)
        return [(one_id.decode(), _entry(fields)) for one_id, fields in found]


def _entry(fields: Mapping[bytes, bytes]) -> AuditEntry:
    texts = {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, value in fields.items()
    }
    try:
        return AuditEntry(**texts)
    except TypeError as error:
        msg = "an entry of the audit log does not decode"
        raise StateError(msg) from error
