"""What the API's parts share for as long as the process lives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.metrics import Metrics
    from driftline.web.audit import AuditEntry
    from driftline.web.backend import Backend
    from driftline.web.feed import Feed
    from driftline.web.limits import RateLimit
    from driftline.web.tokens import Token


def utc_now() -> datetime:
    """The time of day, by this machine's clock."""
    return datetime.now(UTC)


class Tokens(Protocol):
    """Knows the tokens. Raises UnavailableError where it cannot tell."""

    async def find(self, presented: bytes, now: datetime) -> Token | None:
        """The token that this is; None for what is none, or is not valid any more."""
        ...


class Audit(Protocol):
    """Keeps the audit log."""

    async def write(self, entry: AuditEntry) -> None:
        """Write an entry; never raises."""
        ...

    async def read(self, limit: int, before: str | None = None) -> list[tuple[str, AuditEntry]]:
        """The newest entries, newest first; `before` an id, those older than it."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """All of it."""

    backend: Backend
    tokens: Tokens
    audit: Audit
    feed: Feed
    limit: RateLimit
    metrics: Metrics
    now: Callable[[], datetime] = utc_now
    heartbeat_seconds: float = 15.0
    """How often a stream of alerts says that it lives."""
