"""Half an hour at half load with a fault a minute: `make soak MINUTES=30`.

Two workers under a supervisor apply a stream of predictions and labels that does not end; each
minute something is inflicted. How much they can take is found out first (`--rate` says it instead).
The memory of the workers and of Redis is sampled and printed; in the end all that was sent has to
be applied once, and what is stored has to be what the events log comes to.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import redis.asyncio
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from chaos.driver import running_servers
from chaos.oracle import Expectation, verify
from chaos.supervised import Supervised
from support.kafka_broker import NEWEST
from support.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaos.rounds import Servers
    from driftline.config.deployment import Deployment

PARTITIONS: Final = 4
MODELS: Final = 20
BURST: Final = 100_000
"""Records, half of them predictions, by which is found out what two workers can take."""
LABEL_SECONDS: Final = 5
UNLABELLED: Final = 0.02
SAMPLE_SECONDS: Final = 5.0
FAULTS: Final = (
    "kill",
    "freeze",
    "stop-and-start",
    "redis-killed",
    "redis-paused",
    "broker-killed",
)
DETECTORS: Final = {"adwin": {"kind": "adwin"}, "page": {"kind": "page-hinkley"}}


@dataclass
class Sample:
    """How much memory was held at a moment."""

    at: float
    workers: list[int]
    redis: int


@dataclass
class Soak:
    """A deployment under load."""

    servers: Servers
    pipeline: Pipeline
    deployment: Deployment
    rng: random.Random
    workers: list[Supervised] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    sent: int = 0
    _producer: Producer | None = None

    # -- data

    @property
    def producer(self) -> Producer:
        """Sends what the sources hold."""
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self.servers.kafka.bootstrap,
                    "linger.ms": 20,
                    "acks": "all",
                    "enable.idempotence": True,
                    "log_level": 0,
                    "queue.buffering.max.messages": 2_000_000,
                    "message.timeout.ms": 600_000,
                }
            )
        return self._producer

    def send(self, predictions: int) -> None:
        """So many predictions, and the labels of some that were sent before."""
        now = time.time_ns() // 1_000_000
        for _ in range(predictions):
            number, self.sent = self.sent, self.sent + 1
            score = self.rng.random()
            said = int(score > 0.5)
            where = number % PARTITIONS
            model = f"m{number % MODELS}"
            value = (
                f'{{"id":"p{number}","at":{now},"y":{said},"p":{score:.6f},"model":"{model}",'
                f'"amount":{self.rng.gauss(100, 20):.3f}}}'
            )
            self.producer.produce(self._topic("predictions"), value.encode(), partition=where)
            if self.rng.random() >= UNLABELLED:
                truth = said if self.rng.random() < 0.9 else 1 - said
                label = f'{{"id":"p{number}","at":{now},"truth":{truth},"model":"{model}"}}'
                self.producer.produce(self._topic("labels"), label.encode(), partition=where)
            if number % 500 == 0:
                self.producer.poll(0)

    def _topic(self, role: str) -> str:
        return f"{self.pipeline.name}.{role}"

    async def feed(self, rate: float, until: float) -> None:
        """So many predictions a second, until then."""
        begun, before = time.monotonic(), self.sent
        while time.monotonic() < until:
            due = before + int((time.monotonic() - begun) * rate) - self.sent
            if due > 0:
                await asyncio.to_thread(self.send, min(due, 20_000))
            await asyncio.sleep(0.05)

    async def drained(self) -> None:
        """Return when all that was sent is applied and stored."""
        left = await asyncio.to_thread(self.producer.flush, 300)
        assert not left, f"{left} records could not be sent"
        deadline = time.monotonic() + 600
        while True:
            try:
                await self.pipeline.drained(self.deployment)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    async def capacity(self) -> float:
        """Predictions a second that the workers can take, with their labels."""
        await asyncio.to_thread(self.send, 100)
        await self.drained()
        begun = time.monotonic()
        await asyncio.to_thread(self.send, BURST // 2)
        await self.drained()
        return BURST / 2 / (time.monotonic() - begun)

    # -- what is inflicted

    async def start_worker(self) -> None:
        """One more."""
        log = self.pipeline.directory.with_name(f"worker-{len(self.workers)}.log")
        worker = Supervised(self.servers.nursery, self.pipeline.directory, log)
        self.workers.append(worker)
        await worker.start()

    async def inflict(self, kind: str) -> None:
        """One fault; what was stopped is started again."""
        worker = self.rng.choice(self.workers)
        match kind:
            case "kill":
                worker.kill()
            case "freeze":
                worker.freeze()
                await asyncio.sleep(self.rng.uniform(3, 15))
                worker.thaw()
            case "stop-and-start":
                await worker.stop()
                await worker.start(ready=False)
            case "redis-killed":
                await asyncio.to_thread(self.servers.redis.kill)
                await asyncio.sleep(self.rng.uniform(0, 5))
                await asyncio.to_thread(self.servers.redis.start)
            case "redis-paused":
                os.kill(self.servers.redis.pid, signal.SIGSTOP)
                await asyncio.sleep(self.rng.uniform(1, 10))
                os.kill(self.servers.redis.pid, signal.SIGCONT)
            case "broker-killed":
                await asyncio.to_thread(self.servers.kafka.kill)
                await asyncio.sleep(self.rng.uniform(0, 5))
                await asyncio.to_thread(self.servers.kafka.start)

    async def trouble(self, until: float) -> None:
        """A fault a minute."""
        number = 0
        while (left := until - time.monotonic()) > 60:
            await asyncio.sleep(min(left, 60))
            kind = FAULTS[number % len(FAULTS)]
            number += 1
            tell(f"{kind}")
            await self.inflict(kind)

    # -- what it holds

    async def sample(self, until: float) -> None:
        """Look at the memory every few seconds, and print it every minute."""
        begun = time.monotonic()
        while time.monotonic() < until:
            await asyncio.sleep(SAMPLE_SECONDS)
            held = [resident(one.pid) for one in self.workers if one.pid is not None]
            one = Sample(time.monotonic() - begun, [size for size in held if size], 0)
            one.redis = await self._redis_bytes()
            self.samples.append(one)
            if len(self.samples) % int(60 / SAMPLE_SECONDS) == 0:
                workers = " ".join(f"{size >> 20}" for size in one.workers)
                tell(
                    f"{one.at / 60:5.1f} min  sent {self.sent:,}  workers {workers} MB"
                    f"  redis {one.redis / (1 << 20):.1f} MB"
                )

    async def _redis_bytes(self) -> int:
        try:
            async with redis.asyncio.Redis.from_url(self.servers.redis.url, socket_timeout=2) as it:
                known: Mapping[str, Any] = await it.info("memory")
                return int(known["used_memory"])
        except (redis.exceptions.RedisError, OSError):
            return 0

    def report(self, minutes: float) -> None:
        """Whether memory is flat: the second quarter against the last."""
        held = {
            "worker": [(one.at, max(one.workers, default=0)) for one in self.samples],
            "redis": [(one.at, one.redis) for one in self.samples],
        }
        for name, sizes in held.items():
            quarters = [
                [size for at, size in sizes if low <= at / (minutes * 60) < high and size]
                for low, high in ((0.25, 0.5), (0.75, 1.01))
            ]
            if all(quarters):
                early, late = (median(each) / (1 << 20) for each in quarters)
                tell(f"{name}: {early:.1f} MB in the second quarter, {late:.1f} MB in the last")


def resident(pid: int) -> int:
    """What a process holds, in bytes; 0 once it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def streams(name: str) -> dict[str, dict[str, Any]]:
    """The declaration: predictions wait for two minutes, windows are kept for ten."""
    return {
        "load": {
            "task": "binary",
            "positive": 1,
            "split_by": "model",
            "predictions": {
                "topic": f"{name}.predictions",
                "start": "earliest",
                "id": "id",
                "time": {"path": "at", "unit": "ms"},
                "prediction": "y",
                "score": "p",
                "features": ["amount"],
            },
            "labels": {
                "topic": f"{name}.labels",
                "start": "earliest",
                "id": "id",
                "time": {"path": "at", "unit": "ms"},
                "label": "truth",
                "horizon": "2m",
            },
            "watch": {
                "error": {"detector": "adwin"},
                "score": {"detector": "adwin"},
                "feature.amount": {"detector": ["adwin", "page"]},
            },
            "windows": [{"size": "1m", "keep": "10m"}],
        }
    }


async def run(options: argparse.Namespace, servers: Servers, directory: Path) -> None:
    """All of it; an assertion fails where a promise does not hold."""
    name = f"soak-{time.time_ns() // 1_000_000 % 10_000_000}"
    pipeline = Pipeline(
        directory / name / "deployment",
        servers.kafka.bootstrap,
        servers.redis.url,
        worker={"checkpoint_interval": "1s", "progress_interval": "1s"},
        events_partitions=PARTITIONS,
        name=name,
    )
    pipeline.directory.mkdir(parents=True)
    admin = AdminClient({"bootstrap.servers": servers.kafka.bootstrap})
    topics = [NewTopic(f"{name}.{role}", PARTITIONS, 1) for role in ("predictions", "labels")]
    for made in admin.create_topics(topics).values():
        made.result(timeout=60)
    deployment = pipeline.declare(streams(name), DETECTORS)
    soak = Soak(servers, pipeline, deployment, random.Random(options.seed))
    await asyncio.gather(soak.start_worker(), soak.start_worker())
    rate = options.rate or await soak.capacity() / 2
    tell(f"{rate:,.0f} predictions a second, each but 2 % with a label")
    until = time.monotonic() + options.minutes * 60
    await asyncio.gather(soak.feed(rate, until), soak.trouble(until), soak.sample(until))
    await soak.drained()
    for worker in soak.workers:
        await worker.wait_up()
        code = await worker.stop()
        assert code == 0, f"asked to stop, it ended with {code}:\n{worker.tail()}"
    verified = await verify(pipeline, deployment, Expectation(state_only=True))
    applied = sum(
        count
        for monitor in verified.monitors
        for instance in monitor.instances
        for (role, fate), count in instance.row_fates.items()
        if role == "predictions" and fate == "applied"
    )
    assert applied == soak.sent, f"{applied:,} of {soak.sent:,} predictions were applied"
    soak.report(options.minutes)
    tell(f"{soak.sent:,} predictions, each applied once; what is stored is what the log comes to")
    tell(f"processes ended with {[one.exits for one in soak.workers]}")


def tell(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the servers and the soak on them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, help="predictions a second; half of what is possible")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kafka", default=NEWEST[-1], help="the broker's version")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="driftline-soak-"))
    tell(f"seed {options.seed}, {options.minutes:g} minutes, Kafka {options.kafka}: {directory}")
    with running_servers(directory, options.kafka) as servers:
        asyncio.run(run(options, servers, directory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
