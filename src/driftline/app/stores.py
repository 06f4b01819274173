"""The store of a deployment, for as long as a command needs it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from driftline.store.connect import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.store.redis_store import RedisStore


@asynccontextmanager
async def open_store(deployment: Deployment, connections: Connections) -> AsyncIterator[RedisStore]:
    """The deployment's store, closed in the end.

    Raises:
        UnavailableError: Redis is not there or denies access.
        StateError: what is stored has a format that this driftline does not read.
    """
    store = await connect(connections.redis, deployment.settings.name)
    try:
        yield store
    finally:
        await store.close()
