"""Follows the alerts topic for the API: all that is there, then what comes."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import structlog

from driftline.app.reading_topics import follow_from, read_ranges
from driftline.errors import UnavailableError
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from driftline.app.connections import Connections
    from driftline.app.reading_topics import TopicRecord
    from driftline.transport.batches import TopicPartition
    from driftline.web.feed import Feed

log = structlog.get_logger(__name__)

AGAIN_SECONDS: Final = 2.0
AT_ONCE: Final = 50
"""Records taken in before the event loop is given back."""


async def follow_alerts(feed: Feed, connections: Connections, topic: str) -> None:
    """Feed every alert event, for ever; a broker that is away is waited for."""
    while True:
        try:
            await _follow(feed, connections, topic)
        except UnavailableError as error:
            log.warning("alerts_not_readable", topic=topic, error=str(error))
        await asyncio.sleep(AGAIN_SECONDS)


async def _follow(feed: Feed, connections: Connections, topic: str) -> None:
    admin = TopicAdmin(connections.kafka)
    if topic not in await admin.describe([topic]):
        # Nothing was ever raised: that is all there is to know.
        feed.caught_up = True
    found = await admin.wait_for([topic])
    bounds = await admin.bounds(found[topic].places)
    for tp, (first, _) in bounds.items():
        feed.begin(tp.partition, first)
    await _feed(feed, read_ranges(connections.kafka, _rest(feed, bounds)))
    if not feed.caught_up:
        log.info("alerts_read", topic=topic, alerts=len(feed.board), unreadable=feed.unreadable)
    feed.caught_up = True
    ends = {tp: end for tp, (_, end) in bounds.items()}
    await _feed(feed, follow_from(connections.kafka, ends))


def _rest(
    feed: Feed, bounds: Mapping[TopicPartition, tuple[int, int]]
) -> dict[TopicPartition, tuple[int, int]]:
    """What of each partition was not taken in yet."""
    return {
        tp: (max(first, feed.position.get(tp.partition, 0)), end)
        for tp, (first, end) in bounds.items()
    }


async def _feed(feed: Feed, records: AsyncGenerator[TopicRecord, None]) -> None:
    count = 0
    async with aclosing(records):
        async for record in records:
            feed.take(record.partition, record.offset, record.timestamp, record.value)
            count += 1
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)
