"""What a worker uses that has nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.attached import Attached
from bench.say import say
from bench.targets import IDLE
from bench.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.servers import Servers
    from bench.verdict import Verdict

SECONDS: Final = 20.0


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """CPU while nothing comes, after some work."""
    topics = servers.write("idle", Workload(8_000))
    with Attached(servers, directory, "idle", topics) as attached:
        attached.start()
        attached.until_done()
        attached.settle()
        share = 100 * attached.idle_share(seconds=SECONDS)
    say(f"an idle worker: {share:.1f} % of a core")
    return [IDLE.measured(share)]
