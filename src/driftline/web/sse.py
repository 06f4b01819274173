"""Alerts as Server-Sent Events (WHATWG HTML, section 9.2).

The names of fields, events and ids are ours; what comes from data stands in one line of JSON.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from driftline.web.position import write_position

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Message, Receive, Scope, Send

    from driftline.web.entries import Entry
    from driftline.web.feed import Feed
    from driftline.web.listeners import Listener

CONTENT_TYPE: Final = "text/event-stream"
SEND_SECONDS: Final = 10.0
"""A client that has not taken in what was sent for so long is gone, or too slow."""
RETRY_MILLIS: Final = 2_000
"""After how long a client that lost its connection comes back."""


class AlertStream(Response):
    """Sends what a listener hears, until one of both ends it."""

    media_type = CONTENT_TYPE

    def __init__(
        self,
        feed: Feed,
        listener: Listener,
        *,
        heartbeat_seconds: float,
        allowed: Callable[[], Awaitable[bool]],
        on_drop: Callable[[], None],
    ) -> None:
        """`allowed` is asked at every heartbeat, `on_drop` called for a reader that is too slow."""
        super().__init__(headers={"X-Accel-Buffering": "no"})
        # The length is not known.
        del self.headers["content-length"]
        self._feed = feed
        self._listener = listener
        self._heartbeat = heartbeat_seconds
        self._allowed = allowed
        self._on_drop = on_drop
        self._checked_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream; returns when the client goes, or has to go."""
        del scope
        tasks = [
            asyncio.create_task(self._write(send)),
            asyncio.create_task(self._listener.dropped.wait()),
            asyncio.create_task(_left(receive)),
        ]
        writing, dropped, left = tasks
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._feed.leave(self._listener)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if left.done() and not left.cancelled():
            return
        if writing.done() and not writing.cancelled() and (error := writing.exception()):
            if not isinstance(error, TimeoutError):
                raise error
            self._on_drop()
        elif dropped.done() and not dropped.cancelled() and self._listener.too_slow:
            self._on_drop()
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send) -> None:
        """Returns when the token is not valid any more; raises TimeoutError for a slow client."""
        loop = asyncio.get_running_loop()
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        hello = f": driftline\nretry: {RETRY_MILLIS}\n{_id_line(self._listener.position)}\n"
        await _send(send, hello.encode())
        self._checked_at = loop.time()
        while True:
            entry = await self._listener.next(self._heartbeat, self._feed.position)
            await _send(send, frame(entry, self._listener.position))
            if loop.time() - self._checked_at >= self._heartbeat:
                if not await self._allowed():
                    return
                self._checked_at = loop.time()


def frame(entry: Entry | None, position: Mapping[int, int]) -> bytes:
    """One event; without an entry a comment, which moves the client's place on as well."""
    place = _id_line(position).encode()
    if entry is None:
        return b": heartbeat\n" + place + b"\n"
    return place + b"event: alert\ndata: " + entry.json + b"\n\n"


def _id_line(position: Mapping[int, int]) -> str:
    return f"id: {write_position(position)}\n"


async def _send(send: Send, body: bytes) -> None:
    message: Message = {"type": "http.response.body", "body": body, "more_body": True}
    async with asyncio.timeout(SEND_SECONDS):
        await send(message)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
