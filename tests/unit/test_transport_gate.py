"""A gate lets those through together who come shortly after one another."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from driftline.transport.gate import Gate

LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=500)


class Crowd:
    """Those who wait at a gate, or came through."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.through: list[int] = []
        self.steps: list[int] = []
        """In which step of the loop each came through."""
        self.tasks: list[asyncio.Task[None]] = []
        self._step = 0

    def come(self, *names: int) -> None:
        """They come to the gate."""
        self.tasks += [asyncio.create_task(self._enter(name)) for name in names]

    async def _enter(self, name: int) -> None:
        await self._gate.enter()
        self.through.append(name)
        self.steps.append(self._step)

    async def count_steps(self) -> None:
        """Count the steps of the loop until all are through."""
        while not all(task.done() for task in self.tasks):
            self._step += 1
            await asyncio.sleep(0)


async def turns(count: int) -> None:
    """Let others go on."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_after_a_pause_nobody_waits() -> None:
    """Whoever comes first goes on in the same step."""
    await asyncio.wait_for(Gate(LONG).enter(), 1)


async def test_who_comes_shortly_after_waits_for_the_others() -> None:
    """All of them go on in one step, in the order in which they came, and not before it is time."""
    begun = asyncio.get_running_loop().time()
    crowd = Crowd(Gate(SHORT))
    crowd.come(0)
    await turns(3)
    assert crowd.through == [0]
    crowd.come(1, 2)
    await turns(3)
    assert crowd.through == [0]
    crowd.come(3)
    await asyncio.wait_for(crowd.count_steps(), 10)
    assert crowd.through == [0, 1, 2, 3]
    assert len(set(crowd.steps[1:])) == 1
    assert asyncio.get_running_loop().time() - begun >= SHORT.total_seconds()


async def test_who_gives_up_waiting_holds_up_nobody() -> None:
    """The others go on without it."""
    crowd = Crowd(Gate(SHORT))
    crowd.come(0, 1, 2)
    await turns(3)
    crowd.tasks[1].cancel()
    await asyncio.wait(crowd.tasks, timeout=10)
    assert crowd.through == [0, 2]


async def test_without_a_pause_it_is_always_open() -> None:
    """A producer need not have one."""
    crowd = Crowd(Gate(timedelta(0)))
    crowd.come(*range(5))
    await asyncio.wait_for(crowd.count_steps(), 10)
    assert crowd.through == list(range(5))
