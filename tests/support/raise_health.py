"""A worker that tells of one trouble with its health: `raise_health.py REDIS_URL FILE`.

What it publishes is the file's, a line for each event's id.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from driftline.agents.clock import system_clock
from driftline.config.settings import Settings
from driftline.health import HealthAlerts
from driftline.store.connect import RedisAddress, build_client
from support.memory_producer import MemoryProducer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.transport.producer import OutgoingMessage


class FileProducer(MemoryProducer):
    """Writes at once, so that it outlives its process."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def send_all(self, messages: Iterable[OutgoingMessage]) -> None:
        """Append the ids of the events."""
        await super().send_all(messages)
        self._path.write_text("".join(f"{one}\n" for one in self.ids), "utf-8")


async def main(redis_url: str, path: Path) -> None:
    """Raise one alert."""
    client = build_client(RedisAddress(redis_url))
    producer = FileProducer(path)
    settings = Settings.model_validate({"name": "test"})
    health = HealthAlerts(settings, client=client, producer=producer, clock=system_clock)
    await health.raise_("receiver", subject="team", summary="fails", details={})
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
