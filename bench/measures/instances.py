"""The same rate of events over more and more instances of a split stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.attached import Attached
from bench.feed import Feed, Writer
from bench.say import say
from bench.targets import INSTANCES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.servers import Servers
    from bench.verdict import Verdict

RATE: Final = 5_000.0
SECONDS: Final = 40
ROUNDS: Final = 2
"""The least of them counts, as a busy host only adds."""
WARM_UP: Final = 5
"""Pairs of each instance before anything is counted: what is measured is work, not beginning."""
LEAST_WARM_UP: Final = 20_000
BACKLOG_PAIRS: Final = 150_000


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """CPU per event at a rate, and of a backlog."""
    each = {count: _measure_one(servers, directory, count) for count in (1, *INSTANCES)}
    return [target.measured(each[count] / each[1]) for count, target in INSTANCES.items()]


def _measure_one(servers: Servers, directory: Path, count: int) -> float:
    topics = servers.make_topics(f"instances-{count}")
    writer = Writer(servers, topics)
    with Attached(servers, directory, f"instances-{count}", topics) as attached:
        attached.start()
        writer.pour(Feed(max(LEAST_WARM_UP, WARM_UP * count), RATE, count, prefix="w"))
        attached.until_done()
        attached.settle()
        stored = attached.redis_bytes()
        rounds, rates = [], []
        for number in range(ROUNDS):
            feed = Feed(int(RATE * SECONDS / 2), RATE, count, prefix=f"p{number}-")
            attached.begin()
            rates.append(writer.pace(feed))
            rounds.append(attached.until_done().cpu_seconds / feed.records * 1e6)
            attached.settle()
        backlog = Feed(BACKLOG_PAIRS, RATE, count, prefix="b")
        writer.pour(backlog, begin=attached.begin)
        used = attached.until_done()
    shown = ", ".join(f"{each:.1f}" for each in rounds)
    say(
        f"{count:,} instances: {shown} CPU us an event at {min(rates):,.0f} events/s,"
        f" {used.cpu_seconds / backlog.records * 1e6:.1f} of a backlog; worker"
        f" {used.peak_bytes / 1e6:,.0f} MB at most, Redis {stored / count:,.0f} bytes an instance"
    )
    return min(rounds)
