"""Reading Server-Sent Events as the WHATWG's HTML says, strictly, and an ASGI client of them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message

FIELDS = frozenset({"", "id", "event", "data", "retry"})
"""The names of fields that may be there; a line that begins with a colon is a comment."""


@dataclass(frozen=True)
class Event:
    """One that was dispatched."""

    id: str
    name: str
    data: str

    @property
    def json(self) -> Any:
        """Its data, a line of JSON."""
        return json.loads(self.data)

    @property
    def alert(self) -> str:
        """The CloudEvent's id."""
        return str(self.json["id"])


@dataclass
class Reader:
    """Takes in bytes as they come; asserts that nothing but known fields is in them."""

    events: list[Event] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    last_id: str | None = None
    _rest: bytes = b""
    _fields: dict[str, list[str]] = field(default_factory=dict)

    def feed(self, chunk: bytes) -> None:
        """Take in what came."""
        # Any of the three ends a line: a stray one inside of data would make a field.
        text = (self._rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = text.split(b"\n")
        for line in lines:
            self._line(line.decode())

    def _line(self, line: str) -> None:
        if not line:
            self._dispatch()
            return
        name, _, value = line.partition(":")
        assert name in FIELDS, line
        if not name:
            self.comments.append(value.strip())
        else:
            self._fields.setdefault(name, []).append(value.removeprefix(" "))

    def _dispatch(self) -> None:
        given, self._fields = self._fields, {}
        assert all(len(values) == 1 for values in given.values()), given
        if "id" in given:
            self.last_id = given["id"][0]
        if "data" in given:
            name = given.get("event", ["message"])[0]
            self.events.append(Event(self.last_id or "", name, given["data"][0]))


class StreamClient:
    """Asks an ASGI application for a stream. `async with` it; it goes at the end.

    Where `paused`, it takes in nothing more: sending to it waits, as it does to a full socket.
    """

    def __init__(
        self, app: ASGIApp, path: str, *, query: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self._app = app
        raw = [(name.lower().encode(), text.encode()) for name, text in (headers or {}).items()]
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": raw,
            "client": ("10.0.0.9", 1),
        }
        self.reader = Reader()
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.paused = asyncio.Event()
        self._going = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether the application has returned."""
        return self._task is not None and self._task.done()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._going.set()
        assert self._task is not None
        await asyncio.wait_for(self._task, 30)

    async def _run(self) -> None:
        await self._app(self._scope, self._receive, self._send)

    async def _receive(self) -> Message:
        await self._going.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self.paused.is_set():
            await self._going.wait()
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): text.decode() for name, text in message["headers"]}
        else:
            self.reader.feed(message.get("body", b""))
