"""What `driftline status` tells, as values. Their names and nesting are the JSON that it prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from driftline.join import JoinTotals

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker that has said lately that it lives."""

    id: str
    host: str
    pid: int
    roles: tuple[str, ...]
    events_partitions: tuple[int, ...]
    started_at: datetime | None
    version: str


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a consumer group has come in one partition."""

    topic: str
    partition: int
    log_start: int
    log_end: int
    committed: int | None
    """None: never."""
    lag: int | None
    """Records that are still to be read; None where nothing was ever committed."""


@dataclass(frozen=True, slots=True)
class EventsPartition:
    """One partition of the events log."""

    partition: int
    owner: str | None
    """The worker that owns it; None: nobody."""
    log_end: int | None
    stored: int | None
    """The offset that the stored state is of; None: nothing is stored."""
    behind: int | None
    """Messages of the log that are not in the stored state yet."""
    problem: str | None = None
    """Why its stored state cannot be read."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The books of one source partition: what became of every offset that was passed.

    passed = rows + dead_lettered + filtered + the gaps; the rows are what instances were sent.
    """

    role: str
    topic: str
    partition: int
    next_offset: int
    passed: int
    rows: int
    applied: int
    duplicates: int
    dead_lettered: int
    filtered: int
    gaps: Mapping[str, int]
    redelivered: int
    """Rows that came again because the source was read again; no part of the balance."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of the rows of all a stream's sources.

    rows = applied + duplicates + over_max_instances + suspended + forgotten + difference.
    """

    rows: int
    applied: int
    duplicates: int
    over_max_instances: int
    suspended: int
    forgotten: int
    """Of instances that were forgotten."""
    difference: int
    """Rows on their way from the log to their instance, while the log is not read to its end."""
    log_read: bool
    """Whether all of the events log is in the stored state: then the difference should be 0."""

    @property
    def sound(self) -> bool:
        """Whether nothing is missing that could not be on its way."""
        return not self.difference or not self.log_read

    @property
    def verdict(self) -> str:
        """The difference, in words."""
        if not self.difference:
            return "balanced"
        if not self.log_read:
            return f"{self.difference:,} rows on their way to their instance"
        return f"{self.difference:,} rows are not accounted for (was something forgotten?)"


@dataclass(frozen=True, slots=True)
class LastAlarm:
    """The last alarm of a detector."""

    instance: str
    indicator: str
    values_seen: int
    topic: str
    partition: int
    offset: int
    id: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class DetectorStatus:
    """One detector on one signal, over all instances."""

    signal: str
    detector: str
    severity: str
    last_alarm: LastAlarm | None


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """A signal whose alert is firing."""

    instance: str
    signal: str
    severity: str
    alert_id: str | None = None
    """None only in what a former driftline stored."""
    acknowledged_by: str | None = None


@dataclass(frozen=True, slots=True)
class PendingAlert:
    """A signal whose drift has not lasted as long as asked, or of which a detector warns."""

    instance: str
    signal: str
    severity: str
    alert_id: str | None
    """None where there is but a warning, which never fires by itself."""
    since: datetime | None


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """One instance in short."""

    instance: str
    events_partition: int
    owner: str | None
    rows: int
    alarms: int
    firing: int
    waiting: int
    unusable: int
    """Values that no detector could be given."""


@dataclass(frozen=True, slots=True)
class Suspended:
    """An instance that is passed over, or whose stored state cannot be read."""

    instance: str
    reason: str


@dataclass(frozen=True, slots=True)
class WindowStatus:
    """The newest stored window of one signal and size."""

    instance: str
    signal: str
    size_seconds: float
    start: datetime | None
    count: int
    mean: float | None


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream."""

    stream: str
    declared: bool
    """False: it is stored, but this deployment's files do not name it."""
    instances: int
    noisiest: tuple[InstanceStatus, ...]
    """The instances with the most alarms, at most ten."""
    watermark: datetime | None
    sources: tuple[SourceStatus, ...]
    balance: Balance
    join: JoinTotals
    waiting: int
    early_waiting: int
    detectors: tuple[DetectorStatus, ...]
    firing: tuple[FiringAlert, ...]
    suspended: tuple[Suspended, ...]
    windows_stored: int
    windows_late: int
    windows_refused: int
    pending: tuple[PendingAlert, ...] = ()
    windows: tuple[WindowStatus, ...] = ()
    """Only where one stream was asked for, and of its noisiest instances."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """All of it."""

    deployment: str
    digest: str
    current_digest: str | None
    """That of the deployment which the stored state belongs to; None: nothing is stored."""
    workers: tuple[WorkerStatus, ...]
    events_log: tuple[EventsPartition, ...]
    sources: tuple[PartitionLag, ...]
    streams: tuple[StreamStatus, ...]
    schema_version: int = field(default=SCHEMA_VERSION)
