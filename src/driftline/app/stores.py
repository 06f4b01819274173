"""The store of a deployment, for as long as a command needs it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from driftline.store.client import Patience
from driftline.store.connect import build_client, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.store.client import Client
    from driftline.store.connect import RedisAddress
    from driftline.store.redis_store import RedisStore

# Somebody waits for the answer, and can ask again; a worker has to outlast a restart of Redis.
_PATIENCE: Final = Patience(deadline=timedelta(seconds=3))


@asynccontextmanager
async def open_store(deployment: Deployment, connections: Connections) -> AsyncIterator[RedisStore]:
    """The deployment's store, closed in the end.

    Raises:
        UnavailableError: Redis is not there or denies access.
        StateError: what is stored has a format that this driftline does not read.
    """
    store = await connect(connections.redis, deployment.settings.name, patience=_PATIENCE)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_client(redis: RedisAddress) -> AsyncIterator[Client]:
    """What sends single commands to Redis, closed in the end; they raise as above."""
    client = build_client(redis, patience=_PATIENCE)
    try:
        yield client
    finally:
        await client.close()
