"""The monitor role: owns the instances that fall on its events partitions (a `BatchListener`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from driftline.agents.loading import load_partition
from driftline.agents.partition import PartitionWork
from driftline.agents.turn import Turn
from driftline.config.streams import OnStateLost
from driftline.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from driftline.agents.gauges import Gauges
    from driftline.config.deployment import Deployment
    from driftline.model import InstanceKey
    from driftline.store.protocol import Store
    from driftline.transport.batches import IdleTick, PartitionLog, SourceBatch, TopicPartition
    from driftline.transport.producer import Producer

log = structlog.get_logger(__name__)


class MonitorRole:
    """Gives each assigned events partition its own work, and stores and drops it when it goes."""

    def __init__(
        self, deployment: Deployment, *, store: Store, producer: Producer, gauges: Gauges
    ) -> None:
        self._deployment = deployment
        self._store = store
        self._producer = producer
        self._gauges = gauges
        self._turn = Turn()
        self._work: dict[TopicPartition, PartitionWork] = {}
        self.lost: dict[int, str] = {}
        """Events partitions whose state was found lost, and began afresh, with what was found."""

    @property
    def partitions(self) -> Collection[int]:
        """The events partitions owned now."""
        return sorted(tp.partition for tp in self._work)

    @property
    def suspended(self) -> Mapping[int, Mapping[InstanceKey, str]]:
        """The suspended instances of each events partition owned now, with the reasons."""
        return {tp.partition: work.monitor.suspended for tp, work in self._work.items()}

    async def on_assigned(
        self, partitions: Mapping[TopicPartition, PartitionLog]
    ) -> Mapping[TopicPartition, int | None]:
        """Load the state; read on from the position that it is of, or from Kafka's if lower.

        Raises:
            StateError: state is lost, and the declaration says to refuse then.
        """
        starts: dict[TopicPartition, int | None] = {}
        for tp, place in partitions.items():
            if (stale := self._work.pop(tp, None)) is not None:
                # Another may have gone on in between.
                stale.abandon()
            monitor, outbox = await load_partition(self._store, tp.partition, self._deployment)
            work = PartitionWork(
                monitor,
                self._deployment,
                store=self._store,
                producer=self._producer,
                gauges=self._gauges,
                turn=self._turn,
            )
            self._gauges.on_loaded(monitor)
            await work.publish(outbox)
            self._work[tp] = work
            starts[tp] = self._start(tp, place, monitor.stored_offset)
            log.info(
                "partition_taken",
                partition=tp.partition,
                offset=starts[tp],
                instances=len(list(monitor.instances)),
            )
        return starts

    def _start(self, tp: TopicPartition, place: PartitionLog, stored: int | None) -> int:
        if stored is None:
            if place.committed:
                what = f"kafka has position {place.committed}, and redis has no state"
                self._on_lost(tp.partition, what)
            start = place.committed or 0
        else:
            self._check_log(tp, place, stored)
            start = stored if place.committed is None else min(stored, place.committed)
        return min(max(start, place.log_start), place.log_end)

    def _check_log(self, tp: TopicPartition, place: PartitionLog, stored: int) -> None:
        what = (
            f"the state is of offset {stored} of {tp.topic}/{tp.partition}, which now holds"
            f" {place.log_start} to {place.log_end}"
        )
        if stored > place.log_end:
            # Whatever is declared: up to that offset all that came would be taken for old.
            log.error("events_log_lost", what=what)
            msg = (
                f"the events log was deleted or cut off: {what}. To start afresh, remove this"
                " deployment's keys from Redis too. (If this process was frozen while another went"
                " on, nothing is wrong: start it again)"
            )
            raise StateError(msg)
        if stored < place.log_start:
            self._on_lost(tp.partition, what)

    def _on_lost(self, partition: int, what: str) -> None:
        log.error("state_lost", what=what)
        refusing = [
            name
            for name, stream in self._deployment.streams.items()
            if stream.spec.on_state_lost is OnStateLost.REFUSE
        ]
        if refusing:
            msg = (
                f"state lost: {what}. Restore Redis, or declare on_state_lost: restart for"
                f" {', '.join(refusing)} to start afresh"
            )
            raise StateError(msg)
        self.lost[partition] = what

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Store, publish and acknowledge everything, then drop it."""
        going = [self._work.pop(tp) for tp in partitions if tp in self._work]
        try:
            await asyncio.gather(*(work.finish() for work in going))
        finally:
            for work in going:
                work.abandon()

    async def on_batch(self, batch: SourceBatch) -> None:
        """Apply a batch of the log."""
        await self._work[batch.tp].on_batch(batch)

    async def on_idle(self, tick: IdleTick) -> None:
        """Nothing came for a while."""
        await self._work[tick.tp].on_tick()

    async def on_tick(self) -> None:
        """Store what has waited long enough; to be called several times a checkpoint interval."""
        for work in list(self._work.values()):
            await work.on_tick()

    async def before_commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """What is acknowledged has been stored with its offset already."""
