"""Lanes keep a partition's order, hold back what is full, and end at the first error."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from driftline.transport.batches import (
    DEFAULT_SETTINGS,
    BatchSettings,
    IdleTick,
    SourceBatch,
    TopicPartition,
)
from driftline.transport.lanes import Lanes
from support.recorder import Recorder, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


class Intake:
    """Remembers what is held back."""

    def __init__(self) -> None:
        self.held: set[TopicPartition] = set()
        self.ever_held: list[TopicPartition] = []

    def hold(self, tp: TopicPartition) -> None:
        self.held.add(tp)
        self.ever_held.append(tp)

    def resume(self, tp: TopicPartition) -> None:
        self.held.discard(tp)

    async def idle_tick(self, tp: TopicPartition, position: int, generation: int) -> IdleTick:
        return IdleTick(*tp, position, 0, 100, generation)


class Bench:
    """Lanes with all they need."""

    def __init__(self, settings: BatchSettings = DEFAULT_SETTINGS) -> None:
        self.recorder = Recorder()
        self.intake = Intake()
        self.failures: list[BaseException] = []
        self.lanes = Lanes(self.recorder, settings, self.intake, self.fail)

    async def fail(self, error: BaseException) -> None:
        self.failures.append(error)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench(replace(DEFAULT_SETTINGS, lane_batches=4, lane_bytes=1000))
    yield bench
    await bench.lanes.close(timedelta(0))


def batch(tp: TopicPartition, first: int, *, generation: int = 1, size: int = 0) -> SourceBatch:
    return SourceBatch(*tp, first, first + 10, [], 0, 100, generation, size)


async def test_a_full_lane_holds_back_its_own_partition_alone(bench: Bench) -> None:
    """At its limit a lane stops its fetching, half empty it resumes; the other goes on."""
    gate = bench.recorder.blocked[0] = asyncio.Event()
    bench.lanes.open({A: 0, B: 0}, 1)
    for index in range(6):
        bench.lanes.put(batch(A, index * 10))
        bench.lanes.put(batch(B, index * 10))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await until(lambda: len(bench.recorder.of(1)) == 6)
    assert bench.intake.held == {A}
    gate.set()
    await until(lambda: len(bench.recorder.of(0)) == 6)
    assert bench.intake.held == set()


async def test_a_lane_is_full_by_bytes_too(bench: Bench) -> None:
    """One batch of many bytes holds its partition back."""
    bench.recorder.blocked[0] = asyncio.Event()
    bench.lanes.open({A: 0}, 1)
    bench.lanes.put(batch(A, 0, size=1001))
    assert bench.intake.held == {A}


async def test_a_lane_that_was_full_by_bytes_resumes_when_half_of_them_are_left(
    bench: Bench,
) -> None:
    """However few batches wait, another is fetched only once the bytes are half of the limit."""
    gate, later = asyncio.Event(), asyncio.Event()
    bench.recorder.blocked[0] = gate
    bench.lanes.open({A: 0}, 1)
    bench.lanes.put(batch(A, 0, size=400))
    bench.lanes.put(batch(A, 10, size=100))
    bench.lanes.put(batch(A, 20, size=500))
    assert bench.intake.held == {A}
    # Here it has taken the first, and 600 bytes wait.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bench.recorder.blocked[0] = later
    assert bench.intake.held == {A}
    gate.set()
    await until(lambda: len(bench.recorder.of(0)) == 1)
    # Of the last one 500 bytes wait behind the second.
    await until(lambda: bench.intake.held == set())
    assert len(bench.recorder.of(0)) == 1
    later.set()
    await until(lambda: len(bench.recorder.of(0)) == 3)


async def test_a_hole_between_batches_is_an_error(bench: Bench) -> None:
    """A batch that does not go on where the last one ended is refused, not processed."""
    bench.lanes.open({A: 0}, 1)
    with pytest.raises(RuntimeError, match="starts at 10 where 0 is next"):
        bench.lanes.put(batch(A, 10))


async def test_a_batch_of_an_assignment_that_ended_is_passed_over(bench: Bench) -> None:
    """What was fetched for an earlier generation reaches nobody."""
    bench.lanes.open({A: 0}, 2)
    bench.lanes.put(batch(A, 0, generation=1))
    bench.lanes.put(batch(A, 0, generation=2))
    await until(lambda: bench.recorder.batches != [])
    assert [taken.generation for taken in bench.recorder.batches] == [2]


async def test_an_error_of_the_listener_is_told_once_and_ends_the_lane(bench: Bench) -> None:
    """The batch that fails is not acknowledged, and none comes after it."""
    bench.recorder.fail_at = 15
    bench.lanes.open({A: 0}, 1)
    for first in (0, 10, 20):
        bench.lanes.put(batch(A, first))
    await until(lambda: bench.failures != [])
    await asyncio.sleep(0)
    assert [str(error) for error in bench.failures] == ["told to fail at 15"]
    assert [taken.first for taken in bench.recorder.batches] == [0]


async def test_closing_waits_for_the_work_in_hand_and_forgets_the_rest(bench: Bench) -> None:
    """A batch that was begun may end; those that wait are not begun."""
    gate = bench.recorder.blocked[0] = asyncio.Event()
    bench.lanes.open({A: 0}, 1)
    bench.lanes.put(batch(A, 0))
    bench.lanes.put(batch(A, 10))
    await asyncio.sleep(0)
    closing = asyncio.create_task(bench.lanes.close(timedelta(seconds=20)))
    await asyncio.sleep(0)
    gate.set()
    assert list(await closing) == []
    assert [taken.first for taken in bench.recorder.batches] == [0]


async def test_closing_does_not_wait_for_ever(bench: Bench) -> None:
    """Work that does not end in time is cancelled, and its partition named."""
    bench.recorder.blocked[0] = asyncio.Event()
    bench.lanes.open({A: 0}, 1)
    bench.lanes.put(batch(A, 0))
    await asyncio.sleep(0)
    assert list(await bench.lanes.close(timedelta(milliseconds=20))) == [A]


async def test_without_batches_a_lane_gets_control_with_its_position() -> None:
    """Idle ticks come per partition, and carry the end of what was taken."""
    bench = Bench(replace(DEFAULT_SETTINGS, idle_after=timedelta(milliseconds=10)))
    bench.lanes.open({A: 0}, 1)
    bench.lanes.put(batch(A, 0))
    await until(lambda: len(bench.recorder.ticks) >= 2)
    assert bench.recorder.ticks[-1] == IdleTick("t", 0, 10, 0, 100, 1)
    await bench.lanes.close(timedelta(0))
