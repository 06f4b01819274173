"""Faust's consumer, which hands out whole ranges of partitions.

What is leant on of Faust and aiokafka stands in `driftline.transport.faust_batches`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiokafka.errors import KafkaError
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
    TopicPartition,
)
from driftline.transport.consumer_thread import ConsumerThread
from driftline.transport.positions import (
    PositionLostError,
    default_position,
    moments,
    refuse_beyond_end,
)
from driftline.transport.ranges import Fetched, cut
from driftline.transport.watermark import Watermark

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping

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
        return self._batches(tp, mark, fetched)

    def _batches(self, tp: TopicPartition, mark: Watermark, fetched: Fetched) -> list[SourceBatch]:
        start, known_end = self._bounds[tp]
        bounds = self._bounds[tp] = (start, max(known_end, fetched.log_end))
        most = self.settings.max_batch_records
        return cut(tp, mark, fetched, bounds, most=most, on_ack=self.acknowledge)

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
