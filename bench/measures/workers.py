"""The same work by one worker process and by two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.attached import Attached
from bench.say import say
from bench.targets import WORKERS
from bench.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.servers import Servers
    from bench.verdict import Verdict

PAIRS: Final = 300_000


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """CPU of all of them, from when all hold partitions and there is nothing to read yet."""
    workload = Workload(PAIRS)
    each = {count: _measure_one(servers, directory, workload, count) for count in (1, 2)}
    return [WORKERS.measured(each[2] / each[1])]


def _measure_one(servers: Servers, directory: Path, workload: Workload, count: int) -> float:
    topics = servers.make_topics(f"workers-{count}")
    with Attached(servers, directory, f"workers-{count}", topics) as attached:
        attached.start(count)
        servers.pour(topics, workload)
        used = attached.until_done()
    each = used.each(workload.records)
    say(
        f"{count} worker processes: {each:.1f} CPU us an event,"
        f" {workload.records / used.seconds:,.0f} events/s"
    )
    return each
