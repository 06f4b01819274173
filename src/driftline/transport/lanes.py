"""Lanes: one task per partition, so that a slow partition waits alone."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping
    from datetime import timedelta

    from driftline.transport.batches import (
        BatchListener,
        BatchSettings,
        IdleTick,
        SourceBatch,
        TopicPartition,
    )

RESUME_AT: Final = 0.5
"""A lane that was full is fetched for again when so much of what may wait does."""


class Intake(Protocol):
    """The side that fetches, as the lanes need it."""

    def hold(self, tp: TopicPartition) -> None:
        """Fetch no more from this partition for now."""
        ...

    def resume(self, tp: TopicPartition) -> None:
        """Fetch from it again."""
        ...

    async def idle_tick(self, tp: TopicPartition, position: int, generation: int) -> IdleTick:
        """Where the partition stands, asked of the broker."""
        ...


class Lane:
    """The batches of one partition, on their way to the listener one after the other."""

    def __init__(self, tp: TopicPartition, position: int, generation: int) -> None:
        self.tp = tp
        self.position = position
        """The end of the last batch that the listener has taken."""
        self.expected = position
        self.generation = generation
        self.waiting: deque[SourceBatch] = deque()
        self.size = 0
        self.held = False
        self.closing = False
        self.arrived = asyncio.Event()

    def put(self, batch: SourceBatch) -> None:
        """Line up a batch. Raises `RuntimeError` unless it goes on where the last one ended."""
        if batch.first != self.expected:
            msg = f"{self.tp}: a batch starts at {batch.first} where {self.expected} is next"
            raise RuntimeError(msg)
        self.expected = batch.next
        self.waiting.append(batch)
        self.size += batch.size
        self.arrived.set()

    async def take(self, patience: timedelta) -> SourceBatch | None:
        """The next batch, or None when none came for so long."""
        if not self.waiting:
            self.arrived.clear()
            try:
                async with asyncio.timeout(patience.total_seconds()):
                    await self.arrived.wait()
            except TimeoutError:
                return None
        if not self.waiting:
            return None
        batch = self.waiting.popleft()
        self.size -= batch.size
        return batch

    def filled(self, settings: BatchSettings) -> float:
        """Which part of what may wait here does, by its number or its bytes, whichever is more."""
        return max(
            len(self.waiting) / settings.lane_batches,
            self.size / settings.lane_bytes,
        )

    def close(self) -> None:
        """Forget what waits; the batch in work may end."""
        self.closing = True
        self.waiting.clear()
        self.size = 0
        self.arrived.set()


class Lanes:
    """The lanes of one app; `fail` is told of a listener's exception, and ends the app."""

    def __init__(
        self,
        listener: BatchListener,
        settings: BatchSettings,
        intake: Intake,
        fail: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        self._listener = listener
        self._settings = settings
        self._intake = intake
        self._fail = fail
        self._lanes: dict[TopicPartition, Lane] = {}
        self._tasks: dict[TopicPartition, asyncio.Task[None]] = {}

    def open(self, positions: Mapping[TopicPartition, int], generation: int) -> None:
        """Start a lane for each partition. The ones before must have been closed."""
        for tp, position in positions.items():
            lane = self._lanes[tp] = Lane(tp, position, generation)
            self._tasks[tp] = asyncio.create_task(self._run(lane), name=f"lane {tp}")

    def put(self, batch: SourceBatch) -> None:
        """Hand a batch to its lane, which takes it even when full: only fetching is held back.

        A batch of an assignment that has ended is passed over. A hole between two batches raises
        `RuntimeError`.
        """
        lane = self._lanes.get(batch.tp)
        if lane is None or lane.closing or lane.generation != batch.generation:
            return
        lane.put(batch)
        if lane.filled(self._settings) >= 1 and not lane.held:
            lane.held = True
            self._intake.hold(lane.tp)

    async def close(self, within: timedelta) -> Collection[TopicPartition]:
        """End every lane: the batches in work may finish, those that wait are forgotten.

        Returns the partitions whose batch did not finish in time and was cancelled.
        """
        tasks = dict(self._tasks)
        for lane in self._lanes.values():
            lane.close()
        late: list[TopicPartition] = []
        if tasks:
            _done, pending = await asyncio.wait(tasks.values(), timeout=within.total_seconds())
            late = [tp for tp, task in tasks.items() if task in pending]
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        self._lanes.clear()
        self._tasks.clear()
        return late

    def abandon(self) -> None:
        """End every lane at once, the work in it too."""
        for lane in self._lanes.values():
            lane.close()
        for task in self._tasks.values():
            task.cancel()

    @property
    def positions(self) -> Mapping[TopicPartition, int]:
        """Per open lane the end of what the listener has taken."""
        return {tp: lane.position for tp, lane in self._lanes.items()}

    async def _run(self, lane: Lane) -> None:
        try:
            while not lane.closing:
                await self._step(lane)
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends the app and is shown there
            lane.close()
            await self._fail(error)

    async def _step(self, lane: Lane) -> None:
        batch = await lane.take(self._settings.idle_after)
        if lane.closing:
            return
        if batch is None:
            tick = await self._intake.idle_tick(lane.tp, lane.position, lane.generation)
            if not lane.waiting and not lane.closing:
                await self._listener.on_idle(tick)
            return
        if lane.held and lane.filled(self._settings) <= RESUME_AT:
            lane.held = False
            self._intake.resume(lane.tp)
        await self._listener.on_batch(batch)
        lane.position = batch.next
