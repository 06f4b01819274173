"""Faust with one event per partition batch: the app, and what the transport leans on in Faust.

Faust's drain loop costs four asyncio tasks per event, so an event is made of a whole range of one
partition; and its acknowledgements lose track when they come out of order, so the committed offset
is computed by ourselves. Leant on, here and in `consumer` and `consumer_thread` (faust-streaming
0.15.3, mode-streaming 0.7.1, aiokafka 0.14.0; tests/contract breaks when one of these changes):

- `App._new_transport`, `_on_agent_error`, `_crash`,
  `consumer_generation_id`, `BootStrategy`.
- `Consumer.getmany` is an async generator of (partition, message), called in a loop by one task;
  `_drain_messages` delivers a message whose offset is not below `_read_offset`, and calls
  `_add_gap` for holes.
- `perform_seek` is awaited once per assignment, after the assignment and before `resume_flow`; a
  wait that ends without it is a new rebalance or the end. `on_partitions_revoked` is awaited, in
  the app's loop, before the group moves on.
- `force_commit` is what every commit goes through. `flow_active`, `stop_flow`, `can_resume_flow`,
  `_get_active_partitions`, `_buffered_partitions`.
- The consumer runs in a thread with an event loop of its own: `_new_consumer_thread`,
  `thread_loop`, `_fetch_records`, `_commit`, `_seek_wait`, `_ensure_consumer`,
  `_create_worker_consumer`, `_assignor`.
- `TableManager.on_start` is a second's sleep, `_update_channels` and `recovery.start`.
- Streams: `noack().events()` acknowledges nothing; the Cython iterator, as the Python one
  acknowledges what it skips.
- aiokafka: `fetched_records` moves a partition's position in the step in which it returns;
  `state_value(tp)` has `has_valid_position`, `position`, `highwater`, `lso`; a position passes
  markers and compacted records without any.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any

import faust
import faust.streams
from faust.app.base import BootStrategy
from faust.assignor.partition_assignor import PartitionAssignor
from faust.sensors.monitor import Monitor
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver

from driftline.transport.consumer import Consumer
from driftline.transport.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.transport.address import KafkaAddress
    from driftline.transport.batches import BatchListener, BatchSettings, Start


class Transport(driver.Transport):  # type: ignore[misc]  # Faust ships no types
    """Faust's Kafka transport with our consumer."""

    Consumer = Consumer


class UndecodedSchema(faust.Schema):  # type: ignore[misc]  # Faust ships no types
    """The event's value is the batch: Faust acknowledges what it cannot decode."""

    def compile(self, app: Any, **_kwargs: Any) -> Any:
        """Faust's hook: the function that makes an event of a message."""

        async def decode(message: Any, **_options: Any) -> Any:
            return app.create_event(None, message.value, None, message)

        return decode


class Assignor(PartitionAssignor):  # type: ignore[misc]  # Faust ships no types
    """Spreads partitions evenly. Faust's default plans for standbys and leaves workers empty."""

    def __init__(self, app: Any, **_faust_setting: Any) -> None:
        super().__init__(app, replicas=0)


class NoTables(TableManager):  # type: ignore[misc]  # Faust ships no types
    """We keep no tables, so there are none to wait for: Faust gives them a second at each start."""

    async def on_start(self) -> None:
        """What Faust does after that second."""
        await self._update_channels()
        await self.recovery.start()


class QuietMonitor(Monitor):  # type: ignore[misc]  # Faust ships no types
    """Faust's statistics without what it does per event."""

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None:
        """Count nothing."""

    def on_message_out(self, tp: Any, offset: int, message: Any) -> None:
        """Count nothing."""

    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> None:
        """Count nothing."""

    def on_stream_event_out(
        self, tp: Any, offset: int, stream: Any, event: Any, state: Any = None
    ) -> None:
        """Count nothing."""


class Boot(BootStrategy):  # type: ignore[misc]  # Faust ships no types
    """No web server, which would listen on all interfaces; no producer, as we have our own."""

    enable_web = False
    enable_kafka_producer = False


class App(faust.App):  # type: ignore[misc]  # Faust ships no types
    """A Faust app whose one agent passes batches on to lanes, and which ends at the first error."""

    BootStrategy = Boot

    def __init__(
        self,
        group: str,
        address: KafkaAddress,
        topics: Mapping[str, Start],
        listener: BatchListener,
        settings: BatchSettings,
    ) -> None:
        if faust.streams._CStreamIterator is None:  # noqa: SLF001
            msg = (
                "Faust has no Cython stream iterator (NO_CYTHON?), and its Python one loses events"
            )
            raise RuntimeError(msg)
        self.address = address
        self.starts = dict(topics)
        self.listener = listener
        self.batch_settings = settings
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        self._home = asyncio.get_running_loop()
        super().__init__(group, **_faust_settings(address, settings))
        self.agent(self.topic(*topics, schema=UndecodedSchema()), name="batches")(self._pass_on)

    @cached_property
    def lanes(self) -> Lanes:
        """The lanes of the partitions held now."""
        return Lanes(self.listener, self.batch_settings, self.batch_consumer, self.crash)

    @property
    def batch_consumer(self) -> Consumer:
        """Faust's consumer, which is ours."""
        consumer: Consumer = self.consumer
        return consumer

    async def give_back(self) -> None:
        """Give partitions back, if any were ever taken."""
        if self._consumer is not None and self.started:
            await self.batch_consumer.give_back()

    async def _pass_on(self, stream: Any) -> None:
        async for event in stream.noack().events():
            self.lanes.put(event.value)

    def _create_directories(self) -> None:
        """Make none: we keep no tables, and a working directory is not ours to write to."""

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    async def _on_agent_error(self, _agent: Any, exc: BaseException) -> None:
        # Faust would restart the agent and go on after the event that failed.
        await self.crash(exc)

    def _crash(self, reason: BaseException) -> None:
        super()._crash(reason)
        # The consumer's thread may be the one that fails.
        self._home.call_soon_threadsafe(self._end, reason)

    def _end(self, reason: BaseException) -> None:
        if "lanes" in vars(self):
            self.lanes.abandon()
        if not self.ended.done():
            self.ended.set_exception(reason)


def _faust_settings(address: KafkaAddress, settings: BatchSettings) -> dict[str, Any]:
    session = settings.session_timeout.total_seconds()
    return {
        "broker": [f"kafka://{host}" for host in address.bootstrap.split(",")],
        "broker_session_timeout": session,
        "broker_heartbeat_interval": session / 3,
        # An idle spare worker would else leave the group after 1000 s and not come back.
        "broker_max_poll_interval": 365 * 86400.0,
        "broker_commit_interval": settings.commit_every.total_seconds(),
        "stream_buffer_maxsize": settings.queue_batches,
        "stream_wait_empty": False,
        "topic_allow_declare": False,
        # A partition that was added is noticed after so long.
        "consumer_metadata_max_age_ms": 30_000,
        "topic_disable_leader": True,
        "web_enabled": False,
        "worker_redirect_stdouts": False,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "store": "memory://",
        "autodiscover": False,
        "PartitionAssignor": Assignor,
        "TableManager": NoTables,
        "Monitor": QuietMonitor,
    }
