"""The notify role: reads the alerts topic. As yet it logs each alert once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from driftline.alerts.event import read_event
from driftline.model import SECOND, to_micros

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from driftline.agents.clock import Clock
    from driftline.alerts.schema import AlertData
    from driftline.metrics import Metrics
    from driftline.transport.batches import IdleTick, PartitionLog, SourceBatch, TopicPartition

log = structlog.get_logger(__name__)

MAX_SEEN: Final = 100_000
"""Alerts of which the last revision is remembered: repetitions come soon or not at all."""


class Notifier:
    """Logs alert events (a `BatchListener`), each revision once."""

    def __init__(self, *, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._seen: dict[str, int] = {}

    async def on_assigned(
        self, partitions: Mapping[TopicPartition, PartitionLog]
    ) -> Mapping[TopicPartition, int | None]:
        """Read on from the committed offsets."""
        del partitions
        return {}

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Nothing is held."""

    async def on_batch(self, batch: SourceBatch) -> None:
        """Log each alert; what is no alert event is said and passed over."""
        for record in batch.records:
            self._notify(batch, record.offset, record.value)
        batch.ack()

    def _notify(self, batch: SourceBatch, offset: int, value: bytes | None) -> None:
        try:
            alert = read_event(value or b"").data
        except ValueError as error:
            log.warning("alert_unreadable", topic=batch.topic, offset=offset, reason=str(error))
            return
        if alert.revision <= self._seen.get(alert.alert_id, 0):
            return
        self._seen[alert.alert_id] = alert.revision
        if len(self._seen) > MAX_SEEN:
            del self._seen[next(iter(self._seen))]
        self._count(alert)
        log.info(
            "alert",
            status=alert.status.value,
            severity=alert.severity.value,
            instance=alert.instance,
            signal=alert.signal,
            summary=alert.summary,
            alert_id=alert.alert_id,
            revision=alert.revision,
        )

    def _count(self, alert: AlertData) -> None:
        self._metrics.alerts.labels(
            alert.stream, alert.signal, alert.severity.value, alert.status.value
        ).inc()
        if alert.seen_at is not None:
            delay = (self._clock() - to_micros(alert.seen_at)) / SECOND
            self._metrics.alert_delay.labels(alert.stream).observe(max(delay, 0))

    async def on_idle(self, tick: IdleTick) -> None:
        """No alert is good news."""

    async def before_commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Nothing is kept elsewhere."""
