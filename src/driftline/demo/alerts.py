"""Alerts as they become readable on the alerts topic, with how long that took."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftline.alerts.alert import Status
from driftline.alerts.schema import DriftData
from driftline.app.alert_log import AlertLog
from driftline.app.reading_topics import follow_topic, read_ranges
from driftline.model import to_micros
from driftline.transport.batches import TopicPartition
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta

    from driftline.app.connections import Connections
    from driftline.model import Micros


@dataclass(frozen=True, slots=True)
class SeenAlert:
    """One revision of an alert, as it was read from the topic."""

    data: DriftData
    told_at: Micros
    """The event time at which it was told: for a signal that needs the truth, when that came."""
    seconds: float | None
    """From the time that Kafka has for the record at which the alert was decided until the alert
    could be read. None for what was decided at another record than the trigger."""

    @property
    def opens(self) -> bool:
        """Whether this is the alert's first revision."""
        return self.data.revision == 1 and self.data.status is Status.FIRING


class AlertFeed:
    """Reads the alerts topic."""

    def __init__(self, connections: Connections, topic: str, label_delay: timedelta) -> None:
        self._connections = connections
        self._topic = topic
        self._label_delay = label_delay
        self.read = 0
        """Records read so far; more than alerts, if one came twice."""

    async def follow(self) -> AsyncIterator[SeenAlert]:
        """Every event of a drift alert, as it comes.

        Raises:
            UnavailableError: Kafka does not answer.
        """
        log = AlertLog()
        async for record in follow_topic(self._connections, self._topic, since="beginning"):
            read_at = time.time()
            event = log.take(record)
            if event is not None and isinstance(event.data, DriftData):
                yield await self._seen(event.data, read_at)
            self.read += 1

    async def end(self) -> int:
        """How many records the topic holds now."""
        admin = TopicAdmin(self._connections.kafka)
        found = await admin.describe([self._topic])
        if self._topic not in found:
            return 0
        bounds = await admin.bounds(found[self._topic].places)
        return sum(end - first for first, end in bounds.values())

    async def _seen(self, data: DriftData, read_at: float) -> SeenAlert:
        told_at = data.at if data.labels is None else data.at + self._label_delay
        seconds = None
        if data.revision == 1 and data.at == data.trigger.at:
            stamp = await _stamp(self._connections, data)
            seconds = read_at - stamp / 1000 if stamp is not None else None
        return SeenAlert(data, to_micros(told_at), seconds)


async def _stamp(connections: Connections, data: DriftData) -> int | None:
    """The time that Kafka has for the trigger, in milliseconds; None if it is gone already."""
    trigger = data.trigger
    place = TopicPartition(trigger.topic, trigger.partition)
    span = {place: (trigger.offset, trigger.offset + 1)}
    async for record in read_ranges(connections.kafka, span):
        if record.offset == trigger.offset:
            return record.timestamp
    return None
