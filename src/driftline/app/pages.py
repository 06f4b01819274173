"""What a worker shows over HTTP to machines: /metrics, /healthz and /readyz. No authentication."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from driftline.app.health import Health
    from driftline.metrics import Metrics


class Pages:
    """Serves from the worker's own event loop: where it hangs, nothing answers, which is the truth.

    /healthz answers 200 as long as the loop runs; /readyz 200 once all roles run and the store
    answers, else 503 with the reason.
    """

    def __init__(self, metrics: Metrics, health: Health, *, host: str, port: int) -> None:
        self._metrics = metrics
        self._health = health
        self._host = host
        self._port = port
        application = web.Application()
        application.add_routes(
            [
                web.get("/metrics", self._show_metrics),
                web.get("/healthz", self._show_alive),
                web.get("/readyz", self._show_ready),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None)

    @property
    def port(self) -> int:
        """The port it listens on, also when 0 was asked for."""
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        """Listen.

        Raises:
            UnavailableError: the port is taken.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            msg = f"metrics cannot be served at {self._host}:{self._port}: {error}"
            raise UnavailableError(msg) from error

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _show_metrics(self, _request: web.Request) -> web.Response:
        page = generate_latest(self._metrics.registry)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _show_alive(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _show_ready(self, _request: web.Request) -> web.Response:
        problem = self._health.problem(asyncio.get_running_loop().time())
        return web.Response(text=f"{problem or 'ok'}\n", status=503 if problem else 200)
