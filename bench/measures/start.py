"""How long a worker takes from its start to the first event, with the state of many instances."""

from __future__ import annotations

import json
import time
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Final

from bench import ours
from bench.attached import Attached
from bench.feed import Feed, Writer
from bench.say import say
from bench.targets import START

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.servers import Servers
    from bench.verdict import Verdict

NAME: Final = "start"
INSTANCES: Final = 1_000
PAIRS_EACH: Final = 50
NEW_PAIRS: Final = 100
"""What there is to read behind the state."""
RATE: Final = 5_000.0
STARTS: Final = 3
STEPS: Final = {
    "deployment_declared": "imported, connected, topics checked",
    "partition_taken": "groups joined, state loaded",
}
"""What a worker says on its way, and what it has done by then."""


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """The median of some starts over the same state."""
    topics = servers.make_topics(NAME)
    writer = Writer(servers, topics)
    # A row is seen when it is stored: as soon as may be.
    settings = {"worker": {"checkpoint_interval": "100ms"}}
    with Attached(servers, directory, NAME, topics, settings=settings) as attached:
        attached.start()
        writer.pour(Feed(INSTANCES * PAIRS_EACH, RATE, INSTANCES, prefix="w"))
        attached.until_done()
        attached.settle()
        attached.stop()
        found = []
        for number in range(STARTS):
            writer.pour(Feed(NEW_PAIRS, RATE, INSTANCES, prefix=f"s{number}"))
            found.append(_start(servers, attached))
            attached.until_done()
            attached.stop()
    return [START.measured(median(found))]


def _start(servers: Servers, attached: Attached) -> float:
    """Seconds until a row is applied and stored."""
    with ours.stored_rows(servers.redis.url, NAME) as rows:
        before = rows()
        attached.begin()
        wall = time.time()
        log = attached.spawn()
        attached.wait_for(lambda: rows() > before)
        used = attached.used()
    said = _steps(log)
    steps = ", ".join(f"{what} after {said[event] - wall:.2f} s" for event, what in STEPS.items())
    say(
        f"start with {INSTANCES:,} instances: {used.seconds:.2f} s ({steps}),"
        f" {used.cpu_seconds:.2f} CPU s"
    )
    return used.seconds


def _steps(log: Path) -> Mapping[str, float]:
    """When each step was last said."""
    found = {}
    for line in log.read_text().splitlines():
        if line.startswith("{"):
            said = json.loads(line)
            found[said["event"]] = datetime.fromisoformat(said["timestamp"]).timestamp()
    return found
