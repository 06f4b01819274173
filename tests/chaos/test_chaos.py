"""Nothing lost, nothing counted twice: each crash point once, and a round of each other fault.

`make chaos` runs many more. The seed is printed with what fails; DRIFTLINE_CHAOS_SEED repeats it.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING, Final

import pytest

from chaos.driver import run, running_servers
from chaos.faults import CRASHES, FAULTS, OTHERS
from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from chaos.faults import Fault
    from chaos.rounds import Servers

# Several rounds in one test: on a busy machine they take longer than a test else may.
pytestmark = [pytest.mark.server, pytest.mark.timeout(420)]

SEED: Final = int(os.environ.get("DRIFTLINE_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
AT_ONCE: Final = 4
"""Rounds mostly wait."""
SHORT: Final = [fault for fault in OTHERS if not fault.long]
FAILED_ONCE: Final[Sequence[tuple[str, int]]] = (("redis-killed", 868084),)
"""Kinds and seeds that have found a fault of ours."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A broker of the newest version and a Redis, for these tests alone: they are killed."""
    try:
        with running_servers(tmp_path_factory.mktemp("servers")) as running:
            yield running
    except UnavailableError as error:
        pytest.skip(str(error))


async def run_beside(faults: Sequence[Fault], servers: Servers, directory: Path) -> None:
    """A round of each, some at a time; fails with what did not hold, by kind and seed."""
    room = asyncio.Semaphore(AT_ONCE)
    failed = []

    async def run_one(fault: Fault) -> None:
        async with room:
            try:
                await run(fault, SEED, servers, directory)
            except AssertionError as error:
                failed.append(f"{fault.name}, seed {SEED}: {error}")

    await asyncio.gather(*map(run_one, faults))
    assert not failed, "\n".join(failed)


async def test_a_worker_may_die_at_every_declared_point(servers: Servers, tmp_path: Path) -> None:
    """In its first batch, one in the middle, or its last: as the seed says for each point."""
    when = random.Random(SEED)
    points = [CRASHES[i : i + 3] for i in range(0, len(CRASHES), 3)]
    await run_beside([when.choice(point) for point in points], servers, tmp_path)


async def test_workers_and_operators_may_do_what_they_like(
    servers: Servers, tmp_path: Path
) -> None:
    """Workers killed, added, stopped, frozen; topics and offsets changed under them."""
    await run_beside([one for one in SHORT if not (one.alone or one.own_redis)], servers, tmp_path)


async def test_redis_may_fail(servers: Servers, tmp_path: Path) -> None:
    """Killed, set back, emptied, full, read-only, paused: in the end nothing is lost."""
    await run_beside([one for one in SHORT if one.own_redis], servers, tmp_path)


@pytest.mark.parametrize("kind", [one.name for one in SHORT if one.alone])
async def test_the_broker_may_fail(servers: Servers, tmp_path: Path, kind: str) -> None:
    """Killed, paused: in the end nothing is lost."""
    await run_beside([FAULTS[kind]], servers, tmp_path)


@pytest.mark.parametrize(("kind", "seed"), FAILED_ONCE)
async def test_what_failed_once_holds_now(
    servers: Servers, tmp_path: Path, kind: str, seed: int
) -> None:
    """Rounds that found a fault of ours."""
    await run(FAULTS[kind], seed, servers, tmp_path)
