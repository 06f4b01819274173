"""What the monitor role tells Prometheus, read off the monitor between two messages."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from driftline.alerts.event import read_event
from driftline.clocks import BEFORE_ALL
from driftline.model import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.metrics import Metrics
    from driftline.monitor.effects import Effects
    from driftline.monitor.partition import PartitionMonitor
    from driftline.store.protocol import Outcome

log = structlog.get_logger(__name__)


class Gauges:
    """Counts what happens in the monitor role and logs each alarm and alert."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_effects(self, effects: Effects) -> None:
        """Alarms and alert events of one message."""
        for instance, alarm in effects.alarms:
            self._metrics.alarms.labels(instance.stream, alarm.signal, alarm.profile).inc()
            log.debug(
                "alarm",
                instance=instance.name,
                signal=alarm.signal,
                indicator=alarm.indicator,
                profile=alarm.profile,
                values_seen=alarm.values_seen,
            )
        for event in effects.events:
            alert = read_event(event.value).data
            self._metrics.alerts.labels(
                alert.stream, alert.signal, alert.severity.value, alert.status.value
            ).inc()

    def on_checkpoint(self, monitor: PartitionMonitor, size: int) -> None:
        """A checkpoint of so many bytes is on its way: a good moment to look around."""
        self._metrics.checkpoint_bytes.observe(size)
        instances = Counter(instance.key.stream for instance in monitor.instances)
        suspended = Counter(key.stream for key in monitor.suspended)
        waiting: Counter[str] = Counter()
        for instance in monitor.instances:
            waiting[instance.key.stream] += instance.waiting
        partition = str(monitor.partition)
        for stream in monitor.streams:
            self._metrics.instances.labels(stream, partition).set(instances[stream])
            self._metrics.suspended.labels(stream, partition).set(suspended[stream])
            self._metrics.waiting.labels(stream, partition).set(waiting[stream])
            watermark = monitor.watermark(stream)
            if watermark > BEFORE_ALL:
                self._metrics.watermark.labels(stream, partition).set(watermark / SECOND)

    def on_stored(self, outcome: Outcome) -> None:
        """What became of one checkpoint."""
        self._metrics.checkpoints.labels(outcome.value).inc()

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Time the storing of a checkpoint."""
        begun = perf_counter()
        yield
        self._metrics.checkpoint_seconds.observe(perf_counter() - begun)
