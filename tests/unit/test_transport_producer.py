"""What sends to Kafka leaves nothing behind, however its start ends."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from driftline.embedded.process import LOOPBACK, free_port
from driftline.errors import UnavailableError
from driftline.transport.address import KafkaAddress
from driftline.transport.producer import Producer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def silent() -> AsyncIterator[KafkaAddress]:
    """Where connections are taken, and nothing is ever answered."""

    async def keep(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    gone = asyncio.Event()
    server = await asyncio.start_server(keep, LOOPBACK, 0)
    yield KafkaAddress(f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}")
    gone.set()
    server.close()
    await server.wait_closed()


async def test_a_start_that_is_ended_while_it_waits_closes_its_client(
    silent: KafkaAddress,
) -> None:
    """Else its library says of it, when it is collected, that it is unclosed."""
    said: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: said.append(context["message"]))
    starting = asyncio.create_task(Producer(silent).start())
    await asyncio.wait({starting}, timeout=0.2)
    starting.cancel()
    await asyncio.wait({starting})
    assert starting.cancelled()
    del starting
    gc.collect()
    assert said == []


async def test_without_a_broker_it_says_so() -> None:
    """With the address that was asked."""
    nowhere = f"{LOOPBACK}:{free_port()}"
    with pytest.raises(UnavailableError, match=f"kafka at {nowhere} does not answer"):
        await Producer(KafkaAddress(nowhere)).start()
