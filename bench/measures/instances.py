"""The same rate of events over more and more instances of a split stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.attached import Attached
from bench.feed import Feed, Writer
from bench.say import say
from bench.targets import INSTANCES
from bench.turns import compare, take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.servers import Servers
    from bench.verdict import Verdict

RATE: Final = 5_000.0
SECONDS: Final = 40
ROUNDS: Final = 3
WARM_UP: Final = 5
"""Pairs of each instance before anything is counted: what is measured is work, not beginning."""
LEAST_WARM_UP: Final = 20_000
BACKLOG_PAIRS: Final = 150_000


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """CPU per event at a rate; and of a backlog."""
    contenders = [_Contender(servers, directory, count) for count in (1, *INSTANCES)]
    take_turns(contenders, ROUNDS)
    alone, *others = contenders
    return [
        target.measured(compare(other.rounds, alone.rounds))
        for target, other in zip(INSTANCES.values(), others, strict=True)
    ]


class _Contender:
    """A worker whose stream has so many instances."""

    def __init__(self, servers: Servers, directory: Path, count: int) -> None:
        self._count = count
        name = f"instances-{count}"
        topics = servers.make_topics(name)
        self._writer = Writer(servers, topics)
        self.attached = Attached(servers, directory, name, topics)
        self.rounds: list[float] = []
        """CPU us an event of each."""

    def prepare(self) -> None:
        """Start the worker, and give it some pairs of each instance."""
        before, pairs = self.attached.redis_bytes(), max(LEAST_WARM_UP, WARM_UP * self._count)
        self.attached.start()
        self._writer.pour(Feed(pairs, RATE, self._count, prefix="w"))
        self.attached.until_done()
        self.attached.settle()
        stored = self.attached.redis_bytes() - before
        say(
            f"{self._count:,} instances: Redis {stored / self._count:,.0f} bytes an instance, the"
            f" entries of its {pairs // self._count:,} pairs among them"
        )

    def take_round(self, number: int) -> None:
        """Events at the rate."""
        feed = Feed(int(RATE * SECONDS / 2), RATE, self._count, prefix=f"p{number}-")
        self.attached.begin()
        rate = self._writer.pace(feed)
        each = self._used(feed)
        self.rounds.append(each)
        say(f"{self._count:,} instances: {each:.1f} CPU us an event at {rate:,.0f} events/s")

    def finish(self) -> None:
        """Events that are all there at once."""
        feed = Feed(BACKLOG_PAIRS, RATE, self._count, prefix="b")
        self._writer.pour(feed, begin=self.attached.begin)
        each, peak = self._used(feed), self.attached.used().peak_bytes
        say(
            f"{self._count:,} instances: {each:.1f} CPU us an event of a backlog; worker"
            f" {peak / 1e6:,.0f} MB at most"
        )

    def _used(self, feed: Feed) -> float:
        used = self.attached.until_done()
        self.attached.settle()
        return used.each(feed.records)
