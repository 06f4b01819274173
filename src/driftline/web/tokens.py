"""Bearer tokens: who may ask for what. Only their SHA-256 is stored.

A token is 256 random bits, so a plain hash keeps it as well as a slow one would. It reads
`dl_<name>_<secret>`: the name finds what is stored, the prefix lets scanners find leaked ones.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from driftline.errors import DriftlineError, StateError

if TYPE_CHECKING:
    from driftline.store.client import Client
    from driftline.store.keys import Keys

PREFIX: Final = "dl"
MAX_TOKENS: Final = 10_000
LONGEST: Final = 200
"""Bytes of a token that is looked at; ours have at most 97."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_NAMES: Final = "a token's name should be a-z, 0-9 and -, at most 50 characters"
_SECRET_BYTES: Final = 32
_NOBODY: Final = hashlib.sha256(secrets.token_bytes(_SECRET_BYTES)).hexdigest()
"""What an unknown name is compared with, so that it takes as long as a known one."""


class Scope(StrEnum):
    """What a token may do; each includes those before it."""

    READ = "read"
    """Look at everything but the audit log."""
    WRITE = "write"
    """Acknowledge, accept, silence, and have subscriptions of its own."""
    ADMIN = "admin"
    """Everybody's subscriptions, test messages of receivers, the audit log."""

    def includes(self, other: Scope) -> bool:
        """Whether who has this scope may do what needs the other."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; not the token itself."""

    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


class TokenStore:
    """The tokens of a deployment. Every method raises UnavailableError where Redis is away."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._key = keys.own("web", "tokens")

    async def create(
        self, name: str, scope: Scope, *, now: datetime, lifetime: timedelta | None = None
    ) -> str:
        """Make a token and return it: it is shown this once.

        Raises:
            DriftlineError: the name is none, or another token has it; or there are too many.
        """
        if _NAME.fullmatch(name) is None:
            raise DriftlineError(_NAMES)
        if await self._client.one("HLEN", self._key) >= MAX_TOKENS:
            msg = f"there are {MAX_TOKENS:,} tokens already: revoke some"
            raise DriftlineError(msg)
        secret = f"{PREFIX}_{name}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        expires_at = None if lifetime is None else now + lifetime
        entry = _write(Token(name, scope, now, expires_at), digest(secret.encode()))
        if not await self._client.one("HSETNX", self._key, name, entry):
            # An answer that was lost: the second attempt then finds the first one's entry.
            stored = await self._client.one("HGET", self._key, name)
            if stored != entry:
                msg = f"there is a token named {name!r} already: revoke it first, or take another"
                raise DriftlineError(msg)
        return secret

    async def list(self) -> list[Token]:
        """All tokens, by name."""
        entries = await self._client.one("HVALS", self._key)
        return sorted((_read(entry)[0] for entry in entries), key=lambda token: token.name)

    async def revoke(self, name: str) -> bool:
        """Forget a token: from now on it opens nothing. False: there was none of that name."""
        before = await self._client.one("HEXISTS", self._key, name)
        await self._client.one("HDEL", self._key, name)
        return bool(before)

    async def find(self, presented: bytes, now: datetime) -> Token | None:
        """The token that this is; None for what is none, for a revoked and for an expired one."""
        name = _name_in(presented)
        entry = await self._client.one("HGET", self._key, name) if name is not None else None
        token, stored = (None, _NOBODY) if entry is None else _read(entry)
        # Of two digests: neither the stored one nor the token can be found out byte by byte.
        same = hmac.compare_digest(digest(presented).encode(), stored.encode())
        return token if same and token is not None and not token.expired(now) else None


def digest(token: bytes) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token).hexdigest()


def _name_in(presented: bytes) -> str | None:
    if len(presented) > LONGEST:
        return None
    # What is no ASCII is no token of ours; it must not be an error either.
    parts = presented.decode("ascii", "replace").split("_", 2)
    if len(parts) != 3 or parts[0] != PREFIX or _NAME.fullmatch(parts[1]) is None:  # noqa: PLR2004
        return None
    return parts[1]


def _write(token: Token, hashed: str) -> bytes:
    return json.dumps(
        {
            "name": token.name,
            "scope": token.scope.value,
            "created_at": token.created_at.isoformat(),
            "expires_at": token.expires_at and token.expires_at.isoformat(),
            "sha256": hashed,
        }
    ).encode()


def _read(entry: bytes) -> tuple[Token, str]:
    try:
        stored: dict[str, Any] = json.loads(entry)
        ends = stored["expires_at"]
        token = Token(
            name=str(stored["name"]),
            scope=Scope(stored["scope"]),
            created_at=datetime.fromisoformat(stored["created_at"]),
            expires_at=None if ends is None else datetime.fromisoformat(ends),
        )
        return token, str(stored["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        msg = f"a stored token does not decode: {type(error).__name__}"
        raise StateError(msg) from error
