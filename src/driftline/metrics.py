"""Every Prometheus metric of driftline, in one table; docs/metrics.md is made from it.

Labels take values that the deployment declares (streams, signals, profiles, topics) or that
driftline fixes. An instance is never a label: a topic may carry ten thousand of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX: Final = "driftline_"

BATCH_RECORDS: Final = (1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000)
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
BYTES: Final = (1_000, 10_000, 50_000, 100_000, 250_000, 500_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Row:
    """One metric as the documentation lists it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


class Metrics:
    """The metrics of one process, in a registry of their own. `rows` describes them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rows: list[Row] = []

        # Reading: the attached topics, as the decode role sees them.
        self.records = self._counter(
            "records_total", "Records read from attached topics.", "stream", "role"
        )
        self.dead_letters = self._counter(
            "dead_letters_total", "Records refused, by reason code.", "stream", "role", "code"
        )
        self.batch_records = self._histogram(
            "batch_records", "Records in one batch of a partition.", BATCH_RECORDS, "role"
        )
        self.batch_seconds = self._histogram(
            "batch_seconds", "Work on one batch, from read to acknowledged.", SECONDS, "role"
        )
        self.lag = self._gauge(
            "lag_offsets",
            "Offsets between a partition's end and what is acknowledged.",
            "topic",
            "partition",
        )
        self.gaps = self._counter(
            "gap_offsets_total",
            "Offsets that were never there to read, by cause.",
            "topic",
            "cause",
        )

        # The monitor's rows: every one is in one of them.
        self.monitored = self._counter(
            "rows_total",
            "Rows passed by the monitor: applied, duplicate or redelivered.",
            "stream",
            "role",
            "fate",
        )

        # The join.
        self.outcomes = self._counter(
            "outcomes_total",
            "Fates of predictions and labels: joined, early, duplicate, corrected, expired,"
            " orphaned, evicted or late.",
            "stream",
            "outcome",
        )
        self.waiting = self._gauge(
            "waiting_predictions", "Predictions that wait for their label.", "stream", "partition"
        )
        self.watermark = self._gauge(
            "watermark_timestamp_seconds",
            "How far event time has come, as a Unix time, by events partition.",
            "stream",
            "partition",
        )

        # Instances.
        self.instances = self._gauge(
            "instances", "Instances that this process owns.", "stream", "partition"
        )
        self.refused_instances = self._counter(
            "refused_instances_rows_total", "Rows of instances over max_instances.", "stream"
        )
        self.suspended = self._gauge(
            "suspended_instances",
            "Instances set aside after a permanent error.",
            "stream",
            "partition",
        )

        # Detectors and alerts.
        self.alarms = self._counter(
            "alarms_total", "Alarms of detectors.", "stream", "signal", "profile"
        )
        self.alerts = self._counter(
            "alerts_total",
            "Alert events seen on the alerts topic, by status: firing or resolved.",
            "stream",
            "signal",
            "severity",
            "status",
        )
        self.alert_delay = self._histogram(
            "alert_delay_seconds",
            "From reading the record that set an alert off to reading its event.",
            SECONDS,
            "stream",
        )

        # The API (`driftline web`).
        self.web_requests = self._counter(
            "web_requests_total",
            "Requests to the API; status 499: the client went before the answer began.",
            "method",
            "route",
            "status",
        )
        self.web_seconds = self._histogram(
            "web_request_seconds",
            "From a request's head to the end of its answer.",
            SECONDS,
            "method",
            "route",
        )
        self.web_listeners = self._gauge(
            "web_listeners", "Clients that follow the stream of alerts."
        )
        self.web_dropped = self._counter(
            "web_dropped_listeners_total", "Clients sent away as they did not keep up."
        )

        # Ways out.
        self.notifications = self._counter(
            "notifications_total",
            "Notifications by outcome: delivered, failed (tried again), refused, revoked, expired"
            " or undeclared (given up), muted, held_back or passed_over. A subscription's receiver"
            " is `subscription`.",
            "receiver",
            "outcome",
        )
        self.notification_seconds = self._histogram(
            "notification_seconds", "One attempt to send a notification.", SECONDS, "receiver"
        )
        self.notification_delay = self._histogram(
            "notification_delay_seconds",
            "From reading an alert event to its arrival at a receiver, waits included.",
            SECONDS,
            "receiver",
        )

        # The checkpoint.
        self.checkpoints = self._counter(
            "checkpoints_total",
            "Checkpoints by result: applied, already (a retry), superseded or broken.",
            "result",
        )
        self.checkpoint_seconds = self._histogram(
            "checkpoint_seconds",
            "Storing what changed: a checkpoint, or for an alert some instances alone.",
            SECONDS,
        )
        self.checkpoint_bytes = self._histogram(
            "checkpoint_bytes", "Size of one checkpoint.", BYTES
        )
        self.build = self._gauge(
            "build_info", "1, with the versions as labels.", "version", "river"
        )
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        self._describe(name, "counter", meaning, labels)
        return Counter(PREFIX + name, meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        self._describe(name, "gauge", meaning, labels)
        return Gauge(PREFIX + name, meaning, labels, registry=self.registry)

    def _histogram(
        self, name: str, meaning: str, buckets: Sequence[float], *labels: str
    ) -> Histogram:
        self._describe(name, "histogram", meaning, labels)
        return Histogram(PREFIX + name, meaning, labels, registry=self.registry, buckets=buckets)

    def _describe(self, name: str, kind: str, meaning: str, labels: tuple[str, ...]) -> None:
        self.rows.append(Row(PREFIX + name, kind, labels, meaning))


def metrics_table(metrics: Metrics) -> str:
    """The metrics as a table in Markdown, as docs/metrics.md holds it."""
    lines = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for row in metrics.rows:
        labels = ", ".join(f"`{label}`" for label in row.labels)
        lines.append(f"| `{row.name}` | {row.kind} | {labels} | {row.meaning} |")
    return "\n".join(lines) + "\n"
