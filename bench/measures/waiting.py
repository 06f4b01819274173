"""The same work beside more and more predictions that wait for a label."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench import ours
from bench.attached import Attached
from bench.say import say
from bench.targets import WAITING, WAITING_MEMORY, WAITING_REDIS
from bench.workload import PARTITIONS, Sample, Workload, model_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.servers import Servers, Topics
    from bench.verdict import Verdict

LEAST: Final = 10_000
MILLION: Final = 1_000_000
ROUNDS: Final = 3
"""So many times others are joined beside them; the least counts, as a busy host only adds."""
PAIRS: Final = 100_000
MODELS: Final = 8
HORIZON: Final = "24h"
SPAN_SECONDS: Final = 12 * 3_600
"""Event time over which the waiting predictions are spread."""


@dataclass(frozen=True, slots=True)
class Found:
    """What so many waiting predictions come to."""

    each: float
    """CPU us an event."""
    redis_bytes: float
    resident_bytes: int


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """CPU per event and memory; Redis' memory for each prediction."""
    found = {count: _measure_one(servers, directory, count) for count in (LEAST, *WAITING)}
    least, million = found[LEAST], found[MILLION]
    return [
        *(target.measured(found[count].each / least.each) for count, target in WAITING.items()),
        WAITING_REDIS.measured(million.redis_bytes),
        WAITING_MEMORY.measured(million.resident_bytes / least.resident_bytes),
    ]


def _measure_one(servers: Servers, directory: Path, count: int) -> Found:
    topics, work = servers.make_topics(f"waiting-{count}"), Workload(PAIRS)
    with Attached(
        servers, directory, f"waiting-{count}", topics, changes=_changes(topics)
    ) as attached:
        attached.start()
        began, before = time.monotonic(), attached.redis_bytes()
        servers.send(topics.predictions, _waiting(count))
        attached.until_done()
        attached.settle()
        filled = time.monotonic() - began
        redis_bytes = (attached.redis_bytes() - before) / count
        rounds = []
        for number in range(ROUNDS):
            servers.pour(topics, work, prefix=f"{number}-", begin=attached.begin)
            used = attached.until_done()
            rounds.append(used.cpu_seconds / work.records * 1e6)
            attached.settle()
        used = attached.used()
    shown = ", ".join(f"{each:.1f}" for each in rounds)
    say(
        f"{count:,} waiting (made in {filled:.0f} s): {shown} CPU us an event, Redis"
        f" {redis_bytes:.0f} bytes a prediction, worker {used.resident_bytes / 1e6:,.0f} MB,"
        f" at most {used.peak_bytes / 1e6:,.0f}"
    )
    return Found(min(rounds), redis_bytes, used.resident_bytes)


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
