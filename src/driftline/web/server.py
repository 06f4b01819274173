"""Serving the API with uvicorn, inside an event loop that is already there."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

MOST_CONNECTIONS: Final = 1_000
"""More are answered 503 at once; those that follow alerts are among them."""
END_SECONDS: Final = 5
"""So long may requests go on that are under way when the end begins."""


class Server(uvicorn.Server):
    """Leaves signals to its caller, and says when its end begins."""

    def __init__(self, app: ASGIApp, *, on_end: Callable[[], None]) -> None:
        """`on_end` sends those away who would stay for ever."""
        super().__init__(
            uvicorn.Config(
                app,
                access_log=False,
                lifespan="off",
                # Ours is there already; uvicorn's would print to places of its own.
                log_config=None,
                # What a header says of who called is anybody's word.
                proxy_headers=False,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                h11_max_incomplete_event_size=32_768,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=END_SECONDS,
                ws="none",
            )
        )
        self._on_end = on_end

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: those who would stay first."""
        self._on_end()
        await super().shutdown(sockets)

    def stop(self) -> None:
        """Ask for the end."""
        self.should_exit = True


async def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; the port may be 0, for any that is free.

    Raises:
        UnavailableError: the address cannot be had.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, _, _, address = found[0]
        one = socket.socket(family, kind)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(address)
    except OSError as error:
        msg = f"the API cannot be served at {host}:{port}: {error}"
        raise UnavailableError(msg) from error
    return one
