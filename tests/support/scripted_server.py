"""A real HTTP server that answers as it is told, and so as wrongly as it is told.

It speaks HTTP/1.1 by hand, as a server library would not break off in the middle of an answer.
Each request takes the next step of the script; without one it is answered as the server does.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from driftline.embedded.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    Step: TypeAlias = "Callable[[Request, asyncio.StreamWriter], Awaitable[None]]"

REASONS: Final = {200: "OK", 202: "Accepted", 302: "Found", 429: "Too Many Requests"}
GIANT_BYTES: Final = 5_000_000
LONG_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def whole(self) -> bytes:
        """All of it, for a server that repeats what it is sent."""
        lines = [f"{self.method} {self.path}", *(f"{k}: {v}" for k, v in self.headers.items())]
        return "\n".join(lines).encode() + b"\n\n" + self.body


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is right as HTTP."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, length: int | None = None) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}"]
        sizes = {"Content-Length": str(len(self.body) if length is None else length)}
        lines += [f"{name}: {value}" for name, value in {**sizes, **self.headers}.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class ScriptedServer:
    """Listens on a port of the loopback address while `running`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """Those that came in whole, in their order."""
        self.script: list[Step] = []
        """What the next requests meet."""
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def answer(self, request: Request) -> Reply:
        """What a request is answered that no step of the script is for."""
        del request
        return Reply(200)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedServer]:
        server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        self.port = server.sockets[0].getsockname()[1]
        tasks = self._tasks = set[asyncio.Task[None]]()
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # A cancelled task would be told of as a bug by the server of Python 3.11.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                request = await _read(reader)
                self.requests.append(request)
                step = self.script.pop(0) if self.script else reply(self.answer(request))
                await step(request, writer)
        finally:
            self._tasks.discard(task)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


# -- steps --


def reply(given: Reply) -> Step:
    """An answer that is right as HTTP."""

    async def step(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(given.head() + given.body)
        await writer.drain()

    return step


def status(number: int, body: bytes = b"", **headers: str) -> Step:
    """A status; `Retry_After` is the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return reply(Reply(number, body, named))


def echo(number: int) -> Step:
    """A status, and the whole request in the answer: as a JSON text."""

    async def step(request: Request, writer: asyncio.StreamWriter) -> None:
        body = msgspec.json.encode(request.whole().decode("utf-8", "replace"))
        writer.write(Reply(number, body).head() + body)
        await writer.drain()

    return step


async def hang(_request: Request, _writer: asyncio.StreamWriter) -> None:
    """No answer."""
    await asyncio.sleep(LONG_SECONDS)


async def reset(_request: Request, writer: asyncio.StreamWriter) -> None:
    """The connection ends as a crash would end it."""
    writer.transport.abort()


async def half_head(_request: Request, writer: asyncio.StreamWriter) -> None:
    """The answer breaks off in its headers."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    await writer.drain()


async def slow_head(_request: Request, writer: asyncio.StreamWriter) -> None:
    """A status, and then headers for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(int(LONG_SECONDS * 20)):
        writer.write(f"X-{number}: y\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.05)


async def no_http(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Something else answers."""
    writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    await writer.drain()


def half_body(number: int, body: bytes = b"o") -> Step:
    """The answer breaks off in its body."""

    async def step(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(Reply(number).head(length=len(body) + 100) + body)
        await writer.drain()

    return step


def slow_body(number: int) -> Step:
    """A body that does not end."""

    async def step(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(Reply(number).head(length=1_000_000))
        for _ in range(int(LONG_SECONDS * 20)):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    return step


def giant(number: int) -> Step:
    """A body of megabytes."""

    async def step(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(Reply(number).head(length=GIANT_BYTES))
        for _ in range(GIANT_BYTES // 50_000):
            writer.write(b"x" * 50_000)
            await writer.drain()

    return step


def redirect(location: str, number: int = 302) -> Step:
    """Somewhere else."""
    return reply(Reply(number, b"", {"Location": location}))
