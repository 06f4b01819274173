"""Many rounds, of kinds and seeds drawn from one seed: `make chaos ROUNDS=200 SEED=7 KIND=zombie`.

Prints each round, then a table of rounds and failures by kind. A round is repeated by the kind and
the seed that it was printed with: `make chaos KIND=zombie ROUND=12345`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos.faults import FAULTS
from chaos.nursery import Nursery
from chaos.rounds import Round, Servers, run_round
from support.kafka_broker import NEWEST, KafkaBroker
from support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from chaos.faults import Fault


@contextmanager
def running_servers(directory: Path, version: str = NEWEST[-1]) -> Iterator[Servers]:
    """A broker and a Redis for all rounds, and what starts their workers."""
    for name in ("kafka", "redis"):
        (directory / name).mkdir()
    broker, redis = KafkaBroker(version, directory / "kafka"), RedisServer(directory / "redis")
    nursery = Nursery()
    try:
        broker.start()
        redis.start()
        yield Servers(broker, redis, directory / "redis", nursery)
    finally:
        nursery.close()
        broker.kill()
        redis.kill()


async def run(fault: Fault, seed: int, servers: Servers, directory: Path) -> Round:
    """One round; raises AssertionError with what did not hold."""
    async with _redis_of(fault, servers, directory) as used:
        return await run_round(
            fault.name,
            fault.inflict,
            seed,
            used,
            directory,
            on_state_lost=fault.on_state_lost,
            session=fault.session,
        )


@asynccontextmanager
async def _redis_of(fault: Fault, servers: Servers, directory: Path) -> AsyncIterator[Servers]:
    """The servers of a round: with a Redis of its own where that is what fails."""
    if not fault.own_redis:
        yield servers
        return
    home = Path(tempfile.mkdtemp(prefix=f"{fault.name}-", dir=directory))
    own = RedisServer(home)
    await asyncio.to_thread(own.start)
    try:
        yield replace(servers, redis=own, redis_directory=home)
    finally:
        await asyncio.to_thread(own.kill)


@dataclass
class Campaign:
    """Rounds and what came of them."""

    servers: Servers
    directory: Path
    ran: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, int]] = field(default_factory=list)
    notes: dict[str, list[float]] = field(default_factory=dict)

    async def run_all(self, plan: Sequence[tuple[Fault, int]], jobs: int) -> None:
        """First those that bear company, several at a time, then those that do not."""
        room = asyncio.Semaphore(jobs)

        async def run_beside(fault: Fault, seed: int) -> None:
            async with room:
                await self._run(fault, seed)

        await asyncio.gather(*(run_beside(*one) for one in plan if not one[0].alone))
        for fault, seed in plan:
            if fault.alone:
                await self._run(fault, seed)

    async def _run(self, fault: Fault, seed: int) -> None:
        begun = time.monotonic()
        self.ran[fault.name] += 1
        try:
            done = await run(fault, seed, self.servers, self.directory)
            said = f"ok {_shown(done.notes)}"
            for name, value in done.notes.items():
                self.notes.setdefault(name, []).append(value)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed round
            self.failed.append((fault.name, seed))
            said = f"FAILED: {error}"
            if not isinstance(error, AssertionError):
                said += "\n" + traceback.format_exc()
        seconds = time.monotonic() - begun
        _tell(f"{self.ran.total():4} {fault.name:38} seed {seed:<7} {seconds:5.1f} s  {said}")

    def report(self) -> None:
        """The table."""
        lost = Counter(name for name, _ in self.failed)
        _tell(f"\n{'fault':40} rounds  failed")
        for name in sorted(self.ran):
            _tell(f"{name:40} {self.ran[name]:6}  {lost[name]:6}")
        _tell(f"{'all':40} {self.ran.total():6}  {len(self.failed):6}")
        for name, values in self.notes.items():
            ordered = sorted(values)
            p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
            median = ordered[len(ordered) // 2]
            _tell(f"{name}: median {median}, p95 {p95}, most {ordered[-1]} ({len(ordered)} rounds)")
        for name, seed in self.failed:
            _tell(f"repeat: make chaos KIND={name} ROUND={seed}")
        _tell(f"logs: {self.directory}")


def main() -> int:
    """Run the rounds; 1 if one failed."""
    options = _options()
    rng = random.Random(options.seed)
    faults = [fault for name, fault in FAULTS.items() if options.kind in name]
    if options.round is not None:
        plan = [(faults[0], options.round)]
    elif options.every:
        plan = [(faults[i % len(faults)], rng.randrange(10**6)) for i in range(options.rounds)]
    else:
        # One that is only timed is drawn where nothing else was asked for.
        weights = [one.weight for one in faults]
        drawn = rng.choices(faults, weights if any(weights) else None, k=options.rounds)
        plan = [(fault, rng.randrange(10**6)) for fault in drawn]
    directory = Path(tempfile.mkdtemp(prefix="driftline-chaos-"))
    _tell(f"seed {options.seed}, {len(plan)} rounds, Kafka {options.kafka}, logs in {directory}")
    with running_servers(directory, options.kafka) as servers:
        campaign = Campaign(servers, directory)
        asyncio.run(campaign.run_all(plan, options.jobs))
    campaign.report()
    return 1 if campaign.failed else 0


def _shown(notes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in notes.items())


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kind", default="", help="only faults with this in their name")
    parser.add_argument("--round", type=int, help="the seed of one round to repeat")
    parser.add_argument("--every", action="store_true", help="each kind in turn")
    parser.add_argument("--jobs", type=int, default=3, help="rounds at a time")
    parser.add_argument("--kafka", default=NEWEST[-1], help="the broker's version")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
