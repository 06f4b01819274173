"""What goes on for ever ends with the embedded Kafka that it reads."""

from __future__ import annotations

import asyncio

import pytest

from driftline.app.connections import Connections
from driftline.app.embedded_life import while_kafka_lives
from driftline.errors import DriftlineError, UnavailableError
from driftline.store.connect import RedisAddress
from driftline.transport.address import KafkaAddress


def connections(port: int, *, embedded: bool) -> Connections:
    kafka = KafkaAddress(f"127.0.0.1:{port}")
    return Connections(kafka, RedisAddress(""), kafka_embedded=embedded)


async def listening(visits: asyncio.Queue[None] | None = None) -> tuple[asyncio.Server, int]:
    """A server that takes connections, and its port; each connection is told to `visits`."""

    def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        if visits is not None:
            visits.put_nowait(None)

    server = await asyncio.start_server(take, "127.0.0.1")
    return server, server.sockets[0].getsockname()[1]


async def forever() -> None:
    await asyncio.Event().wait()


async def test_work_ends_when_the_embedded_kafka_is_gone() -> None:
    """With a sentence, and not before."""
    visits = asyncio.Queue[None]()
    server, port = await listening(visits)
    task = asyncio.create_task(while_kafka_lives(connections(port, embedded=True), forever()))
    async with asyncio.timeout(10):
        for _ in range(3):
            await visits.get()
    assert not task.done()
    server.close()
    async with asyncio.timeout(10):
        with pytest.raises(UnavailableError, match=f"embedded Kafka at 127.0.0.1:{port} is gone"):
            await task


async def test_a_real_kafka_is_waited_for() -> None:
    """It comes back where it was."""
    server, port = await listening()
    server.close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await while_kafka_lives(connections(port, embedded=False), forever())


async def test_work_that_ends_by_itself_ends_so() -> None:
    """Its result and its failure are what they are."""

    async def fail() -> None:
        msg = "done with"
        raise DriftlineError(msg)

    async def finish() -> None:
        return

    server, port = await listening()
    async with server:
        await while_kafka_lives(connections(port, embedded=True), finish())
        with pytest.raises(DriftlineError, match="done with"):
            await while_kafka_lives(connections(port, embedded=True), fail())
