"""A command that goes on for ever must not outlive the embedded Kafka that it reads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from driftline.embedded.process import reachable
from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from driftline.app.connections import Connections

EVERY_SECONDS: Final = 0.5
"""How often it is looked whether the embedded Kafka is there."""


async def while_kafka_lives(connections: Connections, work: Coroutine[Any, Any, None]) -> None:
    """Do the work; where Kafka is embedded, for as long as it is there.

    A real Kafka is waited for. An embedded one that is gone does not come back: that of the next
    worker is another, at another port.

    Raises:
        UnavailableError: the embedded Kafka is gone.
    """
    tasks = [asyncio.create_task(work)]
    if connections.kafka_embedded:
        tasks.append(asyncio.create_task(_watch(connections.kafka.bootstrap)))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in reversed(tasks):
            if task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(bootstrap: str) -> NoReturn:
    place = urlsplit(f"//{bootstrap}")
    while True:
        if not await asyncio.to_thread(reachable, place.hostname or "", place.port or 0):
            msg = (
                f"the embedded Kafka at {bootstrap} is gone, as its worker has ended: once"
                " `driftline worker` runs again, start this command anew"
            )
            raise UnavailableError(msg)
        await asyncio.sleep(EVERY_SECONDS)
