"""What the monitor role tells Prometheus, read off the monitor between two messages."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import structlog

from driftline.clocks import BEFORE_ALL
from driftline.model import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.metrics import Metrics
    from driftline.monitor.effects import Effects
    from driftline.monitor.partition import PartitionMonitor
    from driftline.store.protocol import Outcome

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS: Final = 5.0
"""Summing over all instances takes microseconds for each: it is not done at each checkpoint."""

Totals: TypeAlias = "Counter[tuple[str, ...]]"
"""Counts that only rise, by the metric's name and its labels."""


class Gauges:
    """Counts what happens in the monitor role and logs each alarm."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._before: dict[int, Totals] = {}
        self._looked_at: dict[int, float] = {}

    def on_loaded(self, monitor: PartitionMonitor) -> None:
        """A partition was taken over: what it had counted before is not ours to count."""
        self._before[monitor.partition] = _totals(monitor)

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

    def on_checkpoint(self, monitor: PartitionMonitor, size: int) -> None:
        """A checkpoint of so many bytes is on its way: a good moment to look around."""
        self._metrics.checkpoint_bytes.observe(size)
        now = perf_counter()
        if now - self._looked_at.get(monitor.partition, -LOOK_EVERY_SECONDS) < LOOK_EVERY_SECONDS:
            return
        self._looked_at[monitor.partition] = now
        self._show_levels(monitor)
        self._count_since(monitor)

    def _show_levels(self, monitor: PartitionMonitor) -> None:
        partition = str(monitor.partition)
        instances = Counter(instance.key.stream for instance in monitor.instances)
        suspended = Counter(key.stream for key in monitor.suspended)
        waiting: Counter[str] = Counter()
        for instance in monitor.instances:
            waiting[instance.key.stream] += instance.waiting
        for stream in monitor.streams:
            self._metrics.instances.labels(stream, partition).set(instances[stream])
            self._metrics.suspended.labels(stream, partition).set(suspended[stream])
            self._metrics.waiting.labels(stream, partition).set(waiting[stream])
            watermark = monitor.watermark(stream)
            if watermark > BEFORE_ALL:
                self._metrics.watermark.labels(stream, partition).set(watermark / SECOND)

    def _count_since(self, monitor: PartitionMonitor) -> None:
        totals = _totals(monitor)
        # prometheus_client names no common type with `labels`.
        counters: dict[str, Any] = {
            "rows": self._metrics.monitored,
            "outcomes": self._metrics.outcomes,
            "refused": self._metrics.refused_instances,
        }
        before = self._before.get(monitor.partition, Counter())
        # An instance that was forgotten takes its counts along: those are no negative events.
        for (name, *labels), count in (totals - before).items():
            counters[name].labels(*labels).inc(count)
            if name == "refused":
                log.warning("rows_over_max_instances", stream=labels[0], rows=count)
        self._before[monitor.partition] = totals

    def on_stored(self, outcome: Outcome) -> None:
        """What became of one checkpoint."""
        self._metrics.checkpoints.labels(outcome.value).inc()

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Time the storing of a checkpoint."""
        begun = perf_counter()
        yield
        self._metrics.checkpoint_seconds.observe(perf_counter() - begun)


def _totals(monitor: PartitionMonitor) -> Totals:
    """All that this partition ever counted."""
    totals: Totals = Counter()
    for instance in monitor.instances:
        stream = instance.key.stream
        for outcome, count in instance.outcomes.items():
            totals["outcomes", stream, outcome] += count
        for (role, fate), count in instance.row_fates.items():
            totals["rows", stream, role, fate] += count
    for stream in monitor.streams:
        totals["refused", stream] += monitor.refused_rows(stream)
    return totals
