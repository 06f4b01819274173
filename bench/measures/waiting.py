"""The same work beside more and more predictions that wait for a label."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench import ours
from bench.attached import Attached
from bench.say import say
from bench.targets import WAITING, WAITING_MEMORY, WAITING_REDIS
from bench.turns import compare, take_turns
from bench.workload import PARTITIONS, Sample, Workload, model_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.servers import Servers, Topics
    from bench.verdict import Verdict

LEAST: Final = 10_000
MILLION: Final = 1_000_000
ROUNDS: Final = 5
"""So many times others are joined beside them."""
PAIRS: Final = 100_000
MODELS: Final = 8
HORIZON: Final = "24h"
SPAN_SECONDS: Final = 12 * 3_600
"""Event time over which the waiting predictions are spread."""


@dataclass(frozen=True, slots=True)
class Found:
    """What so many waiting predictions come to."""

    rounds: Sequence[float]
    """CPU us an event of each."""
    redis_bytes: float
    resident_bytes: int


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """CPU per event and memory; Redis' memory for each prediction."""
    contenders = {count: _Contender(servers, directory, count) for count in (LEAST, *WAITING)}
    take_turns(list(contenders.values()), ROUNDS)
    found = {count: one.found() for count, one in contenders.items()}
    least, million = found[LEAST], found[MILLION]
    return [
        *(
            target.measured(compare(found[count].rounds, least.rounds))
            for count, target in WAITING.items()
        ),
        WAITING_REDIS.measured(million.redis_bytes),
        WAITING_MEMORY.measured(million.resident_bytes / least.resident_bytes),
    ]


class _Contender:
    """A worker beside whose work so many predictions wait."""

    def __init__(self, servers: Servers, directory: Path, count: int) -> None:
        name = f"waiting-{count}"
        self._servers, self._count = servers, count
        self._topics = topics = servers.make_topics(name)
        self.attached = Attached(servers, directory, name, topics, changes=_changes(topics))
        self._work = Workload(PAIRS)
        self._redis_bytes = 0.0
        self._resident_bytes = 0
        self._rounds: list[float] = []

    def prepare(self) -> None:
        """Start the worker, and let the predictions begin to wait."""
        began, before = time.monotonic(), self.attached.redis_bytes()
        self.attached.start()
        self._servers.send(self._topics.predictions, _waiting(self._count))
        self.attached.until_done()
        self.attached.settle()
        self._redis_bytes = (self.attached.redis_bytes() - before) / self._count
        say(f"{self._count:,} waiting: made in {time.monotonic() - began:.0f} s")

    def take_round(self, number: int) -> None:
        """Others are joined beside them."""
        begin = self.attached.begin
        self._servers.pour(self._topics, self._work, prefix=f"{number}-", begin=begin)
        used = self.attached.until_done()
        self._rounds.append(used.each(self._work.records))
        self.attached.settle()

    def finish(self) -> None:
        """Say what it came to."""
        used = self.attached.used()
        shown = ", ".join(f"{each:.1f}" for each in self._rounds)
        say(
            f"{self._count:,} waiting: {shown} CPU us an event, Redis"
            f" {self._redis_bytes:.0f} bytes a prediction, worker {used.resident_bytes / 1e6:,.0f}"
            f" MB, at most {used.peak_bytes / 1e6:,.0f}"
        )
        self._resident_bytes = used.resident_bytes

    def found(self) -> Found:
        """What it came to."""
        return Found(self._rounds, self._redis_bytes, self._resident_bytes)


def _changes(topics: Topics) -> dict[str, Any]:
    labels = ours.stream_of(topics.predictions, topics.labels)["labels"]
    return {"max_waiting": 20_000_000, "labels": labels | {"horizon": HORIZON}}


def _waiting(count: int) -> Iterator[Sample]:
    """Predictions without labels, with ids of twelve characters; quickly made."""
    begin = int(time.time() - SPAN_SECONDS) * 1_000
    step = SPAN_SECONDS * 1_000 / count
    names = [model_name(model) for model in range(MODELS)]
    for number in range(count):
        at = begin + int(number * step)
        model = number % MODELS
        value = b'{"id":"w%011d","model":"%s","ts":%d,"prediction":1}' % (
            number,
            names[model].encode(),
            at,
        )
        yield Sample(model % PARTITIONS, b"", value, at)
