"""Faust with one event per partition batch: whatever leans on Faust's and aiokafka's insides.

Faust's drain loop costs four asyncio tasks per event, so an event is made of a whole range of one
partition; and its acknowledgements lose track when they come out of order, so the committed offset
is computed here. Leant on (faust-streaming 0.15.3, mode-streaming 0.7.1, aiokafka 0.14.0;
tests/contract breaks when one of these changes):

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
import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import faust
import faust.streams
from aiokafka.errors import KafkaError
from faust.app.base import BootStrategy
from faust.assignor.partition_assignor import PartitionAssignor
from faust.sensors.monitor import Monitor
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service

from driftline.transport.batches import (
    BatchListener,
    BatchSettings,
    IdleTick,
    PartitionLog,
    SourceBatch,
    Start,
    TopicPartition,
    Unreadable,
)
from driftline.transport.lanes import Lanes
from driftline.transport.patient_fetch import PatientConsumer
from driftline.transport.positions import (
    PositionLostError,
    default_position,
    moments,
    refuse_beyond_end,
)
from driftline.transport.watermark import Watermark

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence

    from driftline.transport.address import KafkaAddress

log = logging.getLogger(__name__)

T = TypeVar("T")

FETCH_WAIT: Final = 1.0
"""Seconds that a fetch waits for records when every partition may be fetched."""
HELD_FETCH_WAIT: Final = 0.02
"""The same while a lane is full: a partition that is let go must not wait for the others'
records."""
BOUNDS_AGE: Final = 1.0
"""Seconds for which the log's start and end, once asked, are taken as fresh."""
BOUNDS_EVERY: Final = 5.0


class Fetched(NamedTuple):
    """What one fetch found in one partition."""

    records: list[Any]
    position: int
    """The next offset to fetch: past the last record, and past whatever will never be one."""
    log_end: int
    unreadable: Sequence[Unreadable] = ()


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust ships no types
    """Faust's consumer thread, with what Faust hard-codes set, and fetches that say more."""

    def _create_worker_consumer(self, _transport: Any) -> Any:
        conf, settings = self.app.conf, self.app.batch_settings
        self._assignor = self.app.assignor
        return PatientConsumer(
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


class Consumer(driver.Consumer):  # type: ignore[misc]  # Faust ships no types
    """Hands out contiguous ranges, holds full partitions back, commits acknowledged prefixes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings: BatchSettings = self.app.batch_settings
        self.listener: BatchListener = self.app.listener
        self._marks: dict[TopicPartition, Watermark] = {}
        self._bounds: dict[TopicPartition, tuple[int, int]] = {}
        self._bounds_at = 0.0
        self._held: set[TopicPartition] = set()
        self._room = asyncio.Event()
        self._ready = asyncio.Event()
        self._generation = 0
        self._fetch_cut_short = False
        self._take_over_task: asyncio.Task[None] | None = None
        self._commit_lock = asyncio.Lock()
        self._give_back_lock = asyncio.Lock()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _in_thread(self, work: Coroutine[Any, Any, T]) -> T:
        running = asyncio.run_coroutine_threadsafe(work, self._thread.thread_loop)
        return await asyncio.wrap_future(running)

    # -- fetching

    def hold(self, tp: TopicPartition) -> None:
        """Fetch no more from this partition for now."""
        self._held.add(tp)

    def resume(self, tp: TopicPartition) -> None:
        """Fetch from it again."""
        self._held.discard(tp)
        self._room.set()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:  # noqa: ASYNC109, ARG002
        """One message per range of one partition; the timeout of Faust's loop is too long."""
        await self._wait_until_ready()
        wanted = self._wanted()
        if self.should_stop or not wanted:
            await self._wait_for_room()
            return
        generation = self._generation
        for tp, fetched in (await self._fetch(wanted)).items():
            for batch in await self._cut(tp, fetched, generation):
                if not self._in_force(generation):
                    return
                yield TP(*tp), self._message(batch)

    async def _wait_until_ready(self) -> None:
        while not self.should_stop and not (self.flow_active and self._ready.is_set()):
            blocked_on = self.can_resume_flow if not self.flow_active else self._ready
            await self.wait_first(blocked_on.wait(), timeout=1.0)

    def _wanted(self) -> set[TopicPartition]:
        active = self._get_active_partitions() - self._buffered_partitions - self._held
        return {TopicPartition(*tp) for tp in active if tp in self._marks}

    async def _wait_for_room(self) -> None:
        self._room.clear()
        try:
            async with asyncio.timeout(0.2):
                await self._room.wait()
        except TimeoutError:
            return

    def _in_force(self, generation: int) -> bool:
        ready = self._ready.is_set() and self.flow_active and not self.should_stop
        return ready and self._generation == generation

    async def _fetch(self, wanted: set[TopicPartition]) -> dict[TopicPartition, Fetched]:
        if self._fetch_cut_short:
            msg = "a fetch was cancelled, and what it had found is lost"
            raise RuntimeError(msg)
        wait = HELD_FETCH_WAIT if self._held else FETCH_WAIT
        self._fetch_cut_short = True
        fetched: dict[TopicPartition, Fetched] = await self._in_thread(
            self._thread.fetch(wanted, wait)
        )
        self._fetch_cut_short = False
        return fetched

    async def _cut(
        self, tp: TopicPartition, fetched: Fetched, generation: int
    ) -> list[SourceBatch]:
        mark = self._marks.get(tp)
        if mark is None or not self._in_force(generation) or fetched.position == mark.handed:
            return []
        first = fetched.records[0].offset if fetched.records else fetched.position
        if first < mark.handed:
            raise PositionLostError(tp, mark.handed, first)
        if first > mark.handed:
            await self.refresh_bounds()  # so that a gap can be told by its cause
            if self._marks.get(tp) is not mark:
                return []
        return list(self._batches(tp, mark, fetched))

    def _batches(self, tp: TopicPartition, mark: Watermark, fetched: Fetched) -> list[SourceBatch]:
        start, known_end = self._bounds[tp]
        end = max(known_end, fetched.log_end)
        self._bounds[tp] = (start, end)
        records, most = fetched.records, self.settings.max_batch_records
        batches = []
        for index in range(0, max(len(records), 1), most):
            part = records[index : index + most]
            last = index + most >= len(records)
            next_ = fetched.position if last else part[-1].offset + 1
            size = sum(len(record.value or b"") for record in part)
            first = mark.hand_out(next_)
            batches.append(
                SourceBatch(
                    *tp,
                    first,
                    next_,
                    part,
                    start,
                    end,
                    mark.generation,
                    size,
                    [one for one in fetched.unreadable if first <= one.first < next_],
                    self.acknowledge,
                )
            )
        return batches

    def _message(self, batch: SourceBatch) -> Any:
        return ConsumerMessage(
            batch.topic,
            batch.partition,
            batch.next - 1,
            None,
            None,
            [],
            None,
            batch,
            None,
            0,
            0,
            TP(*batch.tp),
            generation_id=self.app.consumer_generation_id,
        )

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Ranges are contiguous: there is no gap to keep account of."""

    # -- acknowledging and committing

    def acknowledge(self, batch: SourceBatch) -> None:
        """Count a batch as done, if its assignment still holds."""
        mark = self._marks.get(batch.tp)
        if mark is not None and mark.generation == batch.generation:
            mark.ack(batch.first, batch.next)

    async def force_commit(self, *_args: Any, **_kwargs: Any) -> bool:
        """Commit, as Faust's timer and its stop ask."""
        return await self.commit_acknowledged()

    async def commit_acknowledged(self) -> bool:
        """Tell Kafka of the acknowledged prefixes; one that fails is tried again the next time."""
        async with self._commit_lock:
            marks = dict(self._marks)
            due = {tp: mark.to_commit for tp, mark in marks.items()}
            offsets = {tp: offset for tp, offset in due.items() if offset is not None}
            if not offsets:
                return False
            await self.listener.before_commit(offsets)
            if not await self._in_thread(self._thread._commit(offsets)):  # noqa: SLF001  # see module
                return False
            for tp, offset in offsets.items():
                marks[tp].committed = offset
            return True

    # -- assignment

    async def perform_seek(self) -> None:
        """Take over what was assigned: ask the listener, seek, open the lanes."""
        task = self._take_over_task = asyncio.create_task(self._take_over(), name="take over")
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if task.cancelled():
            # Cut short by the next revoke. Faust ends this wait itself when the assignment that
            # follows is there.
            await asyncio.Event().wait()
        if (error := task.exception()) is not None:
            await self.app.crash(error)
            raise error

    async def _take_over(self) -> None:
        tps = {TopicPartition(*tp) for tp in self.assignment()}
        async with asyncio.timeout(self.settings.assign_within.total_seconds()):
            logs = await self._in_thread(self._thread.logs(tps))
            answers = await self.listener.on_assigned(logs)
            defaults = await self._default_positions(logs)
            positions = {
                tp: default if (asked := answers.get(tp)) is None else asked
                for tp, default in defaults.items()
            }
            refuse_beyond_end(positions, logs)
            await self._in_thread(self._thread.seek_all(positions))
            begun = await self._commit_starts(positions, logs)
        self._generation += 1
        self._bounds = {tp: (known.log_start, known.log_end) for tp, known in logs.items()}
        self._marks = {
            tp: Watermark(position, self._generation, position if begun else None)
            for tp, position in positions.items()
        }
        self._held.clear()
        self._fetch_cut_short = False
        self.app.lanes.open(positions, self._generation)
        self._ready.set()

    async def _commit_starts(
        self, positions: Mapping[TopicPartition, int], logs: Mapping[TopicPartition, PartitionLog]
    ) -> bool:
        """Commit where reading begins; False if the group is about to move on instead.

        Should this process die before it has read anything, the next one begins there as well: not
        at what is `latest` by then, and not at what an earlier topic of that name has left behind.
        """
        due = {tp: at for tp, at in positions.items() if at != logs[tp].committed}
        if not due:
            return True
        committed: bool = await self._in_thread(self._thread._commit(due))  # noqa: SLF001  # see module
        return committed

    async def _default_positions(
        self, logs: Mapping[TopicPartition, PartitionLog]
    ) -> dict[TopicPartition, int]:
        starts = self.app.starts
        positions = {
            tp: default_position(tp, known, starts[tp.topic]) for tp, known in logs.items()
        }
        if by_time := moments(logs, starts):
            positions |= await self._in_thread(self._thread.offsets_at(by_time))
        return positions

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Let the listener finish and commit it, before Faust forgets and the group moves on."""
        await self.give_back()
        await super().on_partitions_revoked(revoked)

    async def give_back(self) -> None:
        """Stop intake, let the work in hand end, commit, forget; crash where that fails."""
        async with self._give_back_lock:
            self.stop_flow()
            self._ready.clear()
            if (task := self._take_over_task) is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})
            held = {TopicPartition(*tp) for tp in self._active_partitions | self._paused_partitions}
            try:
                if (held or self._marks) and not self.app.crashed:
                    await self._finish(held | set(self._marks))
            except Exception as error:  # noqa: BLE001  # whatever it is ends the app, and is shown
                await self.app.crash(error)
            finally:
                self.app.lanes.abandon()
                self._marks.clear()
                self._held.clear()

    async def _finish(self, held: set[TopicPartition]) -> None:
        within = self.settings.release_within
        late = await self.app.lanes.close(within / 2)
        if late:
            log.warning("work on %s did not end in time and was cancelled", sorted(late))
        try:
            async with asyncio.timeout(within.total_seconds() / 2):
                await self.listener.on_revoked(held)
        except TimeoutError:
            log.warning("giving back %s did not end in time", sorted(held))
        async with asyncio.timeout(within.total_seconds()):
            await self.commit_acknowledged()

    # -- where the log begins and ends

    async def refresh_bounds(self) -> None:
        """Ask for the start and end of the assigned logs, unless that was done just now."""
        now = self.loop.time()
        tps = set(self._marks)
        if not tps or now - self._bounds_at < BOUNDS_AGE:
            return
        self._bounds_at = now
        try:
            fresh = await self._in_thread(self._thread.bounds(tps))
        except KafkaError as error:
            log.warning("the ends of the log are not known: %r", error)
            return
        for tp, (start, end) in fresh.items():
            if tp in self._marks:
                self._bounds[tp] = (start, max(end, self._marks[tp].handed))

    @Service.task  # type: ignore[untyped-decorator]  # mode ships no types
    async def _watch_bounds(self) -> None:
        while not self.should_stop:
            await self.sleep(BOUNDS_EVERY)
            if self.should_stop:
                return
            await self._in_thread(self._thread.check())
            await self.refresh_bounds()

    async def idle_tick(self, tp: TopicPartition, position: int, generation: int) -> IdleTick:
        """Where the partition stands."""
        await self.refresh_bounds()
        start, end = self._bounds.get(tp, (position, position))
        return IdleTick(*tp, position, start, max(end, position), generation)

    def held_partitions(
        self,
    ) -> dict[TopicPartition, tuple[Watermark, tuple[int, int]]]:
        """The partitions held now: what is done, and where the log begins and ends."""
        return {tp: (mark, self._bounds[tp]) for tp, mark in self._marks.items()}

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Faust's own look-out for stuck partitions reads counters that batches do not feed."""


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
