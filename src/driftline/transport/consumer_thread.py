"""The thread in which aiokafka fetches, commits and keeps its place in the group.

What is leant on of Faust and aiokafka stands in `driftline.transport.faust_batches`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from faust.transport.drivers import aiokafka as driver

from driftline.transport.batches import PartitionLog, TopicPartition
from driftline.transport.patient_fetch import PatientConsumer
from driftline.transport.ranges import Fetched

if TYPE_CHECKING:
    from collections.abc import Mapping


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust ships no types
    """Faust's consumer thread, with what Faust hard-codes set, and fetches that say more."""

    def _create_worker_consumer(self, _transport: Any) -> Any:
        conf, settings = self.app.conf, self.app.batch_settings
        self._assignor = self.app.assignor
        return PatientConsumer(
            rest=settings.rest,
            **self.app.address.aiokafka(),
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=settings.instance_id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            # What falls out of the log's start goes on at its start, and shows as a gap; what falls
            # out of its end shows as a position that went back, which `Consumer` refuses.
            auto_offset_reset="earliest",
            max_poll_records=settings.max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=settings.max_partition_fetch_bytes,
            fetch_max_wait_ms=int(settings.fetch_wait.total_seconds() * 1000),
            # What there is to fetch changes by events, each of which wakes the fetcher.
            consumer_timeout_ms=int(settings.idle_fetch_wait.total_seconds() * 1000),
            isolation_level="read_committed",
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            check_crcs=conf.broker_check_crcs,
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
        )

    _fetching: asyncio.Task[Any] | None = None

    async def fetch(
        self, wanted: set[TopicPartition], wait: float
    ) -> dict[TopicPartition, Fetched]:
        """Records of the wanted partitions, and of each where the next fetch begins."""
        consumer = self._ensure_consumer()
        most = self.app.batch_settings.max_poll_records
        consumer.poll.begin()
        fetching = self._fetch_records(consumer, wanted, timeout=wait, max_records=most)
        task = self._fetching = asyncio.create_task(fetching)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if task.cancelled():
            return {}
        records = task.result()
        # No await from here on: positions and records belong to the same moment.
        assignment = consumer._subscription.subscription.assignment  # noqa: SLF001  # see module
        fetched = {}
        for tp in wanted:
            state = assignment.state_value(tp) if assignment is not None else None
            if state is None or not state.has_valid_position:
                continue
            stable = state.lso if state.lso is not None and state.lso >= 0 else state.highwater
            end = max(stable or 0, state.position)
            unreadable = consumer.poll.refused(tp)
            fetched[tp] = Fetched(records.get(tp, []), state.position, end, unreadable)
        return fetched

    async def bounds(self, tps: set[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """The start and the (stable) end of each partition's log, asked of its leader."""
        consumer = self._ensure_consumer()
        starts = await consumer.beginning_offsets(list(tps))
        ends = await consumer.end_offsets(list(tps))
        return {tp: (starts[tp], ends[tp]) for tp in tps}

    async def logs(self, tps: set[TopicPartition]) -> dict[TopicPartition, PartitionLog]:
        """The same, with what the group has committed."""
        consumer = self._ensure_consumer()
        bounds = await self.bounds(tps)
        offsets = await asyncio.gather(
            *(consumer.committed(driver.ensure_aiokafka_TP(tp)) for tp in bounds)
        )
        return {
            tp: PartitionLog(offset, *bounds[tp])
            for tp, offset in zip(bounds, offsets, strict=True)
        }

    async def seek_all(self, positions: Mapping[TopicPartition, int]) -> None:
        """Set where the next fetches begin, and Faust's own idea of it.

        A fetch begun earlier ends first: it waits out a rebalance, and would then take records of
        the new assignment for an owner of the old one.
        """
        if (task := self._fetching) is not None and not task.done():
            task.cancel()
            await asyncio.wait({task})
        consumer = self._ensure_consumer()
        await self._seek_wait(consumer, positions)
        consumer.settle(self.app.batch_settings.idle_fetch_wait)

    async def check(self) -> None:
        """Raise what ended the group's membership, which Faust never asks and goes silent over."""
        self._ensure_consumer()._coordinator.check_errors()  # noqa: SLF001  # see module

    async def offsets_at(self, moments: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """The first offset at or after a time in milliseconds, for partitions that have one."""
        found = await self._ensure_consumer().offsets_for_times(dict(moments))
        return {TopicPartition(*tp): at.offset for tp, at in found.items() if at is not None}
