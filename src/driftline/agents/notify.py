"""The notify role: reads the alerts topic, logs each alert once, and leaves jobs for the sender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from driftline.alerts.event import read_event
from driftline.alerts.schema import DriftData
from driftline.crashpoints import NotifyPoint, pass_point
from driftline.model import SECOND, SourcePartition, to_micros
from driftline.notify.assigning import seen_of
from driftline.notify.jobs import Seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping

    from driftline.agents.clock import Clock
    from driftline.alerts.schema import AlertData, AlertEnvelope
    from driftline.metrics import Metrics
    from driftline.notify.assigning import Assigner
    from driftline.notify.jobs import Job, Jobs
    from driftline.notify.retrain_event import RetrainEnvelope
    from driftline.transport.batches import IdleTick, PartitionLog, SourceBatch, TopicPartition
    from driftline.transport.topics import TopicDescription

log = structlog.get_logger(__name__)


class Retraining(Protocol):
    """Who asks for retraining."""

    async def on_alert(self, alert: DriftData, *, new: bool) -> RetrainEnvelope | None:
        """Ask, or say that it is over, where the alert gives cause to; what was published."""
        ...


class Notifier:
    """Turns alert events into jobs (a `BatchListener`), each revision once."""

    def __init__(
        self,
        *,
        clock: Clock,
        metrics: Metrics,
        assigner: Assigner,
        jobs: Jobs,
        retraining: Retraining,
        stir: Callable[[Iterable[str]], None],
        describe: Callable[[Collection[str]], Awaitable[Mapping[str, TopicDescription]]],
    ) -> None:
        """`stir` is told who has new jobs; `describe` asks the broker about topics."""
        self._clock = clock
        self._metrics = metrics
        self._assigner = assigner
        self._jobs = jobs
        self._retraining = retraining
        self._stir = stir
        self._describe = describe
        self._topics: Mapping[str, TopicDescription] = {}

    async def on_assigned(
        self, partitions: Mapping[TopicPartition, PartitionLog]
    ) -> Mapping[TopicPartition, int | None]:
        """Read on from the committed offsets, or where Kafka has forgotten them from our own.

        The lower of the two: what is read again changes nothing.
        """
        self._topics = await self._describe({tp.topic for tp in partitions})
        known = await self._jobs.positions()
        return {tp: _start(known.get(self._source(tp)), at) for tp, at in partitions.items()}

    def _source(self, tp: TopicPartition) -> SourcePartition:
        found = self._topics.get(tp.topic)
        return SourcePartition(tp.topic, tp.partition, found.topic_id if found else "")

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Nothing is held."""

    async def on_batch(self, batch: SourceBatch) -> None:
        """Log each alert and leave its jobs; what is no alert event is said and passed over."""
        pass_point(NotifyPoint.ALERTS_FETCHED)
        events = list(_read(batch))
        known = await self._jobs.seen(sorted({event.data.alert_id for event in events}))
        jobs: list[Job] = []
        for event in events:
            seen = known.get(event.data.alert_id, Seen())
            new = event.data.revision > seen.revision
            jobs += await self._retrain(event.data, new=new)
            if new:
                self._tell(event.data)
                jobs.append(self._assigner.job(event, seen, self._clock()))
                known[event.data.alert_id] = seen_of(jobs[-1])
        await self._jobs.assign(jobs)
        pass_point(NotifyPoint.ALERT_JOBS_WRITTEN)
        self._stir({receiver for job in jobs for receiver in job.wanted})
        batch.ack()

    async def _retrain(self, alert: AlertData, *, new: bool) -> list[Job]:
        if not isinstance(alert, DriftData):
            return []
        asked = await self._retraining.on_alert(alert, new=new)
        job = None if asked is None else self._assigner.retrain_job(alert, asked, self._clock())
        return [] if job is None else [job]

    def _tell(self, alert: AlertData) -> None:
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
            alert.stream or "", alert.signal, alert.severity.value, alert.status.value
        ).inc()
        if alert.seen_at is not None:
            delay = (self._clock() - to_micros(alert.seen_at)) / SECOND
            self._metrics.alert_delay.labels(alert.stream or "").observe(max(delay, 0))

    async def on_idle(self, tick: IdleTick) -> None:
        """No alert is good news."""

    async def before_commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Keep what Kafka is about to be told: it forgets a group that is away for a week."""
        await self._jobs.keep_positions({self._source(tp): at for tp, at in offsets.items()})


def _read(batch: SourceBatch) -> Iterator[AlertEnvelope]:
    for record in batch.records:
        try:
            yield read_event(record.value or b"")
        except ValueError as error:
            log.warning(
                "alert_unreadable", topic=batch.topic, offset=record.offset, reason=str(error)
            )


def _start(known: int | None, found: PartitionLog) -> int | None:
    if known is None or not found.log_start <= known <= found.log_end:
        # Never read, or the topic is not the one that was read.
        return None
    return known if found.committed is None else min(known, found.committed)
