"""Opening a store: the connection, its timeouts, and what about the server is a danger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from driftline.store.client import Client, Patience
from driftline.store.redis_store import RedisStore

log = structlog.get_logger(__name__)

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
"""How long one answer may take. Redis answers in milliseconds; slower is not there."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is and who we are there."""

    url: str = field(repr=False)
    """`redis://host:port/db`, `rediss://` for TLS, or `unix://path`; may hold name and password."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_ca: str | None = None
    """Path of the authorities to trust; default: the system's."""
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_key_password: str | None = field(default=None, repr=False)
    tls_check_hostname: bool = True

    @property
    def shown(self) -> str:
        """The address without secrets, for people."""
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            return parts.path
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.hostname or 'localhost'}{port}"


async def connect(
    address: RedisAddress, deployment: str, *, patience: Patience | None = None
) -> RedisStore:
    """Open the store of a deployment.

    Raises UnavailableError when Redis is not there or denies access, StateError when what is stored
    has a format that this driftline does not read, ValueError for a malformed URL.
    """
    redis = build_redis(address)
    store = RedisStore(redis, deployment, where=address.shown, patience=patience)
    try:
        await store.check_format()
        store.findings = await inspect(redis)
    except BaseException:
        await store.close()
        raise
    return store


def build_client(address: RedisAddress, *, patience: Patience | None = None) -> Client:
    """What sends single commands; nothing is asked of the server as yet.

    Raises ValueError as `build_redis`.
    """
    return Client(build_redis(address), where=address.shown, patience=patience or Patience())


def build_redis(address: RedisAddress) -> Redis:
    """A client that answers with bytes, times out, and never retries by itself.

    Raises ValueError for a malformed URL, and for TLS files with a URL that means no TLS.
    """
    secure = address.url.startswith("rediss://")
    if (address.tls_ca or address.tls_cert or address.tls_key) and not secure:
        msg = f"redis at {address.shown}: TLS files are given, but its URL is not rediss://"
        raise ValueError(msg)
    options: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        "ssl_ca_certs": address.tls_ca,
        "ssl_certfile": address.tls_cert,
        "ssl_keyfile": address.tls_key,
        "ssl_password": address.tls_key_password,
        "ssl_check_hostname": address.tls_check_hostname if secure else None,
    }
    return Redis.from_url(
        address.url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_keepalive=True,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        **{name: value for name, value in options.items() if value is not None},
    )


async def inspect(redis: Redis) -> tuple[str, ...]:
    """What about the server's settings endangers the state; nothing where CONFIG is forbidden."""
    try:
        # One at a time: Redis 6.2 takes no more.
        settings = await redis.config_get("maxmemory-policy")
        settings |= await redis.config_get("appendonly")
    except ResponseError as error:
        log.info("redis_settings_not_readable", error=str(error))
        return ()
    except RedisError:
        return ()
    findings = []
    policy = settings.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        findings.append(
            f"maxmemory-policy is {policy}: under pressure state is lost; set noeviction"
        )
    if settings.get("appendonly", "yes") != "yes":
        findings.append("appendonly is off: a crash of Redis loses state since its last snapshot")
    return tuple(findings)
