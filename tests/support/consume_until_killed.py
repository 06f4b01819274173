"""A process that acknowledges a topic's records below an offset, says so, and waits to be killed.

Arguments: bootstrap, group, topic, the offset.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from driftline.transport.address import KafkaAddress
from driftline.transport.app import BatchApp, build_app
from driftline.transport.batches import DEFAULT_SETTINGS, SourceBatch
from support.recorder import Recorder


class UpTo(Recorder):
    """Acknowledges batches that end at or below an offset."""

    def __init__(self, offset: int) -> None:
        super().__init__(acknowledge=False)
        self.offset = offset

    async def on_batch(self, batch: SourceBatch) -> None:
        await super().on_batch(batch)
        if batch.next <= self.offset:
            batch.ack()
        else:
            await app_of[0].commit()
            sys.stdout.write("acknowledged\n")
            sys.stdout.flush()


app_of: list[BatchApp] = []


async def main() -> None:
    """Consume for ever."""
    bootstrap, group, topic, offset = sys.argv[1:]
    settings = replace(DEFAULT_SETTINGS, max_batch_records=10)
    app = build_app(
        group, KafkaAddress(bootstrap), {topic: "earliest"}, UpTo(int(offset)), settings
    )
    app_of.append(app)
    await app.start()
    await app.wait()


if __name__ == "__main__":
    asyncio.run(main())
