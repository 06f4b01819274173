"""Tokens and the audit log in a real Redis."""

from __future__ import annotations

import asyncio
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
import redis

from driftline.embedded.process import LOOPBACK, free_port
from driftline.errors import DriftlineError, StateError, UnavailableError
from driftline.store.client import Patience
from driftline.store.connect import RedisAddress, build_client
from driftline.store.keys import Keys
from driftline.web.audit import AuditEntry, AuditLog
from driftline.web.tokens import Scope, TokenStore, digest
from support.captured_log import captured_log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from driftline.store.client import Client

NOW: Final = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
KEYS: Final = Keys("prod")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Client]:
    """What sends commands to an empty Redis."""
    client = build_client(RedisAddress(redis_url), patience=Patience(timedelta(seconds=30)))
    yield client
    await client.close()


@pytest.fixture
def tokens(client: Client) -> TokenStore:
    return TokenStore(client, KEYS)


async def test_a_token_is_found_by_itself_alone(tokens: TokenStore) -> None:
    """Not by its name, its hash, a part of it, or with something behind it."""
    made = (await tokens.create("ada", Scope.WRITE, now=NOW)).encode()
    found = await tokens.find(made, NOW)
    assert found is not None
    assert (found.name, found.scope, found.created_at) == ("ada", Scope.WRITE, NOW)
    other = (await tokens.create("bob", Scope.ADMIN, now=NOW)).encode()
    wrong = (
        b"",
        b"ada",
        b"dl_ada_",
        made[:-1],
        made + b"a",
        made.upper(),
        digest(made).encode(),
        b"dl_ada_" + digest(made).encode(),
        b"dl_ada_" + other.split(b"_", 2)[2],
        made.replace(b"ada", b"bob"),
        made.decode().replace("a", "\u00e4").encode(),
        b"\xff\xfe" + made,
        made + b"\x00",
        made * 1_000,
    )
    for presented in wrong:
        assert await tokens.find(presented, NOW) is None, presented


async def test_what_is_stored_opens_nothing(tokens: TokenStore, redis_url: str) -> None:
    """Only the hash of a token is in Redis, nor does a line of the log hold it."""
    with captured_log() as log:
        made = await tokens.create("ada", Scope.ADMIN, now=NOW)
        await tokens.find(made.encode(), NOW)
        await tokens.list()
    with redis.Redis.from_url(redis_url) as server:
        (key,) = server.keys()
        stored = server.hgetall(key)
    secret = made.split("_", 2)[2]
    assert secret not in f"{stored} {log.getvalue()} {await tokens.list()}"
    assert digest(made.encode()) in str(stored)


async def test_digests_are_compared_in_constant_time(
    tokens: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly once for each token that is looked for, also where no such name is known."""
    compared: list[tuple[Any, Any]] = []
    compare = hmac.compare_digest

    def note(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", note)
    made = (await tokens.create("ada", Scope.READ, now=NOW)).encode()
    for presented in (made, b"dl_ada_wrong", b"dl_nobody_wrong", b"no token", "ä".encode()):
        await tokens.find(presented, NOW)
    assert [one for one, _ in compared] == [
        digest(presented).encode()
        for presented in (made, b"dl_ada_wrong", b"dl_nobody_wrong", b"no token", "ä".encode())
    ]
    assert all(len(one) == len(other) == 64 for one, other in compared)


async def test_a_token_ends_when_it_is_revoked_or_its_time_is_over(tokens: TokenStore) -> None:
    """From the next look on; its name is then free."""
    day = timedelta(days=1)
    short = (await tokens.create("short", Scope.READ, now=NOW, lifetime=day)).encode()
    assert await tokens.find(short, NOW + day - timedelta(seconds=1)) is not None
    assert await tokens.find(short, NOW + day) is None
    assert await tokens.revoke("short")
    assert await tokens.find(short, NOW) is None
    assert not await tokens.revoke("short")
    again = (await tokens.create("short", Scope.READ, now=NOW)).encode()
    assert await tokens.find(short, NOW) is None
    assert await tokens.find(again, NOW + 1_000 * day) is not None


async def test_one_of_many_who_ask_for_a_name_gets_it(tokens: TokenStore) -> None:
    """The others are told; a name that is none is refused."""
    asked = await asyncio.gather(
        *(tokens.create("ada", Scope.READ, now=NOW) for _ in range(20)), return_exceptions=True
    )
    made = [one for one in asked if isinstance(one, str)]
    assert len(made) == 1
    assert all("already" in str(one) for one in asked if isinstance(one, DriftlineError))
    assert await tokens.find(made[0].encode(), NOW) is not None
    for name in ("", "Ada", "a_b", "a b", "-a", "a" * 51, "ä", "a\n"):
        with pytest.raises(DriftlineError, match="should be a-z"):
            await tokens.create(name, Scope.READ, now=NOW)


async def test_what_was_not_written_by_us_is_an_error_that_repeats_nothing(
    tokens: TokenStore, redis_url: str
) -> None:
    """Rather than a token with some scope or other."""
    with redis.Redis.from_url(redis_url) as server:
        server.hset(KEYS.own("web", "tokens"), "ada", '{"name": "CANARY"}')
    with pytest.raises(StateError) as caught:
        await tokens.find(b"dl_ada_x", NOW)
    assert "CANARY" not in str(caught.value)


def entry(number: int) -> AuditEntry:
    return AuditEntry(
        at="2026-03-04T09:00:00Z",
        by="ada",
        action="POST /v1/silences",
        target=f"/v1/silences?{number}",
        status="201",
        location="",
        request_id="0" * 32,
        client="10.0.0.7",
    )


async def test_the_audit_log_is_read_newest_first_page_by_page(client: Client) -> None:
    """Each entry once, as it was written."""
    audit = AuditLog(client, KEYS)
    for number in range(5):
        await audit.write(entry(number))
    first = await audit.read(3)
    rest = await audit.read(3, first[-1][0])
    assert [one for _, one in first + rest] == [entry(number) for number in (4, 3, 2, 1, 0)]
    with pytest.raises(StateError):
        await audit.read(3, "no id")


async def test_a_redis_that_is_away_does_not_undo_what_was_done() -> None:
    """The entry is in the log, and that it is not in Redis is said."""
    nowhere = RedisAddress(f"redis://{LOOPBACK}:{free_port()}")
    away = build_client(nowhere, patience=Patience(timedelta(0)))
    try:
        with captured_log() as log:
            await AuditLog(away, KEYS).write(entry(1))
        assert '"api_write"' in log.getvalue()
        assert '"audit_not_stored"' in log.getvalue()
        with pytest.raises(UnavailableError):
            await TokenStore(away, KEYS).find(b"dl_ada_x", NOW)
    finally:
        await away.close()
