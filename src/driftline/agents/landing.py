"""What a checkpoint goes through once it is encoded: stored, then its alerts published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from driftline.crashpoints import CrashPoint, pass_point
from driftline.errors import OvertakenError
from driftline.store.protocol import Outcome
from driftline.transport.producer import OutgoingMessage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.agents.gauges import Gauges
    from driftline.model import InstanceKey
    from driftline.monitor.partition import PartitionMonitor
    from driftline.monitor.state import InstanceCheckpoint, Outgoing, Step
    from driftline.store.protocol import Store
    from driftline.transport.producer import Producer

log = structlog.get_logger(__name__)


class Landing:
    """Stores checkpoints and publishes what they tell; the monitor they are of learns of it.

    Every call raises `OvertakenError` where another worker has gone on, and `UnavailableError`
    where the store or Kafka does not answer.
    """

    def __init__(
        self, *, store: Store, producer: Producer, alerts_topic: str, gauges: Gauges
    ) -> None:
        self._store = store
        self._producer = producer
        self._alerts_topic = alerts_topic
        self._gauges = gauges

    async def land(self, monitor: PartitionMonitor, step: Step) -> None:
        """Store the instances and then the partition, and publish."""
        with self._gauges.storing():
            stored = await self._store_instances(monitor, step.instances)
            outcome = await self._store.write_partition(
                step.partition, [one.instance for one in stored]
            )
        self._gauges.on_stored(outcome)
        if outcome is Outcome.SUPERSEDED:
            _overtaken(f"events partition {step.partition.partition}")
        pass_point(CrashPoint.PARTITION_STORED)
        monitor.settle()
        await self._publish_from(stored)

    async def land_instances(
        self, monitor: PartitionMonitor, checkpoints: Sequence[InstanceCheckpoint]
    ) -> None:
        """Store these instances ahead of their partition, and publish."""
        with self._gauges.storing():
            stored = await self._store_instances(monitor, checkpoints)
        monitor.settle()
        await self._publish_from(stored)

    async def publish(self, outbox: Mapping[InstanceKey, Sequence[Outgoing]]) -> None:
        """Send alert events to the alerts topic; when Kafka has them, forget them in the store."""
        if outbox:
            await self._producer.send_all(
                OutgoingMessage(
                    self._alerts_topic, event.value, event.key.encode(), headers=event.headers
                )
                for events in outbox.values()
                for event in events
            )
        pass_point(CrashPoint.ALERTS_PUBLISHED)
        await self._store.trim_outboxes(
            {instance: [event.id for event in events] for instance, events in outbox.items()}
        )

    async def _publish_from(self, checkpoints: Sequence[InstanceCheckpoint]) -> None:
        await self.publish({one.instance: one.outbox for one in checkpoints if one.outbox})

    async def _store_instances(
        self, monitor: PartitionMonitor, checkpoints: Sequence[InstanceCheckpoint]
    ) -> list[InstanceCheckpoint]:
        """Store them; those that went on. One that is broken stays behind: it is suspended.

        What it had to tell is told by nobody: no later event could take it back.
        """
        outcomes = await self._store.write_instances(checkpoints)
        for checkpoint, outcome in zip(checkpoints, outcomes, strict=True):
            self._judge(monitor, checkpoint.instance, outcome)
        pass_point(CrashPoint.INSTANCES_STORED)
        return [
            checkpoint
            for checkpoint, one in zip(checkpoints, outcomes, strict=True)
            if one is not Outcome.BROKEN
        ]

    def _judge(self, monitor: PartitionMonitor, instance: InstanceKey, outcome: Outcome) -> None:
        self._gauges.on_stored(outcome)
        if outcome is Outcome.SUPERSEDED:
            _overtaken(instance.name)
        if outcome is Outcome.BROKEN:
            log.error(
                "instance_suspended", instance=instance.name, reason="its keys hold foreign values"
            )
            monitor.suspend(instance, "its keys in Redis hold foreign values")


def _overtaken(what: str) -> None:
    msg = f"another worker has gone on with {what}: this one's memory is out of date"
    raise OvertakenError(msg)
