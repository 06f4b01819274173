"""Much work in small steps leaves the event loop to others in between."""

from __future__ import annotations

import asyncio
from time import perf_counter

from driftline.agents.turn import TURN_SECONDS, Turn

WORKS = 8


class Neighbour:
    """Somebody else in the loop: how often its turn came."""

    def __init__(self) -> None:
        self.steps = 0

    async def run(self) -> None:
        """Come again at once, each time."""
        while True:
            await asyncio.sleep(0)
            self.steps += 1


def spin(seconds: float) -> None:
    """Be busy."""
    until = perf_counter() + seconds
    while perf_counter() < until:
        pass


async def work(turn: Turn, steps: int, seconds: float) -> None:
    """Do so many steps."""
    for _ in range(steps):
        spin(seconds)
        await turn.give_back()


async def disturbed_by(steps: int, seconds: float) -> Neighbour:
    """A neighbour of several works that share a turn."""
    neighbour, turn = Neighbour(), Turn()
    task = asyncio.create_task(neighbour.run())
    await asyncio.gather(*(work(turn, steps, seconds) for _ in range(WORKS)))
    task.cancel()
    return neighbour


async def test_a_neighbour_waits_for_a_turn_of_all_works_together() -> None:
    """Not for a turn of each of them: small steps come to little more than one."""
    neighbour = await disturbed_by(steps=100, seconds=TURN_SECONDS / 50)
    all_together = WORKS * 100 / 50
    # Some turns are longer than they should be, where the machine is busy.
    assert neighbour.steps >= all_together / 2


async def test_works_with_long_steps_give_the_loop_back_after_each() -> None:
    """Nobody does a second one while others wait."""
    neighbour = await disturbed_by(steps=10, seconds=TURN_SECONDS)
    assert neighbour.steps >= 10


async def test_steps_that_take_no_time_do_not_give_the_loop_back_each_time() -> None:
    """It would cost more than they do."""
    neighbour = await disturbed_by(steps=1_000, seconds=0)
    assert neighbour.steps < WORKS * 1_000 / 10
