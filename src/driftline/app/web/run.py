"""`driftline web`: the API's process."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import structlog

from driftline.app.alert_follower import follow_alerts
from driftline.app.connections import find_connections
from driftline.app.stores import open_client, open_store
from driftline.app.web.backend import DeploymentBackend
from driftline.metrics import Metrics
from driftline.store.keys import Keys
from driftline.web.app import build_app
from driftline.web.audit import AuditLog
from driftline.web.feed import Feed
from driftline.web.limits import RateLimit
from driftline.web.server import Server, listen
from driftline.web.services import Services
from driftline.web.tokens import TokenStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment

log = structlog.get_logger(__name__)


def run_web(deployment: Deployment, environ: Mapping[str, str]) -> None:
    """Serve the API until SIGTERM or SIGINT.

    Raises:
        UnavailableError: Redis is not there, or the port is taken. Kafka is waited for.
    """
    asyncio.run(_run(deployment, environ))


async def _run(deployment: Deployment, environ: Mapping[str, str]) -> None:
    connections = find_connections(deployment, environ)
    async with AsyncExitStack() as stack:
        feed = Feed()
        services = await _services(stack, deployment, connections, feed, environ)
        settings = deployment.settings.web
        app = build_app(
            services, cors_origins=settings.cors_origins, body_limit=settings.max_body_bytes
        )
        server = Server(app, on_end=feed.close)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        await _serve(server, deployment, connections, feed)


async def _services(
    stack: AsyncExitStack,
    deployment: Deployment,
    connections: Connections,
    feed: Feed,
    environ: Mapping[str, str],
) -> Services:
    store = await stack.enter_async_context(open_store(deployment, connections))
    client = await stack.enter_async_context(open_client(connections.redis))
    keys = Keys(deployment.settings.name)
    tokens = TokenStore(client, keys)
    if not await tokens.list():
        log.warning("no_tokens", hint="driftline tokens create NAME --scope read|write|admin")
    metrics = Metrics()
    metrics.web_listeners.set_function(lambda: feed.listeners)
    return Services(
        backend=DeploymentBackend(
            deployment, connections, store=store, client=client, feed=feed, environ=environ
        ),
        tokens=tokens,
        audit=AuditLog(client, keys),
        feed=feed,
        limit=RateLimit(deployment.settings.web.requests_per_minute, time.monotonic),
        metrics=metrics,
    )


async def _serve(
    server: Server, deployment: Deployment, connections: Connections, feed: Feed
) -> None:
    """Serve and follow until the end is asked for, or one of both fails."""
    settings = deployment.settings
    socket = await listen(settings.web.host, settings.web.port)
    host, port = socket.getsockname()[:2]
    following = asyncio.create_task(follow_alerts(feed, connections, settings.alerts_topic))
    following.add_done_callback(lambda _task: server.stop())
    log.info("web_started", host=host, port=port, deployment=settings.name)
    try:
        await server.serve(sockets=[socket])
    finally:
        following.cancel()
        (outcome,) = await asyncio.gather(following, return_exceptions=True)
        socket.close()
    log.info("web_stopped")
    if isinstance(outcome, Exception):
        raise outcome
